//! What the system layer can say and the equations cannot follow yet: refused by every analysis, run by the referee.

use super::Builder;
use crate::model::types::{Arrivals, Budget, CallPolicy, Expired, Model, Order, Queues, Routing, ServiceCall, Span};

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
            hedge(model, &client.policy, &client.calls.value, &mut found);
            if let (Some(hedge), Arrivals::Closed { .. }) = (&client.policy.hedge, &client.arrivals) {
                found.push((hedge.after.span.clone(), "`hedge` of a closed loop"));
            }
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
        for balancer in model.balancers.iter().filter(|b| b.queues.value == Queues::PerReplica) {
            let service = model.services.iter().find(|s| s.name.value == balancer.of.value);
            let plain = service.is_none_or(|s| {
                let queue = &s.queue;
                let gates = &s.admission;
                s.expired.value == Expired::Serve
                    && queue.order.value == Order::Fifo
                    && queue.codel.is_none()
                    && queue.pickup.value == 0.0
                    && gates.shed.is_none()
                    && gates.rate_limit.is_none()
                    && gates.concurrency.is_none()
            });
            let sets = model.triggers.iter().flat_map(|t| &t.set);
            let breaks = balancer.broken.value > 0.0 || sets.into_iter().any(|s| s.0.value == balancer.broken.path);
            if !plain {
                let what = "`queues = \"per-replica\"` beside drop, cancel, another order, or what turns attempts away";
                found.push((balancer.queues.span.clone(), what));
            }
            if breaks && balancer.policy.value == Routing::LeastRequests {
                let what = "broken replicas beside `queues = \"per-replica\"` and least requests";
                found.push((balancer.queues.span.clone(), what));
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
                hedge(model, &call.policy, &call.target.value, &mut found);
                if call.fan().is_some() && (removes(&call.target.value) || call.policy.through.is_some()) {
                    let what = "`parallel` calls of a cache, or of a service that drops or cancels";
                    found.push((call.parallel.span.clone(), what));
                }
            }
            let held = |call: &&ServiceCall| {
                let budget = call.policy.retry.as_ref().is_some_and(|r| r.budget.is_some());
                (call.fan().is_some() || call.policy.hedge.is_some()) && (budget || call.policy.holds_back())
            };
            for call in service.calls.iter().filter(held) {
                found.push((call.target.span.clone(), "what holds back calls that are hedged or made at once"));
            }
            for call in service.calls.iter().filter(|call| call.fan().is_some() && call.policy.propagate.value) {
                found.push((call.policy.propagate.span.clone(), "a deadline that travels with `parallel` calls"));
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
    if policy.propagate.value && policy.hedge.is_some() {
        found.push((policy.propagate.span.clone(), "a deadline that travels with hedged attempts"));
    }
    // Budgets and guards are asked a timeout after sending, and see every failure.
    let retry = policy.retry.as_ref();
    if !policy.holds_back() && retry.is_none_or(|r| r.budget.is_none()) {
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

/// What stands beside a hedge that has no equations.
fn hedge(model: &Model, policy: &CallPolicy, target: &str, found: &mut Vec<(Span, &'static str)>) {
    let Some(hedge) = &policy.hedge else { return };
    let service = model.services.iter().find(|s| s.name.value == target);
    let plain = service.is_none_or(|s| {
        s.expired.value == Expired::Serve && s.queue.order.value == Order::Fifo && s.queue.codel.is_none()
    });
    let budget = policy.retry.as_ref().and_then(|r| r.budget.as_ref());
    let counted =
        matches!(budget, Some(Budget::Concurrency { .. } | Budget::Throttle { .. } | Budget::CostBucket { .. }));
    let cases = [
        (hedge.most.value > 1.0, "more than one hedge of an attempt"),
        (!plain, "`hedge` towards a service that drops, cancels, or is not first in, first out"),
        (policy.through.is_some(), "`hedge` through a cache"),
        (policy.deadline.is_some(), "`hedge` beside a `deadline`"),
        (!Builder::felt_on_time(policy), "`hedge` where timeouts are drawn or felt late"),
        (policy.holds_back() || counted, "`hedge` beside a breaker, a limit or a budget that counts attempts"),
    ];
    found.extend(cases.into_iter().filter(|(there, _)| *there).map(|(_, what)| (hedge.after.span.clone(), what)));
}
