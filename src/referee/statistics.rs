//! What can be said from independent replications: means with standard errors, shares with intervals, quantiles, and how
//! much of a run is warm-up.

/// A mean over replications.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error; not a number if there is but one value.
    pub error: f64,
    /// Values it is made of.
    pub count: usize,
}

impl Estimate {
    /// The mean of independent values: `s / sqrt(n)` is its standard error. Values that are not finite are left out.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        Self { mean, error: (square / (n - 1.0) / n).sqrt(), count: values.len() }
    }

    /// How many standard errors a value is above the mean.
    #[must_use]
    pub fn deviation(&self, value: f64) -> f64 {
        (value - self.mean) / self.error
    }
}

/// A share with an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The share observed.
    pub share: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Quantile of the normal distribution for intervals of 95 %.
pub const NORMAL_95: f64 = 1.959_963_984_540_054;
/// The same for 99 %.
pub const NORMAL_99: f64 = 2.575_829_303_548_901;

impl Interval {
    /// Wilson's interval (1927) of a share of which `successes` of `n` were seen, for a quantile z of the normal
    /// distribution:
    ///
    /// ```text
    /// (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    /// ```
    #[must_use]
    pub fn wilson(successes: usize, n: usize, z: f64) -> Self {
        let size = n as f64;
        let share = successes as f64 / size;
        let (square, scale) = (z * z / size, 1.0 + z * z / size);
        let middle = (share + 0.5 * square) / scale;
        let half = z * (share * (1.0 - share) / size + square / (4.0 * size)).sqrt() / scale;
        Self { share, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
    }

    /// Whether a share is inside.
    #[must_use]
    pub fn contains(&self, share: f64) -> bool {
        (self.low..=self.high).contains(&share)
    }
}

/// The quantile of sorted values, linear between them (Hyndman and Fan 1996, type 7).
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// Values in a batch of MSER-5.
const BATCH: usize = 5;

/// How many values at the begin of a series are warm-up, by MSER-5 (White 1997; White, Cobb and Spratt 2000): of means of
/// five values each, those are cut off that make the standard error of the mean of the rest, z(d), least:
///
/// ```text
/// z(d) = sum over i > d of (x_i - mean of these)² / (n - d)²
/// ```
///
/// `None` if that cuts off half of the series or more: it is too short to tell.
#[must_use]
pub fn warm_up(series: &[f64]) -> Option<usize> {
    let means: Vec<f64> = series.chunks_exact(BATCH).map(|c| c.iter().sum::<f64>() / BATCH as f64).collect();
    let half = means.len() / 2;
    if half == 0 {
        return None;
    }
    let (mut sum, mut square) = (0.0, 0.0);
    // From the end backwards, so that each step is one addition.
    let mut best: (f64, usize) = (f64::INFINITY, 0);
    for (d, x) in means.iter().enumerate().rev() {
        sum += x;
        square += x * x;
        let left = (means.len() - d) as f64;
        let spread = (square - sum * sum / left).max(0.0) / (left * left);
        if d <= half && spread <= best.0 {
            best = (spread, d);
        }
    }
    (best.1 < half).then_some(best.1 * BATCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_intervals_are_the_published_ones() {
        // Newcombe 1998, table I: 81 of 263 and 0 of 20.
        let interval = Interval::wilson(81, 263, NORMAL_95);
        assert!((interval.low - 0.2553).abs() < 5e-5 && (interval.high - 0.3662).abs() < 5e-5, "{interval:?}");
        let none = Interval::wilson(0, 20, NORMAL_95);
        assert!(none.low == 0.0 && (none.high - 0.1611).abs() < 5e-5, "{none:?}");
    }

    #[test]
    fn a_transient_is_cut_off_and_noise_is_not() {
        let noise = |i: usize| ((i * 7919) % 101) as f64 / 101.0;
        let series: Vec<f64> = (0..1000).map(|i| noise(i) + 50.0 * (-(i as f64) / 20.0).exp()).collect();
        let cut = warm_up(&series).expect("found");
        assert!((60..200).contains(&cut), "{cut}");
        let still: Vec<f64> = (0..1000).map(noise).collect();
        assert!(warm_up(&still).is_some_and(|c| c <= 100));
        let drifting: Vec<f64> = (0..1000).map(|i| i as f64).collect();
        assert_eq!(warm_up(&drifting), None);
    }

    #[test]
    fn quantiles_lie_between_values() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
