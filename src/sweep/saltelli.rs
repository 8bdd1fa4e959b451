//! The design for variance-based indices (A. Saltelli et al., Computer Physics Communications 181, 2010).
//!
//! Two independent samples A and B of N points in d numbers, and for each number i a third one, AB_i: A with its column i taken from
//! B. Rows come in groups of d + 2, A_j, B_j, AB_1j ... AB_dj, so that any part of the rows is a smaller design.
//! A and B are the two halves of one scrambled Sobol' sequence in 2d dimensions.

use super::sobol::{DIMENSIONS, Sobol};

/// A design.
#[derive(Debug, Clone)]
pub struct Saltelli {
    sequence: Sobol,
    numbers: usize,
    groups: u64,
}

impl Saltelli {
    /// Most numbers.
    pub const NUMBERS: usize = DIMENSIONS / 2;

    /// A design of so many groups; `None` for more than [`Self::NUMBERS`] numbers, or for more rows than can be counted.
    #[must_use]
    pub fn new(groups: u64, numbers: usize, seed: u64) -> Option<Self> {
        groups.checked_mul(numbers as u64 + 2)?;
        Some(Self { sequence: Sobol::scrambled(2 * numbers, seed)?, numbers, groups })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.groups * (self.numbers as u64 + 2)
    }

    /// Row `i`, every coordinate in [0, 1).
    #[must_use]
    pub fn point(&self, i: u64) -> Vec<f64> {
        let size = self.numbers as u64 + 2;
        let both = self.sequence.point(i / size);
        let (a, b) = both.split_at(self.numbers);
        match (i % size) as usize {
            0 => a.to_vec(),
            1 => b.to_vec(),
            column => {
                let mut mixed = a.to_vec();
                mixed[column - 2] = b[column - 2];
                mixed
            }
        }
    }
}
