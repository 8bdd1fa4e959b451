//! The band in which eight of ten runs lie: 10th and 90th percentile of every state and output over time.
//!
//! From stochastic paths of the same process ([`crate::chance::paths`]). A band tells what the values are at each time, not
//! what one run looks like: where some runs heal and others collapse it reaches from one fate to the other.

use crate::chance::events::Events;
use crate::chance::paths::{self, Machine, MachineError, PathError};
use crate::chance::run;
use crate::dynamics::integrate::{Segment, Trajectory};
use crate::process::fluid::Fluid;

/// Percentiles over time: `low[variable][time]`, states first, then outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Times in seconds.
    pub times: Vec<f64>,
    /// 10th percentile.
    pub low: Vec<Vec<f64>>,
    /// 90th percentile.
    pub high: Vec<Vec<f64>>,
    /// Number of runs it rests on.
    pub runs: u64,
}

/// How many runs a band may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// As many as a second or two of work allow, or none.
    Fitting,
    /// This many.
    Runs(u64),
}

/// Why there is no band.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BandError {
    /// The process has no chance events, or none that can be simulated.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// A path failed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// It would take too long.
    #[error("one run has about {events:.0e} events")]
    TooMany {
        /// Events of one run.
        events: f64,
    },
    /// Nothing happens by chance.
    #[error("nothing in these equations happens by chance")]
    NoEvents,
}

/// Events simulated when the effort is to be fitting.
const WORK: f64 = 6e6;
/// Fewest and most runs then: with fewer, a 10th percentile says little.
const RUNS: (f64, f64) = (40.0, 400.0);

impl Band {
    /// Simulates runs through `segments` from rest at `start`.
    ///
    /// # Errors
    /// [`BandError`] says why there is none.
    pub fn new(
        fluid: &Fluid,
        (path, segments, start): (&Trajectory, &[Segment], &[f64]),
        times: &[f64],
        effort: Effort,
        seed: u64,
    ) -> Result<Self, BandError> {
        let mut process = fluid.process().clone();
        let events = process.all_events();
        if events.is_empty() {
            return Err(BandError::NoEvents);
        }
        let runs = match effort {
            Effort::Runs(runs) => runs,
            Effort::Fitting => {
                let per_run = events_of(fluid, path, segments, start);
                let runs = (WORK / per_run).min(RUNS.1);
                if runs.is_nan() || runs < RUNS.0 {
                    return Err(BandError::TooMany { events: per_run });
                }
                runs as u64
            }
        };
        let machine = Machine::new(&process, 1.0)?;
        let run = paths::Run { events: &events, start, segments, seed };
        let bands = paths::bands(&machine, &run, times, runs)?;
        Ok(Self { times: bands.times, low: bands.p10, high: bands.p90, runs })
    }

    /// 10th and 90th percentile of all variables at the time with this index.
    #[must_use]
    pub fn at(&self, time: usize) -> (Vec<f64>, Vec<f64>) {
        let row = |all: &[Vec<f64>]| all.iter().map(|values| values[time]).collect();
        (row(&self.low), row(&self.high))
    }
}

/// Expected number of events of a run, from the rates along its fluid path.
fn events_of(fluid: &Fluid, path: &Trajectory, segments: &[Segment], start: &[f64]) -> f64 {
    const SAMPLES: usize = 400;
    let events = Events::new(fluid);
    let today = fluid.parameters();
    let run = run::Run { fluid, path, segments, rest: start, today: &today };
    let lags = run.lags();
    let (from, to) = (path.start(), path.end());
    let rate = |i: usize| {
        let t = from + (to - from) * (i as f64 + 0.5) / SAMPLES as f64;
        let point = run.point(t, &lags);
        events.total_rate(&events.values(t, &point.x, &point.past, &point.p))
    };
    (0..SAMPLES).map(rate).sum::<f64>() * (to - from) / SAMPLES as f64
}
