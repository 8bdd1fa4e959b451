//! The document as written: tables, arrays and values, each with its place. Keys keep the order of the file.
//!
//! This is what `--set` edits and what the interpretation reads; the TOML library is used here only.

use super::diagnostic::Diagnostic;
use super::types::{Span, Text};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Deepest chain of dotted keys and nested tables that is read.
const DEEPEST: usize = 64;

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The whole literal.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) value: Value,
}

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// `{ ... }` or `[...]` header.
    Table(Table),
    /// `[ ... ]`.
    Array(Vec<Node>),
    /// A string, with the place of its content.
    Text(Text),
    /// An integer or float; `raw` is as written.
    Number { value: f64, raw: String },
    /// `true` or `false`.
    Flag(bool),
    /// A date: no key of a model is one; the name of the type.
    Other(&'static str),
}

/// Keys and values in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<(Text, Node)>,
}

impl Table {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|e| e.0.value == key).map(|e| &e.1)
    }

    /// The value of a key, to change it.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|e| e.0.value == key).map(|e| &mut e.1)
    }

    /// The key itself, with its place.
    pub(crate) fn key(&self, key: &str) -> Option<&Text> {
        self.entries.iter().find(|e| e.0.value == key).map(|e| &e.0)
    }
}

impl Node {
    /// The table, if it is one.
    pub(crate) fn table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    /// The value in words.
    pub(crate) fn shown(&self) -> String {
        match &self.value {
            Value::Text(text) => text.value.clone(),
            Value::Number { raw, .. } => raw.clone(),
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(Node::shown).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Flag(flag) => flag.to_string(),
            Value::Table(_) | Value::Other(_) => self.kind().to_owned(),
        }
    }

    /// How the type of the value is called in messages.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Table(_) => "a table",
            Value::Array(_) => "a list",
            Value::Text(_) => "a string",
            Value::Number { .. } => "a number",
            Value::Flag(_) => "a boolean",
            Value::Other(kind) => kind,
        }
    }
}

/// Reads TOML.
///
/// # Errors
/// One diagnostic for the first mistake of syntax.
pub(crate) fn parse(text: &str) -> Result<Table, Box<Diagnostic>> {
    if let Some(span) = too_deep(text) {
        let message = format!("this key has more than {DEEPEST} parts");
        return Err(Box::new(Diagnostic::error("syntax", message).at(span, "")));
    }
    match DeTable::parse(text) {
        Ok(document) => Ok(table(document.get_ref(), text)),
        Err(error) => Err(Box::new(syntax_error(&error, text))),
    }
}

/// A line that could nest tables without bound, which the library would do recursively.
fn too_deep(text: &str) -> Option<Span> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let key = line.split('=').next().unwrap_or(line);
        // Only a line that is a key or a header; dots in prose or in long strings nest nothing.
        let is_key = line.contains('=') || line.trim_start().starts_with('[');
        if is_key && key.matches('.').count() > DEEPEST {
            return Some(start..start + key.trim_end().len());
        }
        start += line.len();
    }
    None
}

fn syntax_error(error: &toml::de::Error, text: &str) -> Diagnostic {
    let span = error.span().unwrap_or(0..0);
    let message = error.message();
    let start = span.start.min(text.len());
    let line_start = text[..floor(text, start)].rfind('\n').map_or(0, |at| at + 1);
    let before = text[line_start..floor(text, start)].trim();
    let line = text[line_start..].lines().next().unwrap_or_default();
    let rest = line.get(start.saturating_sub(line_start)..).unwrap_or_default();
    let control = rest.chars().next().is_some_and(|c| c.is_control() && c != '\t');
    let (id, hint) = if message.contains("duplicate key") {
        ("duplicate-key", "each key and each table can be given once; [[trigger]] and [[transition]] can be repeated")
    } else if control {
        ("syntax", "remove the control character")
    } else if before.ends_with('=') && rest.trim_start().chars().next().is_none_or(|c| c == '#') {
        let message = "a value is missing after `=`";
        return Diagnostic::error("syntax", message).at(span, "").hint("write a value, or remove the line");
    } else if before.ends_with('=') && !rest.starts_with(['{', '[', '"', '\'']) {
        ("syntax", "quantities, names and expressions are strings: write them in double quotes, as in \"60 req/s\"")
    } else if message.contains("invalid basic string") || message.contains("missing escaped") {
        (
            "syntax",
            "close the string with a double quote on the same line; \"\"\" starts and ends a text of several lines",
        )
    } else if before.contains('=') && message.starts_with("unexpected key or value") {
        ("syntax", "one `key = value` per line; a quantity with a unit is a string, as in \"60 req/s\"")
    } else if !line.contains('=') && !line.trim_start().starts_with('[') {
        ("syntax", "a model file is TOML: lines of `key = value` below [headers]")
    } else {
        ("syntax", "")
    };
    let bare = before.ends_with('=') && hint.starts_with("quantities");
    let named = match text.get(span.clone()) {
        Some(key) if id == "duplicate-key" => format!("duplicate key {}", super::render::quoted(key)),
        _ if bare => "this value cannot stand without quotes".to_owned(),
        _ if control => "a control character cannot stand here".to_owned(),
        _ => message.to_owned(),
    };
    let message = named.as_str();
    let diagnostic = Diagnostic::error(id, if message.is_empty() { "this is not TOML" } else { message }).at(span, "");
    if hint.is_empty() { diagnostic } else { diagnostic.hint(hint) }
}

fn floor(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|&o| text.is_char_boundary(o)).unwrap_or(0)
}

fn table(source: &DeTable<'_>, text: &str) -> Table {
    let mut entries: Vec<(Text, Node)> = source
        .iter()
        .map(|(key, value)| {
            let name = key.get_ref().to_string();
            (Text { span: content(&name, &key.span(), text), value: name }, node(value, text))
        })
        .collect();
    entries.sort_by_key(|e| e.0.span.start);
    Table { entries }
}

fn node(source: &Spanned<DeValue<'_>>, text: &str) -> Node {
    let span = source.span();
    let value = match source.get_ref() {
        DeValue::String(s) => Value::Text(Text { value: s.to_string(), span: content(s, &span, text) }),
        DeValue::Integer(i) => Value::Number { value: integer(i.as_str(), i.radix()), raw: i.to_string() },
        DeValue::Float(f) => Value::Number { value: f.as_str().parse().unwrap_or(f64::NAN), raw: f.to_string() },
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| node(item, text)).collect()),
        DeValue::Table(inner) => Value::Table(table(inner, text)),
    };
    Node { span, value }
}

fn integer(digits: &str, radix: u32) -> f64 {
    match i128::from_str_radix(digits, radix) {
        Ok(value) => value as f64,
        Err(_) if radix == 10 => digits.parse().unwrap_or(f64::NAN),
        Err(_) => f64::INFINITY,
    }
}

/// The place of a string's content: without the quotes, if the content stands there letter by letter.
fn content(value: &str, span: &Span, text: &str) -> Span {
    let Some(literal) = text.get(span.clone()) else { return span.clone() };
    for quote in ["\"\"\"", "'''", "\"", "'"] {
        let Some(inner) = literal.strip_prefix(quote).and_then(|l| l.strip_suffix(quote)) else { continue };
        let mut start = span.start + quote.len();
        let mut body = inner;
        if quote.len() == 3 {
            // A newline right after the opening quotes is not part of the text.
            let rest = inner.strip_prefix("\r\n").or(inner.strip_prefix('\n')).unwrap_or(inner);
            start += inner.len() - rest.len();
            body = rest;
        }
        return if body == value { start..start + body.len() } else { span.clone() };
    }
    span.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(source: &str, key: &str) -> Text {
        let table = parse(source).expect("valid");
        match &table.get(key).expect("key").value {
            Value::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn string_content_maps_to_the_file() {
        for source in
            ["a = \"x + é\"", "a = 'x + é'", "a = \"\"\"\nx + é\"\"\"", "a = '''x + é'''", "# ü\na = \"x + é\""]
        {
            let text = text_of(source, "a");
            assert_eq!(&source[text.span.clone()], text.value, "{source}");
        }
        let several = "a = \"\"\"\nx +\ny\n\"\"\"";
        assert_eq!(&several[text_of(several, "a").span], "x +\ny\n");
        let escaped = "a = \"x\\ty\"";
        assert_eq!(&escaped[text_of(escaped, "a").span], "\"x\\ty\"");
    }

    #[test]
    fn entries_keep_the_order_of_the_file() {
        let table = parse("z = 1\na = 2\nm.b = 3\n").expect("valid");
        assert_eq!(table.entries.iter().map(|e| e.0.value.as_str()).collect::<Vec<_>>(), ["z", "a", "m"]);
    }

    #[test]
    fn deep_nesting_is_refused_not_overflowed() {
        for source in ["a.".repeat(200_000) + "a = 1", "[".repeat(200_000), format!("a = {}", "[".repeat(200_000))] {
            assert!(parse(&source).is_err());
        }
        let tables = format!("a = {}", "{ a = ".repeat(100_000));
        assert!(parse(&tables).is_err());
        let quoted = format!("{} = 1", vec!["\"a=b\""; 100_000].join("."));
        assert!(parse(&quoted).is_err());
    }
}
