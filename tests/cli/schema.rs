//! The part of JSON Schema that docs/analyze.schema.json uses.

use serde_json::Value;

/// Everything in a document that a schema does not allow.
pub(crate) fn violations(schema: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, document, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let target =
            root.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is not in the schema"));
        return check(root, target, value, at, found);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let fits = |option: &Value| {
            let mut inner = Vec::new();
            check(root, option, value, at, &mut inner);
            inner.is_empty()
        };
        if !options.iter().any(fits) {
            found.push(format!("{at}: {value} fits no option"));
        }
    }
    if schema.get("const").is_some_and(|c| c != value) {
        found.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|all| !all.contains(value)) {
        found.push(format!("{at}: {value} is not one of {}", schema["enum"]));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|t| is(t, value)) {
        found.push(format!("{at}: {value} is not {}", types.join(" or ")));
    }
    if let Some(object) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                found.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(part) = object.get(name) {
                check(root, inner, part, &format!("{at}.{name}"), found);
            }
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (i, part) in values.iter().enumerate() {
            check(root, items, part, &format!("{at}[{i}]"), found);
        }
    }
}

/// Fields of a document that a schema does not speak of.
pub(crate) fn unnamed(schema: &Value, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(schema, &[schema], document, "$", &mut found);
    found
}

fn walk(root: &Value, schemas: &[&Value], value: &Value, at: &str, found: &mut Vec<String>) {
    let mut all: Vec<&Value> = Vec::new();
    let mut open: Vec<&Value> = schemas.to_vec();
    while let Some(schema) = open.pop() {
        open.extend(schema["$ref"].as_str().and_then(|name| root.pointer(name.trim_start_matches('#'))));
        open.extend(schema["anyOf"].as_array().into_iter().flatten());
        all.push(schema);
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        let known: Vec<&Value> = all.iter().filter_map(|schema| schema["properties"].get(name)).collect();
        if known.is_empty() && !all.iter().any(|schema| schema["additionalProperties"].is_object()) {
            found.push(format!("{at}.{name}"));
        }
        walk(root, &known, inner, &format!("{at}.{name}"), found);
    }
    let items: Vec<&Value> = all.iter().filter_map(|schema| schema.get("items")).collect();
    for inner in value.as_array().into_iter().flatten() {
        walk(root, &items, inner, &format!("{at}[]"), found);
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is not a type"),
    }
}

#[test]
fn the_checker_finds_mistakes() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/analyze.schema.json")).expect("a schema");
    assert!(violations(&schema, &serde_json::json!({ "verdict": "fine", "load": 3 })).len() > 10);
}
