//! The day on which the seasonal peak of a load reaches a limit.
//!
//! With φ the time of the week at which the seasonal part is highest, the peak as a function of time is the straight line
//! `P(t) = x(t) · β`, `x(t) = (1, t, waves at φ)`, and it reaches the limit L at `t* = (L - P(0))/b`. Its interval is
//! that of Fieller (1954): all t that are not rejected,
//!
//! ```text
//! (P(t) - L)² <= q² x(t)ᵀ cov(β) x(t)
//! ```
//!
//! q Student's quantile with `days - 2` degrees of freedom. It is a quadratic inequality; where the slope is not
//! significantly positive it has no upper end, and the peak may never reach the limit. The interval is for the expected
//! peak: a single day may be earlier by its noise.

use super::super::estimate::special::student_quantile;
use super::season::{DAY, Season};

/// When the limit is reached, in days from the time asked from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// Best estimate; nothing if the trend does not lead there.
    pub days: Option<f64>,
    /// Earliest, at the level asked for; 0 at the least. Nothing if even that is never.
    pub earliest: Option<f64>,
    /// Latest; nothing if there is no last day.
    pub latest: Option<f64>,
    /// The expected peak at the time asked from.
    pub peak: f64,
    /// Its time within the week, in seconds after the first sample.
    pub peak_at: f64,
}

/// Days from `now` (seconds) until the weekly peak of the load reaches `limit`, with an interval at `level`.
#[must_use]
pub fn crossing(season: &Season, limit: f64, now: f64, level: f64) -> Crossing {
    // A quarter of an hour is a hundredth of a day: the peak is flat there.
    let steps = 7 * 96;
    let peak_at = (0..steps)
        .map(|k| f64::from(k) * DAY / 96.0)
        .max_by(|a, b| season.seasonal(season.origin + a).total_cmp(&season.seasonal(season.origin + b)))
        .unwrap_or(0.0);
    let today = (now - season.origin) / DAY;
    let mut x = Season::regressors(season.origin, &season.frequencies, season.origin + peak_at);
    x[1] = today;
    let (beta, cov) = (&season.coefficients, &season.covariance);
    let peak = x.dot(beta);
    let slope = beta[1];
    // Variances of the peak now and of the slope, and their covariance.
    let cov_x = cov * &x;
    let (v0, v1, v2) = (x.dot(&cov_x).max(0.0), cov_x[1], cov[(1, 1)]);
    let q = student_quantile(0.5 + level / 2.0, (season.days as f64 - 2.0).max(1.0));
    let gap = limit - peak;
    let days = if gap <= 0.0 {
        Some(0.0)
    } else if slope > 0.0 {
        Some(gap / slope)
    } else {
        None
    };
    // (gap - slope t)² = q² (v0 + 2 v1 t + v2 t²):  a t² - 2 h t + c = 0.
    let a = slope * slope - q * q * v2;
    let h = gap * slope + q * q * v1;
    let c = gap * gap - q * q * v0;
    let discriminant = h * h - a * c;
    let rising = slope > 0.0 && a > 0.0;
    let (earliest, latest) = if c <= 0.0 || gap <= 0.0 {
        // Today is not rejected, or the limit is behind.
        let latest = if gap <= 0.0 && c > 0.0 {
            Some(0.0)
        } else if rising && discriminant >= 0.0 {
            Some(((h + discriminant.sqrt()) / a).max(0.0))
        } else {
            None
        };
        (Some(0.0), latest)
    } else if discriminant < 0.0 {
        (None, None)
    } else if rising {
        let root = discriminant.sqrt();
        // The smaller root in the form that does not cancel.
        (Some(c / (h + root)), Some((h + root) / a))
    } else {
        // The accepted set is outside the two roots: the first positive one is the earliest day.
        let root = discriminant.sqrt();
        let roots = [c / (h + root), c / (h - root)];
        (roots.into_iter().filter(|t| *t > 0.0 && t.is_finite()).reduce(f64::min), None)
    };
    Crossing { days, earliest, latest, peak, peak_at }
}

#[cfg(test)]
mod tests {
    use super::super::season::{Harmonics, season};
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_distr::{Distribution, StandardNormal};

    const TAU: f64 = std::f64::consts::TAU;

    fn seasonal(t: f64) -> f64 {
        60.0 * (TAU * t / DAY).sin() + 15.0 * (2.0 * TAU * t / DAY).cos() + 25.0 * (TAU * t / (7.0 * DAY)).sin()
    }

    /// Six weeks of hours, growing by `slope` per day, with noise of memory (ρ = 0.7 from hour to hour) and outliers.
    fn load(seed: u64, slope: f64) -> (Vec<f64>, Vec<f64>) {
        let mut random = chacha20::ChaCha8Rng::seed_from_u64(seed);
        let mut noise = 0.0;
        let times: Vec<f64> = (0..42 * 24).map(|h| f64::from(h) * 3600.0).collect();
        let values = times
            .iter()
            .map(|t| {
                let draw: f64 = StandardNormal.sample(&mut random);
                noise = 0.7 * noise + 6.0 * draw;
                let outlier = if random.random::<f64>() < 0.01 { 150.0 } else { 0.0 };
                500.0 + slope * t / DAY + seasonal(*t) + noise + outlier
            })
            .collect();
        (times, values)
    }

    fn highest() -> f64 {
        (0..7 * 1440).map(|m| seasonal(f64::from(m) * 60.0)).fold(0.0, f64::max)
    }

    /// Of 200 intervals at 95 % between 90 and 99 % must hold the true day.
    #[test]
    fn intervals_hold_the_day_as_often_as_they_say() {
        let (limit, slope) = (720.0, 1.5);
        let now = 42.0 * DAY;
        let truth = (limit - 500.0 - highest()) / slope - 42.0;
        assert!(truth > 30.0, "{truth}");
        let mut held = 0;
        let mut widths = Vec::new();
        for seed in 0..200 {
            let (times, values) = load(seed, slope);
            let crossing = crossing(&season(&times, &values, Harmonics::default()).unwrap(), limit, now, 0.95);
            let (earliest, latest) = (crossing.earliest.unwrap(), crossing.latest.unwrap());
            held += u32::from(earliest <= truth && truth <= latest);
            widths.push(latest - earliest);
        }
        let width = super::super::super::estimate::loss::median(&mut widths);
        assert!((180..=198).contains(&held), "{held} of 200");
        assert!(width < truth / 2.0, "{width}");
    }

    #[test]
    fn without_growth_there_is_no_last_day() {
        // A slope of zero is significantly positive in one case of forty.
        let mut last_days = 0;
        for seed in 0..40 {
            let (times, values) = load(seed, 0.0);
            let found = season(&times, &values, Harmonics::default()).unwrap();
            let never = crossing(&found, 720.0, 42.0 * DAY, 0.95);
            last_days += u32::from(never.latest.is_some());
            assert!(never.earliest.is_none_or(|days| days > 50.0), "{never:?}");
        }
        assert!(last_days <= 4, "{last_days} of 40");
        let (times, values) = load(3, -3.0);
        let falling = crossing(&season(&times, &values, Harmonics::default()).unwrap(), 720.0, 42.0 * DAY, 0.95);
        assert_eq!((falling.days, falling.latest), (None, None));
    }

    #[test]
    fn a_limit_that_is_behind_is_reached_today() {
        let (times, values) = load(5, 1.5);
        let found = season(&times, &values, Harmonics::default()).unwrap();
        let behind = crossing(&found, 400.0, 42.0 * DAY, 0.95);
        assert_eq!((behind.days, behind.earliest, behind.latest), (Some(0.0), Some(0.0), Some(0.0)));
        assert!((behind.peak - (500.0 + 63.0 + highest())).abs() < 10.0, "{behind:?}");
    }
}
