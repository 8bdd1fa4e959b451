//! Ways that trajectories took to outcomes that are known.
//!
//! Solutions of an equation with lags are told by their states over the longest lag L: two that agree on such a span agree
//! ever after. Near the edge between two basins all of them run along the edge for a while and leave it along the same curve,
//! the unstable manifold of the state on it, each a little later than the one before. So a trajectory joins an earlier one
//! when, for as long as L, it keeps within a tube around the way of that one, shifted in time:
//!
//! ```text
//! |x(t) - y(t - s)| <= r(t - s)   for a span of length L with s constant to within the same distance
//! r = min(r_0, ε · distance of y to any unstable equilibrium)
//! ```
//!
//! in the norm of [`super::distance`], and is by then further than 1/ε times that from the last way with another outcome. Both
//! keep the decision away from the edge, where a trajectory may still go either way. This is a decision from experience, not a proof: who rests an answer on it follows the trajectories
//! that matter to their own end.
//! It holds as long as trajectories come one by one into the middle between the closest on both sides: of one that lies much closer
//! to a way than the way to the edge, nothing follows.

use super::{Outcome, distance};
use crate::dynamics::integrate::Step;
use crate::process::field::StateInfo;

/// Largest radius of a tube, r_0: half the ball within which an equilibrium captures.
const RADIUS: f64 = 5e-3;
/// Share of the distance to what ends otherwise, ε.
const SHARE: f64 = 0.05;
/// Largest distance between a way and the line through its points.
const CHORD: f64 = 1e-4;
/// Most points per step.
const MOST_POINTS: usize = 16;
/// Ways kept to each outcome, the latest of them: in a search for the edge they come ever closer to it.
const MOST_WAYS: usize = 3;
/// Every so many steps a way that was lost is looked for.
const LOOK: usize = 8;

/// Points of a trajectory.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    times: Vec<f64>,
    points: Vec<f64>,
}

/// One way.
#[derive(Debug, Clone)]
struct Way {
    trace: Trace,
    /// Radius of the tube at each point.
    radius: Vec<f64>,
    outcome: Outcome,
}

/// Ways to known outcomes; see the module documentation.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    known: Vec<Way>,
}

impl Ways {
    /// Watches a trajectory that may join one of the ways, from the time `from` on; `memory` is the longest lag.
    pub(super) fn beside<'a>(&'a self, states: &'a [StateInfo], from: f64, memory: f64) -> Beside<'a> {
        let follower = Follower { place: None, since: 0.0, shift: 0.0, widest: 0.0 };
        Beside {
            ways: self,
            states,
            from,
            memory,
            followers: vec![follower; self.known.len()],
            own: Trace::default(),
            middle: vec![0.0; states.len()],
            steps: 0,
        }
    }

    /// Adds a trajectory with its outcome, if it has one; a trajectory that joined another way is one up to there.
    pub(super) fn keep(&mut self, states: &[StateInfo], trace: Trace, outcome: Outcome, unstable: &[Vec<f64>]) {
        if trace.times.len() < 2 || matches!(outcome, Outcome::Undecided { .. }) {
            return;
        }
        let radius: Vec<f64> = trace
            .points
            .chunks_exact(states.len())
            .map(|x| unstable.iter().map(|u| SHARE * distance(states, u, x)).fold(RADIUS, f64::min))
            .collect();
        if self.known.iter().filter(|other| alike(other.outcome, outcome)).count() >= MOST_WAYS
            && let Some(first) = self.known.iter().position(|other| alike(other.outcome, outcome))
        {
            self.known.remove(first);
        }
        self.known.push(Way { trace, radius, outcome });
    }
}

fn alike(a: Outcome, b: Outcome) -> bool {
    match (a, b) {
        (Outcome::Attractor { index: i, .. }, Outcome::Attractor { index: j, .. }) => i == j,
        (Outcome::Escape { state: i, .. }, Outcome::Escape { state: j, .. }) => i == j,
        _ => false,
    }
}

impl Trace {
    fn point(&self, i: usize, dim: usize) -> &[f64] {
        &self.points[i * dim..(i + 1) * dim]
    }

    /// Distance from `x` to the line between points i and i + 1, and where on it the nearest point lies; gives up beyond
    /// `largest`.
    fn aside(&self, states: &[StateInfo], x: &[f64], i: usize, largest: f64) -> Option<(f64, f64)> {
        let dim = states.len();
        let (a, b) = (self.point(i, dim), self.point(i + 1, dim));
        let (mut along, mut square) = (0.0, 0.0);
        for (k, state) in states.iter().enumerate() {
            let size = a[k].abs() + state.scale;
            let (step, gap) = (b[k] - a[k], x[k] - a[k]);
            // Neither end nor anything between is as close as that.
            if gap.abs() > largest * size + step.abs() {
                return None;
            }
            along += gap * step / (size * size);
            square += step * step / (size * size);
        }
        let share = if square > 0.0 { (along / square).clamp(0.0, 1.0) } else { 0.0 };
        let mut away: f64 = 0.0;
        for (k, state) in states.iter().enumerate() {
            let size = a[k].abs() + state.scale;
            away = away.max((x[k] - a[k] - share * (b[k] - a[k])).abs() / size);
        }
        (away <= largest).then_some((away, share))
    }

    /// Distance of a point from the trace, or `largest` if it is more than that.
    fn distance(&self, states: &[StateInfo], x: &[f64], largest: f64) -> f64 {
        let lines = 0..self.times.len().saturating_sub(1);
        lines.fold(largest, |best, i| self.aside(states, x, i, best).map_or(best, |(away, _)| away))
    }
}

/// Where a trajectory is beside a way.
#[derive(Debug, Clone, Copy)]
struct Follower {
    /// Number of the line of the way it is at.
    place: Option<usize>,
    /// Since when it keeps within the tube at one shift in time.
    since: f64,
    shift: f64,
    /// Largest distance from the way since then.
    widest: f64,
}

/// A trajectory under way beside known ones.
pub(super) struct Beside<'a> {
    ways: &'a Ways,
    states: &'a [StateInfo],
    from: f64,
    memory: f64,
    followers: Vec<Follower>,
    own: Trace,
    middle: Vec<f64>,
    steps: usize,
}

impl Beside<'_> {
    /// Takes note of a step; the outcome, once it is known.
    pub(super) fn step(&mut self, step: &Step<'_>) -> Option<Outcome> {
        if step.end() <= self.from {
            return None;
        }
        self.record(step);
        self.steps += 1;
        let (t, x) = (step.end(), step.after());
        for (way, follower) in self.ways.known.iter().zip(&mut self.followers) {
            let look = follower.place.is_some() || self.steps.is_multiple_of(LOOK);
            let found = if look { locate(self.states, way, x, follower.place) } else { None };
            let Some((place, share, away)) = found else {
                follower.place = None;
                continue;
            };
            let times = &way.trace.times;
            let then = times[place] + share * (times[place + 1] - times[place]);
            let dim = self.states.len();
            let length = distance(self.states, way.trace.point(place + 1, dim), way.trace.point(place, dim));
            let pace = length / (times[place + 1] - times[place]);
            let shift = t - then;
            let tube = way.radius[place].min(way.radius[place + 1]);
            if follower.place.is_none() || (shift - follower.shift).abs() * pace > tube {
                *follower = Follower { place: Some(place), since: t, shift, widest: away };
            }
            follower.place = Some(place);
            follower.widest = follower.widest.max(away);
            if t - follower.since < self.memory {
                continue;
            }
            // The latest with another outcome is the closest to the edge.
            let other = self.ways.known.iter().rfind(|other| !alike(other.outcome, way.outcome));
            let needed = follower.widest / SHARE;
            if other.is_none_or(|other| other.trace.distance(self.states, x, needed) >= needed) {
                return Some(match way.outcome {
                    Outcome::Attractor { index, t } => Outcome::Attractor { index, t: t + shift },
                    Outcome::Escape { state, t, growth } => Outcome::Escape { state, t: t + shift, growth },
                    Outcome::Undecided { t } => Outcome::Undecided { t: t + shift },
                });
            }
        }
        None
    }

    /// The trace of the trajectory itself.
    pub(super) fn finish(self) -> Trace {
        self.own
    }

    /// Adds as many points of a step as keep the lines between them close to it.
    fn record(&mut self, step: &Step<'_>) {
        let (start, end) = (step.start().max(self.from), step.end());
        if self.own.times.is_empty() {
            step.at(start, &mut self.middle);
            self.own.times.push(start);
            self.own.points.extend_from_slice(&self.middle);
        }
        step.at(0.5 * (start + end), &mut self.middle);
        let before = self.own.points.len() - self.states.len();
        let mut bend: f64 = 0.0;
        for (k, state) in self.states.iter().enumerate() {
            let (a, b) = (self.own.points[before + k], step.after()[k]);
            bend = bend.max((self.middle[k] - 0.5 * (a + b)).abs() / (self.middle[k].abs() + state.scale));
        }
        // The distance from the chord falls with the square of the number of pieces.
        let pieces = ((bend / CHORD).sqrt().ceil() as usize).clamp(1, MOST_POINTS);
        for piece in 1..=pieces {
            let t = start + (end - start) * piece as f64 / pieces as f64;
            step.at(t, &mut self.middle);
            self.own.times.push(t);
            self.own.points.extend_from_slice(&self.middle);
        }
    }
}

/// The line of a way in whose tube `x` lies, where on it, and how far from it: the next one from `place` on, or the nearest of all.
fn locate(states: &[StateInfo], way: &Way, x: &[f64], place: Option<usize>) -> Option<(usize, f64, f64)> {
    let last = way.trace.times.len() - 1;
    let tube = |i: usize| way.radius[i].min(way.radius[i + 1]);
    let mut best: Option<(f64, usize, f64)> = None;
    for i in place.unwrap_or(0)..last {
        let largest = best.map_or(tube(i), |b| b.0.min(tube(i)));
        if let Some((away, share)) = way.trace.aside(states, x, i, largest) {
            best = Some((away, i, share));
        } else if place.is_some() && best.is_some_and(|b| i > b.1 + MOST_POINTS) {
            // Past the nearest point.
            break;
        }
    }
    best.map(|(away, i, share)| (i, share, away))
}
