//! What to simulate: how often, how long, and what is changed meanwhile.

use crate::model::types::{Model, Trigger};

/// Numbers that are changed for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct TriggerRun {
    /// Paths and the values they have meanwhile, in base units.
    pub sets: Vec<(String, f64)>,
    /// When it begins, in seconds.
    pub at: f64,
    /// How long it lasts, in seconds; infinity for a change that stays.
    pub duration: f64,
}

impl TriggerRun {
    /// A trigger of the model, at its own time.
    #[must_use]
    pub fn of(model: &Model, trigger: &Trigger) -> Self {
        Self::sized(model, trigger, 1.0)
    }

    /// A trigger of another size: each number goes so far on the line from today's value (0) through the stated one (1).
    /// Whole numbers of slots and places are not rounded here.
    #[must_use]
    pub fn sized(model: &Model, trigger: &Trigger, size: f64) -> Self {
        let set = |(path, change): &(crate::model::types::Text, crate::model::types::Change)| {
            let today = model.quantity(&path.value)?;
            let value = today.value + size * (change.applied_to(today.value) - today.value);
            Some((today.path.clone(), value))
        };
        Self {
            sets: trigger.set.iter().filter_map(set).collect(),
            at: trigger.at.value,
            duration: trigger.duration.as_ref().map_or(0.0, |d| d.value),
        }
    }

    /// The same for another time.
    #[must_use]
    pub fn lasting(self, duration: f64) -> Self {
        Self { duration, ..self }
    }
}

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Seed of everything random.
    pub seed: u64,
    /// Independent replications, numbered from 0.
    pub replications: u64,
    /// Length of each, in seconds.
    pub horizon: f64,
    /// Time between samples, in seconds.
    pub sample_every: f64,
    /// What happens meanwhile; where several change the same number, the last in the list has its way.
    pub triggers: Vec<TriggerRun>,
    /// Whether latencies of answered requests are kept.
    pub latencies: bool,
}

impl Plan {
    /// One replication without triggers, sampled a thousand times.
    #[must_use]
    pub fn steady(horizon: f64) -> Self {
        Self {
            seed: 0,
            replications: 1,
            horizon,
            sample_every: horizon / 1000.0,
            triggers: Vec::new(),
            latencies: true,
        }
    }
}
