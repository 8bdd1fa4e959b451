//! Cases for the unit tests of the rules: what comes in over time, and which alarms must stand at the end, or must not.
//!
//! What must fire is decided here by the definition of each alarm on plain numbers, not by its PromQL; `promtool test
//! rules` then holds the one to the other.

use super::{Kind, Rules, texts};
use crate::answers::thresholds::Thresholds;

/// A time over which inputs stay what they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// How long, in seconds; a multiple of the interval.
    pub seconds: u32,
    /// Values by input, in the order of [`Rules::inputs`]; nothing where the series is missing.
    pub values: Vec<Option<f64>>,
}

/// An alarm that must stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Which.
    pub kind: Kind,
    /// Its annotations with the value filled in.
    pub annotations: Vec<(&'static str, String)>,
}

/// A case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it is about.
    pub name: &'static str,
    /// What comes in.
    pub phases: Vec<Phase>,
    /// When it is looked at, in seconds from the start.
    pub at: u32,
    /// Alarms that stand then; all others must not.
    pub expected: Vec<Expected>,
    /// The boundary of the characteristic metric then, where there is one.
    pub boundary: Option<f64>,
}

/// Long enough for every alarm.
const LONG: u32 = 1200;

/// What the inputs are in a case.
#[derive(Debug, Clone, Copy)]
struct Inputs {
    load: f64,
    goodput: f64,
    served: f64,
    metric: f64,
}

/// The cases of a set of rules.
#[must_use]
pub fn cases(rules: &Rules, thresholds: &Thresholds) -> Vec<Case> {
    let levels = &rules.levels;
    let top = levels.tip_over.unwrap_or(2.0 * thresholds.reference);
    let bottom = levels.recovery.unwrap_or(0.0);
    let near = levels.near.unwrap_or(top);
    let middle = f64::midpoint(bottom.max(levels.boundary_from.min(near)), near);
    let healthy = |load: f64| {
        let knot = thresholds.metric.as_ref().and_then(|m| m.at(load).or_else(|| m.knots.first().copied()));
        Inputs { load, goodput: load, served: load, metric: knot.map_or(0.0, |k| k.good) }
    };
    let signature = thresholds.collapsed.unwrap_or_default();
    let collapsed = |load: f64| {
        let goodput = signature.goodput.unwrap_or(0.0).min(0.5 * levels.collapsed_ratio * load);
        let served = signature.served.unwrap_or(load);
        let past = boundary(rules, load).map(|b| if levels.above { 2.0 * b + 1.0 } else { 0.5 * b });
        let metric = signature.metric.filter(|m| m.is_finite()).or(past).unwrap_or(0.0);
        Inputs { load, goodput, served, metric }
    };
    let beside = |load: f64, factor: f64| {
        let knot = thresholds.metric.as_ref().and_then(|m| m.at(load));
        let (good, boundary) = (knot.map_or(0.0, |k| k.good), boundary(rules, load).unwrap_or(0.0));
        Inputs { metric: good + factor * (boundary - good), ..healthy(load) }
    };
    let mut all = Vec::new();
    let mut add = |name: &'static str, phases: &[(u32, Option<Inputs>)], at: u32| {
        all.push(case(rules, name, phases, at));
    };
    let low = if bottom > 0.0 { 0.8 * bottom } else { 0.5 * top };
    add("quiet", &[(LONG, Some(healthy(low)))], LONG);
    add("nothing is measured", &[(LONG, None)], LONG);
    if levels.recovery.is_some() {
        add("above the recovery load", &[(LONG, Some(healthy(middle)))], LONG);
        add("above the recovery load, not yet for long", &[(LONG, Some(healthy(middle)))], 600);
        add("just above the recovery load", &[(LONG, Some(healthy(1.01 * bottom)))], LONG);
        add("just below the recovery load", &[(LONG, Some(healthy(0.99 * bottom)))], LONG);
    }
    if levels.near.is_some() {
        add("close to the tip-over load", &[(LONG, Some(healthy((1.01 * near).min(f64::midpoint(near, top)))))], LONG);
        add("not yet close to the tip-over load", &[(LONG, Some(healthy(0.99 * near)))], LONG);
        add(
            "a peak of two minutes",
            &[(600, Some(healthy(low))), (120, Some(healthy(1.1 * top))), (480, Some(healthy(low)))],
            LONG,
        );
    }
    if levels.metric.is_some() {
        add("short of the boundary", &[(LONG, Some(beside(middle, 0.9)))], LONG);
        add("past the boundary", &[(LONG, Some(beside(middle, 1.1)))], LONG);
        add(
            "past the boundary for half a minute only",
            &[(600, Some(healthy(middle))), (30, Some(beside(middle, 1.1))), (570, Some(healthy(middle)))],
            645,
        );
    }
    add("hardly anything is answered in time", &[(600, Some(healthy(middle))), (600, Some(collapsed(middle)))], LONG);
    add(
        "hardly anything was answered in time for a minute",
        &[(600, Some(healthy(middle))), (60, Some(collapsed(middle))), (540, Some(healthy(middle)))],
        660,
    );
    if levels.tip_over.is_some() {
        add("overload is no metastable collapse", &[(LONG, Some(collapsed(1.2 * top)))], LONG);
    }
    all
}

fn case(rules: &Rules, name: &'static str, phases: &[(u32, Option<Inputs>)], at: u32) -> Case {
    let mut expected = Vec::new();
    for alert in &rules.alerts {
        if let Some(value) = stands(rules, alert.kind, phases, at) {
            expected.push(Expected { kind: alert.kind, annotations: texts::expanded(alert, value) });
        }
    }
    let mut before = 0;
    let now = phases.iter().find(|(seconds, _)| {
        before += seconds;
        at <= before
    });
    let boundary = now.and_then(|(_, inputs)| *inputs).and_then(|i| boundary(rules, rounded(i.load)));
    let phases = phases
        .iter()
        .map(|(seconds, inputs)| Phase {
            seconds: *seconds,
            values: rules.inputs.iter().map(|i| inputs.map(|all| value(rules, &i.key, all))).collect(),
        })
        .collect();
    Case { name, phases, at, expected, boundary }
}

/// To six digits: short texts, and the same number here and there.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

fn value(rules: &Rules, key: &str, inputs: Inputs) -> f64 {
    rounded(match key {
        "offered" | "load" => inputs.load,
        "goodput" if rules.levels.metric.as_deref() != Some("goodput") => inputs.goodput,
        "served" => inputs.served,
        _ => inputs.metric,
    })
}

/// The boundary at a load, by the knots of the rules.
fn boundary(rules: &Rules, load: f64) -> Option<f64> {
    let knots = &rules.levels.boundary;
    let next = knots.partition_point(|k| k.0 < load);
    match (next.checked_sub(1).and_then(|i| knots.get(i)), knots.get(next)) {
        (Some(a), Some(b)) => Some(a.1 + (load - a.0) / (b.0 - a.0) * (b.1 - a.1)),
        (Some(only), None) | (None, Some(only)) => Some(only.1),
        (None, None) => None,
    }
}

/// The value of an alarm that stands at a time: its condition has held without a break for as long as it must.
fn stands(rules: &Rules, kind: Kind, phases: &[(u32, Option<Inputs>)], at: u32) -> Option<f64> {
    let mut begin = 0;
    let mut since = None;
    let mut last = None;
    for (index, (seconds, inputs)) in phases.iter().enumerate() {
        // A sample stands for the time up to the next one: a phase begins with its first sample.
        let found = inputs.and_then(|i| fires(rules, kind, i));
        if begin > at {
            break;
        }
        since = match (found, since) {
            (None, _) => None,
            (Some(_), None) => Some(begin),
            (Some(_), held) => held,
        };
        last = found;
        begin += seconds + if index == 0 { super::INTERVAL } else { 0 };
    }
    (at - since? >= kind.holds_for()).then_some(last?)
}

/// The value of an alarm whose condition holds.
fn fires(rules: &Rules, kind: Kind, inputs: Inputs) -> Option<f64> {
    let levels = &rules.levels;
    let is = |key: &str| value(rules, key, inputs);
    let load = rounded(inputs.load);
    let below_tip = levels.tip_over.is_none_or(|t| load < t);
    let key = levels.metric.as_deref();
    match kind {
        Kind::Vulnerable => levels.recovery.filter(|r| load > *r).map(|_| load),
        Kind::NearTipOver => levels.near.filter(|n| load > *n).map(|_| load),
        Kind::PastBoundary => {
            let (metric, edge) = (is(key?), boundary(rules, load)?);
            let beyond = if levels.above { metric > edge } else { metric < edge };
            (beyond && load > levels.boundary_from).then_some(metric)
        }
        Kind::Collapsed | Kind::Starved => {
            let (goodput, served) = (is("goodput"), is("served"));
            let low = match levels.busy.filter(|_| kind == Kind::Collapsed) {
                Some(busy) => goodput < levels.collapsed_ratio * served && served > busy,
                None => goodput < levels.collapsed_ratio * load,
            };
            (low && below_tip).then_some(goodput)
        }
    }
}
