//! The states at today's load by name, what they measure, and the verdict.

use super::document::{StateReport, Verdict};
use crate::answers::landscape::{Landscape, State as Found};
use crate::answers::limits::{LimitKind, Limits};
use crate::dynamics::equilibria::Completeness;
use crate::dynamics::outcome::Outcome;
use crate::model::unit;
use crate::process::dimension::Dimension;
use crate::process::fluid::Fluid;
use serde_json::{Map, Value};

pub(super) fn completeness(found: &Completeness) -> String {
    match found {
        Completeness::Certified => "all equilibria (certified)".to_owned(),
        Completeness::CertifiedWithin(searched) => {
            let largest = searched.iter().map(|v| v.hi).fold(0.0, f64::max);
            format!("all equilibria (certified) with every state up to {largest:e}")
        }
        Completeness::Undecided(boxes) => {
            format!("found by search: the proof left {} boxes undecided", boxes.len())
        }
        Completeness::FoundBySearch => "found by search".to_owned(),
    }
}

/// Names of the states at today's load. The good one lies on the branch before its tip-over point and answers at least
/// half of the requests; other stable ones are collapsed.
pub(super) fn names(fluid: &Fluid, landscape: &Landscape, limits: &Limits) -> Vec<String> {
    let goodput = fluid.process().output_index("goodput");
    let load = fluid.process().output_index("load");
    let starved = |s: &Found| match (goodput, load) {
        (Some(g), Some(l)) => {
            let values = fluid.outputs_at_rest(&s.x, &landscape.parameters);
            values[g] < 0.5 * values[l]
        }
        _ => false,
    };
    let kind = |s: &Found| {
        let on_good = s.segment.is_some_and(|i| i < limits.good_segments) && !starved(s);
        match s.stable() {
            Some(true) if on_good => "good",
            Some(true) => "collapsed",
            Some(false) if on_good => "oscillating",
            // Across an odd number of unstable roots lies a basin boundary, whatever else oscillates there.
            Some(false) if s.spectrum.as_ref().is_some_and(|s| s.unstable % 2 == 1) => "saddle",
            Some(false) => "unstable",
            None => "undetermined",
        }
    };
    let kinds: Vec<&str> = landscape.states.iter().map(kind).collect();
    kinds
        .iter()
        .enumerate()
        .map(|(i, k)| {
            let same = kinds.iter().filter(|o| *o == k).count();
            let number = kinds[..=i].iter().filter(|o| *o == k).count();
            if same == 1 { (*k).to_owned() } else { format!("{k}-{number}") }
        })
        .collect()
}

pub(super) fn verdict(
    landscape: &Landscape,
    limits: &Limits,
    good: Option<usize>,
    warnings: &mut Vec<String>,
) -> Verdict {
    let collapsed = landscape.escape.is_some()
        || landscape.states.iter().enumerate().any(|(i, s)| Some(i) != good && s.stable() == Some(true));
    if landscape.states.iter().any(|s| s.stable().is_none()) {
        warnings.push("the stability of a state at today's load could not be computed".to_owned());
        return Verdict::Inconclusive;
    }
    let Some(good) = good else {
        return match &limits.tip_over {
            Some(limit) if limit.kind == LimitKind::Hopf && !collapsed => {
                warnings.push("the good state oscillates at today's load".to_owned());
                Verdict::Overloaded
            }
            _ if collapsed => Verdict::Overloaded,
            _ => {
                warnings.push("no stable state was found at today's load".to_owned());
                Verdict::Inconclusive
            }
        };
    };
    if !collapsed {
        return Verdict::Stable;
    }
    match landscape.from_start {
        Some(Outcome::Attractor { index, .. }) if index != good => Verdict::Metastable,
        Some(Outcome::Escape { .. }) => Verdict::Metastable,
        _ => Verdict::Vulnerable,
    }
}

pub(super) fn state_report(fluid: &Fluid, landscape: &Landscape, found: &Found, name: &str) -> StateReport {
    let modes = found.spectrum.as_ref().map(|s| s.modes.as_slice()).unwrap_or_default();
    let values = fluid.outputs_at_rest(&found.x, &landscape.parameters);
    let slowest = modes.first().map(|m| m.value.re.abs()).filter(|re| *re > 0.0);
    StateReport {
        name: name.to_owned(),
        stable: found.stable() == Some(true),
        eigenvalues: modes.iter().take(8).map(|m| [m.value.re, m.value.im]).collect(),
        time_constant: slowest.map(|re| unit::human(1.0 / re, Dimension::TIME)),
        ..measures(fluid, &found.x, &values)
    }
}

fn measures(fluid: &Fluid, x: &[f64], values: &[f64]) -> StateReport {
    let process = fluid.process();
    let value = |name: &str| process.output_index(name).map(|i| values[i]).filter(|v| v.is_finite());
    let states = process.states.iter().zip(x);
    StateReport {
        name: String::new(),
        stable: false,
        goodput: value("goodput"),
        amplification: value("amplification"),
        yield_: value("yield"),
        state: states.map(|(s, v)| (s.info.name.clone(), Value::from(*v))).collect(),
        eigenvalues: Vec::new(),
        time_constant: None,
    }
}

/// The state that grows without bound, described by what it was when its growth was certain.
pub(super) fn escape_report(fluid: &Fluid, landscape: &Landscape) -> Option<StateReport> {
    let escape = landscape.escape.as_ref()?;
    let report = match &escape.x {
        Some(x) => {
            let past = x.repeat(fluid.tape().1.lags);
            measures(fluid, x, &fluid.outputs(0.0, x, &past, &landscape.parameters))
        }
        None => measures(fluid, &[], &vec![f64::NAN; fluid.process().outputs.len()]),
    };
    let name = &fluid.process().states[escape.state].info.name;
    let mut state = Map::new();
    state.insert(name.clone(), Value::from("grows without bound"));
    Some(StateReport { name: "escape".to_owned(), stable: true, state, ..report })
}
