//! How far the equations of each component are from request-level simulation, as measured, and what a reader of an answer
//! must know of it.
//!
//! The figures are written by `cargo run --release --example components -- --write`, which holds every component that the
//! referee can run to it, and which decides what misses: goodput off by more than 3 %, a recovery load by more than 5 %, the p50 of a trigger by
//! more than 8 %, each by more than twice its standard error. `docs/theory/components.md` has them as a table.
//!
//! Where goodput is off by more than `REFUSED` nothing is answered about overload at all.

use crate::model::types::{
    Arrivals, Budget, CallPolicy, ConcurrencyKind, Expired, GivesUp, Jitter, Model, Order, Patience, Queues, Service,
};

/// The figures: component, system, quantity, unit, equations, simulated, its standard error, whether it misses.
const MEASURED: &str = include_str!("closures.csv");
/// How a warning about a closure begins.
pub const CLOSURE: &str = "closure of ";
/// Relative deviation of a goodput beyond which nothing is said about overload.
const REFUSED: f64 = 0.2;
/// Relative deviation beyond which a percentage says nothing.
const ENTIRELY: f64 = 2.0;
/// Length from which on a sliding window sends retries in waves, in seconds.
const LONG_WINDOW: f64 = 5.0;

/// One figure of a component.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Component, as [`components`] names it.
    pub component: String,
    /// System it was measured on.
    pub system: String,
    /// Which quantity.
    pub quantity: String,
    /// By the equations; `None` if they say that there is none.
    pub equations: Option<f64>,
    /// By simulation.
    pub simulated: Option<f64>,
    /// Whether it is beyond the tolerance by more than twice its standard error.
    pub misses: bool,
}

impl Figure {
    /// Equations over simulation, less one.
    #[must_use]
    pub fn relative(&self) -> Option<f64> {
        let (equations, simulated) = self.equations.zip(self.simulated)?;
        Some(equations / simulated - 1.0).filter(|r| r.is_finite())
    }

    /// The deviation in words.
    fn words(&self) -> String {
        let Self { quantity, system, .. } = self;
        match (self.relative(), self.equations) {
            (Some(r), Some(found)) if r > ENTIRELY => {
                let simulated = self.simulated.unwrap_or_default();
                format!("{quantity} {found:.3} where the referee has {simulated:.3} ({system})")
            }
            (Some(r), _) if r < 0.0 => format!("{quantity} {:.0} % under the referee's ({system})", -100.0 * r),
            (Some(r), _) => format!("{quantity} {:.0} % over the referee's ({system})", 100.0 * r),
            (None, None) => format!("no {quantity} where the referee finds one ({system})"),
            (None, Some(_)) => format!("a {quantity} where the referee finds none ({system})"),
        }
    }
}

/// All figures measured.
#[must_use]
pub fn figures() -> Vec<Figure> {
    let mut reader = csv::Reader::from_reader(MEASURED.as_bytes());
    let text = |record: &csv::StringRecord, i: usize| record.get(i).unwrap_or_default().to_owned();
    let all = reader.records().flatten().map(|record| Figure {
        component: text(&record, 0),
        system: text(&record, 1),
        quantity: text(&record, 2),
        equations: text(&record, 4).parse().ok(),
        simulated: text(&record, 5).parse().ok(),
        misses: text(&record, 7) == "true",
    });
    all.collect()
}

/// Components of a model, by the names of the table, each once.
#[must_use]
pub fn components(model: &Model) -> Vec<&'static str> {
    let mut found = Vec::new();
    for service in &model.services {
        of_service(service, &mut found);
    }
    for client in &model.clients {
        of_policy(&client.policy, &mut found);
        let closed = matches!(client.arrivals, Arrivals::Closed { .. });
        found.extend(closed.then_some("closed-loop"));
        found.extend((client.network.value > 0.0).then_some("network"));
    }
    found.extend((!model.caches.is_empty()).then_some("cache"));
    found.extend((!model.autoscalers.is_empty()).then_some("autoscaler"));
    for balancer in &model.balancers {
        let own = balancer.queues.value == Queues::PerReplica;
        let present = [(true, "balancer"), (own, "replica-queues"), (balancer.check.is_some(), "health-check")];
        found.extend(present.into_iter().filter_map(|(there, name)| there.then_some(name)));
    }
    let mut seen = Vec::new();
    found.retain(|name| {
        !seen.contains(name) && {
            seen.push(*name);
            true
        }
    });
    found
}

fn of_service(service: &Service, found: &mut Vec<&'static str>) {
    found.extend(match service.queue.order.value {
        Order::Fifo => None,
        Order::Lifo => Some("lifo"),
        Order::AdaptiveLifo => Some("adaptive-lifo"),
        Order::Priority => Some("priority"),
    });
    found.extend(match service.expired.value {
        Expired::Serve => None,
        Expired::Drop => Some("drop"),
        Expired::Cancel if service.variability.value == 1.0 => Some("cancel"),
        Expired::Cancel => Some("cancel-fixed"),
    });
    let admission = &service.admission;
    found.extend(admission.concurrency.as_ref().map(|law| match law.kind {
        ConcurrencyKind::Aimd => "aimd",
        ConcurrencyKind::Vegas => "vegas",
        ConcurrencyKind::Gradient => "gradient",
    }));
    let present = [
        (service.queue.codel.is_some(), "codel"),
        (service.queue.pickup.value > 0.0, "pickup"),
        (admission.shed.is_some(), "shed"),
        (admission.rate_limit.is_some(), "rate-limit"),
        (service.contention.value > 0.0 || service.coherence.value > 0.0, "contention"),
        (service.slowdown.value > 0.0, "slowdown"),
        (service.error_time.value > 0.0, "error-time"),
        (!service.calls.is_empty(), "nested-calls"),
    ];
    found.extend(present.into_iter().filter_map(|(there, name)| there.then_some(name)));
    for call in &service.calls {
        of_policy(&call.policy, found);
        found.extend((call.parallel.value > 1.0).then_some("parallel-calls"));
    }
}

fn of_policy(policy: &CallPolicy, found: &mut Vec<&'static str>) {
    let present = [
        (policy.patience.value == Patience::Exponential, "timeout-jitter"),
        (policy.gives_up.value == GivesUp::AtAnswer, "gives-up"),
        (policy.deadline.is_some(), "deadline"),
        (policy.propagate.value, "propagated-deadline"),
        (policy.hedge.is_some(), "hedge"),
        (policy.breaker.is_some(), "breaker"),
        (policy.rate_limit.is_some(), "client-rate-limit"),
        (policy.throttle.is_some(), "client-throttle"),
    ];
    found.extend(present.into_iter().filter_map(|(there, name)| there.then_some(name)));
    let Some(retry) = policy.retry.as_ref().filter(|retry| retry.attempts.value > 1.0) else { return };
    if retry.backoff.value > 0.0 {
        found.extend(match retry.jitter {
            Jitter::Exponential => None,
            Jitter::None => Some("jitter-none"),
            Jitter::Full => Some("jitter-full"),
            Jitter::Equal => Some("jitter-equal"),
            Jitter::Decorrelated => Some("jitter-decorrelated"),
        });
    }
    found.extend((retry.probability.value < 1.0).then_some("probability"));
    found.extend(retry.budget.as_ref().map(|budget| match budget {
        Budget::TokenBucket { .. } => "token-bucket",
        Budget::Concurrency { .. } => "concurrency-budget",
        Budget::Throttle { .. } => "throttle-budget",
        Budget::CostBucket { .. } => "cost-bucket",
        Budget::Ratio { window, .. } if window.value < LONG_WINDOW => "ratio",
        Budget::Ratio { .. } => "ratio-long-window",
        Budget::Rate { window, .. } if window.value < LONG_WINDOW => "rate",
        Budget::Rate { .. } => "rate-long-window",
    }));
}

/// What a reader must know of the closures that a model uses: one line for each component that misses.
#[must_use]
pub fn warnings(model: &Model) -> Vec<String> {
    let used = components(model);
    if used.is_empty() {
        return Vec::new();
    }
    let figures = figures();
    let line = |component: &&str| {
        let missed: Vec<String> =
            figures.iter().filter(|f| f.misses && f.component == *component).map(Figure::words).collect();
        (!missed.is_empty())
            .then(|| format!("{CLOSURE}{component}: {}; see docs/theory/components.md", missed.join(", ")))
    };
    used.iter().filter_map(line).collect()
}

/// The component whose equations are so far off in overload that nothing is said about it, if the model has one.
#[must_use]
pub fn refused(model: &Model) -> Option<&'static str> {
    let used = components(model);
    let limits = used.into_iter().filter(|c| matches!(*c, "gradient" | "vegas"));
    let figures = figures();
    let far = |f: &Figure| f.quantity.ends_with("goodput") && f.relative().is_none_or(|r| r.abs() > REFUSED);
    limits.into_iter().find(|c| figures.iter().any(|f| f.misses && f.component == *c && far(f)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    fn storm(changes: &[&str]) -> Model {
        let overrides: Vec<model::Override> = changes.iter().map(|&c| model::Override::new(c)).collect();
        model::load(include_str!("../../models/retry-storm.toml"), "m", &overrides).expect("it loads").model
    }

    #[test]
    fn the_founding_example_has_nothing_to_warn_of() {
        assert!(components(&storm(&[])).is_empty());
        assert!(warnings(&storm(&[])).is_empty());
    }

    #[test]
    fn components_are_found_by_what_the_table_calls_them() {
        let model = storm(&[
            "service.api.expired=cancel",
            "service.api.variability=0.5",
            "client.web.retry.jitter=none",
            "client.web.retry.budget.kind=ratio",
            "client.web.retry.budget.share=0.2",
        ]);
        assert_eq!(components(&model), ["cancel-fixed", "jitter-none", "ratio-long-window"]);
    }

    /// Every row of the table can be met in a model, and every deviation that misses is beyond its tolerance.
    #[test]
    fn the_table_is_what_it_says() {
        let all = figures();
        assert!(all.len() > 100, "{}", all.len());
        for figure in all.iter().filter(|f| f.misses) {
            let tolerance = match figure.quantity.as_str() {
                "recovery load" => 0.05,
                "p50" => 0.08,
                _ => 0.03,
            };
            assert!(figure.relative().is_none_or(|r| r.abs() > tolerance), "{figure:?}");
        }
    }
}
