//! Reads the keys of one table against its specification. Every mistake goes to the [`Sink`]; what could not be read is
//! `None`, so that reading continues and all mistakes of a file are found at once.

use super::diagnostic::Diagnostic;
use super::preset;
use super::quantity;
use super::render::quoted;
use super::spec::{self, Choice, Kind, Need, Shorthand};
use super::tree::{Node, Table, Value};
use super::types::{Quantity, Span, Text};
use crate::process::suggest;
use std::cell::RefCell;

/// Collects diagnostics while a model is read.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    list: RefCell<Vec<Diagnostic>>,
}

impl Sink {
    /// Adds one.
    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        self.list.borrow_mut().push(diagnostic);
    }

    /// All of them.
    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        self.list.into_inner()
    }
}

/// One table being read.
pub(crate) struct Reader<'a> {
    table: &'a Table,
    spec: &'static spec::Table,
    /// Dotted path of the table, empty for the whole file.
    path: String,
    sink: &'a Sink,
}

impl<'a> Reader<'a> {
    /// Starts reading a value that should be a table; `name` is the place of its key or header.
    pub(crate) fn open(
        node: &'a Node,
        spec: &'static spec::Table,
        path: String,
        name: &Span,
        sink: &'a Sink,
    ) -> Option<Self> {
        match &node.value {
            Value::Table(table) => Some(Self::of(table, spec, path, name, sink)),
            other => {
                if let (Value::Text(text), Shorthand::Preset(part)) = (other, spec.shorthand) {
                    sink.push(preset::unknown(text, part));
                    return None;
                }
                let message = format!("{} must be a table, not {}", title(spec, &path), node.kind());
                let keys: Vec<&str> = spec.keys.iter().map(|k| k.name).collect();
                let hint = format!("its keys are {}", keys.join(", "));
                sink.push(Diagnostic::error("wrong-type", message).at(node.span.clone(), "").hint(hint));
                None
            }
        }
    }

    /// Starts reading a table.
    pub(crate) fn of(table: &'a Table, spec: &'static spec::Table, path: String, name: &Span, sink: &'a Sink) -> Self {
        let reader = Self { table, spec, path, sink };
        reader.check_keys(name);
        reader
    }

    /// The same table, its diagnostics going elsewhere.
    pub(crate) fn with_sink<'b>(&self, sink: &'b Sink) -> Reader<'b>
    where
        'a: 'b,
    {
        Reader { table: self.table, spec: self.spec, path: self.path.clone(), sink }
    }

    /// The dotted path of one of its keys.
    pub(crate) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Where its diagnostics go.
    pub(crate) fn sink(&self) -> &'a Sink {
        self.sink
    }

    /// The value of a key as written, if given.
    pub(crate) fn node(&self, key: &str) -> Option<&'a Node> {
        self.table.get(key)
    }

    /// The place of a key, if given.
    pub(crate) fn key_span(&self, key: &str) -> Span {
        self.table.key(key).map_or(0..0, |k| k.span.clone())
    }

    /// The quantity of a key: as written, or its default.
    pub(crate) fn quantity(&self, key: &str) -> Option<Quantity> {
        let spec = self.spec.key(key)?;
        let Kind::Number(rule) = spec.kind else { return None };
        let path = self.path_of(key);
        match (self.table.get(key), spec.need) {
            (Some(node), _) => quantity::read(node, &rule, &path, self.sink),
            (None, Need::Default(text)) => quantity::default(text, &rule, &path),
            (None, _) => None,
        }
    }

    /// The quantity of a key, or one that is not a number where it is missing or wrong (which has been reported).
    pub(crate) fn quantity_or_nan(&self, key: &str) -> Quantity {
        self.quantity(key).unwrap_or_else(|| quantity::unknown(&self.path_of(key)))
    }

    /// The quantity of an optional key, or one written as it could stand in the file where there is none.
    pub(crate) fn quantity_or(&self, key: &str, default: &str) -> Quantity {
        let Some(Kind::Number(rule)) = self.spec.key(key).map(|k| k.kind) else { return self.quantity_or_nan(key) };
        match self.table.get(key) {
            Some(_) => self.quantity_or_nan(key),
            None => quantity::default(default, &rule, &self.path_of(key)).unwrap_or_else(|| self.quantity_or_nan(key)),
        }
    }

    /// Any text.
    pub(crate) fn text(&self, key: &str) -> Option<Text> {
        let node = self.table.get(key)?;
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            _ => {
                self.wrong_type(key, node, "a string");
                None
            }
        }
    }

    /// Any text, empty where it is missing.
    pub(crate) fn words(&self, key: &str) -> String {
        self.text(key).map(|t| t.value).unwrap_or_default()
    }

    /// A text that must not be empty; a missing one has been reported as a missing key.
    pub(crate) fn name(&self, key: &str) -> Text {
        let text = self.text(key).unwrap_or(Text { value: String::new(), span: 0..0 });
        if text.value.is_empty() && text.span.start > 0 {
            let message = format!("`{key}` of {} is empty", self.title());
            self.sink.push(Diagnostic::error("empty-value", message).at(text.span.clone(), ""));
        }
        text
    }

    /// An expression, or a bare number in its place.
    pub(crate) fn expression(&self, key: &str) -> Option<Text> {
        expression(self.table.get(key)?, &self.path_of(key), self.sink)
    }

    /// Whether a key is set, or its default.
    pub(crate) fn flag(&self, key: &str) -> bool {
        let default = self.spec.key(key).is_some_and(|spec| spec.need == Need::Default("true"));
        let Some(node) = self.table.get(key) else { return default };
        if let Value::Flag(flag) = node.value {
            return flag;
        }
        self.wrong_type(key, node, "true or false, without quotes");
        default
    }

    /// The word chosen for a key, or its default.
    pub(crate) fn choice(&self, key: &str) -> &'static str {
        let Some(spec) = self.spec.key(key) else { return "" };
        let Kind::Choice(choices) = spec.kind else { return "" };
        let default = if let Need::Default(word) = spec.need { word } else { "" };
        match self.text(key) {
            Some(text) => choose(&text, choices, key, self.sink).unwrap_or(default),
            None => default,
        }
    }

    /// The words chosen for a key, or its default.
    pub(crate) fn choices(&self, key: &str) -> Vec<&'static str> {
        let Some(spec) = self.spec.key(key) else { return Vec::new() };
        let (Kind::Choices(choices), Need::Default(default)) = (spec.kind, spec.need) else { return Vec::new() };
        let Some(node) = self.table.get(key) else {
            return choices.iter().map(|c| c.name).filter(|name| default.split(',').any(|d| d == *name)).collect();
        };
        let items = match &node.value {
            Value::Array(items) => items.as_slice(),
            Value::Text(_) => std::slice::from_ref(node),
            _ => {
                self.wrong_type(key, node, "a list of strings");
                &[]
            }
        };
        let mut chosen = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) => chosen.extend(choose(text, choices, key, self.sink)),
                _ => self.wrong_type(key, item, "a list of strings"),
            }
        }
        chosen
    }

    /// A list of texts; one text stands for a list of it.
    pub(crate) fn texts(&self, key: &str) -> Vec<Text> {
        let Some(node) = self.table.get(key) else { return Vec::new() };
        let items = match &node.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut found = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) => found.push(text.clone()),
                _ => self.wrong_type(key, item, "a list of strings"),
            }
        }
        found
    }

    /// A nested table, if given.
    pub(crate) fn table(&self, key: &str) -> Option<Reader<'a>> {
        let node = self.table.get(key)?;
        let Kind::Table(spec) = self.spec.key(key)?.kind else { return None };
        Reader::open(node, spec, self.path_of(key), &self.key_span(key), self.sink)
    }

    /// The entries of a table whose keys are names; anything else in its place is reported.
    pub(crate) fn entries(&self, key: &str) -> &'a [(Text, Node)] {
        match self.table.get(key) {
            None => &[],
            Some(Node { value: Value::Table(table), .. }) => &table.entries,
            Some(node) => {
                let message = format!("`{key}` must be a table of names, not {}", node.kind());
                let path = self.path_of(key);
                let hint = match (&node.value, self.spec.key(key).map(|k| k.kind)) {
                    (Value::Array(_), _) => format!("write [{path}.NAME], in single brackets"),
                    (_, Some(Kind::Changes | Kind::Overrides)) => format!("write {key} = {{ \"PATH\" = \"x2\" }}"),
                    (_, Some(Kind::Map(Kind::Table(_)))) => format!("write [{path}.NAME] and its keys below it"),
                    _ => format!("write `NAME = ...` lines below [{path}]"),
                };
                self.sink.push(Diagnostic::error("wrong-type", message).at(node.span.clone(), "").hint(hint));
                &[]
            }
        }
    }

    /// The tables of a `[[list]]`; anything else in its place is reported.
    pub(crate) fn list(&self, key: &str) -> &'a [Node] {
        match self.table.get(key) {
            None => &[],
            Some(Node { value: Value::Array(items), .. }) => items,
            Some(node) => {
                let message = format!("`{key}` must be a list of tables, not {}", node.kind());
                let hint = format!("write [[{key}]] in double brackets");
                self.sink.push(Diagnostic::error("wrong-type", message).at(self.key_span(key), "").hint(hint));
                &[]
            }
        }
    }

    /// How it is called in messages.
    pub(crate) fn title(&self) -> String {
        title(self.spec, &self.path)
    }

    fn wrong_type(&self, key: &str, node: &Node, wanted: &str) {
        let message = format!("`{key}` must be {wanted}, not {}", node.kind());
        self.sink.push(Diagnostic::error("wrong-type", message).at(node.span.clone(), ""));
    }

    fn check_keys(&self, name: &Span) {
        let known = || self.spec.keys.iter().map(|k| k.name);
        for (key, node) in &self.table.entries {
            if self.spec.key(&key.value).is_none() {
                let message = match (self.path.as_str(), node.table()) {
                    ("", Some(_)) => format!("unknown table {}", quoted(&key.value)),
                    ("", None) => format!("unknown key {} outside of any table", quoted(&key.value)),
                    _ => format!("unknown key {} in {}", quoted(&key.value), self.title()),
                };
                let all = || format!("known here: {}", known().collect::<Vec<_>>().join(", "));
                let hint = suggest::did_you_mean(&key.value, known()).unwrap_or_else(all);
                self.sink.push(Diagnostic::error("unknown-key", message).at(key.span.clone(), "").hint(hint));
            }
        }
        for key in self.spec.keys {
            if key.need == Need::Required && self.table.get(key.name).is_none() {
                let message = match key.kind {
                    Kind::Table(table) => format!("{} needs a table {}", self.title(), table.title),
                    _ => format!("{} needs `{}`", self.title(), key.name),
                };
                let text = format!("`{}` is missing", key.name);
                let hint = match key.kind {
                    Kind::Table(_) => format!("begin with [{}] and name = \"my-model\" below it", key.name),
                    Kind::Map(_) => format!("write {} = {{ NAME = 1 }}: {}", key.name, lower_first(key.about)),
                    kind => format!("write {} = {}: {}", key.name, example(kind), lower_first(key.about)),
                };
                self.sink.push(Diagnostic::error("missing-key", message).at(name.clone(), text).hint(hint));
            }
        }
    }
}

/// An expression as text; a bare number is one.
pub(crate) fn expression(node: &Node, path: &str, sink: &Sink) -> Option<Text> {
    match &node.value {
        Value::Text(text) if text.value.trim().is_empty() => {
            let message = format!("the expression of `{path}` is empty");
            sink.push(Diagnostic::error("empty-value", message).at(node.span.clone(), ""));
            None
        }
        Value::Text(text) => Some(text.clone()),
        Value::Number { raw, .. } => Some(Text { value: raw.clone(), span: node.span.clone() }),
        _ => {
            let message = format!("`{path}` must be an expression in quotes, not {}", node.kind());
            sink.push(Diagnostic::error("wrong-type", message).at(node.span.clone(), ""));
            None
        }
    }
}

/// The word of a choice that a text is.
fn choose(text: &Text, choices: &'static [Choice], key: &str, sink: &Sink) -> Option<&'static str> {
    let Some(choice) = choices.iter().find(|c| c.name == text.value) else {
        let all: Vec<&str> = choices.iter().filter(|c| c.supported).map(|c| c.name).collect();
        let hint = suggest::did_you_mean(&text.value, choices.iter().map(|c| c.name));
        let message = format!("{} is not one of the values of `{key}`", quoted(&text.value));
        sink.push(
            Diagnostic::error("unknown-value", message)
                .at(text.span.clone(), "")
                .hint(hint.unwrap_or_else(|| format!("`{key}` can be {}", all.join(", ")))),
        );
        return None;
    };
    if !choice.supported {
        let all: Vec<&str> = choices.iter().filter(|c| c.supported).map(|c| c.name).collect();
        let message = format!("`{key} = \"{}\"` is not supported yet", choice.name);
        sink.push(
            Diagnostic::error("not-supported", message)
                .at(text.span.clone(), choice.about)
                .hint(format!("this version can compute with {}", all.join(", "))),
        );
    }
    Some(choice.name)
}

/// A value that a key could have.
fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Number(rule) => quantity::example(&rule),
        Kind::Label => "\"some-name\"",
        Kind::Service => "\"api\"",
        Kind::Choice(choices) => choices.first().map_or("", |c| c.name),
        Kind::Overrides => "{ \"client.web.retry.attempts\" = 2 }",
        _ => "\"...\"",
    }
}

/// How a table is called in messages: its path where it has one.
fn title(spec: &spec::Table, path: &str) -> String {
    match path {
        "" => spec.title.to_owned(),
        _ if spec.title.starts_with("[[") => spec.title.to_owned(),
        _ if spec.title.starts_with('`') => format!("`{path}`"),
        _ => format!("[{path}]"),
    }
}

/// A path with one more part.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}
