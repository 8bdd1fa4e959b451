//! Newton's method for one characteristic root.
//!
//! With `Δ(λ) = λ I - A_0 - Σ_j A_j e^{-λ L_j}` and a fixed normalising vector `c`, the bordered system
//!
//! ```text
//! [ Δ(λ)   Δ'(λ) v ] [ δv ]     [ Δ(λ) v    ]
//! [ c*     0       ] [ δλ ] = - [ c* v - 1  ],      Δ'(λ) = I + Σ_j L_j A_j e^{-λ L_j}
//! ```
//!
//! is regular at a simple root, where `Δ` alone is singular. Without lags it is the inverse iteration for an
//! eigenvalue. W. Michiels & S.-I. Niculescu, *Stability, Control, and Computation for Time-Delay Systems* (2014),
//! chapter 2.

use nalgebra::{Complex, DMatrix, DVector};

type C = Complex<f64>;

/// A corrected root and its residual `‖Δ(λ)v‖ / (‖v‖ (|λ| + ‖A_0‖ + Σ ‖A_j‖ |e^{-λ L_j}|))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Corrected {
    pub(crate) value: C,
    pub(crate) residual: f64,
}

/// Residual below which a root counts as one.
pub(crate) const ACCEPTED: f64 = 1e-12;

/// Corrects the approximation `guess`; `None` if the iteration does not converge to a root with a small residual.
pub(crate) fn correct(blocks: &[DMatrix<f64>], lags: &[f64], guess: C) -> Option<Corrected> {
    let n = blocks[0].nrows();
    let mut lambda = guess;
    let mut v = start(blocks, lags, guess)?;
    let c: DVector<C> = v.map(|z| z.conj() / C::from(v.norm_squared()));
    let mut best: Option<Corrected> = None;
    for _ in 0..30 {
        let (delta, slope, size) = characteristic(blocks, lags, lambda);
        let defect = &delta * &v;
        let residual = defect.norm() / (v.norm() * size);
        if !residual.is_finite() {
            return None;
        }
        if best.is_some_and(|b| b.residual < ACCEPTED && residual >= 0.5 * b.residual) {
            break;
        }
        if best.is_none_or(|b| residual < b.residual) {
            best = Some(Corrected { value: lambda, residual });
        }
        let mut bordered = DMatrix::<C>::zeros(n + 1, n + 1);
        bordered.view_mut((0, 0), (n, n)).copy_from(&delta);
        bordered.view_mut((0, n), (n, 1)).copy_from(&(&slope * &v));
        let mut right = DVector::<C>::zeros(n + 1);
        let mut unit = C::from(-1.0);
        for i in 0..n {
            bordered[(n, i)] = c[i];
            right[i] = -defect[i];
            unit += c[i] * v[i];
        }
        right[n] = -unit;
        let step = bordered.lu().solve(&right)?;
        for i in 0..n {
            v[i] += step[i];
        }
        lambda += step[n];
    }
    best.filter(|b| b.residual < ACCEPTED)
}

/// Approximate null vector of `Δ(guess)` by two steps of inverse iteration.
fn start(blocks: &[DMatrix<f64>], lags: &[f64], guess: C) -> Option<DVector<C>> {
    let n = blocks[0].nrows();
    let (mut delta, _, size) = characteristic(blocks, lags, guess);
    if !size.is_finite() {
        return None;
    }
    for i in 0..n {
        delta[(i, i)] += C::new(0.0, 1e-14 * size);
    }
    let lu = delta.lu();
    let mut v = DVector::from_fn(n, |i, _| C::new(1.0, 0.3 + 0.1 * i as f64));
    for _ in 0..2 {
        v = lu.solve(&v)?;
        let norm = v.norm();
        if !(norm > 0.0 && norm.is_finite()) {
            return None;
        }
        v.unscale_mut(norm);
    }
    Some(v)
}

/// `Δ(λ)`, `Δ'(λ)` and the sum of the norms of the terms of `Δ`.
fn characteristic(blocks: &[DMatrix<f64>], lags: &[f64], lambda: C) -> (DMatrix<C>, DMatrix<C>, f64) {
    let n = blocks[0].nrows();
    let mut delta =
        DMatrix::from_fn(n, n, |i, j| C::from(-blocks[0][(i, j)]) + if i == j { lambda } else { C::from(0.0) });
    let mut slope = DMatrix::<C>::identity(n, n);
    let mut size = lambda.norm() + blocks[0].norm();
    for (block, &lag) in blocks[1..].iter().zip(lags) {
        let factor = (-lambda * lag).exp();
        size += block.norm() * factor.norm();
        for (k, a) in block.iter().enumerate() {
            delta[k] -= factor * *a;
            slope[k] += factor * (lag * *a);
        }
    }
    (delta, slope, size)
}
