//! A trajectory with everything needed to evaluate rates and derivatives along it.

use crate::dynamics::integrate::{Segment, Trajectory};
use crate::process::field::Field;
use crate::process::fluid::Fluid;

/// A trajectory through segments of constant parameters that was at rest before it began.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The equations.
    pub fluid: &'a Fluid,
    /// The path.
    pub path: &'a Trajectory,
    /// The segments it was integrated through.
    pub segments: &'a [Segment],
    /// The states before its start.
    pub rest: &'a [f64],
    /// The parameters before its start.
    pub today: &'a [f64],
}

/// A point of a run, as [`Field::rhs`] takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// States.
    pub x: Vec<f64>,
    /// States at the lags.
    pub past: Vec<f64>,
    /// Parameters, followed by those at the lags.
    pub p: Vec<f64>,
}

impl Run<'_> {
    /// The lags under today's parameters.
    #[must_use]
    pub fn lags(&self) -> Vec<f64> {
        self.fluid.lags(self.today)
    }

    /// Whether the parameters of every segment have the same lags.
    #[must_use]
    pub fn has_constant_lags(&self) -> bool {
        let lags = self.lags();
        self.segments.iter().all(|s| self.fluid.lags(&s.parameters) == lags)
    }

    /// Writes the states at `t`, the later ones at a kick.
    pub fn state(&self, t: f64, out: &mut [f64]) {
        if self.path.at_into(t, out) {
            return;
        }
        if t < self.path.start() {
            out.copy_from_slice(self.rest);
        } else {
            out.copy_from_slice(self.path.final_state());
        }
    }

    /// The parameters at `t`, the later ones where they change.
    #[must_use]
    pub fn parameters(&self, t: f64) -> &[f64] {
        if t < self.path.start() {
            return self.today;
        }
        let place = self.segments.iter().find(|s| t < s.until).or(self.segments.last());
        place.map_or(self.today, |s| &s.parameters)
    }

    /// The point at `t`, given the lags.
    #[must_use]
    pub fn point(&self, t: f64, lags: &[f64]) -> Point {
        let n = self.fluid.dim();
        let mut x = vec![0.0; n];
        self.state(t, &mut x);
        let mut past = vec![0.0; n * lags.len()];
        for (lag, row) in lags.iter().zip(past.chunks_exact_mut(n.max(1))) {
            self.state(t - lag, row);
        }
        let history: Vec<&[f64]> = lags.iter().map(|lag| self.parameters(t - lag)).collect();
        Point { x, past, p: self.fluid.with_history(self.parameters(t), &history) }
    }

    /// The right-hand side at `t`.
    #[must_use]
    pub fn slope(&self, t: f64, lags: &[f64]) -> Vec<f64> {
        let point = self.point(t, lags);
        let mut out = vec![0.0; self.fluid.dim()];
        self.fluid.rhs(t, &point.x, &point.past, &point.p, &mut out);
        out
    }

    /// Where parameters change or a kick falls: the start of the run and every joint of segments before its end.
    #[must_use]
    pub fn joints(&self) -> Vec<f64> {
        let last = self.segments.len().saturating_sub(1);
        let mut joints = vec![self.path.start()];
        joints.extend(self.segments.iter().take(last).map(|s| s.until));
        joints
    }
}
