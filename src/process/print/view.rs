//! What an expression looks like to a reader: sums with signs, products, the functions of the model language. Patterns
//! that the language has a name for (`normal_pdf`, `gamma_p`, a variable power) are recognised.

use crate::process::graph::{Binary, Graph, Node, Op, Unary};

/// A term of a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Term {
    /// Whether it is subtracted.
    pub negative: bool,
    /// What is added or subtracted.
    pub node: Node,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// `a < b`
    Less(Node, Node),
    /// `a <= b`
    LessEqual(Node, Node),
    /// `a == b`
    Equal(Node, Node),
    /// `a != 0`
    NotZero(Node),
    /// both
    And(Box<Condition>, Box<Condition>),
    /// at least one
    Or(Box<Condition>, Box<Condition>),
    /// not
    Not(Box<Condition>),
}

/// The readable form of one node; operands may in turn be names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum View {
    /// A number.
    Number(f64),
    /// A parameter, by its index.
    Parameter(usize),
    /// A state at present, by its index.
    State(usize),
    /// Time at present.
    Time,
    /// Two or more terms.
    Sum(Vec<Term>),
    /// `-x`
    Negative(Node),
    /// `x * y`
    Product(Node, Node),
    /// `x / y`
    Quotient(Node, Node),
    /// `x / (x + y)`
    Ratio(Node, Node),
    /// `x ^ number`
    Power(Node, f64),
    /// `x ^ y`
    VariablePower(Node, Node),
    /// A function by its name in the model language.
    Call(&'static str, Vec<Node>),
    /// `if(c, a, b)`
    If(Condition, Node, Node),
    /// 1 where the condition holds, else 0.
    Indicator(Condition),
    /// `delay(x, lag)`
    Delay(Node, Node),
}

impl View {
    /// The nodes that it is made of.
    pub(super) fn parts(&self) -> Vec<Node> {
        match self {
            Self::Number(_) | Self::Parameter(_) | Self::State(_) | Self::Time => vec![],
            Self::Sum(terms) => terms.iter().map(|t| t.node).collect(),
            Self::Negative(x) | Self::Power(x, _) => vec![*x],
            Self::Product(x, y)
            | Self::Quotient(x, y)
            | Self::Ratio(x, y)
            | Self::VariablePower(x, y)
            | Self::Delay(x, y) => vec![*x, *y],
            Self::Call(_, arguments) => arguments.clone(),
            Self::If(c, x, y) => {
                let mut parts = c.parts();
                parts.extend([*x, *y]);
                parts
            }
            Self::Indicator(c) => c.parts(),
        }
    }
}

impl Condition {
    /// The nodes that it is made of.
    pub(super) fn parts(&self) -> Vec<Node> {
        match self {
            Self::Less(x, y) | Self::LessEqual(x, y) | Self::Equal(x, y) => vec![*x, *y],
            Self::NotZero(x) => vec![*x],
            Self::And(x, y) | Self::Or(x, y) => [x.parts(), y.parts()].concat(),
            Self::Not(x) => x.parts(),
        }
    }
}

/// The condition that a node stands for.
pub(super) fn condition(graph: &Graph, node: Node) -> Condition {
    let is_condition = |n: Node| looks_like_condition(graph, n);
    let inner = |n: Node| Box::new(condition(graph, n));
    match graph.op(node) {
        Op::Binary(Binary::Less, x, y) => Condition::Less(x, y),
        Op::Binary(Binary::LessEqual, x, y) => Condition::LessEqual(x, y),
        Op::Binary(Binary::Mul, x, y) if is_condition(x) && is_condition(y) => match (graph.op(x), graph.op(y)) {
            (Op::Binary(Binary::LessEqual, a, b), Op::Binary(Binary::LessEqual, c, d)) if (a, b) == (d, c) => {
                Condition::Equal(a, b)
            }
            _ => Condition::And(inner(x), inner(y)),
        },
        Op::Binary(Binary::Max, x, y) if is_condition(x) && is_condition(y) => Condition::Or(inner(x), inner(y)),
        Op::Binary(Binary::Sub, x, y) if graph.value(x) == Some(1.0) && is_condition(y) => Condition::Not(inner(y)),
        _ => Condition::NotZero(node),
    }
}

fn looks_like_condition(graph: &Graph, node: Node) -> bool {
    match graph.op(node) {
        Op::Binary(Binary::Less | Binary::LessEqual, ..) => true,
        Op::Binary(Binary::Mul | Binary::Max, x, y) => looks_like_condition(graph, x) && looks_like_condition(graph, y),
        Op::Binary(Binary::Sub, x, y) => graph.value(x) == Some(1.0) && looks_like_condition(graph, y),
        _ => false,
    }
}

/// The readable form of a node in the present. `named` tells which nodes are called by a name: patterns do not reach
/// through them.
pub(super) fn view(graph: &mut Graph, node: Node, named: &dyn Fn(Node) -> bool) -> View {
    match graph.op(node) {
        Op::Constant(bits) => View::Number(f64::from_bits(bits)),
        Op::Parameter { index, .. } => View::Parameter(index as usize),
        Op::State { index, .. } => View::State(index as usize),
        Op::Time { .. } => View::Time,
        Op::Unary(f, x) => unary(graph, f, x, named),
        Op::Binary(f, x, y) => binary(graph, node, (f, x, y), named),
        Op::Power(x, e) => View::Power(x, f64::from_bits(e)),
        Op::Select(c, x, y) => View::If(condition(graph, c), x, y),
        Op::Output(station, i) => {
            const FUNCTIONS: [&str; 5] = ["busy", "busy_covariance", "ahead", "ahead_variance", "all_busy"];
            View::Call(FUNCTIONS[usize::from(i).min(4)], Graph::operands(graph.op(station)))
        }
        // A station is only met through its outputs; its first one stands for it.
        Op::Station(m, v, c) => View::Call("busy", vec![m, v, c]),
    }
}

fn unary(graph: &Graph, f: Unary, x: Node, named: &dyn Fn(Node) -> bool) -> View {
    let name = match f {
        Unary::Neg => return View::Negative(x),
        Unary::Exp => {
            if let Op::Binary(Binary::Mul, a, b) = graph.op(x)
                && !named(x)
            {
                for (log, exponent) in [(a, b), (b, a)] {
                    if let Op::Unary(Unary::Ln, base) = graph.op(log)
                        && !named(log)
                    {
                        return View::VariablePower(base, exponent);
                    }
                }
            }
            "exp"
        }
        Unary::Ln => "ln",
        Unary::Sqrt => "sqrt",
        Unary::Floor => "floor",
        Unary::Abs => "abs",
        Unary::NormalCdf => "normal_cdf",
        Unary::Logistic => "logistic",
    };
    View::Call(name, vec![x])
}

fn binary(graph: &mut Graph, node: Node, (f, x, y): (Binary, Node, Node), named: &dyn Fn(Node) -> bool) -> View {
    match f {
        Binary::Add | Binary::Sub => {
            if let Some((a, z)) = lower_gamma(graph, node, named) {
                return View::Call("gamma_p", vec![a, z]);
            }
            View::Sum(terms(graph, node, named))
        }
        Binary::Mul => {
            if let Some(z) = density_argument(graph, x, y, named).or_else(|| density_argument(graph, y, x, named)) {
                return View::Call("normal_pdf", vec![z]);
            }
            // A product or quotient before a factor saves parentheses; numbers stand first, sums last.
            let composite = |n: Node| !named(n) && matches!(graph.op(n), Op::Binary(Binary::Mul | Binary::Div, ..));
            let sum = |n: Node| !named(n) && matches!(graph.op(n), Op::Binary(Binary::Add | Binary::Sub, ..));
            let swap = graph.value(x).is_none()
                && (graph.value(y).is_some() || (composite(y) && !composite(x)) || (sum(x) && !sum(y)));
            if swap { View::Product(y, x) } else { View::Product(x, y) }
        }
        Binary::Div => View::Quotient(x, y),
        Binary::Ratio => View::Ratio(x, y),
        Binary::Min | Binary::Max => {
            let mut arguments = Vec::new();
            let mut first = x;
            arguments.push(y);
            while let Op::Binary(g, a, b) = graph.op(first)
                && g == f
                && !named(first)
            {
                arguments.push(b);
                first = a;
            }
            arguments.push(first);
            arguments.reverse();
            View::Call(if f == Binary::Min { "min" } else { "max" }, arguments)
        }
        Binary::LessEqual if graph.value(x) == Some(0.0) => View::Call("step", vec![y]),
        Binary::Less | Binary::LessEqual => View::Indicator(condition(graph, node)),
        Binary::GammaQ => View::Call("gamma_q", vec![x, y]),
        Binary::GammaQByShape => View::Call("gamma_q_by_shape", vec![x, y]),
        Binary::GammaQByPoint => View::Call("gamma_q_by_point", vec![x, y]),
    }
}

/// Longest sum that is written on one level.
const MOST_TERMS: usize = 256;

/// The terms of a sum, the first one positive if there is one.
fn terms(graph: &mut Graph, node: Node, named: &dyn Fn(Node) -> bool) -> Vec<Term> {
    let mut found = Vec::new();
    let mut todo = vec![Term { negative: false, node }];
    while let Some(term) = todo.pop() {
        let below = term.node == node || (!named(term.node) && found.len() + todo.len() < MOST_TERMS);
        let positive = |node| Term { negative: false, node };
        match graph.op(term.node) {
            _ if lower_gamma(graph, term.node, named).is_some() => found.push(term),
            Op::Binary(Binary::Add, x, y) if below && !term.negative => todo.extend([positive(y), positive(x)]),
            Op::Binary(Binary::Sub, x, y) if below && !term.negative => {
                todo.extend([Term { negative: true, node: y }, positive(x)]);
            }
            Op::Unary(Unary::Neg, x) if below => found.push(Term { negative: !term.negative, node: x }),
            Op::Binary(Binary::Mul, x, y) if below => {
                let negated = [(x, y), (y, x)]
                    .into_iter()
                    .find_map(|(c, rest)| graph.value(c).filter(|v| *v < 0.0).map(|v| (v, rest)));
                match negated {
                    Some((value, rest)) => {
                        let size = graph.constant(-value);
                        let node = graph.mul(size, rest);
                        found.push(Term { negative: !term.negative, node });
                    }
                    None => found.push(term),
                }
            }
            _ => found.push(term),
        }
    }
    if found.iter().all(|t| !t.negative) {
        // What was built first stands first.
        found.sort_by_key(|t| t.node);
    } else if let Some(first) = found.iter().position(|t| !t.negative) {
        let term = found.remove(first);
        found.insert(0, term);
    }
    found
}

/// (a, z) if the node is 1 - Q(a, z).
fn lower_gamma(graph: &Graph, node: Node, named: &dyn Fn(Node) -> bool) -> Option<(Node, Node)> {
    match graph.op(node) {
        Op::Binary(Binary::Sub, one, y) if graph.value(one) == Some(1.0) && !named(y) => match graph.op(y) {
            Op::Binary(Binary::GammaQ, a, z) => Some((a, z)),
            _ => None,
        },
        _ => None,
    }
}

/// z if the product of the two is the standard normal density at z.
fn density_argument(graph: &Graph, front: Node, bell: Node, named: &dyn Fn(Node) -> bool) -> Option<Node> {
    if graph.value(front) != Some(0.398_942_280_401_432_7) || named(bell) {
        return None;
    }
    let Op::Unary(Unary::Exp, exponent) = graph.op(bell) else { return None };
    let Op::Binary(Binary::Mul, a, b) = graph.op(exponent) else { return None };
    let square = if graph.value(a) == Some(-0.5) { b } else { a };
    if graph.value(a) != Some(-0.5) && graph.value(b) != Some(-0.5) {
        return None;
    }
    match graph.op(square) {
        Op::Power(z, e) if f64::from_bits(e) == 2.0 => Some(z),
        _ => None,
    }
}
