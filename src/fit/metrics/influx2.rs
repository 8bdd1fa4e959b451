//! InfluxDB 2 and 3, annotated CSV: tables separated by blank lines, each with annotations of its own.
//!
//! `#datatype` says what a column holds, `#default` what an empty cell means, `#group` which columns are the same for a
//! whole table. A series is a field with its tags.

use super::cell::{self, Cell, Notation};
use super::error::{ReadErrorKind, Trouble};
use super::open::Opened;
use super::rows::Rows;
use super::sink::{About, Sink};
use super::stamp::{Axis, Stamps};
use super::table::wrong_time;
use super::{FileFacts, Options};
use std::collections::BTreeMap;

#[derive(Default)]
struct Columns {
    types: Vec<String>,
    defaults: Vec<String>,
    names: Vec<String>,
}

impl Columns {
    fn at(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }

    fn numeric(&self, index: usize) -> bool {
        let kind = self.types.get(index).map_or("", String::as_str);
        let value = self.names[index] == "_value" && kind.is_empty();
        matches!(kind, "double" | "long" | "unsignedLong") && self.names[index] != "table" || value
    }

    fn is_tag(&self, index: usize) -> bool {
        let name = self.names[index].as_str();
        let meta =
            ["", "result", "table", "_start", "_stop", "_time", "_value", "_field", "_measurement"].contains(&name);
        !meta && !self.numeric(index) && !self.types.get(index).is_some_and(|t| t.starts_with("dateTime"))
    }
}

/// Reads it.
pub(super) fn read(
    opened: Opened,
    options: &Options,
    sink: &mut dyn Sink,
    facts: &mut FileFacts,
) -> Result<(), Trouble> {
    facts.delimiter = Some(',');
    facts.axis = Axis::Absolute;
    let mut rows = Rows::new(opened, b',');
    let mut stamps = Stamps::new(options.zone.clone());
    let mut columns = Columns::default();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut any = false;
    while rows.advance()? {
        let first = rows.text(0);
        match first.as_str() {
            "#datatype" => {
                columns = Columns { types: rows.texts(), ..Columns::default() };
                continue;
            }
            "#group" => {
                columns.names.clear();
                continue;
            }
            "#default" => {
                columns.defaults = rows.texts();
                columns.names.clear();
                continue;
            }
            _ => {}
        }
        if columns.names.is_empty() {
            columns.names = rows.texts();
            facts.header_line = Some(rows.line());
            if columns.at("error").is_some() {
                return Err(match rows.advance()? {
                    true => ReadErrorKind::Refusal(rows.text(columns.at("error").unwrap_or(0))).into(),
                    false => ReadErrorKind::HeaderOnly.into(),
                });
            }
            continue;
        }
        if rows.len() != columns.names.len() {
            return Err(rows.wrong(0, ReadErrorKind::Ragged { found: rows.len(), expected: columns.names.len() }));
        }
        let cell = |index: usize| {
            let text = rows.text(index);
            let default = || columns.defaults.get(index).cloned().unwrap_or_default();
            if text.is_empty() { default() } else { text }
        };
        let time = columns.at("_time").ok_or(ReadErrorKind::NoTime)?;
        stamps.rewind();
        let at = stamps.read(rows.field(time)).map_err(|error| wrong_time(&rows, time, error))?;
        for index in 0..columns.names.len() {
            if !columns.numeric(index) {
                continue;
            }
            let text = cell(index);
            let value = match cell::parse(text.as_bytes(), Notation::default()) {
                Cell::Number { value, .. } => value,
                Cell::Missing if options.absent_is_zero => 0.0,
                Cell::Missing => f64::NAN,
                Cell::Infinite => f64::INFINITY,
                Cell::Text => return Err(rows.wrong(index, ReadErrorKind::NotANumber { text })),
            };
            let field = if columns.names[index] == "_value" {
                columns.at("_field").map_or_else(|| "value".to_owned(), cell)
            } else {
                columns.names[index].clone()
            };
            let mut about = About::named(field);
            if let Some(measurement) = columns.at("_measurement").map(cell).filter(|m| !m.is_empty()) {
                about.labels.push(("_measurement".to_owned(), measurement));
            }
            for tag in (0..columns.names.len()).filter(|c| columns.is_tag(*c)) {
                let value = cell(tag);
                if !value.is_empty() {
                    about.labels.push((columns.names[tag].clone(), value));
                }
            }
            about.labels.sort();
            let title = about.title();
            let id = match known.get(&title) {
                Some(id) => *id,
                None => {
                    let id = sink.series(about);
                    known.insert(title, id);
                    id
                }
            };
            sink.point(id, at, value, rows.line());
            any = true;
        }
    }
    if !any {
        return Err(ReadErrorKind::HeaderOnly.into());
    }
    facts.axis = stamps.axis().clone();
    sink.axis(&facts.axis);
    Ok(())
}
