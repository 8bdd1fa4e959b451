//! Over time, the run that just heals beside the one that just does not.

use super::{NamedFigure, file_name, subtitle};
use crate::answers::analysis::TriggerReport;
use crate::answers::landscape::Landscape;
use crate::answers::study::Study;
use crate::answers::triggers::{Plan, Range};
use crate::dynamics::integrate::Trajectory;
use crate::dynamics::outcome::distance;
use crate::plot::{Curve, PlotError, Scale, TimePanel, TimeSeries, TriggerSpan};
use crate::process::field::Field;
use crate::process::fluid::Fluid;
use crate::report::measures::{self, Measure};
use crate::report::samples::Samples;
use crate::report::words::{measured, time};

/// How far below and above the threshold the two runs are.
const BESIDE: [f64; 2] = [0.98, 1.02];
/// How often the time followed is doubled until the run that heals is back.
const DOUBLINGS: usize = 8;
/// Share of the window before the trigger.
const LEAD: f64 = 0.06;
/// Points of a curve.
const POINTS: usize = 600;
/// Distance from a state at which a run counts as having arrived.
const NEAR: f64 = 0.1;

/// One run: its size as a share of the stated one, its duration, what it is called.
struct Run {
    size: f64,
    duration: f64,
    short: &'static str,
    long: String,
}

pub(super) fn draw(
    study: &Study,
    landscape: &Landscape,
    good: usize,
    report: &TriggerReport,
) -> Result<Option<NamedFigure>, PlotError> {
    let fluid = &study.median;
    let trigger = study.model.triggers.iter().find(|t| t.name.value == report.name);
    let Some(plan) = trigger.and_then(|t| Plan::new(fluid, t).ok()) else { return Ok(None) };
    let Some(range) = Range::new(fluid, landscape, good) else { return Ok(None) };
    let runs = runs(&plan, report);
    let Some(window) = window(fluid, landscape, &range, &plan, &runs) else { return Ok(None) };
    let lead = LEAD * window;
    let mut panels: Vec<(Vec<Measure>, TimePanel)> = measures::panels(study, fluid)
        .into_iter()
        .map(|(label, unit, all)| (all, TimePanel { label, unit, scale: Scale::Linear, curves: Vec::new() }))
        .collect();
    for (place, run) in runs.iter().enumerate() {
        let until = lead + window;
        let Ok(path) = range.path(&plan, (run.size, run.duration), lead, until) else { return Ok(None) };
        let segments = plan.segments(&landscape.parameters, run.size, run.duration, lead, until);
        let samples = Samples::new(fluid, &path, &segments, range.rest());
        let seen: Vec<_> = samples.times(POINTS).into_iter().filter_map(|t| samples.at(t)).collect();
        for (measures, panel) in &mut panels {
            for measure in measures.iter() {
                let points = seen.iter().map(|s| (s.t, measure.of(s))).collect();
                panel.curves.push(Curve { quantity: measure.name.clone(), run: place, points, band: Vec::new() });
            }
        }
    }
    let last = runs.last().map_or(0.0, |r| r.duration);
    let title = match runs.as_slice() {
        [_, _] if plan.duration.is_some() && report.critical_duration.is_some() => {
            let critical = report.critical_duration.as_ref().and_then(|c| c.p50).unwrap_or(last);
            format!("{}: it tips the system if it lasts {} or more", plan.name, time(critical))
        }
        [_, _] => {
            let critical = report.critical_size.as_ref().and_then(|c| c.p50).unwrap_or(f64::NAN);
            let side = if plan.scale.span < 0.0 { "less" } else { "more" };
            format!("{}: it tips the system at {} or {side}", plan.name, measured(critical, &plan.scale.unit))
        }
        _ => format!("{}: the system {}", plan.name, report.outcome),
    };
    let chart = TimeSeries {
        title: title.clone(),
        subtitle: Some(subtitle(study)),
        runs: runs.iter().map(|r| (r.short.to_owned(), r.long.clone())).collect(),
        triggers: vec![TriggerSpan { from: lead, to: lead + last, label: plan.name.clone() }],
        panels: panels.into_iter().map(|(_, panel)| panel).filter_map(measures::interesting).collect(),
    };
    let name = format!("trigger-{}-series", file_name(&plan.name));
    Ok(Some(NamedFigure { name, about: format!("Over time: {title}"), figure: chart.draw()? }))
}

/// The runs to compare: either side of the critical duration, or of the critical size, or the trigger as stated.
fn runs(plan: &Plan, report: &TriggerReport) -> Vec<Run> {
    let words = ["heals", "collapses"];
    let stated = plan.duration.unwrap_or(0.0);
    if let Some(critical) = report.critical_duration.as_ref().and_then(|c| c.p50).filter(|&d| d > 0.0) {
        let run = |i: usize| {
            let duration = BESIDE[i] * critical;
            let long = format!("{}: lasts {}", words[i], time(duration));
            Run { size: 1.0, duration, short: words[i], long }
        };
        return vec![run(0), run(1)];
    }
    let scale = &plan.scale;
    let critical = report.critical_size.as_ref().and_then(|c| c.p50);
    let size = critical.map(|c| (c * scale.factor - scale.origin) / scale.span).filter(|s| s.is_finite() && *s > 0.0);
    if let Some(size) = size {
        let run = |i: usize| {
            let size = BESIDE[i] * size;
            let sign = if plan.duration.is_none() && scale.shown(size) > 0.0 { "+" } else { "" };
            let long = format!("{}: {} {sign}{}", words[i], scale.label, measured(scale.shown(size), &scale.unit));
            Run { size, duration: stated, short: words[i], long }
        };
        return vec![run(0), run(1)];
    }
    vec![Run {
        size: 1.0,
        duration: stated,
        short: if report.outcome == "tips" { words[1] } else { words[0] },
        long: "as stated".to_owned(),
    }]
}

/// How much time after the begin of the trigger tells the story: until the run that heals is back and the other one has
/// collapsed, unless that takes much longer.
fn window(fluid: &Fluid, landscape: &Landscape, range: &Range<'_>, plan: &Plan, runs: &[Run]) -> Option<f64> {
    let slowest = landscape.states.iter().filter_map(|s| s.spectrum.as_ref()?.modes.first()).map(|m| m.value.re.abs());
    let slowest = 1.0 / slowest.fold(f64::INFINITY, f64::min).clamp(1e-9, 1e9);
    let longest = runs.iter().map(|r| r.duration).fold(0.0, f64::max);
    let mut span = 60.0 * slowest + 10.0 * longest;
    let first = runs.first()?;
    for round in 0..DOUBLINGS {
        let path = range.path(plan, (first.size, first.duration), 0.0, first.duration + span).ok()?;
        let home = distance(fluid.states(), path.final_state(), range.rest()) <= NEAR;
        if !home && first.short != "collapses" && round + 1 < DOUBLINGS {
            span *= 2.0;
            continue;
        }
        let back = arrival(fluid, &path, path.final_state(), first.duration).max(2.0 * longest);
        let gone = match runs.get(1) {
            Some(run) => {
                let path = range.path(plan, (run.size, run.duration), 0.0, run.duration + span).ok()?;
                arrival(fluid, &path, path.final_state(), run.duration)
            }
            None => back,
        };
        return Some(1.1 * back.max(gone.min(1.6 * back)));
    }
    None
}

/// When a path is near its end state for good.
fn arrival(fluid: &Fluid, path: &Trajectory, end: &[f64], from: f64) -> f64 {
    path.steps()
        .filter(|step| step.end() > from && distance(fluid.states(), step.after(), end) > NEAR)
        .map(|step| step.end())
        .last()
        .unwrap_or(from)
}
