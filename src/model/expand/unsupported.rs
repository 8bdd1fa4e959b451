//! What the system layer can say and the equations cannot follow yet: refused by every analysis, run by the referee.

use super::Builder;
use crate::model::types::{
    CallPolicy, Distribution, Expired, GivesUp, Order, Patience, Quantity, Retry, Spacing, Span,
};

/// What to do about it.
const HINT: &str = "`tipping referee` simulates it";

impl Builder<'_> {
    /// Adds a problem for each of them.
    pub(super) fn unsupported_features(&mut self) {
        let model = self.model;
        let mut found: Vec<(Span, &str)> = Vec::new();
        for client in &model.clients {
            policy(&client.policy, &mut found);
            if client.work.value != 1.0 {
                found.push((client.work.span.clone(), "`work`"));
            }
            if client.spacing.value != Spacing::Poisson {
                found.push((client.spacing.span.clone(), "`arrivals = \"regular\"`"));
            }
            if client.network.value > 0.0 {
                found.push((client.network.span.clone(), "`network`"));
            }
        }
        for service in &model.services {
            if service.queue.order.value != Order::Fifo {
                found.push((
                    service.queue.order.span.clone(),
                    match service.queue.order.value {
                        Order::Lifo => "`order = \"lifo\"`",
                        Order::AdaptiveLifo => "`order = \"adaptive-lifo\"`",
                        _ => "`order = \"priority\"`",
                    },
                ));
            }
            match service.expired.value {
                Expired::Serve => {}
                Expired::Drop => found.push((service.expired.span.clone(), "`expired = \"drop\"`")),
                Expired::Cancel => found.push((service.expired.span.clone(), "`expired = \"cancel\"`")),
            }
            if service.distribution.value == Distribution::Empirical {
                found.push((service.distribution.span.clone(), "`distribution = \"empirical\"`"));
            }
            if service.queue.pickup.value > 0.0 {
                found.push((service.queue.pickup.span.clone(), "`pickup`"));
            }
            if service.slowdown.value > 0.0 {
                found.push((service.slowdown.span.clone(), "`slowdown`"));
            }
            for call in &service.calls {
                policy(&call.policy, &mut found);
            }
        }
        for (span, what) in found {
            self.without_equations(&span, format!("the equations of {what} are not supported yet"), HINT);
        }
    }
}

fn policy(policy: &CallPolicy, found: &mut Vec<(Span, &'static str)>) {
    if policy.timeout.is_some() && policy.patience.value != Patience::Fixed {
        found.push((policy.patience.span.clone(), "`timeout_jitter = \"exponential\"`"));
    }
    if policy.timeout.is_some() && policy.gives_up.value != GivesUp::AtTimeout {
        found.push((policy.gives_up.span.clone(), "`gives_up = \"at-answer\"`"));
    }
    if let Some(hedge) = &policy.hedge {
        found.push((hedge.after.span.clone(), "`hedge`"));
    }
    if let Some(rule) = policy.breaker.as_ref().filter(|rule| rule.window.value.is_infinite()) {
        found.push((rule.window.span.clone(), "a breaker that never forgets"));
    }
    let probability = |retry: &Retry| Some(&retry.probability).filter(|p| p.value < 1.0).cloned();
    if let Some(Quantity { span, .. }) = policy.retry.as_ref().and_then(probability) {
        found.push((span, "`probability`"));
    }
}
