//! First-order uncertainty at the estimate: covariance, standard errors, correlations, rank and null directions.
//!
//! ```text
//! cov u = s² T (JᵀJ)⁻¹ T,    s² = S/(n - p)
//! ```
//!
//! in search coordinates, T the diagonal matrix of √τ, τ the dispersion of each parameter ([`super::dispersion`]). For a robust loss (JᵀJ)⁻¹ is that of the
//! unweighted Jacobian and `s²` is `[Σψ²/(n-p)]/(mean ψ')²` times the scale squared (Huber & Ronchetti 2009, section 7.6).
//! Parameters on a bound are taken as known. Directions that no residual feels have no variance; they are listed.

use super::loss::Loss;
use super::quadratic::Quadratic;
use nalgebra::{DMatrix, DVector};

/// Scaled singular values below this part of the largest are no information: central differences are right to about
/// 1e-10, and a direction determined ten million times worse than another is not determined.
const NO_INFORMATION: f64 = 1e-7;

/// A combination of parameters that the data do not determine.
#[derive(Debug, Clone, PartialEq)]
pub struct NullDirection {
    /// Its components in search coordinates, scaled so that the largest is 1.
    pub components: Vec<f64>,
    /// The scaled singular value relative to the largest.
    pub relative: f64,
}

/// First-order uncertainty in search coordinates (logarithms for parameters on the logarithmic scale).
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance {
    /// Residual variance `s²` in units of weighted residuals squared.
    pub residual_variance: f64,
    /// Degrees of freedom, `n - p` with p the numerical rank.
    pub degrees_of_freedom: usize,
    /// Covariance matrix; infinite on the diagonal of parameters in a null direction, zero for those on a bound.
    pub matrix: DMatrix<f64>,
    /// Correlations; zero where there is no finite variance.
    pub correlation: DMatrix<f64>,
    /// Standard errors; on the logarithmic scale these are relative errors.
    pub standard_errors: Vec<f64>,
    /// Numerical rank of the scaled Jacobian.
    pub rank: usize,
    /// Ratio of the largest to the smallest scaled singular value.
    pub condition: f64,
    /// What the data do not determine.
    pub null: Vec<NullDirection>,
    /// Parameters without any effect on any residual.
    pub without_effect: Vec<usize>,
    /// Parameters on a bound (or held).
    pub on_bound: Vec<usize>,
}

impl Covariance {
    /// Widens by the dispersion τ of each parameter.
    pub(super) fn widen(&mut self, factors: &[f64]) {
        let root: Vec<f64> = factors.iter().map(|f| f.sqrt()).collect();
        for (i, a) in root.iter().enumerate() {
            for (j, b) in root.iter().enumerate() {
                self.matrix[(i, j)] *= a * b;
            }
            self.standard_errors[i] *= a;
        }
    }
}

/// From the Jacobian and the residuals (both without the weights of the loss), with `free` the parameters not on a
/// bound: s² (JᵀJ)⁻¹, to be widened by [`Covariance::widen`].
pub(super) fn covariance(
    jacobian: &DMatrix<f64>,
    residuals: &DVector<f64>,
    free: Vec<usize>,
    (loss, scale): (Loss, f64),
) -> Option<Covariance> {
    let (n, p) = (residuals.len(), jacobian.ncols());
    let without_effect: Vec<usize> = free.iter().copied().filter(|&j| jacobian.column(j).norm() == 0.0).collect();
    let on_bound = (0..p).filter(|j| !free.contains(j)).collect();
    let moving: Vec<usize> = free.into_iter().filter(|j| !without_effect.contains(j)).collect();
    let model = Quadratic::new(jacobian, residuals, moving.clone(), &super::levenberg::scaling(jacobian, None))?;
    let largest = model.sigma.iter().copied().fold(0.0, f64::max);
    let rank = model.rank(NO_INFORMATION);
    let degrees_of_freedom = n.saturating_sub(rank);
    let residual_variance = residual_variance(residuals, degrees_of_freedom, (loss, scale));

    let mut matrix = DMatrix::zeros(p, p);
    let mut null = Vec::new();
    let mut lost = vec![false; p];
    for k in 0..moving.len() {
        // A matrix with fewer rows than columns has no singular values for the last directions.
        let sigma = if k < model.sigma.len() { model.sigma[k] } else { 0.0 };
        let direction = DVector::from_fn(p, |j, _| {
            let place = moving.iter().position(|&m| m == j);
            place.filter(|_| k < model.v_t.nrows()).map_or(0.0, |m| model.v_t[(k, m)] / model.scaling[m])
        });
        if sigma > NO_INFORMATION * largest {
            matrix.ger(residual_variance / sigma.powi(2), &direction, &direction, 1.0);
        } else {
            let size = direction.amax().max(f64::MIN_POSITIVE);
            let components: Vec<f64> = direction.iter().map(|d| d / size).collect();
            for (m, &j) in moving.iter().enumerate() {
                lost[j] |= k < model.v_t.nrows() && model.v_t[(k, m)].abs() > 0.05;
            }
            null.push(NullDirection { components, relative: sigma / largest.max(f64::MIN_POSITIVE) });
        }
    }
    for &j in &without_effect {
        lost[j] = true;
    }
    let deviation: Vec<f64> = (0..p).map(|j| matrix[(j, j)].sqrt()).collect();
    let known = |j: usize| !lost[j] && deviation[j] > 0.0;
    let correlation = DMatrix::from_fn(p, p, |i, j| {
        if i == j {
            1.0
        } else if known(i) && known(j) {
            (matrix[(i, j)] / (deviation[i] * deviation[j])).clamp(-1.0, 1.0)
        } else {
            0.0
        }
    });
    (0..p).filter(|&j| lost[j]).for_each(|j| matrix[(j, j)] = f64::INFINITY);
    let standard_errors = (0..p).map(|j| matrix[(j, j)].sqrt()).collect();
    let smallest = model.sigma.iter().copied().fold(f64::INFINITY, f64::min);
    let condition = if model.sigma.is_empty() { 1.0 } else { largest / smallest };
    Some(Covariance {
        residual_variance,
        degrees_of_freedom,
        matrix,
        correlation,
        standard_errors,
        rank,
        condition,
        null,
        without_effect,
        on_bound,
    })
}

/// `s²` of the module's head.
fn residual_variance(residuals: &DVector<f64>, degrees: usize, (loss, scale): (Loss, f64)) -> f64 {
    let degrees = degrees.max(1) as f64;
    if loss == Loss::Square {
        return residuals.norm_squared() / degrees;
    }
    let z = residuals / scale;
    let psi = z.iter().map(|z| (loss.weight(*z) * z).powi(2)).sum::<f64>() / degrees;
    let slope = z.iter().map(|z| loss.curvature(*z)).sum::<f64>() / z.len().max(1) as f64;
    scale.powi(2) * psi / slope.powi(2).max(f64::MIN_POSITIVE)
}

/// What a rise of the objective is measured in for likelihood ratios: `s²` for least squares, `s² mean ψ'` for a robust
/// loss (Schrader & Hettmansperger 1980).
pub(super) fn deviance_unit(residuals: &DVector<f64>, degrees: usize, (loss, scale): (Loss, f64)) -> f64 {
    let slope = match loss {
        Loss::Square => 1.0,
        _ => residuals.iter().map(|r| loss.curvature(r / scale)).sum::<f64>() / residuals.len().max(1) as f64,
    };
    residual_variance(residuals, degrees, (loss, scale)) * slope
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A straight line, whose covariance is in every textbook: var b = s²/Σ(x - mean)².
    #[test]
    fn a_straight_line_has_the_covariance_of_the_textbook() {
        let x = [0.0, 1.0, 2.0, 3.0, 4.0];
        let residuals = DVector::from_column_slice(&[0.1, -0.2, 0.05, 0.15, -0.1]);
        let jacobian = DMatrix::from_fn(5, 2, |i, j| if j == 0 { 1.0 } else { x[i] });
        let c = covariance(&jacobian, &residuals, vec![0, 1], (Loss::Square, 1.0), 1.0).unwrap();
        let variance = residuals.norm_squared() / 3.0;
        assert!((c.matrix[(1, 1)] - variance / 10.0).abs() < 1e-15);
        assert!((c.matrix[(0, 0)] - variance * (0.2 + 4.0 / 10.0)).abs() < 1e-15);
        assert!((c.correlation[(0, 1)] + 2.0 / 6.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!((c.rank, c.degrees_of_freedom), (2, 3));
    }

    /// Only the sum of two parameters matters: the null direction is their difference.
    #[test]
    fn a_combination_without_effect_is_found() {
        let residuals = DVector::from_column_slice(&[0.1, -0.2, 0.05, 0.15]);
        let jacobian = DMatrix::from_fn(4, 3, |i, j| if j == 2 { 1.0 } else { (i + 1) as f64 });
        let c = covariance(&jacobian, &residuals, vec![0, 1, 2], (Loss::Square, 1.0), 1.0).unwrap();
        assert_eq!((c.rank, c.null.len()), (2, 1));
        let d = &c.null[0].components;
        assert!((d[0] + d[1]).abs() < 1e-9 && d[0].abs() > 0.99 && d[2].abs() < 1e-9, "{d:?}");
        assert!(c.standard_errors[0].is_infinite() && c.standard_errors[2].is_finite());
    }
}
