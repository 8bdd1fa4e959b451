//! Critical slowing down: close to a tipping point a system recovers ever more slowly from small shocks, so that its
//! fluctuations grow larger and more alike from one moment to the next (Wissel 1984; Scheffer et al. 2009).
//!
//! After Dakos et al. (2012, *PLoS ONE* 7: e41010): the trend is taken out with a Gaussian kernel, variance and lag-1
//! autocorrelation are computed in a rolling window, and Kendall's τ of each against time says whether they rise. Windows
//! overlap, so τ has no textbook p-value: it is compared with the same figure of surrogate series, autoregressive of order
//! one and stationary, with the coefficient and variance of the residuals. The verdict uses one figure, the sum of both
//! τ, so that there is one test at the level stated:
//!
//! ```text
//! p = (1 + number of surrogates with a sum at least as large) / (1 + number of surrogates)
//! ```
//!
//! A warning says that resilience has been falling, not that it will be lost; and a transition pushed by a single large
//! shock gives none (Boettiger & Hastings 2012).

use super::detrend::gaussian_smooth;
use super::indicators::{kendall_tau, rolling};
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Standard deviation of the kernel as a share of the series; 0 for no detrending.
    pub bandwidth: f64,
    /// Length of the rolling window as a share of the series.
    pub window: f64,
    /// Longer series are averaged in blocks down to at most this length: a few thousand values are enough, and the memory
    /// looked for is longer than a block.
    pub longest: usize,
    /// Number of surrogate series.
    pub surrogates: usize,
    /// Their seed.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { bandwidth: 0.1, window: 0.5, longest: 4000, surrogates: 500, seed: 1 }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Slowing {
    /// How many values were averaged to one.
    pub block: usize,
    /// The trend that was taken out, one value per block.
    pub trend: Vec<f64>,
    /// What is left.
    pub residuals: Vec<f64>,
    /// Variance by window.
    pub variance: Vec<f64>,
    /// Lag-1 autocorrelation by window.
    pub autocorrelation: Vec<f64>,
    /// Kendall's τ of the variance, and its p-value.
    pub variance_trend: (f64, f64),
    /// Kendall's τ of the autocorrelation, and its p-value.
    pub autocorrelation_trend: (f64, f64),
    /// P-value of both together.
    pub p: f64,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlowingError {
    /// Too short.
    #[error("{0} values are too few for a rolling window; at least 40 are needed")]
    TooShort(usize),
    /// A value is not finite; gaps must be filled or cut first.
    #[error("value {0} is not finite")]
    NotFinite(usize),
    /// Nothing fluctuates.
    #[error("the values do not fluctuate around their trend")]
    Constant,
}

/// Looks for critical slowing down in equally spaced values.
///
/// # Errors
///
/// See [`SlowingError`].
pub fn slowing(values: &[f64], options: &Options) -> Result<Slowing, SlowingError> {
    if values.len() < 40 {
        return Err(SlowingError::TooShort(values.len()));
    }
    if let Some(index) = values.iter().position(|v| !v.is_finite()) {
        return Err(SlowingError::NotFinite(index));
    }
    let block = values.len().div_ceil(options.longest.max(40));
    // The newest values matter most: a remainder is dropped at the beginning.
    let blocks = values[values.len() % block..].chunks_exact(block);
    let values: Vec<f64> = blocks.map(|b| b.iter().sum::<f64>() / block as f64).collect();
    let n = values.len();
    let bandwidth = options.bandwidth * n as f64;
    let trend = if bandwidth > 0.0 { gaussian_smooth(&values, bandwidth) } else { vec![0.0; n] };
    let residuals: Vec<f64> = values.iter().zip(&trend).map(|(v, t)| v - t).collect();
    let mean = residuals.iter().sum::<f64>() / n as f64;
    let spread: f64 = residuals.iter().map(|r| (r - mean).powi(2)).sum();
    let size: f64 = values.iter().map(|v| v * v).sum();
    if spread <= 1e-24 * size {
        return Err(SlowingError::Constant);
    }
    let window = ((options.window * n as f64).round() as usize).clamp(10, n - 2);
    let (variance, autocorrelation) = rolling(&residuals, window);
    let (tau_v, tau_a) = (kendall_tau(&variance), kendall_tau(&autocorrelation));

    let lagged: f64 = residuals.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
    let rho = (lagged / spread).clamp(-0.99, 0.99);
    let mut above = [0_usize; 3];
    let mut series = vec![0.0; n];
    for surrogate in 0..options.surrogates {
        autoregressive(rho, options.seed, surrogate as u64, &mut series);
        let (v, a) = rolling(&series, window);
        let (v, a) = (kendall_tau(&v), kendall_tau(&a));
        above[0] += usize::from(v >= tau_v);
        above[1] += usize::from(a >= tau_a);
        above[2] += usize::from(v + a >= tau_v + tau_a);
    }
    let p = above.map(|count| (1 + count) as f64 / (1 + options.surrogates) as f64);
    Ok(Slowing {
        block,
        trend,
        residuals,
        variance,
        autocorrelation,
        variance_trend: (tau_v, p[0]),
        autocorrelation_trend: (tau_a, p[1]),
        p: p[2],
    })
}

/// A stationary autoregressive series with unit innovations. Ranks do not depend on the variance.
fn autoregressive(rho: f64, seed: u64, stream: u64, out: &mut [f64]) {
    let mut random = chacha20::ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(stream);
    let mut draw = || -> f64 { StandardNormal.sample(&mut random) };
    let mut x = draw() / (1.0 - rho * rho).sqrt();
    for slot in out.iter_mut() {
        *slot = x;
        x = rho * x + draw();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Ornstein-Uhlenbeck process, `dX = -rate(t) X dt + dW`, sampled once per unit of time.
    fn process(seed: u64, n: usize, rate: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut random = chacha20::ChaCha8Rng::seed_from_u64(1000 + seed);
        let mut draw = || -> f64 { StandardNormal.sample(&mut random) };
        let mut x = draw() / (2.0 * rate(0.0)).sqrt();
        (0..n)
            .map(|t| {
                let k = rate(t as f64 / n as f64);
                let keep = (-k).exp();
                x = keep * x + ((1.0 - keep * keep) / (2.0 * k)).sqrt() * draw();
                x
            })
            .collect()
    }

    fn flagged(seeds: u64, rate: impl Fn(f64) -> f64 + Copy) -> usize {
        let options = Options { surrogates: 199, ..Options::default() };
        (0..seeds).filter(|&seed| slowing(&process(seed, 400, rate), &options).unwrap().p <= 0.05).count()
    }

    /// Stationary processes with little and with much memory are flagged at the nominal 5 %: of 400 seeds between 2 and
    /// 9 %, three standard deviations being 3.3 %.
    #[test]
    fn stationary_fluctuations_are_flagged_at_the_nominal_rate() {
        for rate in [1.5, 0.5] {
            let count = flagged(400, |_| rate);
            assert!((8..=36).contains(&count), "{count} of 400 at {rate}");
        }
    }

    /// The rate of recovery falls to a fortieth.
    #[test]
    fn a_vanishing_rate_of_recovery_is_flagged() {
        let count = flagged(100, |t| 2.0 * (1.0 - t) + 0.05);
        assert!(count >= 80, "{count} of 100");
    }

    #[test]
    fn long_series_are_averaged_in_blocks() {
        let long = process(2, 1003, |t| 2.0 * (1.0 - t) + 0.05);
        let options = Options { longest: 250, surrogates: 99, ..Options::default() };
        let found = slowing(&long, &options).unwrap();
        assert_eq!((found.block, found.residuals.len()), (5, 200));
        let first = long[3..8].iter().sum::<f64>() / 5.0;
        assert!((found.trend[0] + found.residuals[0] - first).abs() < 1e-12);
        assert!(found.p < 0.05, "{}", found.p);
    }

    #[test]
    fn too_little_to_say_is_said() {
        assert_eq!(slowing(&[1.0; 39], &Options::default()), Err(SlowingError::TooShort(39)));
        assert_eq!(slowing(&[1.0; 50], &Options::default()), Err(SlowingError::Constant));
        let mut gap = process(1, 50, |_| 1.0);
        gap[7] = f64::NAN;
        assert_eq!(slowing(&gap, &Options::default()), Err(SlowingError::NotFinite(7)));
    }
}
