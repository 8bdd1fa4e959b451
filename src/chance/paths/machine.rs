//! A process made ready for simulation: its events as channels with compiled rates, who depends on what, and what every
//! event can do.

use super::table::Table;
use crate::process::event::Event;
use crate::process::field::StateInfo;
use crate::process::graph::Node;
use crate::process::population::Process;
use crate::process::tape::{Layout, Tape};

/// Why a process cannot be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MachineError {
    /// The jump scale must be positive and finite.
    #[error("a jump scale of {0} is not positive and finite")]
    BadScale(f64),
    /// A state jumps and drifts without end: its parts cannot be counted.
    #[error("event `{0}` fires an event that does not exist")]
    NoSuchEvent(String),
}

/// What happens at one instant.
#[derive(Debug, Clone)]
pub(super) struct Effect {
    /// Change of each state, jump scale included.
    pub(super) jumps: Box<[(u32, f64)]>,
    /// Delay queue and the effect that waits in it.
    pub(super) later: Option<(u32, u32)>,
    /// Event fired.
    pub(super) fires: Option<u32>,
    /// Channels whose rate reads a changed state.
    pub(super) touches: Box<[u32]>,
}

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    pub(super) name: String,
    /// Rate; `None` if others fire it.
    pub(super) rate: Option<Tape>,
    /// Dispersion, if it is not 1.
    pub(super) dispersion: Option<Tape>,
    pub(super) table: Option<Table>,
    /// Index of the effect without outcome; that of outcome i is `effects + 1 + i`.
    pub(super) effects: usize,
}

/// Instructions of an event in a plain queue.
const PLAIN: f64 = 12.0;

/// A process ready for simulation at a jump scale.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(super) layout: Layout,
    pub(super) states: Vec<StateInfo>,
    pub(super) channels: Vec<Channel>,
    pub(super) effects: Vec<Effect>,
    /// Delay of each queue, an output of `delays` for each.
    pub(super) delays: Tape,
    pub(super) lags: Tape,
    /// Drift of the states that have one.
    pub(super) flows: Option<Tape>,
    pub(super) flowing: Vec<usize>,
    /// Channels to bring up to date after a flow step.
    pub(super) after_flow: Vec<u32>,
    /// Channels that read time or a lag.
    pub(super) timed: Vec<u32>,
    pub(super) reads_past: bool,
    /// States that only ever change by whole jumps.
    pub(super) lattice: Vec<bool>,
    pub(super) outputs: Tape,
    pub(super) scale: f64,
    /// What a tick, and a step of the flows within it, count beside events: their instructions over those of an event.
    pub(super) tick_cost: u64,
    pub(super) step_cost: u64,
}

impl Machine {
    /// Compiles a process at jump scale `scale` (1 for the process as it is).
    ///
    /// # Errors
    /// [`MachineError`].
    pub fn new(process: &Process, scale: f64) -> Result<Self, MachineError> {
        if !(scale > 0.0 && scale.is_finite()) {
            return Err(MachineError::BadScale(scale));
        }
        let mut process = process.clone();
        let events = process.all_events();
        let flow_nodes = flow_nodes(&mut process);
        let graph = &process.graph;
        let layout =
            Layout { parameters: process.parameters.len(), states: process.states.len(), lags: graph.lags().len() };
        let compile = |nodes: &[Node]| Tape::compile(graph, nodes, layout);
        let mut delays: Vec<Node> = Vec::new();
        let mut effects: Vec<Effect> = Vec::new();
        let mut channels = Vec::new();
        for event in &events {
            let first = effects.len();
            let mut waiting = Vec::new();
            effects.push(effect(&[&event.jumps], scale, None));
            for outcome in &event.outcomes {
                effects.push(effect(&[&event.jumps, &outcome.jumps], scale, None));
            }
            for (o, outcome) in event.outcomes.iter().enumerate() {
                let Some(later) = &outcome.later else { continue };
                if later.fires.is_some_and(|f| f >= events.len()) {
                    return Err(MachineError::NoSuchEvent(event.name.clone()));
                }
                let queue = delays.iter().position(|&d| d == later.delay).unwrap_or_else(|| {
                    delays.push(later.delay);
                    delays.len() - 1
                });
                waiting.push((first + 1 + o, queue));
                effects.push(effect(&[&later.jumps], scale, later.fires));
            }
            for (i, &(from, queue)) in waiting.iter().enumerate() {
                let lands = first + 1 + event.outcomes.len() + i;
                effects[from].later = Some((queue as u32, lands as u32));
            }
            channels.push(channel(event, first, &compile, layout));
        }
        let flows = (!flow_nodes.is_empty()).then(|| compile(&flow_nodes.iter().map(|f| f.1).collect::<Vec<_>>()));
        let flowing: Vec<usize> = flow_nodes.iter().map(|f| f.0).collect();
        let reads = |c: &Channel, input: usize| c.rate.as_ref().is_some_and(|t| t.reads(input));
        let readers = |channels: &[Channel], states: &[usize]| -> Vec<u32> {
            let one = |c: &Channel| states.iter().any(|&i| reads(c, layout.state(i, 0)));
            (0..channels.len()).filter(|&k| one(&channels[k])).map(|k| k as u32).collect()
        };
        for effect in &mut effects {
            let changed: Vec<usize> = effect.jumps.iter().map(|j| j.0 as usize).collect();
            effect.touches = readers(&channels, &changed).into();
        }
        let past = layout.state(0, 1)..layout.len();
        let timed = |t: &Tape| past.clone().any(|i| t.reads(i));
        let tapes = || channels.iter().flat_map(|c| c.rate.iter().chain(c.table.as_ref().map(|t| &t.tape)));
        let lagged = |t: &Tape| {
            (1..=layout.lags).any(|j| {
                (0..layout.states).any(|i| t.reads(layout.state(i, j)))
                    || (0..layout.parameters).any(|i| t.reads(layout.parameter(i, j)))
            })
        };
        let lattice = lattice(&process, &events, &flowing);
        let outputs: Vec<Node> = process.outputs.iter().map(|o| o.node).collect();
        let outputs = compile(&outputs);
        let mut machine = Self {
            states: process.states.iter().map(|s| s.info.clone()).collect(),
            delays: compile(&delays),
            lags: compile(graph.lags()),
            reads_past: tapes().any(lagged) || flows.as_ref().is_some_and(lagged) || lagged(&outputs),
            timed: (0..channels.len())
                .filter(|&k| channels[k].rate.as_ref().is_some_and(timed))
                .map(|k| k as u32)
                .collect(),
            after_flow: readers(&channels, &flowing),
            outputs,
            layout,
            channels,
            effects,
            flows,
            flowing,
            lattice,
            scale,
            tick_cost: 0,
            step_cost: 0,
        };
        let event = machine.work().max(PLAIN);
        let rates = machine.timed.iter().chain(&machine.after_flow);
        let tick: f64 = rates.filter_map(|&k| machine.channels[k as usize].rate.as_ref()).map(weight).sum();
        machine.tick_cost = (tick / event).ceil() as u64;
        machine.step_cost = machine.flows.as_ref().map_or(0, |t| (2.0 * weight(t) / event).ceil() as u64);
        Ok(machine)
    }

    /// The states.
    #[must_use]
    pub fn states(&self) -> &[StateInfo] {
        &self.states
    }

    /// Number of events that can happen, those fired by others included.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// The jump scale.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Instructions that an event makes necessary, on average over what can happen; a tape with an incomplete gamma
    /// function counts eightfold.
    #[must_use]
    pub fn work(&self) -> f64 {
        let length = |k: &u32| self.channels[*k as usize].rate.as_ref().map_or(0.0, weight);
        let total: f64 = self.effects.iter().flat_map(|e| &e.touches).map(length).sum();
        total / self.effects.len().max(1) as f64
    }

    /// Whether anything changes between events.
    pub(super) fn ticks(&self) -> bool {
        !self.flowing.is_empty() || !self.timed.is_empty() || self.reads_past
    }
}

/// Instructions of a tape; with an incomplete gamma function they count eightfold.
fn weight(tape: &Tape) -> f64 {
    tape.len() as f64 * if tape.is_enclosable() { 1.0 } else { 8.0 }
}

fn channel(event: &Event, effects: usize, compile: &impl Fn(&[Node]) -> Tape, layout: Layout) -> Channel {
    let probabilities: Vec<Node> = event.outcomes.iter().map(|o| o.probability).collect();
    Channel {
        name: event.name.clone(),
        rate: event.rate.map(|r| compile(&[r])),
        dispersion: event.dispersion.map(|d| compile(&[d])),
        table: (!probabilities.is_empty()).then(|| Table::new(compile(&probabilities), layout)),
        effects,
    }
}

/// Jumps together, each state once.
fn effect(jumps: &[&Vec<(usize, f64)>], scale: f64, fires: Option<usize>) -> Effect {
    let mut all: Vec<(u32, f64)> = Vec::new();
    for &(state, jump) in jumps.iter().copied().flatten() {
        match all.iter_mut().find(|j| j.0 as usize == state) {
            Some(known) => known.1 += scale * jump,
            None => all.push((state as u32, scale * jump)),
        }
    }
    all.retain(|j| j.1 != 0.0);
    Effect { jumps: all.into(), later: None, fires: fires.map(|f| f as u32), touches: Box::default() }
}

/// The flow of each state that has one.
fn flow_nodes(process: &mut Process) -> Vec<(usize, Node)> {
    let mut flows: Vec<(usize, Node)> = Vec::new();
    for &(state, flow) in &process.flows.clone() {
        match flows.iter_mut().find(|f| f.0 == state) {
            Some(known) => known.1 = process.graph.add(known.1, flow),
            None => flows.push((state, flow)),
        }
    }
    flows
}

/// States without flow whose every jump is a whole number.
fn lattice(process: &Process, events: &[Event], flowing: &[usize]) -> Vec<bool> {
    let mut whole: Vec<bool> = (0..process.states.len()).map(|i| !flowing.contains(&i)).collect();
    for event in events {
        let later = event.outcomes.iter().filter_map(|o| o.later.as_ref()).flat_map(|l| &l.jumps);
        for &(state, jump) in event.jumps.iter().chain(event.outcomes.iter().flat_map(|o| &o.jumps)).chain(later) {
            whole[state] &= jump.fract() == 0.0;
        }
    }
    whole
}
