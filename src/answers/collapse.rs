//! How often it will die by itself: the mean time to collapse at a load, and the load at which it falls below the horizon.
//!
//! Noise is that of the events of the system (every arrival, departure and retry at its own instant), simulated on the equations of
//! the middle run; see [`crate::chance::escape`]. The good state and the saddle beside it are those of these equations, or
//! of the moments where these alone have a saddle: they only say where to look. A path counts as collapsed halfway between the saddle and the collapsed state, in the coordinate that is 0 at the good
//! state and 1 at the saddle, and at [`FURTHEST`] at most.
//!
//! A process whose states are bounded and that never waits has an exact answer instead, from its Markov chain: see
//! `exact`.
//!
//! `tip_over_load.with_noise` is the root of ln τ(load) = ln horizon, τ the mean time to collapse. ln τ falls smoothly with
//! load: the root is bracketed between recovery and tip-over load and interpolated.

mod exact;
mod guess;
mod search;

use super::landscape::Landscape;
use super::limits::{Limits, limits};
use super::study::Study;
use crate::chance::chain::error::ChainError;
use crate::chance::escape::{
    Answer, Coordinate, Effort, Estimate, Method, Question, extrapolated, mean_time, pace, scales,
};
use crate::chance::paths::{Machine, MachineError, Path, PathError};
use crate::dynamics::newton::newton;
use crate::model::unit;
use crate::process::dimension::Dimension;
use crate::process::event::Event;
use crate::process::fluid::Fluid;
use exact::Exact;
use search::{Search, Value};
use serde::Serialize;

/// Largest value of the coordinate at which a path counts as collapsed.
pub const FURTHEST: f64 = 2.0;
/// How long the good state must last where the model does not say, in seconds.
pub const DEFAULT_HORIZON: f64 = 30.0 * 86_400.0;
/// Most events spent on the mean time at today's load, on each load of the search, and on extrapolation.
const EVENTS: [u64; 3] = [20_000_000, 8_000_000, 5_000_000];
/// Trials per level at today's load and in the search.
const TRIALS: usize = 64;
const SEARCH_TRIALS: usize = 48;
/// Instructions per event up to which the effort is what it says.
const WORK: f64 = 12.0;
/// Events for a glance at what noise does in the good state.
const GLANCE: u64 = 40_000;
/// A bound this many horizons away is answer enough.
const FAR: f64 = 1e3;
/// The search for the load where ln τ = ln horizon, τ estimated.
const SEARCH: Search = Search { loads: 8, blind: 1, close: 0.3, width: 2e-3 };
/// The same where τ is exact.
const EXACT_SEARCH: Search = Search { loads: 40, blind: 0, close: 1e-6, width: 1e-7 };

/// Mean time to collapse, as reported.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CollapseTime {
    /// Mean time.
    pub value: f64,
    /// `s`.
    pub unit: &'static str,
    /// How it was found.
    pub method: Method,
    /// 95 % interval.
    pub interval: [f64; 2],
}

/// Why collapse could not be studied.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CollapseError {
    /// The process cannot be simulated.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A path failed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The good state and the saddle have the same coordinate.
    #[error("inconclusive, the good state and the saddle beside it cannot be told apart along one line")]
    Indistinct,
    /// The chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// The good state, the saddle beside it, and what counts as collapsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Wells {
    /// Parameters they belong to.
    pub parameters: Vec<f64>,
    /// The good state.
    pub good: Vec<f64>,
    /// The saddle, if there is one at this load.
    pub saddle: Option<Vec<f64>>,
    /// The collapsed state, unless it escapes.
    pub collapsed: Option<Vec<f64>>,
}

/// A study made ready for questions about collapse.
#[derive(Debug)]
pub struct Collapse<'a> {
    study: &'a Study,
    /// The equations whose branch names the states.
    fluid: &'a Fluid,
    landscape: &'a Landscape,
    limits: Limits,
    load: usize,
    /// For each state of the paths, the state of the branch.
    same: Vec<usize>,
    events: Vec<Event>,
    machine: Machine,
    exact: Option<Exact>,
}

impl<'a> Collapse<'a> {
    /// Prepares a study; `landscape` is that of `fluid`: its equations of the middle run, or, where these have no saddle,
    /// those under the closure it asks for, whose means are then taken for the states of the paths.
    ///
    /// # Errors
    /// [`CollapseError::Machine`].
    pub fn new(study: &'a Study, fluid: &'a Fluid, landscape: &'a Landscape) -> Result<Self, CollapseError> {
        let limits = limits(fluid, study.load_index(fluid), landscape);
        Self::with_limits(study, fluid, landscape, limits)
    }

    fn with_limits(
        study: &'a Study,
        fluid: &'a Fluid,
        landscape: &'a Landscape,
        limits: Limits,
    ) -> Result<Self, CollapseError> {
        let load = study.load_index(fluid);
        let paths = &study.median.process().states;
        let same = paths.iter().map(|s| fluid.process().state_index(&s.info.name).unwrap_or(0)).collect();
        let mut process = study.median.process().clone();
        let exact = Exact::of(&process);
        let machine = Machine::new(&process, 1.0)?;
        let events = process.all_events();
        Ok(Self { study, fluid, landscape, limits, load, same, events, machine, exact })
    }

    /// Good state and saddle at a load (base units), from the branch; `None` if there is no good state, or nothing that
    /// tells it from the collapsed one.
    #[must_use]
    pub fn wells(&self, load: f64) -> Option<Wells> {
        let fluid = self.fluid;
        let mut parameters = self.landscape.parameters.clone();
        parameters[self.load] = load;
        let (mut good, mut saddle, mut collapsed) = (None, None, None);
        for (i, pair) in self.landscape.branch.points.windows(2).enumerate() {
            let (a, b) = (pair[0].parameter - load, pair[1].parameter - load);
            if a * b > 0.0 || (a == 0.0 && i > 0) {
                continue;
            }
            let share = if a == b { 0.0 } else { a / (a - b) };
            let guess: Vec<f64> = pair[0].x.iter().zip(&pair[1].x).map(|(x, y)| x + share * (y - x)).collect();
            let Ok(root) = newton(fluid, &parameters, &guess) else { continue };
            let x: Vec<f64> = self.same.iter().map(|&s| root.x[s]).collect();
            if i < self.limits.good_segments {
                good = Some(x);
            } else if good.is_some() && saddle.is_none() {
                saddle = Some(x);
            } else if saddle.is_some() && collapsed.is_none() {
                collapsed = Some(x);
            }
        }
        // A branch that was not followed to its end may miss what the search at today's load has found.
        let here = self.landscape.parameters[self.load] == load && good.is_some() && saddle.is_none();
        // An unstable state behind which nothing lies leads nowhere else.
        let attractors = self.landscape.states.iter().filter(|s| s.stable() == Some(true)).count();
        let here = here && (attractors > 1 || self.landscape.escape.is_some());
        for state in self.landscape.states.iter().filter(|_| here) {
            let x = || self.same.iter().map(|&s| state.x[s]).collect();
            match state.stable() {
                Some(false) if saddle.is_none() => saddle = Some(x()),
                Some(true) if saddle.is_some() && collapsed.is_none() => collapsed = Some(x()),
                _ => {}
            }
        }
        let mut parameters = self.study.median.parameters();
        parameters[self.study.load_index(&self.study.median)] = load;
        let named = self.exact.as_ref().is_some_and(Exact::names_collapse);
        (saddle.is_some() || named).then_some(Wells { parameters, good: good?, saddle, collapsed })
    }

    /// `root` is that of [`Collapse::unstable_root`]; without it the coordinate is the line from good state to saddle.
    fn coordinate(&self, machine: &Machine, wells: &Wells, root: Option<f64>) -> Result<Coordinate, CollapseError> {
        let (fluid, p) = (&self.study.median, &wells.parameters);
        let saddle = wells.saddle.as_ref().ok_or(CollapseError::Indistinct)?;
        let mut path = Path::new(machine, p, &wells.good, 0, 0)?;
        Coordinate::new(fluid, &mut path, &self.events, p, (&wells.good, saddle), root)
            .map_err(|_| CollapseError::Indistinct)
    }

    fn target(&self, coordinate: &Coordinate, wells: &Wells) -> Result<f64, PathError> {
        let Some(collapsed) = &wells.collapsed else { return Ok(FURTHEST) };
        let mut path = Path::new(&self.machine, &wells.parameters, &wells.good, 0, 0)?;
        let end = coordinate.at_rest(&mut path, &self.events, collapsed);
        Ok(if end > 1.0 { (0.5 * (1.0 + end)).min(FURTHEST) } else { FURTHEST })
    }

    /// Mean time to collapse between given states.
    ///
    /// # Errors
    /// [`CollapseError`].
    pub fn mean_time(&self, wells: &Wells, effort: &Effort) -> Result<Answer, CollapseError> {
        let Some(exact) = &self.exact else { return self.simulated(wells, effort) };
        let region = match &wells.saddle {
            Some(_) if !exact.names_collapse() => {
                let coordinate = self.coordinate(&self.machine, wells, self.unstable_root(wells))?;
                let target = self.target(&coordinate, wells)?;
                Some((coordinate, target))
            }
            _ => None,
        };
        let collapsed = |x: &[f64]| region.as_ref().is_some_and(|(coordinate, target)| coordinate.at(x) >= *target);
        Ok(match exact.mean_time(&wells.parameters, &wells.good, collapsed)? {
            Some(mean) if mean.is_finite() => {
                Answer::Time(Estimate { mean, interval: [mean; 2], method: Method::MarkovChain })
            }
            Some(_) => Answer::LongerThan(f64::INFINITY),
            None => Answer::Unknown,
        })
    }

    /// The same from paths, whether or not there is a chain.
    ///
    /// # Errors
    /// [`CollapseError`].
    pub fn simulated(&self, wells: &Wells, effort: &Effort) -> Result<Answer, CollapseError> {
        let root = self.unstable_root(wells);
        let coordinate = self.coordinate(&self.machine, wells, root)?;
        let question = self.question(wells, &coordinate)?;
        if Self::excess(root, &question, effort)? > 1.0 {
            return Ok(Answer::Unknown);
        }
        Ok(mean_time(&question, effort)?)
    }

    /// An effort in events, fewer where an event costs more than in a plain queue.
    fn effort(&self, events: u64, trials: usize, seed: u64) -> Effort {
        let share = (WORK / self.machine.work().max(WORK)).min(1.0);
        Effort { events: (share * events as f64) as u64, trials, seed, ..Effort::default() }
    }

    /// How far noise carries the system towards collapse in as much time as can be simulated at little cost, in words.
    fn progress(&self, wells: &Wells, seed: u64) -> Option<String> {
        let coordinate = self.coordinate(&self.machine, wells, self.unstable_root(wells)).ok()?;
        let question = self.question(wells, &coordinate).ok()?;
        let pace = pace(&question, GLANCE, seed).ok().filter(|p| p.time > 0.0 && p.highest.is_finite())?;
        let time = unit::human(pace.time, Dimension::TIME);
        let share = match 100.0 * pace.highest {
            share if share < 0.01 => "less than 0.01".to_owned(),
            share => format!("{share:.2}"),
        };
        Some(format!(" (in {time} of it noise goes {share} % of the way to the saddle)"))
    }

    fn question<'q>(&'q self, wells: &'q Wells, coordinate: &'q Coordinate) -> Result<Question<'q>, PathError> {
        let target = self.target(coordinate, wells)?;
        Ok(Question {
            machine: &self.machine,
            events: &self.events,
            parameters: &wells.parameters,
            good: &wells.good,
            coordinate,
            target,
        })
    }

    /// The mean time extrapolated from larger noise.
    ///
    /// # Errors
    /// [`CollapseError`].
    pub fn extrapolate(&self, wells: &Wells, effort: &Effort) -> Result<Option<Estimate>, CollapseError> {
        let process = self.study.median.process();
        let machines: Vec<Machine> = scales().iter().map(|&h| Machine::new(process, h)).collect::<Result<_, _>>()?;
        let root = self.unstable_root(wells);
        let coordinate = self.coordinate(&self.machine, wells, root)?;
        let question = self.question(wells, &coordinate)?;
        let largest = scales().iter().copied().fold(1.0, f64::max);
        if Self::excess(root, &question, effort)? > largest * largest {
            return Ok(None);
        }
        extrapolated(&question, &machines, |machine| self.coordinate(machine, wells, root), effort)
    }

    /// Recovery load (zero if there is none) and tip-over load, in base units.
    fn bracket(&self) -> Option<(f64, f64)> {
        let tip = self.limits.tip_over.as_ref()?.load;
        Some((self.limits.recovery.as_ref().map_or(0.0, |l| l.load), tip))
    }

    /// Load (base units) at which the mean time falls below `horizon` seconds; `None` if the search was inconclusive.
    ///
    /// # Errors
    /// [`CollapseError`].
    pub fn load_with_noise(&self, horizon: f64, seed: u64) -> Result<Option<f64>, CollapseError> {
        let Some((recovery, tip)) = self.bracket() else { return Ok(None) };
        let effort = self.effort(EVENTS[1], SEARCH_TRIALS, seed);
        let search = if self.exact.is_some() { EXACT_SEARCH } else { SEARCH };
        let guess = |offset: f64| match &self.exact {
            Some(_) => None,
            None => self.guess((recovery, tip), horizon.ln() - offset, seed),
        };
        // Excess of ln τ over ln horizon; where the good state is gone already it lasts no time worth the name.
        search.root((recovery, tip), guess, |load| {
            let Some(wells) = self.wells(load) else { return Ok(Value::Below) };
            Ok(match self.mean_time(&wells, &effort)? {
                Answer::Time(found) => Value::Exactly((found.mean / horizon).ln()),
                Answer::LongerThan(bound) if bound > horizon => Value::Above,
                _ => Value::Unknown,
            })
        })
    }
}

/// What is known when the noise is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// Landscape and limits of a study.
    pub own: (&'a Landscape, &'a Limits),
    /// The same of its middle run, where that has other equations.
    pub median: Option<(&'a Landscape, &'a Limits)>,
}

/// How long the good state of a study lasts under noise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Noise {
    /// Load at which noise alone tips the system within the horizon, in the unit of the load.
    pub load: Option<f64>,
    /// Mean time to collapse at today's load.
    pub mean_time: Option<CollapseTime>,
    /// What could not be found, and why.
    pub warnings: Vec<String>,
}

/// How long the good state of a study lasts under noise.
#[must_use]
pub fn noise(study: &Study, basis: Basis<'_>, seed: u64) -> Noise {
    let mut noise = Noise::default();
    if let Err(error) = try_noise(study, basis, seed, &mut noise) {
        noise.warnings.push(format!("mean time to collapse: {error}"));
    }
    noise
}

fn try_noise(study: &Study, basis: Basis<'_>, seed: u64, noise: &mut Noise) -> Result<(), CollapseError> {
    let today = study.load.value;
    let (own, own_limits) = basis.own;
    let mut candidates = Vec::new();
    if let Some((landscape, limits)) = basis.median {
        candidates.push(Collapse::with_limits(study, &study.median, landscape, limits.clone())?);
    }
    candidates.push(Collapse::with_limits(study, &study.fluid, own, own_limits.clone())?);
    let Some((collapse, wells)) = candidates.iter().find_map(|c| c.wells(today).map(|w| (c, Some(w)))).or_else(|| {
        // No good state today, or none but that: the load where it begins to be in danger may still be found.
        candidates.iter().find(|c| c.limits.tip_over.is_some() && c.limits.recovery.is_some()).map(|c| (c, None))
    }) else {
        return Ok(());
    };
    let horizon = study.model.meta.horizon.as_ref().map_or(DEFAULT_HORIZON, |h| h.value);
    if own_limits.tip_over.is_some() && (collapse.limits.recovery.is_some() || own_limits.recovery.is_some()) {
        let mut found = collapse.load_with_noise(horizon, seed)?;
        if found.is_none()
            && let Some(near) = collapse.beside_the_fold(horizon, seed)
        {
            found = Some(near);
            let note = "the load at which noise tips the system is from Kramers' formula beside the fold: there the way \
                        back is too slow to be followed by simulation";
            noise.warnings.push(note.to_owned());
        }
        noise.load = found.map(|load| load / study.load.factor);
        if found.is_none() {
            let span = unit::human(horizon, Dimension::TIME);
            let message = format!("the load at which noise alone tips the system within {span} is inconclusive");
            noise.warnings.push(message);
        }
    }
    let Some(wells) = wells else { return Ok(()) };
    let effort = Effort { enough: FAR * horizon, ..collapse.effort(EVENTS[0], TRIALS, seed) };
    let answer = collapse.mean_time(&wells, &effort)?;
    let estimate = match answer {
        Answer::Time(estimate) => Some(estimate),
        Answer::LongerThan(bound) if bound > FAR * horizon => None,
        _ if collapse.exact.is_some() => None,
        _ => collapse.extrapolate(&wells, &collapse.effort(EVENTS[2], SEARCH_TRIALS, seed))?,
    };
    if estimate.is_none() {
        noise.warnings.push(match answer {
            Answer::LongerThan(bound) if bound.is_infinite() => {
                "mean time to collapse by itself: none, the chain has no way from the good state to collapse".to_owned()
            }
            Answer::LongerThan(bound) if bound > horizon => {
                let bound = unit::human(bound, Dimension::TIME);
                format!("mean time to collapse by itself: more than {bound}, as far as it was followed")
            }
            _ => {
                let progress = collapse.progress(&wells, seed).unwrap_or_default();
                format!("mean time to collapse by itself: inconclusive, too rare and too slow to be followed by simulation{progress}")
            }
        });
    }
    noise.mean_time =
        estimate.map(|e| CollapseTime { value: e.mean, unit: "s", method: e.method, interval: e.interval });
    Ok(())
}
