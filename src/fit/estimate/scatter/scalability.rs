//! The universal scalability law (Gunther, *Guerrilla Capacity Planning*, 2007, chapter 4): throughput over concurrency
//!
//! ```text
//! X(N) = λ N / (1 + σ (N-1) + κ N (N-1)),    N* = √((1-σ)/κ)
//! ```
//!
//! with λ the throughput of one, σ the share that is serialised (contention) and κ the cost of keeping each pair of
//! workers coherent; N* is where throughput peaks. Fitted by least squares in X with 0 <= σ <= 1 and κ >= 0, started from
//! the linear regression of N/X on N-1 and N(N-1).

use super::super::problem::{Curve, Parameter};
use super::super::profile::Interval;
use super::super::{Estimate, Options, estimate};
use super::{ScatterError, check};
use nalgebra::{DMatrix, DVector};

/// The law with its three coefficients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scalability {
    /// Throughput of one worker, in the unit of the measurements.
    pub lambda: f64,
    /// Contention, a share.
    pub sigma: f64,
    /// Coherency, per pair of workers.
    pub kappa: f64,
}

impl Scalability {
    /// Throughput at concurrency `n`.
    #[must_use]
    pub fn throughput(&self, n: f64) -> f64 {
        self.lambda * n / (1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0))
    }

    /// Concurrency of the highest throughput, if there is one.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        (self.kappa > 0.0 && self.sigma < 1.0).then(|| ((1.0 - self.sigma) / self.kappa).sqrt())
    }
}

/// The law fitted.
#[derive(Debug, Clone)]
pub struct ScalabilityFit {
    /// The coefficients.
    pub law: Scalability,
    /// The estimate of λ, σ and κ, in this order.
    pub estimate: Estimate,
    /// Concurrency of the highest throughput with its interval, if there is one.
    pub peak: Option<Interval>,
    /// The highest throughput with its interval.
    pub highest: Option<Interval>,
}

fn law(p: &[f64]) -> Scalability {
    Scalability { lambda: p[0], sigma: p[1], kappa: p[2] }
}

/// Fits the law to throughputs at concurrencies.
///
/// # Errors
///
/// Fewer than three measurements, or some that are not positive.
pub fn fit_scalability(
    concurrency: &[f64],
    throughput: &[f64],
    options: &Options<'_>,
) -> Result<ScalabilityFit, ScatterError> {
    check(concurrency, throughput)?;
    let [lambda, sigma, kappa] = start(concurrency, throughput);
    let parameters = vec![
        Parameter::log("lambda", lambda),
        Parameter::linear("sigma", sigma).within(0.0, 1.0),
        Parameter::linear("kappa", kappa).within(0.0, f64::INFINITY),
    ];
    let model = |p: &[f64], i: usize| law(p).throughput(concurrency[i]);
    let curve = Curve { parameters, y: throughput, weights: None, model };
    let options = Options { ordered: false, ..*options };
    let estimate = estimate(&curve, &options).map_err(|e| ScatterError::Fit(e.to_string()))?;
    let interval = |quantity: &(dyn Fn(&[f64]) -> Option<f64> + Sync)| {
        (!estimate.intervals.is_empty()).then(|| estimate.derived(&curve, quantity, options.interrupt)).flatten()
    };
    let peak = interval(&|p| law(p).peak());
    let highest = interval(&|p| law(p).peak().map(|n| law(p).throughput(n)));
    Ok(ScalabilityFit { law: law(&estimate.values), peak, highest, estimate })
}

/// λ, σ and κ from the regression of N/X, kept inside their bounds.
fn start(concurrency: &[f64], throughput: &[f64]) -> [f64; 3] {
    let n = concurrency.len();
    let design = DMatrix::from_fn(n, 3, |i, j| match j {
        0 => 1.0,
        1 => concurrency[i] - 1.0,
        _ => concurrency[i] * (concurrency[i] - 1.0),
    });
    let y = DVector::from_fn(n, |i, _| concurrency[i] / throughput[i]);
    let largest = concurrency.iter().copied().fold(1.0, f64::max);
    let best_single = concurrency.iter().zip(throughput).map(|(n, x)| x / n).fold(0.0, f64::max);
    let solution = design.svd(true, true).solve(&y, 1e-12).unwrap_or_else(|_| DVector::zeros(3));
    if solution[0] > 0.0 {
        let (sigma, kappa) = (solution[1] / solution[0], solution[2] / solution[0]);
        [1.0 / solution[0], sigma.clamp(1e-4, 0.9), kappa.max(1e-3 / (largest * largest))]
    } else {
        [best_single, 0.05, 0.1 / (largest * largest)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SPEC SDM91 on a SPARCcenter 2000 with the coefficients, standard errors and peak that the R package `usl` 3.0
    /// (Gunther & Möding) prints for it.
    #[test]
    fn the_sdm91_benchmark_as_published() {
        let load = [1.0, 18.0, 36.0, 72.0, 108.0, 144.0, 216.0];
        let throughput = [64.9, 995.9, 1652.4, 1853.2, 1828.9, 1775.0, 1702.2];
        let fit = fit_scalability(&load, &throughput, &Options::default()).unwrap();
        assert!(fit.estimate.status.converged());
        let law = fit.law;
        assert!((law.sigma - 0.027_728_5).abs() < 1e-6, "{law:?}");
        assert!((law.kappa - 0.000_104_4).abs() < 5e-8, "{law:?}");
        assert!((law.lambda - 89.995_233).abs() < 1e-3, "{law:?}");
        let errors = &fit.estimate.covariance.standard_errors;
        assert!((errors[1] - 0.009_121_7).abs() < 2e-6 && (errors[2] - 0.000_019_9).abs() < 5e-8, "{errors:?}");
        assert!((errors[0] * law.lambda - 14.213_489).abs() < 2e-3, "{errors:?}");
        let peak = fit.peak.unwrap();
        assert!((peak.value - 96.52).abs() < 0.005 && (fit.highest.unwrap().value - 1884.0).abs() < 0.5);
        assert!(peak.lower.closed() && peak.lower.value() < 96.0 && peak.upper.value() > 97.0, "{peak:?}");
    }

    /// Speed-ups of C = N/(1 + 0.02 (N-1) + 0.02 N (N-1)), rounded to four decimals (tests of the R package `usl`).
    #[test]
    fn exact_data_give_their_coefficients() {
        let load = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
        let throughput = [1.0, 1.8868, 3.0769, 3.5294, 3.5398, 3.3557];
        let law = fit_scalability(&load, &throughput, &Options::default()).unwrap().law;
        assert!((law.sigma - 0.02).abs() < 1e-4 && (law.kappa - 0.02).abs() < 1e-5, "{law:?}");
        assert!((law.peak().unwrap() - 7.0).abs() < 5e-3);
    }

    /// Linear scaling leaves nothing to say about a peak except that there is none up to the data.
    #[test]
    fn linear_scaling_has_no_upper_end_of_the_peak() {
        let load = [1.0, 2.0, 4.0, 8.0, 16.0];
        let throughput = [10.1, 19.8, 40.3, 79.9, 160.4];
        let fit = fit_scalability(&load, &throughput, &Options::default()).unwrap();
        assert!(fit.law.sigma < 0.01 && fit.law.kappa < 1e-3, "{:?}", fit.law);
        assert!(fit.peak.is_none_or(|peak| !peak.upper.closed()), "{:?}", fit.peak);
    }
}
