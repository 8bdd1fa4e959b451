//! The direct search for an end: linear problems with one quadratic constraint.

use super::super::levenberg::{self, broyden, emphasised, within_bounds};
use super::super::objective::{Differences, Point};
use super::super::problem::{Problem, Scale};
use super::super::quadratic::Quadratic;
use super::{End, Found, Region, Target};
use nalgebra::{DMatrix, DVector};

/// Error allowed in S at an end, in units of the rise. The last step is extrapolated, so that the end itself is better.
const TOLERANCE: f64 = 2e-3;
/// The same at the point of the last new Jacobian, for which an update or two of it is good enough to end on.
const CLOSE: f64 = 0.1;
/// Linear problems solved for an end.
const ATTEMPTS: usize = 30;
/// Longest step of a parameter, in natural units.
pub(super) const STRIDE: f64 = 3.0;

/// The target's value and gradient in search coordinates.
struct Gauge {
    value: f64,
    slope: DVector<f64>,
}

impl<P: Problem> Region<'_, '_, P> {
    /// The direct search. Nothing if it does not settle.
    pub(super) fn seek(&self, target: &Target<'_>, sign: f64) -> Option<Found> {
        let objective = self.objective;
        let (mut point, mut jacobian) = self.nearest(target, sign);
        let away = point.u != self.best.u;
        let scale = levenberg::scaling(self.jacobian, None);
        let mut gauge = self.gauge(target, &point.u)?;
        if gauge.slope.iter().enumerate().all(|(j, c)| *c == 0.0 || objective.held(j)) {
            // Nothing that is free moves it.
            return Some(Found::End(End::Closed(self.report(target, gauge.value))));
        }
        let (mut since_fresh, mut trusted) = (0, false);
        let mut miss = self.rise;
        // Exact derivatives cost little more than residuals: better new ones than updates.
        let patience = if objective.problem.derivative_error().is_some() { 1 } else { 5 };
        for attempt in 0..ATTEMPTS {
            if (self.interrupt)() {
                return None;
            }
            let step = self.stride(&gauge.slope, sign, &point, &jacobian, &scale)?;
            // How far this point is from the end, by the model at hand.
            let (weighted, residuals) = emphasised(objective, &point, &jacobian);
            let movable = self.movable(&gauge.slope, sign, &point, &weighted.tr_mul(&residuals));
            let model = Quadratic::new(&weighted, &residuals, movable.clone(), &scale)?.resolving(self.error());
            let gap = model.attainable_within(&gauge.slope);
            let pinned = !movable.iter().any(|&j| gauge.slope[j] != 0.0);
            let settled = gap < TOLERANCE * self.rise;
            let crossing = (point.cost - self.level()).abs() < TOLERANCE * self.rise;
            if since_fresh == 0 {
                trusted = attempt > 0 && gap.max((point.cost - self.level()).abs()) < CLOSE * self.rise;
            }
            if (away || attempt > 0) && settled && (crossing || (pinned && point.cost < self.level())) {
                if since_fresh == 0 || (trusted && since_fresh <= 2) {
                    let value = self.report(target, gauge.value + gauge.slope.dot(&step));
                    let here = self.report(target, gauge.value);
                    let limited = self.limited(target, &point.u);
                    self.known.borrow_mut().push((point, jacobian));
                    let end = match (crossing, limited) {
                        (true, false) => End::Closed(value),
                        (true, true) => End::Open(value),
                        (false, _) => End::Open(here),
                    };
                    return Some(Found::End(end));
                }
                (jacobian, gauge) = self.renewed(target, &point)?;
                since_fresh = 0;
                continue;
            }
            if let Some(open) = self.gone_far(target, &point.u, &gauge, sign) {
                return Some(Found::End(End::Open(open)));
            }
            let bend = match since_fresh {
                0 if attempt == 0 || patience > 1 => self.bend(&point, &step, &gauge.slope, (&jacobian, &model)),
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
                    return None;
                }
                (jacobian, gauge) = self.renewed(target, &point)?;
                since_fresh = 0;
                continue;
            };
            if trial.cost < self.best.cost - 0.02 * self.rise {
                return Some(Found::Better(trial));
            }
            let taken = &trial.u - &point.u;
            broyden(&mut jacobian, &taken, &(&trial.residuals - &point.residuals), &scale);
            let now = (trial.cost - self.level()).abs();
            point = trial;
            since_fresh += 1;
            gauge = self.updated(target, gauge, &point.u, (&taken, &scale))?;
            if (now > 0.5 * miss && now > TOLERANCE * self.rise && since_fresh >= 2) || since_fresh >= patience {
                (jacobian, gauge) = self.renewed(target, &point)?;
                since_fresh = 0;
            }
            miss = now;
        }
        None
    }

    /// Derivatives of the residuals and of the target at a point.
    fn renewed(&self, target: &Target<'_>, point: &Point) -> Option<(DMatrix<f64>, Gauge)> {
        let jacobian = self.objective.jacobian(point, Differences::Forward).ok()?;
        Some((jacobian, self.gauge(target, &point.u)?))
    }

    /// The gradient of a target at the estimate, in search coordinates.
    pub(in crate::fit::estimate) fn gradient(&self, target: &Target<'_>) -> Option<DVector<f64>> {
        self.gauge(target, &self.best.u).map(|gauge| gauge.slope)
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
                    // Computed quantities come from root finding, right to about eight digits.
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

    /// The target after a step to `u`: its gradient is updated by Broyden's formula.
    fn updated(
        &self,
        target: &Target<'_>,
        before: Gauge,
        u: &DVector<f64>,
        (taken, scale): (&DVector<f64>, &[f64]),
    ) -> Option<Gauge> {
        match target {
            Target::Parameter(index) => Some(Gauge { value: u[*index], ..before }),
            Target::Derived(g) => {
                let value = g(&self.objective.values(u))?;
                let error = value - before.value - before.slope.dot(taken);
                let metric = DVector::from_fn(taken.len(), |j, _| scale[j].powi(2) * taken[j]);
                let norm = metric.dot(taken);
                let slope = if norm > 0.0 { before.slope + metric * (error / norm) } else { before.slope };
                Some(Gauge { value, slope })
            }
        }
    }

    /// What to report as open end if the target, or a parameter behind it, has been followed far enough.
    fn gone_far(&self, target: &Target<'_>, u: &DVector<f64>, gauge: &Gauge, sign: f64) -> Option<f64> {
        let moved = |j: usize| (u[j] - self.best.u[j]).abs() > self.far(j);
        match target {
            Target::Parameter(index) => moved(*index).then(|| self.report(target, sign * f64::INFINITY)),
            Target::Derived(_) => (0..u.len()).any(moved).then_some(gauge.value),
        }
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

    /// The parameters that may move on the way outwards: not held, and not both on a bound and drawn across it, by the
    /// objective or by the target.
    fn movable(&self, slope: &DVector<f64>, sign: f64, point: &Point, gradient: &DVector<f64>) -> Vec<usize> {
        let below = point.cost < self.level();
        (0..point.u.len())
            .filter(|&j| {
                let pull = if below && slope[j] != 0.0 { -sign * slope[j] } else { gradient[j] };
                let pushed_down = point.u[j] <= self.objective.lower[j] && pull > 0.0;
                let pushed_up = point.u[j] >= self.objective.upper[j] && pull < 0.0;
                !(self.objective.held(j) || pushed_down || pushed_up)
            })
            .collect()
    }

    /// The next step, shortened so that no parameter moves by more than a stride.
    pub(super) fn stride(
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
}
