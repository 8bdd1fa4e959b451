//! Levenberg-Marquardt with a trust region (Moré 1978, *The Levenberg-Marquardt algorithm: implementation and theory*)
//! on a box.
//!
//! Bounds are kept by projection with an active set: a parameter on its bound stays there as long as the gradient pushes
//! it outwards, and one whose step would cross its bound is put on it while the others' step is solved anew (after
//! Kanzow, Yamashita & Fukushima 2004, who project the step). Nothing is transformed, so that an optimum on a bound is
//! reached exactly and is reported as being there.
//!
//! Convergence is judged by the relative offset of Bates & Watts (1981): the part of the residuals that the tangent plane
//! could still explain, in units of the part that it cannot,
//!
//! ```text
//! offset = (|Q₁ᵀ r|/√p) / (|Q₂ᵀ r|/√(n-p))
//! ```
//!
//! which is the distance to the optimum in standard errors and does not depend on units. A search that ends otherwise
//! says so.
//!
//! Where steps do not go as predicted, the valley bends: then half the geodesic acceleration (Transtrum & Sethna 2012,
//! *Improvements to the Levenberg-Marquardt algorithm*) is added to the step, from one more evaluation along it, unless it
//! is more than three eighths of the step.
//!
//! Between new Jacobians Broyden's rank-one update may be used (Dennis & Schnabel 1983, chapter 8); no search ends on an
//! updated Jacobian unless asked to.

use super::objective::{Differences, Objective, Point, Trouble};
use super::problem::Problem;
use super::quadratic::Quadratic;
use nalgebra::{DMatrix, DVector};

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The relative offset is below the tolerance.
    Converged,
    /// The residuals vanish to their precision.
    Exact,
    /// No step reduces the objective any more in the arithmetic at hand, and the relative offset is below 0.001, the
    /// bound of Bates & Watts (the estimate is right to a thousandth of its standard error), or below the rounding of
    /// the residuals.
    Floor,
    /// No step reduces the objective although the offset says that one should: derivatives and residuals disagree.
    Stalled,
    /// Out of iterations.
    IterationLimit,
    /// Interrupted from outside.
    Interrupted,
}

impl Status {
    /// Whether the point reached is an optimum.
    #[must_use]
    pub fn converged(self) -> bool {
        matches!(self, Self::Converged | Self::Exact | Self::Floor)
    }
}

/// Settings of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Largest number of accepted steps.
    pub max_iterations: usize,
    /// Relative offset at which the search ends, in standard errors.
    pub tolerance: f64,
    /// Length of the first step allowed, in natural units of the parameters.
    pub first_step: f64,
    /// Differences far from the optimum.
    pub differences: Differences,
    /// Differences for the last steps and for the covariance.
    pub last_differences: Differences,
    /// Whether Jacobians are updated by Broyden's formula while steps go as predicted.
    pub broyden: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_iterations: 500,
            tolerance: 1e-4,
            first_step: 1.0,
            differences: Differences::Forward,
            last_differences: Differences::Central,
            broyden: true,
        }
    }
}

/// Where a search stands: reported after every accepted step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Accepted steps so far.
    pub iteration: usize,
    /// The objective.
    pub cost: f64,
    /// The relative offset before the step.
    pub offset: f64,
}

/// A point with the derivatives of its weighted residuals.
pub(super) type Linearised = (Point, DMatrix<f64>);

/// The end of a search.
#[derive(Debug, Clone)]
pub(super) struct Descent {
    pub(super) point: Point,
    /// Derivatives of the weighted residuals there.
    pub(super) jacobian: DMatrix<f64>,
    pub(super) status: Status,
    pub(super) iterations: usize,
    pub(super) offset: f64,
    /// Largest cosine of the angle between the residuals and a column of the Jacobian.
    pub(super) gradient: f64,
}

/// What the outside hears and says during a search.
pub(super) struct Watch<'a> {
    pub(super) interrupt: &'a (dyn Fn() -> bool + Sync),
    pub(super) progress: &'a (dyn Fn(Step) + Sync),
}

const FLOOR_OFFSET: f64 = 1e-3;

/// Column norms, at least `previous`; a column of zeros gets 1.
pub(super) fn scaling(jacobian: &DMatrix<f64>, previous: Option<&[f64]>) -> Vec<f64> {
    let norms = jacobian.column_iter().map(|c| c.norm());
    match previous {
        Some(previous) => norms.zip(previous).map(|(n, p)| n.max(*p)).collect(),
        None => norms.map(|n| if n > 0.0 && n.is_finite() { n } else { 1.0 }).collect(),
    }
}

/// Jacobian and residuals with the weights of the loss.
pub(super) fn emphasised<P: Problem>(
    objective: &Objective<'_, P>,
    point: &Point,
    jacobian: &DMatrix<f64>,
) -> (DMatrix<f64>, DVector<f64>) {
    match objective.emphasis(&point.residuals) {
        None => (jacobian.clone(), point.residuals.clone()),
        Some(weights) => {
            let mut weighted = jacobian.clone();
            for mut column in weighted.column_iter_mut() {
                column.component_mul_assign(&weights);
            }
            (weighted, point.residuals.component_mul(&weights))
        }
    }
}

/// The parameters that may move: not held, and not pushed out of the box by the gradient.
pub(super) fn free<P: Problem>(objective: &Objective<'_, P>, u: &DVector<f64>, gradient: &DVector<f64>) -> Vec<usize> {
    (0..u.len())
        .filter(|&j| {
            let pushed_down = u[j] <= objective.lower[j] && gradient[j] > 0.0;
            let pushed_up = u[j] >= objective.upper[j] && gradient[j] < 0.0;
            !(objective.held(j) || pushed_down || pushed_up)
        })
        .collect()
}

/// Solves for a step of the free parameters by `solve`; those it takes across a bound are put on it and the others
/// solved again.
pub(super) fn within_bounds<P: Problem>(
    objective: &Objective<'_, P>,
    u: &DVector<f64>,
    (jacobian, residuals): (&DMatrix<f64>, &DVector<f64>),
    mut free: Vec<usize>,
    (scaling, error): (&[f64], f64),
    solve: impl Fn(&Quadratic, &DVector<f64>) -> DVector<f64>,
) -> Option<DVector<f64>> {
    let mut fixed = DVector::zeros(u.len());
    let mut shifted = residuals.clone();
    loop {
        let model = Quadratic::new(jacobian, &shifted, free.clone(), scaling)?.resolving(error);
        let step = solve(&model, &shifted) + &fixed;
        let clamp = |j: usize| (u[j] + step[j]).clamp(objective.lower[j], objective.upper[j]);
        let crossing: Vec<usize> = free.iter().copied().filter(|&j| clamp(j) != u[j] + step[j]).collect();
        if crossing.is_empty() {
            return Some(step);
        }
        for j in crossing {
            fixed[j] = clamp(j) - u[j];
            shifted += jacobian.column(j) * fixed[j];
            free.retain(|&k| k != j);
        }
    }
}

/// Broyden's update in the metric of the scaling, so that `J d` becomes the change seen.
pub(super) fn broyden(jacobian: &mut DMatrix<f64>, step: &DVector<f64>, change: &DVector<f64>, scaling: &[f64]) {
    let metric = DVector::from_fn(step.len(), |j, _| scaling[j].powi(2) * step[j]);
    let length = metric.dot(step);
    if length > 0.0 {
        let miss = change - &*jacobian * step;
        jacobian.ger(1.0 / length, &miss, &metric, 1.0);
    }
}

/// Searches from `start`, with its Jacobian if known.
pub(super) fn descend<P: Problem>(
    objective: &Objective<'_, P>,
    start: Point,
    known: Option<DMatrix<f64>>,
    settings: &Settings,
    watch: &Watch<'_>,
) -> Result<Descent, Trouble<P::Error>> {
    let mut point = start;
    let mut by = settings.differences;
    let (mut jacobian, mut fresh) = match known {
        Some(known) => (known, false),
        None => (objective.jacobian(&point, by)?, true),
    };
    let mut scale = scaling(&jacobian, None);
    let first = objective.parameters.iter().zip(&scale).enumerate().filter(|(j, _)| !objective.held(*j));
    let mut radius = settings.first_step * first.map(|(_, (q, d))| (q.unit() * d).powi(2)).sum::<f64>().sqrt();
    let noise = (objective.problem.precision().max(f64::EPSILON)).powi(2) * point.cost;
    let simulated = objective.problem.derivative_error().is_some();
    let floor = FLOOR_OFFSET.max(5.0 * settings.tolerance);
    let rough_floor = |offset: f64| simulated && offset < floor;
    let (n, mut iterations, mut bent, mut previous) = (point.residuals.len(), 0, false, f64::INFINITY);
    loop {
        let (weighted, residuals) = emphasised(objective, &point, &jacobian);
        let gradient = weighted.tr_mul(&residuals);
        let movable = free(objective, &point.u, &gradient);
        let norm = residuals.norm();
        let cosine = movable.iter().map(|&j| gradient[j].abs() / (norm * weighted.column(j).norm()).max(1e-300));
        let cosine = cosine.fold(0.0, f64::max);
        let model = Quadratic::new(&weighted, &residuals, movable.clone(), &scale);
        let Some(model) = model else { return Err(Trouble::NotFinite { index: 0 }) };
        let error = objective.derivative_error(by);
        let model = model.resolving(error);
        let p = model.resolved().max(1) as f64;
        let left = (residuals.norm_squared() - model.attainable()).max(noise).max(f64::MIN_POSITIVE);
        let offset = (model.attainable() / p / (left / (n as f64 - p).max(1.0))).sqrt();
        let end =
            |status, point, jacobian| Ok(Descent { point, jacobian, status, iterations, offset, gradient: cosine });
        if point.cost <= noise {
            return end(Status::Exact, point, jacobian);
        }
        // The last word has a fresh Jacobian by the better differences.
        let last = fresh && by == settings.last_differences;
        if offset <= settings.tolerance && last {
            return end(Status::Converged, point, jacobian);
        }
        // An updated Jacobian that no longer halves the offset has had its day.
        let worn = !fresh && offset > 0.5 * previous;
        let near = offset <= settings.tolerance || (offset < FLOOR_OFFSET && fresh);
        if worn || (near && !last) {
            by = if near { settings.last_differences } else { by };
            previous = f64::INFINITY;
            jacobian = objective.jacobian(&point, by)?;
            fresh = true;
            continue;
        }
        previous = offset;
        if iterations >= settings.max_iterations {
            return end(Status::IterationLimit, point, jacobian);
        }
        if (watch.interrupt)() {
            return end(Status::Interrupted, point, jacobian);
        }
        // Steps from this Jacobian until one is accepted.
        let accepted = loop {
            let metric = (scale.as_slice(), error);
            let step = within_bounds(objective, &point.u, (&weighted, &residuals), movable.clone(), metric, |m, _| {
                m.step(radius).0
            });
            let Some(step) = step else { break None };
            let measure = |v: &DVector<f64>| v.iter().zip(&scale).map(|(v, d)| (v * d).powi(2)).sum::<f64>().sqrt();
            let length = measure(&step);
            let negligible = step.iter().zip(point.u.iter()).all(|(s, u)| s.abs() <= f64::EPSILON * u.abs());
            if length == 0.0 || negligible {
                break None;
            }
            let promised = residuals.norm_squared() - (&residuals + &weighted * &step).norm_squared();
            let rounding = 1e-14 * (n as f64).sqrt() * point.cost;
            let (straight, lambda) = if bent && fresh { model.step(radius) } else { (DVector::zeros(0), 0.0) };
            let (step, bend) = if straight == step {
                let second = second_difference(objective, &point, &jacobian, &step);
                let pull = second.map(|s| pull_of(objective, &point, &jacobian, &s));
                let bend = pull.map(|pull| model.acceleration(&pull, lambda, None) / 2.0);
                match bend.filter(|bend| inside(objective, &(&point.u + &step + bend))) {
                    Some(bend) if measure(&bend) <= 0.375 * length => (step + &bend, bend),
                    _ => (step, DVector::zeros(0)),
                }
            } else {
                (step, DVector::zeros(0))
            };
            let trial = objective.point(&point.u + &step).ok();
            let gain = trial.as_ref().map_or(f64::NEG_INFINITY, |t| point.cost - t.cost);
            if promised <= rounding {
                // Below what the objective can show.
                break None;
            }
            let ratio = gain / promised;
            bent = (ratio - 1.0).abs() > 0.2 || (bent && measure(&bend) > 0.02 * length);
            if ratio < 0.25 {
                let damped = if trial.is_none() { 0.1 } else { (0.5 / (1.0 - ratio).max(1.0)).clamp(0.1, 0.5) };
                radius = length.min(radius) * damped;
            } else if ratio > 0.75 {
                radius = radius.max(2.0 * length);
            }
            // A simulation's residuals are rough on the scale of its tolerance, and descents there lead nowhere.
            let rough = simulated && last && offset < floor && ratio < 0.25;
            if ratio > 1e-4 && !rough {
                break trial.map(|t| (t, step, ratio));
            }
            if !fresh || rough {
                // The model may be to blame rather than the step.
                break None;
            }
        };
        let Some((trial, step, ratio)) = accepted else {
            if !fresh || by != settings.last_differences {
                by = if fresh { settings.last_differences } else { by };
                jacobian = objective.jacobian(&point, by)?;
                fresh = true;
                continue;
            }
            if rough_floor(offset) {
                return end(Status::Floor, point, jacobian);
            }
            if offset > FLOOR_OFFSET.max(16.0 * (noise / point.cost).sqrt()) {
                return end(Status::Stalled, point, jacobian);
            }
            match polished(objective, &point, &model, (by, &scale))? {
                Some((better, derivatives)) if iterations < settings.max_iterations => {
                    (point, jacobian) = (better, derivatives);
                    iterations += 1;
                    continue;
                }
                _ => return end(Status::Floor, point, jacobian),
            }
        };
        iterations += 1;
        (watch.progress)(Step { iteration: iterations, cost: trial.cost, offset });
        if settings.broyden && (ratio - 1.0).abs() < 0.25 && offset < 1.0 {
            broyden(&mut jacobian, &step, &(&trial.residuals - &point.residuals), &scale);
            fresh = false;
            point = trial;
        } else {
            point = trial;
            jacobian = objective.jacobian(&point, by)?;
            fresh = true;
        }
        scale = scaling(&jacobian, Some(&scale));
    }
}

fn inside<P: Problem>(objective: &Objective<'_, P>, u: &DVector<f64>) -> bool {
    (0..u.len()).all(|j| (objective.lower[j]..=objective.upper[j]).contains(&u[j]))
}

/// The second derivative of the residuals along a step, by a difference.
pub(super) fn second_difference<P: Problem>(
    objective: &Objective<'_, P>,
    point: &Point,
    jacobian: &DMatrix<f64>,
    step: &DVector<f64>,
) -> Option<DVector<f64>> {
    const PART: f64 = 0.2;
    let probe = objective.point(&point.u + step * PART).ok()?;
    Some(((probe.residuals - &point.residuals) / PART - jacobian * step) * (2.0 / PART))
}

/// `Jᵀ W v`, W the weights of the loss.
pub(super) fn pull_of<P: Problem>(
    objective: &Objective<'_, P>,
    point: &Point,
    jacobian: &DMatrix<f64>,
    v: &DVector<f64>,
) -> DVector<f64> {
    match objective.emphasis(&point.residuals) {
        None => jacobian.tr_mul(v),
        Some(weights) => jacobian.tr_mul(&v.component_mul(&weights).component_mul(&weights)),
    }
}

/// The full step where the objective no longer shows progress but its derivatives still do: taken if the tangent plane
/// there has less left to explain, with the Jacobian there.
fn polished<P: Problem>(
    objective: &Objective<'_, P>,
    point: &Point,
    model: &Quadratic,
    (by, scale): (Differences, &[f64]),
) -> Result<Option<Linearised>, Trouble<P::Error>> {
    let step = model.step(f64::INFINITY).0;
    let u = &point.u + &step;
    if !inside(objective, &u) || u == point.u {
        return Ok(None);
    }
    let Ok(trial) = objective.point(u) else { return Ok(None) };
    if trial.cost > point.cost * (1.0 + 1e-9) {
        return Ok(None);
    }
    let jacobian = objective.jacobian(&trial, by)?;
    let (weighted, residuals) = emphasised(objective, &trial, &jacobian);
    let there = Quadratic::new(&weighted, &residuals, model.free.clone(), scale);
    let error = objective.derivative_error(by);
    Ok(there
        .map(|there| there.resolving(error))
        .filter(|there| there.attainable() < 0.9 * model.attainable())
        .map(|_| (trial, jacobian)))
}
