//! Expressions as a directed acyclic graph with shared sub-expressions: what both layers of a model file are lowered to
//! before they become a tape.
//!
//! Nodes are hash-consed: building the same operation on the same operands twice gives the same node, so common
//! sub-expressions are shared by construction. Constants are folded.

use super::katz;
use super::number::Number;
use std::collections::HashMap;

/// Handle of a node in its [`Graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(pub(crate) u32);

impl Node {
    /// Position in the graph's list of nodes.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Functions of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the functions")]
pub enum Unary {
    Neg,
    Exp,
    Ln,
    Sqrt,
    Floor,
    Abs,
    NormalCdf,
    Logistic,
}

/// Functions of two arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the functions")]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Less,
    LessEqual,
    GammaQ,
    /// The derivative of `GammaQ` by its first argument.
    GammaQByShape,
    /// The derivative of `GammaQ` by its second argument.
    GammaQByPoint,
    /// x/(x + y): the saturating function of queueing (M/M/1 throughput), a node of its own because interval
    /// arithmetic on the quotient would forget that both x are the same.
    Ratio,
}

/// An operation; operands are nodes that were built before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// A constant, by its bits.
    Constant(u64),
    /// A parameter, by its index, as it was some lag ago.
    Parameter {
        /// Index of the parameter.
        index: u32,
        /// 0, or 1 + index into [`Graph::lags`].
        lag: u32,
    },
    /// A state, by its index, as it was some lag ago (`lag` 0 = now, j = the j-th lag of the graph).
    State {
        /// Index of the state.
        index: u32,
        /// 0, or 1 + index into [`Graph::lags`].
        lag: u32,
    },
    /// Time in seconds, minus a lag.
    Time {
        /// 0, or 1 + index into [`Graph::lags`].
        lag: u32,
    },
    /// A function of one argument.
    Unary(Unary, Node),
    /// A function of two arguments.
    Binary(Binary, Node, Node),
    /// Power with a constant exponent (by its bits).
    Power(Node, u64),
    /// `if(c, a, b)`.
    Select(Node, Node, Node),
    /// All outputs of [`katz::station`] for mean, variance, servers.
    Station(Node, Node, Node),
    /// One output of a `Station` node; from `katz::OUTPUTS` on their derivatives: first all by the mean, then by the
    /// variance, then by the servers.
    Output(Node, u8),
}

/// A graph of operations.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    ops: Vec<Op>,
    known: HashMap<Op, Node>,
    lags: Vec<Node>,
}

impl Graph {
    /// The operation behind a node.
    #[must_use]
    pub fn op(&self, node: Node) -> Op {
        self.ops[node.index()]
    }

    /// Number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there are no nodes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// The distinct lags in use: expressions of parameters only, in seconds.
    #[must_use]
    pub fn lags(&self) -> &[Node] {
        &self.lags
    }

    fn push(&mut self, op: Op) -> Node {
        if let Some(&node) = self.known.get(&op) {
            return node;
        }
        let node = Node(self.ops.len() as u32);
        self.ops.push(op);
        self.known.insert(op, node);
        node
    }

    /// The node of an operation, if it was built before. Operands of sums and products may come in either order.
    #[must_use]
    pub fn find(&self, op: Op) -> Option<Node> {
        let op = match op {
            Op::Binary(f @ (Binary::Add | Binary::Mul), x, y) if y < x => Op::Binary(f, y, x),
            other => other,
        };
        self.known.get(&op).copied()
    }

    /// The operation with its operands replaced.
    #[must_use]
    pub fn with_operands(op: Op, mut replace: impl FnMut(Node) -> Node) -> Op {
        match op {
            Op::Constant(_) | Op::Parameter { .. } | Op::State { .. } | Op::Time { .. } => op,
            Op::Unary(f, x) => Op::Unary(f, replace(x)),
            Op::Binary(f, x, y) => Op::Binary(f, replace(x), replace(y)),
            Op::Power(x, e) => Op::Power(replace(x), e),
            Op::Select(x, y, z) => Op::Select(replace(x), replace(y), replace(z)),
            Op::Station(x, y, z) => Op::Station(replace(x), replace(y), replace(z)),
            Op::Output(x, i) => Op::Output(replace(x), i),
        }
    }

    /// The node of an operation, built if need be, without folding.
    pub(crate) fn intern(&mut self, op: Op) -> Node {
        self.find(op).unwrap_or_else(|| {
            let op = match op {
                Op::Binary(f @ (Binary::Add | Binary::Mul), x, y) if y < x => Op::Binary(f, y, x),
                other => other,
            };
            self.push(op)
        })
    }

    /// The value of a constant node.
    #[must_use]
    pub fn value(&self, node: Node) -> Option<f64> {
        match self.op(node) {
            Op::Constant(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// A constant.
    pub fn constant(&mut self, value: f64) -> Node {
        self.push(Op::Constant(value.to_bits()))
    }

    /// The parameter with this index.
    pub fn parameter(&mut self, index: usize) -> Node {
        self.push(Op::Parameter { index: index as u32, lag: 0 })
    }

    /// The present value of the state with this index.
    pub fn state(&mut self, index: usize) -> Node {
        self.push(Op::State { index: index as u32, lag: 0 })
    }

    /// Time.
    pub fn time(&mut self) -> Node {
        self.push(Op::Time { lag: 0 })
    }

    /// A function of one argument.
    pub fn unary(&mut self, f: Unary, x: Node) -> Node {
        if let Some(v) = self.value(x) {
            let folded = match f {
                Unary::Neg => -v,
                Unary::Exp => v.exp(),
                Unary::Ln => v.ln(),
                Unary::Sqrt => v.sqrt(),
                Unary::Floor => v.floor(),
                Unary::Abs => v.abs(),
                Unary::NormalCdf => Number::normal_cdf(v),
                Unary::Logistic => Number::logistic(v),
            };
            return self.constant(folded);
        }
        self.push(Op::Unary(f, x))
    }

    /// A function of two arguments, with constants folded and neutral elements dropped.
    pub fn binary(&mut self, f: Binary, x: Node, y: Node) -> Node {
        let (a, b) = (self.value(x), self.value(y));
        match (f, a, b) {
            (Binary::Add, Some(0.0), _) | (Binary::Mul, Some(1.0), _) => return y,
            (Binary::Add | Binary::Sub, _, Some(0.0)) | (Binary::Mul | Binary::Div, _, Some(1.0)) => return x,
            (_, Some(a), Some(b)) => {
                let folded = match f {
                    Binary::Add => a + b,
                    Binary::Sub => a - b,
                    Binary::Mul => a * b,
                    Binary::Div => a / b,
                    Binary::Min => Number::min(a, b),
                    Binary::Max => Number::max(a, b),
                    Binary::Less => Number::less(a, b),
                    Binary::LessEqual => Number::less_equal(a, b),
                    Binary::GammaQ => Number::gamma_q(a, b),
                    Binary::GammaQByShape => f64::gamma_q_gradient(a, b).1[0],
                    Binary::GammaQByPoint => f64::gamma_q_gradient(a, b).1[1],
                    Binary::Ratio => Number::ratio(a, b),
                };
                return self.constant(folded);
            }
            _ => {}
        }
        // One order for commutative operations, so that a + b and b + a are shared.
        let commutes = matches!(f, Binary::Add | Binary::Mul);
        let (x, y) = if commutes && y < x { (y, x) } else { (x, y) };
        self.push(Op::Binary(f, x, y))
    }

    /// `x + y`.
    pub fn add(&mut self, x: Node, y: Node) -> Node {
        self.binary(Binary::Add, x, y)
    }

    /// `x - y`.
    pub fn sub(&mut self, x: Node, y: Node) -> Node {
        self.binary(Binary::Sub, x, y)
    }

    /// `x * y`.
    pub fn mul(&mut self, x: Node, y: Node) -> Node {
        self.binary(Binary::Mul, x, y)
    }

    /// `x / y`. `x / (x + c)` and `k * x / (x + c)` with a constant c become [`Binary::Ratio`].
    pub fn div(&mut self, x: Node, y: Node) -> Node {
        if let Op::Binary(Binary::Add, a, b) = self.op(y) {
            for (same, other) in [(a, b), (b, a)] {
                if !self.is_constant_in_time(other) || self.is_constant_in_time(same) {
                    continue;
                }
                if same == x {
                    return self.binary(Binary::Ratio, x, other);
                }
                if let Op::Binary(Binary::Mul, u, v) = self.op(x)
                    && (u == same || v == same)
                {
                    let factor = if u == same { v } else { u };
                    let ratio = self.binary(Binary::Ratio, same, other);
                    return self.mul(factor, ratio);
                }
            }
        }
        self.binary(Binary::Div, x, y)
    }

    /// `-x`.
    pub fn neg(&mut self, x: Node) -> Node {
        self.unary(Unary::Neg, x)
    }

    /// `1 - x`; `y` where x is `1 - y`.
    pub fn complement(&mut self, x: Node) -> Node {
        if let Op::Binary(Binary::Sub, one, y) = self.op(x)
            && self.value(one) == Some(1.0)
        {
            return y;
        }
        let one = self.constant(1.0);
        self.sub(one, x)
    }

    /// Sum of many nodes.
    pub fn sum(&mut self, terms: &[Node]) -> Node {
        let zero = self.constant(0.0);
        terms.iter().fold(zero, |sum, &term| self.add(sum, term))
    }

    /// `x ^ exponent` for a constant exponent.
    pub fn power(&mut self, x: Node, exponent: f64) -> Node {
        if exponent == 1.0 {
            return x;
        }
        match self.value(x) {
            Some(v) => self.constant(Number::power(v, exponent)),
            None => self.push(Op::Power(x, exponent.to_bits())),
        }
    }

    /// `if(c, a, b)`.
    pub fn select(&mut self, c: Node, a: Node, b: Node) -> Node {
        match self.value(c) {
            Some(v) if v != 0.0 => a,
            Some(_) => b,
            None => self.push(Op::Select(c, a, b)),
        }
    }

    /// One of the station expectations of [`katz::station`].
    pub fn station(&mut self, mean: Node, variance: Node, servers: Node, output: usize) -> Node {
        debug_assert!(output < katz::OUTPUTS, "a station has {} outputs", katz::OUTPUTS);
        let station = self.push(Op::Station(mean, variance, servers));
        self.push(Op::Output(station, output as u8))
    }

    /// Operands of an operation.
    #[must_use]
    pub fn operands(op: Op) -> Vec<Node> {
        match op {
            Op::Constant(_) | Op::Parameter { .. } | Op::State { .. } | Op::Time { .. } => vec![],
            Op::Unary(_, x) | Op::Power(x, _) | Op::Output(x, _) => vec![x],
            Op::Binary(_, x, y) => vec![x, y],
            Op::Select(x, y, z) | Op::Station(x, y, z) => vec![x, y, z],
        }
    }

    /// Whether a node depends on parameters and constants only.
    #[must_use]
    pub fn is_constant_in_time(&self, node: Node) -> bool {
        let mut todo = vec![node];
        let mut seen = vec![false; self.len()];
        while let Some(n) = todo.pop() {
            if std::mem::replace(&mut seen[n.index()], true) {
                continue;
            }
            match self.op(n) {
                Op::State { .. } | Op::Time { .. } => return false,
                op => todo.extend(Self::operands(op)),
            }
        }
        true
    }

    /// `node` as it was `lag` seconds ago: every state and parameter in it is replaced by its delayed value (triggers
    /// change parameters), and lags add up. `lag` must depend on parameters only.
    pub fn delayed(&mut self, node: Node, lag: Node) -> Node {
        if self.value(lag) == Some(0.0) {
            return node;
        }
        let mut memo = HashMap::new();
        self.delay(node, lag, &mut memo)
    }

    fn delay(&mut self, node: Node, lag: Node, memo: &mut HashMap<Node, Node>) -> Node {
        if let Some(&known) = memo.get(&node) {
            return known;
        }
        let op = self.op(node);
        let result = match op {
            Op::Constant(_) => node,
            Op::Parameter { index, lag: before } => {
                let lag = self.lag_after(before, lag);
                self.push(Op::Parameter { index, lag })
            }
            Op::State { index, lag: before } => {
                let lag = self.lag_after(before, lag);
                self.push(Op::State { index, lag })
            }
            Op::Time { lag: before } => {
                let lag = self.lag_after(before, lag);
                self.push(Op::Time { lag })
            }
            Op::Unary(f, x) => {
                let x = self.delay(x, lag, memo);
                self.unary(f, x)
            }
            Op::Binary(f, x, y) => {
                let (x, y) = (self.delay(x, lag, memo), self.delay(y, lag, memo));
                self.binary(f, x, y)
            }
            Op::Power(x, e) => {
                let x = self.delay(x, lag, memo);
                self.power(x, f64::from_bits(e))
            }
            Op::Select(x, y, z) => {
                let (x, y, z) = (self.delay(x, lag, memo), self.delay(y, lag, memo), self.delay(z, lag, memo));
                self.select(x, y, z)
            }
            Op::Station(x, y, z) => {
                let (x, y, z) = (self.delay(x, lag, memo), self.delay(y, lag, memo), self.delay(z, lag, memo));
                self.push(Op::Station(x, y, z))
            }
            Op::Output(x, i) => {
                let x = self.delay(x, lag, memo);
                self.push(Op::Output(x, i))
            }
        };
        memo.insert(node, result);
        result
    }

    /// Number of the lag that is `lag` more than the one numbered `before`.
    fn lag_after(&mut self, before: u32, lag: Node) -> u32 {
        let total = if before == 0 {
            lag
        } else {
            let first = self.lags[before as usize - 1];
            self.add(first, lag)
        };
        let position = self.lags.iter().position(|&l| l == total).unwrap_or_else(|| {
            self.lags.push(total);
            self.lags.len() - 1
        });
        position as u32 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_expressions_are_one_node() {
        let mut g = Graph::default();
        let (x, p) = (g.state(0), g.parameter(0));
        let (a, b) = (g.add(x, p), g.add(p, x));
        assert_eq!(a, b);
        let before = g.len();
        let again = g.mul(a, b);
        assert_eq!(g.mul(b, a), again);
        assert_eq!(g.len(), before + 1);
    }

    #[test]
    fn constants_fold_and_neutral_elements_vanish() {
        let mut g = Graph::default();
        let x = g.state(0);
        let (zero, one, two) = (g.constant(0.0), g.constant(1.0), g.constant(2.0));
        assert_eq!(g.add(x, zero), x);
        assert_eq!(g.mul(one, x), x);
        let four = g.mul(two, two);
        assert_eq!(g.value(four), Some(4.0));
    }

    #[test]
    fn delays_nest_by_adding_up() {
        let mut g = Graph::default();
        let (x, tau) = (g.state(0), g.parameter(0));
        let once = g.delayed(x, tau);
        let twice = g.delayed(once, tau);
        assert_eq!(g.lags().len(), 2);
        assert_eq!(g.op(once), Op::State { index: 0, lag: 1 });
        assert_eq!(g.op(twice), Op::State { index: 0, lag: 2 });
        let double = g.add(tau, tau);
        assert_eq!(g.lags()[1], double);
    }
}
