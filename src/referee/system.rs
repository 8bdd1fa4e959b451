//! A model made ready to be simulated.

use super::edge::{Edge, edges};
use super::engine::Engine;
use super::plan::Plan;
use super::record::Run;
use crate::model::types::{Expired, Jitter, LateAnswer, Model, Order, Retry};
use rayon::prelude::*;

/// Attempts from which on refusals that are retried at once would never end.
const ENDLESS: f64 = 10_000.0;
/// Most samples of a run.
const MOST_SAMPLES: f64 = 1e7;

/// Why something cannot be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SystemError {
    /// There is no client.
    #[error("the model has no client: only the system layer can be simulated request by request")]
    NoSystemLayer,
    /// States that only equations move.
    #[error("the model has an equation layer, which cannot be simulated request by request")]
    EquationLayer,
    /// A client or a call names a service that is not there.
    #[error("there is no service `{0}`")]
    UnknownService(String),
    /// A trigger names a number that is not there.
    #[error("no number of this model has the path `{0}`")]
    UnknownPath(String),
    /// A trigger sets a number to a value that it cannot have.
    #[error("`{path}` cannot be {value}")]
    Impossible {
        /// The number.
        path: String,
        /// The value.
        value: f64,
    },
    /// A trigger changes what cannot change meanwhile.
    #[error("`{0}` cannot change during a run")]
    Unchangeable(String),
    /// A trigger kicks a state, of which a system of requests has none.
    #[error("trigger `{0}` has a `kick`: requests cannot be put into the middle of a system")]
    Kick(String),
    /// The model has no such trigger.
    #[error("the model has no trigger `{0}`")]
    UnknownTrigger(String),
    /// Refusals would be retried for ever without any time passing.
    #[error("`{0}` would retry a refused attempt at once and without end; give it a back-off")]
    Endless(String),
    /// The plan cannot be carried out.
    #[error("a plan needs a positive horizon and at most ten million samples")]
    Plan,
}

/// Who calls whom; the same for all numbers.
#[derive(Debug, Clone)]
pub struct System {
    pub(super) model: Model,
    /// Service called by each caller: clients, then the calls of each service.
    pub(super) targets: Vec<u16>,
    /// Class of the priority of each client, 0 first.
    pub(super) classes: Vec<u16>,
    pub(super) services: Vec<Shape>,
    /// Cache that each caller asks first, by number.
    pub(super) through: Vec<Option<usize>>,
    /// Whether late answers fill it, by cache.
    pub(super) late_fills: Vec<bool>,
}

/// What of a service is no number.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) expired: Expired,
    pub(super) order: Order,
    /// Its calls, as callers.
    pub(super) calls: std::ops::Range<usize>,
}

impl System {
    /// Prepares a model.
    ///
    /// # Errors
    /// [`SystemError`] if it has no system layer, or equations beside it, or retries without end.
    pub fn new(model: &Model) -> Result<Self, SystemError> {
        if model.clients.is_empty() {
            return Err(SystemError::NoSystemLayer);
        }
        if !model.states.is_empty() || !model.transitions.is_empty() {
            return Err(SystemError::EquationLayer);
        }
        let place = |name: &str| {
            let found = model.services.iter().position(|s| s.name.value == name);
            found.map(|i| i as u16).ok_or_else(|| SystemError::UnknownService(name.to_owned()))
        };
        let mut targets = Vec::new();
        for client in &model.clients {
            targets.push(place(&client.calls.value)?);
            refuse_endless(model, client.policy.retry.as_ref(), client.network.value, &client.calls.value)
                .then_some(())
                .ok_or_else(|| SystemError::Endless(client.name.value.clone()))?;
        }
        let mut services = Vec::new();
        for service in &model.services {
            let begin = targets.len();
            for call in &service.calls {
                let name = format!("{}.{}", service.name.value, call.target.value);
                refuse_endless(model, call.policy.retry.as_ref(), 0.0, &call.target.value)
                    .then_some(())
                    .ok_or(SystemError::Endless(name))?;
                targets.push(place(&call.target.value)?);
            }
            let (expired, order) = (service.expired.value, service.queue.order.value);
            services.push(Shape { expired, order, calls: begin..targets.len() });
        }
        let mut ranks: Vec<f64> = model.clients.iter().map(|c| c.priority.value).collect();
        ranks.sort_by(f64::total_cmp);
        ranks.dedup();
        let class = |priority: f64| ranks.iter().position(|&r| r == priority).unwrap_or(0) as u16;
        let classes = model.clients.iter().map(|c| class(c.priority.value)).collect();
        let policies = model.clients.iter().map(|c| &c.policy);
        let policies = policies.chain(model.services.iter().flat_map(|s| s.calls.iter().map(|c| &c.policy)));
        let cache = |name: &str| model.caches.iter().position(|c| c.name.value == name);
        let mut through: Vec<Option<usize>> =
            policies.map(|p| p.through.as_ref().and_then(|name| cache(&name.value))).collect();
        // Each cache is a caller too: it fetches stale entries anew.
        for cache in &model.caches {
            targets.push(place(&cache.of.value)?);
            through.push(None);
        }
        let late_fills = model.caches.iter().map(|c| c.late.value == LateAnswer::Fills).collect();
        Ok(Self { model: model.clone(), targets, classes, services, through, late_fills })
    }

    /// The caller that fetches stale entries of a cache anew.
    pub(super) fn fetcher(&self, cache: usize) -> usize {
        self.targets.len() - self.late_fills.len() + cache
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Simulates all replications of a plan, on the threads of the present pool; what comes out does not depend on their
    /// number.
    ///
    /// # Errors
    /// [`SystemError`] if the plan changes what is not there or cannot change.
    pub fn replicate(&self, plan: &Plan) -> Result<Vec<Run>, SystemError> {
        let edges = self.edges(plan)?;
        Ok((0..plan.replications).into_par_iter().map(|r| self.run(plan, &edges, r)).collect())
    }

    /// Simulates one replication of a plan.
    ///
    /// # Errors
    /// [`SystemError`] if the plan changes what is not there or cannot change.
    pub fn replication(&self, plan: &Plan, replication: u64) -> Result<Run, SystemError> {
        Ok(self.run(plan, &self.edges(plan)?, replication))
    }

    pub(super) fn edges(&self, plan: &Plan) -> Result<Vec<Edge>, SystemError> {
        let samples = plan.horizon / plan.sample_every;
        if !(plan.horizon > 0.0 && plan.horizon.is_finite() && samples > 0.0 && samples <= MOST_SAMPLES) {
            return Err(SystemError::Plan);
        }
        edges(&self.model, plan)
    }

    pub(super) fn run(&self, plan: &Plan, edges: &[Edge], replication: u64) -> Run {
        Engine::new(self, plan, edges, replication).run()
    }
}

/// Whether a policy leads somewhere even if every attempt is refused at once.
fn refuse_endless(model: &Model, retry: Option<&Retry>, network: f64, target: &str) -> bool {
    let Some(retry) = retry else { return true };
    let waits = retry.backoff.value > 0.0 && retry.cap.value > 0.0 && retry.jitter != Jitter::Full;
    let bounded = model.services.iter().any(|s| s.name.value == target && s.queue.limit.value.is_finite());
    let ends = retry.attempts.value <= ENDLESS || retry.probability.value < 1.0 || retry.budget.is_some();
    waits || retry.backoff.value > 0.0 || !retry.on.reject || !bounded || ends || network > 0.0
}
