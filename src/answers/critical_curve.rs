//! The critical curve of a trigger: for each duration the size that tips the system, with its spread over runs.

use super::landscape::Landscape;
use super::odds::{Odds, Varied};
use super::study::Study;
use super::triggers::{Plan, Range, Threshold};
use crate::chance::events::Events;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What size tips the system at one duration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// The duration in seconds; 0 for a kick.
    pub duration: f64,
    /// The size at which half of the runs tip, as a share of the stated one: infinite if none tips, not a number if that
    /// was not decided.
    pub size: f64,
    /// Its spread.
    pub odds: Odds,
}

/// The durations of a curve: through the critical one, `middle`, and always as far as the stated one.
#[must_use]
pub fn durations(stated: f64, middle: f64, count: usize) -> Vec<f64> {
    let (shortest, longest) = ((0.25 * middle).min(0.5 * stated), (8.0 * middle).max(2.0 * stated));
    let last = count.saturating_sub(1).max(1) as f64;
    (0..count).map(|i| shortest * (longest / shortest).powf(i as f64 / last)).collect()
}

/// Computes the curve at `durations`; `middle` is the critical duration at the stated size, from which sizes are guessed.
/// The work is shared between threads; each point depends on its duration alone. `step` is called after each.
#[must_use]
pub fn critical_curve(
    study: &Study,
    (landscape, good): (&Landscape, usize),
    plan: &Plan,
    (durations, middle): (&[f64], f64),
    threads: NonZeroUsize,
    step: &(dyn Fn() + Sync),
) -> Vec<CurvePoint> {
    let next = AtomicUsize::new(0);
    let nothing = Odds::Unknown("there is no critical size");
    let unknown = |&duration: &f64| CurvePoint { duration, size: f64::NAN, odds: nothing };
    let points = Mutex::new(durations.iter().map(unknown).collect::<Vec<_>>());
    let events = Events::new(&study.median);
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(durations.len()) {
            let fluid = study.median.clone();
            let (next, points, events) = (&next, &points, &events);
            scope.spawn(move || {
                let Some(range) = Range::new(&fluid, landscape, good) else { return };
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&duration) = durations.get(place) else { return };
                    let guess = if plan.duration.is_some() { (middle / duration).clamp(0.1, 16.0) } else { 1.0 };
                    let (size, odds) = match range.critical_size(plan, duration, guess) {
                        Ok(Threshold::At(size)) => {
                            let odds = range.odds(plan, events, Varied::Size, (size, duration));
                            (size, odds.unwrap_or(Odds::Unknown("the equations could not be solved")))
                        }
                        Ok(Threshold::None(_)) => (f64::INFINITY, nothing),
                        Ok(Threshold::Undecided) | Err(_) => (f64::NAN, nothing),
                    };
                    if let Ok(mut points) = points.lock() {
                        points[place] = CurvePoint { duration, size, odds };
                    }
                    step();
                }
            });
        }
    });
    points.into_inner().unwrap_or_default()
}
