//! A trajectory read at chosen times: states, outputs, parameters.

use crate::dynamics::integrate::{Segment, Trajectory};
use crate::process::field::Field;
use crate::process::fluid::Fluid;

/// A trajectory with what is needed to compute outputs along it.
pub(super) struct Samples<'a> {
    fluid: &'a Fluid,
    trajectory: &'a Trajectory,
    segments: &'a [Segment],
    /// The states before the start.
    before: &'a [f64],
    /// The parameters before the start.
    today: Vec<f64>,
}

/// What holds at one time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// The time.
    pub(super) t: f64,
    /// The states.
    pub(super) states: Vec<f64>,
    /// The outputs.
    pub(super) outputs: Vec<f64>,
    /// The parameters.
    pub(super) parameters: Vec<f64>,
}

impl<'a> Samples<'a> {
    /// Reads a trajectory of `fluid` through `segments` whose past, before its start, is constant.
    #[must_use]
    pub(super) fn new(
        fluid: &'a Fluid,
        trajectory: &'a Trajectory,
        segments: &'a [Segment],
        before: &'a [f64],
    ) -> Self {
        Self { fluid, trajectory, segments, before, today: fluid.parameters() }
    }

    /// What holds at `t`; where something jumps, after the jump. `None` outside the trajectory.
    #[must_use]
    pub(super) fn at(&self, t: f64) -> Option<Sample> {
        let states = self.trajectory.at(t)?;
        let parameters = self.parameters(t);
        let lags = self.fluid.lags(parameters);
        let before = |lag: &f64| self.trajectory.at(t - lag).unwrap_or_else(|| self.before.to_vec());
        let past: Vec<f64> = lags.iter().flat_map(before).collect();
        let history: Vec<&[f64]> = lags.iter().map(|lag| self.parameters(t - lag)).collect();
        let outputs = self.fluid.outputs(t, &states, &past, &self.fluid.with_history(parameters, &history));
        Some(Sample { t, states, outputs, parameters: parameters.to_vec() })
    }

    /// The parameters at a time.
    fn parameters(&self, t: f64) -> &[f64] {
        if t < self.trajectory.start() {
            return &self.today;
        }
        let segment = self.segments.iter().find(|s| t < s.until).or(self.segments.last());
        segment.map_or(&self.today, |s| &s.parameters)
    }

    /// Times at which a curve should be drawn: evenly spread, and both sides of every jump.
    #[must_use]
    pub(super) fn times(&self, count: usize) -> Vec<f64> {
        let (from, to) = (self.trajectory.start().max(0.0), self.trajectory.end());
        let mut times: Vec<f64> = (0..=count).map(|i| from + (to - from) * (i as f64 / count.max(1) as f64)).collect();
        for jump in self.segments.iter().map(|s| s.until).filter(|&t| from < t && t < to) {
            times.extend([jump - 1e-9 * (to - from), jump]);
        }
        times.sort_by(f64::total_cmp);
        times
    }
}
