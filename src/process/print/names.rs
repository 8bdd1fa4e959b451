//! Which nodes are called by a name: what the process names, and what is large, shared and has no name.

use crate::process::graph::{Node, Op};
use crate::process::population::Process;
use std::collections::{HashMap, HashSet};

/// A name that the process gives to a node.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// The name, made unique.
    pub name: String,
    /// What it stands for.
    pub node: Node,
    /// Unit, if known.
    pub unit: String,
    /// What it is, if known.
    pub about: String,
    /// Whether it names the node first (or the node is a state or parameter): others repeat that name.
    pub first: bool,
}

/// Names in use, so that no two things share one.
#[derive(Debug, Default)]
pub(super) struct Taken(HashSet<String>);

impl Taken {
    /// The name itself, or with a number behind it if it is taken.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 2;
        while !self.0.insert(unique.clone()) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        unique
    }

    /// The next free name of the series `part_1`, `part_2`, ...
    pub(super) fn part(&mut self, number: &mut usize) -> String {
        loop {
            *number += 1;
            let name = format!("part_{number}");
            if self.0.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// The names that a process gives, in its own order, without repetitions; and all names in use.
pub(super) fn given(process: &Process) -> (Vec<Given>, Taken) {
    let mut taken = Taken::default();
    taken.0.extend(["t", "pi"].map(str::to_owned));
    taken.0.extend(process.parameters.iter().map(|p| p.path.clone()));
    taken.0.extend(process.states.iter().map(|s| s.info.name.clone()));
    let mut known: HashMap<(&str, Node), usize> = HashMap::new();
    let mut named: HashSet<Node> = HashSet::new();
    let mut list: Vec<Given> = Vec::new();
    let definitions = process.definitions.iter().map(|(name, node)| (name.as_str(), *node, "", ""));
    let outputs = process.outputs.iter().map(|o| (o.name.as_str(), o.node, o.unit.as_str(), o.about.as_str()));
    for (name, node, unit, about) in definitions.chain(outputs) {
        if let Some(&i) = known.get(&(name, node)) {
            (list[i].unit, list[i].about) = (unit.to_owned(), about.to_owned());
            continue;
        }
        // A model may report a parameter or state under its own name.
        let itself = match process.graph.op(node) {
            Op::Parameter { index, lag: 0 } => process.parameters[index as usize].path == name,
            Op::State { index, lag: 0 } => process.states[index as usize].info.name == name,
            _ => false,
        };
        if itself {
            continue;
        }
        known.insert((name, node), list.len());
        let own_name = matches!(
            process.graph.op(node),
            Op::Constant(_) | Op::Parameter { lag: 0, .. } | Op::State { lag: 0, .. } | Op::Time { lag: 0 }
        );
        list.push(Given {
            name: taken.unique(name),
            node,
            unit: unit.to_owned(),
            about: about.to_owned(),
            first: !own_name && named.insert(node),
        });
    }
    (list, taken)
}
