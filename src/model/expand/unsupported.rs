//! What the system layer can say and the equations cannot follow yet: refused by every analysis, run by the referee.

use super::Builder;
use crate::model::types::{CallPolicy, Expired, Order, Span};

/// What to do about it.
const HINT: &str = "`tipping referee` simulates it";

impl Builder<'_> {
    /// Adds a problem for each of them.
    pub(super) fn unsupported_features(&mut self) {
        let model = self.model;
        let mut found: Vec<(Span, &str)> = Vec::new();
        let removes =
            |name: &str| model.services.iter().any(|s| s.name.value == name && s.expired.value != Expired::Serve);
        for client in &model.clients {
            policy(&client.policy, &mut found);
            if client.network.value > 0.0 && removes(&client.calls.value) {
                found.push((client.network.span.clone(), "`network` towards a service that drops or cancels"));
            }
            if removes(&client.calls.value) && !Builder::felt_on_time(&client.policy) {
                found.push((
                    client.policy.gives_up.span.clone(),
                    "other than fixed timeouts at a service that drops or cancels",
                ));
            }
        }
        for service in &model.services {
            let (order, ordered) = (&service.queue.order, service.queue.order.value != Order::Fifo);
            if ordered && service.expired.value != Expired::Serve {
                found.push((
                    service.expired.span.clone(),
                    "dropping or cancelling in another order than first in, first out",
                ));
            }
            if ordered && service.queue.codel.is_some() {
                found.push((order.span.clone(), "`codel` in another order than first in, first out"));
            }
            for call in &service.calls {
                policy(&call.policy, &mut found);
            }
            let called = model.services.iter().flat_map(|s| &s.calls).any(|c| c.target.value == service.name.value);
            if called && order.value == Order::Priority {
                found.push((order.span.clone(), "`order = \"priority\"` at a service that other services call"));
            }
        }
        for (span, what) in found {
            self.without_equations(&span, format!("the equations of {what} are not supported yet"), HINT);
        }
    }
}

fn policy(policy: &CallPolicy, found: &mut Vec<(Span, &'static str)>) {
    let many = policy.retry.as_ref().is_some_and(|r| r.attempts.value > super::stream::MOST_ATTEMPTS);
    if policy.propagate.value && (many || !Builder::felt_on_time(policy)) {
        let what = "a deadline that travels with more than 64 attempts, or where timeouts are drawn or felt late";
        found.push((policy.propagate.span.clone(), what));
    }
    if let Some(hedge) = &policy.hedge {
        found.push((hedge.after.span.clone(), "`hedge`"));
    }
    // Budgets and guards are asked a timeout after sending, and see every failure.
    let retry = policy.retry.as_ref();
    if policy.guards().is_empty() && retry.is_none_or(|r| r.budget.is_none()) {
        return;
    }
    if policy.timeout.is_some() && !Builder::felt_on_time(policy) {
        let span = [&policy.patience.span, &policy.gives_up.span].into_iter().find(|s| !s.is_empty());
        found.push((span.cloned().unwrap_or_default(), "budgets and breakers where timeouts are drawn or felt late"));
    }
    if let Some(probability) = retry.map(|r| &r.probability).filter(|p| p.value < 1.0) {
        found.push((probability.span.clone(), "`probability` beside a budget or a breaker"));
    }
}
