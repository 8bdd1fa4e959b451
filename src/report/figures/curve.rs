//! Critical size against duration of a trigger.

use super::{NamedFigure, Watcher, file_name, subtitle};
use crate::answers::analysis::TriggerReport;
use crate::answers::landscape::Landscape;
use crate::answers::study::Study;
use crate::answers::triggers::{Plan, Range, Threshold};
use crate::plot::{CriticalCurve, PlotError, Scale, StatedTrigger, TriggerCurve};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Durations computed.
pub(super) const POINTS: usize = 16;
/// A curve of fewer points than this would say more than is known.
const FEWEST: usize = 4;
/// The shortest and longest, as multiples of the middle one.
const SPREAD: (f64, f64) = (0.25, 8.0);

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
    // Through the critical duration, and always as far as the stated one.
    let (shortest, longest) = ((SPREAD.0 * middle).min(0.5 * stated), (SPREAD.1 * middle).max(2.0 * stated));
    let durations: Vec<f64> =
        (0..POINTS).map(|i| shortest * (longest / shortest).powf(i as f64 / (POINTS - 1) as f64)).collect();
    let sizes = critical_sizes(study, landscape, good, &plan, (&durations, middle), threads, watcher);
    let scale = &plan.scale;
    let falls = scale.span < 0.0;
    // A trigger that takes something away is the larger the less it leaves.
    let shown = |size: f64| if falls { size * scale.span.abs() / scale.factor } else { scale.shown(size) };
    let points: Vec<(f64, f64)> = durations.iter().zip(sizes).map(|(d, s)| (*d, shown(s))).collect();
    if points.iter().filter(|p| p.1.is_finite()).count() < FEWEST {
        return Ok(None);
    }
    let title = format!("{}: what size and duration tip the system", plan.name);
    let chart = TriggerCurve {
        title: title.clone(),
        subtitle: Some(subtitle(study)),
        size_label: if falls {
            format!("Reduction of {}", scale.label)
        } else {
            format!("{} during the trigger", scale.label)
        },
        size_unit: scale.unit.clone(),
        size_scale: Scale::Linear,
        curves: vec![CriticalCurve { name: String::new(), points }],
        stated: Some(StatedTrigger { label: plan.name.clone(), duration: stated, size: shown(1.0) }),
    };
    let name = format!("trigger-{}-curve", file_name(&plan.name));
    Ok(Some(NamedFigure { name, about: title, figure: chart.draw()? }))
}

/// The critical size for each duration: infinite where none tips, not a number where it is not decided. The work is
/// shared between threads; each value depends on its duration alone.
fn critical_sizes(
    study: &Study,
    landscape: &Landscape,
    good: usize,
    plan: &Plan,
    (durations, middle): (&[f64], f64),
    threads: NonZeroUsize,
    watcher: &dyn Watcher,
) -> Vec<f64> {
    let next = AtomicUsize::new(0);
    let sizes = Mutex::new(vec![f64::NAN; durations.len()]);
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(durations.len()) {
            let fluid = study.median.clone();
            let (next, sizes) = (&next, &sizes);
            scope.spawn(move || {
                let Some(range) = Range::new(&fluid, landscape, good) else { return };
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&duration) = durations.get(place) else { return };
                    let guess = (middle / duration).clamp(0.1, 16.0);
                    let size = match range.critical_size(plan, duration, guess) {
                        Ok(Threshold::At(size)) => size,
                        Ok(Threshold::None(_)) => f64::INFINITY,
                        Ok(Threshold::Undecided) | Err(_) => f64::NAN,
                    };
                    if let Ok(mut sizes) = sizes.lock() {
                        sizes[place] = size;
                    }
                    watcher.step();
                }
            });
        }
    });
    sizes.into_inner().unwrap_or_default()
}
