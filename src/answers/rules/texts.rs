//! What the alarms say to whoever is on call.

use super::{Alert, Kind, Rules};
use crate::model::unit::number;

/// The value of an alarm as a template of Prometheus.
fn value(decimals: usize) -> String {
    format!("{{{{ $value | printf \"%.{decimals}f\" }}}}")
}

/// So many decimals that a number of this size has three digits.
fn decimals(size: f64) -> usize {
    match size.abs() {
        s if s >= 100.0 => 0,
        s if s >= 10.0 => 1,
        s if s >= 1.0 => 2,
        s if s >= 0.1 => 3,
        _ => 5,
    }
}

/// An alarm with its annotations.
pub(super) fn alert(rules: &Rules, kind: Kind, expr: String) -> Alert {
    let levels = &rules.levels;
    let load = |value: Option<f64>| value.map_or_else(String::new, |v| join(&number(v, 4), &rules.load_unit));
    let size = match kind {
        Kind::Vulnerable => levels.recovery,
        Kind::NearTipOver => levels.near,
        Kind::PastBoundary => levels.boundary.first().map(|k| k.1),
        Kind::Collapsed | Kind::Starved => levels.tip_over.or(levels.recovery),
    };
    let decimals = decimals(size.unwrap_or(1.0));
    let now = value(decimals);
    let (recovery, tip_over) = (load(levels.recovery), load(levels.tip_over));
    let shed = shed(rules);
    let unit = &rules.load_unit;
    let (summary, description) = match kind {
        Kind::Vulnerable => (
            format!("{}: load {} is above the recovery load {recovery}", rules.model, join(&now, unit)),
            format!(
                "The service works, but a collapsed state exists at this load: whatever collapses it (a spike, lost capacity, a cold cache) leaves it collapsed after the trigger is gone. Nothing is wrong yet. Avoid what costs capacity at this hour (deployments, failovers). If it collapses: {shed}"
            ),
        ),
        Kind::NearTipOver => (
            format!("{}: load {} is close to the tip-over load {tip_over}", rules.model, join(&now, unit)),
            if levels.recovery.is_some() {
                format!(
                    "Above the tip-over load there is no good state, and noise alone may tip the service before that. Add capacity or shed load now, before it tips: to get it back afterwards takes much more. If it collapses: {shed}"
                )
            } else {
                format!(
                    "Above the tip-over load the service does not keep up. Add capacity or shed load. It comes back by itself when the load is lower again: {shed}"
                )
            },
        ),
        Kind::PastBoundary => {
            let metric = levels.metric.as_deref().unwrap_or_default();
            let side = if levels.above { "above" } else { "below" };
            (
                format!("{}: {metric} is {}, {side} its boundary at this load", rules.model, join(&now, &rules.metric_unit)),
                format!(
                    "Beyond the boundary the service goes on to collapse by itself, even if the trigger is over. Act now, not when it has collapsed: {shed} A value that falls back by itself within a minute was a burst."
                ),
            )
        }
        Kind::Collapsed => (
            format!("{}: collapsed: goodput is only {}", rules.model, join(&now, goodput_unit(rules))),
            format!(
                "{} It will not heal at this load, and more of the same capacity may not help while callers retry. To get it back: {shed}",
                if levels.busy.is_some() {
                    "The service is busy, but hardly any of its answers is still waited for, at a load that it could serve: a metastable collapse."
                } else {
                    "Hardly any request is answered in time, at a load that the service could serve: a metastable collapse."
                }
            ),
        ),
        Kind::Starved => (
            format!("{}: goodput is only {}", rules.model, join(&now, goodput_unit(rules))),
            "Less than half of the requests are answered in time, at a load at which the model serves them all. The model knows no such state: something that it does not contain has happened (a dependency, a deployment, a part of the fleet), or its numbers are wrong.".to_owned(),
        ),
    };
    let mut annotations = vec![("summary", summary), ("description", description)];
    if kind != Kind::Starved && levels.shed_to.is_some() {
        annotations.push(("shed_to", load(levels.shed_to)));
    }
    Alert { kind, expr, annotations, decimals }
}

/// Goodput is a rate whatever the load is.
fn goodput_unit(rules: &Rules) -> &str {
    if rules.inputs.iter().any(|i| i.key == "offered") { &rules.load_unit } else { "req/s" }
}

/// What to do about a collapse, in a sentence.
fn shed(rules: &Rules) -> String {
    let levels = &rules.levels;
    match (levels.shed_to, levels.recovery) {
        (Some(to), Some(recovery)) => format!(
            "shed load to {} (it heals below {}), keep it there until goodput equals the load that is let in, then let load in slowly.",
            join(&number(to, 4), &rules.load_unit),
            join(&number(recovery, 4), &rules.load_unit)
        ),
        (Some(to), None) => format!("shed load to {}.", join(&number(to, 4), &rules.load_unit)),
        (None, _) => {
            "stop all load, empty the queues or restart, then let load in slowly: no load was found at which it heals by itself."
                .to_owned()
        }
    }
}

fn join(number: &str, unit: &str) -> String {
    if unit.is_empty() { number.to_owned() } else { format!("{number} {unit}") }
}

/// Annotations as Prometheus expands them for a value.
pub(super) fn expanded(alert: &Alert, found: f64) -> Vec<(&'static str, String)> {
    let template = value(alert.decimals);
    let shown = format!("{found:.*}", alert.decimals);
    alert.annotations.iter().map(|(name, text)| (*name, text.replace(&template, &shown))).collect()
}
