//! Random numbers of one component, drawn ahead in batches.

use crate::random::{Stream, stream};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1};

/// Exponentials drawn at once.
const BATCH: usize = 64;

/// What a stream of random numbers is for. Each purpose of each client, service or caller has its own, so that a change of
/// one part of a model leaves the luck of all others as it was (common random numbers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Arrivals = 1,
    Network = 2,
    Service = 3,
    Errors = 4,
    Patience = 5,
    Backoff = 6,
    Retry = 7,
    Calls = 8,
    Keys = 9,
    Entries = 10,
    Routes = 11,
    Processes = 12,
    Throttle = 13,
    Admission = 20,
}

/// Random numbers of one component.
#[derive(Debug)]
pub(super) struct Luck {
    generator: Stream,
    ahead: [f64; BATCH],
    next: usize,
}

impl Luck {
    pub(super) fn new(seed: u64, replication: u64, purpose: Purpose, index: usize) -> Self {
        let component = (purpose as u64) << 32 | index as u64;
        Self { generator: stream(seed, replication, component), ahead: [0.0; BATCH], next: BATCH }
    }

    /// Exponential with mean 1.
    #[inline]
    pub(super) fn exponential(&mut self) -> f64 {
        if self.next == BATCH {
            for value in &mut self.ahead {
                *value = Exp1.sample(&mut self.generator);
            }
            self.next = 0;
        }
        let value = self.ahead[self.next];
        self.next += 1;
        value
    }

    /// Uniform on 0 to 1.
    #[inline]
    pub(super) fn uniform(&mut self) -> f64 {
        self.generator.random::<f64>()
    }

    /// Whether something of this probability happens; certain things cost no draw.
    #[inline]
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && (probability >= 1.0 || self.uniform() < probability)
    }

    pub(super) fn generator(&mut self) -> &mut impl Rng {
        &mut self.generator
    }
}
