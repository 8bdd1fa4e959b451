//! Summaries of sweeps over uncertain numbers, as text and JSON.

use super::document::{Block, Cell, Column, Table};
use super::words::measured;
use crate::sweep::indices::Estimate;
use crate::sweep::summary::{Answer, Summary};
use serde_json::{Value, json};

/// The summary as a document.
#[must_use]
pub fn document(found: &Summary) -> Vec<Block> {
    let name = found.provenance["model"]["name"].as_str().unwrap_or("the model");
    let rows = found.rows;
    let mut blocks = vec![Block::Verdict(vec![format!("{name}: {rows} independent points").into()])];
    let words: Vec<&Answer> = found.answers.iter().filter(|a| a.share.is_some()).collect();
    if !words.is_empty() {
        let columns = vec![Column::left("answer"), Column::right("probability"), Column::right("95 % interval")];
        let row = |a: &&Answer| {
            let share = a.share?;
            let [low, high] = share.interval.map(|v| format!("{:.1}", 100.0 * v));
            let value = format!("{:.1} %", 100.0 * share.value);
            Some(vec![Cell::from(a.name.clone()), value.into(), format!("{low} to {high} %").into()])
        };
        blocks.push(Block::Table(Table { columns, rows: words.iter().filter_map(row).collect() }));
    }
    let numbers: Vec<&Answer> = found.answers.iter().filter(|a| a.spread.is_some()).collect();
    if !numbers.is_empty() {
        let heads = ["rows", "mean", "sd", "5 %", "50 %", "95 %"];
        let columns = std::iter::once(Column::left("answer")).chain(heads.map(Column::right)).collect();
        let row = |a: &&Answer| {
            let s = a.spread?;
            let values = [s.mean, s.deviation, s.quantiles[0], s.quantiles[1], s.quantiles[2]];
            let cells = values.map(|v| Cell::from(measured(v, "")));
            Some([Cell::from(a.name.clone()), s.rows.to_string().into()].into_iter().chain(cells).collect())
        };
        blocks.push(Block::Table(Table { columns, rows: numbers.iter().filter_map(row).collect() }));
    }
    for answer in found.answers.iter().filter(|a| a.indices.is_some()) {
        blocks.push(Block::Heading(format!("What decides {}", answer.name)));
        let columns = vec![
            Column::left("number"),
            Column::right("alone (first order)"),
            Column::right("95 % interval"),
            Column::right("with all others (total)"),
            Column::right("95 % interval"),
        ];
        let both = |e: &Estimate| {
            let [low, high] = e.interval.map(|v| format!("{v:.2}"));
            [Cell::from(format!("{:.2}", e.value)), format!("{low} to {high}").into()]
        };
        let pairs = found.numbers.iter().zip(answer.indices.iter().flatten());
        let rows = pairs.map(|(number, i)| {
            let cells = both(&i.first).into_iter().chain(both(&i.total));
            std::iter::once(Cell::from(number.clone())).chain(cells).collect()
        });
        blocks.push(Block::Table(Table { columns, rows: rows.collect() }));
        if answer.incomplete > 0 {
            let words = format!("{} groups of points are left out: a row of them has no value.", answer.incomplete);
            blocks.push(Block::Paragraph(words));
        }
    }
    if found.failed > 0 {
        blocks.push(Block::Paragraph(format!("{} points have no result; they count nowhere.", found.failed)));
    }
    blocks
}

/// The contract `tipping.summarize/1`.
#[must_use]
pub fn document_json(found: &Summary) -> Value {
    json!({
        "schema": "tipping.summarize/1",
        "tool": {"version": env!("CARGO_PKG_VERSION")},
        "sweep": found.provenance,
        "numbers": found.numbers,
        "rows": found.rows,
        "failed": found.failed,
        "answers": found.answers,
    })
}
