//! The outcome of a trajectory: an attractor by its number, escape, or undecided; decided as early as it can be.
//!
//! **Attractor.** The trajectory counts as captured by a stable equilibrium once it has stayed for the longest lag within
//! a ball around it, in the norm `max_i |x_i - a_i| / (|a_i| + scale_i)`. The radius is a hundredth, and at most a fifth of
//! the distance to the nearest other equilibrium.
//!
//! **Escape.** A state without upper bound is beyond every equilibrium: above ten times the largest of them and a hundred
//! times its scale. It escapes if it then grows fourfold while its rate of growth never falls by more than a tenth: a
//! queue that would still settle slows down before it does.
//!
//! Trajectories that end alike join each other long before they end: where many are followed, those whose outcome is known
//! show the way ([`Ways`]).

mod watch;
mod ways;

pub(in crate::dynamics) use watch::Seen;
pub use ways::Ways;

use super::integrate::{History, IntegrateError, Options, Segment, Trajectory, integrate_with};
use crate::process::field::{Field, StateInfo};
use watch::Watch;

/// How a trajectory ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// Captured by the attractor with this index, at this time.
    Attractor {
        /// Index in the list of attractors.
        index: usize,
        /// Time of the decision.
        t: f64,
    },
    /// A state grows without bound.
    Escape {
        /// Index of the state.
        state: usize,
        /// Time of the decision.
        t: f64,
        /// Its rate of growth then, per second.
        growth: f64,
    },
    /// Nothing was decided until this time.
    Undecided {
        /// Time reached.
        t: f64,
    },
}

/// Centre and radius of a ball in each state.
pub(in crate::dynamics) type Ball = Vec<(f64, f64)>;

/// What trajectories are judged against.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    attractors: Vec<Vec<f64>>,
    /// Equilibria that are not stable.
    others: Vec<Vec<f64>>,
    radii: Vec<f64>,
    thresholds: Vec<f64>,
    memory: f64,
}

/// Distance between two states, weighted by their size: `max_i |a_i - b_i| / (|b_i| + scale_i)`.
#[must_use]
pub fn distance(states: &[StateInfo], a: &[f64], b: &[f64]) -> f64 {
    states.iter().zip(a).zip(b).map(|((s, x), y)| (x - y).abs() / (y.abs() + s.scale)).fold(0.0, f64::max)
}

impl Judge {
    /// A judge for a field at parameters `p` with these stable and these other equilibria.
    #[must_use]
    pub fn new<F: Field + ?Sized>(field: &F, p: &[f64], attractors: Vec<Vec<f64>>, others: &[Vec<f64>]) -> Self {
        let states = field.states();
        let all: Vec<&Vec<f64>> = attractors.iter().chain(others).collect();
        let radius = |i: usize| {
            let nearest = all
                .iter()
                .enumerate()
                .filter(|(j, _)| *j != i)
                .map(|(_, other)| distance(states, other, &attractors[i]))
                .fold(f64::INFINITY, f64::min);
            (0.2 * nearest).min(0.01)
        };
        let threshold = |i: usize| {
            if states[i].upper.is_finite() {
                return f64::INFINITY;
            }
            let largest = all.iter().map(|x| x[i]).fold(0.0, f64::max);
            (10.0 * largest).max(100.0 * states[i].scale)
        };
        Self {
            radii: (0..attractors.len()).map(radius).collect(),
            thresholds: (0..states.len()).map(threshold).collect(),
            memory: field.lags(p).last().copied().unwrap_or(0.0),
            attractors,
            others: others.to_vec(),
        }
    }

    /// Number of attractors.
    #[must_use]
    pub fn attractors(&self) -> usize {
        self.attractors.len()
    }

    /// Where a trajectory may be decided at all: for each attractor its centre and the radius of its ball in each state, then
    /// the thresholds of escape. Steps that end elsewhere decide nothing.
    pub(in crate::dynamics) fn regions(&self, states: &[StateInfo]) -> (Vec<Ball>, &[f64]) {
        let ball = |(centre, radius): (&Vec<f64>, &f64)| {
            // A little wider: the ball itself is decided on exactly.
            centre.iter().zip(states).map(|(c, s)| (*c, 1.001 * radius * (c.abs() + s.scale))).collect()
        };
        (self.attractors.iter().zip(&self.radii).map(ball).collect(), &self.thresholds)
    }

    /// Follows a trajectory through `segments` and decides its outcome once the last segment has begun.
    ///
    /// # Errors
    /// [`IntegrateError`] if the equations cannot be solved.
    pub fn follow<F: Field + ?Sized>(
        &self,
        field: &F,
        history: &History<'_>,
        segments: &[Segment],
        options: &Options,
    ) -> Result<(Outcome, Trajectory), IntegrateError> {
        let mut watch = Watch::new(self, field, last_begins(segments));
        let trajectory = integrate_with(field, 0.0, history, segments, options, &[], &mut |step| watch.step(step))?;
        let undecided = Outcome::Undecided { t: trajectory.end() };
        Ok((watch.outcome.unwrap_or(undecided), trajectory))
    }

    /// As [`Judge::follow`] for one of many trajectories with the same last segment, by and by: decided where it joins one of
    /// them whose outcome is known, and kept for those to come. Returns whether it was followed to its end.
    ///
    /// # Errors
    /// As [`Judge::follow`].
    pub fn follow_among<F: Field + ?Sized>(
        &self,
        field: &F,
        history: &History<'_>,
        segments: &[Segment],
        options: &Options,
        ways: &mut Ways,
    ) -> Result<(Outcome, bool), IntegrateError> {
        let from = last_begins(segments);
        let mut watch = Watch::new(self, field, from);
        let mut beside = ways.beside(field.states(), from.max(0.0), self.memory);
        let mut joined = None;
        let trajectory = integrate_with(field, 0.0, history, segments, options, &[], &mut |step| {
            let flow = watch.step(step);
            if watch.outcome.is_none() {
                joined = beside.step(step);
            }
            if joined.is_some() { std::ops::ControlFlow::Break(()) } else { flow }
        })?;
        let own = beside.finish();
        let undecided = Outcome::Undecided { t: trajectory.end() };
        let outcome = joined.or(watch.outcome).unwrap_or(undecided);
        ways.keep(field.states(), own, outcome, &self.others);
        Ok((outcome, joined.is_none()))
    }
}

/// When the last of several segments begins.
fn last_begins(segments: &[Segment]) -> f64 {
    if segments.len() < 2 { f64::NEG_INFINITY } else { segments[segments.len() - 2].until }
}

#[cfg(test)]
mod tests {
    use super::super::testing::m1;
    use super::*;

    fn judge(load: f64) -> (Judge, [f64; 2]) {
        let (field, p) = (m1(), [load, 0.75]);
        let found = crate::dynamics::equilibria::equilibria(&field, &p, &[], &Default::default());
        let mut stable = Vec::new();
        let mut others = Vec::new();
        for e in found.points {
            let s = crate::dynamics::spectrum::spectrum(&field, &p, &e.x, &Default::default()).unwrap();
            if s.stable { stable.push(e.x) } else { others.push(e.x) }
        }
        (Judge::new(&field, &p, stable, &others), p)
    }

    fn outcome(load: f64, n: f64) -> Outcome {
        let (judge, p) = judge(load);
        let history = History::Constant(vec![n, 0.0]);
        judge.follow(&m1(), &history, &[Segment::new(1e7, &p)], &Options::default()).unwrap().0
    }

    #[test]
    fn healing_and_escape_are_told_apart() {
        assert!(matches!(outcome(400.0, 1500.0), Outcome::Attractor { index: 0, .. }));
        assert!(matches!(outcome(400.0, 2500.0), Outcome::Escape { state: 0, .. }));
    }

    #[test]
    fn trajectories_that_join_known_ones_end_as_they_do() {
        let (judge, p) = judge(400.0);
        let mut ways = Ways::default();
        let segments = [Segment::new(1e-6, &p), Segment::new(1e7, &p)];
        let (mut joined, mut heals, mut tips) = (0, 0.0, 4000.0);
        for _ in 0..40 {
            let n = 0.5 * (heals + tips);
            let history = History::Constant(vec![n, 0.0]);
            let options = Options::default();
            let (outcome, whole) = judge.follow_among(&m1(), &history, &segments, &options, &mut ways).unwrap();
            let (alone, path) = judge.follow(&m1(), &history, &segments, &options).unwrap();
            joined += usize::from(!whole);
            match (outcome, alone) {
                (Outcome::Attractor { index: 0, t }, Outcome::Attractor { index: 0, .. }) => {
                    assert!((t / path.end() - 1.0).abs() < 0.05, "{n}: {t} {}", path.end());
                    heals = n;
                }
                (Outcome::Escape { state: 0, .. }, Outcome::Escape { state: 0, .. }) => tips = n,
                pair => panic!("{n}: {pair:?}"),
            }
        }
        assert!(joined >= 30, "{joined}");
    }

    #[test]
    fn a_far_equilibrium_is_not_escape() {
        // Just below load 250 the queue first drains, since nobody waits to retry yet, then grows until it settles at 4999.
        assert!(matches!(outcome(249.95, 4000.0), Outcome::Attractor { index: 1, .. }));
    }
}
