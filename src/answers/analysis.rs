//! The main job: all answers about one model, as the document that text, JSON and HTML reports print.
//!
//! Field names are those of the JSON contract `tipping.analyze/1`. What does not wait for each other is worked out side by
//! side: the landscapes under both closures, then triggers and the noise.

mod document;
mod ground;
mod states;
mod triggers;

pub use document::{Analysis, Bounds, Headroom, LimitLoad, LoadNow, Percentiles, StateReport, TriggerReport, Verdict};

use super::closed_forms::stable_capacity;
use super::closures;
use super::collapse::{Basis, Noise, noise};
use super::landscape::{Landscape, LandscapeError, landscape_at};
use super::limits::{Limit, Limits, limits};
use super::study::Study;
use crate::model::types::Arrivals;
use ground::Ground;
use serde_json::{Map, Value};
use states::{completeness, escape_report, state_report};

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
    let ground = Ground::survey(study, !study.model.triggers.is_empty())?;
    let (reports, remarks) = triggers::reports(study, ground.good_median());
    Ok(findings(study, sha256, ground, reports, remarks))
}

/// As [`analyze_as_is`], with all that runs of triggers need, but without running them.
///
/// # Errors
/// As [`analyze_as_is`].
pub fn analyze_for_triggers(study: &Study) -> Result<Findings, LandscapeError> {
    let ground = Ground::survey(study, !study.model.triggers.is_empty())?;
    Ok(findings(study, "", ground, Vec::new(), Vec::new()))
}

/// The verdict of [`analyze_as_is`] at parameters `p`, and nothing else of it.
///
/// # Errors
/// [`LandscapeError`] if not even the branch at low load can be found.
pub fn verdict_at(study: &Study, p: &[f64]) -> Result<Verdict, LandscapeError> {
    let (fluid, load) = (&study.fluid, study.load_index(&study.fluid));
    let landscape = landscape_at(fluid, p, load)?;
    let limits = limits(fluid, load, &landscape);
    let good = states::names(fluid, &landscape, &limits).iter().position(|n| n == "good");
    Ok(states::verdict(&landscape, &limits, good, &mut Vec::new()))
}

/// As [`analyze`], with how long the good state lasts under noise; `seed` is that of the simulated paths.
///
/// # Errors
/// As [`analyze`].
pub fn analyze_with_noise(study: &Study, sha256: &str, seed: u64) -> Result<Findings, LandscapeError> {
    if closures::refused(&study.model).is_some() {
        return analyze(study, sha256);
    }
    let ground = Ground::survey(study, true)?;
    let basis =
        Basis { own: (&ground.landscape, &ground.limits), median: ground.median().map(|m| (&m.landscape, &m.limits)) };
    // Equations keep scratch space of their own: every task has a copy.
    let (mine, theirs) = (study.clone(), study.clone());
    let good = ground.good_median();
    let ((reports, remarks), noise) =
        rayon::join(move || triggers::reports(&mine, good), move || noise(&theirs, basis, seed));
    let mut found = findings(study, sha256, ground, reports, remarks);
    add(&mut found.analysis, noise);
    Ok(found)
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

fn add(analysis: &mut Analysis, noise: Noise) {
    if let Some(limit) = &mut analysis.tip_over_load {
        // The middle run may keep its good state a little longer than the moments say.
        limit.with_noise = Some(noise.load.map(|load| load.min(limit.value)));
    }
    analysis.mean_time_to_collapse = noise.mean_time;
    analysis.warnings.extend(noise.warnings);
}

fn findings(
    study: &Study,
    sha256: &str,
    ground: Ground,
    triggers: Vec<TriggerReport>,
    remarks: Vec<String>,
) -> Findings {
    let fluid = &study.fluid;
    let median = ground.good_median().map(|(landscape, good)| (landscape.clone(), good));
    let Ground { landscape, limits, names, verdict, findings, mut warnings, .. } = ground;
    warnings.extend(remarks);
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
    Findings { analysis, landscape, limits, median }
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
