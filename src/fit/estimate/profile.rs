//! Profile-likelihood intervals of parameters and of quantities computed from them.
//!
//! The 95 % likelihood region of the parameters and the interval of a scalar g(θ) (a parameter, or anything computed
//! from them) are
//!
//! ```text
//! R = { θ : S(θ) <= S_min + τ s² F(0.95; 1, n-p) },    interval = [min g, max g] over R
//! ```
//!
//! which is where the profile `min {S(θ) : g(θ) = value}` stays below that level: Venzon & Moolgavkar (1988) for a
//! parameter, Bates & Watts (*Nonlinear Regression Analysis*, 1988, section 6.1) for the F threshold, which is the square
//! of Student's t and takes the estimated variance into account. Coverage is exact for a linear model with normal errors
//! and independent of how parameters are expressed; for a nonlinear one it is right up to its intrinsic curvature.
//!
//! An end is found by a sequence of linear problems with one quadratic constraint: on the Gauss-Newton model of S the
//! farthest point of the region has a closed form (see [`Quadratic::ascent`]). Between new Jacobians Broyden's formula is
//! used; the last one is new. Where that does not settle, a parameter's profile is followed outwards value by value, the
//! others being fitted anew, and the end found by secants in `√(S - S_min)`, which is nearly a straight line.
//!
//! An end is *open* if the profile is still below its level on the bound of the parameter, or after the parameter has
//! moved by 20 factors of ten (logarithmic scale) or a million units (linear scale); or if it is only the bound of
//! another parameter that ends it, and not the data.

use super::levenberg::{self, Descent, Settings, Status, Watch, broyden, emphasised, free, within_bounds};
use super::objective::{Differences, Objective, Point};
use super::problem::{Problem, Scale};
use super::quadratic::Quadratic;
use nalgebra::{DMatrix, DVector};
use std::cell::RefCell;

/// One end of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// The profile crosses its level here.
    Closed(f64),
    /// It stays below its level up to here: the bound of this parameter or of another, or as far as was looked.
    Open(f64),
    /// Not found; the value is the farthest one known to be inside.
    Unresolved(f64),
}

impl End {
    /// The value, whatever it means.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Self::Closed(v) | Self::Open(v) | Self::Unresolved(v) => v,
        }
    }

    /// Whether the profile crosses its level at this end.
    #[must_use]
    pub fn closed(self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

/// A profile-likelihood interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Value at the estimate.
    pub value: f64,
    /// Lower end.
    pub lower: End,
    /// Upper end.
    pub upper: End,
}

/// What is profiled.
pub(super) enum Target<'a> {
    Parameter(usize),
    /// A function of the parameter values; `None` where it does not exist.
    Derived(&'a (dyn Fn(&[f64]) -> Option<f64> + Sync)),
}

/// The likelihood region around an estimate.
pub(super) struct Region<'a, 'b, P: Problem> {
    pub(super) objective: &'a Objective<'b, P>,
    pub(super) best: &'a Point,
    /// Derivatives of the weighted residuals at the estimate.
    pub(super) jacobian: &'a DMatrix<f64>,
    /// How far the objective may rise.
    pub(super) rise: f64,
    pub(super) interrupt: &'a (dyn Fn() -> bool + Sync),
    /// Ends found so far, with their derivatives: where parameters are correlated, the end of one is near that of another.
    pub(super) known: RefCell<Vec<(Point, DMatrix<f64>)>>,
}

/// Error allowed in S at an end, in units of the rise. The last step is extrapolated, so that the end itself is better.
const TOLERANCE: f64 = 1e-2;
/// Linear problems solved for an end.
const ATTEMPTS: usize = 30;
/// Longest step of a parameter, in natural units.
const STRIDE: f64 = 3.0;
/// How far a parameter is followed.
const FAR_LOG: f64 = 46.0;
const FAR_LINEAR: f64 = 1e6;

/// An end in search coordinates of the target, and a better optimum if one was met on the way.
pub(super) struct Found {
    pub(super) end: End,
    pub(super) better: Option<Point>,
}

struct Gauge {
    value: f64,
    slope: DVector<f64>,
}

impl<P: Problem> Region<'_, '_, P> {
    /// The end of the interval of `target` in the direction of `sign`. Values of parameters are in their own units.
    pub(super) fn end(&self, target: &Target<'_>, sign: f64) -> Found {
        let (direct, better) = self.seek(target, sign);
        if better.is_some() {
            return Found { end: End::Unresolved(f64::NAN), better };
        }
        match (direct, target) {
            (Some(end), _) => Found { end, better: None },
            (None, Target::Parameter(index)) => self.follow(*index, sign),
            (None, Target::Derived(_)) => Found { end: End::Unresolved(self.farthest(target, sign)), better: None },
        }
    }

    fn error(&self) -> f64 {
        Differences::Forward.error(self.objective.problem.precision())
    }

    fn level(&self) -> f64 {
        self.best.cost + self.rise
    }

    fn gauge(&self, target: &Target<'_>, u: &DVector<f64>) -> Option<Gauge> {
        match target {
            Target::Parameter(index) => {
                let slope = DVector::from_fn(u.len(), |j, _| f64::from(j == *index));
                Some(Gauge { value: u[*index], slope })
            }
            Target::Derived(g) => {
                let value = g(&self.objective.values(u))?;
                let mut slope = DVector::zeros(u.len());
                for j in (0..u.len()).filter(|&j| !self.objective.held(j)) {
                    // Derived quantities come from root finding, right to about eight digits.
                    let unit = self.objective.parameters[j].unit().max(u[j].abs());
                    let step = 1e-4 * if self.objective.parameters[j].scale == Scale::Log { 1.0 } else { unit };
                    let at = |by: f64| {
                        let mut v = u.clone();
                        v[j] = (u[j] + by).clamp(self.objective.lower[j], self.objective.upper[j]);
                        Some((g(&self.objective.values(&v))?, v[j]))
                    };
                    slope[j] = match (at(step), at(-step)) {
                        (Some((a, x)), Some((b, y))) if x > y => (a - b) / (x - y),
                        (Some((a, x)), None) if x != u[j] => (a - value) / (x - u[j]),
                        (None, Some((b, y))) if y != u[j] => (b - value) / (y - u[j]),
                        _ => return None,
                    };
                }
                Some(Gauge { value, slope })
            }
        }
    }

    fn report(&self, target: &Target<'_>, value: f64) -> f64 {
        match target {
            Target::Parameter(index) => self.objective.value(*index, value),
            Target::Derived(_) => value,
        }
    }

    /// Whether a parameter other than the target has run into a bound on the way.
    fn limited(&self, target: &Target<'_>, u: &DVector<f64>) -> bool {
        let (lower, upper) = (&self.objective.lower, &self.objective.upper);
        let outside = |u: &DVector<f64>, j: usize| u[j] <= lower[j] || u[j] >= upper[j];
        let own = |j: usize| matches!(target, Target::Parameter(index) if *index == j);
        (0..u.len()).any(|j| !own(j) && outside(u, j) && !outside(&self.best.u, j))
    }

    /// The direct search. Nothing if it does not settle.
    fn seek(&self, target: &Target<'_>, sign: f64) -> (Option<End>, Option<Point>) {
        let objective = self.objective;
        let (mut point, mut jacobian) = self.nearest(target, sign);
        let away = point.u != self.best.u;
        let scale = levenberg::scaling(self.jacobian, None);
        let Some(mut gauge) = self.gauge(target, &point.u) else { return (None, None) };
        if gauge.slope.iter().enumerate().all(|(j, c)| *c == 0.0 || objective.held(j)) {
            // Nothing that is free moves it.
            return (Some(End::Closed(self.report(target, gauge.value))), None);
        }
        let mut since_fresh = 0;
        let mut miss = self.rise;
        for attempt in 0..ATTEMPTS {
            if (self.interrupt)() {
                return (None, None);
            }
            let Some(step) = self.stride(&gauge.slope, sign, &point, &jacobian, &scale) else { return (None, None) };
            // How far this point is from the end, by the model at hand.
            let (weighted, residuals) = emphasised(objective, &point, &jacobian);
            let movable = self.movable(&gauge.slope, sign, &point, &weighted.tr_mul(&residuals));
            let Some(model) = Quadratic::new(&weighted, &residuals, movable.clone(), &scale) else {
                return (None, None);
            };
            let model = model.resolving(self.error());
            let gap = model.attainable_within(&gauge.slope);
            let pinned = !movable.iter().any(|&j| gauge.slope[j] != 0.0);
            let settled = gap < TOLERANCE * self.rise;
            let crossing = (point.cost - self.level()).abs() < TOLERANCE * self.rise;
            if (away || attempt > 0) && settled && (crossing || (pinned && point.cost < self.level())) {
                if since_fresh == 0 {
                    let value = self.report(target, gauge.value + gauge.slope.dot(&step));
                    let here = self.report(target, gauge.value);
                    let limited = self.limited(target, &point.u);
                    self.known.borrow_mut().push((point, jacobian));
                    let end = match (crossing, limited) {
                        (true, false) => End::Closed(value),
                        (true, true) => End::Open(value),
                        (false, _) => End::Open(here),
                    };
                    return (Some(end), None);
                }
                let Ok(anew) = objective.jacobian(&point, Differences::Forward) else { return (None, None) };
                let Some(there) = self.gauge(target, &point.u) else { return (None, None) };
                (jacobian, gauge, since_fresh) = (anew, there, 0);
                continue;
            }
            if self.gone_far(target, &point.u, &gauge, sign) {
                return (Some(End::Open(self.report(target, sign * f64::INFINITY))), None);
            }
            let bend = match since_fresh {
                0 => self.bend(&point, &step, &gauge.slope, (&jacobian, &model)),
                _ => DVector::zeros(step.len()),
            };
            // Try the step, and shorter ones where it overshoots.
            let measure = |v: &DVector<f64>| v.iter().zip(&scale).map(|(v, d)| (v * d).powi(2)).sum::<f64>().sqrt();
            let mut length = (1.5 * measure(&step) / measure(&bend).max(f64::MIN_POSITIVE)).min(1.0);
            let mut trial = None;
            for _ in 0..4 {
                let mut u = &point.u + &step * length + &bend * (length * length / 2.0);
                u.iter_mut().enumerate().for_each(|(j, u)| *u = u.clamp(objective.lower[j], objective.upper[j]));
                let tried = objective.point(u).ok();
                let sane = |t: &Point| (t.cost - self.level()).abs() < 2.0 * self.rise.max(miss);
                trial = tried.filter(sane);
                if trial.is_some() {
                    break;
                }
                length /= 2.0;
            }
            let Some(trial) = trial else {
                if since_fresh == 0 {
                    return (None, None);
                }
                let Ok(anew) = objective.jacobian(&point, Differences::Forward) else { return (None, None) };
                let Some(there) = self.gauge(target, &point.u) else { return (None, None) };
                (jacobian, gauge, since_fresh) = (anew, there, 0);
                continue;
            };
            if trial.cost < self.best.cost - 0.02 * self.rise {
                return (None, Some(trial));
            }
            let taken = &trial.u - &point.u;
            broyden(&mut jacobian, &taken, &(&trial.residuals - &point.residuals), &scale);
            let now = (trial.cost - self.level()).abs();
            point = trial;
            since_fresh += 1;
            gauge = match target {
                Target::Parameter(_) => Gauge { value: point.u[self.index(target)], slope: gauge.slope },
                Target::Derived(g) => {
                    let Some(value) = g(&objective.values(&point.u)) else { return (None, None) };
                    let error = value - gauge.value - gauge.slope.dot(&taken);
                    let metric = DVector::from_fn(taken.len(), |j, _| scale[j].powi(2) * taken[j]);
                    let norm = metric.dot(&taken);
                    let slope = if norm > 0.0 { gauge.slope + metric * (error / norm) } else { gauge.slope };
                    Gauge { value, slope }
                }
            };
            if (now > 0.5 * miss && now > TOLERANCE * self.rise && since_fresh >= 2) || since_fresh >= 5 {
                let Ok(anew) = objective.jacobian(&point, Differences::Forward) else { return (None, None) };
                let Some(there) = self.gauge(target, &point.u) else { return (None, None) };
                (jacobian, gauge, since_fresh) = (anew, there, 0);
            }
            miss = now;
        }
        (None, None)
    }

    /// How the profile bends away from a step: the acceleration that keeps the residuals on the tangent plane, with the
    /// target's value unchanged.
    fn bend(
        &self,
        point: &Point,
        step: &DVector<f64>,
        slope: &DVector<f64>,
        (jacobian, model): (&DMatrix<f64>, &Quadratic),
    ) -> DVector<f64> {
        levenberg::second_difference(self.objective, point, jacobian, step).map_or_else(
            || DVector::zeros(step.len()),
            |second| {
                let pull = levenberg::pull_of(self.objective, point, jacobian, &second);
                model.acceleration(&pull, 0.0, Some(slope))
            },
        )
    }

    fn index(&self, target: &Target<'_>) -> usize {
        match target {
            Target::Parameter(index) => *index,
            Target::Derived(_) => 0,
        }
    }

    /// The parameters that may move on the way outwards: not held, and not both on a bound and drawn across it, by the
    /// objective or by the target.
    fn movable(&self, slope: &DVector<f64>, sign: f64, point: &Point, gradient: &DVector<f64>) -> Vec<usize> {
        let below = point.cost < self.level();
        (0..point.u.len())
            .filter(|&j| {
                let pull = if below && slope[j] != 0.0 { -sign * slope[j] } else { gradient[j] };
                !self.objective.held(j)
                    && !(point.u[j] <= self.objective.lower[j] && pull > 0.0)
                    && !(point.u[j] >= self.objective.upper[j] && pull < 0.0)
            })
            .collect()
    }

    /// The next step, shortened so that no parameter moves by more than a stride.
    fn stride(
        &self,
        slope: &DVector<f64>,
        sign: f64,
        point: &Point,
        jacobian: &DMatrix<f64>,
        scale: &[f64],
    ) -> Option<DVector<f64>> {
        let (weighted, residuals) = emphasised(self.objective, point, jacobian);
        let movable = self.movable(slope, sign, point, &weighted.tr_mul(&residuals));
        let outwards = slope * sign;
        let level = self.level();
        let hidden = point.cost - residuals.norm_squared();
        let metric = (scale, self.error());
        let step =
            within_bounds(self.objective, &point.u, (&weighted, &residuals), movable, metric, |model, shifted| {
                model.ascent(&outwards, shifted.norm_squared() + hidden, level)
            })?;
        let reach = (0..step.len())
            .map(|j| {
                let q = &self.objective.parameters[j];
                let size = if q.scale == Scale::Log { 1.0 } else { q.unit().max(point.u[j].abs()) };
                step[j].abs() / (STRIDE * size)
            })
            .fold(0.0, f64::max);
        Some(if reach > 1.0 { step / reach } else { step })
    }

    /// Where to start: the estimate, or the known end farthest out.
    fn nearest(&self, target: &Target<'_>, sign: f64) -> (Point, DMatrix<f64>) {
        let reach = |u: &DVector<f64>| match target {
            Target::Parameter(index) => sign * u[*index],
            Target::Derived(g) => g(&self.objective.values(u)).map_or(f64::NEG_INFINITY, |g| sign * g),
        };
        let known = self.known.borrow();
        let outermost = known.iter().map(|k| (reach(&k.0.u), k)).max_by(|a, b| a.0.total_cmp(&b.0));
        match outermost.filter(|(far, _)| *far > reach(&self.best.u)) {
            Some((_, known)) => known.clone(),
            None => (self.best.clone(), self.jacobian.clone()),
        }
    }

    fn gone_far(&self, target: &Target<'_>, u: &DVector<f64>, gauge: &Gauge, sign: f64) -> bool {
        match target {
            Target::Parameter(index) => {
                let moved = (gauge.value - self.best.u[*index]) * sign;
                match self.objective.parameters[*index].scale {
                    Scale::Log => moved > FAR_LOG,
                    Scale::Linear => moved > FAR_LINEAR * self.objective.parameters[*index].unit(),
                }
            }
            Target::Derived(_) => (0..u.len()).any(|j| {
                let moved = (u[j] - self.best.u[j]).abs();
                match self.objective.parameters[j].scale {
                    Scale::Log => moved > FAR_LOG,
                    Scale::Linear => moved > FAR_LINEAR * self.objective.parameters[j].unit(),
                }
            }),
        }
    }

    fn farthest(&self, target: &Target<'_>, _sign: f64) -> f64 {
        self.gauge(target, &self.best.u).map_or(f64::NAN, |g| self.report(target, g.value))
    }

    /// Follows the profile of a parameter value by value.
    fn follow(&self, index: usize, sign: f64) -> Found {
        let target = Target::Parameter(index);
        let (lower, upper) = (self.objective.lower[index], self.objective.upper[index]);
        let bound = if sign > 0.0 { upper } else { lower };
        let start = self.best.u[index];
        let parameter = &self.objective.parameters[index];
        let unit = if parameter.scale == Scale::Log { 1.0 } else { parameter.unit() };
        let far = start + sign * if parameter.scale == Scale::Log { FAR_LOG } else { FAR_LINEAR * unit };
        let limit = if sign > 0.0 { bound.min(far) } else { bound.max(far) };
        let settings = Settings {
            tolerance: 0.02,
            max_iterations: 60,
            last_differences: Differences::Forward,
            ..Settings::default()
        };
        let watch = Watch { interrupt: self.interrupt, progress: &|_| {} };
        // First step: what the quadratic model says.
        let c = DVector::from_fn(self.best.u.len(), |j, _| f64::from(j == index));
        let first = self.stride(&c, sign, self.best, self.jacobian, &levenberg::scaling(self.jacobian, None));
        let first = first.map_or(0.1 * unit, |s| s[index].abs()).clamp(1e-9 * unit, STRIDE * unit);
        let (mut inside, mut outside): ((f64, f64), Option<(f64, f64)>) = ((start, 0.0), None);
        let mut warm = (self.best.clone(), self.jacobian.clone());
        let mut next = start + sign * first;
        for _ in 0..60 {
            if (self.interrupt)() {
                break;
            }
            next = if sign > 0.0 { next.min(limit) } else { next.max(limit) };
            let Some(profiled) = self.profiled(index, next, &warm, &settings, &watch) else {
                // Nothing can be computed there: come closer.
                outside = Some(outside.map_or((next, 4.0), |o| (next, o.1.min(4.0))));
                next = f64::midpoint(inside.0, next);
                if (next - inside.0).abs() < 1e-9 * unit {
                    break;
                }
                continue;
            };
            if profiled.point.cost < self.best.cost - 0.02 * self.rise {
                return Found { end: End::Unresolved(f64::NAN), better: Some(profiled.point) };
            }
            let z = ((profiled.point.cost - self.best.cost).max(0.0) / self.rise).sqrt();
            if (z - 1.0).abs() < 2e-3 {
                let value = self.report(&target, next);
                let limited = self.limited(&target, &profiled.point.u);
                return Found { end: if limited { End::Open(value) } else { End::Closed(value) }, better: None };
            }
            if z < 1.0 {
                inside = (next, z);
                warm = (profiled.point, profiled.jacobian);
                if next == limit {
                    let reached = if limit == bound { next } else { sign * f64::INFINITY };
                    return Found { end: End::Open(self.report(&target, reached)), better: None };
                }
            } else {
                outside = Some((next, z));
            }
            next = match outside {
                Some((there, z)) => {
                    if (there - inside.0).abs() < 1e-6 * (there - start).abs() {
                        return Found {
                            end: End::Closed(self.report(&target, f64::midpoint(there, inside.0))),
                            better: None,
                        };
                    }
                    let share = ((1.0 - inside.1) / (z - inside.1)).clamp(0.05, 0.95);
                    inside.0 + share * (there - inside.0)
                }
                None => {
                    let factor = if inside.1 > 0.0 { (1.05 / inside.1).clamp(1.2, 4.0) } else { 4.0 };
                    start + (inside.0 - start) * factor
                }
            };
        }
        Found { end: End::Unresolved(self.report(&target, inside.0)), better: None }
    }

    /// The best fit with a parameter held at `value`.
    fn profiled(
        &self,
        index: usize,
        value: f64,
        warm: &(Point, DMatrix<f64>),
        settings: &Settings,
        watch: &Watch<'_>,
    ) -> Option<Descent> {
        let held = self.objective.holding(index, value);
        let jacobian = warm.1.clone();
        let mut u = warm.0.u.clone();
        let moved = value - u[index];
        u[index] = value;
        // The others move along as the model says.
        let (weighted, residuals) = emphasised(&held, &warm.0, &jacobian);
        let shifted = residuals + weighted.column(index) * moved;
        let gradient = weighted.tr_mul(&shifted);
        let scale = levenberg::scaling(&jacobian, None);
        let movable = free(&held, &u, &gradient);
        let radius = 4.0 * (self.rise.sqrt() + shifted.norm());
        let along =
            within_bounds(&held, &u, (&weighted, &shifted), movable, (&scale, self.error()), |m, _| m.step(radius).0)?;
        let point = held.point(&u + along).or_else(|_| held.point(u)).ok()?;
        let mut descent = levenberg::descend(&held, point, Some(jacobian), settings, watch).ok()?;
        // A new Jacobian has no column for what is held; the next value's prediction needs one.
        descent.jacobian.set_column(index, &warm.1.column(index));
        (descent.status != Status::Interrupted).then_some(descent)
    }
}
