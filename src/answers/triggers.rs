//! Critical triggers: how long a trigger of its stated size, and how large one of its stated duration, must be to tip the
//! good state over.
//!
//! The system rests in its good state; the trigger changes parameters for a while, or kicks states; then everything is as
//! before, and the trajectory is followed until its outcome is decided ([`crate::dynamics::outcome`]). Size is measured
//! along the line from today's value (0) through the stated one (1) and beyond. The threshold between healing and
//! tipping is bracketed by doubling or halving and then bisected (`threshold`). Half of all runs tip at this threshold (p50), since it
//! is that of the middle run; p10 and p90 are the subject of [`super::odds`].

mod threshold;

use super::landscape::Landscape;
use crate::chance::run::Run;
use crate::dynamics::integrate::{History, IntegrateError, Options, Segment, Trajectory, integrate};
use crate::dynamics::newton::newton;
use crate::dynamics::outcome::{Judge, Outcome, Ways, distance};
use crate::dynamics::spectrum::{SpectrumOptions, spectrum};
use crate::model::types::{Change, Trigger};
use crate::process::field::Field;
use crate::process::fluid::Fluid;

/// A trigger ready to run at any size and duration.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the trigger.
    pub name: String,
    /// Changed parameters: index, today's value, stated value, smallest value allowed.
    sets: Vec<(usize, f64, f64, f64)>,
    /// Kicked states: index and amount.
    kicks: Vec<(usize, f64)>,
    /// Stated duration; `None` for a kick.
    pub duration: Option<f64>,
    /// How its size is printed.
    pub scale: SizeScale,
}

/// Translation of a size 0..1.. into what users read: `origin + size * span`, in base units, with unit and its factor.
#[derive(Debug, Clone, PartialEq)]
pub struct SizeScale {
    /// What is changed: a dotted path, or `size` for several at once.
    pub label: String,
    /// Value at size 0.
    pub origin: f64,
    /// Change per size.
    pub span: f64,
    /// Unit for printing.
    pub unit: String,
    /// Base units per unit.
    pub factor: f64,
}

impl SizeScale {
    /// The size as users read it, in [`SizeScale::unit`].
    #[must_use]
    pub fn shown(&self, size: f64) -> f64 {
        (self.origin + size * self.span) / self.factor
    }
}

/// Why a trigger cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TriggerError {
    /// It changes something the equations do not take as a parameter.
    #[error(
        "trigger `{trigger}`: `{path}` changes the structure of the equations and cannot be changed while they run"
    )]
    Structural {
        /// Name of the trigger.
        trigger: String,
        /// The path it sets.
        path: String,
    },
    /// It kicks something that is not a state.
    #[error("trigger `{trigger}`: `{path}` is not a state of the equations")]
    NotAState {
        /// Name of the trigger.
        trigger: String,
        /// The path it kicks.
        path: String,
    },
    /// The equations could not be solved under it.
    #[error("trigger `{trigger}`: {error}")]
    Integration {
        /// Name of the trigger.
        trigger: String,
        /// Why.
        error: IntegrateError,
    },
}

/// What became of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The system came back to its good state.
    Heals,
    /// It ended elsewhere.
    Tips,
    /// Not decided in time.
    Undecided,
}

/// A threshold of a trigger.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// Tips from here on.
    At(f64),
    /// Nothing up to this tips it.
    None(f64),
    /// Some run on the way was not decided.
    Undecided,
}

impl Threshold {
    /// The threshold, if there is one.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::At(value) => Some(value),
            Self::None(_) | Self::Undecided => None,
        }
    }
}

impl Plan {
    /// Prepares a trigger for the equations `fluid`.
    ///
    /// # Errors
    /// [`TriggerError`] if it changes what the equations do not let change.
    pub fn new(fluid: &Fluid, trigger: &Trigger) -> Result<Self, TriggerError> {
        let process = fluid.process();
        let mut sets = Vec::new();
        let mut scales = Vec::new();
        for (path, change) in &trigger.set {
            let structural =
                || TriggerError::Structural { trigger: trigger.name.value.clone(), path: path.value.clone() };
            let index = process.parameter_index(&path.value).ok_or_else(structural)?;
            let parameter = &process.parameters[index];
            let today = parameter.value;
            let stated = change.applied_to(today);
            let lowest = if path.value.ends_with(".servers") { 1.0 } else { 1e-6 * today.abs() };
            sets.push((index, today, stated, lowest));
            let (unit, factor) = match change {
                Change::To(q) => (q.unit.clone(), q.factor),
                _ => (parameter.unit.clone(), parameter.factor),
            };
            scales.push(SizeScale { label: path.value.clone(), origin: today, span: stated - today, unit, factor });
        }
        let mut kicks = Vec::new();
        for (path, amount) in &trigger.kick {
            let not_a_state =
                || TriggerError::NotAState { trigger: trigger.name.value.clone(), path: path.value.clone() };
            let index = process.state_index(&path.value).ok_or_else(not_a_state)?;
            kicks.push((index, amount.value));
            scales.push(SizeScale {
                label: path.value.clone(),
                origin: 0.0,
                span: amount.value,
                unit: process.states[index].unit.clone(),
                factor: 1.0,
            });
        }
        let scale = if scales.len() == 1 {
            scales.remove(0)
        } else {
            SizeScale { label: "size".to_owned(), origin: 0.0, span: 1.0, unit: "x stated".to_owned(), factor: 1.0 }
        };
        let duration = if sets.is_empty() { None } else { trigger.duration.as_ref().map(|d| d.value) };
        Ok(Self { name: trigger.name.value.clone(), sets, kicks, duration, scale })
    }

    /// Largest size at which every changed parameter stays in its range.
    fn largest_size(&self) -> f64 {
        self.sets
            .iter()
            .filter(|(_, today, stated, _)| stated < today)
            .map(|(_, today, stated, lowest)| (today - lowest) / (today - stated))
            .fold(f64::INFINITY, f64::min)
    }

    /// The spans of time of a run that starts the trigger at `at` and ends at `until`.
    #[must_use]
    pub fn segments(&self, base: &[f64], size: f64, duration: f64, at: f64, until: f64) -> Vec<Segment> {
        let mut segments = Vec::new();
        if at > 0.0 {
            segments.push(Segment::new(at, base));
        }
        let kick: Vec<(usize, f64)> = self.kicks.iter().map(|&(i, amount)| (i, size * amount)).collect();
        if self.sets.is_empty() || duration <= 0.0 {
            segments.push(Segment { kick, ..Segment::new(until, base) });
        } else {
            let mut changed = base.to_vec();
            for &(index, today, stated, lowest) in &self.sets {
                let value = today + size * (stated - today);
                changed[index] = if stated < today { value.max(lowest) } else { value };
            }
            segments.push(Segment { kick, ..Segment::new(at + duration, &changed) });
            segments.push(Segment::new(until, base));
        }
        segments
    }
}

/// Everything needed to run triggers against one good state.
pub struct Range<'a> {
    fluid: &'a Fluid,
    base: Vec<f64>,
    rest: Vec<f64>,
    judge: Judge,
    good: usize,
    options: Options,
    patience: f64,
    memory: f64,
    /// Shortest time in which a disturbance of an unstable state grows by e. Steps longer than that would damp it: a stable
    /// method comes to rest on a saddle.
    growth: f64,
}

/// Share of goodput within which it is back.
const NEARLY: f64 = 0.01;
/// Halvings of the step in which it comes back.
const HALVINGS: usize = 20;
/// Distance from a state of rest at which the system has come to it.
const SETTLED: f64 = 1e-6;

impl<'a> Range<'a> {
    /// A range for the landscape of `fluid`, whose good state is `landscape.states[good]`. `None` if that is not stable.
    #[must_use]
    pub fn new(fluid: &'a Fluid, landscape: &Landscape, good: usize) -> Option<Self> {
        let (judge, stable) = landscape.judge(fluid);
        let attractor = stable.iter().position(|&i| i == good)?;
        let p = &landscape.parameters;
        let lags = fluid.lags(p);
        // With lags a finer tolerance costs many short steps and changes the sixth digit of a threshold; without, it is cheap.
        let rtol = if lags.is_empty() { 1e-9 } else { 1e-5 };
        let options = Options { rtol, retain: false, max_steps: 200_000, ..Options::default() };
        Some(Self {
            fluid,
            base: p.clone(),
            rest: landscape.states[good].x.clone(),
            judge,
            good: attractor,
            options,
            memory: lags.last().copied().unwrap_or(0.0),
            patience: super::landscape::patience(fluid, p),
            growth: landscape
                .states
                .iter()
                .filter_map(|s| s.spectrum.as_ref()?.modes.first())
                .filter(|m| m.value.re > 0.0)
                .map(|m| 1.0 / m.value.re)
                .fold(f64::INFINITY, f64::min),
        })
    }

    /// The good state the runs start from.
    #[must_use]
    pub fn rest(&self) -> &[f64] {
        &self.rest
    }

    /// The equations.
    #[must_use]
    pub fn fluid(&self) -> &'a Fluid {
        self.fluid
    }

    /// Today's parameters.
    #[must_use]
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// The longest lag; 0 without lags.
    #[must_use]
    pub fn memory(&self) -> f64 {
        self.memory
    }

    /// Runs a trigger.
    ///
    /// # Errors
    /// [`TriggerError`] if the equations cannot be solved.
    pub fn run(&self, plan: &Plan, size: f64, duration: f64) -> Result<Fate, TriggerError> {
        // The trigger begins once every lag lies inside the run, so that delayed rates see today's parameters before it.
        let at = self.memory;
        let segments = plan.segments(&self.base, size, duration, at, at + duration + self.patience);
        let (outcome, _) = self.follow(plan, &segments, &self.options)?;
        Ok(self.fate(outcome))
    }

    /// As [`Range::run`], decided as soon as the run joins one of the `ways` of runs before it; with whether it was followed to
    /// its own end.
    fn run_among(
        &self,
        plan: &Plan,
        (size, duration): (f64, f64),
        ways: &mut Ways,
    ) -> Result<(Fate, bool), TriggerError> {
        let at = self.memory;
        let segments = plan.segments(&self.base, size, duration, at, at + duration + self.patience);
        let history = History::Constant(self.rest.clone());
        let (outcome, whole) = self
            .judge
            .follow_among(self.fluid, &history, &segments, &self.options, ways)
            .map_err(|error| TriggerError::Integration { trigger: plan.name.clone(), error })?;
        Ok((self.fate(outcome), whole))
    }

    /// Relative width of the bracket that is left of a threshold, that of the tolerance of the runs.
    fn resolution(&self) -> f64 {
        if self.memory > 0.0 { 1e-5 } else { 1e-7 }
    }

    fn fate(&self, outcome: Outcome) -> Fate {
        match outcome {
            Outcome::Attractor { index, .. } if index == self.good => Fate::Heals,
            Outcome::Attractor { .. } | Outcome::Escape { .. } => Fate::Tips,
            Outcome::Undecided { .. } => Fate::Undecided,
        }
    }

    /// Time from the end of a trigger until goodput is back within a hundredth of that of the good state for good; in a model
    /// without goodput, until all states are near those of the good state. `None` if the system does not come back.
    ///
    /// Other states may need longer: what a cache remembers of a flush fades with its lifetime, while all is served again.
    ///
    /// # Errors
    /// [`TriggerError`] if the equations cannot be solved.
    pub fn healing_time(&self, plan: &Plan, size: f64, duration: f64) -> Result<Option<f64>, TriggerError> {
        let at = self.memory;
        let segments = plan.segments(&self.base, size, duration, at, at + duration + self.patience);
        let options = Options { retain: true, ..self.options.clone() };
        let (outcome, path) = self.follow(plan, &segments, &options)?;
        let end = match outcome {
            Outcome::Attractor { index, t } if index == self.good => t,
            _ => return Ok(None),
        };
        let over = at + duration;
        let Some(goodput) = self.fluid.process().output_index("goodput") else {
            return Ok(Some((end - over).max(0.0)));
        };
        let good = self.fluid.outputs_at_rest(&self.rest, &self.base)[goodput];
        let run = Run { fluid: self.fluid, path: &path, segments: &segments, rest: &self.rest, today: &self.base };
        let lags = run.lags();
        let off = |t: f64| {
            let point = run.point(t, &lags);
            let now = self.fluid.outputs(t, &point.x, &point.past, &point.p)[goodput];
            (now - good).abs() > NEARLY * good.abs()
        };
        let times: Vec<f64> = path.times().into_iter().filter(|t| *t > over).collect();
        let Some(last) = times.iter().rposition(|t| off(*t)) else { return Ok(Some(0.0)) };
        let (mut out, mut back) = (times[last], times.get(last + 1).copied().unwrap_or(end));
        for _ in 0..HALVINGS {
            let middle = 0.5 * (out + back);
            if off(middle) { out = middle } else { back = middle }
        }
        Ok(Some(back - over))
    }

    /// Follows a trigger that starts at `at` to the end, keeping the whole path. The path begins at 0, or earlier where
    /// delays reach further back.
    ///
    /// # Errors
    /// [`TriggerError`] if the equations cannot be solved.
    pub fn path(
        &self,
        plan: &Plan,
        (size, duration): (f64, f64),
        at: f64,
        until: f64,
    ) -> Result<Trajectory, TriggerError> {
        let mut segments = plan.segments(&self.base, size, duration, at, until);
        // Delayed rates look back to before the trigger: the run begins early enough for them, if need be before 0.
        let start = (at - self.memory).min(0.0);
        if at <= 0.0 && start < at {
            segments.insert(0, Segment::new(at, &self.base));
        }
        let options = Options { retain: true, max_step: self.growth, ..self.options.clone() };
        integrate(self.fluid, start, &History::Constant(self.rest.clone()), &segments, &options)
            .map_err(|error| TriggerError::Integration { trigger: plan.name.clone(), error })
    }

    fn follow(
        &self,
        plan: &Plan,
        segments: &[Segment],
        options: &Options,
    ) -> Result<(Outcome, Trajectory), TriggerError> {
        self.judge
            .follow(self.fluid, &History::Constant(self.rest.clone()), segments, options)
            .map_err(|error| TriggerError::Integration { trigger: plan.name.clone(), error })
    }

    /// Whether the trigger, held at `size` for `duration`, has brought the system to rest at a stable state of its own: lasting
    /// longer then changes nothing.
    fn settles(&self, plan: &Plan, size: f64, duration: f64) -> bool {
        let segments = plan.segments(&self.base, size, duration, self.memory, self.memory + duration + self.patience);
        let Some((_, during)) = segments.split_last() else { return false };
        let Some(changed) = during.last().filter(|_| duration > self.memory) else { return false };
        let history = History::Constant(self.rest.clone());
        let Ok(path) = integrate(self.fluid, 0.0, &history, during, &self.options) else { return false };
        let (p, x) = (&changed.parameters, path.final_state());
        newton(self.fluid, p, x).is_ok_and(|root| {
            distance(self.fluid.states(), x, &root.x) <= SETTLED
                && spectrum(self.fluid, p, &root.x, &SpectrumOptions::default()).is_ok_and(|s| s.stable)
        })
    }

    /// Shortest duration at which the trigger tips the system at `size`.
    ///
    /// # Errors
    /// [`TriggerError`] if the equations cannot be solved.
    pub fn critical_duration(&self, plan: &Plan, size: f64) -> Result<Threshold, TriggerError> {
        Ok(self.durations(plan, size)?.map_or(Threshold::None(0.0), |found| found.1))
    }

    /// What the trigger does at `size` and its stated duration, and the shortest duration at which it tips the system; `None`
    /// for a kick.
    ///
    /// # Errors
    /// [`TriggerError`] if the equations cannot be solved.
    pub fn durations(&self, plan: &Plan, size: f64) -> Result<Option<(Fate, Threshold)>, TriggerError> {
        let Some(stated) = plan.duration else { return Ok(None) };
        let place = |duration: f64| (size, duration);
        let settles = |duration: f64| self.settles(plan, size, duration);
        threshold::find(self, plan, &place, &settles, (stated, f64::INFINITY), self.resolution()).map(Some)
    }

    /// Smallest size at which the trigger tips the system at `duration` (ignored for a kick).
    ///
    /// # Errors
    /// [`TriggerError`] if the equations cannot be solved.
    pub fn critical_size(&self, plan: &Plan, duration: f64, guess: f64) -> Result<Threshold, TriggerError> {
        let resolution = if plan.duration.is_none() { 1e-10 } else { self.resolution() };
        let place = |size: f64| (size, duration);
        Ok(threshold::find(self, plan, &place, &|_| false, (guess, plan.largest_size()), resolution)?.1)
    }
}
