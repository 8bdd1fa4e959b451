//! The loop around [`super::rodas5p`]: segments, step control, domain, history, events.

use std::ops::ControlFlow;

use super::breakpoints::Breakpoints;
use super::delayed::Delayed;
use super::event::{Event, zeros};
use super::rodas5p::{Breakdown, Rodas5p};
use super::trajectory::{Hit, Step, Stop, Trajectory};
use super::{History, IntegrateError, Options, Rejection, Segment};
use crate::process::field::Field;

/// Safety factor, smallest and largest change of the step size.
const SAFETY: f64 = 0.9;
const SHRINK: f64 = 0.2;
const GROW: f64 = 4.0;

/// A step longer than this many times the one before is checked between its stages too.
const LEAP: f64 = 1.3;

/// Where, and the largest defect allowed there in units of the tolerance.
const PROBES: [f64; 3] = [0.2, 0.53, 0.81];
const LARGEST_DEFECT: f64 = 100.0;

/// Exponents of the proportional-integral controller for an error of order 5 (Gustafsson 1991).
const PROPORTIONAL: f64 = 0.7 / 5.0;
const INTEGRAL: f64 = 0.3 / 5.0;

/// Everything that is fixed during one integration.
pub(super) struct Driver<'a, F: Field + ?Sized> {
    field: &'a F,
    history: &'a History<'a>,
    options: &'a Options,
    events: &'a [Event<'a>],
    atol: Vec<f64>,
    deepest: f64,
    span: f64,
}

/// What changes from step to step.
struct State {
    t: f64,
    x: Vec<f64>,
    h: f64,
    error_before: f64,
    /// Length of the last accepted step.
    reach: f64,
    path: Trajectory,
    breaks: Breakpoints,
    scratch: Vec<f64>,
}

impl<'a, F: Field + ?Sized> Driver<'a, F> {
    pub(super) fn new(field: &'a F, history: &'a History<'a>, options: &'a Options, events: &'a [Event<'a>]) -> Self {
        let atol = field.states().iter().map(|s| options.rtol * options.atol_factor * s.scale).collect();
        Self { field, history, options, events, atol, deepest: 0.0, span: 0.0 }
    }

    pub(super) fn run(
        mut self,
        start: f64,
        segments: &[Segment],
        observer: &mut dyn FnMut(&Step<'_>) -> ControlFlow<()>,
    ) -> Result<Trajectory, IntegrateError> {
        let dim = self.field.dim();
        let mut x = vec![0.0; dim];
        self.history.value(start, &mut x);
        for ((v, info), atol) in x.iter_mut().zip(self.field.states()).zip(&self.atol) {
            if !(info.lower - atol <= *v && *v <= info.upper + atol) {
                return Err(IntegrateError::StartOutsideDomain { state: info.name.clone(), value: *v });
            }
            *v = v.max(info.lower).min(info.upper);
        }
        let mut all_lags = Vec::with_capacity(segments.len());
        for segment in segments {
            let lags = self.field.lags(&segment.parameters);
            if let Some(&lag) = lags.iter().find(|l| !(l.is_finite() && **l > 0.0)) {
                return Err(IntegrateError::BadLag { lag });
            }
            self.deepest = lags.iter().copied().fold(self.deepest, f64::max);
            all_lags.push(lags);
        }
        let Some(end) = segments.last().map(|s| s.until) else { return Err(IntegrateError::NoSegments) };
        self.span = end - start;
        let path = Trajectory::new(start, &x);
        let scratch = vec![0.0; dim];
        let breaks = if self.options.carry_step { Breakpoints::shallow() } else { Breakpoints::default() };
        let mut state = State { t: start, x, h: 0.0, error_before: 1.0, reach: 0.0, path, breaks, scratch };
        let mut method = Rodas5p::new(dim, all_lags.first().map_or(0, Vec::len));
        for (i, (segment, lags)) in segments.iter().zip(&all_lags).enumerate() {
            self.enter(&mut state, segment, lags, i > 0 && all_lags[i - 1] != *lags);
            if let Some(stop) = self.segment(&mut state, &mut method, (&segments[..=i], start), lags, observer)? {
                state.path.stop = stop;
                break;
            }
        }
        Ok(state.path)
    }

    /// Applies the kick of a segment and notes the discontinuity at its start.
    fn enter(&self, state: &mut State, segment: &Segment, lags: &[f64], relagged: bool) {
        for &(i, value) in &segment.set {
            let info = &self.field.states()[i];
            state.x[i] = value.max(info.lower).min(info.upper);
        }
        for &(i, jump) in &segment.kick {
            let info = &self.field.states()[i];
            state.x[i] = (state.x[i] + jump).max(info.lower).min(info.upper);
        }
        let order = usize::from(segment.kick.is_empty() && segment.set.is_empty());
        state.breaks.record(state.t, order, lags);
        if relagged {
            state.breaks.relag(state.t, lags);
        }
        if self.options.carry_step && segment.kick.is_empty() {
            return;
        }
        state.h = 0.0;
        state.error_before = 1.0;
        state.reach = 0.0;
    }

    fn segment(
        &self,
        state: &mut State,
        method: &mut Rodas5p,
        (segments, start): (&[Segment], f64),
        lags: &[f64],
        observer: &mut dyn FnMut(&Step<'_>) -> ControlFlow<()>,
    ) -> Result<Option<Stop>, IntegrateError> {
        let segment = &segments[segments.len() - 1];
        let reads = &self.field.reads_states_at(&segment.parameters);
        let short = lags.iter().zip(reads).filter(|(_, reads)| **reads).map(|(lag, _)| *lag);
        let longest = short.fold(self.options.max_step, f64::min);
        while state.t < segment.until {
            let stop = state.breaks.next_after(state.t, lags).map_or(segment.until, |b| b.min(segment.until));
            let past = Delayed { history: self.history, path: &state.path, lags, reads };
            let p = &parameters_from(self.field, segments, start, state.t, lags);
            if method.open(self.field, p, state.t, &state.x, &past).is_err() {
                return Err(IntegrateError::StepUnderflow { t: state.t, reason: Rejection::NotFinite });
            }
            if state.h <= 0.0 {
                state.h = self.options.initial_step.unwrap_or_else(|| self.initial_step(state, method));
            }
            let (length, lands) = self.advance(state, method, p, (lags, reads), stop, longest)?;
            let end = if lands { stop } else { state.t + length };
            state.path.push(state.t, end - state.t, &state.x, &method.next, |out| method.dense(out));
            state.t = end;
            state.x.copy_from_slice(&method.next);
            state.path.statistics.accepted += 1;
            if let Some(stop) = self.after_step(state, observer) {
                return Ok(Some(stop));
            }
            if state.path.statistics.accepted >= self.options.max_steps && state.t < segment.until {
                return Err(IntegrateError::TooManySteps { t: state.t, limit: self.options.max_steps });
            }
            if !self.options.retain {
                state.path.forget_before(state.t - self.deepest);
                state.breaks.forget_before(state.t - self.deepest);
            }
        }
        Ok(None)
    }

    /// Attempts steps until one is accepted, whose result is left in `method.next`. Returns its length and whether it
    /// ends at `stop`.
    fn advance(
        &self,
        state: &mut State,
        method: &mut Rodas5p,
        p: &[f64],
        (lags, reads): (&[f64], &[bool]),
        stop: f64,
        longest: f64,
    ) -> Result<(f64, bool), IntegrateError> {
        let past = Delayed { history: self.history, path: &state.path, lags, reads };
        let smallest = (16.0 * f64::EPSILON * state.t.abs()).max(1e-18 * self.span);
        let mut failed = false;
        let mut counts = (0, 0, 0);
        let outcome = loop {
            let room = stop - state.t;
            let wish = state.h.min(longest);
            let (h, lands) = if room <= 1.01 * wish && room <= longest {
                (room, true)
            } else if room < 2.0 * wish {
                (0.5 * room, false)
            } else {
                (wish, false)
            };
            // A step cut short by a breakpoint may be as short as time resolves; one cut by failures may not.
            if h < smallest && (failed || !lands) {
                let reason = self.reason(method, &state.x, counts);
                break Err(IntegrateError::StepUnderflow { t: state.t, reason });
            }
            match method.attempt(self.field, p, state.t, &state.x, h, &past) {
                Err(breakdown) => {
                    counts.2 += 1;
                    state.h = 0.5 * h;
                    failed = true;
                    if breakdown == Breakdown::Singular && h < smallest {
                        break Err(IntegrateError::StepUnderflow { t: state.t, reason: Rejection::Singular });
                    }
                }
                Ok(()) => {
                    let error = self.norm(&state.x, &method.next, method.error());
                    if !self.project(&mut method.next) {
                        counts.1 += 1;
                        if let Some(name) = self.pushed_out(&state.x, &method.drift) {
                            let reason = Rejection::LeftDomain { state: name };
                            break Err(IntegrateError::StepUnderflow { t: state.t, reason });
                        }
                        state.h = 0.5 * h;
                        failed = true;
                        continue;
                    }
                    if error > 1.0 || error.is_nan() {
                        counts.0 += 1;
                        state.h = h * (SAFETY * error.powf(-0.2)).clamp(SHRINK, 0.9);
                        failed = true;
                        continue;
                    }
                    if h > LEAP * state.reach && self.misses(method, p, (state.t, &state.x, h), &past) {
                        counts.0 += 1;
                        state.h = 0.5 * h;
                        failed = true;
                        continue;
                    }
                    let e = error.max(1e-10);
                    let change = SAFETY * e.powf(-PROPORTIONAL) * state.error_before.powf(INTEGRAL) * e.powf(-INTEGRAL);
                    let limit = if failed { 1.0 } else { GROW };
                    let suggestion = h * change.clamp(SHRINK, limit);
                    // A step cut short by a breakpoint says little about the one after it.
                    state.h = if h < 0.99 * state.h && !failed { suggestion.max(state.h) } else { suggestion };
                    state.error_before = e.max(1e-4);
                    state.reach = if self.options.carry_step { state.reach.max(h) } else { h };
                    break Ok((h, lands));
                }
            }
        };
        let statistics = &mut state.path.statistics;
        statistics.rejected_error += counts.0;
        statistics.rejected_domain += counts.1;
        statistics.rejected_breakdown += counts.2;
        outcome
    }

    /// Whether the dense output of a step that passed the error test does not satisfy the equation all the same: a
    /// pulse in time lies between the stages.
    fn misses(&self, method: &mut Rodas5p, p: &[f64], step: (f64, &[f64], f64), past: &Delayed<'_>) -> bool {
        PROBES.iter().any(|&theta| {
            let defect = method.defect(self.field, p, step, theta, past);
            let worst = self.norm(step.1, step.1, defect);
            worst > LARGEST_DEFECT || worst.is_nan()
        })
    }

    fn reason(&self, method: &Rodas5p, x: &[f64], counts: (usize, usize, usize)) -> Rejection {
        if counts.2 >= counts.1 && counts.2 >= counts.0 {
            return Rejection::NotFinite;
        }
        if counts.0 >= counts.1 {
            return Rejection::ErrorTooLarge;
        }
        // The state that is at its bound and driven outwards.
        for ((info, &v), &d) in self.field.states().iter().zip(x).zip(&method.drift) {
            let slack = 1e-6 * (info.scale + v.abs());
            if v <= info.lower + slack && d < 0.0 || v >= info.upper - slack && d > 0.0 {
                return Rejection::LeftDomain { state: info.name.clone() };
            }
        }
        Rejection::ErrorTooLarge
    }

    /// A state that sits on its bound and is driven outwards, so fast that moving it back on to the bound within the
    /// tolerance would take more than a thousand steps: no step length keeps it inside.
    fn pushed_out(&self, x: &[f64], drift: &[f64]) -> Option<String> {
        for (i, info) in self.field.states().iter().enumerate() {
            let outwards = if x[i] <= info.lower {
                -drift[i]
            } else if x[i] >= info.upper {
                drift[i]
            } else {
                0.0
            };
            if outwards * self.span > 1e3 * self.atol[i] {
                return Some(info.name.clone());
            }
        }
        None
    }

    /// Moves states that miss their bounds by no more than the absolute tolerance on to them; `false` if one misses
    /// by more.
    fn project(&self, x: &mut [f64]) -> bool {
        for ((v, info), atol) in x.iter_mut().zip(self.field.states()).zip(&self.atol) {
            if *v < info.lower - atol || *v > info.upper + atol {
                return false;
            }
            *v = v.max(info.lower).min(info.upper);
        }
        true
    }

    fn norm(&self, x: &[f64], next: &[f64], error: &[f64]) -> f64 {
        let mut worst = 0.0f64;
        for i in 0..x.len() {
            let e = (error[i] / (self.atol[i] + self.options.rtol * x[i].abs().max(next[i].abs()))).abs();
            if e.is_nan() {
                return f64::NAN;
            }
            worst = worst.max(e);
        }
        worst
    }

    /// A first guess from the size of the solution and of its slope; the error estimate does the rest.
    fn initial_step(&self, state: &State, method: &Rodas5p) -> f64 {
        let mut rate = 0.0f64;
        for ((x, d), info) in state.x.iter().zip(&method.drift).zip(self.field.states()) {
            rate = rate.max(d.abs() / (1e-3 * info.scale + x.abs()));
        }
        let by_rate = if rate > 0.0 { 0.01 / rate } else { f64::INFINITY };
        by_rate.min(1e-3 * self.span).max(1e-12 * self.span)
    }

    /// Events and the observer; returns why the integration must stop, if it must.
    fn after_step(&self, state: &mut State, observer: &mut dyn FnMut(&Step<'_>) -> ControlFlow<()>) -> Option<Stop> {
        let mut hits: Vec<(f64, usize)> = Vec::new();
        if let Some(step) = state.path.last() {
            for (i, event) in self.events.iter().enumerate() {
                hits.extend(zeros(event, &step, &mut state.scratch).into_iter().map(|t| (t, i)));
            }
        }
        hits.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut stop = None;
        for (t, event) in hits {
            if let Some(step) = state.path.last() {
                step.at(t, &mut state.scratch);
            }
            state.path.hits.push(Hit { event, t, x: state.scratch.clone() });
            if self.events[event].terminal {
                state.path.truncate_last(t);
                stop = Some(Stop::Event(event));
                break;
            }
        }
        let step = state.path.last()?;
        if observer(&step).is_break() && stop.is_none() {
            stop = Some(Stop::Observer);
        }
        stop
    }
}

/// The parameters that act from `t` to the next breakpoint: those of the last segment, with those of earlier
/// segments where a lag reaches back to them. Before the start, parameters were those of the first segment.
pub(super) fn parameters_from<F: Field + ?Sized>(
    field: &F,
    segments: &[Segment],
    start: f64,
    t: f64,
    lags: &[f64],
) -> Vec<f64> {
    let last = segments.len() - 1;
    let p = &segments[last].parameters;
    let begin = if last == 0 { start } else { segments[last - 1].until };
    let slack = 16.0 * f64::EPSILON * t.abs();
    if last == 0 || lags.iter().all(|lag| t - lag >= begin - slack) {
        return p.clone();
    }
    // Many pieces: the one that holds a time is looked up, since pieces are in order.
    let at = |s: f64| segments.get(segments.partition_point(|q| q.until - slack <= s)).map_or(p, |q| &q.parameters);
    let past: Vec<&[f64]> = lags.iter().map(|lag| at(t - lag).as_slice()).collect();
    field.with_history(p, &past)
}
