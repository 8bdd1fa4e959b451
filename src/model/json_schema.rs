//! The format as a JSON schema (2020-12), for editors that complete and check TOML. Printed from the specification, so
//! the two cannot differ; dimensions and references are beyond a schema and are checked by `tipping` itself.

use super::preset::with_part;
use super::spec::{Choice, Key, Kind, Need, Number, ROOT, Range, Shorthand, Table, Want};
use super::unit;
use serde_json::{Map, Value, json};

/// The schema of model files.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tipping model file",
    });
    if let (Value::Object(head), Value::Object(body)) = (&mut schema, table(&ROOT)) {
        head.extend(body);
    }
    schema
}

fn table(table: &Table) -> Value {
    let mut properties = Map::new();
    for key in table.keys {
        properties.insert(key.name.to_owned(), property(key));
    }
    let required: Vec<&str> = table.keys.iter().filter(|k| k.need == Need::Required).map(|k| k.name).collect();
    let mut schema = json!({
        "description": table.about,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    match table.shorthand {
        Shorthand::None => schema,
        Shorthand::Preset(part) => {
            let names: Vec<&str> = with_part(part).collect();
            json!({ "anyOf": [{ "type": "string", "enum": names }, schema] })
        }
        Shorthand::Value => json!({ "anyOf": [{ "type": ["string", "number"] }, schema] }),
    }
}

fn property(key: &Key) -> Value {
    let mut schema = kind(key.kind);
    let mut about = key.about.to_owned();
    if let Kind::Number(number) = key.kind {
        about = format!("{about} ({})", wanted(&number));
    }
    schema["description"] = json!(about);
    if let Need::Default(default) = key.need
        && !default.is_empty()
    {
        schema["default"] = match (key.kind, default.parse::<f64>()) {
            (Kind::Choices(_), _) => json!(default.split(',').collect::<Vec<_>>()),
            (Kind::Number(_), Ok(value)) => json!(value),
            (Kind::Flag, _) => json!(default == "true"),
            _ => json!(default),
        };
    }
    schema
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Number(number) => quantity(&number),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Text | Kind::Path => json!({ "type": "string" }),
        Kind::Paths => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1, "uniqueItems": true }),
        Kind::Label => json!({ "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]*$" }),
        Kind::Service => json!({ "type": "string", "pattern": IDENTIFIER }),
        Kind::Expression => json!({ "type": ["string", "number"] }),
        Kind::Choice(choices) => json!({ "type": "string", "enum": names(choices) }),
        Kind::Choices(choices) => json!({ "type": "array", "items": { "enum": names(choices) }, "uniqueItems": true }),
        Kind::Table(inner) => table(inner),
        Kind::Map(entry) => named(&self::kind(*entry)),
        Kind::Calls(entry) => json!({ "anyOf": [
            { "type": "string", "pattern": IDENTIFIER },
            { "type": "array", "items": { "type": "string", "pattern": IDENTIFIER }, "uniqueItems": true },
            named(&table(entry)),
        ] }),
        Kind::List(entry) => json!({ "type": "array", "items": table(entry) }),
        Kind::Changes | Kind::Overrides => json!({ "type": "object", "minProperties": 1 }),
    }
}

const IDENTIFIER: &str = "^[a-z_][a-z0-9_]*$";

fn named(entry: &Value) -> Value {
    json!({ "type": "object", "propertyNames": { "pattern": IDENTIFIER }, "additionalProperties": entry })
}

fn names(choices: &[Choice]) -> Vec<&'static str> {
    choices.iter().filter(|c| c.supported).map(|c| c.name).collect()
}

/// A quantity: a string with a unit, or a bare number where no unit is needed.
fn quantity(number: &Number) -> Value {
    let bare = !matches!(number.want, Want::Is(dimension) if !dimension.is_none());
    if !bare {
        return json!({ "type": "string" });
    }
    let mut plain = json!({ "type": if number.whole { "integer" } else { "number" } });
    match number.range {
        Range::Any => {}
        Range::NotNegative => plain["minimum"] = json!(0),
        Range::Positive => plain["exclusiveMinimum"] = json!(0),
        Range::AtLeastOne => plain["minimum"] = json!(1),
        Range::Share => {
            plain["minimum"] = json!(0);
            plain["maximum"] = json!(1);
        }
    }
    json!({ "anyOf": [plain, { "type": "string" }] })
}

fn wanted(number: &Number) -> String {
    let what = match number.want {
        Want::Is(dimension) => unit::describe(dimension),
        Want::Count => "a number, or a number of requests".to_owned(),
        Want::Any => "any unit".to_owned(),
    };
    let range = if number.range == Range::Any { String::new() } else { format!(", {}", number.range.words()) };
    let unlimited = if number.unlimited { ", or \"unlimited\"" } else { "" };
    format!("{what}{range}{unlimited}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_in_docs_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/model.schema.json");
        let text = format!("{}\n", serde_json::to_string_pretty(&json_schema()).expect("a schema can be printed"));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, &text).expect("the schema can be written");
        }
        let known = std::fs::read_to_string(path).unwrap_or_default();
        assert!(known == text, "docs/model.schema.json is out of date: run the tests with UPDATE_EXPECT=1");
    }
}
