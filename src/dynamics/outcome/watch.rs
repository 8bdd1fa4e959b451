//! A judge at work on one trajectory.

use super::{Judge, Outcome, distance};
use crate::dynamics::integrate::Step;
use crate::process::field::{Field, StateInfo};
use std::ops::ControlFlow;

/// What was seen of a trajectory so far.
#[derive(Debug, Clone)]
pub(in crate::dynamics) struct Seen {
    /// Attractor whose ball the trajectory is in, and since when.
    inside: Option<(usize, f64)>,
    /// Per state: size and rate of growth when it first was beyond its threshold.
    beyond: Vec<Option<(f64, f64)>>,
}

impl Seen {
    /// Nothing, of a trajectory of `dim` states.
    pub(in crate::dynamics) fn nothing(dim: usize) -> Self {
        Self { inside: None, beyond: vec![None; dim] }
    }

    /// Whether what was seen matters to the steps that follow.
    pub(in crate::dynamics) fn is_something(&self) -> bool {
        self.inside.is_some() || self.beyond.iter().any(Option::is_some)
    }

    /// Takes note of a step from `before` to `x`, and decides.
    pub(in crate::dynamics) fn step(
        &mut self,
        judge: &Judge,
        states: &[StateInfo],
        (start, before): (f64, &[f64]),
        (t, x): (f64, &[f64]),
    ) -> Option<Outcome> {
        let near = (0..judge.attractors.len()).find(|&i| distance(states, x, &judge.attractors[i]) <= judge.radii[i]);
        self.inside = match (near, self.inside) {
            (Some(i), Some((j, since))) if i == j => Some((j, since)),
            (Some(i), _) => Some((i, t)),
            (None, _) => None,
        };
        if let Some((index, since)) = self.inside
            && t - since >= judge.memory
        {
            return Some(Outcome::Attractor { index, t });
        }
        for (i, &value) in x.iter().enumerate() {
            // The mean over the step: on a long stiff step the slope of the dense output says little.
            let slope = (value - before[i]) / (t - start);
            if value <= judge.thresholds[i] || slope <= 0.0 {
                self.beyond[i] = None;
                continue;
            }
            let (size, growth) = *self.beyond[i].get_or_insert((value, slope));
            if slope < 0.9 * growth {
                self.beyond[i] = Some((value, slope));
            } else if value >= 4.0 * size {
                return Some(Outcome::Escape { state: i, t, growth: slope });
            }
        }
        None
    }
}

/// A judge watching a trajectory step by step.
pub(super) struct Watch<'a> {
    judge: &'a Judge,
    states: Vec<StateInfo>,
    from: f64,
    seen: Seen,
    pub(super) outcome: Option<Outcome>,
}

impl<'a> Watch<'a> {
    pub(super) fn new<F: Field + ?Sized>(judge: &'a Judge, field: &F, from: f64) -> Self {
        Self { judge, states: field.states().to_vec(), from, seen: Seen::nothing(field.dim()), outcome: None }
    }

    pub(super) fn step(&mut self, step: &Step<'_>) -> ControlFlow<()> {
        if step.end() <= self.from {
            return ControlFlow::Continue(());
        }
        let (before, after) = ((step.start(), step.before()), (step.end(), step.after()));
        self.outcome = self.seen.step(self.judge, &self.states, before, after);
        if self.outcome.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
