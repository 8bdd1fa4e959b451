//! Changes of a number: a new value, a multiple (`x2`), or a percentage (`+50 %`). Triggers, `--set` and sweeps speak of
//! changes in the same words.

use super::diagnostic::Diagnostic;
use super::quantity::{self, compatible};
use super::render::quoted;
use super::spec::{self, Number, Range, Want};
use super::tree::{Node, Value};
use super::types::{Change, Model, Quantity, Text};
use super::unit;

/// Why a change cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// No number has this path.
    #[error("no number of this model has the path `{path}`{}", .nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownPath {
        /// As given.
        path: String,
        /// The path that was probably meant.
        nearest: Option<String>,
    },
    /// The new value has another dimension.
    #[error("`{path}` is {wanted}, but the new value is {found}")]
    WrongDimension {
        /// Path of the number.
        path: String,
        /// Its dimension in words.
        wanted: String,
        /// That of the new value.
        found: String,
    },
    /// The new value is not one that the number can have.
    #[error("{message}")]
    OutOfRange {
        /// Path of the number.
        path: String,
        /// What it must be and what it would be.
        message: String,
    },
}

impl Change {
    /// The value this makes of a number, in base units.
    #[must_use]
    pub fn applied_to(&self, value: f64) -> f64 {
        match self {
            Self::To(quantity) => quantity.value,
            Self::Times(factor) => value * factor,
            Self::Percent(share) => value * (1.0 + share),
        }
    }

    /// A change to a value in base units, printed in the unit of the number it replaces.
    #[must_use]
    pub fn to_value(like: &Quantity, value: f64) -> Self {
        Self::To(Quantity { value, span: 0..0, ..like.clone() })
    }
}

impl Model {
    /// A copy with one number changed.
    ///
    /// # Errors
    /// If there is no such number, or it cannot have the new value.
    pub fn with(&self, path: &str, change: &Change) -> Result<Self, ChangeError> {
        let mut changed = self.clone();
        let Some(target) = changed.quantity_mut(path) else {
            return Err(ChangeError::UnknownPath {
                path: path.to_owned(),
                nearest: self.nearest_path(path).map(str::to_owned),
            });
        };
        if let Change::To(quantity) = change
            && !compatible(quantity.dimension, target.dimension)
            && quantity.value.is_finite()
        {
            return Err(ChangeError::WrongDimension {
                path: path.to_owned(),
                wanted: unit::describe(target.dimension),
                found: unit::describe(quantity.dimension),
            });
        }
        let value = change.applied_to(target.value);
        let out_of_range = |message| ChangeError::OutOfRange { path: path.to_owned(), message };
        check(value, &rule_of(target), &target.path).map_err(out_of_range)?;
        target.value = value;
        if let Change::To(quantity) = change
            && !quantity.unit.is_empty()
        {
            target.unit.clone_from(&quantity.unit);
            target.factor = quantity.factor;
        }
        let too_small = changed.services.iter().find(|s| s.queue.limit.value < s.servers.value);
        if let Some(service) = too_small {
            let (limit, servers) = (service.queue.limit.value, service.servers.value);
            let name = &service.name.value;
            return Err(out_of_range(format!(
                "the queue limit of service `{name}` would be {limit}, below its {servers} servers"
            )));
        }
        Ok(changed)
    }
}

/// Reads the new value of a trigger for the number it changes.
pub(crate) fn read(node: &Node, target: &Quantity) -> Result<Change, Box<Diagnostic>> {
    let rule = rule_of(target);
    let key = target.path.rsplit('.').next().unwrap_or_default();
    if let Value::Text(text) = &node.value
        && let Some(change) = relative(text)?
    {
        let value = change.applied_to(target.value);
        return match check(value, &rule, &target.path) {
            Ok(()) => Ok(change),
            Err(message) => Err(Box::new(Diagnostic::error("out-of-range", message).at(text.span.clone(), ""))),
        };
    }
    let sink = super::reader::Sink::default();
    let quantity = quantity::read(node, &rule, &target.path, &sink);
    match quantity {
        Some(quantity) if compatible(quantity.dimension, target.dimension) || quantity.value.is_infinite() => {
            Ok(Change::To(Quantity { dimension: target.dimension, ..quantity }))
        }
        Some(quantity) => {
            let wanted = unit::describe(target.dimension);
            let message = format!("`{key}` must be {wanted}, but this is {}", unit::describe(quantity.dimension));
            Err(Box::new(Diagnostic::error("wrong-dimension", message).at(node.span.clone(), "")))
        }
        None => {
            let hint = "to change it relative to its value in the model, write \"x2\" or \"+50 %\"";
            let first = sink.into_list().into_iter().next();
            let diagnostic = first.unwrap_or_else(|| {
                Diagnostic::error("wrong-type", format!("`{key}` cannot become this")).at(node.span.clone(), "")
            });
            let percent = matches!(&node.value, Value::Text(t) if t.value.trim_end().ends_with('%'));
            let mut diagnostic = diagnostic;
            if percent && diagnostic.id == "wrong-dimension" {
                diagnostic.hints.clear();
            }
            Err(Box::new(diagnostic.hint(hint)))
        }
    }
}

/// A text as a relative change, if it is written as one.
pub(crate) fn relative(text: &Text) -> Result<Option<Change>, Box<Diagnostic>> {
    let word = text.value.trim();
    let number = |digits: &str| digits.trim().parse::<f64>().ok().filter(|v| v.is_finite() && v.abs() <= 1e300);
    let wrong = |message: String, hint: &str| {
        Err(Box::new(Diagnostic::error("bad-change", message).at(text.span.clone(), "").hint(hint)))
    };
    if let Some(rest) = word.strip_prefix(['x', '×', '*']) {
        return match number(rest) {
            Some(factor) if factor >= 0.0 => Ok(Some(Change::Times(factor))),
            _ => wrong(format!("{} is not a multiple", quoted(word)), "write \"x2\" to double, \"x0.5\" to halve"),
        };
    }
    if word.starts_with(['+', '-']) {
        if let Some(share) = word.strip_suffix('%') {
            return match number(share) {
                Some(percent) if percent >= -100.0 => Ok(Some(Change::Percent(percent / 100.0))),
                _ => wrong(format!("{} is not a change in percent", quoted(word)), "write \"+50 %\" or \"-20 %\""),
            };
        }
        if word.starts_with('+') {
            let hint = "write \"+50 %\" or \"x1.5\" for a relative change, or the new value without the +";
            return wrong(format!("{} adds an amount, which is not supported", quoted(word)), hint);
        }
    }
    Ok(None)
}

/// What a number of the model must be.
fn rule_of(target: &Quantity) -> Number {
    spec::number_at(&target.path).unwrap_or(Number {
        want: Want::Any,
        range: Range::Any,
        unlimited: target.value.is_infinite(),
        whole: false,
    })
}

fn check(value: f64, rule: &Number, path: &str) -> Result<(), String> {
    if value.is_nan() || (value.is_infinite() && !rule.unlimited && rule.want != Want::Any) {
        let key = path.rsplit('.').next().unwrap_or(path);
        return Err(format!("`{key}` would become {}", unit::number(value, 6)));
    }
    quantity::check_range(value, rule, path)
}
