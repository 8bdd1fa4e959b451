//! Short forms become the tables they stand for, so that every value has its path before `--set` looks for it:
//! `retry = "preset"`, `calls = "db"` or `["db", "cache"]`, `fill = "120 s"` in `[param]`. What cannot be expanded stays
//! as it is and is reported when it is read. Doing it twice changes nothing.

use super::preset;
use super::tree::{Node, Table, Value};

/// Expands every short form in a document.
pub(crate) fn desugar(root: &mut Table) {
    each(root, "client", presets);
    each(root, "service", |service| {
        named(service, "concurrency");
        if let Some(calls) = service.get_mut("calls") {
            expand_calls(calls);
            if let Value::Table(table) = &mut calls.value {
                table.entries.iter_mut().filter_map(|e| inner(&mut e.1)).for_each(presets);
            }
        }
    });
    if let Some(Node { value: Value::Table(params), .. }) = root.get_mut("param") {
        for (name, node) in &mut params.entries {
            if !matches!(node.value, Value::Table(_)) {
                let key = super::types::Text { value: "value".to_owned(), span: name.span.clone() };
                let span = node.span.clone();
                let value = std::mem::replace(&mut node.value, Value::Table(Table::default()));
                node.value = Value::Table(Table { entries: vec![(key, Node { span, value })] });
            }
        }
    }
}

fn each(root: &mut Table, key: &str, change: impl Fn(&mut Table)) {
    if let Some(all) = root.get_mut(key).and_then(inner) {
        all.entries.iter_mut().filter_map(|e| inner(&mut e.1)).for_each(change);
    }
}

fn inner(node: &mut Node) -> Option<&mut Table> {
    if let Value::Table(table) = &mut node.value { Some(table) } else { None }
}

fn presets(caller: &mut Table) {
    for key in ["retry", "breaker", "throttle"] {
        named(caller, key);
    }
}

/// The name of a preset becomes its table.
fn named(table: &mut Table, key: &str) {
    if let Some(node) = table.get_mut(key)
        && let Value::Text(text) = &node.value
        && let Some(table) = preset::expand(text, key)
    {
        node.value = Value::Table(table);
    }
}

fn expand_calls(node: &mut Node) {
    let items = match &node.value {
        Value::Text(_) => std::slice::from_ref(&*node),
        Value::Array(items) => items.as_slice(),
        _ => return,
    };
    let mut entries = Vec::new();
    for item in items {
        let Value::Text(target) = &item.value else { return };
        let call = Node { span: target.span.clone(), value: Value::Table(Table::default()) };
        entries.push((target.clone(), call));
    }
    node.value = Value::Table(Table { entries });
}
