//! What each trigger does, and what it would take to tip the system.

use crate::answers::analysis::{Analysis, Percentiles, TriggerReport};
use crate::answers::study::Study;
use crate::answers::triggers::Plan;
use crate::report::document::{Block, Cell, Column, Table, Tone};
use crate::report::words::{chance, given, measured, time};

/// One row for each trigger.
pub(super) fn table(study: &Study, analysis: &Analysis) -> Block {
    let spread = |p: &Option<Percentiles>| p.as_ref().is_some_and(|p| p.p10.is_some());
    let spread = analysis.triggers.iter().any(|t| spread(&t.critical_duration) || spread(&t.critical_size));
    // Of ten runs one tips from p10 on, five from p50 on, nine from p90 on.
    let critical = |what: &str| if spread { format!("{what}: p50 (p10 to p90)") } else { what.to_owned() };
    let heads = ["trigger", "as stated", "outcome", "runs that tip"].map(Column::left).into_iter();
    let columns = heads.chain([critical("critical duration"), critical("critical size")].map(Column::left)).collect();
    let rows = analysis.triggers.iter().map(|t| row(study, t)).collect();
    Block::Table(Table { columns, rows })
}

fn row(study: &Study, report: &TriggerReport) -> Vec<Cell> {
    let plan = study
        .model
        .triggers
        .iter()
        .find(|t| t.name.value == report.name)
        .and_then(|t| Plan::new(&study.median, t).ok());
    let label = plan.as_ref().map(|p| p.scale.label.clone()).unwrap_or_default();
    let falls = plan.as_ref().is_some_and(|p| p.scale.span < 0.0);
    let unit = plan.as_ref().map(|p| p.scale.unit.clone()).unwrap_or_default();
    let size = given(report.size, &unit);
    let stated = match report.duration {
        Some(duration) => format!("{label} = {size} for {}", time(duration)),
        None => format!("{label} {}{size} at once", if report.size > 0.0 { "+" } else { "" }),
    };
    let (outcome, tone) = match report.outcome {
        "tips" => ("tips", Tone::Bad),
        "heals" => ("heals", Tone::Good),
        other => (other, Tone::Warn),
    };
    let duration = match (&report.critical_duration, report.duration) {
        (_, None) => "-".to_owned(),
        (Some(p), _) => p.p50.map_or_else(|| "-".to_owned(), |v| format!("{}{}", time(v), span(p, &time, "or more"))),
        (None, _) if report.outcome == "undecided" => "undecided".to_owned(),
        (None, _) => "none tips".to_owned(),
    };
    let side = if falls { "or less" } else { "or more" };
    let size = match &report.critical_size {
        Some(p) => p.p50.map_or_else(
            || "-".to_owned(),
            |v| format!("{}{}", measured(v, &p.unit), span(p, &|v| measured(v, &p.unit), side)),
        ),
        None if report.outcome == "undecided" => "undecided".to_owned(),
        None => "none tips".to_owned(),
    };
    let probability = report.probability.map_or_else(|| "-".to_owned(), chance);
    vec![
        report.name.clone().into(),
        stated.into(),
        Cell::new(outcome, tone),
        probability.into(),
        duration.into(),
        size.into(),
    ]
}

/// From where one run in ten tips to where nine in ten do; without noise, on which side.
fn span(p: &Percentiles, shown: &dyn Fn(f64) -> String, side: &str) -> String {
    match (p.p10, p.p90) {
        (Some(low), Some(high)) => format!(" ({} to {})", shown(low), shown(high)),
        _ => format!(" {side}"),
    }
}
