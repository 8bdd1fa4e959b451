//! A model under a measured load: the residuals of a fit and their derivatives.
//!
//! The system rests at the first load (or starts from the model's own start values); then the load follows the
//! measurement piece by piece, and every reading is compared with the equations at its time: a sample with their value,
//! a rate with their mean over its interval (`run`).
//!
//! Derivatives are those of the variational equations along the steps of the solution
//! ([`crate::dynamics::integrate::sensitivities`]), those of the state of rest by the implicit function theorem,
//!
//! ```text
//! f(x_0, ..., x_0; θ) = 0,    ∂x_0/∂θ = -(Σ_j ∂f/∂x(t-L_j))⁻¹ ∂f/∂θ
//! ```
//!
//! Derivatives are right where the equations are continuous. Conditions that switch may not be: [`Measured::check`] holds them to
//! differences, and where they disagree differences are used.
//!
//! **Following a state.** What tips a service is chance: arrivals and service times push the queue over, at a moment that
//! no parameter determines. Held to one solution over the whole recording, a fit takes that moment for information, and its
//! intervals are far too narrow. Where a gauge counts requests inside, there is no need: it says exactly where the
//! system is at each reading. The state is set to it (and its variance to zero) and followed to the next, and what is
//! compared are predictions one reading ahead, whose errors are nearly independent (prediction-error method: Ljung,
//! *System Identification*, 1999, chapter 3; a Kalman filter whose readings have no error). Where readings have errors of
//! their own, as those of equations held to samples, nothing is followed.

mod run;
mod whitening;

use super::data::{Series, Steps};
use super::estimate::loss::median;
use super::estimate::problem::{Parameter, Problem, Scale};
use super::observe::Observable;
use crate::dynamics::integrate::{
    History, IntegrateError, Options, Segment, Sensitivities, Trajectory, integrate, sensitivities,
};
use crate::dynamics::linear::Lu;
use crate::dynamics::newton::{Equations, newton};
use crate::process::field::Field;
use crate::process::fluid::{Fluid, Tangent};
use crate::process::graph::Node;
use crate::process::population::Process;
use nalgebra::DMatrix;
use run::{Reader, Reading, Run};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
pub use whitening::Whitening;

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
    /// What one thing counted makes of each reading: a rate over w seconds moves by 1/w, a gauge of requests by 1. Zero
    /// where nothing is counted.
    pub grains: Vec<f64>,
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
    spare: Mutex<Vec<Tangent>>,
    prototype: Mutex<Tangent>,
    base: Vec<f64>,
    free: Vec<usize>,
    parameters: Vec<Parameter>,
    load: Option<(usize, Steps)>,
    beginning: Beginning,
    /// Columns whose readings states are set to.
    followed: Vec<(usize, usize, Vec<usize>)>,
    /// When states are set, in order of time, and which to what.
    known_states: Vec<(f64, Vec<(usize, f64)>)>,
    /// The last state of rest found, where the next is looked for.
    start: Vec<f64>,
    observations: Vec<Observation>,
    /// The moments of all readings, each once, and which one each reading has, column by column.
    readings: Vec<Reading>,
    of: Vec<usize>,
    end: f64,
    rtol: f64,
    /// Whether derivatives are those of the variational equations.
    exact: bool,
    /// What chance makes of the residuals of an instant together, where that is known; else the precisions say it one by one.
    whitening: Option<Whitening>,
    /// What is added to the residuals against the bias of the estimate, and the spread of estimates, in search coordinates.
    correction: Option<(Vec<f64>, DMatrix<f64>)>,
    /// The last solutions: derivatives are asked for where residuals were.
    known: Mutex<Vec<(Vec<f64>, Arc<Run>)>>,
}

/// Relative tolerance of the integration while the search is far from its end.
const COARSE: f64 = 3e-5;
/// The same if derivatives are differences.
const COARSE_DIFFERENCES: f64 = 1e-6;
/// Finest tolerance.
const FINE: f64 = 1e-10;
/// Relative error of a prediction, in tolerances of the integration.
const GROWTH: f64 = 10.0;
/// Tolerance of the integration, in relative standard errors of the parameters.
const SHARE: f64 = 0.01;
/// Length of a step of differences, in standard errors of what it differentiates by.
const STRIDE: f64 = 0.3;
/// Times as near as this are one.
const NEAREST: f64 = 1e-6;
/// Solutions that are kept.
const KEPT: usize = 8;
/// Step of the comparison of derivatives with differences, relative.
const CHECK: f64 = 1e-3;
/// Disagreement that it allows.
const DISAGREEMENT: f64 = 0.1;

impl Measured {
    /// The fit of `free` parameters of `fluid`, given by their indices and ranges. `load` is the index of the load with
    /// what was measured; without one the load of the model holds.
    #[must_use]
    pub fn new(
        fluid: &Fluid,
        free: Vec<(usize, Parameter)>,
        load: Option<(usize, Steps)>,
        beginning: Beginning,
        observations: Vec<Observation>,
    ) -> Self {
        let end = observations.iter().filter_map(|o| o.series.times.last().copied()).fold(0.0, f64::max);
        let (free, parameters): (Vec<usize>, Vec<Parameter>) = free.into_iter().unzip();
        let nodes = |process: &mut Process| observations.iter().map(|o| node(process, &o.observable)).collect();
        let tangent = Tangent::new(fluid, &free, nodes);
        // By the bits of time and span, which are not negative, so that they are in order of time.
        let mut places: BTreeMap<(u64, u64), usize> = BTreeMap::new();
        let moments = observations.iter().flat_map(|o| o.series.times.iter().zip(&o.series.spans));
        for (at, span) in moments.clone() {
            places.insert((at.to_bits(), span.to_bits()), 0);
        }
        places.values_mut().enumerate().for_each(|(index, place)| *place = index);
        let of = moments.map(|(at, span)| places[&(at.to_bits(), span.to_bits())]).collect();
        let readings =
            places.keys().map(|(at, span)| Reading { at: f64::from_bits(*at), span: f64::from_bits(*span) }).collect();
        let mut measured = Self {
            base: fluid.parameters(),
            start: fluid.start(),
            spare: Mutex::new(Vec::new()),
            prototype: Mutex::new(tangent),
            free,
            parameters,
            load,
            beginning,
            followed: Vec::new(),
            known_states: Vec::new(),
            observations,
            readings,
            of,
            end,
            rtol: COARSE,
            exact: true,
            whitening: None,
            correction: None,
            known: Mutex::new(Vec::new()),
        };
        measured.settle();
        measured
    }

    /// Sets states to what was read whenever it was: column by column the observation, the state it shows, and the states
    /// that vanish with that knowledge. See the module documentation.
    #[must_use]
    pub fn following(mut self, columns: &[(usize, usize, Vec<usize>)]) -> Self {
        self.followed = columns.to_vec();
        self.set_known();
        self
    }

    /// Notes when which states are set to what.
    fn set_known(&mut self) {
        let mut all: BTreeMap<u64, Vec<(usize, f64)>> = BTreeMap::new();
        for (observation, state, vanish) in &self.followed {
            let Some(observation) = self.observations.get(*observation) else { continue };
            let series = &observation.series;
            for ((at, span), value) in series.times.iter().zip(&series.spans).zip(&series.values) {
                if *span == 0.0 && *at > 0.0 && *at < self.end {
                    let set = all.entry(at.to_bits()).or_default();
                    set.push((*state, *value));
                    set.extend(vanish.iter().map(|state| (*state, 0.0)));
                }
            }
        }
        self.known_states = all.into_iter().map(|(at, set)| (f64::from_bits(at), set)).collect();
    }

    /// The same fit of another recording of the same times: its load, and its values by observation.
    #[must_use]
    pub fn played(&self, load: Option<Steps>, values: Vec<Vec<f64>>) -> Self {
        let prototype = self.prototype.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let observations = self.observations.iter().zip(values).map(|(observation, values)| Observation {
            series: Series { values, ..observation.series.clone() },
            ..observation.clone()
        });
        let mut played = Self {
            spare: Mutex::new(Vec::new()),
            prototype: Mutex::new(prototype),
            base: self.base.clone(),
            free: self.free.clone(),
            parameters: self.parameters.clone(),
            load: self.load.as_ref().map(|(index, _)| *index).zip(load),
            beginning: self.beginning,
            followed: self.followed.clone(),
            known_states: Vec::new(),
            start: self.start.clone(),
            observations: observations.collect(),
            readings: self.readings.clone(),
            of: self.of.clone(),
            end: self.end,
            rtol: self.rtol,
            exact: self.exact,
            whitening: None,
            correction: None,
            known: Mutex::new(Vec::new()),
        };
        played.set_known();
        played
    }

    /// Finds the state of rest at the starting values once, so that later ones are near.
    fn settle(&mut self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let values: Vec<f64> = self.parameters.iter().map(|p| p.start).collect();
        let found = self.with(|tangent| {
            let p = self.at(&values, self.first_load());
            self.rest(tangent.fluid(), &p).ok()
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

    /// Whether derivatives are those of the variational equations, not differences.
    #[must_use]
    pub fn exact(&self) -> bool {
        self.exact
    }

    /// Begins the next search at these values.
    pub fn restart(&mut self, values: &[f64]) {
        for (parameter, value) in self.parameters.iter_mut().zip(values) {
            parameter.start = *value;
        }
        self.settle();
    }

    /// Integrates as finely as parameters with these relative standard errors need. Where derivatives are differences,
    /// steps of the square root of the precision must not see the bend: that takes more.
    pub fn refine(&mut self, errors: &[f64]) {
        let least = errors.iter().copied().filter(|e| *e > 0.0).fold(f64::INFINITY, f64::min);
        let (wanted, coarse) =
            if self.exact { (SHARE * least, COARSE) } else { ((STRIDE * least).powi(2) / GROWTH, COARSE_DIFFERENCES) };
        self.rtol = if wanted.is_finite() { wanted.clamp(FINE, coarse) } else { self.rtol.min(coarse) };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Compares the derivatives with a difference along all parameters at once, and gives them up if they disagree.
    pub fn check(&mut self, values: &[f64]) {
        self.exact = self.agrees(values).unwrap_or(false);
    }

    fn agrees(&self, values: &[f64]) -> Option<bool> {
        let count = self.residual_count();
        let mut slopes = DMatrix::zeros(count, values.len());
        if !self.slopes(values, &mut slopes).ok()? {
            return Some(false);
        }
        let sizes: Vec<f64> = self
            .parameters
            .iter()
            .zip(values)
            .map(|(q, v)| if q.scale == Scale::Log { v.abs() } else { v.abs().max(1e-3 * q.unit()) })
            .collect();
        let beside = |by: f64| {
            let values: Vec<f64> = values
                .iter()
                .zip(&sizes)
                .zip(&self.parameters)
                .map(|((v, size), q)| (v + by * size).clamp(q.lower, q.upper))
                .collect();
            let mut out = vec![0.0; count];
            self.residuals(&values, &mut out).ok().map(|()| (values, out))
        };
        let ((above, up), (below, down)) = (beside(CHECK)?, beside(-CHECK)?);
        let (mut miss, mut size, mut noise) = (0.0, 0.0, 0.0);
        for (i, (up, down)) in up.iter().zip(&down).enumerate() {
            let difference = up - down;
            let slope: f64 = above.iter().zip(&below).enumerate().map(|(k, (a, b))| slopes[(i, k)] * (a - b)).sum();
            miss += (difference - slope).powi(2);
            size += difference.powi(2);
        }
        let readings = self.observations.iter().flat_map(|o| o.series.values.iter().zip(&o.precision));
        for (value, precision) in readings {
            noise += (GROWTH * self.rtol * value * precision).powi(2);
        }
        Some(miss.sqrt() <= DISAGREEMENT * size.sqrt() + noise.sqrt())
    }

    /// Weighs the residuals of each instant together; one by one without a whitening.
    pub fn whiten(&mut self, whitening: Option<Whitening>) {
        self.whitening = whitening;
    }

    /// Adds `offset` to the residuals, and says how estimates from many such recordings spread, in search coordinates.
    pub fn correct(&mut self, correction: Option<(Vec<f64>, DMatrix<f64>)>) {
        self.correction = correction;
    }

    /// Whether states are set to readings.
    #[must_use]
    pub fn follows(&self) -> bool {
        !self.known_states.is_empty()
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

    fn with<T>(&self, work: impl FnOnce(&mut Tangent) -> T) -> T {
        let taken = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut tangent =
            taken.unwrap_or_else(|| self.prototype.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let result = work(&mut tangent);
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(tangent);
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
        self.with(|tangent| {
            let run = self.run(tangent.fluid(), values)?;
            let late = self.late(tangent, &run);
            let mut reader = Reader::new(tangent, &run, None, &late);
            self.read(&mut reader, self.observations.len(), &mut |index, quantity, read| {
                out[index] = read[quantity];
            })
        })
    }

    /// Reads all moments; `width` numbers each.
    fn read(
        &self,
        reader: &mut Reader<'_>,
        width: usize,
        write: &mut dyn FnMut(usize, usize, &[f64]),
    ) -> Result<(), TrajectoryError> {
        let mut all = vec![0.0; width * self.readings.len()];
        for (reading, out) in self.readings.iter().zip(all.chunks_exact_mut(width)) {
            reader.read(*reading, out);
        }
        let mut index = 0;
        for (quantity, observation) in self.observations.iter().enumerate() {
            for _ in &observation.series.values {
                let place = self.of[index];
                let read = &all[place * width..(place + 1) * width];
                if !read[quantity].is_finite() {
                    return Err(TrajectoryError::NotFinite(observation.name.clone()));
                }
                write(index, quantity, read);
                index += 1;
            }
        }
        Ok(())
    }

    /// At which lags a quantity reads the load.
    fn late(&self, tangent: &Tangent, run: &Run) -> Vec<bool> {
        match (&self.load, run.segments.first()) {
            (Some((index, _)), Some(first)) => tangent.reads_at(*index, &first.parameters),
            _ => Vec::new(),
        }
    }

    /// The solution at these values.
    fn run(&self, fluid: &Fluid, values: &[f64]) -> Result<Arc<Run>, TrajectoryError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, run)) = known.iter().find(|(at, _)| at == values) {
            return Ok(Arc::clone(run));
        }
        drop(known);
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
        let segments = with_states(within(segments, self.end), &self.known_states);
        let options = Options { rtol: self.rtol, carry_step: true, ..Options::default() };
        let path: Trajectory = integrate(fluid, 0.0, &History::Constant(before), &segments, &options)?;
        let lags = segments.iter().map(|s| fluid.lags(&s.parameters)).collect();
        let run = Arc::new(Run { path, segments, lags });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT {
            known.remove(0);
        }
        known.push((values.to_vec(), Arc::clone(&run)));
        Ok(run)
    }

    /// The derivatives of the state the system begins in. `None` if they do not exist.
    fn origin(&self, tangent: &Tangent, run: &Run) -> Option<Vec<f64>> {
        let fluid = tangent.fluid();
        let (n, count) = (fluid.dim(), self.free.len());
        let mut slopes = vec![0.0; n * count];
        if self.beginning == Beginning::Start {
            return Some(slopes);
        }
        let mut equations = Equations::new(fluid, &run.segments.first()?.parameters);
        let mut lu = Lu::new(n);
        if !equations.jacobian(run.path.initial(), n, lu.matrix_mut()) || !lu.factor() {
            return None;
        }
        let mut right = vec![0.0; n];
        for (k, &index) in self.free.iter().enumerate() {
            if !equations.by_parameter(run.path.initial(), index, &mut right) {
                return None;
            }
            lu.solve(&mut right);
            right.iter().enumerate().for_each(|(i, v)| slopes[i * count + k] = -v);
        }
        slopes.iter().all(|v| v.is_finite()).then_some(slopes)
    }

    /// Writes the derivatives of the weighted residuals; false if there are none.
    fn slopes(&self, values: &[f64], out: &mut DMatrix<f64>) -> Result<bool, TrajectoryError> {
        self.with(|tangent| {
            let run = self.run(tangent.fluid(), values)?;
            let Some(origin) = self.origin(tangent, &run) else { return Ok(false) };
            let found: Option<Sensitivities> = sensitivities(tangent, &run.path, &run.segments, &origin)?;
            let Some(found) = found else { return Ok(false) };
            let lag_slopes: Vec<Vec<f64>> = run.segments.iter().map(|s| tangent.lag_slopes(&s.parameters)).collect();
            let late = self.late(tangent, &run);
            let (quantities, count) = (self.observations.len(), self.free.len());
            let precision: Vec<f64> = match &self.whitening {
                Some(_) => vec![1.0; self.residual_count()],
                None => self.observations.iter().flat_map(|o| o.precision.iter().copied()).collect(),
            };
            let mut reader = Reader::new(tangent, &run, Some((&found, &lag_slopes)), &late);
            self.read(&mut reader, quantities * (1 + count), &mut |index, quantity, read| {
                for k in 0..count {
                    out[(index, k)] = read[quantities + quantity * count + k] * precision[index];
                }
            })?;
            if let Some(whitening) = &self.whitening {
                let rows = out.nrows();
                out.as_mut_slice().chunks_exact_mut(rows.max(1)).for_each(|column| whitening.apply(column));
            }
            Ok(out.iter().all(|v| v.is_finite()))
        })
    }
}

/// The expression behind an observable.
fn node(process: &mut Process, observable: &Observable) -> Node {
    match observable {
        Observable::State(index) => process.graph.state(*index),
        Observable::Outputs(terms) => {
            let terms: Vec<Node> = terms
                .iter()
                .map(|(index, factor)| {
                    let factor = process.graph.constant(*factor);
                    process.graph.mul(factor, process.outputs[*index].node)
                })
                .collect();
            process.graph.sum(&terms)
        }
        Observable::Product(a, b) => process.graph.mul(process.outputs[*a].node, process.outputs[*b].node),
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

/// Segments divided where states are set.
fn with_states(segments: Vec<Segment>, known: &[(f64, Vec<(usize, f64)>)]) -> Vec<Segment> {
    let mut out: Vec<Segment> = Vec::with_capacity(segments.len() + known.len());
    let mut known = known.iter().peekable();
    let mut set = Vec::new();
    for segment in segments {
        while let Some((at, states)) = known.next_if(|(at, _)| *at < segment.until - NEAREST) {
            let from = out.last().map_or(0.0, |s| s.until);
            if *at > from + NEAREST {
                let mut piece = Segment::new(*at, &segment.parameters);
                piece.set = std::mem::take(&mut set);
                out.push(piece);
            }
            set = states.clone();
        }
        let until = segment.until;
        out.push(Segment { set: std::mem::take(&mut set), ..segment });
        if let Some((_, states)) = known.next_if(|(at, _)| *at <= until + NEAREST) {
            set = states.clone();
        }
    }
    out
}

/// Whether a root is the continuation of a known state: no state moved by more than half of its size.
fn near(x: &[f64], known: &[f64], fluid: &Fluid) -> bool {
    let scales = fluid.states().iter().map(|s| s.scale);
    x.iter().zip(known).zip(scales).all(|((a, b), scale)| (a - b).abs() <= 0.5 * (a.abs().max(b.abs())) + 0.1 * scale)
}

/// The number of the instant of every reading, column by column: times in steps of the usual distance of the readings of the
/// densest column, which columns read at slightly different times share.
fn instants(observations: &[Observation]) -> Vec<usize> {
    let usual = |o: &Observation| {
        let mut steps: Vec<f64> = o.series.times.windows(2).map(|w| w[1] - w[0]).collect();
        if steps.is_empty() { f64::INFINITY } else { median(&mut steps) }
    };
    let step = observations.iter().map(usual).filter(|s| *s > 0.0).fold(f64::INFINITY, f64::min);
    let first = observations.iter().filter_map(|o| o.series.times.first()).fold(f64::INFINITY, |a, b| a.min(*b));
    let number = |t: &f64| if step.is_finite() { ((t - first) / step).round() as usize } else { 0 };
    let all: Vec<usize> = observations.iter().flat_map(|o| o.series.times.iter().map(number)).collect();
    // Instants without any reading are left out: there are never more of them than readings.
    let mut read = all.clone();
    read.sort_unstable();
    read.dedup();
    all.iter().map(|instant| read.partition_point(|other| other < instant)).collect()
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
        if let Some(whitening) = &self.whitening {
            out.iter_mut().zip(readings).for_each(|(slot, (value, _))| *slot -= value);
            whitening.apply(out);
        } else {
            for (slot, (value, precision)) in out.iter_mut().zip(readings) {
                *slot = (*slot - value) * precision;
            }
        }
        if let Some((offset, _)) = &self.correction {
            out.iter_mut().zip(offset).for_each(|(slot, offset)| *slot += offset);
        }
        Ok(())
    }

    fn series(&self) -> Vec<usize> {
        self.observations.iter().map(|o| o.series.values.len()).collect()
    }

    fn instants(&self) -> Option<Vec<usize>> {
        Some(instants(&self.observations))
    }

    fn jacobian(&self, parameters: &[f64], out: &mut DMatrix<f64>) -> Result<bool, Self::Error> {
        if self.exact { self.slopes(parameters, out) } else { Ok(false) }
    }

    fn spread(&self) -> Option<DMatrix<f64>> {
        self.correction.as_ref().map(|(_, spread)| spread.clone())
    }

    fn derivative_error(&self) -> Option<f64> {
        self.exact.then_some(self.rtol)
    }

    fn precision(&self) -> f64 {
        GROWTH * self.rtol
    }
}
