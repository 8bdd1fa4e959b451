//! The fluid equations differentiated along parameters: what the variational equations of a trajectory are made of.
//!
//! Along a solution that depends on parameters θ, with s = ∂x/∂θ_k,
//!
//! ```text
//! s' = ∂f/∂x s + b_k,
//! b_k = ∂f/∂θ_k + Σ_j ∂f/∂x(t-L_j) (s(t-L_j) - x'(t-L_j) ∂L_j/∂θ_k) - Σ_j ∂f/∂(t-L_j) ∂L_j/∂θ_k
//! ```
//!
//! (Hairer, Nørsett & Wanner, *Solving ODEs I*, 1993, section I.14; for delays Bellen & Zennaro 2003.) `∂f/∂x` and all
//! `b_k` come of one pass over the tape with dual numbers, whose directions are the states and the parameters; a
//! delayed state enters with its total derivative.

use super::super::dual::Dual;
use super::super::graph::Node;
use super::super::population::Process;
use super::super::tape::{Layout, Tape};
use super::{Fluid, WIDEST};

/// What the equations are evaluated at.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// Time.
    pub t: f64,
    /// States.
    pub x: &'a [f64],
    /// Delayed states, as in [`Field::rhs`](crate::process::field::Field::rhs).
    pub past: &'a [f64],
    /// Total derivatives of the delayed states: that of state `i` at lag `j` by parameter `k` is at
    /// `(j * states + i) * parameters + k`.
    pub past_slopes: &'a [f64],
    /// Derivatives of the lags in their order: that of lag `j` by parameter `k` is at `j * parameters + k`.
    pub lag_slopes: &'a [f64],
    /// Parameters, with their history where that matters ([`with_history`](crate::process::field::Field::with_history)).
    pub p: &'a [f64],
}

/// A direction of differentiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    State(usize),
    /// A parameter, by its position among those chosen.
    Free(usize),
}

#[derive(Debug, Clone)]
struct Pass {
    directions: Vec<Direction>,
    tape: Tape,
    reads: Vec<usize>,
}

/// Drift and chosen quantities with their derivatives by states and chosen parameters.
#[derive(Debug, Clone)]
pub struct Tangent {
    fluid: Fluid,
    free: Vec<usize>,
    drift: Vec<Pass>,
    watch: Tape,
    watched: Vec<Pass>,
    registers: Vec<f64>,
}

impl Tangent {
    /// For the parameters with these indices and for quantities made of the expressions of the process.
    #[must_use]
    pub fn new(fluid: &Fluid, free: &[usize], quantities: impl FnOnce(&mut Process) -> Vec<Node>) -> Self {
        let layout = fluid.compiled.layout;
        let mut process = fluid.compiled.process.clone();
        let nodes = quantities(&mut process);
        let watch = Tape::compile(&process.graph, &nodes, layout);
        let states = (0..layout.states).map(Direction::State);
        let frees = (0..free.len()).map(Direction::Free);
        let all: Vec<Direction> = states.chain(frees.clone()).collect();
        let frees: Vec<Direction> = frees.collect();
        let passes = |tape: &Tape, directions: &[Direction], states: bool| -> Vec<Pass> {
            let pass = |directions: &[Direction]| {
                let inputs: Vec<usize> = directions.iter().flat_map(|d| inputs(*d, layout, free, states)).collect();
                let (tape, reads) = tape.whole_part(&inputs);
                Pass { directions: directions.to_vec(), tape, reads }
            };
            directions.chunks(WIDEST).map(pass).collect()
        };
        let drift = passes(&fluid.compiled.drift, &all, false);
        let watched = passes(&watch, &frees, true);
        let registers = vec![0.0; watch.registers()];
        Self { fluid: fluid.clone(), free: free.to_vec(), drift, watch, watched, registers }
    }

    /// The equations.
    #[must_use]
    pub fn fluid(&self) -> &Fluid {
        &self.fluid
    }

    /// Number of parameters.
    #[must_use]
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// Number of quantities.
    #[must_use]
    pub fn quantities(&self) -> usize {
        self.watch.outputs()
    }

    /// For each lag, in ascending order, whether a quantity reads a state or parameter `index` there.
    #[must_use]
    pub fn reads_at(&self, index: usize, p: &[f64]) -> Vec<bool> {
        let layout = self.fluid.compiled.layout;
        let mut scratch = self.fluid.scratch.borrow_mut();
        self.fluid.prepare(&mut scratch, p);
        let mut reads = vec![false; layout.lags];
        for (j, &position) in scratch.rank.iter().enumerate() {
            let states = (0..layout.states).any(|i| self.watch.reads(layout.state(i, j + 1)));
            reads[position] = states || self.watch.reads(layout.parameter(index, j + 1));
        }
        reads
    }

    /// Derivatives of the lags, laid out as in [`Moment::lag_slopes`].
    #[must_use]
    pub fn lag_slopes(&self, p: &[f64]) -> Vec<f64> {
        let compiled = &self.fluid.compiled;
        let layout = compiled.layout;
        let mut scratch = self.fluid.scratch.borrow_mut();
        self.fluid.prepare(&mut scratch, p);
        let mut slopes = vec![0.0; layout.lags * self.free.len()];
        for (k, &index) in self.free.iter().enumerate() {
            let mut inputs: Vec<Dual<f64, 1>> = scratch.inputs.iter().map(|&v| Dual::fixed(v)).collect();
            (0..=layout.lags).for_each(|j| inputs[layout.parameter(index, j)].partials[0] = 1.0);
            for (j, lag) in compiled.lags.evaluate(&inputs).into_iter().enumerate() {
                slopes[scratch.rank[j] * self.free.len() + k] = lag.partials[0];
            }
        }
        slopes
    }

    /// Writes ∂f/∂x(t), by rows, and the forcing b of the variational equations, state by state.
    pub fn drift(&self, at: &Moment<'_>, matrix: &mut [f64], forcing: &mut [f64]) {
        let mut guard = self.fluid.scratch.borrow_mut();
        let scratch = &mut *guard;
        self.fluid.prepare(scratch, at.p);
        self.fluid.fill(scratch, at.t, at.x, at.past);
        let compiled = &self.fluid.compiled;
        compiled.drift.run_body(&scratch.inputs, &mut scratch.registers);
        let (n, count) = (compiled.layout.states, self.free.len());
        matrix.fill(0.0);
        forcing.fill(0.0);
        for pass in &self.drift {
            let sources = (&scratch.inputs[..], &scratch.registers[..], &scratch.rank[..]);
            let mut write = |direction: Direction, row: usize, slope: f64| match direction {
                Direction::State(column) => matrix[row * n + column] = slope,
                Direction::Free(k) => forcing[row * count + k] = slope,
            };
            self.along(pass, sources, at, None, &mut write);
        }
    }

    /// Writes the quantities.
    pub fn values(&mut self, at: &Moment<'_>, out: &mut [f64]) {
        let mut scratch = self.fluid.scratch.borrow_mut();
        self.fluid.prepare(&mut scratch, at.p);
        self.fluid.fill(&mut scratch, at.t, at.x, at.past);
        self.watch.run_prologue(&scratch.inputs, &mut self.registers);
        self.watch.run_body(&scratch.inputs, &mut self.registers);
        for (k, slot) in out.iter_mut().enumerate() {
            *slot = self.watch.output(&self.registers, k);
        }
    }

    /// Writes the quantities and their total derivatives by the parameters, quantity by quantity, where the states
    /// have these derivatives: that of state `i` by parameter `k` is at `i * parameters + k`.
    pub fn slopes(&mut self, at: &Moment<'_>, state_slopes: &[f64], out: &mut [f64], slopes: &mut [f64]) {
        self.values(at, out);
        slopes.fill(0.0);
        let count = self.free.len();
        let scratch = self.fluid.scratch.borrow();
        for pass in &self.watched {
            let sources = (&scratch.inputs[..], &self.registers[..], &scratch.rank[..]);
            let mut write = |direction: Direction, row: usize, slope: f64| {
                if let Direction::Free(k) = direction {
                    slopes[row * count + k] = slope;
                }
            };
            self.along(pass, sources, at, Some(state_slopes), &mut write);
        }
    }

    fn along(
        &self,
        pass: &Pass,
        sources: (&[f64], &[f64], &[usize]),
        at: &Moment<'_>,
        state_slopes: Option<&[f64]>,
        write: &mut dyn FnMut(Direction, usize, f64),
    ) {
        match pass.directions.len() {
            0..=2 => self.along_wide::<2>(pass, sources, at, state_slopes, write),
            3..=4 => self.along_wide::<4>(pass, sources, at, state_slopes, write),
            5..=8 => self.along_wide::<8>(pass, sources, at, state_slopes, write),
            _ => self.along_wide::<WIDEST>(pass, sources, at, state_slopes, write),
        }
    }

    fn along_wide<const W: usize>(
        &self,
        pass: &Pass,
        (values, known, rank): (&[f64], &[f64], &[usize]),
        at: &Moment<'_>,
        state_slopes: Option<&[f64]>,
        write: &mut dyn FnMut(Direction, usize, f64),
    ) {
        let layout = self.fluid.compiled.layout;
        let (n, count) = (layout.states, self.free.len());
        let mut inputs: Vec<Dual<f64, W>> = values.iter().map(|v| Dual::fixed(*v)).collect();
        let mut registers = vec![Dual::<f64, W>::fixed(0.0); known.len()];
        pass.reads.iter().for_each(|&r| registers[r] = Dual::fixed(known[r]));
        for (w, direction) in pass.directions.iter().enumerate() {
            match *direction {
                Direction::State(i) => inputs[layout.state(i, 0)].partials[w] = 1.0,
                Direction::Free(k) => {
                    inputs[layout.parameter(self.free[k], 0)].partials[w] = 1.0;
                    if let Some(slopes) = state_slopes {
                        for i in 0..n {
                            inputs[layout.state(i, 0)].partials[w] = slopes[i * count + k];
                        }
                    }
                    for j in 0..layout.lags {
                        let position = rank[j];
                        inputs[layout.parameter(self.free[k], j + 1)].partials[w] = 1.0;
                        inputs[layout.time(j + 1)].partials[w] = -at.lag_slopes[position * count + k];
                        for i in 0..n {
                            let slope = at.past_slopes[(position * n + i) * count + k];
                            inputs[layout.state(i, j + 1)].partials[w] = slope;
                        }
                    }
                }
            }
        }
        pass.tape.run_body(&inputs, &mut registers);
        for row in 0..pass.tape.outputs() {
            let output = pass.tape.output(&registers, row);
            for (direction, slope) in pass.directions.iter().zip(output.partials) {
                write(*direction, row, slope);
            }
        }
    }
}

/// The inputs that change along a direction.
fn inputs(direction: Direction, layout: Layout, free: &[usize], states: bool) -> Vec<usize> {
    match direction {
        Direction::State(i) => vec![layout.state(i, 0)],
        Direction::Free(k) => {
            let now = (0..layout.states).filter(|_| states).map(|i| layout.state(i, 0));
            let lagged = (1..=layout.lags).flat_map(|j| {
                let past = (0..layout.states).map(move |i| layout.state(i, j));
                past.chain([layout.time(j)])
            });
            let parameters = (0..=layout.lags).map(|j| layout.parameter(free[k], j));
            parameters.chain(lagged).chain(now).collect()
        }
    }
}
