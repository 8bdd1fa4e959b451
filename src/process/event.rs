//! What happens together. The fluid equations need rates only; noise needs to know which jumps are one event: an attempt
//! that arrives leaves the back-off and enters the queue in the same instant, and if it will time out, its client comes back
//! exactly `timeout` later.
//!
//! An [`Event`] happens at a rate (or is fired by another one), makes its jumps, and then has at most one of its outcomes:
//!
//! ```text
//! P(outcome i | event) = probability_i,    Σ probability_i <= 1,    with the rest nothing further happens
//! ```
//!
//! The drift that follows from the events is that of the transitions; tests hold the two to each other.

use super::graph::Node;

/// Something that happens at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Name.
    pub name: String,
    /// Events per second; `None` for an event that happens only when another fires it.
    pub rate: Option<Node>,
    /// Variance of the number of events over a long span, per event; `None` for 1 (Poisson).
    pub dispersion: Option<Node>,
    /// Change of each state, at once and in every case.
    pub jumps: Vec<(usize, f64)>,
    /// What else may happen; at most one of these does.
    pub outcomes: Vec<Outcome>,
}

/// One of the things that can come of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Probability given the event, at the instant of the event.
    pub probability: Node,
    /// Change of each state, at once.
    pub jumps: Vec<(usize, f64)>,
    /// What comes of it later.
    pub later: Option<Later>,
}

/// The delayed part of an outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Later {
    /// Time from the event, an expression of parameters, in seconds.
    pub delay: Node,
    /// Change of each state, then.
    pub jumps: Vec<(usize, f64)>,
    /// Event that happens then.
    pub fires: Option<usize>,
}

/// Adds to the rates of events the rates at which others fire them at rest, where a delay changes no rate:
///
/// ```text
/// r_i = own_i + Σ_j Σ_o r_j · probability_jo   over the outcomes o of j that fire i
/// ```
///
/// `probability(j, o)` is that of outcome o of event j. An event may not fire itself, directly or through others.
pub fn add_fired_rates(events: &[Event], rates: &mut [f64], probability: impl Fn(usize, usize) -> f64) {
    let own = rates.to_vec();
    // Without cycles every chain of firings is shorter than the number of events.
    for _ in 0..events.len() {
        let mut next = own.clone();
        for (j, event) in events.iter().enumerate() {
            for (o, outcome) in event.outcomes.iter().enumerate() {
                if let Some(fired) = outcome.later.as_ref().and_then(|later| later.fires) {
                    next[fired] += rates[j] * probability(j, o);
                }
            }
        }
        if next == rates {
            return;
        }
        rates.copy_from_slice(&next);
    }
}
