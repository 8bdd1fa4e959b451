//! Designs side by side, as a table with one row for each.

use super::document::{Block, Cell, Column, Table, Tone};
use super::words::{change, given, measured, time};
use crate::answers::analysis::Verdict;
use crate::answers::closures::CLOSURE;
use crate::answers::compare::{Comparison, Design};

/// Title of what is better and worse in each design.
pub const TRADES: &str = "Against the first";
/// Title of what is known of the equations used.
pub const OFF: &str = "How far the equations are off";

/// The comparison as a document.
#[must_use]
pub fn document(comparison: &Comparison, today: f64) -> Vec<Block> {
    let name = comparison.model.get("name").and_then(|n| n.as_str()).unwrap_or("the model");
    let title = format!("{name}: {} designs at {}", comparison.designs.len(), given(today, &comparison.unit));
    let mut blocks = vec![Block::Heading(title), table(comparison)];
    let changes: Vec<String> = comparison.designs.iter().filter_map(what).collect();
    if !changes.is_empty() {
        blocks.push(Block::Heading("What they change".to_owned()));
        blocks.push(Block::List(changes));
    }
    let trades: Vec<String> = comparison.designs.iter().filter_map(trade).collect();
    if !trades.is_empty() {
        blocks.push(Block::Heading(TRADES.to_owned()));
        blocks.push(Block::List(trades));
    }
    let mut closures: Vec<String> = Vec::new();
    for warning in comparison.designs.iter().flat_map(|d| &d.warnings) {
        if warning.starts_with(CLOSURE) && !closures.contains(warning) {
            closures.push(warning.clone());
        }
    }
    if !closures.is_empty() {
        blocks.push(Block::Heading(OFF.to_owned()));
        blocks.push(Block::List(closures));
    }
    blocks
}

fn table(comparison: &Comparison) -> Block {
    let columns = vec![
        Column::left("design"),
        Column::left("verdict"),
        Column::right("tip-over load"),
        Column::right("headroom"),
        Column::right("recovery load"),
        Column::right("attempts/request"),
        Column::right("collapsed"),
        Column::left("worst trigger"),
        Column::right("heals in"),
    ];
    let rows = comparison.designs.iter().map(|d| row(d, &comparison.unit)).collect();
    Block::Table(Table { columns, rows })
}

fn row(design: &Design, unit: &str) -> Vec<Cell> {
    let or_none = |text: Option<String>| Cell::from(text.unwrap_or_else(|| "none".to_owned()));
    let (verdict, tone) = match design.verdict {
        Verdict::Stable => ("stable", Tone::Good),
        Verdict::Vulnerable => ("vulnerable", Tone::Warn),
        Verdict::Metastable => ("metastable", Tone::Bad),
        Verdict::Overloaded => ("overloaded", Tone::Bad),
        Verdict::Inconclusive => ("inconclusive", Tone::Warn),
    };
    let worst = match &design.worst_trigger {
        Some(worst) => {
            let tone = if worst.margin <= 1.0 { Tone::Bad } else { Tone::Plain };
            Cell::new(format!("{} at x{}", worst.name, measured(worst.margin, "")), tone)
        }
        None => "none tips".into(),
    };
    vec![
        design.name.clone().into(),
        Cell::new(verdict, tone),
        or_none(design.tip_over_load.map(|v| measured(v, unit))),
        or_none(design.headroom_to_tip_over.map(change)),
        or_none(design.recovery_load.map(|v| measured(v, unit))),
        design.amplification.map_or_else(|| "-".to_owned(), |v| measured(v, "")).into(),
        design.amplification_collapsed.map_or_else(|| "-".to_owned(), |v| measured(v, "")).into(),
        worst,
        design.recovery_time.map_or_else(|| "-".to_owned(), time).into(),
    ]
}

fn what(design: &Design) -> Option<String> {
    if design.changes.is_empty() {
        return None;
    }
    let about = if design.about.is_empty() { String::new() } else { format!("{}: ", design.about) };
    Some(format!("{}: {about}{}", design.name, design.changes.join(", ")))
}

fn trade(design: &Design) -> Option<String> {
    let said = |what: &str, list: &[&str]| (!list.is_empty()).then(|| format!("{what}: {}", list.join(", ")));
    let both: Vec<String> =
        [said("better", &design.better), said("worse", &design.worse)].into_iter().flatten().collect();
    (!both.is_empty()).then(|| format!("{}: {}", design.name, both.join("; ")))
}
