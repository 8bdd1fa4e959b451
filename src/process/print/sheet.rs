//! The document to be written: quantities in an order in which each uses only those before it, and the equations.

use super::names::{self, Given};
use super::past::Past;
use super::view::{self, Condition, View};
use crate::process::graph::{Graph, Node, Op};
use crate::process::population::Process;
use std::collections::{HashMap, HashSet};

/// Shared expressions of at least this many parts get a name.
const LARGE: usize = 8;
/// Expressions nested deeper than this get a name, so that none is beyond what the parser takes.
const DEEP: usize = 40;

/// A quantity with a name.
#[derive(Debug, Clone)]
pub(super) struct Quantity {
    /// Its name.
    pub name: String,
    /// What it stands for.
    pub node: Node,
    /// Unit and meaning, as far as known.
    pub remark: String,
    /// Whether it only repeats what has another name.
    pub alias: bool,
}

/// A process laid out for printing.
pub(super) struct Sheet<'a> {
    /// The process.
    pub process: &'a Process,
    /// Named quantities, in order of use.
    pub quantities: Vec<Quantity>,
    /// Right-hand side of each state.
    pub drift: Vec<Node>,
    /// The distinct lags of the equations.
    pub lags: Vec<Node>,
    graph: Graph,
    past: Past,
    names: HashMap<Node, String>,
    views: HashMap<Node, View>,
}

impl<'a> Sheet<'a> {
    /// Lays a process out.
    pub(super) fn new(process: &'a Process) -> Self {
        let mut own = process.clone();
        let drift = own.drift();
        let graph = own.graph;
        let (given, mut taken) = names::given(process);
        let mut past = Past::default();
        let mut names = HashMap::new();
        for named in given.iter().filter(|g| g.first) {
            names.insert(named.node, named.name.clone());
            past.note(&graph, named.node);
        }
        for transition in &process.transitions {
            if let Some(delay) = transition.delay {
                past.note_at(&graph, transition.rate, delay);
            }
        }
        let lags = graph.lags().to_vec();
        let mut sheet = Self { process, quantities: vec![], drift, lags, graph, past, names, views: HashMap::new() };
        let (order, uses) = sheet.order(&given);
        sheet.name_parts(&order, &uses, &mut taken);
        sheet.collect(&given, &order);
        sheet
    }

    /// The name of a node, if it is called by one.
    pub(super) fn name(&self, node: Node) -> Option<&str> {
        self.names.get(&node).map(String::as_str)
    }

    /// What a node looks like, written out.
    pub(super) fn view(&mut self, node: Node) -> View {
        if let Some(known) = self.views.get(&node) {
            return known.clone();
        }
        let view = match self.past.of(&mut self.graph, node) {
            Some((now, lag)) => View::Delay(now, lag),
            None => {
                let names = &self.names;
                view::view(&mut self.graph, node, &|n| names.contains_key(&n))
            }
        };
        self.views.insert(node, view.clone());
        view
    }

    /// The condition that a set stands for.
    pub(super) fn condition(&self, node: Node) -> Condition {
        view::condition(&self.graph, node)
    }

    /// All nodes that are printed, parts before what they are parts of, and how often each is used.
    fn order(&mut self, given: &[Given]) -> (Vec<Node>, HashMap<Node, usize>) {
        let mut roots: Vec<Node> = given.iter().map(|g| g.node).collect();
        roots.extend(&self.drift);
        roots.extend(&self.lags);
        for (_, set) in &self.process.sets {
            roots.extend(self.condition(*set).parts());
        }
        roots.extend(self.process.transitions.iter().map(|t| t.rate));
        let (mut order, mut uses) = (Vec::new(), HashMap::new());
        let mut seen = HashSet::new();
        for root in roots {
            let mut todo = vec![(root, false)];
            while let Some((node, done)) = todo.pop() {
                if done {
                    order.push(node);
                } else if seen.insert(node) {
                    todo.push((node, true));
                    for part in self.view(node).parts() {
                        *uses.entry(part).or_insert(0) += 1;
                        todo.push((part, false));
                    }
                }
            }
        }
        (order, uses)
    }

    /// Names what is large and shared, or deep, and has no name.
    fn name_parts(&mut self, order: &[Node], uses: &HashMap<Node, usize>, taken: &mut names::Taken) {
        let mut measures: HashMap<Node, (usize, usize)> = HashMap::new();
        let mut number = 0;
        for &node in order {
            let view = self.view(node);
            let (mut size, mut depth) = (1_usize, 1_usize);
            for part in view.parts() {
                let (s, d) = measures.get(&part).copied().unwrap_or((1, 1));
                size = size.saturating_add(s);
                depth = depth.max(d + 1);
            }
            let leaf = matches!(view, View::Number(_) | View::Parameter(_) | View::State(_) | View::Time);
            let shared = uses.get(&node).copied().unwrap_or(0) > 1 && size >= LARGE;
            if !leaf && !self.names.contains_key(&node) && (shared || depth > DEEP) {
                let name = taken.part(&mut number);
                self.names.insert(node, name);
            }
            measures.insert(node, if self.names.contains_key(&node) { (1, 1) } else { (size, depth) });
        }
    }

    fn collect(&mut self, given: &[Given], order: &[Node]) {
        let firsts: HashMap<Node, &Given> = given.iter().filter(|g| g.first).map(|g| (g.node, g)).collect();
        for &node in order {
            let Some(name) = self.names.get(&node) else { continue };
            let remark = firsts.get(&node).map_or(String::new(), |g| remark(&g.unit, &g.about));
            self.quantities.push(Quantity { name: name.clone(), node, remark, alias: false });
        }
        for other in given.iter().filter(|g| !g.first) {
            let remark = remark(&other.unit, &other.about);
            self.quantities.push(Quantity { name: other.name.clone(), node: other.node, remark, alias: true });
        }
    }

    /// Whether the lag of a node is one of several states and not a number or parameter.
    pub(super) fn is_leaf(&self, node: Node) -> bool {
        matches!(
            self.graph.op(node),
            Op::Constant(_) | Op::Parameter { lag: 0, .. } | Op::State { lag: 0, .. } | Op::Time { lag: 0 }
        )
    }
}

/// `[unit] meaning`, as far as there is one.
pub(super) fn remark(unit: &str, about: &str) -> String {
    match (unit.is_empty(), about.is_empty()) {
        (true, true) => String::new(),
        (true, false) => about.to_owned(),
        (false, true) => format!("[{unit}]"),
        (false, false) => format!("[{unit}] {about}"),
    }
}
