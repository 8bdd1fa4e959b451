//! Quasi-stationary distributions: where a chain is, given that it has long been in a set.
//!
//! ```text
//! ν (-Q_SS) = λ ν,   ν >= 0,   Σ ν = 1        1/λ: mean time until it leaves, started from ν
//! ```
//!
//! Found by inverse iteration ν ← ν (-Q_SS)⁻¹, in which nothing is subtracted. (Darroch and Seneta 1967)

use super::Chain;
use super::classes::Classes;
use super::error::ChainError;
use super::factors::Factors;

/// Most iterations, and fewest that are tried.
const STEPS: (usize, usize) = (5000, 60);
/// Multiplications that all iterations together may take.
const WORK: f64 = 2e9;
/// Relative change of the mean stay at which it counts as found.
const SETTLED: f64 = 1e-11;

/// Where a chain lingers before it leaves a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Quasi {
    /// Probability by state; zero outside the set.
    pub distribution: Vec<f64>,
    /// Mean time until it leaves the set, in seconds: one over the decay rate.
    pub stay: f64,
}

impl Chain {
    /// The quasi-stationary distribution of the states that `factors` were eliminated over: the one that is reached from
    /// the uniform distribution.
    ///
    /// # Errors
    /// [`ChainError::NotConverged`].
    pub fn quasi_stationary(&self, factors: &Factors) -> Result<Quasi, ChainError> {
        let n = self.len();
        let inside: Vec<usize> = factors.plan().states().collect();
        if inside.is_empty() {
            return Err(ChainError::EmptySet);
        }
        let mut now = vec![0.0; n];
        let share = 1.0 / inside.len() as f64;
        inside.iter().for_each(|&i| now[i] = share);
        let (mut last, mut settled) = (0.0, 0);
        let steps = ((WORK / factors.entries()) as usize).clamp(STEPS.1, STEPS.0);
        for _ in 0..steps {
            let mut next = now.clone();
            factors.solve_transposed(&mut next);
            let stay: f64 = inside.iter().map(|&i| next[i]).sum();
            let mut change = 0.0;
            for &i in &inside {
                next[i] /= stay;
                change += (next[i] - now[i]).abs();
            }
            now = next;
            settled = if (stay / last - 1.0).abs() < SETTLED && change < SETTLED { settled + 1 } else { 0 };
            last = stay;
            if settled >= 2 {
                return Ok(Quasi { distribution: now, stay });
            }
        }
        Err(ChainError::NotConverged { what: "a quasi-stationary distribution", steps })
    }

    /// Factors of the states of a set, for [`quasi_stationary`](Self::quasi_stationary).
    ///
    /// # Errors
    /// [`ChainError::EmptySet`], or as [`Factors::new`]; [`ChainError::Range`] if some of its states never leave it.
    pub fn factors_of(&self, set: &[bool], allowed: u64) -> Result<Factors, ChainError> {
        if !set.contains(&true) {
            return Err(ChainError::EmptySet);
        }
        self.factors(|i| set[i], false, allowed)
    }

    /// The communicating classes.
    #[must_use]
    pub fn classes(&self) -> &Classes {
        &self.classes
    }
}
