//! Many paths: bands over time, and where each path ends.
//!
//! **Outcome of a path.** After its last trigger a path is compared with the attractors at checkpoints, a fortieth of
//! the patience apart, by its mean since the checkpoint before:
//!
//! ```text
//! distance(x, a) = max_i |x_i - a_i| / (|x_i| + |a_i| + scale_i)
//! ```
//!
//! It ends at the attractor that was nearest at eight checkpoints in a row, or escapes if a state without upper bound
//! is ten times beyond every attractor and a hundred scales then; if neither happens within the patience it is undecided.

use super::machine::Machine;
use super::path::{Path, PathError, Stop};
use crate::dynamics::integrate::Segment;
use crate::dynamics::outcome::Outcome;
use crate::process::event::Event;
use rayon::prelude::*;
use std::ops::ControlFlow;

/// Checkpoints within the patience.
const CHECKPOINTS: usize = 40;
/// Checkpoints in a row that decide.
const IN_A_ROW: usize = 8;

/// How a set of paths starts and what is done to it.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Events of the process, in the order of [`Process::all_events`](crate::process::population::Process::all_events).
    pub events: &'a [Event],
    /// State at time 0, in which the system has rested.
    pub start: &'a [f64],
    /// Parameters and kicks over time.
    pub segments: &'a [Segment],
    /// Seed of all paths.
    pub seed: u64,
}

impl<'a> Run<'a> {
    fn path<'m>(&self, machine: &'m Machine, replication: u64) -> Result<Path<'m>, PathError> {
        let parameters = self.segments.first().map_or(&[][..], |s| &s.parameters);
        Path::at_rest(machine, self.events, parameters, self.start, self.seed, replication)
    }
}

/// Mean and percentiles of states and outputs over time: `mean[variable][time]`, states first, then outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Bands {
    /// Times in seconds.
    pub times: Vec<f64>,
    /// Mean.
    pub mean: Vec<Vec<f64>>,
    /// One path in ten is below.
    pub p10: Vec<Vec<f64>>,
    /// Half of the paths are below.
    pub p50: Vec<Vec<f64>>,
    /// Nine paths in ten are below.
    pub p90: Vec<Vec<f64>>,
}

/// Simulates `paths` paths and summarises them at `times` (ascending).
///
/// # Errors
/// [`PathError`] of the first path that fails.
pub fn bands(machine: &Machine, run: &Run<'_>, times: &[f64], paths: u64) -> Result<Bands, PathError> {
    let all: Vec<Vec<Vec<f64>>> =
        (0..paths).into_par_iter().map(|r| sampled(machine, run, times, r)).collect::<Result<_, _>>()?;
    let variables = machine.states.len() + machine.outputs.outputs();
    let empty = || vec![vec![f64::NAN; times.len()]; variables];
    let mut bands = Bands { times: times.to_vec(), mean: empty(), p10: empty(), p50: empty(), p90: empty() };
    for v in 0..variables {
        for k in 0..times.len() {
            let mut values: Vec<f64> = all.iter().map(|path| path[k][v]).collect();
            values.sort_by(f64::total_cmp);
            bands.mean[v][k] = values.iter().sum::<f64>() / values.len() as f64;
            bands.p10[v][k] = quantile(&values, 0.1);
            bands.p50[v][k] = quantile(&values, 0.5);
            bands.p90[v][k] = quantile(&values, 0.9);
        }
    }
    Ok(bands)
}

/// Quantile of sorted values by linear interpolation between order statistics.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = share * last as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    sorted[low] + (at - at.floor()) * (sorted[high] - sorted[low])
}

fn sampled(machine: &Machine, run: &Run<'_>, times: &[f64], replication: u64) -> Result<Vec<Vec<f64>>, PathError> {
    let mut path = run.path(machine, replication)?;
    let mut rows = Vec::with_capacity(times.len());
    let mut go_on = |_: &Path<'_>| ControlFlow::Continue(());
    let mut times = times.iter().peekable();
    for (i, segment) in run.segments.iter().enumerate() {
        if i > 0 || !segment.kick.is_empty() {
            path.set_parameters(&segment.parameters)?;
            path.kick(&segment.kick);
        }
        let last = i + 1 == run.segments.len();
        while let Some(&t) = times.next_if(|t| **t < segment.until || last) {
            path.advance(t, &mut go_on)?;
            let mut row = path.state().to_vec();
            row.extend(path.outputs());
            rows.push(row);
        }
        path.advance(segment.until, &mut go_on)?;
    }
    Ok(rows)
}

/// Where each of `paths` paths ends: see the module documentation. The last segment is the patience.
///
/// # Errors
/// [`PathError`] of the first path that fails.
pub fn outcome(
    machine: &Machine,
    run: &Run<'_>,
    attractors: &[Vec<f64>],
    paths: u64,
) -> Result<Vec<Outcome>, PathError> {
    (0..paths).into_par_iter().map(|r| ending(machine, run, attractors, r)).collect()
}

fn ending(machine: &Machine, run: &Run<'_>, attractors: &[Vec<f64>], replication: u64) -> Result<Outcome, PathError> {
    let mut path = run.path(machine, replication)?;
    let Some((last, before)) = run.segments.split_last() else { return Ok(Outcome::Undecided { t: 0.0 }) };
    let mut go_on = |_: &Path<'_>| ControlFlow::Continue(());
    path.follow(before, &mut go_on)?;
    path.set_parameters(&last.parameters)?;
    path.kick(&last.kick);
    let from = path.time();
    let window = (last.until - from) / CHECKPOINTS as f64;
    let mut nearest: Vec<usize> = Vec::new();
    for c in 1..=CHECKPOINTS {
        let mean = window_mean(&mut path, from + window * c as f64)?;
        if let Some((state, growth)) = escaped(machine, &mean, attractors, window) {
            return Ok(Outcome::Escape { state, t: path.time(), growth });
        }
        let distance = |a: &Vec<f64>| {
            let terms = machine.states.iter().zip(&mean).zip(a);
            terms.map(|((s, x), a)| (x - a).abs() / (x.abs() + a.abs() + s.scale)).fold(0.0, f64::max)
        };
        let best = (0..attractors.len()).min_by(|&a, &b| distance(&attractors[a]).total_cmp(&distance(&attractors[b])));
        let Some(best) = best else { continue };
        nearest.push(best);
        if nearest.len() >= IN_A_ROW && nearest[nearest.len() - IN_A_ROW..].iter().all(|&n| n == best) {
            return Ok(Outcome::Attractor { index: best, t: path.time() });
        }
    }
    Ok(Outcome::Undecided { t: path.time() })
}

/// Advances and returns the time average of the states.
fn window_mean(path: &mut Path<'_>, until: f64) -> Result<Vec<f64>, PathError> {
    let start = path.time();
    let mut integral = vec![0.0; path.state().len()];
    let (mut before, mut at) = (path.state().to_vec(), start);
    let mut watch = |p: &Path<'_>| {
        for (sum, x) in integral.iter_mut().zip(&before) {
            *sum += x * (p.time() - at);
        }
        before.copy_from_slice(p.state());
        at = p.time();
        ControlFlow::Continue(())
    };
    let stop: Stop = path.advance(until, &mut watch)?;
    debug_assert_eq!(stop, Stop::Until, "the observer never stops the path");
    for (sum, x) in integral.iter_mut().zip(&before) {
        *sum = (*sum + x * (until - at)) / (until - start);
    }
    Ok(integral)
}

/// A state without upper bound that is far beyond every attractor, and its mean rate of growth since one window ago.
fn escaped(machine: &Machine, mean: &[f64], attractors: &[Vec<f64>], window: f64) -> Option<(usize, f64)> {
    machine.states.iter().enumerate().find_map(|(i, state)| {
        let largest = attractors.iter().map(|a| a[i]).fold(0.0, f64::max);
        let far = state.upper.is_infinite() && mean[i] > (10.0 * largest).max(100.0 * state.scale);
        far.then(|| (i, mean[i] / window))
    })
}
