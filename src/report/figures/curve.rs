//! Critical size against duration of a trigger.

use super::{NamedFigure, Watcher, file_name, subtitle};
use crate::answers::analysis::TriggerReport;
use crate::answers::critical_curve::{CurvePoint, critical_curve, durations};
use crate::answers::landscape::Landscape;
use crate::answers::study::Study;
use crate::answers::triggers::Plan;
use crate::plot::{CriticalCurve, Figure, PlotError, Scale, StatedTrigger, TriggerCurve};
use std::num::NonZeroUsize;

/// Durations computed.
pub(super) const POINTS: usize = 16;
/// A curve of fewer points than this would say more than is known.
const FEWEST: usize = 4;

pub(super) fn draw(
    study: &Study,
    landscape: &Landscape,
    good: usize,
    report: &TriggerReport,
    threads: NonZeroUsize,
    watcher: &dyn Watcher,
) -> Result<Option<NamedFigure>, PlotError> {
    let trigger = study.model.triggers.iter().find(|t| t.name.value == report.name);
    let Some(plan) = trigger.and_then(|t| Plan::new(&study.median, t).ok()) else { return Ok(None) };
    let Some(stated) = plan.duration else { return Ok(None) };
    let middle = report.critical_duration.as_ref().and_then(|c| c.p50).filter(|&d| d > 0.0).unwrap_or(stated);
    let durations = durations(stated, middle, POINTS);
    let step = || watcher.step();
    let points = critical_curve(study, (landscape, good), &plan, (&durations, middle), threads, &step);
    let Some(figure) = chart(study, &plan, &points)? else { return Ok(None) };
    let name = format!("trigger-{}-curve", file_name(&plan.name));
    Ok(Some(NamedFigure { name, about: title(&plan), figure }))
}

fn title(plan: &Plan) -> String {
    format!("{}: what size and duration tip the system", plan.name)
}

/// The curve as a chart; `None` if it has too few points.
pub(crate) fn chart(study: &Study, plan: &Plan, points: &[CurvePoint]) -> Result<Option<Figure>, PlotError> {
    let scale = &plan.scale;
    let falls = scale.span < 0.0;
    // A trigger that takes something away is the larger the less it leaves.
    let shown = |size: f64| if falls { size * scale.span.abs() / scale.factor } else { scale.shown(size) };
    let middle: Vec<(f64, f64)> = points.iter().map(|p| (p.duration, shown(p.size))).collect();
    if middle.iter().filter(|p| p.1.is_finite()).count() < FEWEST {
        return Ok(None);
    }
    let edges = |p: &CurvePoint| {
        let (low, high) = p.odds.percentiles().map_or((f64::NAN, f64::NAN), |p| (shown(p[0]), shown(p[2])));
        (p.duration, low, high)
    };
    let stated = plan.duration.map(|duration| StatedTrigger { label: plan.name.clone(), duration, size: shown(1.0) });
    let chart = TriggerCurve {
        title: title(plan),
        subtitle: Some(subtitle(study)),
        size_label: if falls {
            format!("Reduction of {}", scale.label)
        } else {
            format!("{} during the trigger", scale.label)
        },
        size_unit: scale.unit.clone(),
        size_scale: Scale::Linear,
        curves: vec![CriticalCurve { name: String::new(), points: middle, band: points.iter().map(edges).collect() }],
        stated,
    };
    chart.draw().map(Some)
}
