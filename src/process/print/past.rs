//! Expressions of the past: which nodes are another node as it was some lag ago.

use crate::process::graph::{Binary, Graph, Node, Op};
use std::collections::HashMap;

/// The lags that the parameters, states and times inside a node carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lags {
    /// Nothing that changes.
    None,
    /// The same one everywhere (0 = the present).
    One(u32),
    /// Several.
    Several,
}

impl Lags {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, x) | (x, Self::None) => x,
            (a, b) if a == b => a,
            _ => Self::Several,
        }
    }
}

/// What is known about the past of the nodes of a graph.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Node of the past: the same in the present, and the lag.
    known: HashMap<Node, (Node, Node)>,
    lags: Vec<Lags>,
}

impl Past {
    /// Notes where the past of `now` occurs in the graph, for every lag in use.
    pub(super) fn note(&mut self, graph: &Graph, now: Node) {
        for &lag in graph.lags() {
            self.note_at(graph, now, lag);
        }
    }

    /// Notes where `now` as it was `lag` ago occurs in the graph.
    pub(super) fn note_at(&mut self, graph: &Graph, now: Node, lag: Node) {
        if let Some(then) = find(graph, now, lag)
            && then != now
        {
            self.known.entry(then).or_insert((now, lag));
        }
    }

    /// `(x, lag)` if `node` can be read as x, some lag ago.
    pub(super) fn of(&mut self, graph: &mut Graph, node: Node) -> Option<(Node, Node)> {
        if let Some(&known) = self.known.get(&node) {
            return Some(known);
        }
        for i in self.lags.len()..graph.len() {
            let own = match graph.op(Node(i as u32)) {
                Op::Parameter { lag, .. } | Op::State { lag, .. } | Op::Time { lag } => Lags::One(lag),
                op => Graph::operands(op).into_iter().fold(Lags::None, |l, x| l.and(self.lags[x.index()])),
            };
            self.lags.push(own);
        }
        let Lags::One(lag @ 1..) = self.lags[node.index()] else { return None };
        let lag = graph.lags()[lag as usize - 1];
        Some((present(graph, node), lag))
    }
}

/// All nodes below and including one, operands first.
fn below(graph: &Graph, node: Node) -> Vec<Node> {
    let mut seen = vec![false; node.index() + 1];
    let mut todo = vec![node];
    while let Some(n) = todo.pop() {
        if !std::mem::replace(&mut seen[n.index()], true) {
            todo.extend(Graph::operands(graph.op(n)));
        }
    }
    (0..seen.len()).filter(|&i| seen[i]).map(|i| Node(i as u32)).collect()
}

/// The node that is `now` as it was `lag` ago, if the graph has it.
fn find(graph: &Graph, now: Node, lag: Node) -> Option<Node> {
    let delayed = |before: u32| {
        let total = match before {
            0 => lag,
            _ => graph.find(Op::Binary(Binary::Add, graph.lags()[before as usize - 1], lag))?,
        };
        graph.lags().iter().position(|&l| l == total).map(|i| i as u32 + 1)
    };
    let mut then = HashMap::new();
    for node in below(graph, now) {
        let op = match graph.op(node) {
            Op::Parameter { index, lag } => Op::Parameter { index, lag: delayed(lag)? },
            Op::State { index, lag } => Op::State { index, lag: delayed(lag)? },
            Op::Time { lag } => Op::Time { lag: delayed(lag)? },
            op => Graph::with_operands(op, |n| then.get(&n).copied().unwrap_or(n)),
        };
        then.insert(node, graph.find(op)?);
    }
    then.get(&now).copied()
}

/// The node without its lags.
fn present(graph: &mut Graph, node: Node) -> Node {
    let mut now = HashMap::new();
    for n in below(graph, node) {
        let op = match graph.op(n) {
            Op::Parameter { index, .. } => Op::Parameter { index, lag: 0 },
            Op::State { index, .. } => Op::State { index, lag: 0 },
            Op::Time { .. } => Op::Time { lag: 0 },
            op => Graph::with_operands(op, |n| now.get(&n).copied().unwrap_or(n)),
        };
        now.insert(n, graph.intern(op));
    }
    now.get(&node).copied().unwrap_or(node)
}
