//! A model under a measured load: the residuals of a fit.
//!
//! The system rests at the first load (or starts from the model's own start values); then the load follows the
//! measurement piece by piece, and every reading is compared with the equations at its time: a sample with their value,
//! a rate with their mean over its interval (Gauss-Legendre, three points per panel).

use super::data::{Series, Steps};
use super::estimate::problem::{Parameter, Problem};
use super::observe::Observable;
use crate::dynamics::integrate::{History, IntegrateError, Options, Segment, Trajectory, integrate};
use crate::dynamics::newton::newton;
use crate::process::field::Field;
use crate::process::fluid::Fluid;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

/// A column with what it is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// What it is, for people: a role or a name of the model.
    pub name: String,
    /// The quantity of the equations.
    pub observable: Observable,
    /// The readings.
    pub series: Series,
    /// One over the standard deviation of each reading.
    pub precision: Vec<f64>,
}

/// Where the system is when the data begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beginning {
    /// At rest in its good state at the first load.
    #[default]
    Rest,
    /// At the start values of the model.
    Start,
}

/// Why the equations cannot be compared with the data at some parameters.
#[derive(Debug, thiserror::Error)]
pub enum TrajectoryError {
    /// No state of rest.
    #[error("the system has no state of rest at the first load")]
    NoRest,
    /// They cannot be integrated.
    #[error(transparent)]
    Integration(#[from] IntegrateError),
    /// A quantity is not finite.
    #[error("`{0}` is not finite")]
    NotFinite(String),
}

/// A fit of a model to time series.
pub struct Measured {
    /// Evaluators: equations keep scratch space, so that each thread takes one.
    spare: Mutex<Vec<Fluid>>,
    prototype: Mutex<Fluid>,
    base: Vec<f64>,
    free: Vec<usize>,
    parameters: Vec<Parameter>,
    load: Option<(usize, Steps)>,
    beginning: Beginning,
    start: Vec<f64>,
    /// The last state of rest found, where the next is looked for.
    observations: Vec<Observation>,
    end: f64,
    rtol: f64,
}

/// Relative tolerance of the integration while the search is far from its end.
const COARSE: f64 = 1e-6;
/// Finest tolerance.
const FINE: f64 = 1e-10;
/// Relative error of a prediction, in tolerances of the integration.
const GROWTH: f64 = 10.0;
/// Length of a step of differences, in standard errors of what it differentiates by.
const STRIDE: f64 = 0.3;

impl Measured {
    /// The fit of `free` parameters of `fluid`, given by their indices and ranges. `load` is the index of the load with
    /// what was measured; without one the load of the model holds.
    #[must_use]
    pub fn new(
        fluid: Fluid,
        free: Vec<(usize, Parameter)>,
        load: Option<(usize, Steps)>,
        beginning: Beginning,
        observations: Vec<Observation>,
    ) -> Self {
        let end = observations.iter().filter_map(|o| o.series.times.last().copied()).fold(0.0, f64::max);
        let (free, parameters) = free.into_iter().unzip();
        let mut measured = Self {
            base: fluid.parameters(),
            start: fluid.start(),
            spare: Mutex::new(Vec::new()),
            prototype: Mutex::new(fluid),
            free,
            parameters,
            load,
            beginning,
            observations,
            end,
            rtol: COARSE,
        };
        measured.settle();
        measured
    }

    /// Finds the state of rest at the starting values once, so that later ones are near.
    fn settle(&mut self) {
        let values: Vec<f64> = self.parameters.iter().map(|p| p.start).collect();
        let found = self.with(|fluid| {
            let p = self.at(&values, self.first_load());
            self.rest(fluid, &p).ok()
        });
        if let Some(found) = found {
            self.start = found;
        }
    }

    /// The observations.
    #[must_use]
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// Begins the next search at these values.
    pub fn restart(&mut self, values: &[f64]) {
        for (parameter, value) in self.parameters.iter_mut().zip(values) {
            parameter.start = *value;
        }
        self.settle();
    }

    /// Integrates as finely as parameters with these relative standard errors need: many readings determine them to a few
    /// parts in ten thousand, and differences over steps of the square root of the precision must not see the bend.
    pub fn refine(&mut self, errors: &[f64]) {
        let least = errors.iter().copied().filter(|e| *e > 0.0).fold(f64::INFINITY, f64::min);
        let wanted = (STRIDE * least).powi(2) / GROWTH;
        if wanted.is_finite() {
            self.rtol = wanted.clamp(FINE, COARSE);
        }
    }

    /// To weigh readings anew.
    pub fn observations_mut(&mut self) -> &mut [Observation] {
        &mut self.observations
    }

    fn first_load(&self) -> Option<f64> {
        self.load.as_ref().and_then(|(_, steps)| steps.values.first().copied())
    }

    /// All parameters of the equations with these free values and this load.
    fn at(&self, values: &[f64], load: Option<f64>) -> Vec<f64> {
        let mut p = self.base.clone();
        for (index, value) in self.free.iter().zip(values) {
            p[*index] = *value;
        }
        if let (Some((index, _)), Some(load)) = (&self.load, load) {
            p[*index] = load.max(1e-9);
        }
        p
    }

    fn with<T>(&self, work: impl FnOnce(&Fluid) -> T) -> T {
        let taken = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let fluid = taken.unwrap_or_else(|| self.prototype.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let result = work(&fluid);
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(fluid);
        result
    }

    /// The state of rest: near the one known, else where the system ends up from its start values.
    fn rest(&self, fluid: &Fluid, p: &[f64]) -> Result<Vec<f64>, TrajectoryError> {
        if let Ok(root) = newton(fluid, p, &self.start)
            && near(&root.x, &self.start, fluid)
        {
            return Ok(root.x);
        }
        let patience = 400.0 * fluid.lags(p).last().copied().unwrap_or(1.0).max(0.05);
        let options = Options { rtol: 1e-6, retain: false, ..Options::default() };
        let settled = integrate(fluid, 0.0, &History::Constant(fluid.start()), &[Segment::new(patience, p)], &options)?;
        let root = newton(fluid, p, settled.final_state()).map_err(|_| TrajectoryError::NoRest)?;
        if near(&root.x, settled.final_state(), fluid) { Ok(root.x) } else { Err(TrajectoryError::NoRest) }
    }

    /// The predictions, in the order of the observations.
    ///
    /// # Errors
    /// [`TrajectoryError`] where the equations have no solution.
    pub fn predict(&self, values: &[f64], out: &mut [f64]) -> Result<(), TrajectoryError> {
        self.with(|fluid| self.predict_with(fluid, values, out))
    }

    fn predict_with(&self, fluid: &Fluid, values: &[f64], out: &mut [f64]) -> Result<(), TrajectoryError> {
        let first = self.at(values, self.first_load());
        let before = match self.beginning {
            Beginning::Rest => self.rest(fluid, &first)?,
            Beginning::Start => fluid.start(),
        };
        let segments: Vec<Segment> = match &self.load {
            None => vec![Segment::new(self.end, &first)],
            Some((_, steps)) => steps
                .until
                .iter()
                .zip(&steps.values)
                .map(|(until, load)| Segment::new(*until, &self.at(values, Some(*load))))
                .collect(),
        };
        let segments = within(segments, self.end);
        let options = Options { rtol: self.rtol, ..Options::default() };
        let path = integrate(fluid, 0.0, &History::Constant(before.clone()), &segments, &options)?;
        let known = RefCell::new(HashMap::new());
        let reader = PathReader { fluid, path: &path, segments: &segments, before: &before, known };
        let mut slot = out.iter_mut();
        for observation in &self.observations {
            let series = &observation.series;
            for (at, span) in series.times.iter().zip(&series.spans) {
                let value = reader.observe(&observation.observable, *at, *span);
                if !value.is_finite() {
                    return Err(TrajectoryError::NotFinite(observation.name.clone()));
                }
                if let Some(slot) = slot.next() {
                    *slot = value;
                }
            }
        }
        Ok(())
    }
}

/// Segments cut at the end of the data.
fn within(segments: Vec<Segment>, end: f64) -> Vec<Segment> {
    let mut out: Vec<Segment> = Vec::with_capacity(segments.len());
    for mut segment in segments {
        let done = segment.until >= end;
        if done {
            segment.until = end;
        }
        let from = out.last().map_or(0.0, |s| s.until);
        if segment.until > from {
            out.push(segment);
        }
        if done {
            return out;
        }
    }
    // The load ends before the data: it goes on.
    if let Some(last) = out.last_mut() {
        last.until = end;
    }
    out
}

/// Whether a root is the continuation of a known state: no state moved by more than half of its size.
fn near(x: &[f64], known: &[f64], fluid: &Fluid) -> bool {
    let scales = fluid.states().iter().map(|s| s.scale);
    x.iter().zip(known).zip(scales).all(|((a, b), scale)| (a - b).abs() <= 0.5 * (a.abs().max(b.abs())) + 0.1 * scale)
}

struct PathReader<'a> {
    fluid: &'a Fluid,
    path: &'a Trajectory,
    segments: &'a [Segment],
    before: &'a [f64],
    /// Outputs by the bits of their time: columns share their times. Looked up only, never walked.
    known: RefCell<HashMap<u64, Rc<Vec<f64>>>>,
}

/// Nodes and weights of Gauss-Legendre quadrature with three points on 0..1.
const GAUSS: [(f64, f64); 3] =
    [(0.112_701_665_379_258_31, 5.0 / 18.0), (0.5, 8.0 / 18.0), (0.887_298_334_620_741_7, 5.0 / 18.0)];
/// Most panels of an interval.
const PANELS: usize = 12;

impl PathReader<'_> {
    fn observe(&self, observable: &Observable, at: f64, span: f64) -> f64 {
        if span <= 0.0 {
            return self.value(observable, at);
        }
        // Panels end where the load changes, because outputs may jump there.
        let from = (at - span).max(0.0);
        let first = self.segments.partition_point(|s| s.until <= from);
        let mut edges = vec![from];
        edges.extend(self.segments[first..].iter().map(|s| s.until).take_while(|until| *until < at));
        edges.push(at);
        if edges.len() > PANELS {
            edges = vec![from, at];
        }
        let mut sum = 0.0;
        for edge in edges.windows(2) {
            let width = edge[1] - edge[0];
            for (node, weight) in GAUSS {
                sum += weight * width * self.value(observable, edge[0] + node * width);
            }
        }
        sum / (at - from)
    }

    fn value(&self, observable: &Observable, at: f64) -> f64 {
        let state = |t: f64| if t <= 0.0 { self.before.to_vec() } else { self.state(t) };
        let outputs = || {
            if let Some(known) = self.known.borrow().get(&at.to_bits()) {
                return Rc::clone(known);
            }
            let parameters = self.parameters(at);
            let lags = self.fluid.lags(parameters);
            let past: Vec<f64> = lags.iter().flat_map(|lag| state(at - lag)).collect();
            let history: Vec<&[f64]> = lags.iter().map(|lag| self.parameters(at - lag)).collect();
            let found = self.fluid.outputs(at, &state(at), &past, &self.fluid.with_history(parameters, &history));
            let found = Rc::new(found);
            self.known.borrow_mut().insert(at.to_bits(), Rc::clone(&found));
            found
        };
        match observable {
            Observable::State(index) => state(at)[*index],
            Observable::Outputs(terms) => {
                let values = outputs();
                terms.iter().map(|(index, factor)| factor * values[*index]).sum()
            }
            Observable::Product(a, b) => {
                let values = outputs();
                values[*a] * values[*b]
            }
        }
    }

    fn state(&self, t: f64) -> Vec<f64> {
        self.path.at(t).unwrap_or_else(|| self.path.final_state().to_vec())
    }

    fn parameters(&self, t: f64) -> &[f64] {
        let index = self.segments.partition_point(|s| s.until <= t);
        &self.segments[index.min(self.segments.len() - 1)].parameters
    }
}

impl Problem for Measured {
    type Error = TrajectoryError;

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn residual_count(&self) -> usize {
        self.observations.iter().map(|o| o.series.values.len()).sum()
    }

    fn residuals(&self, parameters: &[f64], out: &mut [f64]) -> Result<(), Self::Error> {
        self.predict(parameters, out)?;
        let readings = self.observations.iter().flat_map(|o| o.series.values.iter().zip(&o.precision));
        for (slot, (value, precision)) in out.iter_mut().zip(readings) {
            *slot = (*slot - value) * precision;
        }
        Ok(())
    }

    fn series(&self) -> Vec<usize> {
        self.observations.iter().map(|o| o.series.values.len()).collect()
    }

    fn precision(&self) -> f64 {
        GROWTH * self.rtol
    }
}
