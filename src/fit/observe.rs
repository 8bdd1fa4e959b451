//! Which quantity of the equations a column is held to.

use super::metrics::guess::Role;
use crate::model::types::Model;
use crate::process::graph::Op;
use crate::process::population::Process;

/// What is compared with a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Observable {
    /// A state.
    State(usize),
    /// A sum of outputs, each with its factor.
    Outputs(Vec<(usize, f64)>),
    /// The product of two outputs.
    Product(usize, usize),
}

/// The service that a model's first client calls; roles without a client of their own are looked for there.
#[must_use]
pub fn main_service(model: &Model) -> Option<&str> {
    model.clients.first().map(|client| client.calls.value.as_str())
}

/// The quantity behind a role. `None` if these equations have none.
#[must_use]
pub fn of_role(process: &Process, role: Role, service: Option<&str>) -> Option<Observable> {
    let output = |name: &str| process.output_index(name);
    let at = |name: &str| service.and_then(|service| process.output_index(&format!("{service}.{name}")));
    let one = |index: Option<usize>| index.map(|i| Observable::Outputs(vec![(i, 1.0)]));
    let difference = |a: Option<usize>, b: Option<usize>| Some(Observable::Outputs(vec![(a?, 1.0), (b?, -1.0)]));
    let found = match role {
        Role::Offered => one(output("load")),
        Role::Attempts => one(output("attempts")),
        Role::Served => one(at("throughput")),
        Role::Goodput => one(output("goodput")),
        Role::Errors => difference(output("attempts"), output("goodput")),
        Role::Retries => difference(output("attempts"), output("load")),
        Role::Rejected => match (at("offered"), at("blocked")) {
            (Some(offered), Some(blocked)) => Some(Observable::Product(offered, blocked)),
            _ => None,
        },
        Role::Latency => one(at("wait")),
        Role::Inflight => one(at("inside")),
        Role::Utilization => one(at("utilisation")),
        Role::HitRatio => {
            let index = process.outputs.iter().position(|o| o.name.ends_with(".hit_ratio"));
            one(index)
        }
        Role::Timeouts | Role::Queue | Role::P50 | Role::P90 | Role::P95 | Role::P99 => None,
    };
    // The equation layer may call its outputs by the same words.
    found.or_else(|| named(process, role.name()))
}

/// The state that a quantity is, if it is one and no more.
#[must_use]
pub fn state_of(process: &Process, observable: &Observable) -> Option<usize> {
    let index = match observable {
        Observable::State(index) => return Some(*index),
        Observable::Outputs(terms) => match &terms[..] {
            [(index, factor)] if *factor == 1.0 => *index,
            _ => return None,
        },
        Observable::Product(..) => return None,
    };
    match process.graph.op(process.outputs[index].node) {
        Op::State { index, lag: 0 } => Some(index as usize),
        _ => None,
    }
}

/// The variance of a state, where the equations have it.
#[must_use]
pub fn variance_of(process: &Process, state: usize) -> Option<usize> {
    process.state_index(&format!("{}_variance", process.states[state].info.name))
}

/// A state or an output by its name.
#[must_use]
pub fn named(process: &Process, name: &str) -> Option<Observable> {
    if let Some(index) = process.state_index(name) {
        return Some(Observable::State(index));
    }
    process.output_index(name).map(|index| Observable::Outputs(vec![(index, 1.0)]))
}
