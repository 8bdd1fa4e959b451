//! A judge at work on one trajectory.

use super::{Judge, Outcome, distance};
use crate::dynamics::integrate::Step;
use crate::process::field::{Field, StateInfo};
use std::ops::ControlFlow;

/// What was seen so far.
pub(super) struct Watch<'a> {
    judge: &'a Judge,
    states: Vec<StateInfo>,
    from: f64,
    /// Attractor whose ball the trajectory is in, and since when.
    inside: Option<(usize, f64)>,
    /// Per state: size and rate of growth when it first was beyond its threshold.
    beyond: Vec<Option<(f64, f64)>>,
    slope: Vec<f64>,
    pub(super) outcome: Option<Outcome>,
}

impl<'a> Watch<'a> {
    pub(super) fn new<F: Field + ?Sized>(judge: &'a Judge, field: &F, from: f64) -> Self {
        let dim = field.dim();
        Self {
            judge,
            states: field.states().to_vec(),
            from,
            inside: None,
            beyond: vec![None; dim],
            slope: vec![0.0; dim],
            outcome: None,
        }
    }

    pub(super) fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        let (t, x) = (step.end(), step.after());
        if t <= self.from {
            return ControlFlow::Continue(());
        }
        let near = (0..self.judge.attractors.len())
            .find(|&i| distance(&self.states, x, &self.judge.attractors[i]) <= self.judge.radii[i]);
        self.inside = match (near, self.inside) {
            (Some(i), Some((j, since))) if i == j => Some((j, since)),
            (Some(i), _) => Some((i, t)),
            (None, _) => None,
        };
        if let Some((index, since)) = self.inside
            && t - since >= self.judge.memory
        {
            self.outcome = Some(Outcome::Attractor { index, t });
            return ControlFlow::Break(());
        }
        // The mean over the step: on a long stiff step the slope of the dense output says little.
        for (slope, (after, before)) in self.slope.iter_mut().zip(x.iter().zip(step.before())) {
            *slope = (after - before) / (t - step.start());
        }
        for (i, &value) in x.iter().enumerate() {
            if value <= self.judge.thresholds[i] || self.slope[i] <= 0.0 {
                self.beyond[i] = None;
                continue;
            }
            let (size, growth) = *self.beyond[i].get_or_insert((value, self.slope[i]));
            if self.slope[i] < 0.9 * growth {
                self.beyond[i] = Some((value, self.slope[i]));
            } else if value >= 4.0 * size {
                self.outcome = Some(Outcome::Escape { state: i, t, growth: self.slope[i] });
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}
