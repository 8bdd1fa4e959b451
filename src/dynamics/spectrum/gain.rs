//! Counting unstable roots without computing them, where the feedback through the delays is too weak to matter.
//!
//! ```text
//! det(λ - A - Σ B_j e^{-λ L_j}) = det(λ - A) · det(I - Σ K_j(λ) e^{-λ L_j}),     K_j(λ) = (λ - A)^{-1} B_j
//! ```
//!
//! If on the whole imaginary axis the spectral radius of Σ |K_j| (entry by entry) is below one, the second factor has no
//! zero there, nor has it when the B_j are scaled down to nothing: no root crosses the axis on the way, and there are as
//! many unstable roots as A has unstable eigenvalues (Rouché; the small-gain theorem of control). The radius is bounded by
//! ‖M^16‖^(1/16) at frequencies that cover the eigenvalues of A closely, and must stay below one half.

use super::dense;
use nalgebra::{Complex, DMatrix};

/// Frequencies per decade, and decades beyond the smallest and largest eigenvalue.
const PER_DECADE: usize = 6;
const DECADES_BEYOND: f64 = 2.0;
/// Largest bound of the gain that counts as small.
const SMALL: f64 = 0.5;

/// The number of unstable roots, if the feedback through the delays is weak enough to tell without them.
pub(in crate::dynamics) fn unstable_by_small_gain(blocks: &[DMatrix<f64>]) -> Option<usize> {
    let (a, delayed) = blocks.split_first()?;
    if blocks.iter().any(|b| b.iter().any(|v| !v.is_finite())) {
        return None;
    }
    let eigenvalues = dense::eigenvalues(a)?;
    let largest = eigenvalues.iter().map(|z| z.norm()).fold(0.0, f64::max);
    let smallest = eigenvalues.iter().map(|z| z.norm()).fold(largest, f64::min);
    // An eigenvalue on the axis leaves nothing to compare with.
    if eigenvalues.iter().any(|z| z.re.abs() <= 1e-9 * largest) || smallest <= 0.0 {
        return None;
    }
    let (from, to) = (smallest.log10() - DECADES_BEYOND, largest.log10() + DECADES_BEYOND);
    let steps = ((to - from) * PER_DECADE as f64).ceil().max(1.0);
    let grid = (0..=steps as usize).map(|i| 10f64.powf(from + (to - from) * i as f64 / steps));
    let special = eigenvalues.iter().flat_map(|z| [z.im.abs(), z.norm()]);
    let small = std::iter::once(0.0).chain(special).chain(grid).all(|omega| gain(a, delayed, omega) < SMALL);
    small.then(|| eigenvalues.iter().filter(|z| z.re > 0.0).count())
}

/// Bound of the spectral radius of Σ |(iω - A)^{-1} B_j|; infinite where it cannot be had.
fn gain(a: &DMatrix<f64>, delayed: &[DMatrix<f64>], omega: f64) -> f64 {
    let n = a.nrows();
    let shifted = DMatrix::from_fn(n, n, |i, j| Complex::new(-a[(i, j)], if i == j { omega } else { 0.0 }));
    let lu = shifted.lu();
    let mut total = DMatrix::<f64>::zeros(n, n);
    for b in delayed {
        let Some(k) = lu.solve(&b.map(|v| Complex::new(v, 0.0))) else { return f64::INFINITY };
        total += k.map(|z| z.norm());
    }
    let mut power = total;
    let mut scale = 1.0;
    for doubling in 0..4 {
        let size = power.norm();
        if size == 0.0 {
            return 0.0;
        }
        power /= size;
        scale *= size.powf(0.5f64.powi(doubling));
        power = &power * &power;
    }
    scale * power.norm().powf(1.0 / 16.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_feedback_changes_no_count() {
        let a = DMatrix::from_row_slice(2, 2, &[-1.0, 0.5, 0.0, -3.0]);
        let weak = DMatrix::from_row_slice(2, 2, &[0.0, 0.0, 0.4, 0.1]);
        assert_eq!(unstable_by_small_gain(&[a.clone(), weak.clone()]), Some(0));
        let b = DMatrix::from_row_slice(2, 2, &[1.0, 0.5, 0.0, -3.0]);
        assert_eq!(unstable_by_small_gain(&[b, weak]), Some(1));
    }

    #[test]
    fn strong_feedback_is_left_to_the_roots() {
        // x' = -x - 3 x(t-1) is unstable although -1 < 0
        let a = DMatrix::from_element(1, 1, -1.0);
        assert_eq!(unstable_by_small_gain(&[a, DMatrix::from_element(1, 1, -3.0)]), None);
    }

    #[test]
    fn a_chain_through_the_delay_is_no_feedback() {
        let a = DMatrix::from_diagonal_element(3, 3, -2.0);
        let mut b = DMatrix::zeros(3, 3);
        b[(1, 0)] = 50.0;
        b[(2, 1)] = 50.0;
        assert_eq!(unstable_by_small_gain(&[a, b]), Some(0));
    }

    #[test]
    fn the_bound_is_close_to_the_radius() {
        // |K| at ω = 0 is [[0, 0.3], [0.3, 0]] with radius 0.3
        let a = DMatrix::from_diagonal_element(2, 2, -1.0);
        let b = DMatrix::from_row_slice(2, 2, &[0.0, 0.3, 0.3, 0.0]);
        let bound = gain(&a, &[b], 0.0);
        assert!((0.3..0.32).contains(&bound), "{bound}");
    }
}
