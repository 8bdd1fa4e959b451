//! The format of a model file, as data: every table, key, kind of value, range and default, with a line on each. The
//! reader checks files against it, `--set` finds paths in it, and the JSON schema is printed from it.

mod fleet;
mod tables;

pub(crate) use fleet::{AUTOSCALER, BALANCER, CACHE};
pub(crate) use tables::{CALL, CLIENT, PARAM, QUEUE, ROOT, SERVICE, STATE, TRANSITION, TRIGGER, VARIANT};

use crate::process::dimension::Dimension;

/// A table of the format.
pub(crate) struct Table {
    /// How it is called in messages: `[client.NAME]`, `retry`.
    pub(crate) title: &'static str,
    /// What it is for.
    pub(crate) about: &'static str,
    /// Its keys, in the order in which they are documented.
    pub(crate) keys: &'static [Key],
    /// What else may stand in its place.
    pub(crate) shorthand: Shorthand,
}

/// What may be written instead of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shorthand {
    /// Only the table.
    None,
    /// The name of a preset that has this part.
    Preset(&'static str),
    /// The value of the key `value` alone.
    Value,
}

/// A key of a table.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) need: Need,
    pub(crate) kind: Kind,
    pub(crate) about: &'static str,
}

/// Whether a key must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It must.
    Required,
    /// Without it there is none.
    Optional,
    /// Without it this is taken, written as it could stand in the file.
    Default(&'static str),
}

/// What a key's value can be.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A quantity.
    Number(Number),
    /// `true` or `false`.
    Flag,
    /// Any text.
    Text,
    /// A name with letters, digits, `_` and `-`, used in messages and reports only.
    Label,
    /// An expression, kept as text.
    Expression,
    /// The name of a service.
    Service,
    /// The dotted path of a number of the model.
    Path,
    /// A list of such paths, each perhaps with bounds: `path=LOW..HIGH`.
    Paths,
    /// One of these words.
    Choice(&'static [Choice]),
    /// A list of these words.
    Choices(&'static [Choice]),
    /// A table.
    Table(&'static Table),
    /// A table whose keys are names chosen by the author.
    Map(&'static Kind),
    /// The same, where a list of names (or one name) stands for entries without keys.
    Calls(&'static Table),
    /// `[[...]]`.
    List(&'static Table),
    /// Paths or states, each with a change of it.
    Changes,
    /// Paths of any values of the model, each with its new value.
    Overrides,
}

/// A word that can be chosen.
pub(crate) struct Choice {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether this version can compute with it.
    pub(crate) supported: bool,
}

/// What a quantity must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number {
    pub(crate) want: Want,
    pub(crate) range: Range,
    /// Whether `"unlimited"` is allowed.
    pub(crate) unlimited: bool,
    /// Whether it must be a whole number.
    pub(crate) whole: bool,
}

/// The dimension a quantity must have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Want {
    /// This one.
    Is(Dimension),
    /// Requests, or a plain number that counts them.
    Count,
    /// Any.
    Any,
}

/// The values a quantity can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    /// Any finite one.
    Any,
    /// Zero or more.
    NotNegative,
    /// More than zero.
    Positive,
    /// One or more.
    AtLeastOne,
    /// From 0 to 1.
    Share,
}

impl Range {
    /// Whether a value is allowed.
    pub(crate) fn contains(self, value: f64) -> bool {
        match self {
            Self::Any => !value.is_nan(),
            Self::NotNegative => value >= 0.0,
            Self::Positive => value > 0.0,
            Self::AtLeastOne => value >= 1.0,
            Self::Share => (0.0..=1.0).contains(&value),
        }
    }

    /// What a value must be, in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Any => "any number",
            Self::NotNegative => "zero or more",
            Self::Positive => "more than zero",
            Self::AtLeastOne => "at least 1",
            Self::Share => "between 0 and 1 (0 % and 100 %)",
        }
    }
}

impl Table {
    /// The key of a name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|k| k.name == name)
    }
}

/// The kind of value at a dotted path given as its parts, and the number of parts that led there. Paths end at values,
/// not at tables; `param.x` ends at the value of the parameter.
pub(crate) fn kind_at(parts: &[&str]) -> Option<Kind> {
    let mut kind = Kind::Table(&ROOT);
    let mut at = 0;
    while at < parts.len() {
        kind = match kind {
            Kind::Table(table) => table.key(parts[at])?.kind,
            Kind::Map(entry) => *entry,
            Kind::Calls(table) | Kind::List(table) => Kind::Table(table),
            Kind::Changes => return Some(Kind::Changes),
            _ => return None,
        };
        at += 1;
    }
    match kind {
        Kind::Table(table) if table.shorthand == Shorthand::Value => table.key("value").map(|k| k.kind),
        other => Some(other),
    }
}

/// What the number at a dotted path must be, if there can be one.
pub(crate) fn number_at(path: &str) -> Option<Number> {
    let parts: Vec<&str> = path.split('.').collect();
    match kind_at(&parts) {
        Some(Kind::Number(number)) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_kinds() {
        assert_eq!(number_at("client.web.retry.growth").map(|n| n.range), Some(Range::Positive));
        assert_eq!(number_at("service.api.calls.db.retry.backoff").map(|n| n.range), Some(Range::NotNegative));
        assert_eq!(number_at("param.fill").map(|n| n.want), Some(Want::Any));
        assert!(number_at("client.web.nothing").is_none());
        assert!(matches!(kind_at(&["client", "web", "retry", "jitter"]), Some(Kind::Choice(_))));
    }
}
