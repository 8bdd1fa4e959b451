//! The exact mean time to collapse of a process whose states are bounded: from its Markov chain.
//!
//! ```text
//! (-Q m)_i = 1   outside B,   m = 0 inside:    τ = m at the lattice state next to the good state
//! ```
//!
//! B is the set the model calls `collapsed`; in a model without one, the states whose coordinate is at the target of the
//! other methods. Solved without subtraction, so that a mean time of any length is right; see [`crate::chance::chain`].

use crate::chance::chain::build::{self, ProcessChain};
use crate::chance::chain::error::ChainError;
use crate::chance::chain::lattice::Lattice;
use crate::process::population::Process;

/// Most states that an analysis solves; `tipping noise` solves more.
const MOST_STATES: usize = 50_000;
/// Most memory for the elimination, in bytes.
const MEMORY: u64 = 1 << 30;
/// The set that counts as collapsed, where a model names it.
const COLLAPSED: &str = "collapsed";

/// A process with a chain that is small enough.
#[derive(Debug, Clone)]
pub(super) struct Exact {
    process: Process,
}

impl Exact {
    /// `None` if the process has no chain, or one that is too large.
    pub(super) fn of(process: &Process) -> Option<Self> {
        let lattice = build::lattice_of(process, &[]).ok()?;
        (lattice.len() <= MOST_STATES).then(|| Self { process: process.clone() })
    }

    /// Whether the model names the collapsed region.
    pub(super) fn names_collapse(&self) -> bool {
        self.process.sets.iter().any(|s| s.0 == COLLAPSED)
    }

    /// Mean time in seconds from the state next to `good` to collapse. `collapsed` decides about a state where the model
    /// does not. Infinite if collapse may never come; `None` if nothing on the lattice is collapsed.
    ///
    /// # Errors
    /// [`ChainError`] if a rate is impossible at these parameters, or the answer leaves the range of numbers.
    pub(super) fn mean_time(
        &self,
        parameters: &[f64],
        good: &[f64],
        collapsed: impl Fn(&[f64]) -> bool,
    ) -> Result<Option<f64>, ChainError> {
        let mut process = self.process.clone();
        for (parameter, &value) in process.parameters.iter_mut().zip(parameters) {
            parameter.value = value;
        }
        let built = ProcessChain::new(&process, &[])?;
        let lattice = built.chain.lattice();
        let start = nearest(lattice, good);
        let named = built.sets.iter().find(|s| s.0 == COLLAPSED);
        let target = named.map_or_else(|| members(lattice, collapsed), |set| set.1.clone());
        if target[start] || !target.contains(&true) {
            return Ok(None);
        }
        Ok(Some(built.chain.passage(&target, MEMORY)?.mean[start]))
    }
}

/// The lattice state closest to a point.
fn nearest(lattice: &Lattice, point: &[f64]) -> usize {
    let place = |(k, axis): (usize, &crate::chance::chain::lattice::Axis)| {
        let place = ((point[k] - axis.low) / axis.step).round().clamp(0.0, axis.size as f64 - 1.0);
        place as usize * lattice.stride(k)
    };
    lattice.axes().iter().enumerate().map(place).sum()
}

/// Which lattice states lie in a region.
fn members(lattice: &Lattice, region: impl Fn(&[f64]) -> bool) -> Vec<bool> {
    let mut x = vec![0.0; lattice.axes().len()];
    let mut inside = |state: usize| {
        x.iter_mut().enumerate().for_each(|(axis, value)| *value = lattice.value(state, axis));
        region(&x)
    };
    (0..lattice.len()).map(&mut inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::chain::lattice::Axis;

    #[test]
    fn points_between_and_beyond_lattice_states_have_a_nearest_one() {
        let axis = |low, step, size| Axis { name: String::new(), low, step, size };
        let lattice = Lattice::new(vec![axis(0.0, 1.0, 4), axis(-1.0, 0.5, 3)]).expect("small");
        assert_eq!(nearest(&lattice, &[1.4, -0.6]), 3 + 1);
        assert_eq!(nearest(&lattice, &[9.0, -7.0]), 9);
        assert_eq!(members(&lattice, |x| x[0] > 2.5 && x[1] < -0.4).iter().filter(|m| **m).count(), 2);
    }
}
