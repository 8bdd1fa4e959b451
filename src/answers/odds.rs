//! p10 and p90 of critical triggers: the noise of the model along the critical path, by [`crate::chance::odds`].
//!
//! Two runs either side of the threshold stay together until the edge between the basins has told them apart. Their
//! difference, when it has grown but is still small, is the direction in which runs tip: y = (difference, scaled) · x.
//! Everything earlier is measured by what it does to y; the common growth of everything cancels in sd = sqrt(Var y)/|dy/ds|.

use super::triggers::{Plan, Range, TriggerError};
use crate::chance::events::Events;
use crate::chance::odds::{NINE_TENTHS, by_end, by_parameters, spread};
use crate::chance::run::Run;
use crate::dynamics::integrate::{IntegrateError, Trajectory};
use crate::dynamics::outcome::distance;
use crate::process::field::{Field, StateInfo};

/// Distance of two runs at which they count as told apart.
const APART: f64 = 3e-3;
/// Relative distance of the two runs from the threshold.
const BESIDE: f64 = 1e-6;
/// How often the time followed is doubled until the runs have parted.
const DOUBLINGS: usize = 12;
/// Largest share by which the measured and the predicted separation of the two runs may differ.
const AGREEMENT: f64 = 0.25;

/// What is varied to meet the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Varied {
    /// The duration, at fixed size.
    Duration,
    /// The size, at fixed duration.
    Size,
}

/// Standard deviation of a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deviation {
    /// Known.
    Known(f64),
    /// Not known, and why.
    Unknown(&'static str),
}

impl std::fmt::Display for Varied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Duration => "duration",
            Self::Size => "size",
        })
    }
}

/// A threshold with its spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Odds {
    /// One run in ten tips.
    pub p10: Option<f64>,
    /// Half of the runs tip.
    pub p50: f64,
    /// Nine runs in ten tip.
    pub p90: Option<f64>,
}

impl Odds {
    /// Share of runs that tip at `value`.
    #[must_use]
    pub fn probability(&self, value: f64) -> Option<f64> {
        let (p10, p90) = (self.p10?, self.p90?);
        let side = if value < self.p50 { self.p50 - p10 } else { p90 - self.p50 };
        Some(crate::process::number::Number::normal_cdf(NINE_TENTHS * (value - self.p50) / side))
    }
}

impl Range<'_> {
    /// A threshold with its spread, and why there is none.
    ///
    /// # Errors
    /// [`TriggerError`] if the equations cannot be solved.
    pub fn odds(
        &self,
        plan: &Plan,
        events: &Events,
        varied: Varied,
        other: f64,
        p50: f64,
    ) -> Result<(Odds, Option<&'static str>), TriggerError> {
        let nothing = Odds { p10: None, p50, p90: None };
        if p50 <= 0.0 {
            return Ok((nothing, None));
        }
        let place = match varied {
            Varied::Duration => (other, p50),
            Varied::Size => (p50, other),
        };
        Ok(match self.deviation(plan, events, varied, place)? {
            Deviation::Known(sd) => {
                let reach = NINE_TENTHS * sd;
                (Odds { p10: Some((p50 - reach).max(0.0)), p50, p90: Some(p50 + reach) }, None)
            }
            Deviation::Unknown(why) => (nothing, Some(why)),
        })
    }

    /// Standard deviation of the critical duration or size of a trigger at the point (`size`, `duration`) of its threshold.
    ///
    /// # Errors
    /// [`TriggerError`] if the equations cannot be solved.
    pub fn deviation(
        &self,
        plan: &Plan,
        events: &Events,
        varied: Varied,
        (size, duration): (f64, f64),
    ) -> Result<Deviation, TriggerError> {
        let beside = |share: f64| match varied {
            Varied::Duration => (size, duration * share),
            Varied::Size => (size * share, duration),
        };
        let (low, high) = (beside(1.0 - BESIDE), beside(1.0 + BESIDE));
        let at = self.memory();
        let failed = |error: IntegrateError| TriggerError::Integration { trigger: plan.name.clone(), error };
        let Some((heals, tips, until)) = self.parted(plan, (low, high), at)? else {
            return Ok(Deviation::Unknown("the runs either side of the threshold do not part"));
        };
        let states = self.fluid().states();
        let settled = at + if plan.duration.is_some() { duration } else { 0.0 } + 1.01 * at;
        let end = parting(states, &heals, &tips).max(settled);
        if end >= heals.end().min(tips.end()) {
            return Ok(Deviation::Unknown("the runs either side of the threshold part too soon"));
        }
        let (Some(a), Some(b)) = (heals.at(end), tips.at(end)) else {
            return Ok(Deviation::Unknown("the runs either side of the threshold do not part"));
        };
        let size_of = |s: &StateInfo, x: f64| x.abs() + s.scale;
        let functional: Vec<f64> =
            states.iter().zip(a.iter().zip(&b)).map(|(s, (a, b))| (b - a) / size_of(s, *a).powi(2)).collect();
        let norm = functional.iter().zip(states).map(|(f, s)| (f * s.scale).abs()).fold(0.0, f64::max);
        let functional: Vec<f64> = functional.iter().map(|f| f / norm).collect();
        let measured: f64 = functional.iter().zip(a.iter().zip(&b)).map(|(f, (a, b))| f * (b - a)).sum();
        let segments = plan.segments(self.base(), low.0, low.1, at, until);
        let run = Run { fluid: self.fluid(), path: &heals, segments: &segments, rest: self.rest(), today: self.base() };
        if !run.has_constant_lags() {
            return Ok(Deviation::Unknown("it changes a delay while it lasts"));
        }
        let (response, variance) = spread(&run, events, &functional, at, end).map_err(failed)?;
        let Some(variance) = variance else {
            return Ok(Deviation::Unknown("the good state remembers its noise for too long"));
        };
        let (slope, width) = match varied {
            Varied::Duration => (by_end(&run, &response, at + low.1), 2.0 * BESIDE * duration),
            Varied::Size => {
                let step = 1e-4 * size;
                let segments = |size: f64| plan.segments(self.base(), size, duration, at, until);
                let (more, less) = (segments(low.0 + 0.5 * step), segments(low.0 - 0.5 * step));
                (by_parameters(&run, &response, &more, &less, step), 2.0 * BESIDE * size)
            }
        };
        let expected = measured / width;
        if !(slope > 0.0) || (slope / expected - 1.0).abs() > AGREEMENT {
            return Ok(Deviation::Unknown("near its threshold the response is not linear"));
        }
        Ok(Deviation::Known(variance.sqrt() / slope))
    }

    /// Two runs, followed until they have parted, and how long the plan lasts.
    fn parted(
        &self,
        plan: &Plan,
        (low, high): ((f64, f64), (f64, f64)),
        at: f64,
    ) -> Result<Option<(Trajectory, Trajectory, f64)>, TriggerError> {
        let states = self.fluid().states();
        let mut until = at + 2.0 * high.1 + 10.0 * at.max(high.1).max(0.1);
        for _ in 0..DOUBLINGS {
            let heals = self.path(plan, low, at, until)?;
            let tips = self.path(plan, high, at, until)?;
            if distance(states, heals.final_state(), tips.final_state()) > 10.0 * APART
                || parting(states, &heals, &tips) < until
            {
                return Ok(Some((heals, tips, until)));
            }
            until *= 2.0;
        }
        Ok(None)
    }
}

/// When two runs are apart for the first time, or the end.
fn parting(states: &[StateInfo], a: &Trajectory, b: &Trajectory) -> f64 {
    a.steps()
        .filter(|step| b.at(step.end()).is_some_and(|x| distance(states, step.after(), &x) > APART))
        .map(|step| step.end())
        .next()
        .unwrap_or_else(|| a.end().min(b.end()))
}
