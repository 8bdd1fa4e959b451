//! One number of the file: read in its unit and held against what its key wants.

use super::diagnostic::Diagnostic;
use super::reader::Sink;
use super::render::quoted;
use super::spec::{Number, Range, Want};
use super::tree::{Node, Value};
use super::types::{Quantity, Span, Text};
use super::unit::{self, Parsed, UnitErrorKind};
use crate::process::dimension::Dimension;

/// Largest number of a client or a service, in base units: beyond it are only slips of the keyboard.
const LARGEST: f64 = 1e15;
/// The word for infinity.
const UNLIMITED: &str = "unlimited";
/// Words people write for it.
const ALMOST_UNLIMITED: &[&str] = &["inf", "infinite", "infinity", "∞", "none", "never", "unbounded", "no limit"];

/// Reads a value; what is wrong with it is reported and `None` returned.
pub(crate) fn read(node: &Node, rule: &Number, path: &str, sink: &Sink) -> Option<Quantity> {
    match understood(node, rule, path) {
        Ok(quantity) => Some(quantity),
        Err(diagnostic) => {
            sink.push(*diagnostic);
            None
        }
    }
}

/// The quantity of a default, which stands nowhere.
pub(crate) fn default(text: &str, rule: &Number, path: &str) -> Option<Quantity> {
    let infinite = match text {
        UNLIMITED => Some(f64::INFINITY),
        "-unlimited" => Some(f64::NEG_INFINITY),
        _ => None,
    };
    let parsed = match infinite {
        Some(value) => Parsed { value, dimension: wanted_dimension(rule), unit: String::new(), factor: 1.0 },
        None => unit::parse(text).ok()?,
    };
    Some(build(path, parsed, 0..0))
}

/// A quantity that could not be read: not a number.
pub(crate) fn unknown(path: &str) -> Quantity {
    Quantity {
        path: path.to_owned(),
        value: f64::NAN,
        dimension: Dimension::NONE,
        unit: String::new(),
        factor: 1.0,
        span: 0..0,
    }
}

/// Whether two dimensions may stand for each other: equal, or both counts (`300` and `300 req`).
pub(crate) fn compatible(a: Dimension, b: Dimension) -> bool {
    let count = |d: Dimension| d == Dimension::NONE || d == Dimension::REQUEST;
    a == b || (count(a) && count(b))
}

/// Holds a value against the range of its key.
pub(crate) fn check_range(value: f64, rule: &Number, path: &str) -> Result<(), String> {
    let key = last(path);
    if !rule.range.contains(value) {
        let shown = unit::number(value, 6);
        return Err(format!("`{key}` must be {}, but is {shown}", rule.range.words()));
    }
    if rule.want != Want::Any && value.is_finite() && value.abs() > LARGEST {
        return Err(format!("`{key}` must be at most 1e15, but is {}", unit::number(value, 6)));
    }
    if rule.range == Range::Positive && value < 1.0 / LARGEST {
        return Err(format!("`{key}` must be at least 1e-15, but is {}", unit::number(value, 6)));
    }
    if rule.whole && value.is_finite() && value.fract() != 0.0 {
        return Err(format!("`{key}` must be a whole number, but is {}", unit::number(value, 6)));
    }
    Ok(())
}

fn understood(node: &Node, rule: &Number, path: &str) -> Result<Quantity, Box<Diagnostic>> {
    let (parsed, span) = match &node.value {
        Value::Number { value, raw } => (bare(*value, raw, rule, node, path)?, node.span.clone()),
        Value::Text(text) => (written(text, rule, path)?, text.span.clone()),
        _ => {
            let message = format!("`{}` must be {}, not {}", last(path), wanted(rule), node.kind());
            return Err(Box::new(Diagnostic::error("wrong-type", message).at(node.span.clone(), "")));
        }
    };
    let shown = if parsed.unit.is_empty() { String::new() } else { format!(" {}", parsed.unit) };
    check_range(parsed.value, rule, path).map_err(|message| {
        let id = if message.contains("whole") { "not-whole" } else { "out-of-range" };
        // In the unit of the file where that is another than the base unit.
        let message = match message.split_once(", but is ") {
            Some((head, _)) => {
                format!("{head}, but is {}{shown}", unit::number(parsed.value / parsed.factor, 6))
            }
            None => message,
        };
        Box::new(Diagnostic::error(id, message).at(span.clone(), ""))
    })?;
    Ok(build(path, parsed, span))
}

fn bare(value: f64, raw: &str, rule: &Number, node: &Node, path: &str) -> Result<Parsed, Box<Diagnostic>> {
    let key = last(path);
    let at = |id, message: String| Diagnostic::error(id, message).at(node.span.clone(), "");
    if value.is_nan() {
        return Err(Box::new(at("not-finite", format!("`{key}` is not a number"))));
    }
    if raw.contains("inf") {
        let diagnostic = at("not-finite", format!("`{key}` must be finite"));
        let hint = rule.unlimited.then(|| "write \"unlimited\" for no limit".to_owned());
        return Err(Box::new(diagnostic.maybe_hint(hint)));
    }
    if value.abs() > 1e300 {
        let kind = UnitErrorKind::TooLarge;
        return Err(Box::new(at(kind.id(), format!("`{key}`: {kind}")).maybe_hint(kind.hint())));
    }
    if let Want::Is(dimension) = rule.want
        && !dimension.is_none()
    {
        return Err(Box::new(needs_unit(raw, dimension, key, node.span.clone())));
    }
    Ok(Parsed { value, dimension: Dimension::NONE, unit: String::new(), factor: 1.0 })
}

fn written(text: &Text, rule: &Number, path: &str) -> Result<Parsed, Box<Diagnostic>> {
    let key = last(path);
    let word = text.value.trim();
    if word == UNLIMITED {
        if rule.unlimited {
            let dimension = wanted_dimension(rule);
            return Ok(Parsed { value: f64::INFINITY, dimension, unit: String::new(), factor: 1.0 });
        }
        let message = format!("`{key}` cannot be unlimited");
        let hint = format!("it must be {}", wanted(rule));
        return Err(Box::new(Diagnostic::error("not-finite", message).at(text.span.clone(), "").hint(hint)));
    }
    let parsed = unit::parse(&text.value).map_err(|error| {
        let message = match error.kind {
            UnitErrorKind::UnknownUnit { ref name, .. } => format!("unknown unit {} in `{key}`", quoted(name)),
            ref kind => format!("`{key}`: {kind}"),
        };
        let almost = ALMOST_UNLIMITED.contains(&word.to_lowercase().as_str());
        let hint = match error.kind {
            _ if almost && rule.unlimited => Some("write \"unlimited\" for no limit".to_owned()),
            UnitErrorKind::NotANumber | UnitErrorKind::Empty => {
                Some(format!("write {}, such as {}", wanted(rule), example(rule)))
            }
            ref kind => kind.hint(),
        };
        Box::new(Diagnostic::error(error.kind.id(), message).at(text.locate(&error.range), "").maybe_hint(hint))
    })?;
    let fits = match rule.want {
        Want::Any => true,
        Want::Count => compatible(parsed.dimension, Dimension::NONE),
        Want::Is(dimension) => parsed.dimension == dimension,
    };
    if fits {
        return Ok(parsed);
    }
    if let (true, Want::Is(dimension)) = (parsed.unit.is_empty(), rule.want) {
        return Err(Box::new(needs_unit(word, dimension, key, text.span.clone())));
    }
    let message =
        format!("`{key}` must be {}, but {} is {}", wanted(rule), quoted(word), unit::describe(parsed.dimension));
    let number = word.strip_suffix(parsed.unit.as_str()).unwrap_or(word).trim();
    let hint = match rule.want {
        Want::Is(dimension) => with_unit(number, dimension),
        _ => format!("write {number} or \"{number} req\""),
    };
    Err(Box::new(Diagnostic::error("wrong-dimension", message).at(text.span.clone(), "").hint(hint)))
}

fn needs_unit(raw: &str, dimension: Dimension, key: &str, span: Span) -> Diagnostic {
    let message = format!("`{key}` has a bare number where a unit is needed");
    Diagnostic::error("missing-unit", message)
        .at(span, format!("must be {}", unit::describe(dimension)))
        .hint(with_unit(raw, dimension))
}

/// How to write a number in a dimension.
pub(crate) fn with_unit(number: &str, dimension: Dimension) -> String {
    match dimension {
        Dimension::TIME => format!("write \"{number} s\" or \"{number} ms\""),
        Dimension::NONE => format!("write {number}, or a percentage such as \"10 %\""),
        other => format!("write \"{number} {other}\""),
    }
}

fn wanted_dimension(rule: &Number) -> Dimension {
    if let Want::Is(dimension) = rule.want { dimension } else { Dimension::NONE }
}

fn wanted(rule: &Number) -> String {
    match rule.want {
        Want::Is(dimension) => unit::describe(dimension),
        Want::Count => "a number".to_owned(),
        Want::Any => "a quantity".to_owned(),
    }
}

/// A value as it could be written for a key.
pub(crate) fn example(rule: &Number) -> &'static str {
    match rule.want {
        Want::Is(Dimension::TIME) => "\"250 ms\"",
        Want::Is(Dimension::REQUEST_RATE) => "\"60 req/s\"",
        Want::Is(_) if rule.whole => "3",
        Want::Is(Dimension::NONE) if rule.range == Range::AtLeastOne => "10",
        Want::Is(_) => "0.5 or \"50 %\"",
        Want::Count => "300 or \"300 req\"",
        Want::Any => "\"120 s\" or 0.5",
    }
}

fn build(path: &str, parsed: Parsed, span: Span) -> Quantity {
    let Parsed { value, dimension, unit, factor } = parsed;
    Quantity { path: path.to_owned(), value, dimension, unit, factor, span }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
