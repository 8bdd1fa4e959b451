//! A model fitted to metric files: parameters, what they mean for the limits, and what the data cannot tell.
//!
//! Intervals of the parameters are those of the profile likelihood; of tip-over load, recovery load and headroom the
//! largest and the smallest value over the same likelihood region ([`crate::fit::estimate::profile`]). A parameter whose
//! profile never rises is not identified, and then there is no fitted model: measurements of a service that was always
//! healthy do not say when its clients give up.

mod replay;

use super::landscape::{Landscape, main_branch};
use super::limits::{Limits, limits};
use super::study::Study;
use crate::dynamics::equilibria::Completeness;
use crate::fit::calibrate::{Fitted, Noise, calibrate, little};
use crate::fit::data::{DataError, Raw, Series, Source, Steps, comparable, raw};
use crate::fit::estimate::identifiability::Grade;
use crate::fit::estimate::problem::{Parameter, Scale};
use crate::fit::estimate::profile::{End, Interval};
use crate::fit::estimate::{Failure, Options};
use crate::fit::mapping::{Column, Mapping};
use crate::fit::metrics::guess::Role;
use crate::fit::observe::{Observable, main_service, named, of_role, state_of, variance_of};
use crate::fit::trajectory::{Beginning, Measured, Observation, TrajectoryError};
use crate::model::types::Quantity;
use crate::process::fluid::Fluid;
use replay::Player;
use serde::Serialize;
use std::sync::{Mutex, PoisonError};

/// A number that is estimated.
#[derive(Debug, Clone, PartialEq)]
pub struct Free {
    /// Its path.
    pub path: String,
    /// Bounds in base units, where given.
    pub bounds: Option<(f64, f64)>,
}

/// What to fit, and to what.
pub struct Request<'a> {
    /// Numbers to estimate.
    pub free: Vec<Free>,
    /// Columns by role.
    pub mapping: &'a Mapping,
    /// Columns by the name of a state or an output of the model.
    pub named: Vec<(String, Column)>,
    /// Where the system is when the data begin.
    pub beginning: Beginning,
    /// Whether states are set to their readings as they come.
    pub follow: Follow,
    /// Whether the model is played to learn what chance does to such recordings (see [`crate::fit::calibrate`]).
    pub play: bool,
}

/// Whether states are set to their readings as they come, and only what lies between is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Follow {
    /// A gauge of the requests inside, which is exact.
    #[default]
    Counts,
    /// Every state of which there are samples.
    States,
    /// None.
    Nothing,
}

/// Why there is no fit.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// Nothing to estimate.
    #[error("nothing is to be estimated")]
    NothingFree,
    /// A number that is not a parameter of the equations.
    #[error("`{0}` changes the structure of the equations and cannot be estimated")]
    Structural(String),
    /// No number of that path.
    #[error("there is no number `{0}` in this model")]
    NoNumber(String),
    /// No column to hold the model to.
    #[error("no column shows a quantity of this model")]
    NothingMeasured,
    /// The load was sent by users that wait.
    #[error("{0} was measured under a closed loop, and the model has an open one")]
    ClosedLoop(String),
    /// The files do not go together.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The numerics gave up.
    #[error(transparent)]
    Failed(#[from] Failure<TrajectoryError>),
}

/// A bound of an interval; null if the data do not give one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// An estimated number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParameterReport {
    /// Its path.
    pub path: String,
    /// Estimate, in the unit of the model file.
    pub value: f64,
    /// That unit.
    pub unit: String,
    /// Value before.
    pub before: f64,
    /// 95 % profile-likelihood interval, in the same unit.
    pub interval: Range,
    /// First-order standard error, in the same unit.
    pub standard_error: Option<f64>,
    /// `strong`, `weak` or `none`.
    pub identified: &'static str,
    /// Why.
    pub because: Vec<String>,
}

/// A limit that follows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitReport {
    /// Value, in the unit of the load; of headroom a share.
    pub value: f64,
    /// Unit.
    pub unit: String,
    /// 95 % interval.
    pub interval: Range,
}

/// Quality of a fit, to compare structures by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Readings.
    pub readings: usize,
    /// Estimated numbers.
    pub parameters: usize,
    /// Akaike's criterion with the correction for small samples.
    pub aicc: f64,
    /// Schwarz' criterion.
    pub bic: f64,
}

/// A column over time, with what the model says.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// What it is.
    pub name: String,
    /// The readings.
    pub series: Series,
    /// The prediction for each.
    pub predicted: Vec<f64>,
    /// The standard deviation of each.
    pub deviations: Vec<f64>,
}

/// All about a fit: the body of `tipping.fit/1`.
#[derive(Debug, Clone, Serialize)]
pub struct Fit {
    /// Whether the search reached an optimum.
    pub converged: bool,
    /// How the search ended.
    pub status: String,
    /// Whether every number is identified.
    pub identified: bool,
    /// Estimated numbers.
    pub parameters: Vec<ParameterReport>,
    /// Correlations of the estimates.
    pub correlation: Vec<Vec<f64>>,
    /// Tip-over load.
    pub tip_over_load: Option<LimitReport>,
    /// Recovery load.
    pub recovery_load: Option<LimitReport>,
    /// Headroom to tip over, at the load of the model.
    pub headroom_to_tip_over: Option<LimitReport>,
    /// Noise by column.
    pub noise: Vec<Noise>,
    /// Names of tests of the residuals that fail, with their p-values.
    pub residuals: Vec<ResidualTest>,
    /// Effective number of readings, after autocorrelation.
    pub effective_readings: f64,
    /// For comparison with other structures.
    pub score: Score,
    /// Median of inside/(rate · time), where all three were measured.
    pub little: Option<f64>,
    /// Remarks.
    pub warnings: Vec<String>,
    /// Readings and predictions.
    #[serde(skip)]
    pub traces: Vec<Trace>,
    /// Estimates in base units, in the order of `parameters`.
    #[serde(skip)]
    pub values: Vec<f64>,
}

/// A test of the residuals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResidualTest {
    /// What is tested.
    pub test: &'static str,
    /// Probability of residuals as odd in pure noise.
    pub p: f64,
}

/// Disagreement with Little's law from which it is reported.
const LITTLE: f64 = 0.2;

/// Fits a model.
///
/// # Errors
/// [`FitError`] if the request cannot be carried out. A search that fails, or data that do not identify a number, is no
/// error: see [`Fit::converged`] and [`Fit::identified`].
pub fn fit(study: &Study, sources: &[Source], request: &Request<'_>, options: &Options<'_>) -> Result<Fit, FitError> {
    comparable(sources)?;
    let mut warnings = Vec::new();
    let free = parameters(study, &request.free)?;
    let (recording, columns) = recording(study, sources, request, &mut warnings)?;
    let load = study.load_index(&study.fluid);
    let mut measured = recording.problem(&study.fluid, load, request, free);
    let player = Player::new(study, &recording, &request.free).filter(|_| request.play);
    let play = |values: &[f64], number: u64| player.as_ref()?.play(values, number);
    let fitted = calibrate(&mut measured, Some(&play), options)?;
    let estimate = &fitted.estimate;
    let little = little_of(&columns);
    if let Some(ratio) = little.filter(|r| (r - 1.0).abs() > LITTLE) {
        warnings.push(format!(
            "inside, rate and time disagree with Little's law by a factor of {ratio:.3}: a wrong unit, a sampled metric, or not the same service"
        ));
    }
    let reports = parameter_reports(study, &request.free, &fitted);
    let identified = !estimate.identifiability.is_empty()
        && estimate.identifiability.iter().all(|i| i.grade != Grade::None)
        && estimate.intervals.iter().all(|i| !matches!(i.lower, End::Open(_)) && !matches!(i.upper, End::Open(_)));
    let converged = estimate.status.converged();
    let derived = if converged && identified {
        Derived::of(study, &request.free, &measured, &fitted, options, &mut warnings)
    } else {
        Derived::default()
    };
    let order = reports.len();
    let correlation =
        (0..order).map(|i| (0..order).map(|j| estimate.covariance.correlation[(i, j)]).collect()).collect();
    let diagnostics = &estimate.diagnostics;
    let tests = [
        ("autocorrelation (Ljung-Box)", diagnostics.ljung_box),
        ("runs of one sign (Wald-Wolfowitz)", diagnostics.runs),
        ("normality (Anderson-Darling)", diagnostics.normality),
    ];
    let residuals = tests.iter().filter_map(|(test, found)| found.map(|t| ResidualTest { test, p: t.p })).collect();
    if !diagnostics.outliers.is_empty() {
        warnings.push(format!("{} readings are outliers; --loss huber counts them less", diagnostics.outliers.len()));
    }
    if diagnostics.inflation > 1.5 {
        warnings.push(format!(
            "residuals are autocorrelated: {:.0} of the readings count, and intervals are that much wider",
            diagnostics.effective_size
        ));
    }
    let traces = measured
        .observations()
        .iter()
        .zip(fitted.predicted.iter().zip(&fitted.deviations))
        .map(|(o, (predicted, deviations))| Trace {
            name: o.name.clone(),
            series: o.series.clone(),
            predicted: predicted.clone(),
            deviations: deviations.clone(),
        })
        .collect();
    Ok(Fit {
        converged,
        status: format!("{:?}", estimate.status).to_lowercase(),
        identified,
        parameters: reports,
        correlation,
        tip_over_load: derived.tip_over,
        recovery_load: derived.recovery,
        headroom_to_tip_over: derived.headroom,
        noise: fitted.noise.clone(),
        residuals,
        effective_readings: diagnostics.effective_size,
        score: Score {
            readings: estimate.residuals.len(),
            parameters: order,
            aicc: likelihood_score(&fitted, order).0,
            bic: likelihood_score(&fitted, order).1,
        },
        little,
        warnings,
        traces,
        values: estimate.values.clone(),
    })
}

/// AICc and BIC of the full Gaussian likelihood, noise scales counted as estimated: comparable between structures, which
/// have noise of their own.
fn likelihood_score(fitted: &Fitted, parameters: usize) -> (f64, f64) {
    let (mut deviance, mut count) = (0.0, 0.0);
    for noise in &fitted.noise {
        let n = noise.readings as f64;
        let sizes = noise.log_sizes;
        deviance += n * (2.0 * std::f64::consts::PI).ln() + 2.0 * n * noise.scale.ln() + 2.0 * noise.power * sizes + n;
        count += n;
    }
    let k = (parameters + fitted.noise.len()) as f64;
    let correction = if count > k + 1.0 { 2.0 * k * (k + 1.0) / (count - k - 1.0) } else { f64::INFINITY };
    (deviance + 2.0 * k + correction, deviance + k * f64::ln(count))
}

/// The free numbers as indices and search parameters.
fn parameters(study: &Study, free: &[Free]) -> Result<Vec<(usize, Parameter)>, FitError> {
    if free.is_empty() {
        return Err(FitError::NothingFree);
    }
    free.iter()
        .map(|free| {
            let quantity = number(study, &free.path)?;
            let index = study
                .fluid
                .process()
                .parameter_index(&quantity.path)
                .ok_or_else(|| FitError::Structural(quantity.path.clone()))?;
            let value = quantity.value;
            let positive = value > 0.0 && free.bounds.is_none_or(|(low, _)| low >= 0.0);
            // A share may be anything from 0 to 1; a time without bounds is known to a factor.
            let from_zero = free.bounds.is_some_and(|(low, _)| low <= 0.0);
            let scale = if positive && !from_zero { Scale::Log } else { Scale::Linear };
            let (lower, upper) = match free.bounds {
                Some(bounds) => bounds,
                None if positive => (1e-4 * value, 1e4 * value),
                None => (f64::NEG_INFINITY, f64::INFINITY),
            };
            let start = value.clamp(lower, upper);
            Ok((index, Parameter { name: quantity.path.clone(), start, lower, upper, scale }))
        })
        .collect()
}

fn number<'a>(study: &'a Study, path: &str) -> Result<&'a Quantity, FitError> {
    study.model.quantity(path).ok_or_else(|| FitError::NoNumber(path.to_owned()))
}

/// Columns by role or name, as read.
type Columns = Vec<(Option<Role>, String, Raw)>;

/// Readings that a model is held to, under the load that was measured with them.
#[derive(Debug, Clone)]
struct Recording {
    /// The load, where it was measured.
    load: Option<Series>,
    /// Names, quantities of the equations, readings.
    observed: Vec<(String, Observable, Series)>,
    /// The last reading, in seconds.
    end: f64,
    /// Whether the requests inside a service are counted.
    counted: bool,
}

impl Recording {
    fn steps(&self) -> Option<Steps> {
        self.load.as_ref().map(|load| Steps::of(load, self.end))
    }

    /// The problem: the model under the measured load, held to the other columns.
    fn problem(&self, fluid: &Fluid, load: usize, request: &Request<'_>, free: Vec<(usize, Parameter)>) -> Measured {
        let process = fluid.process();
        let followed = |name: &str| match request.follow {
            Follow::Counts => name == Role::Inflight.to_string() && self.counted,
            Follow::States => true,
            Follow::Nothing => false,
        };
        let observations: Vec<Observation> = self
            .observed
            .iter()
            .map(|(name, observable, series)| Observation {
                name: name.clone(),
                observable: observable.clone(),
                series: series.clone(),
                precision: vec![1.0; series.values.len()],
                grains: series.spans.iter().map(|span| grain(name, *span)).collect(),
            })
            .collect();
        let following: Vec<(usize, usize, Vec<usize>)> = observations
            .iter()
            .enumerate()
            .filter(|(_, o)| followed(&o.name) && o.series.spans.iter().all(|span| *span == 0.0))
            .filter_map(|(index, o)| {
                let state = state_of(process, &o.observable)?;
                Some((index, state, variance_of(process, state).into_iter().collect()))
            })
            .collect();
        let load = self.steps().map(|steps| (load, steps));
        Measured::new(fluid, free, load, request.beginning, observations).following(&following)
    }
}

/// What was recorded.
fn recording(
    study: &Study,
    sources: &[Source],
    request: &Request<'_>,
    warnings: &mut Vec<String>,
) -> Result<(Recording, Columns), FitError> {
    let process = study.fluid.process();
    let service = main_service(&study.model);
    let mut columns: Columns = Vec::new();
    let mut load: Option<Raw> = None;
    let mut held = Vec::new();
    for (role, column) in &request.mapping.columns {
        let read = raw(sources, column)?;
        columns.push((Some(*role), role.to_string(), read.clone()));
        if *role == Role::Offered {
            load = Some(read);
            continue;
        }
        match of_role(process, *role, service) {
            Some(observable) => held.push((role.to_string(), observable, read)),
            None if column.confidence >= 1.0 => {
                warnings
                    .push(format!("the equations of this model do not say `{role}`: `{}` is left out", column.text));
            }
            None => {}
        }
    }
    for (name, column) in &request.named {
        let read = raw(sources, column)?;
        let observable = named(process, name).ok_or_else(|| FitError::NoNumber(name.clone()))?;
        columns.push((None, name.clone(), read.clone()));
        held.push((name.clone(), observable, read));
    }
    if held.is_empty() {
        return Err(FitError::NothingMeasured);
    }
    let open_loop =
        study.model.clients.iter().any(|c| matches!(c.arrivals, crate::model::types::Arrivals::Open { .. }));
    if let Some(source) = sources.iter().find(|s| s.facts.closed_loop == Some(true) && open_loop) {
        return Err(FitError::ClosedLoop(source.path.clone()));
    }
    let begins = |raw: &Raw| raw.begins();
    let origin = match &load {
        Some(load) => begins(load),
        None => held.iter().filter_map(|(.., raw)| begins(raw)).min(),
    }
    .ok_or(DataError::NoOverlap)?;
    let observed: Vec<(String, Observable, Series)> = held
        .into_iter()
        .map(|(name, observable, raw)| (name, observable, raw.since(origin)))
        .filter(|(_, _, series)| !series.values.is_empty())
        .collect();
    let end = observed.iter().filter_map(|(_, _, series)| series.times.last().copied()).fold(0.0, f64::max);
    if observed.is_empty() || end <= 0.0 {
        return Err(DataError::NoOverlap.into());
    }
    let recording = Recording { load: load.map(|load| load.since(origin)), observed, end, counted: service.is_some() };
    match recording.steps() {
        Some(steps) if steps.bridged > 0.0 => {
            warnings.push(format!("the load is missing for {:.3} s in all: the last value went on", steps.bridged));
        }
        Some(_) => {}
        None => warnings.push("no column shows the load: that of the model holds all the time".to_owned()),
    }
    Ok((recording, columns))
}

/// What one request makes of a reading of this role.
fn grain(role: &str, span: f64) -> f64 {
    let counted = [Role::Attempts, Role::Served, Role::Goodput, Role::Errors, Role::Retries, Role::Rejected];
    if role == Role::Inflight.to_string() {
        1.0
    } else if span > 0.0 && counted.iter().any(|counted| role == counted.to_string()) {
        1.0 / span
    } else {
        0.0
    }
}

/// Little's law between the columns of inside, rate and time.
fn little_of(columns: &Columns) -> Option<f64> {
    let find = |roles: &[Role]| {
        let found = roles.iter().find_map(|role| columns.iter().find(|(r, ..)| *r == Some(*role)));
        found.map(|(.., raw)| {
            let pairs = raw.level.times.iter().zip(&raw.level.values).filter(|(_, v)| v.is_finite());
            pairs.map(|(t, v)| (crate::fit::metrics::clock::seconds(*t), *v)).collect::<Vec<_>>()
        })
    };
    let rate = find(&[Role::Attempts, Role::Served])?;
    little(&find(&[Role::Inflight])?, &rate, &find(&[Role::Latency])?)
}

fn parameter_reports(study: &Study, free: &[Free], fitted: &Fitted) -> Vec<ParameterReport> {
    let estimate = &fitted.estimate;
    free.iter()
        .enumerate()
        .filter_map(|(index, free)| {
            let quantity = study.model.quantity(&free.path)?;
            let shown = |value: f64| value / quantity.factor;
            let value = estimate.values[index];
            let interval = estimate.intervals.get(index).map_or(Range { low: None, high: None }, |i| range(i, &shown));
            let judged = estimate.identifiability.get(index);
            let error = estimate.covariance.standard_errors.get(index).copied().filter(|e| e.is_finite());
            let logarithmic = value > 0.0 && free.bounds.is_none_or(|(low, _)| low > 0.0);
            Some(ParameterReport {
                path: quantity.path.clone(),
                value: shown(value),
                unit: quantity.unit.clone(),
                before: shown(quantity.value),
                interval,
                standard_error: error.map(|e| if logarithmic { shown(e * value) } else { shown(e) }),
                identified: match judged.map(|j| j.grade) {
                    Some(Grade::Strong) => "strong",
                    Some(Grade::Weak) => "weak",
                    Some(Grade::None) | None => "none",
                },
                because: judged.map(|j| j.reasons.clone()).unwrap_or_default(),
            })
        })
        .collect()
}

fn range(interval: &Interval, shown: &dyn Fn(f64) -> f64) -> Range {
    let end = |end: End| match end {
        End::Closed(value) => Some(shown(value)),
        End::Open(_) | End::Unresolved(_) => None,
    };
    Range { low: end(interval.lower), high: end(interval.upper) }
}

/// Limits with their intervals.
#[derive(Default)]
struct Derived {
    tip_over: Option<LimitReport>,
    recovery: Option<LimitReport>,
    headroom: Option<LimitReport>,
}

impl Derived {
    fn of(
        study: &Study,
        free: &[Free],
        measured: &Measured,
        fitted: &Fitted,
        options: &Options<'_>,
        warnings: &mut Vec<String>,
    ) -> Self {
        let load = &study.load;
        let paths: Vec<&str> = free.iter().map(|f| f.path.as_str()).collect();
        let process = study.fluid.process();
        let indices: Vec<usize> =
            paths.iter().filter_map(|path| process.parameter_index(&study.model.quantity(path)?.path)).collect();
        let index = study.load_index(&study.fluid);
        let report = |tip: bool| -> Option<LimitReport> {
            // Equations keep scratch space: one at a time.
            let fluid = Mutex::new(study.fluid.clone());
            let quantity = |values: &[f64]| {
                let fluid = fluid.lock().unwrap_or_else(PoisonError::into_inner);
                let found = limits_with(&fluid, index, &indices, values)?;
                let limit = if tip { found.tip_over } else { found.recovery };
                limit.map(|l| l.load)
            };
            let interval = fitted.estimate.derived(measured, &quantity, options.interrupt)?;
            let shown = |value: f64| value / load.factor;
            let value = shown(interval.value);
            Some(LimitReport { value, unit: load.unit.clone(), interval: range(&interval, &shown) })
        };
        let (tip_over, recovery) = (report(true), report(false));
        if tip_over.is_none() {
            warnings.push("the fitted model has no tip-over load".to_owned());
        }
        let now = load.value / load.factor;
        let loads_free = paths.contains(&load.path.as_str());
        let headroom = tip_over.as_ref().filter(|_| now > 0.0 && !loads_free).map(|limit| {
            let share = |value: f64| value / now - 1.0;
            LimitReport {
                value: share(limit.value),
                unit: String::new(),
                interval: Range { low: limit.interval.low.map(share), high: limit.interval.high.map(share) },
            }
        });
        Self { tip_over, recovery, headroom }
    }
}

/// The limits with other values of some parameters, given by their indices.
fn limits_with(fluid: &Fluid, load: usize, indices: &[usize], values: &[f64]) -> Option<Limits> {
    let mut p = fluid.parameters();
    for (index, value) in indices.iter().zip(values) {
        p[*index] = *value;
    }
    let branch = main_branch(fluid, &p, load).ok()?;
    let landscape = Landscape {
        parameters: p,
        branch,
        states: Vec::new(),
        completeness: Completeness::FoundBySearch,
        escape: None,
        from_start: None,
        warnings: Vec::new(),
    };
    Some(limits(fluid, load, &landscape))
}

/// The numbers that make the fitted model of the one that was fitted, with their new values in base units.
#[must_use]
pub fn changes(study: &Study, free: &[Free], fit: &Fit) -> Vec<(Quantity, f64)> {
    free.iter()
        .zip(&fit.values)
        .filter_map(|(free, value)| {
            let quantity = study.model.quantity(&free.path)?;
            Some((quantity.clone(), *value))
        })
        .collect()
}
