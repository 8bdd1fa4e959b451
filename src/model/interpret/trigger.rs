//! Triggers: what is changed for a while, and what is kicked at once.

use super::equations::{header, label};
use crate::model::change;
use crate::model::diagnostic::Diagnostic;
use crate::model::name;
use crate::model::quantity::{self, compatible};
use crate::model::reader::{Reader, join};
use crate::model::render::quoted;
use crate::model::spec::{self, Number, Range, Want};
use crate::model::tree::{Node, Value};
use crate::model::types::{Change, Model, Quantity, Text, Trigger};
use crate::model::unit;
use crate::process::suggest;

/// Reads all triggers; `model` is everything else, for the paths they name.
pub(super) fn triggers(file: &Reader<'_>, model: &Model) -> Vec<Trigger> {
    let mut all = Vec::new();
    for (index, node) in file.list("trigger").iter().enumerate() {
        let path = join("trigger", &label(node, index));
        if let Some(table) = Reader::open(node, &spec::TRIGGER, path, &header(node), file.sink()) {
            all.push(trigger(&table, node, model));
        }
    }
    all
}

fn trigger(table: &Reader<'_>, node: &Node, model: &Model) -> Trigger {
    let sink = table.sink();
    let name = table.name("name");
    name::check_label(&name, "trigger", sink);
    let set: Vec<(Text, Change)> =
        flattened(table, "set").iter().filter_map(|(path, node)| set_one(table, path, node, model)).collect();
    let kick: Vec<(Text, Quantity)> =
        flattened(table, "kick").iter().filter_map(|(state, node)| kick_one(table, state, node, model)).collect();
    let (has_set, has_kick) = (table.node("set").is_some(), table.node("kick").is_some());
    let duration = table.quantity("for");
    if !has_set && !has_kick {
        let message = format!("trigger `{}` does nothing", name.value);
        let diagnostic = Diagnostic::error("empty-trigger", message).at(header(node), "");
        let hint = "write set = { \"client.web.load\" = \"x2\" } and for = \"10 s\", or kick = { STATE = 1 }";
        sink.push(diagnostic.hint(hint));
    }
    if has_set && table.node("for").is_none() {
        let message = format!("trigger `{}` has `set` but no `for`", name.value);
        let diagnostic = Diagnostic::error("missing-key", message).at(table.key_span("set"), "for how long?");
        sink.push(diagnostic.hint("write for = \"10 s\""));
    }
    if has_kick && !has_set && table.node("for").is_some() {
        let message = format!("trigger `{}` has `for` but only a `kick`, which happens at once", name.value);
        let diagnostic = Diagnostic::error("kick-with-duration", message).at(table.key_span("for"), "");
        sink.push(diagnostic.hint("leave out `for`, or change something for that long with `set`"));
    }
    Trigger { name, set, kick, at: table.quantity_or_nan("at"), duration, span: node.span.clone() }
}

/// The entries of `set` or `kick`; dotted keys that were not quoted have become tables, and are joined again.
pub(super) fn flattened<'a>(table: &Reader<'a>, key: &str) -> Vec<(Text, &'a Node)> {
    let entries = table.entries(key);
    if let Some(Node { value: Value::Table(written), .. }) = table.node(key)
        && written.entries.is_empty()
    {
        let message = format!("`{key}` of {} is empty", table.title());
        table.sink().push(Diagnostic::error("empty-trigger", message).at(table.key_span(key), ""));
    }
    let mut all = Vec::new();
    let mut open: Vec<(Text, &Node)> = entries.iter().rev().map(|(k, n)| (k.clone(), n)).collect();
    while let Some((path, node)) = open.pop() {
        match &node.value {
            Value::Table(inner) => open.extend(inner.entries.iter().rev().map(|(k, n)| {
                let span = path.span.start.min(k.span.start)..path.span.end.max(k.span.end);
                (Text { value: join(&path.value, &k.value), span }, n)
            })),
            _ => all.push((path, node)),
        }
    }
    all
}

fn set_one(table: &Reader<'_>, path: &Text, node: &Node, model: &Model) -> Option<(Text, Change)> {
    let Some(target) = model.quantity(&path.value) else {
        table.sink().push(unknown_path(path, model));
        return None;
    };
    // A target that could not be read has been reported; its dimension is not known.
    if target.value.is_nan() {
        return None;
    }
    match change::read(node, target) {
        Ok(change) => Some((path.clone(), change)),
        Err(diagnostic) => {
            table.sink().push(*diagnostic);
            None
        }
    }
}

/// What to say about a path that no number has.
pub(crate) fn unknown_path(path: &Text, model: &Model) -> Diagnostic {
    let quantities = model.quantities();
    let mut paths: Vec<&str> = quantities.iter().map(|q| q.path.as_str()).collect();
    let known_but_absent = spec::number_at(&path.value).is_some() && {
        // `client.web.timeout` where client.web is there but has no timeout.
        let parent = path.value.rsplit_once('.').map_or("", |p| p.0);
        paths.iter().any(|p| p.strip_prefix(parent).is_some_and(|rest| rest.starts_with('.')))
    };
    if known_but_absent {
        let message = format!("{} has no value in this model", quoted(&path.value));
        return Diagnostic::error("unknown-path", message)
            .at(path.span.clone(), "")
            .hint("give it a value in its table");
    }
    paths.retain(|p| !p.starts_with("trigger."));
    let message = format!("no number of this model has the path {}", quoted(&path.value));
    let hint = match suggest::path(&path.value, &paths) {
        Some(near) => format!("did you mean `{near}`?"),
        None if paths.is_empty() => "the model has no numbers yet".to_owned(),
        None => format!("paths begin like {}", paths.iter().take(3).copied().collect::<Vec<_>>().join(", ")),
    };
    Diagnostic::error("unknown-path", message).at(path.span.clone(), "").hint(hint)
}

fn kick_one(table: &Reader<'_>, state: &Text, node: &Node, model: &Model) -> Option<(Text, Quantity)> {
    let rule = Number { want: Want::Any, range: Range::Any, unlimited: false, whole: false };
    let path = join(&table.path_of("kick"), &state.value);
    let mut jump = quantity::read(node, &rule, &path, table.sink())?;
    let Some(known) = model.states.iter().find(|s| s.name.value == state.value) else {
        // States of the system layer (`api.queue`) are known only once it is expanded.
        if state.value.contains('.') {
            return Some((state.clone(), jump));
        }
        let names: Vec<&str> = model.states.iter().map(|s| s.name.value.as_str()).collect();
        table.sink().push(unknown_state(state, &names, "kick"));
        return None;
    };
    if !compatible(jump.dimension, known.dimension) {
        let found = unit::describe(jump.dimension);
        let message = format!(
            "a kick of state `{}` must be {}, but this is {found}",
            state.value,
            unit::describe(known.dimension)
        );
        table.sink().push(Diagnostic::error("wrong-dimension", message).at(jump.span.clone(), ""));
        return None;
    }
    jump.dimension = known.dimension;
    Some((state.clone(), jump))
}

/// What to say about the name of a state that does not exist.
pub(crate) fn unknown_state(name: &Text, names: &[&str], what: &str) -> Diagnostic {
    let message = format!("`{what}` names an unknown state {}", quoted(&name.value));
    let hint = suggest::did_you_mean(&name.value, names.iter().copied()).unwrap_or_else(|| {
        if names.is_empty() {
            "states are declared in [state]".to_owned()
        } else {
            format!("states: {}", names.iter().take(12).copied().collect::<Vec<_>>().join(", "))
        }
    });
    Diagnostic::error("unknown-state", message).at(name.span.clone(), "").hint(hint)
}
