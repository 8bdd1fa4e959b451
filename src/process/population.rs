//! The population process itself: named states, transitions, flows, outputs, and the fluid equations that follow.
//!
//! ```text
//! x'(t) = Σ_j jump_j · rate_j(x(t - delay_j)) + flow(x(t))        (Kurtz 1970)
//! ```

use super::dimension::Dimension;
use super::event::{Event, Later, Outcome};
use super::field::StateInfo;
use super::graph::{Graph, Node};

/// A parameter: a number of the model that can be changed without changing the structure of the equations.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Dotted path in the model file.
    pub path: String,
    /// Value in base units.
    pub value: f64,
    /// Dimension.
    pub dimension: Dimension,
    /// Unit as the author wrote it.
    pub unit: String,
    /// Base units per unit as written.
    pub factor: f64,
}

/// A state variable with what printing needs beside what the numerics need.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Name, start, bounds, scale.
    pub info: StateInfo,
    /// Unit for printing.
    pub unit: String,
    /// What it is.
    pub about: String,
}

/// Something countable that happens at a rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// Name.
    pub name: String,
    /// Events per second.
    pub rate: Node,
    /// Change of each state per event.
    pub jumps: Vec<(usize, f64)>,
    /// The change lands this much later; an expression of parameters, in seconds.
    pub delay: Option<Node>,
    /// Whether its randomness is part of one of [`Process::events`], together with that of others.
    pub joint: bool,
}

/// A named quantity computed from the states.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Name.
    pub name: String,
    /// Its value.
    pub node: Node,
    /// Unit for printing.
    pub unit: String,
    /// What it is.
    pub about: String,
}

/// A population process; see the module documentation.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// All expressions.
    pub graph: Graph,
    /// Parameters, by index.
    pub parameters: Vec<Parameter>,
    /// States, by index.
    pub states: Vec<State>,
    /// Transitions.
    pub transitions: Vec<Transition>,
    /// Events that join several transitions; see [`Process::all_events`] for the rest.
    pub events: Vec<Event>,
    /// Continuous drifts: state and rate of change. A state may have several.
    pub flows: Vec<(usize, Node)>,
    /// Outputs.
    pub outputs: Vec<Output>,
    /// Named regions of the state space.
    pub sets: Vec<(String, Node)>,
    /// Names of intermediate quantities, for printing the equations.
    pub definitions: Vec<(String, Node)>,
}

impl Process {
    /// Adds a parameter and returns its node. A path that is there already keeps its first value.
    pub fn parameter(&mut self, parameter: Parameter) -> Node {
        let index = self.parameters.iter().position(|p| p.path == parameter.path).unwrap_or_else(|| {
            self.parameters.push(parameter);
            self.parameters.len() - 1
        });
        self.graph.parameter(index)
    }

    /// Adds a state and returns its index and node.
    pub fn state(&mut self, state: State) -> (usize, Node) {
        self.states.push(state);
        let index = self.states.len() - 1;
        (index, self.graph.state(index))
    }

    /// Adds a transition.
    pub fn transition(&mut self, name: impl Into<String>, rate: Node, jumps: Vec<(usize, f64)>, delay: Option<Node>) {
        self.transitions.push(Transition { name: name.into(), rate, jumps, delay, joint: false });
    }

    /// Every event of the process: the joint ones, with their indices kept, then each other transition as its own.
    pub fn all_events(&mut self) -> Vec<Event> {
        let mut all = self.events.clone();
        for transition in self.transitions.iter().filter(|t| !t.joint) {
            let (jumps, outcomes) = match transition.delay {
                None => (transition.jumps.clone(), Vec::new()),
                Some(delay) => {
                    let later = Later { delay, jumps: transition.jumps.clone(), fires: None };
                    let certain = self.graph.constant(1.0);
                    (Vec::new(), vec![Outcome { probability: certain, jumps: Vec::new(), later: Some(later) }])
                }
            };
            let (name, rate) = (transition.name.clone(), Some(transition.rate));
            all.push(Event { name, rate, dispersion: None, jumps, outcomes });
        }
        all
    }

    /// Index of the parameter with this path.
    #[must_use]
    pub fn parameter_index(&self, path: &str) -> Option<usize> {
        self.parameters.iter().position(|p| p.path == path)
    }

    /// Index of the state with this name.
    #[must_use]
    pub fn state_index(&self, name: &str) -> Option<usize> {
        self.states.iter().position(|s| s.info.name == name)
    }

    /// Index of the output with this name.
    #[must_use]
    pub fn output_index(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|o| o.name == name)
    }

    /// The right-hand sides of the fluid equations, one node per state.
    pub fn drift(&mut self) -> Vec<Node> {
        let g = &mut self.graph;
        let mut terms: Vec<Vec<Node>> = vec![Vec::new(); self.states.len()];
        for transition in &self.transitions {
            let rate = match transition.delay {
                Some(delay) => g.delayed(transition.rate, delay),
                None => transition.rate,
            };
            for &(state, jump) in &transition.jumps {
                let term = if jump == -1.0 {
                    g.neg(rate)
                } else {
                    let size = g.constant(jump);
                    g.mul(size, rate)
                };
                terms[state].push(term);
            }
        }
        for &(state, flow) in &self.flows {
            terms[state].push(flow);
        }
        terms.into_iter().map(|t| g.sum(&t)).collect()
    }
}
