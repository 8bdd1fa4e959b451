//! From syntax tree to graph: names are resolved, dimensions checked, functions expanded.
//!
//! Dimensions: sums and comparisons need equal dimensions; exp, ln and the like need plain numbers. A literal without
//! unit is a plain number or a number of requests, whichever fits (`n + 1`); the literal 0 fits everything.

use super::dimension::Dimension;
use super::expr::{Expr, ExprError, Kind, Operator};
use super::graph::{Binary, Graph, Node, Unary};
use super::katz;
use super::suggest;
use std::collections::BTreeMap;
use std::ops::Range;

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A quantity of known dimension.
    Quantity(Dimension),
    /// A literal without unit: any power of requests.
    Literal,
    /// The literal zero: any dimension.
    Zero,
    /// A condition.
    Condition,
}

impl Type {
    /// The type in words, for messages.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Quantity(d) if d.is_none() => "a plain number".to_owned(),
            Self::Quantity(d) => format!("`{d}`"),
            Self::Literal | Self::Zero => "a plain number".to_owned(),
            Self::Condition => "a condition".to_owned(),
        }
    }

    /// The dimension, a literal counting as a plain number; `None` for a condition.
    #[must_use]
    pub fn dimension(self) -> Option<Dimension> {
        match self {
            Self::Quantity(d) => Some(d),
            Self::Literal | Self::Zero => Some(Dimension::NONE),
            Self::Condition => None,
        }
    }

    /// Whether a value of this type can stand where `wanted` is required.
    #[must_use]
    pub fn fits(self, wanted: Dimension) -> bool {
        match self {
            Self::Quantity(d) => d == wanted,
            Self::Literal => wanted.is_count(),
            Self::Zero => true,
            Self::Condition => false,
        }
    }
}

/// The names an expression may use.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    names: BTreeMap<String, (Node, Type)>,
}

impl Scope {
    /// Defines a name.
    pub fn define(&mut self, name: impl Into<String>, node: Node, kind: Type) {
        self.names.insert(name.into(), (node, kind));
    }

    /// Looks a name up.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(Node, Type)> {
        self.names.get(name).copied()
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }
}

/// Functions of the expression language: name, number of arguments (`None` = two or more), what they are.
pub const FUNCTIONS: &[(&str, Option<usize>, &str)] = &[
    ("if", Some(3), "if(c, a, b): a where c holds, else b"),
    ("min", None, "smallest of its arguments"),
    ("max", None, "largest of its arguments"),
    ("abs", Some(1), "absolute value"),
    ("exp", Some(1), "exponential"),
    ("ln", Some(1), "natural logarithm"),
    ("sqrt", Some(1), "square root"),
    ("floor", Some(1), "largest integer not above"),
    ("step", Some(1), "1 where the argument is >= 0, else 0"),
    ("logistic", Some(1), "1/(1 + exp(-x))"),
    ("erf", Some(1), "error function"),
    ("normal_cdf", Some(1), "standard normal distribution function"),
    ("normal_pdf", Some(1), "standard normal density"),
    ("gamma_p", Some(2), "gamma_p(a, x): regularised lower incomplete gamma function"),
    ("gamma_q", Some(2), "gamma_q(a, x): regularised upper incomplete gamma function"),
    ("delay", Some(2), "delay(x, tau): x as it was tau ago"),
    ("busy", Some(3), "busy(m, v, c): mean of min(n, c) for n inside with mean m and variance v"),
    ("busy_covariance", Some(3), "covariance of n and min(n, c)"),
    ("ahead", Some(3), "mean of (n - c + 1)+, the number an arrival waits for"),
    ("ahead_variance", Some(3), "variance of (n - c + 1)+"),
    ("all_busy", Some(3), "probability that n >= c"),
];

/// Lowers an expression into `graph`.
///
/// # Errors
/// All mistakes found, in order of appearance.
pub fn lower(expr: &Expr, scope: &Scope, graph: &mut Graph) -> Result<(Node, Type), Vec<ExprError>> {
    let mut lowering = Lowering { scope, graph, errors: Vec::new() };
    let result = lowering.expr(expr);
    match result {
        Some(value) if lowering.errors.is_empty() => Ok(value),
        _ => Err(lowering.errors),
    }
}

/// Names used in an expression, for ordering definitions.
pub fn names_in(expr: &Expr, out: &mut Vec<(String, Range<usize>)>) {
    match &expr.kind {
        Kind::Number(..) => {}
        Kind::Name(name) => out.push((name.clone(), expr.span.clone())),
        Kind::Negate(x) | Kind::Not(x) => names_in(x, out),
        Kind::Binary(_, l, r) => {
            names_in(l, out);
            names_in(r, out);
        }
        Kind::Call(_, _, arguments) => arguments.iter().for_each(|a| names_in(a, out)),
    }
}

struct Lowering<'a> {
    scope: &'a Scope,
    graph: &'a mut Graph,
    errors: Vec<ExprError>,
}

type Value = (Node, Type);

impl Lowering<'_> {
    fn fail(&mut self, error: ExprError) -> Option<Value> {
        self.errors.push(error);
        None
    }

    fn expr(&mut self, e: &Expr) -> Option<Value> {
        match &e.kind {
            Kind::Number(value, dimension) => {
                let kind = match dimension {
                    Some(d) => Type::Quantity(*d),
                    None if *value == 0.0 => Type::Zero,
                    None => Type::Literal,
                };
                Some((self.graph.constant(*value), kind))
            }
            Kind::Name(name) => self.name(name, e.span.clone()),
            Kind::Negate(x) => {
                let (node, kind) = self.number(x)?;
                Some((self.graph.neg(node), kind))
            }
            Kind::Not(x) => {
                let node = self.condition(x)?;
                Some((self.graph.complement(node), Type::Condition))
            }
            Kind::Binary(operator, l, r) => self.binary(*operator, l, r, e),
            Kind::Call(name, span, arguments) => self.call(name, span, arguments, e),
        }
    }

    fn name(&mut self, name: &str, span: Range<usize>) -> Option<Value> {
        if let Some(known) = self.scope.get(name) {
            return Some(known);
        }
        if name == "pi" {
            return Some((self.graph.constant(std::f64::consts::PI), Type::Quantity(Dimension::NONE)));
        }
        let error = ExprError::new(span, format!("unknown name `{name}`"));
        let error = if FUNCTIONS.iter().any(|f| f.0 == name) {
            error.hint(format!("`{name}` is a function: write `{name}(...)`"))
        } else if let Some(like) = suggest::nearest(name, self.scope.names()) {
            error.hint(format!("did you mean `{like}`?"))
        } else {
            let known: Vec<&str> = self.scope.names().take(12).collect();
            error.hint(format!("known names are: {}", known.join(", ")))
        };
        self.fail(error)
    }

    fn number(&mut self, e: &Expr) -> Option<Value> {
        let (node, kind) = self.expr(e)?;
        if kind == Type::Condition {
            let error = ExprError::new(e.span.clone(), "a condition cannot be used as a number");
            return self.fail(error.hint("write `if(condition, 1, 0)`"));
        }
        Some((node, kind))
    }

    fn condition(&mut self, e: &Expr) -> Option<Node> {
        let (node, kind) = self.expr(e)?;
        if kind != Type::Condition {
            let error = ExprError::new(e.span.clone(), format!("expected a condition, this is {}", kind.words()));
            self.fail(error.hint("compare it with something, for example `x > 0`"));
            return None;
        }
        Some(node)
    }

    /// A plain number (for exp, ln and the like).
    fn plain(&mut self, e: &Expr, function: &str) -> Option<Node> {
        let (node, kind) = self.number(e)?;
        if !kind.fits(Dimension::NONE) {
            let message = format!("`{function}` needs a plain number, this is {}", kind.words());
            self.fail(ExprError::new(e.span.clone(), message).hint("divide by a quantity of the same dimension"));
            return None;
        }
        Some(node)
    }

    /// A number of things: plain or requests.
    fn count(&mut self, e: &Expr, function: &str, power: f64) -> Option<Value> {
        let (node, kind) = self.number(e)?;
        let fits = kind.dimension().is_some_and(Dimension::is_count) || kind == Type::Zero;
        if !fits {
            let what = if power == 2.0 { "a squared number of requests" } else { "a number of requests" };
            let message = format!("`{function}` needs {what} here, this is {}", kind.words());
            return self.fail(ExprError::new(e.span.clone(), message));
        }
        Some((node, kind))
    }

    /// Common type of two operands that are added or compared.
    fn unify(&mut self, l: (&Expr, Type), r: (&Expr, Type), verb: &str, span: Range<usize>) -> Option<Type> {
        let (a, b) = (l.1, r.1);
        let common = match (a, b) {
            (Type::Quantity(x), _) if b.fits(x) => Some(a),
            (_, Type::Quantity(y)) if a.fits(y) => Some(b),
            (Type::Literal | Type::Zero, Type::Literal | Type::Zero) => Some(if a == Type::Zero { b } else { a }),
            _ => None,
        };
        if common.is_none() {
            let text = format!("cannot {verb} {} and {}", a.words(), b.words());
            self.errors.push(ExprError::new(span, text).hint("both sides need the same dimension"));
        }
        common
    }

    fn binary(&mut self, operator: Operator, l: &Expr, r: &Expr, e: &Expr) -> Option<Value> {
        match operator {
            Operator::And | Operator::Or => {
                let (a, b) = (self.condition(l), self.condition(r));
                let f = if operator == Operator::And { Binary::Mul } else { Binary::Max };
                return Some((self.graph.binary(f, a?, b?), Type::Condition));
            }
            Operator::Pow => return self.power(l, r),
            _ => {}
        }
        let (a, b) = (self.number(l), self.number(r));
        let ((x, a), (y, b)) = (a?, b?);
        let span = e.span.clone();
        match operator {
            Operator::Add => {
                let kind = self.unify((l, a), (r, b), "add", span)?;
                Some((self.graph.add(x, y), kind))
            }
            Operator::Sub => {
                let kind = self.unify((l, a), (r, b), "subtract", span)?;
                Some((self.graph.sub(x, y), kind))
            }
            Operator::Mul => Some((self.graph.mul(x, y), product(a, b, false))),
            Operator::Div => Some((self.graph.div(x, y), product(a, b, true))),
            _ => {
                self.unify((l, a), (r, b), "compare", span)?;
                let g = &mut *self.graph;
                let node = match operator {
                    Operator::Less => g.binary(Binary::Less, x, y),
                    Operator::LessEqual => g.binary(Binary::LessEqual, x, y),
                    Operator::Greater => g.binary(Binary::Less, y, x),
                    Operator::GreaterEqual => g.binary(Binary::LessEqual, y, x),
                    _ => {
                        let (up, down) = (g.binary(Binary::LessEqual, x, y), g.binary(Binary::LessEqual, y, x));
                        let equal = g.mul(up, down);
                        if operator == Operator::Equal { equal } else { g.complement(equal) }
                    }
                };
                Some((node, Type::Condition))
            }
        }
    }

    fn power(&mut self, base: &Expr, exponent: &Expr) -> Option<Value> {
        let (x, kind) = self.number(base)?;
        let y = self.plain(exponent, "^")?;
        if let Some(value) = self.graph.value(y) {
            let kind = match kind {
                Type::Quantity(d) => match d.power(value) {
                    Some(d) => Type::Quantity(d),
                    None => {
                        let message = format!("`{d}` cannot be raised to the power {value}");
                        return self.fail(ExprError::new(exponent.span.clone(), message));
                    }
                },
                other => other,
            };
            return Some((self.graph.power(x, value), kind));
        }
        if !kind.fits(Dimension::NONE) {
            let message = format!("{} can only be raised to a constant power", kind.words());
            return self.fail(ExprError::new(exponent.span.clone(), message));
        }
        let log = self.graph.unary(Unary::Ln, x);
        let scaled = self.graph.mul(log, y);
        Some((self.graph.unary(Unary::Exp, scaled), Type::Quantity(Dimension::NONE)))
    }

    fn call(&mut self, name: &str, span: &Range<usize>, arguments: &[Expr], e: &Expr) -> Option<Value> {
        let Some((_, arity, usage)) = FUNCTIONS.iter().find(|f| f.0 == name) else {
            let error = ExprError::new(span.clone(), format!("unknown function `{name}`"));
            let like = suggest::nearest(name, FUNCTIONS.iter().map(|f| f.0));
            let hint = match (like, name) {
                (_, "log") => "write `ln` for the natural logarithm".to_owned(),
                (Some(like), _) => format!("did you mean `{like}`?"),
                _ => format!("functions are: {}", FUNCTIONS.iter().map(|f| f.0).collect::<Vec<_>>().join(", ")),
            };
            return self.fail(error.hint(hint));
        };
        let right_number = arity.map_or(arguments.len() >= 2, |n| n == arguments.len());
        if !right_number {
            let wanted = arity.map_or("two or more".to_owned(), |n| n.to_string());
            let message = format!("`{name}` takes {wanted} arguments, {} given", arguments.len());
            return self.fail(ExprError::new(e.span.clone(), message).hint(*usage));
        }
        let plain = Type::Quantity(Dimension::NONE);
        match name {
            "if" => self.conditional(arguments, e),
            "min" | "max" => self.extreme(name, arguments, e),
            "abs" | "floor" => {
                let (x, kind) = self.number(&arguments[0])?;
                let f = if name == "abs" { Unary::Abs } else { Unary::Floor };
                Some((self.graph.unary(f, x), kind))
            }
            "sqrt" => {
                let (x, kind) = self.number(&arguments[0])?;
                let kind = match kind {
                    Type::Quantity(d) => d.power(0.5).map(Type::Quantity)?,
                    other => other,
                };
                Some((self.graph.unary(Unary::Sqrt, x), kind))
            }
            "step" => {
                let (x, _) = self.number(&arguments[0])?;
                let zero = self.graph.constant(0.0);
                Some((self.graph.binary(Binary::LessEqual, zero, x), plain))
            }
            "delay" => self.delay(arguments),
            "gamma_p" | "gamma_q" => {
                let (a, x) = (self.plain(&arguments[0], name), self.plain(&arguments[1], name));
                let upper = self.graph.binary(Binary::GammaQ, a?, x?);
                Some((if name == "gamma_q" { upper } else { self.graph.complement(upper) }, plain))
            }
            "busy" | "busy_covariance" | "ahead" | "ahead_variance" | "all_busy" => self.station(name, arguments),
            _ => {
                let x = self.plain(&arguments[0], name)?;
                Some((self.smooth(name, x), plain))
            }
        }
    }

    /// Smooth functions of one plain number.
    fn smooth(&mut self, name: &str, x: Node) -> Node {
        let g = &mut *self.graph;
        match name {
            "exp" => g.unary(Unary::Exp, x),
            "ln" => g.unary(Unary::Ln, x),
            "logistic" => g.unary(Unary::Logistic, x),
            "erf" => {
                // erf(x) = 2 Φ(x √2) - 1
                let root = g.constant(std::f64::consts::SQRT_2);
                let scaled = g.mul(x, root);
                let cdf = g.unary(Unary::NormalCdf, scaled);
                let (two, one) = (g.constant(2.0), g.constant(1.0));
                let double = g.mul(two, cdf);
                g.sub(double, one)
            }
            "normal_pdf" => normal_pdf(g, x),
            _ => g.unary(Unary::NormalCdf, x),
        }
    }

    fn conditional(&mut self, arguments: &[Expr], e: &Expr) -> Option<Value> {
        let condition = self.condition(&arguments[0]);
        let (yes, no) = (self.number(&arguments[1]), self.number(&arguments[2]));
        let ((yes, a), (no, b)) = (yes?, no?);
        let kind = self.unify((&arguments[1], a), (&arguments[2], b), "choose between", e.span.clone())?;
        Some((self.graph.select(condition?, yes, no), kind))
    }

    fn extreme(&mut self, name: &str, arguments: &[Expr], e: &Expr) -> Option<Value> {
        let f = if name == "min" { Binary::Min } else { Binary::Max };
        let (mut node, mut kind) = self.number(&arguments[0])?;
        for argument in &arguments[1..] {
            let (next, next_kind) = self.number(argument)?;
            kind = self.unify((&arguments[0], kind), (argument, next_kind), "compare", e.span.clone())?;
            node = self.graph.binary(f, node, next);
        }
        Some((node, kind))
    }

    fn delay(&mut self, arguments: &[Expr]) -> Option<Value> {
        let (x, kind) = self.number(&arguments[0])?;
        let (lag, lag_kind) = self.number(&arguments[1])?;
        let span = arguments[1].span.clone();
        if lag_kind != Type::Quantity(Dimension::TIME) {
            let message = format!("a delay must be a time, this is {}", lag_kind.words());
            return self.fail(ExprError::new(span, message).hint("write it with a unit, for example `1 s`"));
        }
        if !self.graph.is_constant_in_time(lag) {
            let error = ExprError::new(span, "a delay must not change with time");
            return self.fail(error.hint("use parameters and numbers only"));
        }
        if self.graph.value(lag).is_some_and(|v| v < 0.0) {
            return self.fail(ExprError::new(span, "a delay must not be negative"));
        }
        Some((self.graph.delayed(x, lag), kind))
    }

    fn station(&mut self, name: &str, arguments: &[Expr]) -> Option<Value> {
        let m = self.count(&arguments[0], name, 1.0);
        let v = self.count(&arguments[1], name, 2.0);
        let c = self.count(&arguments[2], name, 1.0);
        let ((m, kind), (v, _), (c, _)) = (m?, v?, c?);
        let dimension = kind.dimension().unwrap_or_default();
        let (output, dimension) = match name {
            "busy" => (katz::BUSY, dimension),
            "ahead" => (katz::AHEAD, dimension),
            "busy_covariance" => (katz::BUSY_COVARIANCE, dimension * dimension),
            "ahead_variance" => (katz::AHEAD_VARIANCE, dimension * dimension),
            _ => (katz::ALL_BUSY, Dimension::NONE),
        };
        Some((self.graph.station(m, v, c, output), Type::Quantity(dimension)))
    }
}

/// Standard normal density, exp(-x²/2)/√(2π).
pub fn normal_pdf(g: &mut Graph, x: Node) -> Node {
    let square = g.power(x, 2.0);
    let half = g.constant(-0.5);
    let exponent = g.mul(half, square);
    let e = g.unary(Unary::Exp, exponent);
    let front = g.constant(0.398_942_280_401_432_7);
    g.mul(front, e)
}

/// Type of a product or quotient.
fn product(a: Type, b: Type, divide: bool) -> Type {
    match (a, b) {
        (Type::Quantity(x), Type::Quantity(y)) => Type::Quantity(if divide { x / y } else { x * y }),
        (Type::Quantity(x), _) => Type::Quantity(x),
        (_, Type::Quantity(y)) => Type::Quantity(if divide { Dimension::NONE / y } else { y }),
        (Type::Zero, _) => Type::Zero,
        _ => Type::Literal,
    }
}

#[cfg(test)]
mod tests {
    use super::super::expr::parse;
    use super::super::tape::{Layout, Tape};
    use super::*;

    fn scope(g: &mut Graph) -> Scope {
        let mut s = Scope::default();
        let names = [
            ("load", Dimension::REQUEST_RATE),
            ("timeout", Dimension::TIME),
            ("mu", Dimension::RATE),
            ("k", Dimension::NONE),
        ];
        for (i, (name, d)) in names.into_iter().enumerate() {
            let node = g.parameter(i);
            s.define(name, node, Type::Quantity(d));
        }
        let queue = g.state(0);
        s.define("queue", queue, Type::Quantity(Dimension::REQUEST));
        s
    }

    fn kind(text: &str) -> Result<Type, Vec<String>> {
        let mut g = Graph::default();
        let s = scope(&mut g);
        lower(&parse(text).unwrap(), &s, &mut g)
            .map(|v| v.1)
            .map_err(|errors| errors.into_iter().map(|e| e.message).collect())
    }

    fn value(text: &str) -> f64 {
        let mut g = Graph::default();
        let s = scope(&mut g);
        let (node, _) = lower(&parse(text).unwrap(), &s, &mut g).unwrap();
        let layout = Layout { parameters: 4, states: 1, lags: g.lags().len() };
        // load, timeout, mu, k, queue, time
        Tape::compile(&g, &[node], layout).evaluate(&[60.0, 1.0, 10.0, 3.0, 5.0, 0.0])[0]
    }

    #[test]
    fn dimensions_follow_the_operators() {
        assert_eq!(kind("load * timeout"), Ok(Type::Quantity(Dimension::REQUEST)));
        assert_eq!(kind("queue + 1"), Ok(Type::Quantity(Dimension::REQUEST)));
        assert_eq!(kind("sqrt(queue ^ 2) * mu"), Ok(Type::Quantity(Dimension::REQUEST_RATE)));
        assert_eq!(kind("queue / load > 250 ms"), Ok(Type::Condition));
        assert_eq!(kind("max(0, load)"), Ok(Type::Quantity(Dimension::REQUEST_RATE)));
    }

    #[test]
    fn mistakes_are_found_together() {
        let errors = kind("load + timeout * exp(queue) + qeue").unwrap_err();
        assert_eq!(errors.len(), 2);
        assert!(errors[0].contains("`exp` needs a plain number"));
        assert!(errors[1].contains("unknown name `qeue`"));
        assert!(kind("load + timeout").unwrap_err()[0].contains("cannot add `req/s` and `s`"));
        assert!(kind("timeout + 1").unwrap_err()[0].contains("cannot add `s` and a plain number"));
        assert!(kind("if(load, 1, 2)").unwrap_err()[0].contains("expected a condition"));
        assert!(kind("min(1)").unwrap_err()[0].contains("takes two or more arguments"));
        assert!(kind("delay(queue, queue / load)").unwrap_err()[0].contains("must not change"));
    }

    #[test]
    fn values_are_those_of_the_functions() {
        let cases = [
            ("if(queue > 3 && !(load < 1 req/1 s), 2, 7)", 2.0),
            ("logistic(0)", 0.5),
            ("erf(k / 4)", 0.711_155_633_653_515_1),
            ("gamma_p(1, k)", 1.0 - f64::exp(-3.0)),
            ("k ^ k", 27.0),
            ("min(k, 2, 7) + max(k, 2)", 5.0),
            ("step(k - 3) + floor(2.7)", 3.0),
            ("normal_pdf(0) * sqrt(2 * pi)", 1.0),
            ("10 % * k", 0.3),
            ("busy(5, 5, 1000)", 5.0),
        ];
        for (text, expected) in cases {
            assert!((value(text) - expected).abs() < 1e-12, "{text} = {} not {expected}", value(text));
        }
    }
}
