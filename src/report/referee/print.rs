//! The report in words and tables.

use super::Referee;
use crate::answers::against::Against;
use crate::model::unit::number;
use crate::referee::{Estimate, Interval};
use crate::report::document::{Block, Cell, Column, Table, Tone};
use crate::report::words::{measured, percent, time};

/// The report as a document.
#[must_use]
pub fn document(referee: &Referee<'_>) -> Vec<Block> {
    let Referee { system, plan, summary, against, triggers } = referee;
    let meta = &system.model().meta;
    let mut blocks = vec![Block::Verdict(verdict(referee))];
    if !meta.title.is_empty() {
        blocks.push(Block::Paragraph(meta.title.clone()));
    }
    let names: Vec<&str> = triggers.iter().map(|t| t.name.value.as_str()).collect();
    let happened = if names.is_empty() { "no trigger".to_owned() } else { format!("trigger {}", names.join(", ")) };
    let settled = if summary.settled { "" } else { ", although no end of the warm-up was found: run longer" };
    blocks.push(Block::Paragraph(format!(
        "{} replications of {}, {happened}, seed {}. Means are over the time after the first {}{settled}.",
        plan.replications,
        time(plan.horizon),
        plan.seed,
        time(summary.warm_up),
    )));
    blocks.push(Block::Heading("Clients".to_owned()));
    blocks.push(clients(referee));
    blocks.push(Block::Heading("Services".to_owned()));
    blocks.push(services(referee));
    if let Some(l) = summary.latency {
        blocks.push(Block::Heading("Latency of answered requests, from their first attempt".to_owned()));
        let columns = ["requests", "mean", "p50", "p90", "p99", "p99.9"].map(Column::right).to_vec();
        let cells = [l.mean, l.p50, l.p90, l.p99, l.p999].map(|t| Cell::from(time(t)));
        let row = [Cell::from(l.count.to_string())].into_iter().chain(cells).collect();
        blocks.push(Block::Table(Table { columns, rows: vec![row] }));
    }
    if let Some(against) = against {
        blocks.push(Block::Heading("Fluid against referee: the good state".to_owned()));
        blocks.extend(against_table(against));
    }
    blocks
}

fn verdict(referee: &Referee<'_>) -> Vec<Cell> {
    let outcomes = &referee.summary.outcomes;
    let name = referee.system.model().meta.name.clone();
    let part = |(count, interval): (usize, Interval), word: &str, tone| {
        let (low, high) = (percent(interval.low), percent(interval.high));
        [Cell::new(format!("{count} {word}"), tone), Cell::from(format!(" (95 %: {low} to {high})"))]
    };
    let mut cells = vec![Cell::from(format!("{name}: of {} runs ", outcomes.runs))];
    cells.extend(part(outcomes.good, "end well", Tone::Good));
    cells.push(", ".into());
    cells.extend(part(outcomes.collapsed, "collapse", Tone::Bad));
    if outcomes.undecided.0 > 0 {
        cells.push(", ".into());
        cells.extend(part(outcomes.undecided, "undecided", Tone::Warn));
    }
    cells
}

/// Mean and standard error.
fn shown(e: &Estimate) -> Cell {
    if !e.mean.is_finite() {
        return "-".into();
    }
    let error = if e.error.is_finite() { format!(" ± {}", number(e.error, 2)) } else { String::new() };
    format!("{}{error}", number(e.mean, 4)).into()
}

fn clients(referee: &Referee<'_>) -> Block {
    let mut columns = vec![Column::left("client")];
    let heads = ["load req/s", "goodput req/s", "attempts/request", "yield", "timeouts", "latency s"];
    columns.extend(heads.map(Column::right));
    let apdex = referee.summary.clients.iter().any(|c| c.apdex.is_some());
    if apdex {
        columns.push(Column::right("Apdex"));
    }
    let rows = referee.summary.clients.iter().map(|c| {
        let all = [&c.load, &c.goodput, &c.amplification, &c.served_share, &c.timeout_share, &c.latency];
        let mut row = vec![Cell::from(c.name.clone())];
        row.extend(all.map(shown));
        if apdex {
            row.push(c.apdex.as_ref().map_or_else(|| "-".into(), shown));
        }
        row
    });
    Block::Table(Table { rows: rows.collect(), columns })
}

fn services(referee: &Referee<'_>) -> Block {
    let mut columns = vec![Column::left("service")];
    let heads = ["inside req", "busy slots", "offered req/s", "served req/s", "queueing s", "blocked", "discarded"];
    columns.extend(heads.map(Column::right));
    let rows = referee.summary.stations.iter().map(|s| {
        let all = [&s.inside, &s.busy, &s.offered, &s.throughput, &s.queueing, &s.blocked, &s.discarded];
        let mut row = vec![Cell::from(s.name.clone())];
        row.extend(all.map(shown));
        row
    });
    Block::Table(Table { rows: rows.collect(), columns })
}

/// The table "fluid against referee", with what was left out.
#[must_use]
pub fn against_table(against: &Against) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !against.rows.is_empty() {
        let heads = ["fluid", "referee", "deviation", "standard errors"];
        let columns = [Column::left("quantity")].into_iter().chain(heads.map(Column::right)).collect();
        let rows = against.rows.iter().map(|row| {
            let referee = format!("{} ± {}", number(row.referee, 4), measured(row.error, row.unit));
            let deviation = if row.deviation.is_finite() { number(row.deviation, 2) } else { "-".to_owned() };
            vec![
                Cell::from(row.quantity.clone()),
                number(row.fluid, 4).into(),
                referee.into(),
                crate::report::words::change(row.relative).into(),
                deviation.into(),
            ]
        });
        blocks.push(Block::Table(Table { rows: rows.collect(), columns }));
    }
    let mut remarks = against.remarks.clone();
    if against.good_runs < against.runs {
        remarks.push(format!(
            "{} of {} runs stayed in the good state; the others are left out",
            against.good_runs, against.runs
        ));
    }
    if !remarks.is_empty() {
        blocks.push(Block::List(remarks));
    }
    blocks
}
