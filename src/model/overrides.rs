//! `--set path=value`: changes to the document before it is read, so that a changed model is checked like a written one.
//! Any value of the format can be set, also one that the file leaves at its default; nothing can be added that has a
//! name of its own.

use super::change;
use super::desugar::desugar;
use super::diagnostic::{Diagnostic, Sources};
use super::interpret::interpret;
use super::reader::{Sink, join};
use super::render::quoted;
use super::spec::{self, Kind, ROOT, Shorthand};
use super::tree::{Node, Table, Value};
use super::types::{Change, Span, Text};
use super::unit;
use crate::process::suggest;

/// One `path=value`, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The argument of `--set`.
    pub argument: String,
}

impl Override {
    /// An override from the argument of `--set`.
    #[must_use]
    pub fn new(argument: impl Into<String>) -> Self {
        Self { argument: argument.into() }
    }
}

/// Applies overrides in order; each argument becomes a source of its own.
pub(crate) fn apply(root: &mut Table, overrides: &[Override], sources: &mut Sources, sink: &Sink) {
    for one in overrides {
        let start = sources.add("--set", &one.argument);
        desugar(root);
        if let Err(diagnostic) = apply_one(root, &one.argument, start) {
            sink.push(*diagnostic);
        }
    }
    desugar(root);
}

/// Applies the changes of a variant, whose places are in the model file.
pub(crate) fn apply_changes(root: &mut Table, changes: &[(Text, Node)], sink: &Sink) {
    for (path, value) in changes {
        desugar(root);
        if let Err(diagnostic) = change_one(root, path, value) {
            sink.push(*diagnostic);
        }
    }
    desugar(root);
}

fn change_one(root: &mut Table, path: &Text, value: &Node) -> Result<(), Box<Diagnostic>> {
    let Some(parts) = known(root, &path.value) else { return Err(Box::new(unknown(root, path))) };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let new = match &value.value {
        Value::Text(text) => node(root, &parts, &path.value, text)?,
        _ => value.clone(),
    };
    set(root, &parts, new, &path.span);
    Ok(())
}

fn apply_one(root: &mut Table, argument: &str, start: usize) -> Result<(), Box<Diagnostic>> {
    let whole = start..start + argument.len();
    let Some((path, value)) = argument.split_once('=') else {
        let message = format!("{} is not of the form path=value", quoted(argument));
        let hint = "write for example --set client.web.load=\"80 req/s\"";
        return Err(Box::new(Diagnostic::error("bad-override", message).at(whole, "").hint(hint)));
    };
    let path = Text { span: trimmed_span(path, start), value: path.trim().to_owned() };
    let value_start = start + argument.len() - value.len();
    let value = Text { span: trimmed_span(value, value_start), value: unquoted(value.trim()).to_owned() };
    if value.value.trim().is_empty() {
        let message = format!("no value for {}", quoted(&path.value));
        return Err(Box::new(Diagnostic::error("bad-override", message).at(whole, "").hint("write path=value")));
    }
    if path.value.is_empty() {
        let hint = "write for example --set client.web.load=\"80 req/s\"";
        let diagnostic = Diagnostic::error("bad-override", "there is no path before the `=`");
        return Err(Box::new(diagnostic.at(whole, "").hint(hint)));
    }
    let Some(parts) = known(root, &path.value) else { return Err(Box::new(unknown(root, &path))) };
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let node = node(root, &parts, &path.value, &value)?;
    set(root, &parts, node, &path.span);
    Ok(())
}

/// The parts of a path that can be set, if it can.
fn known(root: &Table, path: &str) -> Option<Vec<String>> {
    let name = path.strip_prefix("param.").unwrap_or(path);
    let name = name.strip_suffix(".value").unwrap_or(name);
    let is_param = root.get("param").and_then(Node::table).is_some_and(|t| t.get(name).is_some());
    if is_param && !name.contains('.') {
        return Some(vec!["param".to_owned(), name.to_owned(), "value".to_owned()]);
    }
    settable(root).iter().any(|p| p == path).then(|| path.split('.').map(str::to_owned).collect())
}

fn unknown(root: &Table, path: &Text) -> Diagnostic {
    let all = settable(root);
    let paths: Vec<&str> = all.iter().map(String::as_str).collect();
    let message = format!("no value of this model has the path {}", quoted(&path.value));
    let hint = match suggest::path(&path.value, &paths) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let some: Vec<&str> = paths.iter().copied().filter(|p| !p.starts_with("model.")).take(3).collect();
            format!("paths look like {}", some.join(", "))
        }
    };
    Diagnostic::error("unknown-path", message).at(path.span.clone(), "").hint(hint)
}

/// Every path that can be set in a document.
pub(crate) fn settable(root: &Table) -> Vec<String> {
    let mut all = Vec::new();
    for key in ROOT.keys {
        collect(key.kind, root.get(key.name), key.name, &mut all);
    }
    all
}

fn collect(kind: Kind, node: Option<&Node>, path: &str, all: &mut Vec<String>) {
    let table = node.and_then(Node::table);
    let entries = |kind: Kind, all: &mut Vec<String>| {
        for (name, node) in table.map_or(&[][..], |t| &t.entries) {
            collect(kind, Some(node), &join(path, &name.value), all);
        }
    };
    match kind {
        Kind::Table(spec) if spec.shorthand == Shorthand::Value => {
            all.extend(path.strip_prefix("param.").map(str::to_owned));
        }
        Kind::Table(spec) => {
            if matches!(spec.shorthand, Shorthand::Preset(_)) {
                all.push(path.to_owned());
            }
            for key in spec.keys {
                collect(key.kind, table.and_then(|t| t.get(key.name)), &join(path, key.name), all);
            }
        }
        Kind::Map(entry) => entries(*entry, all),
        Kind::Calls(spec) => {
            all.push(path.to_owned());
            entries(Kind::Table(spec), all);
        }
        Kind::List(spec) => {
            if let Some(Node { value: Value::Array(items), .. }) = node {
                for item in items {
                    if let Some(name) = name_of(item) {
                        collect(Kind::Table(spec), Some(item), &join(path, name), all);
                    }
                }
            }
        }
        Kind::Changes => {
            for (name, node) in table.map_or(&[][..], |t| &t.entries) {
                let path = join(path, &name.value);
                if matches!(node.value, Value::Table(_)) {
                    collect(Kind::Changes, Some(node), &path, all);
                } else {
                    all.push(path);
                }
            }
        }
        // A variant is chosen, not changed.
        Kind::Overrides => {}
        _ => all.push(path.to_owned()),
    }
}

fn name_of(item: &Node) -> Option<&str> {
    match item.table()?.get("name").map(|n| &n.value) {
        Some(Value::Text(text)) => Some(&text.value),
        _ => None,
    }
}

/// The value as it would stand in the file.
fn node(root: &Table, parts: &[&str], path: &str, text: &Text) -> Result<Node, Box<Diagnostic>> {
    let leaf = |value| Node { span: text.span.clone(), value };
    let number = || text.value.replace('_', "").parse::<f64>().ok();
    Ok(leaf(match spec::kind_at(parts) {
        Some(Kind::Number(_)) => match (change::relative(text)?, number()) {
            (Some(change), _) => Value::Text(Text { value: changed(root, path, text, &change)?, ..text.clone() }),
            (None, Some(value)) => Value::Number { value, raw: text.value.clone() },
            (None, None) => Value::Text(text.clone()),
        },
        Some(Kind::Flag) if ["true", "false"].contains(&text.value.as_str()) => Value::Flag(text.value == "true"),
        Some(Kind::Changes) => match number() {
            Some(value) if !text.value.starts_with('+') => Value::Number { value, raw: text.value.clone() },
            _ => Value::Text(text.clone()),
        },
        Some(Kind::Choices(_) | Kind::Calls(_) | Kind::Paths) => {
            let bare = text.value.trim_start_matches('[').trim_end_matches(']');
            let words = bare.split(',').map(|w| unquoted(w.trim()));
            let one = |w: &str| leaf(Value::Text(Text { value: w.to_owned(), span: text.span.clone() }));
            Value::Array(words.filter(|w| !w.is_empty()).map(one).collect())
        }
        _ => Value::Text(text.clone()),
    }))
}

/// A relative change, worked out against the document as it is now.
fn changed(root: &Table, path: &str, text: &Text, change: &Change) -> Result<String, Box<Diagnostic>> {
    let model = interpret(root, None, &Sink::default());
    let no_value = |message: String| {
        let hint = "give the new value itself";
        Box::new(Diagnostic::error("bad-change", message).at(text.span.clone(), "").hint(hint))
    };
    let Some(quantity) = model.quantity(path) else {
        return Err(no_value(format!("{} has no value that could be changed", quoted(path))));
    };
    if quantity.value.is_infinite() {
        return Err(no_value(format!("{} is unlimited and cannot be changed relatively", quoted(path))));
    }
    if quantity.value.is_nan() {
        // What is wrong with it is reported when the document is read.
        return Ok(text.value.clone());
    }
    let value = change.applied_to(quantity.value);
    let written = if quantity.factor < 1.0 { value * (1.0 / quantity.factor) } else { value / quantity.factor };
    Ok(format!("{} {}", unit::number(written, 17), quantity.unit).trim_end().to_owned())
}

/// Puts a value in its place, making the tables on the way.
fn set(table: &mut Table, parts: &[&str], node: Node, place: &Span) {
    let Some((&first, rest)) = parts.split_first() else { return };
    let joined = parts.join(".");
    // The entries of `set` in triggers have dotted paths as their keys.
    let key = if table.get(&joined).is_some() { joined.as_str() } else { first };
    let rest = if key == joined { &[] } else { rest };
    if table.get(key).is_none() {
        let empty = Node { span: place.clone(), value: Value::Table(Table::default()) };
        table.entries.push((Text { value: key.to_owned(), span: place.clone() }, empty));
    }
    let Some(slot) = table.get_mut(key) else { return };
    if rest.is_empty() {
        *slot = node;
        return;
    }
    match &mut slot.value {
        Value::Table(inner) => set(inner, rest, node, place),
        Value::Array(items) => {
            let found = items.iter_mut().find(|i| name_of(i) == Some(rest[0]));
            if let Some(Node { value: Value::Table(inner), .. }) = found {
                set(inner, &rest[1..], node, place);
            }
        }
        _ => {}
    }
}

fn trimmed_span(text: &str, start: usize) -> Span {
    let from = start + text.len() - text.trim_start().len();
    from..from + text.trim().len()
}

fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote).and_then(|t: &str| t.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}
