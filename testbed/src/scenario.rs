//! What is done to the service, and what is written down.

mod capacity;
mod files;
mod ramp;
mod recorder;
mod recovery;
mod run;
mod spikes;

pub use capacity::capacity;
pub use ramp::ramp;
pub use recovery::recovery;
pub use run::{Run, Trigger, run_once};
pub use spikes::{Series, cache, series, spikes};

use std::path::PathBuf;

/// How scenarios are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Directory that files are written to.
    pub out: PathBuf,
    /// The Prometheus program.
    pub prometheus: PathBuf,
    /// Directory with the programs of PostgreSQL.
    pub postgres: PathBuf,
    /// Pairs at work at the same time.
    pub lanes: usize,
    /// Runs per length of a trigger.
    pub repetitions: u32,
    /// Seed of everything random.
    pub seed: u64,
}
