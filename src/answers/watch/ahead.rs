//! When the load will reach the limits: trend and season of [`crate::fit::warning::season`], and the interval of
//! [`crate::fit::warning::forecast`].
//!
//! Readings are averaged to at least a quarter of an hour: the pattern has no faster part. Readings in which the service was beyond its
//! limits count like any other: the offered load does not depend on how it is answered, unless users are driven away.

use super::{LEVEL, moment};
use crate::answers::thresholds::Thresholds;
use crate::fit::data::Raw;
use crate::fit::metrics::align::{Grid, nanos, usual_step};
use crate::fit::warning::forecast::{Crossing, crossing};
use crate::fit::warning::season::{DAY, Harmonics, season};

/// Least interval of the readings, in seconds.
const QUARTER: f64 = 900.0;

/// A limit and when it will be reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Ahead {
    /// `recovery` or `tip-over`.
    pub limit: &'static str,
    /// The limit, in base units.
    pub value: f64,
    /// Days from the last reading, with their interval.
    pub crossing: Crossing,
    /// Share of the week from now on in which the expected load is above the limit.
    pub share_of_week: f64,
}

/// What the load does.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Days with readings.
    pub days: usize,
    /// Change per day, and its standard error.
    pub slope: (f64, f64),
    /// Change per day by another method (Theil and Sen).
    pub theil_sen: f64,
    /// Expected weekly peak at the time of the last reading.
    pub peak: f64,
    /// When it comes next, in nanoseconds.
    pub peak_at: i64,
    /// Limits, lowest first.
    pub limits: Vec<Ahead>,
}

/// The forecast; `None` with a remark if the data do not allow one.
pub(super) fn forecast(thresholds: &Thresholds, load: &Raw, remarks: &mut Vec<String>) -> Option<Forecast> {
    let refuse = |because: String, remarks: &mut Vec<String>| {
        remarks.push(format!("when limits will be reached cannot be said: {because}"));
        None
    };
    let width = usual_step(&load.level.times).unwrap_or(0).max(nanos(QUARTER));
    let Some(grid) = Grid::over(&[&load.level], Some(width)) else {
        return refuse("the load has no readings".to_owned(), remarks);
    };
    let all = grid.place(&load.level, load.kind);
    let kept: Vec<usize> = (0..all.len()).filter(|&i| all[i].is_finite()).collect();
    let times: Vec<f64> = kept.iter().map(|&i| grid.middle(i)).collect();
    let values: Vec<f64> = kept.iter().map(|&i| all[i]).collect();
    let found = match season(&times, &values, Harmonics::default()) {
        Ok(found) => found,
        Err(error) => return refuse(error.to_string(), remarks),
    };
    let now = times.last().copied()?;
    let limits = [("recovery", thresholds.recovery), ("tip-over", thresholds.tip_over)];
    let steps = 7 * 96;
    let week: Vec<f64> = (0..steps).map(|k| found.expected(now + f64::from(k) * DAY / 96.0)).collect();
    let limits: Vec<Ahead> = limits
        .into_iter()
        .filter_map(|(limit, value)| {
            let value = value?;
            let share_of_week = week.iter().filter(|v| **v > value).count() as f64 / week.len() as f64;
            Some(Ahead { limit, value, crossing: crossing(&found, value, now, LEVEL), share_of_week })
        })
        .collect();
    let peak = crossing(&found, f64::MAX, now, LEVEL);
    if found.slope > 0.0 && (found.slope - found.theil_sen).abs() > 3.0 * found.slope_error + 0.2 * found.slope.abs() {
        remarks.push("two ways to estimate the trend disagree: it is not a straight line, or was broken".to_owned());
    }
    // The first sample is the origin of times within the week.
    let first = times.first().copied().unwrap_or(0.0);
    let weeks = ((now - first - peak.peak_at) / (7.0 * DAY)).floor().max(-1.0) + 1.0;
    let next = first + peak.peak_at + weeks * 7.0 * DAY;
    let last = kept.last().map_or(grid.start, |&i| moment(&grid, i));
    Some(Forecast {
        days: found.days,
        slope: (found.slope, found.slope_error),
        theil_sen: found.theil_sen,
        peak: peak.peak,
        peak_at: last + nanos(next - now),
        limits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::analysis::Verdict;
    use crate::answers::thresholds::Hysteresis;
    use crate::fit::metrics::Kind;
    use crate::fit::metrics::align::Level;
    use crate::fit::metrics::clock::seconds;
    use crate::fit::metrics::stamp::SECOND;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    fn limits(recovery: f64, tip_over: f64) -> Thresholds {
        Thresholds {
            verdict: Verdict::Stable,
            path: "load".into(),
            unit: "req/s".into(),
            factor: 1.0,
            is_rate: true,
            today: 100.0,
            reference: 100.0,
            tip_over: Some(tip_over),
            tip_over_kind: None,
            with_noise: None,
            recovery: Some(recovery),
            recovery_kind: None,
            hysteresis: Hysteresis::AboveRecovery,
            metric: None,
            collapsed: None,
            slots: None,
            remarks: vec![],
        }
    }

    fn pattern(t: f64) -> f64 {
        let tau = std::f64::consts::TAU;
        40.0 * (tau * t / DAY).sin() + 10.0 * (2.0 * tau * t / DAY).cos() + 15.0 * (tau * t / (7.0 * DAY)).sin()
    }

    /// Four weeks of readings every ten minutes: growth of one request per second and day, and noise of memory.
    fn load(seed: u64) -> Raw {
        let mut random = chacha20::ChaCha8Rng::seed_from_u64(seed);
        let mut noise = 0.0;
        let start = 1_700_000_000_i64;
        let mut level = Level { times: vec![], spans: vec![], values: vec![], left_out: 0, merged: 0, restarts: 0 };
        for step in 0..28 * 144 {
            let draw: f64 = StandardNormal.sample(&mut random);
            noise = 0.9 * noise + 3.0 * draw;
            let t = f64::from(step) * 600.0;
            level.times.push((start + i64::from(step) * 600) * SECOND);
            level.spans.push(0);
            level.values.push(300.0 + t / DAY + pattern(t) + noise);
        }
        Raw { title: "load".into(), level, kind: Kind::Gauge }
    }

    /// Of 100 intervals at 95 % between 88 and 100 must hold the true day (three standard deviations are 6.5), for both limits.
    #[test]
    fn days_until_the_limits_are_within_their_interval_as_often_as_stated() {
        let highest = (0..7 * 1440).map(|m| pattern(f64::from(m) * 60.0)).fold(0.0, f64::max);
        let thresholds = limits(400.0, 500.0);
        let truth = [400.0, 500.0].map(|limit| limit - 300.0 - highest - 28.0);
        assert!(truth[0] > 5.0 && truth[1] > 100.0, "{truth:?}");
        let mut held = [0, 0];
        for seed in 0..100 {
            let found = forecast(&thresholds, &load(seed), &mut Vec::new()).expect("a forecast");
            for ((ahead, truth), held) in found.limits.iter().zip(truth).zip(&mut held) {
                let (earliest, latest) = (ahead.crossing.earliest.expect("a first day"), ahead.crossing.latest);
                *held += u32::from(earliest <= truth && latest.is_some_and(|l| truth <= l));
                assert_eq!(ahead.share_of_week, 0.0);
            }
        }
        assert!(held.iter().all(|h| (88..=100).contains(h)), "{held:?} of 100");
    }

    #[test]
    fn the_next_peak_is_at_a_time_at_which_the_pattern_is_highest() {
        let found = forecast(&limits(400.0, 500.0), &load(1), &mut Vec::new()).expect("a forecast");
        let start = 1_700_000_000 * SECOND;
        let within = seconds(found.peak_at - start) % (7.0 * DAY);
        // Two days have the same peak, so that the height of the pattern at that time is held to the highest.
        let best = (0..7 * 96).map(|k| pattern(f64::from(k) * 900.0)).fold(0.0, f64::max);
        assert!(best - pattern(within) < 2.0, "{within}: {} of {best}", pattern(within));
        assert!(found.peak_at > start + nanos(28.0 * DAY - 600.0), "it is ahead");
        assert!((found.slope.0 - 1.0).abs() < 0.3, "{:?}", found.slope);
    }

    #[test]
    fn too_few_days_are_said() {
        let mut short = load(1);
        short.level.times.truncate(3 * 144);
        short.level.values.truncate(3 * 144);
        short.level.spans.truncate(3 * 144);
        let mut remarks = Vec::new();
        assert_eq!(forecast(&limits(400.0, 500.0), &short, &mut remarks), None);
        assert!(remarks[0].contains("5 days"), "{remarks:?}");
    }
}
