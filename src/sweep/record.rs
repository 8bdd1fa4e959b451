//! Rows of a sweep as text: CSV or JSON lines, under a first line that says where they come from.
//!
//! The first line is a JSON object, `tipping.sweep/1`: tool, model, design, measures and shard. In a CSV file it is a comment,
//! which readers skip when told that comments begin with `#`. Each row begins with its number.

use serde_json::{Map, Value};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// One entry of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A number; one that is not finite is left empty.
    Number(f64),
    /// A word.
    Text(String),
    /// Nothing.
    Empty,
}

/// What stands above the rows.
#[must_use]
pub fn head(format: Format, provenance: &Value, columns: &[String]) -> String {
    match format {
        Format::Csv => {
            format!("# {provenance}\nrow,{}\n", columns.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(","))
        }
        Format::JsonLines => format!("{provenance}\n"),
    }
}

/// Lines of a head.
#[must_use]
pub fn head_lines(format: Format) -> usize {
    match format {
        Format::Csv => 2,
        Format::JsonLines => 1,
    }
}

/// The provenance in the first line of a file, and how its rows are written.
#[must_use]
pub fn provenance(first: &str) -> Option<(Format, Value)> {
    let (format, json) = match first.strip_prefix("# ") {
        Some(json) => (Format::Csv, json),
        None => (Format::JsonLines, first),
    };
    let value: Value = serde_json::from_str(json).ok()?;
    (value.get("schema").and_then(Value::as_str) == Some(SCHEMA)).then_some((format, value))
}

/// Name of the contract.
pub const SCHEMA: &str = "tipping.sweep/1";

/// One row, with its newline.
#[must_use]
pub fn line(format: Format, columns: &[String], row: u64, cells: &[Cell]) -> String {
    match format {
        Format::Csv => {
            let mut text = row.to_string();
            for cell in cells {
                text.push(',');
                match cell {
                    Cell::Number(v) => text.push_str(&number(*v)),
                    Cell::Text(word) => text.push_str(&quoted(word)),
                    Cell::Empty => {}
                }
            }
            text.push('\n');
            text
        }
        Format::JsonLines => {
            let mut object = Map::new();
            object.insert("row".to_owned(), row.into());
            for (column, cell) in columns.iter().zip(cells) {
                let value = match cell {
                    Cell::Number(v) => Value::from(*v),
                    Cell::Text(word) => Value::from(word.as_str()),
                    Cell::Empty => Value::Null,
                };
                object.insert(column.clone(), value);
            }
            format!("{}\n", Value::Object(object))
        }
    }
}

/// A number so that reading it back gives the same number.
fn number(value: f64) -> String {
    if !value.is_finite() {
        String::new()
    } else if value == 0.0 || (1e-5..1e16).contains(&value.abs()) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

/// Rows are lines: a message may not break them.
fn quoted(word: &str) -> String {
    let word = word.replace(['\n', '\r'], " ");
    if word.contains([',', '"']) { format!("\"{}\"", word.replace('"', "\"\"")) } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_lines_and_keep_their_numbers() {
        let columns = ["x".to_owned(), "verdict".to_owned(), "error".to_owned()];
        let cells = [Cell::Number(1e-7), Cell::Text("a,\n\"b\"".to_owned()), Cell::Empty];
        assert_eq!(line(Format::Csv, &columns, 3, &cells), "3,1e-7,\"a, \"\"b\"\"\",\n");
        let json = line(Format::JsonLines, &columns, 3, &cells);
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!((json.matches('\n').count(), read["x"].as_f64()), (1, Some(1e-7)));
    }

    #[test]
    fn the_first_line_tells_the_format() {
        let value = serde_json::json!({"schema": SCHEMA, "points": 3});
        for format in [Format::Csv, Format::JsonLines] {
            let head = head(format, &value, &["x".to_owned()]);
            assert_eq!(head.lines().count(), head_lines(format));
            assert_eq!(provenance(head.lines().next().unwrap()), Some((format, value.clone())));
        }
        assert_eq!(provenance("time_s,load"), None);
    }
}
