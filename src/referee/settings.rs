//! The numbers of a model as they stand between two triggers.

use super::admission::Rules;
use super::law::Law;
use crate::model::types::{Arrivals, Budget, CallPolicy, GivesUp, Jitter, Model, Order, Patience, RetryOn, Spacing};

/// All numbers.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) clients: Vec<Client>,
    /// Policies of clients, then of nested calls, service by service.
    pub(super) policies: Vec<Policy>,
    pub(super) services: Vec<Service>,
    /// Mean number of calls per request, of nested calls, service by service.
    pub(super) counts: Vec<f64>,
}

#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) source: Source,
    pub(super) network: f64,
    pub(super) work: f64,
    /// Target of the Apdex, infinite if there is none.
    pub(super) apdex: f64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Open { rate: f64, regular: bool },
    Closed { users: f64, think: f64 },
}

#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// Infinite if the caller waits for ever.
    pub(super) timeout: f64,
    pub(super) patience: Patience,
    pub(super) gives_up: GivesUp,
    pub(super) attempts: f64,
    pub(super) backoff: f64,
    pub(super) growth: f64,
    pub(super) cap: f64,
    pub(super) jitter: Jitter,
    pub(super) on: RetryOn,
    pub(super) probability: f64,
    /// Fill and size of the bucket.
    pub(super) bucket: Option<(f64, f64)>,
}

#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) servers: f64,
    pub(super) time: f64,
    pub(super) law: Law,
    pub(super) slowdown: f64,
    /// Contention and coherence of the universal scalability law.
    pub(super) scalability: [f64; 2],
    pub(super) limit: f64,
    pub(super) switch: f64,
    pub(super) error_share: f64,
    pub(super) pickup: f64,
    pub(super) rules: Rules,
    /// Target and interval of controlled delay.
    pub(super) codel: Option<[f64; 2]>,
}

impl Settings {
    pub(super) fn of(model: &Model) -> Self {
        let clients = model.clients.iter().map(|client| Client {
            source: match &client.arrivals {
                Arrivals::Open { load } => {
                    Source::Open { rate: load.value, regular: client.spacing.value == Spacing::Regular }
                }
                Arrivals::Closed { users, think } => Source::Closed { users: users.value, think: think.value },
            },
            network: client.network.value,
            work: client.work.value,
            apdex: client.apdex.as_ref().or(model.meta.apdex.as_ref()).map_or(f64::INFINITY, |q| q.value),
        });
        let calls = || model.services.iter().flat_map(|s| &s.calls);
        let policies = model.clients.iter().map(|c| &c.policy).chain(calls().map(|c| &c.policy));
        let services = model.services.iter().map(|service| Service {
            servers: service.servers.value.floor(),
            time: service.service_time.value,
            law: Law::of(service),
            slowdown: service.slowdown.value,
            scalability: [service.contention.value, service.coherence.value],
            limit: service.queue.limit.value.floor(),
            switch: match (service.queue.order.value, &service.queue.switch) {
                (Order::AdaptiveLifo, Some(switch)) => switch.value,
                (Order::AdaptiveLifo, None) => service.servers.value,
                (Order::Lifo, _) => -1.0,
                (Order::Fifo | Order::Priority, _) => f64::INFINITY,
            },
            error_share: service.error_share.value,
            pickup: service.queue.pickup.value,
            rules: Rules::of(&service.admission),
            codel: service.queue.codel.as_ref().map(|c| [c.target.value, c.interval.value]),
        });
        Self {
            clients: clients.collect(),
            policies: policies.map(Policy::of).collect(),
            services: services.collect(),
            counts: calls().map(|c| c.count.value).collect(),
        }
    }
}

impl Policy {
    fn of(policy: &CallPolicy) -> Self {
        let none = RetryOn { timeout: false, reject: false, error: false };
        let bare = Self {
            timeout: policy.timeout.as_ref().map_or(f64::INFINITY, |q| q.value),
            patience: policy.patience.value,
            gives_up: policy.gives_up.value,
            attempts: 1.0,
            backoff: 0.0,
            growth: 1.0,
            cap: f64::INFINITY,
            jitter: Jitter::None,
            on: none,
            probability: 0.0,
            bucket: None,
        };
        let Some(retry) = &policy.retry else { return bare };
        Self {
            attempts: retry.attempts.value,
            backoff: retry.backoff.value,
            growth: retry.growth.value,
            cap: retry.cap.value,
            jitter: retry.jitter,
            on: retry.on,
            probability: retry.probability.value,
            bucket: retry.budget.as_ref().map(|budget| match budget {
                Budget::TokenBucket { fill, size } => (fill.value, size.value),
            }),
            ..bare
        }
    }
}
