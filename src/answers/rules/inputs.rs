//! The series that rules are made of, and the expressions of the user for them.

use super::super::study::Study;
use super::super::thresholds::Thresholds;
use super::levels::Levels;
use crate::fit::metrics::guess::Role;
use crate::fit::observe::{main_service, of_role};
use crate::model::unit;
use crate::process::dimension::Dimension;

/// A series that the rules are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// What `--map` calls it.
    pub key: String,
    /// What it is.
    pub about: String,
    /// The expression that gives it.
    pub expr: String,
    /// Whether that is the default, which somebody must replace or provide.
    pub is_default: bool,
    /// Whether series of several instances add up (else they are averaged).
    pub adds: bool,
    /// What is recorded, such as `tipping:offered`.
    pub record: String,
}

pub(super) fn inputs(study: &Study, thresholds: &Thresholds, levels: &Levels, load: &str) -> Vec<Input> {
    let process = study.fluid.process();
    let has = |role: Role| of_role(process, role, main_service(&study.model)).is_some();
    let input = |key: &str, about: &str, adds: bool| Input {
        key: key.to_owned(),
        about: about.to_owned(),
        expr: format!("tipping_{key}"),
        is_default: true,
        adds,
        record: format!("tipping:{key}"),
    };
    let mut all = vec![if load == "offered" {
        input(load, "requests that users begin, first attempts only, per second", true)
    } else {
        input(load, &format!("{} of the model{}", thresholds.path, in_unit(&thresholds.unit)), true)
    }];
    // Goodput can be held to the load only if the load counts requests.
    if has(Role::Goodput) && (levels.busy.is_some() || load == "offered") {
        all.push(input("goodput", "requests answered while somebody still waits, per second", true));
    }
    if levels.busy.is_some() {
        all.push(input("served", "answers of the service, wanted or not, per second", true));
    }
    if let (Some(metric), Some(key)) = (&thresholds.metric, &levels.metric) {
        let about = match metric.role {
            Some(Role::Inflight) => "attempts inside the service, waiting and in service".to_owned(),
            Some(Role::Queue) => "attempts that wait".to_owned(),
            _ => format!("{} of the model{}", metric.name, in_unit(&metric.unit)),
        };
        let adds = unit::parse_unit(&metric.unit).is_ok_and(|(d, _)| !d.is_none() && d != Dimension::TIME);
        if all.iter().all(|i| i.key != *key) {
            all.push(input(key, &about, adds));
        }
    }
    all
}

/// Letters, digits and underscores.
pub(super) fn identifier(name: &str) -> String {
    let mut word: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        word.insert(0, '_');
    }
    word
}

/// The base unit in the place of the unit of the model file: what series of Prometheus are in.
pub(super) fn base_unit(text: &str) -> String {
    match unit::parse_unit(text) {
        Ok((dimension, _)) if dimension == Dimension::NONE => String::new(),
        Ok((dimension, _)) => dimension.to_string(),
        Err(_) => text.to_owned(),
    }
}

fn in_unit(text: &str) -> String {
    let unit = base_unit(text);
    if unit.is_empty() { String::new() } else { format!(", in {unit}") }
}

/// Why a text cannot be PromQL: what promtool would not find in the user's words but in ours.
pub(super) fn malformed(expr: &str) -> Option<&'static str> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    for letter in expr.chars() {
        if let Some(mark) = quote {
            match letter {
                _ if escaped => escaped = false,
                '\\' if mark != '`' => escaped = true,
                c if c == mark => quote = None,
                _ => {}
            }
            continue;
        }
        match letter {
            '"' | '\'' | '`' => quote = Some(letter),
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(letter) => return Some("its brackets do not match"),
            // A comment would swallow what is written behind the expression.
            '#' => return Some("it holds a comment"),
            _ => {}
        }
    }
    match () {
        () if expr.trim().is_empty() => Some("it is empty"),
        () if quote.is_some() => Some("a quotation mark is not closed"),
        () if !open.is_empty() => Some("its brackets do not match"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::malformed;

    #[test]
    fn what_would_break_the_rules_around_it_is_refused() {
        assert_eq!(malformed("sum(rate(http_requests_total{code=~\"2..\", path=\"/a)\"}[1m]))"), None);
        assert_eq!(malformed(r#"x{a="\"("}"#), None);
        for wrong in ["", "  ", "sum(x", "x)", "x{a=\"b}", "x[1m)", "x # y"] {
            assert!(malformed(wrong).is_some(), "{wrong}");
        }
    }
}
