//! Eigenvalues of a small dense real matrix: closed form up to order two, otherwise balancing and the QR algorithm.
//!
//! Balancing (B. Parlett & C. Reinsch, Numer. Math. 13 (1969) 293-304) replaces `A` by `D⁻¹ A D` with `D` diagonal, its
//! entries powers of two, such that rows and columns have similar norms. Without it a state counted in units of 1e5
//! beside one counted in units of one costs ten digits of the small eigenvalues.

use super::qr::hessenberg_eigenvalues;
use nalgebra::linalg::Hessenberg;
use nalgebra::{Complex, DMatrix};

/// The diagonal `D` that balances the entrywise absolute values `a`; all entries are powers of two.
pub(super) fn balance(a: &DMatrix<f64>) -> Vec<f64> {
    let n = a.nrows();
    let mut d = vec![1.0f64; n];
    for _ in 0..40 {
        let mut changed = false;
        for i in 0..n {
            let (mut row, mut column) = (0.0, 0.0);
            for j in (0..n).filter(|&j| j != i) {
                row += a[(i, j)].abs() * d[j] / d[i];
                column += a[(j, i)].abs() * d[i] / d[j];
            }
            if !(row > 0.0 && column > 0.0 && row.is_finite() && column.is_finite()) {
                continue;
            }
            let factor = (0.5 * (row / column).log2()).round().clamp(-200.0, 200.0).exp2();
            if row / factor + column * factor < 0.95 * (row + column) {
                d[i] *= factor;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    d
}

/// `D⁻¹ A D`.
pub(super) fn scaled(a: &DMatrix<f64>, d: &[f64]) -> DMatrix<f64> {
    DMatrix::from_fn(a.nrows(), a.ncols(), |i, j| a[(i, j)] * (d[j] / d[i]))
}

/// All eigenvalues of `a`, or `None` if it is not finite or the QR algorithm does not converge.
pub(super) fn eigenvalues(a: &DMatrix<f64>) -> Option<Vec<Complex<f64>>> {
    if !a.iter().all(|v| v.is_finite()) {
        return None;
    }
    match a.nrows() {
        0 => Some(Vec::new()),
        1 => Some(vec![Complex::new(a[(0, 0)], 0.0)]),
        2 => Some(quadratic(a[(0, 0)], a[(0, 1)], a[(1, 0)], a[(1, 1)]).to_vec()),
        _ => {
            let balanced = scaled(a, &balance(a));
            // A matrix on which the shifts cycle usually converges when transposed.
            let of = |m: DMatrix<f64>| hessenberg_eigenvalues(&Hessenberg::new(m).unpack_h());
            let values = of(balanced.clone()).or_else(|| of(balanced.transpose()))?;
            values.iter().all(|v| v.re.is_finite() && v.im.is_finite()).then_some(values)
        }
    }
}

/// Eigenvalues of a matrix of order two; the smaller real one from the determinant, which avoids cancellation.
fn quadratic(a: f64, b: f64, c: f64, d: f64) -> [Complex<f64>; 2] {
    let (mean, half) = (0.5 * (a + d), 0.5 * (a - d));
    let discriminant = half * half + b * c;
    if discriminant < 0.0 {
        let im = (-discriminant).sqrt();
        return [Complex::new(mean, im), Complex::new(mean, -im)];
    }
    let large = mean + discriminant.sqrt().copysign(mean);
    let small = if large == 0.0 { 0.0 } else { (a * d - b * c) / large };
    [Complex::new(large, 0.0), Complex::new(small, 0.0)]
}

#[cfg(test)]
mod tests {
    use super::eigenvalues;
    use nalgebra::DMatrix;

    fn sorted(a: &DMatrix<f64>) -> Vec<(f64, f64)> {
        let mut v: Vec<(f64, f64)> = eigenvalues(a).unwrap().iter().map(|v| (v.re, v.im)).collect();
        v.sort_by(|a, b| a.partial_cmp(b).unwrap());
        v
    }

    #[test]
    fn small_eigenvalue_beside_a_large_one_keeps_its_digits() {
        let v = sorted(&DMatrix::from_row_slice(2, 2, &[-800.0, 0.0, 3.0, -1e-9]));
        assert!((v[0].0 + 800.0).abs() < 1e-12 && (v[1].0 / -1e-9 - 1.0).abs() < 1e-14);
    }

    #[test]
    fn companion_matrix_gives_the_roots_of_its_polynomial() {
        // (x - 1)(x + 2)(x² + 9) = x⁴ + x³ + 7x² + 9x - 18.
        let c = [18.0, -9.0, -7.0, -1.0];
        let a = DMatrix::from_fn(4, 4, |i, j| if i == 3 { c[j] } else { f64::from(u8::from(j == i + 1)) });
        for (v, exact) in sorted(&a).iter().zip([(-2.0, 0.0), (0.0, -3.0), (0.0, 3.0), (1.0, 0.0)]) {
            assert!((v.0 - exact.0).abs() < 1e-13 && (v.1 - exact.1).abs() < 1e-13, "{v:?}");
        }
    }

    #[test]
    fn bad_scaling_costs_no_digits() {
        // Similar to a matrix with eigenvalues -1, -2, -3 by a diagonal of fifteen decades.
        let a = [[-2.0, 1.0, 0.0], [0.0, -3.0, 0.5], [0.0, 0.0, -1.0]];
        let s = [1.0, 1e8, 1e-7];
        let shear = DMatrix::from_row_slice(3, 3, &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 2.0, 1.0, 1.0]);
        let full = &shear * DMatrix::from_fn(3, 3, |i, j| a[i][j]) * shear.clone().try_inverse().unwrap();
        let v = sorted(&DMatrix::from_fn(3, 3, |i, j| full[(i, j)] * s[i] / s[j]));
        for (v, exact) in v.iter().zip([-3.0, -2.0, -1.0]) {
            assert!((v.0 - exact).abs() < 1e-12, "{v:?}");
        }
    }
}
