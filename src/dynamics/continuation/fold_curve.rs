//! Fold curves: the folds of a branch as a second parameter changes, and the cusps where two of them meet.
//!
//! The minimally augmented system of `fold` with both parameters free is a curve,
//!
//! ```text
//! F(u, s_1, s_2) = 0,   σ(u, s_1, s_2) = 0,
//! ```
//!
//! walked like any other. Between the two values of the first parameter on it the system has more than one stable
//! state. A cusp is where the quadratic coefficient `wᵀ F_uu(v, v)` changes sign, `v` and `w` being the null vectors;
//! it is located along the curve by regula falsi. Y. Kuznetsov, *Elements of Applied Bifurcation Theory*, sections
//! 8.2 and 10.3.

use super::curve::{Curve, distance, dot};
use super::fold::{Borders, DIFFERENCE};
use super::palc::{Limit, Move, Pace, Walk, domain_limits};
use super::system::System;
use super::{Bracket, BranchError, BranchOptions, End, FoldPoint, Location, Orientation};
use crate::dynamics::linear::Lu;
use crate::dynamics::newton::NewtonError;
use crate::process::field::Field;

/// Spacing of the differences for the quadratic coefficient: extrapolated, so their error is its fourth power.
const SPACING: f64 = 1e-3;

/// A point of a fold curve, or a cusp.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldCurvePoint {
    /// The states.
    pub x: Vec<f64>,
    /// Both parameters, in the order given.
    pub parameters: (f64, f64),
}

/// A cusp between points `after` and `after + 1` of a fold curve. A bracket gives the first parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Cusp {
    /// Index of the point before it.
    pub after: usize,
    /// Where it is.
    pub location: Location<FoldCurvePoint>,
}

/// A curve of folds in two parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldCurve {
    /// The points in order.
    pub points: Vec<FoldCurvePoint>,
    /// The cusps on it.
    pub cusps: Vec<Cusp>,
    /// Why the walk ended.
    pub end: End,
}

/// Follows the fold `from` of the branch in parameter `k.0` as parameter `k.1` rises or falls from its value in `p`.
/// `options.parameter` bounds parameter `k.0` and `second` bounds parameter `k.1`.
///
/// # Errors
///
/// [`BranchError`] if the parameters do not exist or lie out of bounds, or there is no regular fold to start from.
pub fn fold_curve<F: Field + ?Sized>(
    field: &F,
    p: &[f64],
    k: (usize, usize),
    from: &FoldPoint,
    orientation: Orientation,
    options: &BranchOptions,
    second: (f64, f64),
) -> Result<FoldCurve, BranchError> {
    for index in [k.0, k.1] {
        if index >= p.len() {
            return Err(BranchError::NoParameter { index, count: p.len() });
        }
    }
    if from.x.len() != field.dim() || from.null.len() != field.dim() {
        return Err(NewtonError::Dimension { expected: field.dim(), found: from.x.len() }.into());
    }
    let bounds = [(from.parameter, options.parameter), (p[k.1], second)];
    for (value, (low, high)) in bounds {
        if !(low <= value && value <= high && low < high) {
            return Err(BranchError::OutOfBounds { value, low, high });
        }
    }
    let unit = |i: usize| super::unit(bounds[i].0, bounds[i].1.0, bounds[i].1.1);
    let mut start = p.to_vec();
    start[k.0] = from.parameter;
    let system = System::new(field, &start, k.0, unit(0));
    let n = system.dim;
    let mut y = system.coordinates(&from.x, from.parameter);
    y.push(p[k.1] / unit(1));
    let stretched = from.null.iter().zip(&from.x).zip(field.states()).map(|((v, x), s)| v / x.hypot(s.scale));
    let null: Vec<f64> = stretched.collect();
    let mut folds = Folds { second: k.1, unit: unit(1), border: Lu::new(n + 2), null: Borders::new(n, &null), system };
    let mut limits = domain_limits(field.states(), options.escape);
    for (i, (_, (low, high))) in bounds.into_iter().enumerate() {
        let limit = |value: f64, upper| Limit { coordinate: n + i, value, upper, slack: 0.0, end: End::ParameterBound };
        limits.extend([limit(low / unit(i), false), limit(high / unit(i), true)]);
    }
    let pace = Pace { first: options.first_step, smallest: options.smallest_step, largest: options.largest_step };
    let rises = orientation == Orientation::Up;
    let walk = Walk::start(&mut folds, y, n + 1, rises, pace, limits).ok_or(BranchError::NoTangent)?;
    Ok(trace(&mut folds, walk, options.max_points))
}

fn trace<F: Field + ?Sized>(folds: &mut Folds<'_, F>, mut walk: Walk, max_points: usize) -> FoldCurve {
    let mut before = walk.node.y.clone();
    let mut curve = FoldCurve { points: vec![folds.point(&before)], cusps: Vec::new(), end: End::MaxPoints };
    while curve.points.len() < max_points {
        let (node, end) = match walk.advance(folds, &mut |_, _| false) {
            Move::On(node) => (node, None),
            Move::Last(Some(node), end) => (node, Some(end)),
            Move::Last(None, end) => {
                curve.end = end;
                break;
            }
        };
        // Both with the same bordering vectors, so that the null vectors keep their direction.
        if let (Some(a), Some(b)) = (folds.quadratic(&before), folds.quadratic(&node.y))
            && (a < 0.0) != (b < 0.0)
        {
            let location = folds.cusp((&before, a), (&node.y, b));
            curve.cusps.push(Cusp { after: curve.points.len() - 1, location });
        }
        curve.points.push(folds.point(&node.y));
        before = node.y;
        if let Some(end) = end {
            curve.end = end;
            break;
        }
    }
    curve
}

/// The augmented system with both parameters free.
struct Folds<'a, F: Field + ?Sized> {
    system: System<'a, F>,
    second: usize,
    unit: f64,
    border: Lu,
    null: Borders,
}

impl<F: Field + ?Sized> Folds<'_, F> {
    /// Sets the second parameter; the rest of `y` is what the system of the branch understands.
    fn set<'y>(&mut self, y: &'y [f64]) -> &'y [f64] {
        let n = self.system.dim;
        self.system.equations.p[self.second] = self.unit * y[n + 1];
        &y[..=n]
    }

    fn point(&mut self, y: &[f64]) -> FoldCurvePoint {
        let inner = self.set(y);
        let n = self.system.dim;
        FoldCurvePoint { x: self.system.states(inner), parameters: (self.system.unit * y[n], self.unit * y[n + 1]) }
    }

    fn form(&mut self, y: &[f64]) -> Option<f64> {
        let inner = self.set(y);
        self.null.form(&mut self.system, inner)
    }

    /// `wᵀ F_uu(v, v)` with unit null vectors.
    fn quadratic(&mut self, y: &[f64]) -> Option<f64> {
        let inner = self.set(y);
        self.null.solve(&mut self.system, inner)?;
        let (v, w) = (self.null.v.clone(), dot(&self.null.w, &self.null.w).sqrt());
        let norm = dot(&v, &v).sqrt();
        let mut slope = |h: f64| -> Option<f64> {
            let mut value = [0.0; 2];
            for (value, h) in value.iter_mut().zip([h, -h]) {
                let mut shifted = y.to_vec();
                shifted.iter_mut().zip(&v).for_each(|(y, v)| *y += h * v / norm);
                *value = self.form(&shifted)?;
            }
            Some((value[0] - value[1]) / (2.0 * h))
        };
        let (fine, coarse) = (slope(SPACING)?, slope(2.0 * SPACING)?);
        Some((4.0 * fine - coarse) / (3.0 * w * norm))
    }

    /// Regula falsi (Illinois) on the quadratic coefficient along the curve.
    fn cusp(&mut self, a: (&[f64], f64), b: (&[f64], f64)) -> Location<FoldCurvePoint> {
        let (mut left, mut fl) = (a.0.to_vec(), a.1);
        let (mut right, mut fr) = (b.0.to_vec(), b.1);
        let mut last = 0;
        for round in 0..80 {
            if distance(&left, &right) < 1e-12 || fl == 0.0 || fr == 0.0 {
                break;
            }
            let secant = fl / (fl - fr);
            let theta = if round % 4 == 3 { 0.5 } else { secant.clamp(1e-3, 0.999) };
            let Some(y) = self.between(&left, &right, theta) else { break };
            let Some(f) = self.quadratic(&y) else { break };
            if (f < 0.0) == (a.1 < 0.0) {
                (left, fl) = (y, f);
                if last == -1 {
                    fr *= 0.5;
                }
                last = -1;
            } else {
                (right, fr) = (y, f);
                if last == 1 {
                    fl *= 0.5;
                }
                last = 1;
            }
        }
        if distance(&left, &right) < 1e-8 || fl == 0.0 || fr == 0.0 {
            let best = if fl.abs() < fr.abs() { left } else { right };
            return Location::Refined(self.point(&best));
        }
        let (low, high) = (self.point(&left), self.point(&right));
        Location::Unrefined(Bracket { parameter: (low.parameters.0, high.parameters.0), x: (low.x, high.x) })
    }
}

impl<F: Field + ?Sized> Curve for Folds<'_, F> {
    fn unknowns(&self) -> usize {
        self.system.dim + 2
    }

    fn residual(&mut self, y: &[f64], out: &mut [f64]) -> bool {
        let inner = self.set(y);
        let n = self.system.dim;
        let Some(sigma) = self.null.solve(&mut self.system, inner) else { return false };
        out[n] = sigma;
        self.system.residual(inner, &mut out[..n])
    }

    fn differentiate_into_border(&mut self, y: &[f64]) -> bool {
        let n = self.system.dim;
        let inner = self.set(y);
        if self.null.solve(&mut self.system, inner).is_none() {
            return false;
        }
        let mut shifted = y.to_vec();
        for j in 0..n + 2 {
            shifted[j] = y[j] + DIFFERENCE;
            let above = self.form(&shifted);
            shifted[j] = y[j] - DIFFERENCE;
            let below = self.form(&shifted);
            shifted[j] = y[j];
            let (Some(above), Some(below)) = (above, below) else { return false };
            self.border.matrix_mut()[n * (n + 2) + j] = -(above - below) / (2.0 * DIFFERENCE);
        }
        let inner = self.set(y);
        if !self.system.differentiate(inner) {
            return false;
        }
        let mut column = vec![0.0; n];
        let finite = self.system.by_other_parameter(self.second, self.unit, &mut column);
        let matrix = self.border.matrix_mut();
        for i in 0..n {
            matrix[i * (n + 2)..i * (n + 2) + n + 1]
                .copy_from_slice(&self.system.slope[i * (n + 1)..(i + 1) * (n + 1)]);
            matrix[i * (n + 2) + n + 1] = column[i];
        }
        finite
    }

    fn border(&mut self) -> &mut Lu {
        &mut self.border
    }

    fn reweigh(&mut self, y: &[f64]) {
        let inner = self.set(y);
        self.system.reweigh(inner);
        self.null.refresh();
        // A failure shows in the next corrector.
        let _ = self.null.solve(&mut self.system, inner);
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Orientation, fold_curve};
    use crate::dynamics::continuation::{BranchOptions, follow_both};
    use crate::dynamics::testing::{Plain, m1};

    #[test]
    fn normal_form_of_the_cusp_has_its_cusp_at_the_origin() {
        // x' = a + b x - x³: folds at a² = 4 b³/27, cusp at a = b = x = 0. Shifted by 1/2 in x to break the symmetry.
        let mut field = Plain::new(
            1,
            |_| Vec::new(),
            |_, x, _, p, dx| dx[0] = p[0] + p[1] * (x[0] - 0.5) - (x[0] - 0.5).powi(3),
            |_, x, _, p, out| out.blocks[0][(0, 0)] = p[1] - 3.0 * (x[0] - 0.5).powi(2),
        );
        field.parameter = |x, _, _, k, out| out[0] = if k == 0 { 1.0 } else { x[0] - 0.5 };
        let options = BranchOptions::new(-2.0, 2.0);
        let branch = follow_both(&field, &[2.0, 1.0], 0, &[2.0], &options).unwrap();
        let fold = branch.folds().next().unwrap().clone();
        let curve = fold_curve(&field, &[2.0, 1.0], (0, 1), &fold, Orientation::Down, &options, (-1.0, 1.5)).unwrap();
        assert_eq!((curve.cusps.len(), curve.end), (1, End::ParameterBound), "{curve:?}");
        let cusp = curve.cusps[0].location.refined().unwrap();
        assert!(cusp.parameters.0.abs() < 1e-12 && cusp.parameters.1.abs() < 1e-9, "{cusp:?}");
        assert!((cusp.x[0] - 0.5).abs() < 1e-8);
        for point in &curve.points {
            let (a, b) = point.parameters;
            assert!((27.0 * a * a - 4.0 * b * b * b).abs() < 1e-10, "{point:?}");
        }
    }

    #[test]
    fn cusp_of_m1_is_the_published_one() {
        let options = BranchOptions::new(100.0, 1000.0);
        let branch = follow_both(&m1(), &[400.0, 0.75], 0, &[0.67, 0.0], &options).unwrap();
        for fold in branch.folds() {
            let curve =
                fold_curve(&m1(), &[400.0, 0.75], (0, 1), fold, Orientation::Down, &options, (0.0, 0.9)).unwrap();
            assert_eq!(curve.cusps.len(), 1, "{curve:?}");
            let cusp = curve.cusps[0].location.refined().unwrap();
            let (load, r) = cusp.parameters;
            assert!((cusp.x[0] / 1_038.985_476_38 - 1.0).abs() < 1e-8, "{cusp:?}");
            assert!(
                (load / 998.809_503_226 - 1.0).abs() < 1e-11 && (r / 3.843_456_75e-4 - 1.0).abs() < 1e-8,
                "{cusp:?}"
            );
        }
    }
}
