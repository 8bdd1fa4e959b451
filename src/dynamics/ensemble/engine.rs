//! Lanes and what they are at: taking trajectories on, segments, judgement, failure. Runs between the rounds, lane by lane,
//! and only where something happened.

use super::elimination::Pivoted;
use super::equations::Equations;
use super::{Ended, Job};
use crate::dynamics::integrate::tableau::STAGES;
use crate::dynamics::integrate::{IntegrateError, Options, Rejection};
use crate::dynamics::outcome::{Outcome, Seen};
use crate::process::batch::Kernel;
use crate::process::lanes::Lanes;

/// Attractors whose balls are watched in lanes; a judge with more is asked after every step.
pub(super) const WATCHED: usize = 2;

/// Refusals at a bound that a state is driven out of, after which a trajectory is given up: a drift that turns back soon is
/// passed in fewer, one that stays would take steps without end.
const PUSHES: u32 = 300;

/// What one lane is at.
#[derive(Debug, Default)]
struct Lane {
    job: Job,
    /// Number of the trajectory, if there is one.
    index: Option<usize>,
    segment: usize,
    seen: Option<Seen>,
    /// What the last failed attempt failed at.
    refusal: Refusal,
    /// How often it was refused at a bound in this segment.
    pushes: u32,
}

/// Why the last attempt of a lane was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Refusal {
    #[default]
    Error,
    NotFinite,
    Singular,
    Domain(usize),
}

/// `W` trajectories under way. Vectors over states hold one entry per state; `k` holds the stages of state 0, then of
/// state 1, and so on.
pub(super) struct Engine<'a, const W: usize> {
    pub(super) equations: &'a Equations,
    pub(super) options: &'a Options,
    pub(super) atol: Vec<f64>,
    pub(super) inputs: Vec<Lanes<W>>,
    pub(super) drift: Vec<Lanes<W>>,
    pub(super) slopes: Vec<Lanes<W>>,
    pub(super) x: Vec<Lanes<W>>,
    pub(super) before: Vec<Lanes<W>>,
    pub(super) k: Vec<Lanes<W>>,
    pub(super) stage: Vec<Lanes<W>>,
    pub(super) right: Vec<Lanes<W>>,
    pub(super) given: Vec<Lanes<W>>,
    pub(super) matrix: Vec<Lanes<W>>,
    pub(super) pivoted: Pivoted,
    pub(super) t: Lanes<W>,
    /// Time before the last attempt.
    pub(super) began: Lanes<W>,
    /// Step to try; zero where there is none yet.
    pub(super) h: Lanes<W>,
    pub(super) until: Lanes<W>,
    /// 1 where the last attempt was refused.
    pub(super) failed: Lanes<W>,
    /// 1 where stages are moved into the domain.
    pub(super) careful: Lanes<W>,
    /// 1 where the last attempt was accepted.
    pub(super) accepted: Lanes<W>,
    pub(super) steps: Lanes<W>,
    /// 1 where something happened that must be looked at.
    pub(super) remark: Lanes<W>,
    pub(super) refusals: [Refusal; W],
    /// Centre and reach of the balls, attractor by attractor, state by state.
    pub(super) balls: Vec<(Lanes<W>, Lanes<W>)>,
    pub(super) thresholds: Vec<Lanes<W>>,
    /// 1 where a judge is asked after every step.
    pub(super) watched: Lanes<W>,
    /// Whether any lane ever had a judge.
    pub(super) judging: bool,
    lanes: Vec<Lane>,
    spans: [f64; W],
}

impl<'a, const W: usize> Engine<'a, W> {
    pub(super) fn new(equations: &'a Equations, options: &'a Options) -> Self {
        let (zero, dim) = (Lanes([0.0; W]), equations.layout.states);
        let row = || vec![zero; dim];
        Self {
            atol: equations.states.iter().map(|s| options.rtol * options.atol_factor * s.scale).collect(),
            inputs: vec![zero; equations.layout.len()],
            drift: vec![zero; equations.drift.registers()],
            slopes: vec![zero; equations.slopes.registers()],
            x: row(),
            before: row(),
            k: vec![zero; dim * STAGES],
            stage: row(),
            right: row(),
            given: row(),
            matrix: vec![zero; dim * dim],
            pivoted: Pivoted::default(),
            t: zero,
            began: zero,
            h: zero,
            until: Lanes([1.0; W]),
            failed: zero,
            careful: zero,
            accepted: zero,
            steps: zero,
            remark: zero,
            refusals: [Refusal::Error; W],
            balls: vec![(zero, Lanes([-1.0; W])); WATCHED * dim],
            thresholds: vec![Lanes([f64::INFINITY; W]); dim],
            watched: zero,
            judging: false,
            lanes: (0..W).map(|_| Lane::default()).collect(),
            spans: [1.0; W],
            equations,
            options,
        }
    }

    /// Follows trajectories until there are no more.
    pub(super) fn run(
        mut self,
        kernel: Kernel,
        supply: &mut dyn FnMut() -> Option<usize>,
        job: &(dyn Fn(usize, &mut Job) + Sync),
        keep: &mut dyn FnMut(usize, Ended),
    ) {
        let mut active = 0;
        for lane in 0..W {
            active += usize::from(self.take(lane, supply, job, keep));
        }
        self.parameters_changed();
        while active > 0 {
            self.round(kernel);
            let mut changed = false;
            for lane in 0..W {
                if self.remark.0[lane] == 0.0 || self.lanes[lane].index.is_none() {
                    continue;
                }
                let Some((outcome, error)) = self.look(lane, &mut changed) else { continue };
                self.finish(lane, outcome, error, keep);
                changed = true;
                if !self.take(lane, supply, job, keep) {
                    active -= 1;
                }
            }
            if changed {
                self.parameters_changed();
            }
        }
    }

    fn parameters_changed(&mut self) {
        self.equations.drift.run_prologue(&self.inputs, &mut self.drift);
        self.equations.slopes.run_prologue(&self.inputs, &mut self.slopes);
    }

    /// Gives a lane the next trajectory that can be begun; false if there is none.
    fn take(
        &mut self,
        lane: usize,
        supply: &mut dyn FnMut() -> Option<usize>,
        job: &(dyn Fn(usize, &mut Job) + Sync),
        keep: &mut dyn FnMut(usize, Ended),
    ) -> bool {
        loop {
            let index = supply();
            self.lanes[lane].index = index;
            let Some(index) = index else { return false };
            job(index, &mut self.lanes[lane].job);
            match self.begin(lane) {
                Ok(()) => return true,
                Err(error) => {
                    let x = self.lanes[lane].job.start.clone();
                    let outcome = Outcome::Undecided { t: 0.0 };
                    keep(index, Ended { t: 0.0, x, outcome, steps: 0, error: Some(error) });
                }
            }
        }
    }

    fn begin(&mut self, lane: usize) -> Result<(), IntegrateError> {
        let Lane { job, .. } = &self.lanes[lane];
        let dim = self.equations.layout.states;
        if job.start.len() != dim {
            return Err(IntegrateError::Dimension { expected: dim, found: job.start.len() });
        }
        let Some(end) = job.segments.last().map(|s| s.until) else { return Err(IntegrateError::NoSegments) };
        let mut before = 0.0;
        for (index, segment) in job.segments.iter().enumerate() {
            if !(segment.until > before && segment.until.is_finite()) {
                return Err(IntegrateError::UnorderedSegments { index, until: segment.until, before });
            }
            if let Some(&(state, _)) = segment.set.iter().chain(&segment.kick).find(|(state, _)| *state >= dim) {
                return Err(IntegrateError::Dimension { expected: dim, found: state + 1 });
            }
            before = segment.until;
        }
        for (i, (info, &value)) in self.equations.states.iter().zip(&job.start).enumerate() {
            if !(info.lower - self.atol[i] <= value && value <= info.upper + self.atol[i]) {
                return Err(IntegrateError::StartOutsideDomain { state: info.name.clone(), value });
            }
            self.x[i].0[lane] = value.max(info.lower).min(info.upper);
        }
        self.t.0[lane] = 0.0;
        self.steps.0[lane] = 0.0;
        self.spans[lane] = end;
        self.enter(lane, 0);
        Ok(())
    }

    /// Begins a segment.
    fn enter(&mut self, lane: usize, number: usize) {
        let Lane { job, segment, seen, pushes, .. } = &mut self.lanes[lane];
        (*segment, *pushes) = (number, 0);
        let now = &job.segments[number];
        for &(i, value) in &now.set {
            let info = &self.equations.states[i];
            self.x[i].0[lane] = value.max(info.lower).min(info.upper);
        }
        for &(i, jump) in &now.kick {
            let info = &self.equations.states[i];
            self.x[i].0[lane] = (self.x[i].0[lane] + jump).max(info.lower).min(info.upper);
        }
        for (slot, value) in self.inputs.iter_mut().zip(&now.parameters).take(self.equations.layout.parameters) {
            slot.0[lane] = *value;
        }
        self.until.0[lane] = now.until;
        self.h.0[lane] = 0.0;
        self.failed.0[lane] = 0.0;
        self.careful.0[lane] = 0.0;
        let last = number + 1 == job.segments.len();
        *seen = job.judge.as_ref().filter(|_| last).map(|_| Seen::nothing(self.x.len()));
        self.balls.iter_mut().for_each(|(_, reach)| reach.0[lane] = -1.0);
        self.thresholds.iter_mut().for_each(|t| t.0[lane] = f64::INFINITY);
        self.watched.0[lane] = 0.0;
        if let Some(judge) = job.judge.as_ref().filter(|_| last) {
            self.judging = true;
            let (balls, thresholds) = judge.regions(&self.equations.states);
            self.watched.0[lane] = f64::from(judge.attractors() > WATCHED);
            for (ball, slots) in balls.iter().zip(self.balls.chunks_exact_mut(self.x.len())) {
                for ((centre, reach), slot) in ball.iter().zip(slots) {
                    (slot.0.0[lane], slot.1.0[lane]) = (*centre, *reach);
                }
            }
            self.thresholds.iter_mut().zip(thresholds).for_each(|(slot, t)| slot.0[lane] = *t);
        }
    }

    /// Looks at a lane after a round; how it ended, if it did.
    fn look(&mut self, lane: usize, changed: &mut bool) -> Option<(Outcome, Option<IntegrateError>)> {
        let t = self.t.0[lane];
        let undecided = Outcome::Undecided { t };
        if self.accepted.0[lane] == 0.0 {
            self.lanes[lane].refusal = self.refusals[lane];
            return self.refused(lane).map(|reason| (undecided, Some(IntegrateError::StepUnderflow { t, reason })));
        }
        if let Some(outcome) = self.judged(lane) {
            return Some((outcome, None));
        }
        let Lane { job, segment, .. } = &self.lanes[lane];
        if t >= self.until.0[lane] {
            if *segment + 1 == job.segments.len() {
                return Some((undecided, None));
            }
            let next = *segment + 1;
            self.enter(lane, next);
            *changed = true;
        } else if self.steps.0[lane] >= self.options.max_steps as f64 {
            return Some((undecided, Some(IntegrateError::TooManySteps { t, limit: self.options.max_steps })));
        }
        None
    }

    fn judged(&mut self, lane: usize) -> Option<Outcome> {
        let Lane { job, seen, .. } = &mut self.lanes[lane];
        let (judge, seen) = (job.judge.as_ref()?, seen.as_mut()?);
        let row = |x: &[Lanes<W>]| -> Vec<f64> { x.iter().map(|v| v.0[lane]).collect() };
        let (start, before) = (self.began.0[lane], row(&self.before));
        let (t, after) = (self.t.0[lane], row(&self.x));
        let outcome = seen.step(judge, &self.equations.states, (start, &before), (t, &after));
        // Once something was seen, the next step counts wherever it ends.
        self.watched.0[lane] = f64::from(judge.attractors() > WATCHED || seen.is_something());
        outcome
    }

    /// Whether a refused lane can go no further, and why.
    fn refused(&mut self, lane: usize) -> Option<Rejection> {
        let states = &self.equations.states;
        let resolution = (16.0 * f64::EPSILON * self.t.0[lane].abs()).max(1e-18 * self.spans[lane]);
        let stuck = self.h.0[lane] < resolution || self.h.0[lane].is_nan();
        match self.lanes[lane].refusal {
            Refusal::Domain(i) => {
                // At its bound and driven outwards, faster than moving it back within the tolerance could keep up with.
                let (x, info) = (self.x[i].0[lane], &states[i]);
                let drift = self.equations.drift_at(&self.slopes, i, lane);
                let outwards = if x <= info.lower {
                    -drift
                } else if x >= info.upper {
                    drift
                } else {
                    0.0
                };
                if outwards * self.spans[lane] > 1e3 * self.atol[i] {
                    self.lanes[lane].pushes += 1;
                }
                let over = stuck || self.lanes[lane].pushes > PUSHES;
                over.then(|| Rejection::LeftDomain { state: info.name.clone() })
            }
            Refusal::NotFinite if stuck => Some(Rejection::NotFinite),
            Refusal::Singular if stuck => Some(Rejection::Singular),
            Refusal::Error if stuck => Some(Rejection::ErrorTooLarge),
            _ => None,
        }
    }

    fn finish(
        &mut self,
        lane: usize,
        outcome: Outcome,
        error: Option<IntegrateError>,
        keep: &mut dyn FnMut(usize, Ended),
    ) {
        if let Some(index) = self.lanes[lane].index.take() {
            let x = self.x.iter().map(|v| v.0[lane]).collect();
            keep(index, Ended { t: self.t.0[lane], x, outcome, steps: self.steps.0[lane] as usize, error });
        }
    }

    /// Whether a lane has a trajectory.
    pub(super) fn is_busy(&self, lane: usize) -> bool {
        self.lanes[lane].index.is_some()
    }

    /// A first step from the size of the solution and of its slope; the error estimate does the rest.
    pub(super) fn first_step(&self, lane: usize) -> f64 {
        let mut rate = 0.0f64;
        for (i, info) in self.equations.states.iter().enumerate() {
            let drift = self.equations.drift_at(&self.slopes, i, lane);
            rate = rate.max(drift.abs() / (1e-3 * info.scale + self.x[i].0[lane].abs()));
        }
        let (by_rate, span) = (if rate > 0.0 { 0.1 / rate } else { f64::INFINITY }, self.spans[lane]);
        by_rate.min(1e-3 * span).max(1e-12 * span)
    }
}
