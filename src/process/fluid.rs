//! The fluid equations of a population process as a [`Field`]: compiled tapes and the evaluators over them.

mod tangent;

pub use tangent::{Moment, Tangent};

use super::dual::Dual;
use super::field::{Enclosure, Field, Jacobian, StateInfo};
use super::graph::Node;
use super::interval::Interval;
use super::number::Number;
use super::population::{Parameter, Process};
use super::tape::{Layout, Tape};
use std::cell::RefCell;
use std::sync::Arc;

/// Most partial derivatives carried per pass.
const WIDEST: usize = 12;
/// Partial derivatives carried per pass of an enclosure.
const CHUNK: usize = 4;

/// Something the drift is differentiated by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    /// A state, now (lag 0) or at a lag.
    State { index: usize, lag: usize },
    /// Time, now and at all lags together.
    Time,
}

impl Variable {
    /// The inputs that change with it.
    fn inputs(self, layout: Layout) -> Vec<usize> {
        match self {
            Self::State { index, lag } => vec![layout.state(index, lag)],
            Self::Time => (0..=layout.lags).map(|j| layout.time(j)).collect(),
        }
    }
}

/// Variables by which the drift is differentiated together, and what of it depends on them.
#[derive(Debug)]
struct Pass {
    variables: Vec<Variable>,
    tape: Tape,
    /// Registers whose values the tape reads.
    reads: Vec<usize>,
}

/// Passes as wide as there is work for them: special functions cost the same whatever the width.
fn passes(tape: &Tape, layout: Layout) -> Vec<Pass> {
    let pass = |variables: &[Variable]| {
        let inputs: Vec<usize> = variables.iter().flat_map(|v| v.inputs(layout)).collect();
        let (tape, reads) = tape.part(&inputs);
        Pass { variables: variables.to_vec(), tape, reads }
    };
    variables(tape, layout).chunks(WIDEST).map(pass).collect()
}

/// The variables that occur on a tape; the derivatives by all others vanish.
fn variables(tape: &Tape, layout: Layout) -> Vec<Variable> {
    let states = (0..=layout.lags).flat_map(|lag| (0..layout.states).map(move |index| Variable::State { index, lag }));
    states
        .chain([Variable::Time])
        .filter(|variable| match *variable {
            Variable::State { index, lag } => tape.reads(layout.state(index, lag)),
            Variable::Time => (0..=layout.lags).any(|j| tape.reads(layout.time(j))),
        })
        .collect()
}

/// Compiled equations, shared by all copies of a [`Fluid`].
#[derive(Debug)]
struct Compiled {
    process: Process,
    states: Vec<StateInfo>,
    layout: Layout,
    drift: Tape,
    passes: Vec<Pass>,
    lags: Tape,
    outputs: Tape,
}

/// Buffers of one evaluator; valid for the parameters they were filled for.
#[derive(Debug, Clone, Default)]
struct Scratch {
    ready: bool,
    parameters: Vec<f64>,
    /// Position of lag j of the graph among the sorted lags.
    rank: Vec<usize>,
    lags: Vec<f64>,
    inputs: Vec<f64>,
    registers: Vec<f64>,
}

/// The fluid equations of a process, ready to evaluate. Cheap to clone; each copy has its own buffers.
#[derive(Debug, Clone)]
pub struct Fluid {
    compiled: Arc<Compiled>,
    scratch: RefCell<Scratch>,
}

impl Fluid {
    /// Compiles the equations and outputs of a process.
    #[must_use]
    pub fn new(mut process: Process) -> Self {
        let drift = process.drift();
        let outputs: Vec<Node> =
            process.outputs.iter().map(|o| o.node).chain(process.sets.iter().map(|s| s.1)).collect();
        let graph = &process.graph;
        let layout =
            Layout { parameters: process.parameters.len(), states: process.states.len(), lags: graph.lags().len() };
        let drift = Tape::compile(graph, &drift, layout);
        let compiled = Compiled {
            states: process.states.iter().map(|s| s.info.clone()).collect(),
            layout,
            passes: passes(&drift, layout),
            drift,
            lags: Tape::compile(graph, graph.lags(), layout),
            outputs: Tape::compile(graph, &outputs, layout),
            process,
        };
        let scratch = Scratch {
            inputs: vec![0.0; layout.len()],
            registers: vec![0.0; compiled.drift.registers()],
            ..Scratch::default()
        };
        Self { compiled: Arc::new(compiled), scratch: RefCell::new(scratch) }
    }

    /// The process behind the equations.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.compiled.process
    }

    /// The tape of the right-hand side, with its input layout.
    #[must_use]
    pub fn tape(&self) -> (&Tape, Layout) {
        (&self.compiled.drift, self.compiled.layout)
    }

    /// The tape of the lags, in the order of the process; its inputs are those of [`tape`](Self::tape).
    #[must_use]
    pub fn lag_tape(&self) -> &Tape {
        &self.compiled.lags
    }

    /// Values of the parameters as the model file has them.
    #[must_use]
    pub fn parameters(&self) -> Vec<f64> {
        self.compiled.process.parameters.iter().map(|p: &Parameter| p.value).collect()
    }

    /// Start values of the states.
    #[must_use]
    pub fn start(&self) -> Vec<f64> {
        self.compiled.states.iter().map(|s| s.start).collect()
    }

    /// All outputs of the process at a point (`past` as in [`Field::rhs`]).
    #[must_use]
    pub fn outputs(&self, t: f64, x: &[f64], past: &[f64], p: &[f64]) -> Vec<f64> {
        let count = self.compiled.process.outputs.len();
        let mut values = self.evaluate_outputs(t, x, past, p);
        values.truncate(count);
        values
    }

    /// Membership in the named sets of the process at a point.
    #[must_use]
    pub fn sets(&self, t: f64, x: &[f64], past: &[f64], p: &[f64]) -> Vec<bool> {
        let count = self.compiled.process.outputs.len();
        self.evaluate_outputs(t, x, past, p).split_off(count).into_iter().map(|v| v != 0.0).collect()
    }

    /// All outputs at an equilibrium.
    #[must_use]
    pub fn outputs_at_rest(&self, x: &[f64], p: &[f64]) -> Vec<f64> {
        let past = x.repeat(self.compiled.layout.lags);
        self.outputs(0.0, x, &past, p)
    }

    /// Writes the derivatives of the drift with respect to the variables of a pass, at the point whose values are in the
    /// registers. Only what depends on them is differentiated.
    fn differentiate<const W: usize>(&self, scratch: &Scratch, pass: &Pass, out: &mut Jacobian) {
        let layout = self.compiled.layout;
        let nothing = Dual::<f64, W>::fixed(0.0);
        let mut inputs = vec![nothing; layout.len()];
        let mut registers = vec![nothing; scratch.registers.len()];
        pass.reads.iter().for_each(|&r| registers[r] = Dual::fixed(scratch.registers[r]));
        for (w, variable) in pass.variables.iter().enumerate() {
            for input in variable.inputs(layout) {
                inputs[input] = Dual::variable(scratch.inputs[input], w);
            }
        }
        pass.tape.run_body(&inputs, &mut registers);
        for (w, variable) in pass.variables.iter().enumerate() {
            for row in 0..layout.states {
                let slope = pass.tape.output(&registers, row).partials[w];
                match *variable {
                    Variable::State { index, lag } => {
                        let block = if lag == 0 { 0 } else { scratch.rank[lag - 1] + 1 };
                        out.blocks[block][(row, index)] = slope;
                    }
                    Variable::Time => out.time[row] = slope,
                }
            }
        }
    }

    fn evaluate_outputs(&self, t: f64, x: &[f64], past: &[f64], p: &[f64]) -> Vec<f64> {
        let mut scratch = self.scratch.borrow_mut();
        self.prepare(&mut scratch, p);
        self.fill(&mut scratch, t, x, past);
        self.compiled.outputs.evaluate(&scratch.inputs)
    }

    /// Brings everything that depends on parameters only up to date.
    fn prepare(&self, scratch: &mut Scratch, p: &[f64]) {
        if scratch.ready && scratch.parameters == p {
            return;
        }
        scratch.ready = true;
        let c = &*self.compiled;
        scratch.parameters.clear();
        scratch.parameters.extend_from_slice(p);
        let (layout, count) = (c.layout, c.layout.parameters);
        scratch.inputs[..count].copy_from_slice(&p[..count]);
        let lags = c.lags.evaluate(&scratch.inputs);
        let mut order: Vec<usize> = (0..lags.len()).collect();
        order.sort_by(|&a, &b| lags[a].total_cmp(&lags[b]));
        scratch.rank = vec![0; lags.len()];
        for (position, &j) in order.iter().enumerate() {
            scratch.rank[j] = position;
        }
        scratch.lags = order.into_iter().map(|j| lags[j]).collect();
        for j in 0..layout.lags {
            let to = layout.parameter(0, j + 1);
            // Parameters of the past follow behind those of today, in the order of the sorted lags.
            let from = if p.len() > count { count * (scratch.rank[j] + 1) } else { 0 };
            scratch.inputs[to..to + count].copy_from_slice(&p[from..from + count]);
        }
        c.drift.run_prologue(&scratch.inputs, &mut scratch.registers);
    }

    fn fill(&self, scratch: &mut Scratch, t: f64, x: &[f64], past: &[f64]) {
        let layout = self.compiled.layout;
        let n = layout.states;
        let inputs = &mut scratch.inputs;
        inputs[layout.state(0, 0)..layout.state(0, 0) + n].copy_from_slice(x);
        inputs[layout.time(0)] = t;
        for j in 0..layout.lags {
            let position = scratch.rank[j];
            let to = layout.state(0, j + 1);
            inputs[to..to + n].copy_from_slice(&past[position * n..(position + 1) * n]);
            inputs[layout.time(j + 1)] = t - scratch.lags[position];
        }
    }
}

impl Field for Fluid {
    fn dim(&self) -> usize {
        self.compiled.layout.states
    }

    fn states(&self) -> &[StateInfo] {
        &self.compiled.states
    }

    fn lags(&self, p: &[f64]) -> Vec<f64> {
        let mut scratch = self.scratch.borrow_mut();
        self.prepare(&mut scratch, p);
        scratch.lags.clone()
    }

    fn reads_states_at(&self, p: &[f64]) -> Vec<bool> {
        let mut scratch = self.scratch.borrow_mut();
        self.prepare(&mut scratch, p);
        let (layout, drift) = (self.compiled.layout, &self.compiled.drift);
        let mut reads = vec![false; layout.lags];
        for (j, &position) in scratch.rank.iter().enumerate() {
            reads[position] = (0..layout.states).any(|i| drift.reads(layout.state(i, j + 1)));
        }
        reads
    }

    fn with_history(&self, p: &[f64], past: &[&[f64]]) -> Vec<f64> {
        let mut all = p.to_vec();
        past.iter().for_each(|q| all.extend_from_slice(&q[..self.compiled.layout.parameters]));
        all
    }

    fn rhs(&self, t: f64, x: &[f64], past: &[f64], p: &[f64], dx: &mut [f64]) {
        let mut guard = self.scratch.borrow_mut();
        let scratch = &mut *guard;
        self.prepare(scratch, p);
        self.fill(scratch, t, x, past);
        let tape = &self.compiled.drift;
        tape.run_body(&scratch.inputs, &mut scratch.registers);
        for (k, d) in dx.iter_mut().enumerate() {
            *d = tape.output(&scratch.registers, k);
        }
    }

    fn jacobian(&self, t: f64, x: &[f64], past: &[f64], p: &[f64], out: &mut Jacobian) {
        let mut guard = self.scratch.borrow_mut();
        let scratch = &mut *guard;
        self.prepare(scratch, p);
        self.fill(scratch, t, x, past);
        for block in &mut out.blocks {
            block.fill(0.0);
        }
        out.time.fill(0.0);
        self.compiled.drift.run_body(&scratch.inputs, &mut scratch.registers);
        for pass in &self.compiled.passes {
            match pass.variables.len() {
                0..=2 => self.differentiate::<2>(scratch, pass, out),
                3..=4 => self.differentiate::<4>(scratch, pass, out),
                5..=8 => self.differentiate::<8>(scratch, pass, out),
                _ => self.differentiate::<WIDEST>(scratch, pass, out),
            }
        }
    }

    fn parameter_derivative(&self, t: f64, x: &[f64], past: &[f64], p: &[f64], k: usize, out: &mut [f64]) {
        let mut guard = self.scratch.borrow_mut();
        let scratch = &mut *guard;
        self.prepare(scratch, p);
        self.fill(scratch, t, x, past);
        let mut inputs: Vec<Dual<f64, 1>> = scratch.inputs.iter().map(|&v| Dual::fixed(v)).collect();
        let layout = self.compiled.layout;
        (0..=layout.lags).for_each(|j| inputs[layout.parameter(k, j)].partials[0] = 1.0);
        for (slot, value) in out.iter_mut().zip(self.compiled.drift.evaluate(&inputs)) {
            *slot = value.partials[0];
        }
    }

    fn enclose(&self, x: &[Interval], p: &[f64]) -> Option<Enclosure> {
        let (tape, layout) = self.tape();
        if !tape.is_enclosable() {
            return None;
        }
        let n = layout.states;
        let mut inputs = vec![Dual::<Interval, CHUNK>::constant(0.0); layout.len()];
        for (i, &value) in p.iter().take(layout.parameters).enumerate() {
            (0..=layout.lags).for_each(|j| inputs[layout.parameter(i, j)] = Dual::constant(value));
        }
        let mut value = vec![Interval::WHOLE; n];
        let mut jacobian = vec![Interval::WHOLE; n * n];
        for first in (0..n.max(1)).step_by(CHUNK) {
            for lag in 0..=layout.lags {
                for (i, &xi) in x.iter().enumerate() {
                    inputs[layout.state(i, lag)] = if (first..first + CHUNK).contains(&i) {
                        Dual::variable(xi, i - first)
                    } else {
                        Dual::fixed(xi)
                    };
                }
            }
            for (row, result) in tape.evaluate(&inputs).into_iter().enumerate() {
                value[row] = result.value;
                for column in first..(first + CHUNK).min(n) {
                    jacobian[row * n + column] = result.partials[column - first];
                }
            }
        }
        Some(Enclosure { value, jacobian })
    }
}
