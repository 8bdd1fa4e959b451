//! Checks that need little mathematics but catch the usual causes of collapse. Each has a name that `tipping explain` knows;
//! see [`catalogue`].

pub mod catalogue;

use super::study::Study;
use crate::model::types::{Arrivals, CallPolicy, Client, Jitter, Retry, Service, Trigger};
use crate::model::unit;
use crate::process::dimension::Dimension;
use crate::process::fluid::Fluid;
use serde::Serialize;

/// Share of healthy attempts that may time out.
const HEALTHY_TIMEOUTS: f64 = 0.01;
/// Attempts that fail in one service before those behind it are looked at no more.
const DEEPEST: usize = 32;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the check: `tipping explain ID` says more.
    pub id: &'static str,
    /// Dotted path of what it is about.
    pub path: String,
    /// What was found, in a sentence with its numbers.
    pub message: String,
}

/// What the checks look at beside the model.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The equations.
    pub fluid: &'a Fluid,
    /// Outputs at the good state, by index; `None` if there is no good state.
    pub good: Option<&'a [f64]>,
    /// Recovery load, in base units.
    pub recovery: Option<f64>,
    /// Tip-over load, in base units.
    pub tip_over: Option<f64>,
}

/// Makes all checks. Findings come in the order of the model file, check by check.
#[must_use]
pub fn checks(study: &Study, facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for client in &study.model.clients {
        if let Some(service) = service(study, &client.calls.value) {
            queue(client, service, &mut found);
        }
        attempts(&format!("client.{}", client.name.value), &client.name.value, &client.policy, &mut found);
        products(study, client, &mut found);
        timeouts(client, facts, &mut found);
    }
    for service in &study.model.services {
        for call in &service.calls {
            let name = format!("{}.calls.{}", service.name.value, call.target.value);
            attempts(&format!("service.{name}"), &name, &call.policy, &mut found);
        }
    }
    fluctuations(study, &mut found);
    growth(study, facts, &mut found);
    percentiles(study, &mut found);
    found
}

fn service<'a>(study: &'a Study, name: &str) -> Option<&'a Service> {
    study.model.services.iter().find(|s| s.name.value == name)
}

fn human(seconds: f64) -> String {
    unit::human(seconds, Dimension::TIME)
}

/// Time to serve a full queue, K S / c; infinite without a limit, zero without a queue.
fn drain(service: &Service) -> f64 {
    if service.servers.value.is_infinite() {
        return 0.0;
    }
    service.queue.limit.value * service.service_time.value / service.servers.value
}

fn queue(client: &Client, service: &Service, found: &mut Vec<Finding>) {
    let (drain, what) = (drain(service), &service.name.value);
    let path = format!("service.{what}.queue.limit");
    if drain.is_infinite() {
        let message = format!("the queue of `{what}` is unbounded: in overload it grows for ever");
        if !found.iter().any(|f| f.path == path) {
            found.push(Finding { id: "unbounded-queue", path, message });
        }
    } else if let Some(timeout) = client.policy.timeout.as_ref().filter(|t| drain > t.value) {
        let message = format!(
            "a full queue of `{what}` takes {} to drain, but `{}` waits {}: what is served last is served in vain",
            human(drain),
            client.name.value,
            human(timeout.value)
        );
        found.push(Finding { id: "queue-outlasts-timeout", path, message });
    }
}

fn attempts(path: &str, who: &str, policy: &CallPolicy, found: &mut Vec<Finding>) {
    let Some(retry) = &policy.retry else { return };
    if retry.attempts.value.is_infinite() && retry.budget.is_none() {
        let (id, path) = ("unlimited-attempts", format!("{path}.retry.attempts"));
        found.push(Finding { id, path, message: format!("`{who}` retries without end and without a budget") });
    }
    if retry.attempts.value > 1.0 && retry.jitter == Jitter::None && retry.backoff.value > 0.0 {
        let wait = human(retry.backoff.value);
        let message =
            format!("`{who}` waits exactly {wait} before it retries: clients that failed together come back together");
        found.push(Finding { id: "no-jitter", path: format!("{path}.retry.jitter"), message });
    }
}

fn most_attempts(retry: Option<&Retry>) -> f64 {
    retry.map_or(1.0, |r| r.attempts.value)
}

/// The largest product of attempts along the calls of a client, if more than one tier makes several.
fn products(study: &Study, client: &Client, found: &mut Vec<Finding>) {
    let mut worst: Option<(f64, Vec<String>)> = None;
    let first = most_attempts(client.policy.retry.as_ref());
    let mut open = vec![(client.calls.value.clone(), first, vec![first], vec![client.name.value.clone()])];
    while let Some((at, product, tiers, way)) = open.pop() {
        let mut way = way;
        way.push(at.clone());
        let several = tiers.iter().filter(|n| **n > 1.0).count() > 1;
        if several && worst.as_ref().is_none_or(|w| product > w.0) {
            worst = Some((product, way.clone()));
        }
        let calls = service(study, &at).map(|s| s.calls.as_slice()).unwrap_or_default();
        for call in calls.iter().filter(|_| way.len() < DEEPEST) {
            let own = most_attempts(call.policy.retry.as_ref());
            let tiers = tiers.iter().copied().chain([own]).collect();
            open.push((call.target.value.clone(), product * own, tiers, way.clone()));
        }
    }
    if let Some((product, way)) = worst {
        let times = if product.is_finite() { format!("up to {product}") } else { "any number of".to_owned() };
        let message =
            format!("retries multiply along {}: {times} attempts at the last for one request", way.join(" > "));
        found.push(Finding {
            id: "retry-product",
            path: format!("client.{}.retry.attempts", client.name.value),
            message,
        });
    }
}

fn timeouts(client: &Client, facts: &Facts<'_>, found: &mut Vec<Finding>) {
    let name = &client.name.value;
    let (Some(timeout), Some(values)) = (&client.policy.timeout, facts.good) else { return };
    let index = facts.fluid.process().output_index(&format!("{name}.timeout_share"));
    let Some(share) = index.map(|i| values[i]).filter(|s| *s > HEALTHY_TIMEOUTS) else { return };
    let message = format!(
        "`{name}` gives up after {}, and {:.1} % of its attempts take longer in the good state: below the 99th percentile",
        human(timeout.value),
        100.0 * share
    );
    found.push(Finding { id: "timeout-below-p99", path: format!("client.{name}.timeout"), message });
}

/// Queues that drain more slowly than the load changes, as the triggers say it does.
fn fluctuations(study: &Study, found: &mut Vec<Finding>) {
    let changes_load = |trigger: &&Trigger| {
        let loads = study.model.clients.iter().filter_map(|c| match &c.arrivals {
            Arrivals::Open { load } => Some(&load.path),
            Arrivals::Closed { .. } => None,
        });
        let paths: Vec<&String> = loads.collect();
        trigger.set.iter().any(|change| paths.iter().any(|p| **p == change.0.value))
    };
    let shortest = study.model.triggers.iter().filter(changes_load).filter_map(|t| {
        let length = t.duration.as_ref()?;
        Some((length.value, &t.name.value))
    });
    let Some((length, trigger)) = shortest.min_by(|a, b| a.0.total_cmp(&b.0)) else { return };
    for service in &study.model.services {
        let drain = drain(service);
        if drain.is_finite() && drain > length {
            let what = &service.name.value;
            let message = format!(
                "a full queue of `{what}` takes {} to drain, longer than the load takes to change (`{trigger}`: {})",
                human(drain),
                human(length)
            );
            found.push(Finding { id: "queue-slower-than-load", path: format!("service.{what}.queue.limit"), message });
        }
    }
}

/// ln(L / load) / g until the load is at a limit L.
fn growth(study: &Study, facts: &Facts<'_>, found: &mut Vec<Finding>) {
    let Some(growth) = study.model.meta.growth.as_ref().filter(|g| g.value > 0.0) else { return };
    let ahead = |limit: Option<f64>| {
        let limit = limit.filter(|l| *l > study.load.value)?;
        Some(human((limit / study.load.value).ln() / growth.value))
    };
    let path = study.load.path.clone();
    let message = match (ahead(facts.recovery), ahead(facts.tip_over)) {
        (Some(vulnerable), Some(tips)) => {
            format!("at this growth the system is vulnerable in {vulnerable} and falls over in {tips}")
        }
        (None, Some(tips)) if facts.recovery.is_some() => {
            format!("the system is vulnerable already; at this growth it falls over in {tips}")
        }
        (None, Some(tips)) => format!("at this growth the system falls over in {tips}"),
        (Some(vulnerable), None) => format!("at this growth the system is vulnerable in {vulnerable}"),
        (None, None) => return,
    };
    found.push(Finding { id: "headroom-shrinks", path, message });
}

/// Outputs of the equation layer that add up percentiles.
fn percentiles(study: &Study, found: &mut Vec<Finding>) {
    for (name, expression) in &study.model.outputs {
        let names = expression.value.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
        let count = names.filter(|n| is_percentile(n)).count();
        if count > 1 && expression.value.contains('+') && expression.value.contains(['/', '*']) {
            let message = format!("`{}` averages percentiles: the result is the percentile of nothing", name.value);
            found.push(Finding { id: "averaged-percentiles", path: format!("output.{}", name.value), message });
        }
    }
}

/// Whether a name ends in something like p99, `p99_east` or `east.p999`.
fn is_percentile(name: &str) -> bool {
    let digits = |part: &str| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_digit());
    name.split(['.', '_']).any(|part| part.strip_prefix(['p', 'P']).is_some_and(digits))
}

#[cfg(test)]
mod tests;
