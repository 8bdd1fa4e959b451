//! What things may be called.

use super::diagnostic::Diagnostic;
use super::reader::Sink;
use super::render::quoted;
use super::types::Text;

/// Words of the expression language, which nothing can be called.
pub(crate) const RESERVED: &[&str] = &[
    "t",
    "if",
    "min",
    "max",
    "abs",
    "exp",
    "ln",
    "sqrt",
    "floor",
    "logistic",
    "erf",
    "normal_cdf",
    "gamma_p",
    "gamma_q",
    "step",
];

/// Reports a name that is not an identifier `[a-z_][a-z0-9_]*`.
pub(crate) fn check_identifier(name: &Text, what: &str, sink: &Sink) {
    if let Some(diagnostic) = wrong(name, what, false) {
        sink.push(diagnostic);
    }
}

/// Reports a name that is not a label: letters, digits, `_` and `-`; it stands in no expression.
pub(crate) fn check_label(name: &Text, what: &str, sink: &Sink) {
    if !name.value.is_empty()
        && let Some(diagnostic) = wrong(name, what, true)
    {
        sink.push(diagnostic);
    }
}

fn wrong(name: &Text, what: &str, label: bool) -> Option<Diagnostic> {
    let first = |c: char| c.is_ascii_lowercase() || c == '_' || (label && c.is_ascii_alphanumeric());
    let rest = |c: char| first(c) || c.is_ascii_digit() || (label && c == '-');
    let mut letters = name.value.chars();
    if letters.next().is_some_and(first) && letters.all(rest) {
        return None;
    }
    let allowed = if label {
        "letters, digits, `_` and `-`, and begins with a letter, a digit or `_`"
    } else {
        "lower-case letters, digits and `_`, and does not begin with a digit"
    };
    let message = format!("{} cannot be the name of a {what}", quoted(&name.value));
    let mut better = String::new();
    for c in name.value.chars().take(60) {
        match if label { c } else { c.to_ascii_lowercase() } {
            c if rest(c) => better.push(c),
            c if (c.is_whitespace() || "-./:".contains(c)) && !better.ends_with('_') => better.push('_'),
            _ => {}
        }
    }
    if !better.starts_with(first) && !better.is_empty() {
        better.insert(0, '_');
    }
    let foreign = name.value.chars().any(|c| c.is_alphabetic() && !c.is_ascii());
    let hint = if foreign || better.trim_matches('_').is_empty() {
        format!("a name consists of {allowed}")
    } else {
        format!("a name consists of {allowed}: write `{better}`")
    };
    Some(Diagnostic::error("bad-name", message).at(name.span.clone(), "").hint(hint))
}
