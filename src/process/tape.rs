//! A graph compiled to a flat list of instructions: one register per node, operands before results, instructions that
//! depend on parameters only first. The tape is evaluated over any [`Number`].

use super::graph::{Binary, Graph, Node, Op, Unary};
use super::katz;
use super::number::Number;

/// One instruction; `u32`s are registers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Instruction {
    Input {
        input: u32,
        to: u32,
    },
    Constant {
        value: f64,
        to: u32,
    },
    Unary {
        f: Unary,
        x: u32,
        to: u32,
    },
    Binary {
        f: Binary,
        x: u32,
        y: u32,
        to: u32,
    },
    Power {
        x: u32,
        exponent: f64,
        to: u32,
    },
    Select {
        c: u32,
        x: u32,
        y: u32,
        to: u32,
    },
    /// Writes `katz::OUTPUTS` registers from `to` on, and behind them, if asked to, their derivatives by each argument.
    Station {
        m: u32,
        v: u32,
        c: u32,
        to: u32,
        slopes: bool,
    },
}

impl Instruction {
    /// Registers read, the first register written, and how many are.
    fn registers(self) -> (Vec<u32>, usize, usize) {
        let (operands, to, width) = match self {
            Self::Input { to, .. } | Self::Constant { to, .. } => (Vec::new(), to, 1),
            Self::Unary { x, to, .. } | Self::Power { x, to, .. } => (vec![x], to, 1),
            Self::Binary { x, y, to, .. } => (vec![x, y], to, 1),
            Self::Select { c, x, y, to } => (vec![c, x, y], to, 1),
            Self::Station { m, v, c, to, slopes } => (vec![m, v, c], to, station_width(slopes)),
        };
        (operands, to as usize, width)
    }
}

/// Registers that a station writes.
fn station_width(slopes: bool) -> usize {
    if slopes { 4 * katz::OUTPUTS } else { katz::OUTPUTS }
}

/// A compiled set of expressions; see the module documentation.
///
/// Inputs are laid out as parameters, present states, states at lag 1, ..., states at lag k, time, time at lag 1, ...,
/// parameters at lag 1, ...
#[derive(Debug, Clone)]
pub struct Tape {
    instructions: Vec<Instruction>,
    /// How many of the leading instructions depend on parameters only.
    prologue: usize,
    registers: usize,
    outputs: Vec<u32>,
    enclosable: bool,
}

/// Where each kind of input starts in the input vector of a tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Number of parameters.
    pub parameters: usize,
    /// Number of states.
    pub states: usize,
    /// Number of lags.
    pub lags: usize,
}

impl Layout {
    /// Index of parameter `i` at lag `j` (0 = now).
    #[must_use]
    pub fn parameter(self, i: usize, j: usize) -> usize {
        if j == 0 { i } else { self.time(self.lags) + 1 + (j - 1) * self.parameters + i }
    }

    /// Index of state `i` at lag `j` (0 = now).
    #[must_use]
    pub fn state(self, i: usize, j: usize) -> usize {
        self.parameters + j * self.states + i
    }

    /// Index of time minus lag `j` (0 = now).
    #[must_use]
    pub fn time(self, j: usize) -> usize {
        self.parameters + (self.lags + 1) * self.states + j
    }

    /// Length of the input vector.
    #[must_use]
    pub fn len(self) -> usize {
        self.time(self.lags) + 1 + self.lags * self.parameters
    }

    /// Whether there are no inputs at all; never true, since time is one.
    #[must_use]
    pub fn is_empty(self) -> bool {
        false
    }
}

impl Tape {
    /// Compiles `outputs` of a graph. `layout.lags` must be the number of lags of the graph.
    #[must_use]
    pub fn compile(graph: &Graph, outputs: &[Node], layout: Layout) -> Self {
        let mut needed = vec![false; graph.len()];
        let mut todo: Vec<Node> = outputs.to_vec();
        while let Some(node) = todo.pop() {
            if !std::mem::replace(&mut needed[node.index()], true) {
                todo.extend(Graph::operands(simplified(graph, node)));
            }
        }
        // Operands come before results in the graph, so one pass settles what depends on parameters only.
        let mut fixed = vec![false; graph.len()];
        for i in 0..graph.len() {
            let op = simplified(graph, Node(i as u32));
            fixed[i] = match op {
                Op::State { .. } | Op::Time { .. } => false,
                _ => Graph::operands(op).iter().all(|n| fixed[n.index()]),
            };
        }
        let mut compiler = Compiler {
            graph,
            layout,
            register: vec![u32::MAX; graph.len()],
            reciprocal: vec![u32::MAX; graph.len()],
            differentiated: differentiated(graph, &needed),
            next: 0,
            code: vec![],
        };
        let (needed, fixed) = (&needed[..], &fixed[..]);
        let nodes = |wanted: bool| (0..graph.len()).filter(move |&i| needed[i] && fixed[i] == wanted);
        nodes(true).for_each(|i| compiler.emit(Node(i as u32)));
        for i in nodes(false) {
            if let Op::Binary(Binary::Div, _, by) = graph.op(Node(i as u32))
                && fixed[by.index()]
            {
                compiler.emit_reciprocal(by);
            }
        }
        let prologue = compiler.code.len();
        nodes(false).for_each(|i| compiler.emit(Node(i as u32)));
        let enclosable = !compiler
            .code
            .iter()
            .any(|i| matches!(i, Instruction::Station { .. } | Instruction::Binary { f: Binary::GammaQ, .. }));
        Self {
            outputs: outputs.iter().map(|n| compiler.register[n.index()]).collect(),
            prologue,
            registers: compiler.next as usize,
            instructions: compiler.code,
            enclosable,
        }
    }

    /// Number of registers an evaluation needs.
    #[must_use]
    pub fn registers(&self) -> usize {
        self.registers
    }

    /// Number of instructions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.instructions.len()
    }

    /// Whether there is nothing to compute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.instructions.is_empty()
    }

    /// Number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Whether every function on the tape has a useful interval extension.
    #[must_use]
    pub fn is_enclosable(&self) -> bool {
        self.enclosable
    }

    /// Whether any instruction reads this input.
    #[must_use]
    pub fn reads(&self, input: usize) -> bool {
        self.instructions.iter().any(|i| matches!(i, Instruction::Input { input: k, .. } if *k as usize == input))
    }

    /// What of the tape depends on some of the inputs, as a tape over the same registers, and the registers that it reads and
    /// does not write: their values must be there. Not for inputs that the prologue reads.
    #[must_use]
    pub fn part(&self, inputs: &[usize]) -> (Self, Vec<usize>) {
        self.part_from(self.prologue, inputs)
    }

    /// As [`part`](Self::part), for parameters too.
    #[must_use]
    pub fn whole_part(&self, inputs: &[usize]) -> (Self, Vec<usize>) {
        self.part_from(0, inputs)
    }

    fn part_from(&self, first: usize, inputs: &[usize]) -> (Self, Vec<usize>) {
        let mut depends = vec![false; self.registers];
        let mut needed = vec![false; self.registers];
        let mut code = Vec::new();
        for &instruction in &self.instructions[first..] {
            let (operands, to, width) = instruction.registers();
            let active = match instruction {
                Instruction::Input { input, .. } => inputs.contains(&(input as usize)),
                _ => operands.iter().any(|r| depends[*r as usize]),
            };
            if active {
                depends[to..to + width].fill(true);
                operands.iter().for_each(|r| needed[*r as usize] = true);
                code.push(instruction);
            }
        }
        let reads = (0..self.registers).filter(|&r| needed[r] && !depends[r]).collect();
        let part = Self { instructions: code, prologue: 0, outputs: self.outputs.clone(), ..*self };
        (part, reads)
    }

    /// Evaluates the part that depends on parameters only.
    #[inline(always)]
    pub fn run_prologue<N: Number>(&self, inputs: &[N], registers: &mut [N]) {
        run(&self.instructions[..self.prologue], inputs, registers);
    }

    /// Evaluates the rest; [`run_prologue`](Self::run_prologue) must have been run on the same registers.
    #[inline(always)]
    pub fn run_body<N: Number>(&self, inputs: &[N], registers: &mut [N]) {
        run(&self.instructions[self.prologue..], inputs, registers);
    }

    /// Value of output `k` after a run.
    #[inline(always)]
    #[must_use]
    pub fn output<N: Number>(&self, registers: &[N], k: usize) -> N {
        registers[self.outputs[k] as usize]
    }

    /// Evaluates everything and returns the outputs.
    #[must_use]
    pub fn evaluate<N: Number>(&self, inputs: &[N]) -> Vec<N> {
        let mut registers = vec![N::constant(0.0); self.registers];
        self.run_prologue(inputs, &mut registers);
        self.run_body(inputs, &mut registers);
        (0..self.outputs.len()).map(|k| self.output(&registers, k)).collect()
    }
}

/// The operation of a node, with `x + (-y)` as `x - y`: the same number in every arithmetic, and an instruction less.
fn simplified(graph: &Graph, node: Node) -> Op {
    let op = graph.op(node);
    if let Op::Binary(Binary::Add, x, y) = op {
        match (graph.op(x), graph.op(y)) {
            (_, Op::Unary(Unary::Neg, z)) => return Op::Binary(Binary::Sub, x, z),
            (Op::Unary(Unary::Neg, z), _) => return Op::Binary(Binary::Sub, y, z),
            _ => {}
        }
    }
    op
}

/// Which stations have derivatives among the nodes that are needed.
fn differentiated(graph: &Graph, needed: &[bool]) -> Vec<bool> {
    let mut found = vec![false; graph.len()];
    for i in (0..graph.len()).filter(|&i| needed[i]) {
        if let Op::Output(station, output) = graph.op(Node(i as u32))
            && usize::from(output) >= katz::OUTPUTS
        {
            found[station.index()] = true;
        }
    }
    found
}

struct Compiler<'a> {
    graph: &'a Graph,
    layout: Layout,
    register: Vec<u32>,
    /// Registers of reciprocals.
    reciprocal: Vec<u32>,
    /// Stations whose derivatives are wanted.
    differentiated: Vec<bool>,
    next: u32,
    code: Vec<Instruction>,
}

impl Compiler<'_> {
    /// Divisors that depend on parameters only are inverted once: a product costs a fifth of a quotient.
    fn emit_reciprocal(&mut self, node: Node) {
        if self.reciprocal[node.index()] == u32::MAX {
            let (one, to) = (self.next, self.next + 1);
            self.code.push(Instruction::Constant { value: 1.0, to: one });
            self.code.push(Instruction::Binary { f: Binary::Div, x: one, y: self.register[node.index()], to });
            self.reciprocal[node.index()] = to;
            self.next += 2;
        }
    }

    fn emit(&mut self, node: Node) {
        let r = |n: Node| self.register[n.index()];
        let op = simplified(self.graph, node);
        if let Op::Output(station, i) = op {
            self.register[node.index()] = r(station) + u32::from(i);
            return;
        }
        let to = self.next;
        let input = |input: usize| Instruction::Input { input: input as u32, to };
        let instruction = match op {
            Op::Constant(bits) => Instruction::Constant { value: f64::from_bits(bits), to },
            Op::Parameter { index, lag } => input(self.layout.parameter(index as usize, lag as usize)),
            Op::State { index, lag } => input(self.layout.state(index as usize, lag as usize)),
            Op::Time { lag } => input(self.layout.time(lag as usize)),
            Op::Unary(f, x) => Instruction::Unary { f, x: r(x), to },
            Op::Binary(Binary::Div, x, y) if self.reciprocal[y.index()] != u32::MAX => {
                Instruction::Binary { f: Binary::Mul, x: r(x), y: self.reciprocal[y.index()], to }
            }
            Op::Binary(f, x, y) => Instruction::Binary { f, x: r(x), y: r(y), to },
            Op::Power(x, e) => Instruction::Power { x: r(x), exponent: f64::from_bits(e), to },
            Op::Select(c, x, y) => Instruction::Select { c: r(c), x: r(x), y: r(y), to },
            Op::Station(m, v, c) => {
                let slopes = self.differentiated[node.index()];
                Instruction::Station { m: r(m), v: r(v), c: r(c), to, slopes }
            }
            Op::Output(..) => return,
        };
        self.code.push(instruction);
        self.register[node.index()] = to;
        self.next += instruction.registers().2 as u32;
    }
}

#[inline(always)]
fn run<N: Number>(code: &[Instruction], inputs: &[N], r: &mut [N]) {
    for &instruction in code {
        // Operands lie before results: borrowed apart, results can be written in place, however large a number is.
        match instruction {
            Instruction::Input { input, to } => r[to as usize] = inputs[input as usize],
            Instruction::Constant { value, to } => r[to as usize] = N::constant(value),
            Instruction::Unary { f, x, to } => {
                let (before, rest) = r.split_at_mut(to as usize);
                N::unary(f, &before[x as usize], &mut rest[0]);
            }
            Instruction::Binary { f, x, y, to } => {
                let (before, rest) = r.split_at_mut(to as usize);
                N::binary(f, &before[x as usize], &before[y as usize], &mut rest[0]);
            }
            Instruction::Power { x, exponent, to } => r[to as usize] = r[x as usize].power(exponent),
            Instruction::Select { c, x, y, to } => {
                r[to as usize] = N::select(r[c as usize], r[x as usize], r[y as usize]);
            }
            Instruction::Station { m, v, c, to, slopes } => {
                let (m, v, c) = (r[m as usize], r[v as usize], r[c as usize]);
                let (values, rest) = r[to as usize..to as usize + station_width(slopes)].split_at_mut(katz::OUTPUTS);
                if slopes {
                    let (all, gradients) = N::station_gradient(m, v, c);
                    values.copy_from_slice(&all);
                    for (k, gradient) in gradients.iter().enumerate() {
                        gradient.iter().enumerate().for_each(|(j, &by)| rest[j * katz::OUTPUTS + k] = by);
                    }
                } else {
                    values.copy_from_slice(&N::station(m, v, c));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dual::Dual;
    use super::super::interval::Interval;
    use super::super::lanes::Lanes;
    use super::*;

    /// p * x / (1 + x) + exp(-x^2)
    fn example() -> (Graph, Node, Layout) {
        let mut g = Graph::default();
        let (p, x, one) = (g.parameter(0), g.state(0), g.constant(1.0));
        let up = g.mul(p, x);
        let down = g.add(one, x);
        let first = g.div(up, down);
        let square = g.power(x, 2.0);
        let minus = g.neg(square);
        let second = g.unary(Unary::Exp, minus);
        let y = g.add(first, second);
        (g, y, Layout { parameters: 1, states: 1, lags: 0 })
    }

    #[test]
    fn all_numbers_agree() {
        let (g, y, layout) = example();
        let tape = Tape::compile(&g, &[y], layout);
        let f = |p: f64, x: f64| p * x / (1.0 + x) + f64::exp(-x * x);
        let value = tape.evaluate(&[3.0, 0.7, 0.0])[0];
        assert!((value - f(3.0, 0.7)).abs() < 1e-15);
        let lanes = tape.evaluate(&[Lanes([3.0; 4]), Lanes([0.1, 0.7, 2.0, 9.0]), Lanes([0.0; 4])])[0];
        for (x, y) in [0.1, 0.7, 2.0, 9.0].into_iter().zip(lanes.0) {
            assert!((y - f(3.0, x)).abs() < 4e-16 * y.abs().max(1.0));
        }
        let box_value = tape.evaluate(&[3.0, 0.7, 0.0].map(Interval::point))[0];
        assert!(box_value.contains(value) && box_value.width() < 1e-14);
        let dual = tape.evaluate(&[Dual::variable(3.0, 0), Dual::variable(0.7, 1), Dual::<f64, 2>::fixed(0.0)])[0];
        let slope = 3.0 / (1.7 * 1.7) - 1.4 * f64::exp(-0.49);
        assert!((dual.partials[0] - 0.7 / 1.7).abs() < 1e-15);
        assert!((dual.partials[1] - slope).abs() < 1e-15);
    }

    #[test]
    fn divisors_that_depend_on_parameters_only_are_inverted_once() {
        let mut g = Graph::default();
        let (p, x, y) = (g.parameter(0), g.state(0), g.state(1));
        let (a, b) = (g.div(x, p), g.div(y, p));
        let sum = g.add(a, b);
        let tape = Tape::compile(&g, &[sum], Layout { parameters: 1, states: 2, lags: 0 });
        assert_eq!((tape.prologue, tape.len()), (3, 8));
        assert_eq!(tape.evaluate(&[4.0, 10.0, 2.0, 0.0]), [3.0]);
    }

    #[test]
    fn parameters_are_hoisted() {
        let mut g = Graph::default();
        let (p, x) = (g.parameter(0), g.state(0));
        let root = g.unary(Unary::Sqrt, p);
        let y = g.mul(root, x);
        let tape = Tape::compile(&g, &[y], Layout { parameters: 1, states: 1, lags: 0 });
        assert_eq!((tape.prologue, tape.len()), (2, 4));
    }
}
