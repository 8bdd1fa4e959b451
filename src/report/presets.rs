//! Policies by name: what they set, where that is from, and what they do to failing calls.

use super::document::{Block, Column, Table};
use crate::answers::amplification::FAILURE_SHARES;
use crate::model::preset::Preset;
use serde_json::{Value, json};

/// A preset with the attempts per request that it makes at each of [`FAILURE_SHARES`], if it retries.
pub struct Row {
    /// The preset.
    pub preset: &'static Preset,
    /// Attempts per request.
    pub amplification: Option<Vec<f64>>,
}

/// The list of all.
#[must_use]
pub fn list(rows: &[Row]) -> Vec<Block> {
    let cells = |row: &Row| {
        let parts: Vec<&str> = row.preset.parts.iter().map(|p| p.key).collect();
        vec![row.preset.name.into(), parts.join(", ").into(), row.preset.version.into(), row.preset.about.into()]
    };
    let columns = vec![Column::left("preset"), Column::left("sets"), Column::left("as of"), Column::left("what")];
    vec![
        Block::Table(Table { columns, rows: rows.iter().map(cells).collect() }),
        Block::Hint { about: "one of them in full".to_owned(), command: "tipping presets finagle".to_owned() },
    ]
}

/// One in full.
#[must_use]
pub fn one(row: &Row) -> Vec<Block> {
    let preset = row.preset;
    let mut blocks = vec![Block::Heading(preset.name.to_owned()), Block::Paragraph(format!("{}.", preset.about))];
    let mut facts = vec![format!("as of: {}", preset.version), format!("source: {}", preset.source)];
    if !preset.leaves_out.is_empty() {
        facts.push(format!("leaves out: {}", preset.leaves_out));
    }
    blocks.push(Block::List(facts));
    let settings = preset.parts.iter().flat_map(|part| {
        part.values.iter().map(move |(key, value)| vec![format!("{}.{key}", part.key).into(), (*value).into()])
    });
    let columns = vec![Column::left("key"), Column::left("value")];
    blocks.push(Block::Table(Table { columns, rows: settings.collect() }));
    if row.amplification.is_some() {
        blocks.extend(amplification(std::slice::from_ref(row)));
    }
    blocks
}

/// Attempts per request, by the share of attempts that fail.
#[must_use]
pub fn amplification(rows: &[Row]) -> Vec<Block> {
    let mut columns = vec![Column::left("preset")];
    columns.extend(FAILURE_SHARES.iter().map(|f| Column::right(format!("{f}"))));
    let cells = |row: &Row| {
        let values = row.amplification.as_ref()?;
        let shown = values.iter().map(|x| if x.is_finite() { format!("{x:.2}") } else { "inf".to_owned() });
        Some(std::iter::once(row.preset.name.into()).chain(shown.map(Into::into)).collect())
    };
    let about = "Attempts per request when attempts fail independently with the probability above; bounds per second (floor, \
                 minimum, rate) are left out";
    vec![
        Block::Heading("Attempts per request".to_owned()),
        Block::Table(Table { columns, rows: rows.iter().filter_map(cells).collect() }),
        Block::Paragraph(format!("{about}.")),
    ]
}

/// Presets for programs.
#[must_use]
pub fn value(rows: &[Row]) -> Value {
    let entry = |row: &Row| {
        let preset = row.preset;
        let mut parts = serde_json::Map::new();
        for part in preset.parts {
            let values = part.values.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
            parts.insert(part.key.to_owned(), Value::Object(values));
        }
        let attempts = row.amplification.as_ref().map(|values| {
            let point = |(f, x): (&f64, &f64)| json!({ "failure": f, "attempts": x.is_finite().then_some(*x) });
            FAILURE_SHARES.iter().zip(values).map(point).collect::<Vec<_>>()
        });
        json!({
            "name": preset.name,
            "about": preset.about,
            "leaves_out": preset.leaves_out,
            "version": preset.version,
            "source": preset.source,
            "sets": parts,
            "amplification": attempts,
        })
    };
    json!({ "schema": "tipping.presets/1", "presets": rows.iter().map(entry).collect::<Vec<_>>() })
}
