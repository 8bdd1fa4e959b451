//! A load with its trend, its day and its week:
//!
//! ```text
//! y(t) = a + b t + Σ_k [c_k cos(2πkt/day) + s_k sin(2πkt/day)] + Σ_k [the same for the week] + noise
//! ```
//!
//! by Huber's robust regression, since incidents and releases are outliers. Harmonics of the week that are harmonics of the
//! day are counted once, and a period enters only if the data hold it twice.
//!
//! Errors of neighbouring samples are correlated, so covariances are those of Newey & West (1987) on daily sums of the
//! estimating equations: correlation within a day is taken as it is, between days with weights falling linearly over
//! `4 (D/100)^(2/9)` days (Newey & West 1994), for D days. Each day's sum is first divided by one minus the day's own
//! weight in the fit (the jackknife by clusters, CR3 of Bell & McCaffrey 2002), without which few days seem more certain
//! than they are.

use super::super::estimate::loss::{Loss, mad_scale, median};
use nalgebra::{DMatrix, DVector};

/// Seconds of a day.
pub const DAY: f64 = 86_400.0;
const WEEK: f64 = 7.0 * DAY;

/// Which harmonics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Harmonics {
    /// Of the day.
    pub day: usize,
    /// Of the week.
    pub week: usize,
}

impl Default for Harmonics {
    fn default() -> Self {
        Self { day: 4, week: 3 }
    }
}

/// A load described.
#[derive(Debug, Clone, PartialEq)]
pub struct Season {
    /// Change per day.
    pub slope: f64,
    /// Its standard error.
    pub slope_error: f64,
    /// Change per day by the median of slopes between daily medians (Theil 1950, Sen 1968): a second opinion.
    pub theil_sen: f64,
    /// Scale of the noise (from the median absolute deviation).
    pub noise: f64,
    /// Days of data.
    pub days: usize,
    pub(super) origin: f64,
    pub(super) frequencies: Vec<f64>,
    pub(super) coefficients: DVector<f64>,
    pub(super) covariance: DMatrix<f64>,
}

/// Why there is no description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeasonError {
    /// As many times as values are needed.
    #[error("{times} times but {values} values")]
    Lengths {
        /// Number of times.
        times: usize,
        /// Number of values.
        values: usize,
    },
    /// Not enough days.
    #[error("a trend needs at least 5 days of data; there are {0}")]
    TooShort(usize),
    /// Something is not finite.
    #[error("sample {0} is not finite")]
    NotFinite(usize),
    /// The regression has no solution: too few samples per day for the harmonics.
    #[error("the samples do not determine the daily and weekly pattern")]
    Singular,
}

impl Season {
    /// The row of regressors at a time in seconds: 1, days since the origin, cosines and sines.
    pub(super) fn regressors(origin: f64, frequencies: &[f64], t: f64) -> DVector<f64> {
        let waves = frequencies.iter().flat_map(|f| {
            let angle = std::f64::consts::TAU * f * (t - origin);
            [angle.cos(), angle.sin()]
        });
        DVector::from_iterator(2 + 2 * frequencies.len(), [1.0, (t - origin) / DAY].into_iter().chain(waves))
    }

    /// The expected load at a time in seconds.
    #[must_use]
    pub fn expected(&self, t: f64) -> f64 {
        Self::regressors(self.origin, &self.frequencies, t).dot(&self.coefficients)
    }

    /// The seasonal part at a time in seconds.
    #[must_use]
    pub fn seasonal(&self, t: f64) -> f64 {
        let row = Self::regressors(self.origin, &self.frequencies, t);
        self.expected(t) - row[0] * self.coefficients[0] - row[1] * self.coefficients[1]
    }
}

/// Median of the slopes between all pairs of points; `None` for fewer than two distinct `x`.
#[must_use]
pub fn theil_sen(x: &[f64], y: &[f64]) -> Option<f64> {
    let pairs = (0..x.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let mut slopes: Vec<f64> =
        pairs.filter(|&(i, j)| x[i] != x[j]).map(|(i, j)| (y[i] - y[j]) / (x[i] - x[j])).collect();
    (!slopes.is_empty()).then(|| median(&mut slopes))
}

/// Describes values at times in seconds; order and gaps do not matter.
///
/// # Errors
///
/// See [`SeasonError`].
pub fn season(times: &[f64], values: &[f64], harmonics: Harmonics) -> Result<Season, SeasonError> {
    let n = times.len();
    if n != values.len() {
        return Err(SeasonError::Lengths { times: n, values: values.len() });
    }
    if let Some(index) = times.iter().zip(values).position(|(t, y)| !t.is_finite() || !y.is_finite()) {
        return Err(SeasonError::NotFinite(index));
    }
    let origin = times.iter().copied().fold(f64::INFINITY, f64::min);
    let span = times.iter().copied().fold(f64::NEG_INFINITY, f64::max) - origin;
    let day = |t: f64| ((t - origin) / DAY).floor() as usize;
    let mut samples: Vec<(usize, usize)> = times.iter().enumerate().map(|(i, &t)| (day(t), i)).collect();
    samples.sort_unstable();
    let days: Vec<&[(usize, usize)]> = samples.chunk_by(|a, b| a.0 == b.0).collect();
    if days.len() < 5 {
        return Err(SeasonError::TooShort(days.len()));
    }
    let mut frequencies = Vec::new();
    if span >= 2.0 * DAY - DAY / 10.0 {
        frequencies.extend((1..=harmonics.day).map(|k| k as f64 / DAY));
    }
    if span >= 2.0 * WEEK - DAY / 10.0 {
        frequencies.extend((1..=harmonics.week).filter(|k| k % 7 != 0).map(|k| k as f64 / WEEK));
    }
    let rows: Vec<DVector<f64>> = times.iter().map(|&t| Season::regressors(origin, &frequencies, t)).collect();
    let p = rows[0].len();
    let design = DMatrix::from_fn(n, p, |i, j| rows[i][j]);
    let y = DVector::from_column_slice(values);

    // Iteratively reweighted least squares, the scale anew each time.
    let mut coefficients = weighted(&design, &y, &DVector::from_element(n, 1.0))?;
    let mut residuals = &y - &design * &coefficients;
    let size = values.iter().map(|v| v.abs()).fold(0.0, f64::max);
    let mut noise = mad_scale(residuals.as_slice()).max(1e-12 * size).max(f64::MIN_POSITIVE);
    for _ in 0..50 {
        let weights = residuals.map(|r| Loss::Huber.weight(r / noise));
        let next = weighted(&design, &y, &weights)?;
        residuals = &y - &design * &next;
        let moved = (&design * (&next - &coefficients)).amax();
        coefficients = next;
        noise = mad_scale(residuals.as_slice()).max(1e-12 * size).max(f64::MIN_POSITIVE);
        if moved < 1e-6 * noise {
            break;
        }
    }

    // Bread and filling of the sandwich.
    let mut shares = Vec::new();
    let mut whole = DMatrix::zeros(p, p);
    for samples in &days {
        let mut share = DMatrix::zeros(p, p);
        for &(_, i) in *samples {
            share.ger(Loss::Huber.curvature(residuals[i] / noise), &rows[i], &rows[i], 1.0);
        }
        whole += &share;
        shares.push(share);
    }
    let Some(bread) = whole.try_inverse() else { return Err(SeasonError::Singular) };
    let mut scores = Vec::new();
    for (samples, share) in days.iter().zip(&shares) {
        let plain = samples.iter().fold(DVector::zeros(p), |sum, &(_, i)| {
            sum + &rows[i] * (Loss::Huber.weight(residuals[i] / noise) * residuals[i])
        });
        // What the sum would be had the day not drawn the fit towards itself.
        let without = DMatrix::identity(p, p) - share * &bread;
        let Some(score) = without.lu().solve(&plain) else { return Err(SeasonError::Singular) };
        scores.push(score);
    }
    let count = scores.len() as f64;
    let lags = (4.0 * (count / 100.0).powf(2.0 / 9.0)).floor() as usize;
    let mut filling = DMatrix::zeros(p, p);
    for (d, score) in scores.iter().enumerate() {
        filling.ger(1.0, score, score, 1.0);
        for lag in 1..=lags.min(d) {
            let share = 1.0 - lag as f64 / (lags + 1) as f64;
            filling.ger(share, score, &scores[d - lag], 1.0);
            filling.ger(share, &scores[d - lag], score, 1.0);
        }
    }
    let covariance = &bread * filling * &bread * ((count - 1.0) / count);

    let medians: Vec<(f64, f64)> = days
        .iter()
        .map(|samples| {
            let mut level: Vec<f64> =
                samples.iter().map(|&(_, i)| residuals[i] + coefficients[0] + coefficients[1] * rows[i][1]).collect();
            let mut at: Vec<f64> = samples.iter().map(|&(_, i)| rows[i][1]).collect();
            (median(&mut at), median(&mut level))
        })
        .collect();
    let (at, level): (Vec<f64>, Vec<f64>) = medians.into_iter().unzip();
    Ok(Season {
        slope: coefficients[1],
        slope_error: covariance[(1, 1)].max(0.0).sqrt(),
        theil_sen: theil_sen(&at, &level).unwrap_or(f64::NAN),
        noise,
        days: days.len(),
        origin,
        frequencies,
        coefficients,
        covariance,
    })
}

fn weighted(design: &DMatrix<f64>, y: &DVector<f64>, weights: &DVector<f64>) -> Result<DVector<f64>, SeasonError> {
    let roots = weights.map(f64::sqrt);
    let mut x = design.clone();
    for mut column in x.column_iter_mut() {
        column.component_mul_assign(&roots);
    }
    if x.nrows() < x.ncols() {
        return Err(SeasonError::Singular);
    }
    let qr = x.qr();
    let mut rotated = y.component_mul(&roots);
    qr.q_tr_mul(&mut rotated);
    let r = qr.r();
    let diagonal = r.diagonal().abs();
    if diagonal.min() <= 1e-10 * diagonal.max() {
        return Err(SeasonError::Singular);
    }
    r.solve_upper_triangular(&rotated.rows(0, design.ncols())).ok_or(SeasonError::Singular)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three weeks of hours without noise: coefficients come back, outliers or not.
    #[test]
    fn a_pattern_is_recovered_through_outliers() {
        let times: Vec<f64> = (0..21 * 24).map(|h| f64::from(h) * 3600.0).collect();
        let tau = std::f64::consts::TAU;
        let truth = |t: f64| 100.0 + 0.7 * t / DAY + 20.0 * (tau * t / DAY).sin() + 5.0 * (tau * t / WEEK).cos();
        let mut values: Vec<f64> = times.iter().map(|&t| truth(t) + 0.1 * (t * 0.37).sin()).collect();
        for i in (0..values.len()).step_by(41) {
            values[i] += 500.0;
        }
        let season = season(&times, &values, Harmonics::default()).unwrap();
        assert!((season.slope - 0.7).abs() < 0.005, "{}", season.slope);
        assert!((season.theil_sen - 0.7).abs() < 0.01, "{}", season.theil_sen);
        let t = 30.0 * DAY + 6.0 * 3600.0;
        assert!((season.expected(t) - truth(t)).abs() < 0.3);
    }

    #[test]
    fn slopes_of_theil_and_sen() {
        // Slopes 2, 2, 2, 100/3, 49, 96.
        assert_eq!(theil_sen(&[0.0, 1.0, 2.0, 3.0], &[0.0, 2.0, 4.0, 100.0]), Some(f64::midpoint(2.0, 100.0 / 3.0)));
        assert_eq!(theil_sen(&[1.0, 1.0], &[0.0, 2.0]), None);
    }

    #[test]
    fn too_little_to_say_is_said() {
        let times: Vec<f64> = (0..4 * 24).map(|h| f64::from(h) * 3600.0).collect();
        assert_eq!(season(&times, &vec![1.0; 96], Harmonics::default()), Err(SeasonError::TooShort(4)));
        let daily: Vec<f64> = (0..30).map(|d| f64::from(d) * DAY).collect();
        assert_eq!(season(&daily, &[1.0; 30], Harmonics::default()), Err(SeasonError::Singular));
    }
}
