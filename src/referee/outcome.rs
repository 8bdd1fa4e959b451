//! How a run ended. Over a final window, of the requests begun in it:
//!
//! ```text
//! good        at least 80 % as many were answered in time
//! collapsed   fewer than half, although the system was busy in vain: attempts beyond the requests (a tenth or more),
//!             refusals (a tenth of the attempts or more), or at least half as much work served as was asked for
//! undecided   anything else, or no request at all
//! ```
//!
//! The window must be long against the timeout and the back-off; [`window`] is what is used unless told otherwise.

use super::plan::Plan;
use super::record::{Run, Sample};
use super::statistics::{Interval, NORMAL_95};
use super::system::System;
use crate::model::types::CallPolicy;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Requests are answered.
    Good,
    /// Work is done in vain.
    Collapsed,
    /// Neither can be said.
    Undecided,
}

/// Share of requests answered from which on a run is good.
const GOOD: f64 = 0.8;
/// Share below which it has collapsed.
const COLLAPSED: f64 = 0.5;
/// Attempts per request, beyond one, and refusals per attempt, that show work in vain.
const VAIN: f64 = 0.1;

/// Length of the final window: as long as a request can live by its timeouts and waits, at least a tenth of the run but
/// never more than a quarter of it.
#[must_use]
pub fn window(system: &System, plan: &Plan) -> f64 {
    let life = |policy: &CallPolicy| {
        let timeout = policy.timeout.as_ref().map_or(0.0, |q| q.value);
        let attempts = policy.retry.as_ref().map_or(1.0, |r| r.attempts.value.min(10.0));
        let wait = policy.retry.as_ref().map_or(0.0, |r| r.backoff.value.min(r.cap.value));
        attempts * timeout + (attempts - 1.0) * wait
    };
    let longest = system.model.clients.iter().map(|c| life(&c.policy)).fold(0.0, f64::max);
    longest.max(0.1 * plan.horizon).min(0.25 * plan.horizon)
}

impl Run {
    /// How the run ended, over a final window in seconds.
    #[must_use]
    pub fn outcome(&self, window: f64) -> Outcome {
        let Some(last) = self.samples.last() else { return Outcome::Undecided };
        self.outcome_at(last.time, window)
    }

    /// How it stood at a time, over the window before it.
    #[must_use]
    pub fn outcome_at(&self, time: f64, window: f64) -> Outcome {
        let (Some(from), Some(to)) = (self.at(time - window), self.at(time)) else { return Outcome::Undecided };
        judge(from, to)
    }
}

fn judge(from: &Sample, to: &Sample) -> Outcome {
    let grown = |f: fn(&super::record::ClientCount) -> u64| {
        to.clients.iter().zip(&from.clients).map(|(b, a)| f(b) - f(a)).sum::<u64>() as f64
    };
    let (requests, answered) = (grown(|c| c.requests), grown(|c| c.answered));
    let (attempts, rejects) = (grown(|c| c.attempts), grown(|c| c.rejects));
    let served = to.stations.iter().zip(&from.stations).map(|(b, a)| b.served - a.served).max().unwrap_or(0) as f64;
    let vain = attempts >= (1.0 + VAIN) * requests || rejects >= VAIN * attempts || served >= COLLAPSED * requests;
    if requests == 0.0 && attempts == 0.0 {
        Outcome::Undecided
    } else if answered >= GOOD * requests {
        Outcome::Good
    } else if answered < COLLAPSED * requests.max(1.0) && vain {
        Outcome::Collapsed
    } else {
        Outcome::Undecided
    }
}

/// Outcomes of many runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcomes {
    /// Runs in all.
    pub runs: usize,
    /// Of these good, with Wilson's interval of 95 %.
    pub good: (usize, Interval),
    /// Collapsed.
    pub collapsed: (usize, Interval),
    /// Undecided.
    pub undecided: (usize, Interval),
}

impl Outcomes {
    /// Counts outcomes.
    #[must_use]
    pub fn of(all: &[Outcome]) -> Self {
        let share = |wanted: Outcome| {
            let count = all.iter().filter(|&&o| o == wanted).count();
            (count, Interval::wilson(count, all.len(), NORMAL_95))
        };
        Self {
            runs: all.len(),
            good: share(Outcome::Good),
            collapsed: share(Outcome::Collapsed),
            undecided: share(Outcome::Undecided),
        }
    }
}
