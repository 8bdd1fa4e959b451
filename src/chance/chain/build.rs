//! From a population process to its Markov chain.
//!
//! The states are the lattice points between the bounds of each state variable, a step of which divides all jumps. An
//! event with exclusive outcomes is one transition per outcome and one for the rest. **A transition that would leave the
//! lattice does not happen**: bounds are walls.

use super::Chain;
use super::error::ChainError;
use super::generator::Generator;
use super::lattice::{Axis, Lattice};
use crate::process::batch::Kernel;
use crate::process::event::Event;
use crate::process::graph::Node;
use crate::process::lanes::Lanes;
use crate::process::number::Number;
use crate::process::population::Process;
use crate::process::tape::{Layout, Tape};

/// States evaluated side by side.
const WIDTH: usize = 64;
/// A remainder of probability above this is a rounding error, below it a mistake.
const ROUNDING: f64 = -1e-9;

/// Limits of one state variable that replace those of the model, in base units.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// Name of the state variable.
    pub state: String,
    /// Its smallest value.
    pub low: f64,
    /// Its largest value.
    pub high: f64,
}

/// The chain of a process, with what the process names.
#[derive(Debug, Clone)]
pub struct ProcessChain {
    /// The chain.
    pub chain: Chain,
    /// Named sets: membership by state.
    pub sets: Vec<(String, Vec<bool>)>,
    /// Outputs by state, in base units. Outputs that depend on time or on the past are left out.
    pub outputs: Vec<(String, Vec<f64>)>,
}

/// Something that happens at a rate and moves the state by fixed steps.
struct Channel {
    event: String,
    rate: Node,
    /// Steps along each axis.
    steps: Vec<isize>,
    offset: isize,
}

impl ProcessChain {
    /// Builds the chain of a process at its own parameters.
    ///
    /// # Errors
    /// [`ChainError`] if the process has no finite chain, with the reason and what is at fault.
    pub fn new(process: &Process, bounds: &[Bound]) -> Result<Self, ChainError> {
        let mut process = process.clone();
        let events = process.all_events();
        let lattice = lattice_of(&process, bounds)?;
        let mut channels = Vec::new();
        for event in &events {
            channels.extend(split(&mut process, event, &lattice));
        }
        channels.sort_by_key(|c| c.offset);
        let layout = Layout {
            parameters: process.parameters.len(),
            states: process.states.len(),
            lags: process.graph.lags().len(),
        };
        for channel in &channels {
            if !autonomous(&process, channel.rate, layout) {
                return Err(ChainError::TimeDependent(channel.event.clone()));
            }
        }
        if let Some((name, _)) = process.sets.iter().find(|set| !autonomous(&process, set.1, layout)) {
            return Err(ChainError::TimeDependent(name.clone()));
        }
        let outputs: Vec<_> = process.outputs.iter().filter(|o| autonomous(&process, o.node, layout)).collect();
        let rates = channels.iter().map(|c| c.rate);
        let named = process.sets.iter().map(|s| s.1).chain(outputs.iter().map(|o| o.node));
        let nodes: Vec<Node> = rates.chain(named).collect();
        let tape = Tape::compile(&process.graph, &nodes, layout);

        let mut generator = Generator::with_capacity(lattice.len(), lattice.len().saturating_mul(channels.len()));
        let mut sets: Vec<(String, Vec<bool>)> =
            process.sets.iter().map(|s| (s.0.clone(), Vec::with_capacity(lattice.len()))).collect();
        let mut values: Vec<(String, Vec<f64>)> =
            outputs.iter().map(|o| (o.name.clone(), Vec::with_capacity(lattice.len()))).collect();
        let mut evaluator = Evaluator::new(&tape, layout, &process);
        let mut row = Vec::with_capacity(channels.len());
        for first in (0..lattice.len()).step_by(WIDTH) {
            evaluator.run(&lattice, first);
            for lane in 0..WIDTH.min(lattice.len() - first) {
                let state = first + lane;
                row.clear();
                for (k, channel) in channels.iter().enumerate() {
                    if !stays(&lattice, state, &channel.steps) {
                        continue;
                    }
                    let rate = evaluator.output(k, lane);
                    if !(rate >= 0.0 && rate.is_finite()) {
                        let (event, state) = (channel.event.clone(), lattice.describe(state));
                        return Err(ChainError::BadRate { event, rate, state });
                    }
                    if rate > 0.0 {
                        row.push((state.wrapping_add_signed(channel.offset) as u32, rate));
                    }
                }
                generator.push_row(state, &mut row);
                for (k, set) in sets.iter_mut().enumerate() {
                    set.1.push(evaluator.output(channels.len() + k, lane) != 0.0);
                }
                let first_output = channels.len() + sets.len();
                for (k, value) in values.iter_mut().enumerate() {
                    value.1.push(evaluator.output(first_output + k, lane));
                }
            }
        }
        Ok(Self { chain: Chain::new(lattice, generator), sets, outputs: values })
    }
}

/// The lattice of a process, before anything is computed on it.
///
/// # Errors
/// [`ChainError`] if the process flows or waits, or its states are not bounded.
pub fn lattice_of(process: &Process, bounds: &[Bound]) -> Result<Lattice, ChainError> {
    if let Some(&(state, _)) = process.flows.first() {
        return Err(ChainError::Flowing(process.states[state].info.name.clone()));
    }
    let mut process = process.clone();
    let events = process.all_events();
    refuse(&process, &events)?;
    lattice(&process, &events, bounds)
}

/// Refuses what has no chain.
fn refuse(process: &Process, events: &[Event]) -> Result<(), ChainError> {
    for event in events {
        if event.outcomes.iter().any(|o| o.later.is_some()) {
            return Err(ChainError::Delayed(event.name.clone()));
        }
        if event.dispersion.is_some_and(|d| process.graph.value(d) != Some(1.0)) {
            return Err(ChainError::NotPoisson(event.name.clone()));
        }
    }
    Ok(())
}

/// Whether a node depends on the present state and parameters only.
fn autonomous(process: &Process, node: Node, layout: Layout) -> bool {
    let tape = Tape::compile(&process.graph, &[node], layout);
    let past = |lag: usize| (0..layout.states).any(|i| tape.reads(layout.state(i, lag)));
    let timed = (0..=layout.lags).any(|lag| tape.reads(layout.time(lag)));
    !timed && !(1..=layout.lags).any(past)
}

/// The axes: from the bounds in steps that divide all jumps.
fn lattice(process: &Process, events: &[Event], bounds: &[Bound]) -> Result<Lattice, ChainError> {
    if let Some(unknown) = bounds.iter().find(|b| process.state_index(&b.state).is_none()) {
        return Err(ChainError::NoSuchState(unknown.state.clone()));
    }
    let mut axes = Vec::with_capacity(process.states.len());
    for (index, state) in process.states.iter().enumerate() {
        let name = state.info.name.clone();
        let sizes = events.iter().flat_map(|e| e.jumps.iter().chain(e.outcomes.iter().flat_map(|o| &o.jumps)));
        let sizes: Vec<f64> = sizes.filter(|jump| jump.0 == index && jump.1 != 0.0).map(|j| j.1.abs()).collect();
        if sizes.is_empty() {
            axes.push(Axis { name, low: state.info.start, step: 1.0, size: 1 });
            continue;
        }
        let bound = bounds.iter().rev().find(|b| b.state == name);
        let (low, high) = bound.map_or((state.info.lower, state.info.upper), |b| (b.low, b.high));
        if low == f64::NEG_INFINITY || high == f64::INFINITY {
            return Err(ChainError::Unbounded(name));
        }
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        let step = sizes.iter().copied().fold(0.0, common_step);
        if step < 1e-6 * largest {
            return Err(ChainError::NoStep(name));
        }
        let count = ((high - low) / step + 1e-9).floor();
        if count.is_nan() || count < 0.0 {
            return Err(ChainError::BadBound { name, low, high });
        }
        axes.push(Axis { name, low, step, size: count as usize + 1 });
    }
    let states: f64 = axes.iter().map(|a| a.size as f64).product();
    Lattice::new(axes).ok_or(ChainError::TooManyStates(states))
}

/// The greatest common divisor of two lengths, to rounding.
fn common_step(a: f64, b: f64) -> f64 {
    let (mut a, mut b) = (a.max(b), a.min(b));
    let nothing = 1e-9 * a;
    while b > nothing {
        let rest = a % b;
        // A remainder next to the divisor is a multiple that was rounded down.
        (a, b) = (b, if b - rest < nothing { 0.0 } else { rest });
    }
    a
}

/// The transitions of an event: one per outcome, and the event without any.
fn split(process: &mut Process, event: &Event, lattice: &Lattice) -> Vec<Channel> {
    let Some(rate) = event.rate else { return Vec::new() };
    let g = &mut process.graph;
    let mut parts: Vec<(Node, Vec<(usize, f64)>)> = Vec::new();
    let probabilities: Vec<Node> = event.outcomes.iter().map(|o| o.probability).collect();
    for outcome in &event.outcomes {
        parts.push((g.mul(rate, outcome.probability), [&event.jumps[..], &outcome.jumps[..]].concat()));
    }
    if probabilities.is_empty() {
        parts.push((rate, event.jumps.clone()));
    } else if !event.jumps.is_empty() {
        let some = g.sum(&probabilities);
        let none = g.complement(some);
        // Probabilities add up to one in exact arithmetic; in rounded arithmetic the rest may be a trifle below zero.
        let (zero, least) = (g.constant(0.0), g.constant(ROUNDING));
        let clipped = g.binary(crate::process::graph::Binary::Max, none, zero);
        let wrong = g.binary(crate::process::graph::Binary::Less, none, least);
        let rest = g.select(wrong, none, clipped);
        parts.push((g.mul(rate, rest), event.jumps.clone()));
    }
    let axes = lattice.axes();
    let channel = |(rate, jumps): (Node, Vec<(usize, f64)>)| {
        let mut steps = vec![0_isize; axes.len()];
        for (state, jump) in jumps {
            steps[state] += (jump / axes[state].step).round() as isize;
        }
        let offset = steps.iter().enumerate().map(|(k, s)| s * lattice.stride(k) as isize).sum();
        Channel { event: event.name.clone(), rate, steps, offset }
    };
    parts.into_iter().map(channel).filter(|c| c.steps.iter().any(|&s| s != 0)).collect()
}

/// Whether a jump from a state ends on the lattice.
#[inline]
fn stays(lattice: &Lattice, state: usize, steps: &[isize]) -> bool {
    let fits = |(axis, &step): (usize, &isize)| {
        let to = lattice.coordinate(state, axis) as isize + step;
        step == 0 || (to >= 0 && to < lattice.axes()[axis].size as isize)
    };
    steps.iter().enumerate().all(fits)
}

/// Evaluates a tape at many states.
struct Evaluator<'a> {
    tape: &'a Tape,
    layout: Layout,
    kernel: Kernel,
    inputs: Vec<Lanes<WIDTH>>,
    registers: Vec<Lanes<WIDTH>>,
}

impl<'a> Evaluator<'a> {
    fn new(tape: &'a Tape, layout: Layout, process: &Process) -> Self {
        let zero = Lanes::constant(0.0);
        let mut inputs = vec![zero; layout.len()];
        for (i, parameter) in process.parameters.iter().enumerate() {
            (0..=layout.lags).for_each(|lag| inputs[layout.parameter(i, lag)] = Lanes::constant(parameter.value));
        }
        let mut registers = vec![zero; tape.registers()];
        tape.run_prologue(&inputs, &mut registers);
        Self { tape, layout, kernel: Kernel::best(), inputs, registers }
    }

    /// Evaluates at the states from `first` on.
    fn run(&mut self, lattice: &Lattice, first: usize) {
        for axis in 0..lattice.axes().len() {
            let lanes = &mut self.inputs[self.layout.state(axis, 0)].0;
            for (lane, value) in lanes.iter_mut().enumerate() {
                *value = lattice.value((first + lane).min(lattice.len() - 1), axis);
            }
        }
        match self.kernel {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "the call of a function compiled for an instruction set found at run time")]
            // SAFETY: `Kernel::best` names only instruction sets that this machine has.
            Kernel::Avx2 => unsafe { run_avx2(self.tape, &self.inputs, &mut self.registers) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "the call of a function compiled for an instruction set found at run time")]
            // SAFETY: as above.
            Kernel::Avx512 => unsafe { run_avx512(self.tape, &self.inputs, &mut self.registers) },
            _ => self.tape.run_body(&self.inputs, &mut self.registers),
        }
    }

    fn output(&self, k: usize, lane: usize) -> f64 {
        self.tape.output(&self.registers, k).0[lane]
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2(tape: &Tape, inputs: &[Lanes<WIDTH>], registers: &mut [Lanes<WIDTH>]) {
    tape.run_body(inputs, registers);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn run_avx512(tape: &Tape, inputs: &[Lanes<WIDTH>], registers: &mut [Lanes<WIDTH>]) {
    tape.run_body(inputs, registers);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::dimension::Dimension;
    use crate::process::event::Outcome;
    use crate::process::field::StateInfo;
    use crate::process::population::{Parameter, State};

    #[test]
    fn outcomes_of_an_event_exclude_each_other() {
        let mut process = Process::default();
        let info = StateInfo { name: "n".to_owned(), start: 0.0, lower: 0.0, upper: 5.0, scale: 1.0 };
        process.state(State { info, unit: String::new(), about: String::new() });
        let (path, unit) = ("rate".to_owned(), String::new());
        let rate = process.parameter(Parameter { path, value: 2.0, dimension: Dimension::RATE, unit, factor: 1.0 });
        let (often, rarely) = (process.graph.constant(0.625), process.graph.constant(0.125));
        let outcome = |probability, jump| Outcome { probability, jumps: vec![(0, jump)], later: None };
        process.events.push(Event {
            name: "arrival".to_owned(),
            rate: Some(rate),
            dispersion: None,
            jumps: vec![(0, 1.0)],
            outcomes: vec![outcome(often, 1.0), outcome(rarely, -1.0)],
        });
        let built = ProcessChain::new(&process, &[]).expect("a chain");
        let row = |i| built.chain.generator().row(i).collect::<Vec<_>>();
        // One more in a quarter of the cases, two in five eighths, and in one eighth nothing that can be seen.
        assert_eq!(row(0), [(1, 0.5), (2, 1.25)]);
        assert_eq!(row(4), [(5, 0.5)], "a jump over the wall does not happen");
        assert_eq!(row(5), []);
    }

    #[test]
    fn a_step_divides_all_jumps() {
        assert_eq!(common_step(0.0, 3.0), 3.0);
        assert_eq!(common_step(4.0, 6.0), 2.0);
        assert!((common_step(0.3, 0.1) - 0.1).abs() < 1e-12);
        assert!((common_step(1.0, 0.1) - 0.1).abs() < 1e-12);
    }
}
