//! Expressions as written in a model file: tokens, syntax tree with byte spans, recursive-descent parser.
//!
//! ```text
//! or     := and { "||" and }              and    := compare { "&&" compare }
//! compare:= sum [ (< <= > >= == !=) sum ] sum    := product { (+ -) product }
//! product:= unary { (* /) unary }         unary  := (- !) unary | power
//! power  := primary [ "^" unary ]         primary:= number [unit] | name | name "(" or {"," or} ")" | "(" or ")"
//! ```
//!
//! A number may carry a simple unit (`250 ms`, `5 req`). A name is letters, digits, `_` and dots (`api.queue`).

use super::dimension::Dimension;
use std::ops::Range;

/// Something wrong with an expression, with the byte range inside its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    /// Byte range inside the expression.
    pub span: Range<usize>,
    /// What is wrong, without full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ExprError {
    /// An error without a hint.
    #[must_use]
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: None }
    }

    /// The same error with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An operator between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the operators")]
pub enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

/// A syntax tree node.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: Kind,
    /// Byte range inside the source text.
    pub span: Range<usize>,
}

/// The kinds of syntax tree node.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A literal, in base units, with the dimension of its unit if it has one.
    Number(f64, Option<Dimension>),
    /// A name: parameter, state, output or `t`.
    Name(String),
    /// `-x`.
    Negate(Box<Expr>),
    /// `!c`.
    Not(Box<Expr>),
    /// `l op r`.
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `f(args)`, with the span of the name.
    Call(String, Range<usize>, Vec<Expr>),
}

/// Units a literal inside an expression may carry: name, factor to base units, dimension.
const UNITS: &[(&str, f64, Dimension)] = &[
    ("ns", 1e-9, Dimension::TIME),
    ("us", 1e-6, Dimension::TIME),
    ("µs", 1e-6, Dimension::TIME),
    ("ms", 1e-3, Dimension::TIME),
    ("s", 1.0, Dimension::TIME),
    ("min", 60.0, Dimension::TIME),
    ("h", 3600.0, Dimension::TIME),
    ("d", 86_400.0, Dimension::TIME),
    ("req", 1.0, Dimension::REQUEST),
    ("B", 1.0, Dimension::BYTE),
    ("kB", 1e3, Dimension::BYTE),
    ("MB", 1e6, Dimension::BYTE),
    ("GB", 1e9, Dimension::BYTE),
    ("KiB", 1024.0, Dimension::BYTE),
    ("MiB", 1_048_576.0, Dimension::BYTE),
    ("GiB", 1_073_741_824.0, Dimension::BYTE),
];

/// Deepest nesting of parentheses and operators; deeper input is refused rather than overflowing the stack.
const MAX_DEPTH: usize = 200;

/// Longest chain of operators of one precedence.
const MAX_TERMS: usize = 2_000;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Percent,
    Name(String),
    Symbol(&'static str),
    End,
}

fn tokenize(text: &str) -> Result<Vec<(Token, Range<usize>)>, ExprError> {
    const SYMBOLS: &[&str] =
        &["<=", ">=", "==", "!=", "&&", "||", "+", "-", "*", "/", "^", "(", ")", ",", "<", ">", "!"];
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|d: char| d.is_ascii_digit())) {
            let length = number_length(rest);
            let span = at..at + length;
            let value: f64 = rest[..length]
                .parse()
                .map_err(|_| ExprError::new(span.clone(), format!("`{}` is not a number", &rest[..length])))?;
            if !value.is_finite() {
                return Err(ExprError::new(span, "this number is too large"));
            }
            tokens.push((Token::Number(value), span));
            at += length;
        } else if c.is_alphabetic() || c == '_' {
            let length = rest.find(|d: char| !(d.is_alphanumeric() || d == '_' || d == '.')).unwrap_or(rest.len());
            let name = rest[..length].trim_end_matches('.');
            tokens.push((Token::Name(name.to_owned()), at..at + name.len()));
            at += name.len();
        } else if c == '%' {
            tokens.push((Token::Percent, at..at + 1));
            at += 1;
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            tokens.push((Token::Symbol(symbol), at..at + symbol.len()));
            at += symbol.len();
        } else {
            let error = ExprError::new(at..at + c.len_utf8(), format!("unexpected character `{c}`"));
            return Err(match c {
                '&' => error.hint("write `&&` for \"and\""),
                '|' => error.hint("write `||` for \"or\""),
                '=' => error.hint("write `==` to compare"),
                '.' => error.hint("a name must not start with a dot, a number needs a digit after it"),
                _ => error,
            });
        }
    }
    tokens.push((Token::End, text.len()..text.len()));
    Ok(tokens)
}

fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |mut i: usize| {
        while i < bytes.len() && (bytes[i].is_ascii_digit() || bytes[i] == b'_') {
            i += 1;
        }
        i
    };
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1 + sign);
        }
    }
    end
}

struct Parser {
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    depth: usize,
}

/// Parses an expression.
///
/// # Errors
/// The first syntax error, with its byte range.
pub fn parse(text: &str) -> Result<Expr, ExprError> {
    if text.trim().is_empty() {
        return Err(ExprError::new(0..text.len(), "the expression is empty"));
    }
    let mut parser = Parser { tokens: tokenize(text)?, at: 0, depth: 0 };
    let expr = parser.or()?;
    match parser.peek() {
        Token::End => Ok(expr),
        Token::Symbol(")") => Err(parser.here("this `)` closes nothing")),
        _ => Err(parser.here("expected an operator here")),
    }
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.at].1.clone()
    }

    fn here(&self, message: impl Into<String>) -> ExprError {
        let mut span = self.span();
        if span.is_empty() && self.at > 0 {
            span = self.tokens[self.at - 1].1.clone();
            return ExprError::new(span.end.saturating_sub(1)..span.end, message);
        }
        span.end = span.end.max(span.start);
        ExprError::new(span, message)
    }

    fn take(&mut self, symbols: &[&str]) -> Option<&'static str> {
        match *self.peek() {
            Token::Symbol(s) if symbols.contains(&s) => {
                self.at += 1;
                Some(s)
            }
            _ => None,
        }
    }

    fn chain(
        &mut self,
        symbols: &[(&'static str, Operator)],
        next: fn(&mut Self) -> Result<Expr, ExprError>,
        repeat: bool,
    ) -> Result<Expr, ExprError> {
        let names: Vec<&str> = symbols.iter().map(|s| s.0).collect();
        let mut left = next(self)?;
        let mut length = 0;
        while let Some(symbol) = self.take(&names) {
            length += 1;
            if length > MAX_TERMS {
                return Err(self.here("the expression is too long"));
            }
            let operator = symbols.iter().find(|s| s.0 == symbol).map_or(Operator::Add, |s| s.1);
            let right = next(self)?;
            let span = left.span.start..right.span.end;
            left = Expr { kind: Kind::Binary(operator, Box::new(left), Box::new(right)), span };
            if !repeat {
                if self.take(&names).is_some() {
                    self.at -= 1;
                    return Err(self.here("comparisons cannot be chained").hint("write `a < b && b < c`"));
                }
                break;
            }
        }
        Ok(left)
    }

    fn or(&mut self) -> Result<Expr, ExprError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.here(format!("more than {MAX_DEPTH} levels of nesting")));
        }
        let expr = self.chain(&[("||", Operator::Or)], Self::and, true);
        self.depth -= 1;
        expr
    }

    fn and(&mut self) -> Result<Expr, ExprError> {
        self.chain(&[("&&", Operator::And)], Self::compare, true)
    }

    fn compare(&mut self) -> Result<Expr, ExprError> {
        let symbols = [
            ("<", Operator::Less),
            ("<=", Operator::LessEqual),
            (">", Operator::Greater),
            (">=", Operator::GreaterEqual),
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
        ];
        self.chain(&symbols, Self::sum, false)
    }

    fn sum(&mut self) -> Result<Expr, ExprError> {
        self.chain(&[("+", Operator::Add), ("-", Operator::Sub)], Self::product, true)
    }

    fn product(&mut self) -> Result<Expr, ExprError> {
        self.chain(&[("*", Operator::Mul), ("/", Operator::Div)], Self::unary, true)
    }

    fn unary(&mut self) -> Result<Expr, ExprError> {
        let start = self.span().start;
        let Some(symbol) = self.take(&["-", "!", "+"]) else { return self.power() };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.here(format!("more than {MAX_DEPTH} levels of nesting")));
        }
        let inner = self.unary()?;
        self.depth -= 1;
        let span = start..inner.span.end;
        Ok(match symbol {
            "-" => Expr { kind: Kind::Negate(Box::new(inner)), span },
            "!" => Expr { kind: Kind::Not(Box::new(inner)), span },
            _ => inner,
        })
    }

    fn power(&mut self) -> Result<Expr, ExprError> {
        let base = self.primary()?;
        if self.take(&["^"]).is_none() {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.here(format!("more than {MAX_DEPTH} levels of nesting")));
        }
        let exponent = self.unary()?;
        self.depth -= 1;
        let span = base.span.start..exponent.span.end;
        Ok(Expr { kind: Kind::Binary(Operator::Pow, Box::new(base), Box::new(exponent)), span })
    }

    fn primary(&mut self) -> Result<Expr, ExprError> {
        let span = self.span();
        match self.peek().clone() {
            Token::Number(value) => {
                self.at += 1;
                Ok(self.literal(value, span))
            }
            Token::Name(name) => {
                self.at += 1;
                if self.take(&["("]).is_none() {
                    return Ok(Expr { kind: Kind::Name(name), span });
                }
                let mut arguments = Vec::new();
                if self.take(&[")"]).is_none() {
                    loop {
                        arguments.push(self.or()?);
                        if self.take(&[","]).is_none() {
                            break;
                        }
                    }
                    if self.take(&[")"]).is_none() {
                        return Err(self.here(format!("expected `,` or `)` in the arguments of `{name}`")));
                    }
                }
                let end = self.tokens[self.at - 1].1.end;
                Ok(Expr { kind: Kind::Call(name, span.clone(), arguments), span: span.start..end })
            }
            Token::Symbol("(") => {
                self.at += 1;
                let mut inner = self.or()?;
                if self.take(&[")"]).is_none() {
                    return Err(ExprError::new(span, "this `(` is never closed"));
                }
                inner.span = span.start..self.tokens[self.at - 1].1.end;
                Ok(inner)
            }
            Token::End => Err(self.here("the expression ends too early: a value is missing after this")),
            Token::Percent => Err(self.here("a percent sign must follow a number")),
            Token::Symbol(s) => Err(self.here(format!("expected a value before `{s}`"))),
        }
    }

    fn literal(&mut self, value: f64, span: Range<usize>) -> Expr {
        let (after, after_span) = (self.peek().clone(), self.span());
        match after {
            Token::Percent => {
                self.at += 1;
                Expr { kind: Kind::Number(value / 100.0, Some(Dimension::NONE)), span: span.start..after_span.end }
            }
            Token::Name(name) => match UNITS.iter().find(|u| u.0 == name) {
                Some(&(_, factor, dimension)) => {
                    self.at += 1;
                    let kind = Kind::Number(value * factor, Some(dimension));
                    Expr { kind, span: span.start..after_span.end }
                }
                None => Expr { kind: Kind::Number(value, None), span },
            },
            _ => Expr { kind: Kind::Number(value, None), span },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(e: &Expr) -> String {
        match &e.kind {
            Kind::Number(v, _) => format!("{v}"),
            Kind::Name(n) => n.clone(),
            Kind::Negate(x) => format!("(-{})", shape(x)),
            Kind::Not(x) => format!("(!{})", shape(x)),
            Kind::Binary(op, l, r) => format!("({op:?} {} {})", shape(l), shape(r)),
            Kind::Call(f, _, a) => format!("{f}[{}]", a.iter().map(shape).collect::<Vec<_>>().join(" ")),
        }
    }

    #[test]
    fn precedence_is_the_usual_one() {
        let text = "a + b * -c ^ 2 ^ d < 3 && !x || y";
        let tree = shape(&parse(text).unwrap());
        assert_eq!(tree, "(Or (And (Less (Add a (Mul b (-(Pow c (Pow 2 d))))) 3) (!x)) y)");
        assert_eq!(shape(&parse("a - b - c").unwrap()), "(Sub (Sub a b) c)");
    }

    #[test]
    fn literals_carry_units() {
        assert_eq!(parse("250 ms").unwrap().kind, Kind::Number(0.25, Some(Dimension::TIME)));
        assert_eq!(parse("10 %").unwrap().kind, Kind::Number(0.1, Some(Dimension::NONE)));
        assert_eq!(parse("1.5e3").unwrap().kind, Kind::Number(1500.0, None));
    }

    #[test]
    fn errors_point_at_the_place() {
        let at = |text: &str| parse(text).unwrap_err().span;
        assert_eq!(at("a + "), 2..3);
        assert_eq!(at("a + * b"), 4..5);
        assert_eq!(at("(a + b"), 0..1);
        assert_eq!(at("a b"), 2..3);
        assert_eq!(at("a < b < c"), 6..7);
        assert_eq!(at("a # b"), 2..3);
    }

    #[test]
    fn deep_nesting_is_an_error_not_an_overflow() {
        assert!(parse(&"(".repeat(100_000)).is_err());
        assert!(parse(&"-".repeat(100_000)).is_err());
        assert!(parse(&format!("{}1{}", "(".repeat(150), ")".repeat(150))).is_ok());
        assert!(parse(&format!("1{}", "^1".repeat(100_000))).is_err());
    }
}
