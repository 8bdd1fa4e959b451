//! Designs side by side: the model as it stands against the same with changes. Every figure is that of its own analysis;
//! what is added here is which of them got better or worse.

use super::analysis::{Analysis, Findings, StateReport, TriggerReport, Verdict, analyze};
use super::landscape::LandscapeError;
use super::study::Study;
use super::triggers::{Plan, Range};
use serde::Serialize;

/// Relative change below which a figure counts as the same.
const SAME: f64 = 0.005;

/// The trigger with the least margin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstTrigger {
    /// Its name.
    pub name: String,
    /// Critical duration (of its stated size) over stated duration, or for a kick critical over stated size: below 1 it
    /// tips the system.
    pub margin: f64,
}

/// One design.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Design {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// What it changes: `path = value`.
    pub changes: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Load at which it falls over by itself, in the unit of the load; null if there is none.
    pub tip_over_load: Option<f64>,
    /// Load at which a collapse heals; null if there is none.
    pub recovery_load: Option<f64>,
    /// Tip-over load / load - 1.
    pub headroom_to_tip_over: Option<f64>,
    /// Recovery load / load - 1: negative when a collapse does not heal by itself.
    pub headroom_to_recovery: Option<f64>,
    /// Requests per second answered in time in the good state.
    pub goodput: Option<f64>,
    /// Attempts per request in the good state.
    pub amplification: Option<f64>,
    /// Attempts per request in the collapsed state, where there is one.
    pub amplification_collapsed: Option<f64>,
    /// The trigger with the least margin, where any can tip it.
    pub worst_trigger: Option<WorstTrigger>,
    /// Seconds after the stated triggers until goodput is back within a hundredth, the longest of them; null if one tips it.
    pub recovery_time: Option<f64>,
    /// What is better than in the first design.
    pub better: Vec<&'static str>,
    /// What is worse than in the first design.
    pub worse: Vec<&'static str>,
    /// Warnings of its analysis.
    pub warnings: Vec<String>,
}

/// Designs side by side, the first of them as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// `tipping.compare/1`.
    pub schema: &'static str,
    /// Version of the tool.
    pub tool: serde_json::Value,
    /// Name and SHA-256 of the model.
    pub model: serde_json::Value,
    /// Dotted path of the load.
    pub load: String,
    /// Its unit.
    pub unit: String,
    /// The designs.
    pub designs: Vec<Design>,
}

/// A design to be compared.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// What it changes.
    pub changes: Vec<String>,
    /// The model.
    pub study: Study,
}

/// Analyses each candidate and compares it with the first.
///
/// # Errors
/// [`LandscapeError`] of a candidate, with its name.
pub fn compare(candidates: &[Candidate], sha256: &str) -> Result<Comparison, (String, LandscapeError)> {
    let mut designs: Vec<Design> = Vec::new();
    for candidate in candidates {
        let findings = analyze(&candidate.study, sha256).map_err(|error| (candidate.name.clone(), error))?;
        let mut design = design(candidate, &findings);
        if let Some(first) = designs.first() {
            (design.better, design.worse) = judge(first, &design);
        }
        designs.push(design);
    }
    let study = candidates.first().map(|c| &c.study);
    let name = study.map(|s| s.model.meta.name.clone()).unwrap_or_default();
    Ok(Comparison {
        schema: "tipping.compare/1",
        tool: serde_json::json!({ "version": env!("CARGO_PKG_VERSION") }),
        model: serde_json::json!({ "name": name, "sha256": sha256 }),
        load: study.map(|s| s.load.path.clone()).unwrap_or_default(),
        unit: study.map(|s| s.load.unit.clone()).unwrap_or_default(),
        designs,
    })
}

fn design(candidate: &Candidate, findings: &Findings) -> Design {
    let analysis = &findings.analysis;
    let state = |name: &str| analysis.states.iter().find(|s| s.name.starts_with(name));
    let good = state("good");
    Design {
        name: candidate.name.clone(),
        about: candidate.about.clone(),
        changes: candidate.changes.clone(),
        verdict: analysis.verdict,
        tip_over_load: analysis.tip_over_load.as_ref().map(|l| l.value),
        recovery_load: analysis.recovery_load.as_ref().map(|l| l.value),
        headroom_to_tip_over: analysis.headroom.to_tip_over,
        headroom_to_recovery: analysis.headroom.to_recovery,
        goodput: good.and_then(|s| s.goodput),
        amplification: good.and_then(|s| s.amplification),
        amplification_collapsed: state("collapsed")
            .or_else(|| state("escape"))
            .and_then(|s: &StateReport| s.amplification),
        worst_trigger: worst_trigger(analysis),
        recovery_time: recovery_time(&candidate.study, findings),
        better: Vec::new(),
        worse: Vec::new(),
        warnings: analysis.warnings.clone(),
    }
}

fn worst_trigger(analysis: &Analysis) -> Option<WorstTrigger> {
    let margin = |trigger: &TriggerReport| match (trigger.duration, &trigger.critical_duration) {
        (Some(stated), Some(critical)) => Some(critical.p50? / stated),
        (Some(_), None) => None,
        (None, _) => Some(trigger.critical_size.as_ref()?.p50? / trigger.size),
    };
    let mut all: Vec<WorstTrigger> = analysis
        .triggers
        .iter()
        .filter_map(|t| Some(WorstTrigger { name: t.name.clone(), margin: margin(t)? }))
        .collect();
    all.sort_by(|a, b| a.margin.total_cmp(&b.margin));
    all.into_iter().next()
}

/// Longest healing time after the stated triggers; `None` if one of them tips the system or cannot be run.
fn recovery_time(study: &Study, findings: &Findings) -> Option<f64> {
    let (landscape, good) = findings.median.as_ref()?;
    let range = Range::new(&study.median, landscape, *good)?;
    let mut longest: Option<f64> = None;
    for trigger in &study.model.triggers {
        let plan = Plan::new(&study.median, trigger).ok()?;
        let healed = range.healing_time(&plan, 1.0, plan.duration.unwrap_or(0.0)).ok()??;
        longest = Some(longest.map_or(healed, |l| l.max(healed)));
    }
    longest
}

/// What is better and what is worse in `other` than in `first`.
fn judge(first: &Design, other: &Design) -> (Vec<&'static str>, Vec<&'static str>) {
    let (mut better, mut worse) = (Vec::new(), Vec::new());
    let mut sort = |what, gain: f64| {
        if gain > SAME {
            better.push(what);
        } else if gain < -SAME {
            worse.push(what);
        }
    };
    // Without a fold, or a trigger that tips, nothing better can be had, unless nothing works to begin with.
    let works = |d: &Design| rank(d.verdict) <= rank(Verdict::Vulnerable) || d.verdict == Verdict::Metastable;
    let limit = |d: &Design, value: Option<f64>| value.unwrap_or(if works(d) { f64::INFINITY } else { 0.0 });
    sort("verdict", f64::from(rank(first.verdict)) - f64::from(rank(other.verdict)));
    sort("tip-over load", gain(limit(first, first.tip_over_load), limit(other, other.tip_over_load)));
    sort("recovery load", gain(limit(first, first.recovery_load), limit(other, other.recovery_load)));
    let margin = |d: &Design| limit(d, d.worst_trigger.as_ref().map(|w| w.margin));
    sort("worst trigger", gain(margin(first), margin(other)));
    sort("goodput", gain(first.goodput.unwrap_or(0.0), other.goodput.unwrap_or(0.0)));
    let attempts = |d: &Design| d.amplification.unwrap_or(1.0);
    sort("attempts per request", -gain(attempts(first), attempts(other)));
    let time = |d: &Design| d.recovery_time.unwrap_or(f64::INFINITY);
    sort("recovery time", -gain(time(first), time(other)));
    (better, worse)
}

/// How bad a verdict is.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Stable => 0,
        Verdict::Vulnerable => 1,
        Verdict::Inconclusive => 2,
        Verdict::Metastable => 3,
        Verdict::Overloaded => 4,
    }
}

/// Relative growth from `a` to `b`, where either may be infinite.
fn gain(a: f64, b: f64) -> f64 {
    match (a.is_infinite(), b.is_infinite()) {
        (true, true) => 0.0,
        (true, false) => f64::NEG_INFINITY,
        (false, true) => f64::INFINITY,
        _ if a == b => 0.0,
        _ => (b - a) / a.abs().max(b.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    fn candidate(name: &str, changes: &[&str]) -> Candidate {
        let text = include_str!("../../models/retry-storm.toml");
        let overrides: Vec<model::Override> = changes.iter().map(|&c| model::Override::new(c)).collect();
        let loaded = model::load(text, name, &overrides).expect("it loads");
        let changes = changes.iter().map(|&c| c.to_owned()).collect();
        let study = Study::new(loaded.model).expect("it compiles");
        Candidate { name: name.to_owned(), about: String::new(), changes, study }
    }

    #[test]
    fn fewer_attempts_move_the_recovery_load() {
        let designs = [
            candidate("today", &[]),
            candidate("two", &["client.web.retry.attempts=2"]),
            candidate("one", &["client.web.retry.attempts=1"]),
        ];
        let compared = compare(&designs, "").expect("solved").designs;
        // Capacity over attempts, to what the last of the clients in time add.
        assert!((compared[1].recovery_load.expect("fold") / 50.0 - 1.0).abs() < 0.03);
        assert!(compared[1].better.contains(&"recovery load") && compared[1].better.contains(&"worst trigger"));
        // Without retries nothing keeps a collapse alive below capacity.
        assert_eq!(compared[2].verdict, Verdict::Stable);
        assert!(compared[2].recovery_time.is_some() && compared[0].recovery_time.is_none());
        assert!(compared[0].better.is_empty() && compared[0].worse.is_empty());
    }
}
