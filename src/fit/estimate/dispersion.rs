//! How much wider intervals must be than those of independent residuals.
//!
//! Least squares takes every residual for a witness of its own. Columns that count the same requests are not: what one of them shows
//! at an instant the others show too; nor are neighbours in time. With the score of an instant b, `s_b = Σ r_i ∂r_i/∂u` over
//! the residuals of that instant, and H = JᵀJ, the estimate is off by `-Σ_b H⁻¹ s_b`, whose covariance is the sandwich
//!
//! ```text
//! V = H⁻¹ Ω H⁻¹,   Ω = Σ_{b,c} k((b - c)/S) s_b s_cᵀ,   k(x) = max(0, 1 - |x|)
//! ```
//!
//! (P. Huber, 5th Berkeley Symposium 1967; W. Newey & K. West, Econometrica 55 (1987) 703-708; the width S by D. Andrews,
//! Econometrica 59 (1991) 817-858, equation 6.4, from the autocorrelation of neighbours). What is linear in the memory of each
//! H⁻¹ s is taken out before and put back after (D. Andrews & J. Monahan, Econometrica 60 (1992) 953-966), with the
//! autocorrelation of neighbours freed of its bias in short series, `ρ + (1 + 3ρ)/T` (M. Kendall, Biometrika 41 (1954) 403-404). A quantity with gradient c has
//! the dispersion
//!
//! ```text
//! τ_c = cᵀ V c / (s² cᵀ H⁻¹ c)
//! ```
//!
//! and its profile interval ends where the objective has risen by t² s² τ_c: for one quantity at a time this adjustment makes
//! the rise chi-squared again. That Ω is estimated from the same few instants makes its quantiles wider than Student's: with
//! b = S/T they are those of N. Kiefer & T. Vogelsang, Econometric Theory 21 (2005) 1130-1164, table 1, at 97.5 %
//!
//! ```text
//! q(b) = 1.9600 + 2.9694 b + 0.4160 b² - 0.5324 b³
//! ```
//!
//! of which the ratio to q(0) widens an interval of any level. (Adjustment of profiles: C. Varin, N. Reid & D. Firth, Statistica Sinica 21 (2011) 5-42, section 2.3.) τ below that of
//! autocorrelation alone ([`super::residuals`]) is not used to narrow anything.

use nalgebra::{DMatrix, DVector};

/// Sandwich and plain covariance of the same estimate.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dispersion {
    /// V, in search coordinates; zero where the data say nothing.
    sandwich: DMatrix<f64>,
    /// s² H⁻¹, the same.
    plain: DMatrix<f64>,
    /// Smallest factor.
    least: f64,
    /// Covariance known from elsewhere.
    known: Option<DMatrix<f64>>,
}

impl Dispersion {
    /// Residuals that are independent but for `least`.
    pub(super) fn independent(plain: &DMatrix<f64>, least: f64) -> Self {
        let plain = finite(plain);
        Self { sandwich: plain.clone() * least, plain, least, known: None }
    }

    /// From the residuals and their derivatives, the instant of each, the covariance s² H⁻¹ and s².
    pub(super) fn of_instants(
        jacobian: &DMatrix<f64>,
        residuals: &DVector<f64>,
        instants: &[usize],
        (plain, residual_variance, rank): (&DMatrix<f64>, f64, usize),
        least: f64,
    ) -> Self {
        let plain = finite(plain);
        let number = instants.iter().max().map_or(0, |last| last + 1);
        if number <= rank || residual_variance <= 0.0 {
            return Self::independent(&plain, least);
        }
        // H⁻¹ s_b, one row for each instant.
        let mut scores: DMatrix<f64> = DMatrix::zeros(number, jacobian.ncols());
        for (i, &instant) in instants.iter().enumerate() {
            for j in 0..jacobian.ncols() {
                scores[(instant, j)] += residuals[i] * jacobian[(i, j)];
            }
        }
        let mut moves = scores * (&plain / residual_variance);
        let memory: Vec<f64> = (0..moves.ncols()).map(|j| take_memory(&mut moves, j)).collect();
        let width = bandwidth(&moves);
        let mut sandwich = moves.tr_mul(&moves);
        let reach = (width.ceil() as usize).min(number - 1);
        for lag in 1..=reach {
            let weight = 1.0 - lag as f64 / width;
            if weight <= 0.0 {
                break;
            }
            let cross = moves.rows(lag, number - lag).tr_mul(&moves.rows(0, number - lag));
            sandwich += (&cross + cross.transpose()) * weight;
        }
        for (i, a) in memory.iter().enumerate() {
            for (j, b) in memory.iter().enumerate() {
                sandwich[(i, j)] /= (1.0 - a) * (1.0 - b);
            }
        }
        // What the fit itself has taken out of the residuals, and what Ω is uncertain by.
        sandwich *= number as f64 / (number - rank) as f64 * (quantile(width / number as f64) / quantile(0.0)).powi(2);
        Self { sandwich, plain, least, known: None }
    }

    /// With a covariance of the estimate that is known from elsewhere: τ is at least what follows from it.
    pub(super) fn at_least(self, known: Option<DMatrix<f64>>) -> Self {
        let known = known.filter(|known| known.shape() == self.plain.shape()).map(|known| finite(&known));
        Self { known, ..self }
    }

    /// τ of a quantity with this gradient in search coordinates.
    pub(super) fn along(&self, gradient: &DVector<f64>) -> f64 {
        let form = |m: &DMatrix<f64>| gradient.dot(&(m * gradient));
        let (sandwich, plain) = (form(&self.sandwich), form(&self.plain));
        let sandwich = self.known.as_ref().map_or(sandwich, |known| sandwich.max(form(known)));
        let factor = sandwich / plain;
        if plain > 0.0 && factor.is_finite() { factor.max(self.least) } else { self.least }
    }

    /// τ of each parameter.
    pub(super) fn of_parameters(&self) -> Vec<f64> {
        let n = self.plain.ncols();
        (0..n).map(|j| self.along(&DVector::from_fn(n, |i, _| f64::from(u8::from(i == j))))).collect()
    }
}

/// A covariance without the rows and columns of what the data do not determine.
fn finite(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let known = |j: usize| matrix[(j, j)].is_finite();
    let entry = |i: usize, j: usize| if known(i) && known(j) { matrix[(i, j)] } else { 0.0 };
    DMatrix::from_fn(matrix.nrows(), matrix.ncols(), entry)
}

/// Replaces a column z by z_t - ρ z_(t-1), and returns ρ, within ±0.97.
fn take_memory(moves: &mut DMatrix<f64>, column: usize) -> f64 {
    let mut z = moves.column_mut(column);
    let squares: f64 = z.iter().map(|v| v * v).sum();
    if squares <= 0.0 {
        return 0.0;
    }
    let products: f64 = z.iter().zip(z.iter().skip(1)).map(|(a, b)| a * b).sum();
    let rho = products / squares;
    let rho = (rho + (1.0 + 3.0 * rho) / z.len() as f64).clamp(-0.97, 0.97);
    // The first has nothing before it: it is what a stationary series begins with.
    let first = z[0] * (1.0 - rho * rho).sqrt();
    for t in (1..z.len()).rev() {
        z[t] -= rho * z[t - 1];
    }
    z[0] = first;
    rho
}

/// q(b) of the module's head.
fn quantile(b: f64) -> f64 {
    1.96 + b * (2.9694 + b * (0.416 - 0.5324 * b))
}

/// Andrews' width for Bartlett weights: `1.1447 (α T)^(1/3)` with α of first-order autoregressions,
/// `Σ 4ρ²σ⁴/((1-ρ)⁶(1+ρ)²) / Σ σ⁴/(1-ρ)⁴`, σ² the variance of what drives them. Columns count in units of their own size.
fn bandwidth(moves: &DMatrix<f64>) -> f64 {
    let rows = moves.nrows();
    let (mut over, mut under) = (0.0, 0.0);
    for column in moves.column_iter() {
        let squares: f64 = column.iter().map(|v| v * v).sum();
        if squares <= 0.0 {
            continue;
        }
        let products: f64 = column.iter().zip(column.iter().skip(1)).map(|(a, b)| a * b).sum();
        let rho = (products / squares).clamp(-0.97, 0.97);
        let driven = (1.0 - rho * rho).powi(2);
        over += 4.0 * rho * rho * driven / ((1.0 - rho).powi(6) * (1.0 + rho).powi(2));
        under += driven / (1.0 - rho).powi(4);
    }
    if under <= 0.0 {
        return 1.0;
    }
    (1.1447 * (over / under * rows as f64).cbrt()).clamp(1.0, (0.25 * rows as f64).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    /// Two columns of one level, with noise in common or not and memory in time: how often the level lies within two standard
    /// errors, and their square in units of that of independent residuals.
    fn level(common: bool, memory: f64, length: usize) -> (f64, f64) {
        const SERIES: u64 = 600;
        let (mut held, mut total) = (0.0, 0.0);
        for seed in 0..SERIES {
            let mut random = chacha20::ChaCha8Rng::seed_from_u64(seed);
            let mut draw = || -> f64 { StandardNormal.sample(&mut random) };
            let mut series = || -> Vec<f64> {
                let mut level = draw() / (1.0_f64 - memory * memory).sqrt();
                let mut next = || {
                    let now = level;
                    level = memory * level + draw();
                    now
                };
                (0..length).map(|_| next()).collect()
            };
            let first = series();
            let second = if common { first.clone() } else { series() };
            let n = 2 * length;
            let mean = first.iter().chain(&second).sum::<f64>() / n as f64;
            let residuals = DVector::from_iterator(n, first.iter().chain(&second).map(|v| v - mean));
            let jacobian = DMatrix::from_element(n, 1, 1.0);
            let instants: Vec<usize> = (0..length).chain(0..length).collect();
            let variance = residuals.norm_squared() / (n - 1) as f64;
            let plain = DMatrix::from_element(1, 1, variance / n as f64);
            let found = Dispersion::of_instants(&jacobian, &residuals, &instants, (&plain, variance, 1), 0.0);
            let factor = found.along(&DVector::from_element(1, 1.0));
            total += factor;
            held += f64::from(u8::from(mean.abs() <= 1.96 * (factor * plain[(0, 0)]).sqrt()));
        }
        (held / SERIES as f64, total / SERIES as f64)
    }

    #[test]
    fn columns_that_say_the_same_count_once() {
        for (common, expected) in [(false, 1.0), (true, 2.0)] {
            let (held, factor) = level(common, 0.0, 300);
            assert!((factor / expected - 1.0).abs() < 0.1, "{common}: {factor}");
            // 600 series: a standard error of 0.9 %.
            assert!((held - 0.95).abs() < 0.03, "{common}: {held}");
        }
    }

    /// A first-order autoregression has (1 + ρ)/(1 - ρ): 4 for 0.6.
    #[test]
    fn memory_in_time_counts_as_its_integral() {
        for (common, expected) in [(false, 4.0), (true, 8.0)] {
            let (held, factor) = level(common, 0.6, 400);
            assert!((factor / expected - 1.0).abs() < 0.15, "{common}: {factor}");
            assert!((held - 0.95).abs() < 0.03, "{common}: {held}");
        }
    }

    /// Two minutes of seconds, as a recording of one incident has them.
    #[test]
    fn few_instants_with_memory_hold_what_they_say() {
        let (held, _) = level(true, 0.6, 120);
        assert!((held - 0.95).abs() < 0.035, "{held}");
    }
}
