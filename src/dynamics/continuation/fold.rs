//! Folds: where the branch turns back in the parameter.
//!
//! A fold is bracketed by a change of sign of the parameter component of the tangent, and refined by Newton's method
//! on the minimally augmented system
//!
//! ```text
//! F(u, s) = 0,   σ(u, s) = 0,     [ F_u  b ] [ v ]   [ 0 ]      [ F_uᵀ  c ] [ w ]   [ 0 ]
//!                                 [ cᵀ   0 ] [ σ ] = [ 1 ],     [ bᵀ    0 ] [ σ ] = [ 1 ]
//! σ_y = - wᵀ F_uy v
//! ```
//!
//! where `σ` vanishes exactly where `F_u` is singular, and `v`, `w` are then its null vectors. W. Govaerts, *Numerical
//! Methods for Bifurcations of Dynamical Equilibria* (2000), section 4.1. The derivative `σ_y` is a central
//! difference of exact Jacobians: it steers the iteration and does not limit its accuracy. If Newton fails, the
//! bracket is halved and it is tried again; a fold that resists is reported with its bracket.

use super::curve::{Curve, distance, dot};
use super::palc::Node;
use super::system::System;
use super::{Bracket, FoldPoint, Location};
use crate::dynamics::linear::Lu;
use crate::process::field::Field;

const ITERATIONS: usize = 12;
const ROUNDS: usize = 40;
/// Spacing of the central differences of exact Jacobians.
pub(super) const DIFFERENCE: f64 = 1e-5;
/// Largest last correction of a refined fold, in the coordinates of continuation.
const ACCEPTED: f64 = 1e-8;

/// Locates the fold between two points of a branch.
pub(super) fn locate<F: Field + ?Sized>(system: &mut System<'_, F>, a: &Node, b: &Node) -> Location<FoldPoint> {
    let n = system.dim;
    let (mut left, mut right) = (a.clone(), b.clone());
    for _ in 0..ROUNDS {
        let share = left.tangent[n] / (left.tangent[n] - right.tangent[n]);
        let mix = |p: &[f64], q: &[f64]| -> Vec<f64> { p.iter().zip(q).map(|(p, q)| p + share * (q - p)).collect() };
        let guess = mix(&left.y, &right.y);
        let null = mix(&left.tangent, &right.tangent);
        let room = 2.0 * distance(&left.y, &right.y) + 1e-6;
        if let Some(point) = refine(system, &guess, &null[..n], room) {
            return Location::Refined(point);
        }
        // Halve the bracket along the branch.
        let Some(y) = system.between(&left.y, &right.y, 0.5) else { break };
        let mut tangent = Vec::new();
        let Some(sign) = system.tangent(&y, &left.tangent, &mut tangent) else { break };
        if distance(&left.y, &right.y) < 1e-12 {
            break;
        }
        let middle = Node { y, tangent, sign };
        if (middle.tangent[n] < 0.0) == (left.tangent[n] < 0.0) {
            left = middle;
        } else {
            right = middle;
        }
    }
    Location::Unrefined(Bracket::of(system, &left.y, &right.y))
}

/// Newton on the minimally augmented system from `guess`, whose null vector is near `null`.
fn refine<F: Field + ?Sized>(system: &mut System<'_, F>, guess: &[f64], null: &[f64], room: f64) -> Option<FoldPoint> {
    let n = system.dim;
    system.reweigh(guess);
    let mut y = guess.to_vec();
    let mut border = Borders::new(n, null);
    let mut lu = Lu::new(n + 1);
    let mut step = vec![0.0; n + 1];
    let mut best: Option<(f64, Vec<f64>)> = None;
    for _ in 0..ITERATIONS {
        let sigma = border.solve(system, &y)?;
        if !system.residual(&y, &mut step[..n]) {
            return None;
        }
        step[n] = sigma;
        let gradient = border.gradient(system, &y)?;
        if !system.differentiate(&y) {
            return None;
        }
        lu.matrix_mut()[..system.slope.len()].copy_from_slice(&system.slope);
        lu.matrix_mut()[system.slope.len()..].copy_from_slice(&gradient);
        if !lu.factor() {
            return None;
        }
        lu.solve(&mut step);
        let size = dot(&step, &step).sqrt();
        if !size.is_finite() || distance(&y, guess) > room {
            return None;
        }
        if best.as_ref().is_some_and(|(b, _)| *b < ACCEPTED && size >= 0.5 * b) {
            break;
        }
        if best.as_ref().is_none_or(|(b, _)| size < *b) {
            best = Some((size, y.clone()));
        }
        y.iter_mut().zip(&step).for_each(|(y, d)| *y -= d);
    }
    let (correction, y) = best.filter(|(size, _)| *size < ACCEPTED)?;
    if distance(&y, guess) > room {
        return None;
    }
    let x = system.states(&y);
    let scales = system.equations.field.states();
    let mut null: Vec<f64> = border.v.iter().zip(&x).zip(scales).map(|((v, x), s)| v * x.hypot(s.scale)).collect();
    let norm = dot(&null, &null).sqrt();
    null.iter_mut().for_each(|v| *v /= norm);
    Some(FoldPoint { x, parameter: system.unit * y[n], null, correction })
}

/// The bordering vectors of the singular matrix and the null vectors they give.
pub(super) struct Borders {
    lu: Lu,
    b: Vec<f64>,
    c: Vec<f64>,
    /// Right null vector.
    pub(super) v: Vec<f64>,
    /// Left null vector.
    pub(super) w: Vec<f64>,
    fresh: bool,
}

impl Borders {
    pub(super) fn new(n: usize, null: &[f64]) -> Self {
        let norm = dot(null, null).sqrt();
        let c: Vec<f64> = null.iter().map(|v| v / norm).collect();
        Self { lu: Lu::new(n + 1), b: c.clone(), v: c.clone(), w: c.clone(), c, fresh: true }
    }

    /// Lets the next solve improve the bordering vectors.
    pub(super) fn refresh(&mut self) {
        self.fresh = true;
    }

    /// Solves both bordered systems at `y`; returns `σ`. The first time the bordering vectors are improved on the way.
    pub(super) fn solve<F: Field + ?Sized>(&mut self, system: &mut System<'_, F>, y: &[f64]) -> Option<f64> {
        if self.fresh {
            self.fresh = false;
            self.once(system, y)?;
            for (border, vector) in [(&mut self.c, &self.v), (&mut self.b, &self.w)] {
                let norm = dot(vector, vector).sqrt();
                if !(norm > 0.0 && norm.is_finite()) {
                    return None;
                }
                border.iter_mut().zip(vector).for_each(|(b, v)| *b = v / norm);
            }
        }
        self.once(system, y)
    }

    fn once<F: Field + ?Sized>(&mut self, system: &mut System<'_, F>, y: &[f64]) -> Option<f64> {
        let n = system.dim;
        if !system.differentiate(y) {
            return None;
        }
        let matrix = self.lu.matrix_mut();
        for i in 0..n {
            matrix[i * (n + 1)..i * (n + 1) + n].copy_from_slice(&system.slope[i * (n + 1)..i * (n + 1) + n]);
            matrix[i * (n + 1) + n] = self.b[i];
            matrix[n * (n + 1) + i] = self.c[i];
        }
        matrix[n * (n + 1) + n] = 0.0;
        if !self.lu.factor() {
            return None;
        }
        let mut right = vec![0.0; n + 1];
        right[n] = 1.0;
        let mut left = right.clone();
        self.lu.solve(&mut right);
        self.lu.solve_transposed(&mut left);
        self.v.copy_from_slice(&right[..n]);
        self.w.copy_from_slice(&left[..n]);
        Some(right[n])
    }

    /// `σ_y`, with the vectors of the last [`Borders::solve`].
    pub(super) fn gradient<F: Field + ?Sized>(&self, system: &mut System<'_, F>, y: &[f64]) -> Option<Vec<f64>> {
        let mut shifted = y.to_vec();
        (0..=system.dim)
            .map(|j| {
                shifted[j] = y[j] + DIFFERENCE;
                let above = self.form(system, &shifted)?;
                shifted[j] = y[j] - DIFFERENCE;
                let below = self.form(system, &shifted)?;
                shifted[j] = y[j];
                Some(-(above - below) / (2.0 * DIFFERENCE))
            })
            .collect()
    }

    /// `wᵀ F_u(y) v`.
    pub(super) fn form<F: Field + ?Sized>(&self, system: &mut System<'_, F>, y: &[f64]) -> Option<f64> {
        let width = system.dim + 1;
        system.differentiate(y).then(|| {
            self.w
                .iter()
                .zip(system.slope.chunks_exact(width))
                .map(|(w, row)| w * dot(&row[..width - 1], &self.v))
                .sum()
        })
    }
}
