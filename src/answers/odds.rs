//! p10 and p90 of critical triggers: the noise of the model along the critical path, by [`crate::chance::odds`].
//!
//! Two runs either side of the threshold stay together until the edge between the basins has told them apart. Their
//! difference, when it has grown but is still small, is the direction in which runs tip: y = (difference, scaled) · x.
//! Everything earlier is measured by what it does to y; the common growth of everything cancels in sd = sqrt(Var y)/|dy/ds|.
//!
//! The same difference is the check on it all: dy/ds must predict it within a quarter, or no odds are given.

use super::triggers::{Plan, Range, TriggerError};
use crate::chance::events::Events;
use crate::chance::odds::{NINE_TENTHS, Spread, by_end, by_parameters, spread, variance};
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

/// Largest standard deviation of a threshold, as a share of it, that linear noise is trusted with.
const LARGEST: f64 = 0.5;

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

/// Spread of a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Odds {
    /// Known.
    Known(Spread),
    /// Not known, and why.
    Unknown(&'static str),
}

impl Odds {
    /// Where a share of the runs tips: 10 %, 50 %, 90 %; `None` where not known.
    #[must_use]
    pub fn percentiles(self) -> Option<[f64; 3]> {
        let Self::Known(spread) = self else { return None };
        // Of a trigger of no size some runs may tip too; less than none there is not.
        Some([-NINE_TENTHS, 0.0, NINE_TENTHS].map(|z| spread.quantile(z).max(0.0)))
    }

    /// Share of runs that tip at `value`.
    #[must_use]
    pub fn probability(self, value: f64) -> Option<f64> {
        let Self::Known(spread) = self else { return None };
        Some(spread.probability(value))
    }
}

impl Range<'_> {
    /// Spread of the critical duration or size of a trigger at the point (`size`, `duration`) of its threshold.
    ///
    /// # Errors
    /// [`TriggerError`] if the equations cannot be solved.
    pub fn odds(
        &self,
        plan: &Plan,
        events: &Events,
        varied: Varied,
        (size, duration): (f64, f64),
    ) -> Result<Odds, TriggerError> {
        let beside = |share: f64| match varied {
            Varied::Duration => (size, duration * share),
            Varied::Size => (size * share, duration),
        };
        let middle = if varied == Varied::Duration { duration } else { size };
        if events.is_empty() {
            return Ok(Odds::Unknown("nothing in these equations happens by chance"));
        }
        if middle <= 0.0 {
            return Ok(Odds::Unknown("the least trigger tips the system"));
        }
        let (low, high) = (beside(1.0 - BESIDE), beside(1.0 + BESIDE));
        let at = self.memory();
        let failed = |error: IntegrateError| TriggerError::Integration { trigger: plan.name.clone(), error };
        let Some((heals, tips, until)) = self.parted(plan, (low, high), at)? else {
            return Ok(Odds::Unknown("the runs either side of the threshold do not part"));
        };
        let states = self.fluid().states();
        let joint = at + if plan.duration.is_some() { low.1 } else { 0.0 };
        let end = parting(states, &heals, &tips).max(joint + 1.01 * at);
        let (Some(a), Some(b)) = (heals.at(end), tips.at(end)) else {
            return Ok(Odds::Unknown("the runs either side of the threshold do not part"));
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
            return Ok(Odds::Unknown("it changes a delay while it lasts"));
        }
        let (response, found) = spread(&run, events, &functional, (at, joint), end).map_err(failed)?;
        let Some(found) = found else {
            return Ok(Odds::Unknown("the good state remembers its noise for too long"));
        };
        let (slope, growth) = match varied {
            Varied::Duration => (by_end(&run, &response, joint), found.at_joint),
            Varied::Size => {
                let around = |step: f64| {
                    [0.5, -0.5].map(|side| plan.segments(self.base(), low.0 + side * step, duration, at, until))
                };
                let step = 1e-4 * size;
                let [more, less] = around(step);
                let slope = by_parameters(&run, &response, &more, &less, step);
                let step = 0.05 * size;
                let [more, less] = around(step)
                    .map(|segments| variance(&Run { segments: &segments, ..run }, events, &response, at, joint));
                (slope, (more.total - less.total) / step)
            }
        };
        // The difference of the two runs is what the response must predict; where it is not, the linear picture fails.
        let expected = measured / (2.0 * BESIDE * middle);
        let agrees = (slope / expected - 1.0).abs() <= AGREEMENT;
        if slope <= 0.0 || !agrees {
            return Ok(Odds::Unknown("near its threshold the response is not linear"));
        }
        let spread = Spread { middle, variance: found.total / (slope * slope), growth: growth / (slope * slope) };
        if spread.variance.sqrt() > LARGEST * middle {
            return Ok(Odds::Unknown("its noise is nearly as large as the threshold itself"));
        }
        Ok(Odds::Known(spread))
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
