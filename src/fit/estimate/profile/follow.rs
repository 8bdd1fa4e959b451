//! The profile of a parameter followed value by value: slower than the direct search, and hard to lead astray.

use super::super::levenberg::{self, Descent, Settings, Status, Watch, descend, emphasised, free, within_bounds};
use super::super::objective::{Differences, Point};
use super::super::problem::{Problem, Scale};
use super::seek::STRIDE;
use super::{End, Found, Region, Target};
use nalgebra::{DMatrix, DVector};

impl<P: Problem> Region<'_, '_, P> {
    /// Follows the profile of a parameter value by value.
    pub(super) fn follow(&self, index: usize, sign: f64) -> Found {
        let target = Target::Parameter(index);
        let (lower, upper) = (self.objective.lower[index], self.objective.upper[index]);
        let bound = if sign > 0.0 { upper } else { lower };
        let start = self.best.u[index];
        let parameter = &self.objective.parameters[index];
        let unit = if parameter.scale == Scale::Log { 1.0 } else { parameter.unit() };
        let far = start + sign * self.far(index);
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
                return Found::Better(profiled.point);
            }
            let z = ((profiled.point.cost - self.best.cost).max(0.0) / self.rise).sqrt();
            if (z - 1.0).abs() < 2e-4 {
                // The last bit by the secant.
                let slope = (next - inside.0) / (z - inside.1);
                let crossing = if slope.is_finite() { next + (1.0 - z) * slope } else { next };
                let value = self.report(&target, crossing);
                let limited = self.limited(&target, &profiled.point.u);
                return Found::End(if limited { End::Open(value) } else { End::Closed(value) });
            }
            if z < 1.0 {
                inside = (next, z);
                warm = (profiled.point, profiled.jacobian);
                if next == limit {
                    let reached = if limit == bound { next } else { sign * f64::INFINITY };
                    return Found::End(End::Open(self.report(&target, reached)));
                }
            } else {
                outside = Some((next, z));
            }
            next = match outside {
                Some((there, z)) => {
                    if (there - inside.0).abs() < 1e-6 * (there - start).abs() {
                        return Found::End(End::Closed(self.report(&target, f64::midpoint(there, inside.0))));
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
        Found::End(End::Unresolved(self.report(&target, inside.0)))
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
        let mut descent = descend(&held, point, Some(jacobian), settings, watch).ok()?;
        // A new Jacobian has no column for what is held; the next value's prediction needs one.
        descent.jacobian.set_column(index, &warm.1.column(index));
        (descent.status != Status::Interrupted).then_some(descent)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::loss::Loss;
    use super::super::super::objective::Objective;
    use super::super::super::problem::{Curve, Parameter};
    use super::*;
    use std::cell::RefCell;
    use std::sync::atomic::AtomicUsize;

    /// For the first curve the ends of the limit are 166.87956 and 215.89211 by bisection of a profile that is computed by
    /// golden section over the half point, the offset having a closed form.
    #[test]
    fn ends_of_an_exact_profile() {
        ends(0.0, 200.0, |index, sign, direct, followed| {
            if index == 0 {
                let exact: f64 = if sign < 0.0 { 166.879_56 } else { 215.892_11 };
                let width = (exact - 189.964_76).abs();
                assert!((direct.value() - exact).abs() < 5e-4 * width, "{direct:?} {exact}");
                assert!((followed.value() - exact).abs() < 1e-4 * width, "{followed:?} {exact}");
            }
        });
    }

    /// Both ways to an end must come to the same, for an ordinary curve, for an end on a bound, and where another
    /// parameter's bound ends it.
    #[test]
    fn following_a_profile_ends_where_the_direct_search_does() {
        for (lower, offset) in [(0.0, 200.0), (0.065, 200.0), (0.0, 20.0)] {
            ends(lower, offset, |index, sign, direct, followed| {
                assert_eq!(direct.closed(), followed.closed(), "{index} {sign} {direct:?} {followed:?}");
            });
        }
    }

    /// Ends of a saturating curve with a smallest half point and a largest offset, found both ways and equal to a
    /// thousandth of the distance from the estimate.
    fn ends(lower: f64, offset: f64, check: impl Fn(usize, f64, End, End)) {
        let x = [0.02, 0.02, 0.06, 0.06, 0.11, 0.11, 0.22, 0.22, 0.56, 0.56, 1.1, 1.1];
        let y = [76.0, 47.0, 97.0, 107.0, 123.0, 139.0, 159.0, 152.0, 191.0, 201.0, 207.0, 200.0];
        let parameters = vec![
            Parameter::log("limit", 205.0),
            Parameter::log("half", 0.08).within(lower, f64::INFINITY),
            Parameter::linear("offset", 1.0).within(-offset, offset),
        ];
        let model = |p: &[f64], i: usize| p[0] * x[i] / (p[1] + x[i]) + p[2];
        let curve = Curve { parameters, y: &y, weights: None, model };
        let counter = AtomicUsize::new(0);
        let objective = Objective::new(&curve, Loss::Square, 1.0, &counter);
        let watch = Watch { interrupt: &|| false, progress: &|_| {} };
        let start = objective.point(objective.coordinates(&[205.0, 0.08, 1.0])).unwrap();
        let best = descend(&objective, start, None, &Settings::default(), &watch).unwrap();
        let region = Region {
            objective: &objective,
            best: &best.point,
            jacobian: &best.jacobian,
            rise: best.point.cost * 0.5,
            interrupt: &|| false,
            known: RefCell::default(),
        };
        for index in 0..3 {
            for sign in [-1.0, 1.0] {
                let Some(Found::End(direct)) = region.seek(&Target::Parameter(index), sign) else {
                    panic!("the direct search for {index} {sign} does not settle");
                };
                let Found::End(followed) = region.follow(index, sign) else { panic!("a better optimum") };
                check(index, sign, direct, followed);
                let width = (followed.value() - objective.value(index, best.point.u[index])).abs();
                let miss = (direct.value() - followed.value()).abs();
                assert!(miss <= 1e-3 * width, "{index} {sign} {direct:?} {followed:?}");
            }
        }
    }
}
