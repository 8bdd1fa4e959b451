//! The main job: all answers about one model, as the document that text, JSON and HTML reports print.
//!
//! Field names are those of the JSON contract `tipping.analyze/1`.

use super::checks::{Facts, Finding, checks};
use super::closed_forms::stable_capacity;
use super::closures;
use super::landscape::{Landscape, LandscapeError, State as Found, landscape};
use super::limits::{Limit, LimitKind, Limits, limits};
use super::odds::{Odds, Varied};
use super::study::Study;
use super::triggers::{Fate, Plan, Range, Threshold, TriggerError};
use crate::chance::events::Events;
use crate::dynamics::equilibria::Completeness;
use crate::dynamics::outcome::Outcome;
use crate::model::types::{Arrivals, Trigger};
use crate::model::unit;
use crate::process::dimension::Dimension;
use crate::process::fluid::Fluid;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value};

/// The verdict about a model at today's load (states after Bronson et al., HotOS 2021).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Below the recovery load, or no collapsed state: every trigger heals.
    Stable,
    /// Works today, but a collapsed state also exists.
    Vulnerable,
    /// The model is in the collapsed state.
    Metastable,
    /// No good state exists.
    Overloaded,
    /// Could not be decided; the warnings say why.
    Inconclusive,
}

/// A number with its unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadNow {
    /// Dotted path of the load.
    pub path: String,
    /// Its value.
    pub value: f64,
    /// Unit as in the model file.
    pub unit: String,
}

/// Tip-over or recovery load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitLoad {
    /// The load, in `unit`.
    pub value: f64,
    /// Unit as in the model file.
    pub unit: String,
    /// What happens there.
    pub kind: LimitKind,
    /// 95 % interval, for fitted models.
    pub interval: Option<[f64; 2]>,
    /// Load at which noise alone tips the system within the horizon (tip-over only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_noise: Option<Option<f64>>,
}

/// Distances to the limits as shares of today's load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Headroom {
    /// Tip-over load / load - 1.
    pub to_tip_over: Option<f64>,
    /// Recovery load / load - 1: negative when a collapse would not heal by itself.
    pub to_recovery: Option<f64>,
}

/// One state of the system.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StateReport {
    /// `good`, `collapsed`, `saddle`, ... with a number if there are several.
    pub name: String,
    /// Whether it holds against small disturbances.
    pub stable: bool,
    /// Requests answered in time per second.
    pub goodput: Option<f64>,
    /// Attempts per request.
    pub amplification: Option<f64>,
    /// Goodput / load.
    #[serde(rename = "yield")]
    pub yield_: Option<f64>,
    /// Values of the states, in base units.
    pub state: Map<String, Value>,
    /// Rightmost characteristic roots, real and imaginary part, 1/s.
    pub eigenvalues: Vec<[f64; 2]>,
    /// Time in which a small disturbance shrinks (or grows) by e.
    pub time_constant: Option<String>,
}

/// p10, p50 and p90 of a critical size or duration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Percentiles {
    /// One run in ten tips.
    pub p10: Option<f64>,
    /// Half of the runs tip.
    pub p50: Option<f64>,
    /// Nine runs in ten tip.
    pub p90: Option<f64>,
    /// Unit.
    pub unit: String,
}

/// What a trigger does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriggerReport {
    /// Its name.
    pub name: String,
    /// Its stated size, in the unit of `critical_size`.
    pub size: f64,
    /// Its stated duration in seconds; null for a kick.
    pub duration: Option<f64>,
    /// How long it must last at its stated size; null if no duration tips the system, or for a kick.
    pub critical_duration: Option<Percentiles>,
    /// How large it must be at its stated duration; null if no size tips the system.
    pub critical_size: Option<Percentiles>,
    /// Share of runs that tip under the trigger as stated.
    pub probability: Option<f64>,
    /// `tips`, `heals` or `undecided`, for the middle run under the trigger as stated.
    pub outcome: &'static str,
}

/// Bounds from published theorems.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bounds {
    /// Capacity of the service in units of the load.
    pub capacity: f64,
    /// Largest number of attempts per request.
    pub attempts: Option<f64>,
    /// OSDI 2022, theorem 2: no trigger can leave a collapse behind at a load below this.
    pub osdi22_stable_capacity: f64,
}

/// Everything the analysis says, in the order in which it is printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// `tipping.analyze/1`.
    pub schema: &'static str,
    /// Version of the tool.
    pub tool: Map<String, Value>,
    /// Name and SHA-256 of the model.
    pub model: Map<String, Value>,
    /// The verdict.
    pub verdict: Verdict,
    /// Today's load.
    pub load: LoadNow,
    /// Where the good state ends.
    pub tip_over_load: Option<LimitLoad>,
    /// Where the collapsed state ends.
    pub recovery_load: Option<LimitLoad>,
    /// Distances to both.
    pub headroom: Headroom,
    /// All states at today's load.
    pub states: Vec<StateReport>,
    /// `certified` or how far the proof went.
    pub completeness: String,
    /// Published bounds, where they apply.
    pub bounds: Option<Bounds>,
    /// Triggers of the model.
    pub triggers: Vec<TriggerReport>,
    /// Ways back (not computed by this version).
    pub recovery: Vec<Value>,
    /// Characteristic metric (not computed by this version).
    pub characteristic_metric: Option<Value>,
    /// Mean time to collapse at today's load; see [`super::collapse`].
    pub mean_time_to_collapse: Option<super::collapse::CollapseTime>,
    /// Advice (not computed by this version).
    pub advice: Vec<Value>,
    /// What the checks found; `tipping explain ID` says more about each.
    pub findings: Vec<Finding>,
    /// What a reader must know.
    pub warnings: Vec<String>,
    /// The answers held to request-level simulation, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referee: Option<super::against::Against>,
}

/// An analysis with what plots need beside it.
pub struct Findings {
    /// The document.
    pub analysis: Analysis,
    /// The landscape it rests on.
    pub landscape: Landscape,
    /// The limits, in base units.
    pub limits: Limits,
    /// Landscape and good state of the middle run, on which triggers are run.
    pub median: Option<(Landscape, usize)>,
}

/// Analyses a model. `sha256` is that of its file. What hangs on equations that are known to be far off is left out
/// (see [`closures::refused`]).
///
/// # Errors
/// [`LandscapeError`] if not even the branch at low load can be found.
pub fn analyze(study: &Study, sha256: &str) -> Result<Findings, LandscapeError> {
    let mut findings = analyze_as_is(study, sha256)?;
    if let Some(component) = closures::refused(&study.model) {
        refuse(&mut findings.analysis, component);
    }
    Ok(findings)
}

/// Analyses a model by its equations, however far off they may be known to be.
///
/// # Errors
/// [`LandscapeError`] if not even the branch at low load can be found.
pub fn analyze_as_is(study: &Study, sha256: &str) -> Result<Findings, LandscapeError> {
    let fluid = &study.fluid;
    let load = study.load_index(fluid);
    let landscape = landscape(fluid, load)?;
    let limits = limits(fluid, load, &landscape);
    let names = names(fluid, &landscape, &limits);
    let good = names.iter().position(|n| n == "good");
    let mut warnings = landscape.warnings.clone();
    warnings.extend(limits.warnings.iter().cloned());
    warnings.extend(study.remarks());
    let values = good.map(|i| fluid.outputs_at_rest(&landscape.states[i].x, &landscape.parameters));
    let at = |limit: &Option<Limit>| limit.as_ref().map(|l| l.load);
    let (recovery, tip_over) = (at(&limits.recovery), at(&limits.tip_over));
    let findings = checks(study, &Facts { fluid, good: values.as_deref(), recovery, tip_over });
    let verdict = verdict(&landscape, &limits, good, &mut warnings);
    let median = median(study, good.map(|_| (&landscape, good.unwrap_or(0))), &mut warnings);
    let triggers = triggers(study, median.as_ref(), &mut warnings);
    let now = study.load.value / study.load.factor;
    let shown = |limit: &Limit, noise: bool| LimitLoad {
        value: limit.load / study.load.factor,
        unit: study.load.unit.clone(),
        kind: limit.kind,
        interval: None,
        with_noise: noise.then_some(None),
    };
    let tip_over_load = limits.tip_over.as_ref().map(|l| shown(l, true));
    let recovery_load = limits.recovery.as_ref().map(|l| shown(l, false));
    let mut states: Vec<StateReport> =
        landscape.states.iter().zip(&names).map(|(s, name)| state_report(fluid, &landscape, s, name)).collect();
    states.extend(escape_report(fluid, &landscape));
    let object = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), Value::from(*v))).collect::<Map<String, Value>>()
    };
    let analysis = Analysis {
        schema: "tipping.analyze/1",
        tool: object(&[("version", env!("CARGO_PKG_VERSION"))]),
        model: object(&[("name", &study.model.meta.name), ("sha256", sha256)]),
        verdict,
        load: LoadNow { path: study.load.path.clone(), value: now, unit: study.load.unit.clone() },
        headroom: Headroom {
            to_tip_over: tip_over_load.as_ref().map(|l| l.value / now - 1.0),
            to_recovery: recovery_load.as_ref().map(|l| l.value / now - 1.0),
        },
        tip_over_load,
        recovery_load,
        states,
        completeness: completeness(&landscape.completeness),
        bounds: bounds(study),
        triggers,
        recovery: Vec::new(),
        characteristic_metric: None,
        mean_time_to_collapse: None,
        advice: Vec::new(),
        findings,
        warnings,
        referee: None,
    };
    Ok(Findings { analysis, landscape, limits, median })
}

/// Takes back what hangs on overload, which the equations of a component do not follow: all but the good state.
fn refuse(analysis: &mut Analysis, component: &str) {
    analysis.warnings.push(format!(
        "the equations of {component} do not follow overload: verdict, limits and triggers are inconclusive; use `tipping referee`"
    ));
    analysis.verdict = Verdict::Inconclusive;
    (analysis.tip_over_load, analysis.recovery_load) = (None, None);
    analysis.headroom = Headroom { to_tip_over: None, to_recovery: None };
    analysis.states.retain(|s| s.name == "good");
    for trigger in &mut analysis.triggers {
        (trigger.critical_duration, trigger.critical_size, trigger.probability) = (None, None, None);
        trigger.outcome = "undecided";
    }
}

fn completeness(found: &Completeness) -> String {
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
fn names(fluid: &Fluid, landscape: &Landscape, limits: &Limits) -> Vec<String> {
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

fn verdict(landscape: &Landscape, limits: &Limits, good: Option<usize>, warnings: &mut Vec<String>) -> Verdict {
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

fn state_report(fluid: &Fluid, landscape: &Landscape, found: &Found, name: &str) -> StateReport {
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
fn escape_report(fluid: &Fluid, landscape: &Landscape) -> Option<StateReport> {
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

/// The landscape of the middle run, with its good state. For models whose equations are the same, the one there is.
fn median(study: &Study, good: Option<(&Landscape, usize)>, warnings: &mut Vec<String>) -> Option<(Landscape, usize)> {
    let (own, index) = good?;
    if study.model.triggers.is_empty() {
        return None;
    }
    if study.is_fluid() {
        return Some((own.clone(), index));
    }
    let load = study.load_index(&study.median);
    match landscape(&study.median, load) {
        Ok(found) => {
            let limits = limits(&study.median, load, &found);
            let names = names(&study.median, &found, &limits);
            match names.iter().position(|n| n == "good") {
                Some(index) => Some((found, index)),
                None => {
                    warnings.push("triggers: the fluid equations have no good state at today's load".to_owned());
                    None
                }
            }
        }
        Err(error) => {
            warnings.push(format!("triggers: {error}"));
            None
        }
    }
}

fn triggers(study: &Study, median: Option<&(Landscape, usize)>, warnings: &mut Vec<String>) -> Vec<TriggerReport> {
    let Some((landscape, good)) = median else { return Vec::new() };
    if Range::new(&study.median, landscape, *good).is_none() {
        return Vec::new();
    }
    // Equations keep scratch space of their own: every task has a copy.
    let both = |trigger| [Varied::Duration, Varied::Size].map(|varied| (study.median.clone(), trigger, varied));
    let tasks: Vec<(Fluid, &Trigger, Varied)> = study.model.triggers.iter().flat_map(both).collect();
    let answered: Vec<Result<Critical, TriggerError>> = tasks
        .into_par_iter()
        .map(|(fluid, trigger, varied)| critical(&fluid, landscape, *good, trigger, varied))
        .collect();
    let mut reports = Vec::new();
    let mut answered = answered.into_iter();
    while let (Some(duration), Some(size)) = (answered.next(), answered.next()) {
        match (duration, size) {
            (Ok(duration), Ok(size)) => reports.push(report(duration, size, warnings)),
            (Err(error), _) | (_, Err(error)) => warnings.push(error.to_string()),
        }
    }
    reports
}

/// A critical size or duration.
struct Critical {
    plan: Plan,
    /// What the trigger as stated does.
    fate: Fate,
    /// The middle of the threshold, and how it is spread.
    odds: Option<(f64, Odds)>,
    /// What was not found.
    remarks: Vec<String>,
}

/// The critical duration of a trigger at its stated size, or its critical size at its stated duration.
fn critical(
    fluid: &Fluid,
    landscape: &Landscape,
    good: usize,
    trigger: &Trigger,
    varied: Varied,
) -> Result<Critical, TriggerError> {
    let plan = Plan::new(fluid, trigger)?;
    let Some(range) = Range::new(fluid, landscape, good) else {
        return Ok(Critical { plan, fate: Fate::Undecided, odds: None, remarks: Vec::new() });
    };
    let stated = plan.duration.unwrap_or(0.0);
    // Where the equations cannot be solved at some size or duration, that answer is open, not the others.
    let open = |error: TriggerError| match error {
        error @ TriggerError::Integration { .. } => Ok(error.to_string()),
        error => Err(error),
    };
    let (mut fate, mut remarks) = (Fate::Undecided, Vec::new());
    if varied == Varied::Duration {
        match range.run(&plan, 1.0, stated) {
            Ok(found) => fate = found,
            Err(error) => remarks.push(open(error)?),
        }
    }
    let searched = match varied {
        Varied::Duration => range.critical_duration(&plan, 1.0),
        Varied::Size => range.critical_size(&plan, stated, 1.0),
    };
    let threshold = match searched {
        Ok(threshold) => threshold,
        Err(error) => {
            remarks.push(open(error)?);
            Threshold::Undecided
        }
    };
    if threshold == Threshold::Undecided {
        remarks.push(format!("trigger `{}`: critical {varied} inconclusive", plan.name));
    }
    let mut odds = None;
    if let Some(p50) = threshold.value() {
        let place = if varied == Varied::Duration { (1.0, p50) } else { (p50, stated) };
        let spread = range.odds(&plan, &Events::new(fluid), varied, place)?;
        if let Odds::Unknown(why) = spread {
            remarks.push(format!("trigger `{}`: no p10 and p90 of its critical {varied}: {why}", plan.name));
        }
        odds = Some((p50, spread));
    }
    Ok(Critical { plan, fate, odds, remarks })
}

/// What one trigger does.
fn report(duration: Critical, size: Critical, warnings: &mut Vec<String>) -> TriggerReport {
    warnings.extend(duration.remarks.into_iter().chain(size.remarks));
    let (plan, fate) = (&duration.plan, duration.fate);
    let stated = plan.duration.unwrap_or(0.0);
    let (by_duration, by_size) = (duration.odds, size.odds);
    let percentiles = |(p50, odds): (f64, Odds), unit: &str, shown: &dyn Fn(f64) -> f64| Percentiles {
        p10: odds.percentiles().map(|p| shown(p[0])),
        p50: Some(shown(p50)),
        p90: odds.percentiles().map(|p| shown(p[2])),
        unit: unit.to_owned(),
    };
    TriggerReport {
        name: plan.name.clone(),
        size: plan.scale.shown(1.0),
        duration: plan.duration,
        critical_duration: by_duration.map(|odds| percentiles(odds, "s", &|v| v)),
        critical_size: by_size.map(|odds| percentiles(odds, &plan.scale.unit, &|v| plan.scale.shown(v))),
        probability: match (by_duration, by_size) {
            (Some((_, odds)), _) => odds.probability(stated),
            (None, Some((_, odds))) => odds.probability(1.0),
            (None, None) => None,
        },
        outcome: match fate {
            Fate::Tips => "tips",
            Fate::Heals => "heals",
            Fate::Undecided => "undecided",
        },
    }
}

/// OSDI 2022 theorem 2 for one client on one service that calls nobody.
fn bounds(study: &Study) -> Option<Bounds> {
    let ([client], [service]) = (study.model.clients.as_slice(), study.model.services.as_slice()) else { return None };
    let moving = !study.model.autoscalers.is_empty() || !study.model.balancers.is_empty();
    if moving || !service.calls.is_empty() || !matches!(client.arrivals, Arrivals::Open { .. }) {
        return None;
    }
    let capacity = service.servers.value / service.service_time.value / study.load.factor;
    if !capacity.is_finite() {
        return None;
    }
    let retry = client.policy.retry.as_ref();
    let attempts = match retry.map(|r| (r, &r.budget)) {
        None => 1.0,
        Some((r, budget)) => {
            let (load, processes) = (study.load.value * study.load.factor, client.policy.processes.value);
            let allowed = budget.as_ref().and_then(|b| b.retries_per_request(load, processes));
            allowed.map_or(r.attempts.value, |retries| (1.0 + retries).min(r.attempts.value))
        }
    };
    let degradation = 1.0 + service.error_time.value / service.service_time.value;
    Some(Bounds {
        capacity,
        attempts: attempts.is_finite().then_some(attempts),
        osdi22_stable_capacity: stable_capacity(capacity, attempts, degradation),
    })
}
