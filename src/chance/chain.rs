//! Markov chains on a lattice of states: where a process is in the long run, and how long it takes from here to there.
//!
//! [`build`] makes the generator of a population process whose states are bounded. [`dissection`] says in which order to
//! eliminate the states, [`plan`] what that will cost, `dense` and [`factors`] do it: without a single subtraction, so
//! that a mean time of 10¹⁶ s, which is the solution of a nearly singular system, has as many right digits as one of a
//! second. [`passage`], [`quasi`] and [`gap`] ask the questions.
//!
//! ```text
//! π Q = 0,  Σ π = 1          stationary distribution
//! ```

pub mod build;
pub mod classes;
mod dense;
pub mod dissection;
pub mod error;
pub mod factors;
pub mod gap;
pub mod generator;
pub mod lattice;
pub mod passage;
pub mod plan;
pub mod quasi;
pub mod survey;

use classes::Classes;
use dissection::Dissection;
use error::ChainError;
use factors::Factors;
use generator::Generator;
use lattice::Lattice;
use plan::Plan;

/// A chain, ready for questions.
#[derive(Debug, Clone)]
pub struct Chain {
    lattice: Lattice,
    forward: Generator,
    backward: Generator,
    classes: Classes,
    dissection: Dissection,
}

impl Chain {
    /// A chain on a lattice. The generator has one row per lattice state.
    #[must_use]
    pub fn new(lattice: Lattice, generator: Generator) -> Self {
        let reach = reach(&lattice, &generator);
        let dissection = Dissection::of(&lattice, &reach, &vec![true; lattice.len()]);
        Self::with_order(lattice, generator, dissection)
    }

    /// The same with another order of elimination, which must hold every state once.
    #[must_use]
    pub fn with_order(lattice: Lattice, generator: Generator, dissection: Dissection) -> Self {
        let (backward, classes) = (generator.transposed(), Classes::of(&generator));
        Self { lattice, forward: generator, backward, classes, dissection }
    }

    /// Number of states.
    #[must_use]
    pub fn len(&self) -> usize {
        self.forward.len()
    }

    /// Whether there are no states.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The lattice of states.
    #[must_use]
    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// The rates.
    #[must_use]
    pub fn generator(&self) -> &Generator {
        &self.forward
    }

    /// The structure of eliminating the states for which `keep` holds, with its cost.
    pub fn plan(&self, keep: impl Fn(usize) -> bool) -> Plan {
        Plan::new(self.dissection.restricted(keep), &self.forward, &self.backward)
    }

    /// Eliminates the states for which `keep` holds.
    ///
    /// # Errors
    /// As [`Factors::new`].
    pub fn factors(&self, keep: impl Fn(usize) -> bool, ground: bool, allowed: u64) -> Result<Factors, ChainError> {
        Factors::new(self.plan(keep), &self.forward, &self.backward, ground, allowed)
    }

    /// The states of the only closed class: those it never leaves in the long run.
    ///
    /// # Errors
    /// [`ChainError::SeveralClasses`] if there are several.
    pub fn closed_class(&self) -> Result<Vec<bool>, ChainError> {
        match self.classes.closed.as_slice() {
            [only] => Ok(self.classes.members(*only)),
            several => Err(ChainError::SeveralClasses(several.len())),
        }
    }

    /// The stationary distribution, by state. `allowed` is the memory for the factors, in bytes.
    ///
    /// # Errors
    /// [`ChainError::SeveralClasses`], or as [`Factors::new`].
    pub fn stationary(&self, allowed: u64) -> Result<Vec<f64>, ChainError> {
        let class = self.closed_class()?;
        let stationary = self.factors(|i| class[i], true, allowed)?.stationary();
        if stationary.iter().all(|p| p.is_finite()) { Ok(stationary) } else { Err(ChainError::Range) }
    }
}

/// The longest jump along each axis, in steps.
fn reach(lattice: &Lattice, generator: &Generator) -> Vec<usize> {
    let mut reach = vec![0; lattice.axes().len()];
    for i in 0..generator.len() {
        for &j in generator.targets(i) {
            for (axis, reach) in reach.iter_mut().enumerate() {
                *reach = lattice.coordinate(i, axis).abs_diff(lattice.coordinate(j as usize, axis)).max(*reach);
            }
        }
    }
    reach
}

#[cfg(test)]
mod tests;
