//! Derivatives of expressions as expressions: forward differentiation on the graph.
//!
//! Every node `u` gets a second one for its derivative `u̇` in a direction that is given by the derivatives of the leaves
//! (a dual register, written out):
//!
//! ```text
//! w = f(u, v)    ⇒    ẇ = ∂f/∂u · u̇ + ∂f/∂v · v̇          (Griewank & Walther, Evaluating Derivatives, 2008, section 3.1)
//! ```
//!
//! Where a dual *number* carries every partial derivative through every operation, a node exists only where a derivative
//! does not vanish, factors of one are gone, and what derivatives share with the values or with each other is one node.
//! Compiled together with the equations this is the cheapest exact Jacobian; the rules are those of
//! [`Dual`](super::dual::Dual), which tests compare it with.

use super::graph::{Binary, Graph, Node, Op, Unary};
use super::katz;

/// 1/√(2π).
const INVERSE_ROOT_TAU: f64 = 0.398_942_280_401_432_7;

/// The derivatives of `roots` in the direction in which each leaf changes as `leaf` says; `None` where one vanishes
/// identically.
pub fn slopes(
    graph: &mut Graph,
    roots: &[Node],
    mut leaf: impl FnMut(&mut Graph, Op) -> Option<Node>,
) -> Vec<Option<Node>> {
    let count = graph.len();
    let mut needed = vec![false; count];
    let mut todo = roots.to_vec();
    while let Some(node) = todo.pop() {
        if !std::mem::replace(&mut needed[node.index()], true) {
            todo.extend(Graph::operands(graph.op(node)));
        }
    }
    // Operands come before results.
    let mut slope: Vec<Option<Node>> = vec![None; count];
    for i in (0..count).filter(|&i| needed[i]) {
        let node = Node(i as u32);
        slope[i] = match graph.op(node) {
            Op::Constant(_) => None,
            op @ (Op::Parameter { .. } | Op::State { .. } | Op::Time { .. }) => leaf(graph, op),
            op => {
                let of = |n: Node| slope[n.index()];
                if Graph::operands(op).iter().all(|&n| of(n).is_none()) && !matches!(op, Op::Output(..)) {
                    None
                } else {
                    rule(graph, node, op, &of)
                }
            }
        };
    }
    roots.iter().map(|n| slope[n.index()]).collect()
}

fn rule(g: &mut Graph, value: Node, op: Op, of: &dyn Fn(Node) -> Option<Node>) -> Option<Node> {
    match op {
        Op::Constant(_) | Op::Parameter { .. } | Op::State { .. } | Op::Time { .. } | Op::Station(..) => None,
        Op::Unary(f, x) => {
            let dx = of(x)?;
            let factor = unary(g, f, value, x)?;
            Some(g.mul(factor, dx))
        }
        Op::Binary(f, x, y) => binary(g, f, value, (x, y), (of(x), of(y))),
        Op::Power(x, bits) => {
            let (dx, exponent) = (of(x)?, f64::from_bits(bits));
            let (lower, factor) = (g.power(x, exponent - 1.0), g.constant(exponent));
            let factor = g.mul(factor, lower);
            Some(g.mul(factor, dx))
        }
        Op::Select(c, x, y) => choose(g, c, of(x), of(y)),
        Op::Output(station, output) => {
            let arguments = Graph::operands(g.op(station));
            let mut total = None;
            for (j, &argument) in arguments.iter().enumerate() {
                if let Some(change) = of(argument) {
                    let by = g.intern(Op::Output(station, (katz::OUTPUTS * (j + 1)) as u8 + output));
                    let term = g.mul(by, change);
                    total = plus(g, total, Some(term));
                }
            }
            total
        }
    }
}

/// f'(x), where `value` is f(x).
fn unary(g: &mut Graph, f: Unary, value: Node, x: Node) -> Option<Node> {
    let one = g.constant(1.0);
    Some(match f {
        Unary::Floor => return None,
        Unary::Neg => g.constant(-1.0),
        Unary::Exp => value,
        Unary::Ln => g.div(one, x),
        Unary::Sqrt => {
            let half = g.constant(0.5);
            g.div(half, value)
        }
        Unary::Abs => {
            let (zero, minus) = (g.constant(0.0), g.constant(-1.0));
            let negative = g.binary(Binary::Less, x, zero);
            g.select(negative, minus, one)
        }
        Unary::NormalCdf => {
            let (square, half, scale) = (g.power(x, 2.0), g.constant(-0.5), g.constant(INVERSE_ROOT_TAU));
            let exponent = g.mul(square, half);
            let bell = g.unary(Unary::Exp, exponent);
            g.mul(bell, scale)
        }
        Unary::Logistic => {
            // Without a second exponential: where 1 - f is lost to rounding, the slope is below 1e-16 of the steepest.
            let other = g.complement(value);
            g.mul(value, other)
        }
    })
}

fn binary(
    g: &mut Graph,
    f: Binary,
    value: Node,
    (x, y): (Node, Node),
    (dx, dy): (Option<Node>, Option<Node>),
) -> Option<Node> {
    match f {
        Binary::Add => plus(g, dx, dy),
        Binary::Sub => match (dx, dy) {
            (Some(dx), Some(dy)) => Some(g.sub(dx, dy)),
            (None, Some(dy)) => Some(g.neg(dy)),
            (dx, None) => dx,
        },
        Binary::Mul => {
            let (left, right) = (dx.map(|dx| g.mul(dx, y)), dy.map(|dy| g.mul(x, dy)));
            plus(g, left, right)
        }
        Binary::Div => {
            let top = match (dx, dy.map(|dy| g.mul(value, dy))) {
                (Some(dx), Some(less)) => g.sub(dx, less),
                (Some(dx), None) => dx,
                (None, less) => {
                    let less = less?;
                    g.neg(less)
                }
            };
            Some(g.div(top, y))
        }
        Binary::Ratio => {
            // d x/(x + y) = (y dx - x dy)/(x + y)², without a square that might overflow.
            let (sum, one) = (g.add(x, y), g.constant(1.0));
            let inverse = g.div(one, sum);
            let rest = g.mul(y, inverse);
            let left = dx.map(|dx| {
                let by = g.mul(rest, inverse);
                g.mul(by, dx)
            });
            let right = dy.map(|dy| {
                let by = g.mul(value, inverse);
                let term = g.mul(by, dy);
                g.neg(term)
            });
            plus(g, left, right)
        }
        Binary::Min => {
            let other = g.binary(Binary::Less, y, x);
            choose(g, other, dy, dx)
        }
        Binary::Max => {
            let other = g.binary(Binary::Less, x, y);
            choose(g, other, dy, dx)
        }
        Binary::Less | Binary::LessEqual | Binary::GammaQByShape | Binary::GammaQByPoint => None,
        Binary::GammaQ => {
            let mut along = |f, change: Option<Node>| {
                change.map(|change| {
                    let by = g.binary(f, x, y);
                    g.mul(by, change)
                })
            };
            let (left, right) = (along(Binary::GammaQByShape, dx), along(Binary::GammaQByPoint, dy));
            plus(g, left, right)
        }
    }
}

fn plus(g: &mut Graph, a: Option<Node>, b: Option<Node>) -> Option<Node> {
    match (a, b) {
        (Some(a), Some(b)) => Some(g.add(a, b)),
        (a, b) => a.or(b),
    }
}

fn choose(g: &mut Graph, condition: Node, yes: Option<Node>, no: Option<Node>) -> Option<Node> {
    if yes.is_none() && no.is_none() {
        return None;
    }
    let zero = g.constant(0.0);
    Some(g.select(condition, yes.unwrap_or(zero), no.unwrap_or(zero)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{expand, load};
    use crate::process::field::{Field, Jacobian};
    use crate::process::fluid::Fluid;
    use crate::process::tape::Tape;

    /// Derivatives as expressions against derivatives by dual numbers, for the equations of every shipped model under both
    /// closures, at its start and away from it.
    #[test]
    fn expressions_and_dual_numbers_give_the_same_jacobian() {
        let mut compared = 0;
        let mut files: Vec<_> = std::fs::read_dir("models").unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        for path in files.iter().filter(|p| p.extension().is_some_and(|e| e == "toml")) {
            let model = load(&std::fs::read_to_string(path).unwrap(), "model", &[]).unwrap().model;
            let fluid = Fluid::new(expand::process(&model, model.meta.closure).unwrap());
            let (_, layout) = fluid.tape();
            let dim = layout.states;
            let mut process = fluid.process().clone();
            let roots = process.drift();
            let graph = &mut process.graph;
            let mut nodes = Vec::new();
            let mut places = Vec::new();
            for column in 0..dim {
                let direction = slopes(graph, &roots, |g, op| match op {
                    Op::State { index, lag: 0 } if index as usize == column => Some(g.constant(1.0)),
                    _ => None,
                });
                for (row, slope) in direction.into_iter().enumerate() {
                    if let Some(slope) = slope {
                        nodes.push(slope);
                        places.push((row, column));
                    }
                }
            }
            let tape = Tape::compile(graph, &nodes, layout);
            let p = fluid.parameters();
            for share in [0.0, 0.03, 0.7] {
                let x: Vec<f64> = fluid
                    .states()
                    .iter()
                    .enumerate()
                    .map(|(i, s)| (s.start + share * s.scale * (1.0 + 0.1 * i as f64)).max(s.lower).min(s.upper))
                    .collect();
                let past = x.repeat(layout.lags);
                let mut jacobian = Jacobian::zeros(dim, layout.lags);
                fluid.jacobian(0.0, &x, &past, &p, &mut jacobian);
                let mut inputs = vec![0.0; layout.len()];
                for lag in 0..=layout.lags {
                    (0..p.len()).for_each(|i| inputs[layout.parameter(i, lag)] = p[i]);
                    (0..dim).for_each(|i| inputs[layout.state(i, lag)] = x[i]);
                }
                let lags = fluid.lag_tape().evaluate(&inputs);
                lags.iter().enumerate().for_each(|(j, lag)| inputs[layout.time(j + 1)] = -lag);
                let found = tape.evaluate(&inputs);
                let mut rest = jacobian.blocks[0].clone();
                let size = rest.iter().filter(|v| v.is_finite()).fold(1e-300f64, |m, v| m.max(v.abs()));
                for (&(row, column), value) in places.iter().zip(found) {
                    let expected = std::mem::replace(&mut rest[(row, column)], 0.0);
                    let close = (value - expected).abs() <= 1e-9 * expected.abs() + 1e-13 * size;
                    // At the edge of a domain a dual number may multiply zero by infinity: then there is nothing to compare with.
                    let undefined = !expected.is_finite();
                    assert!(close || undefined, "{path:?} {row} {column} at {share}: {value}, not {expected}");
                    compared += 1;
                }
                // What has no expression vanishes.
                assert!(rest.iter().all(|v| *v == 0.0 || !v.is_finite()), "{path:?} at {share}: {rest}");
            }
        }
        assert!(compared > 1000, "{compared}");
    }
}
