//! Budgets, breakers, rate limits and throttles of nested calls. They hold calls back before the time that a slot is held by its
//! calls is known, which depends on them; so they go by the rate r of calls as it was a moment ago,
//!
//! ```text
//! r' = (a₁ - r)/S₀            a₁ calls begun per second, S₀ the service time of the caller
//! ```
//!
//! A call that is held back takes no time and ends as a failure: of the calls the share σ is sent, of the retries the share g made,
//!
//! ```text
//! T = σ (t + f g (pause + t + f g (...)))      t time of one attempt, f share of attempts that is retried if allowed
//! ```

use super::super::Builder;
use super::super::station::Station;
use super::budget::Purse;
use super::guards::Guards;
use crate::model::types::{Service, ServiceCall};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::Node;
use crate::process::lower::Type;
use crate::process::population::State;

/// What holds nested calls back, and its states.
#[derive(Debug, Clone, Copy)]
pub(in crate::model::expand) struct Nested {
    pub(super) guards: Guards,
    pub(super) purse: Option<Purse>,
    /// State that follows the rate of calls, and its lag.
    rate: (usize, Node),
}

/// Shares of the calls of a kind that are made.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::model::expand) struct Sends {
    /// Of first attempts wanted.
    pub sent: Option<Node>,
    /// Of retries wanted.
    pub retried: Option<Node>,
}

impl Builder<'_> {
    /// Creates what holds a nested call back, if anything does.
    pub(in crate::model::expand) fn held_back(
        &mut self,
        service: &Service,
        call: &ServiceCall,
        target: &Station,
    ) -> Sends {
        let policy = &self.within_deadline(&call.policy);
        let budget = policy.retry.as_ref().filter(|r| r.budget.is_some() && r.attempts.value > 1.0);
        if budget.is_none() && policy.breaker.is_none() && policy.rate_limit.is_none() && policy.throttle.is_none() {
            return Sends::default();
        }
        let name = format!("{}.{}", service.name.value, call.target.value);
        let state = format!("{name}.calls");
        let (index, rate) = self.process.state(State {
            info: StateInfo { name: state.clone(), start: 0.0, lower: 0.0, upper: f64::INFINITY, scale: 1.0 },
            unit: "req/s".to_owned(),
            about: "calls begun per second, followed with the lag of a service time".to_owned(),
        });
        self.scope.define(state, rate, Type::Quantity(Dimension::REQUEST_RATE));
        let lag = self.number(&service.service_time);
        let guards = self.guards(&name, policy, target, rate);
        let purse = budget.and_then(|retry| self.purse(&name, retry, policy, 1.0));
        self.nested.insert(name, Nested { guards, purse, rate: (index, lag) });
        let retried = match (purse.map(|p| p.allowed), guards.of_retries(self)) {
            (Some(x), Some(y)) => Some(self.mul(x, y)),
            (x, y) => x.or(y),
        };
        Sends { sent: guards.sent, retried }
    }

    /// Balance of the rate that is followed.
    pub(super) fn nested_flow(&mut self, nested: Nested, first: Node) {
        let (index, lag) = nested.rate;
        let known = self.process.graph.state(index);
        let behind = self.sub(first, known);
        let flow = self.div(behind, lag);
        self.process.flows.push((index, flow));
    }
}
