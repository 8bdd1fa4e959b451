//! What was fitted, how sure it is, and what it means for the limits.

pub mod chart;

use super::document::{Block, Cell, Column, Table, Tone};
use super::table::{cell, csv};
use crate::answers::fitting::{Fit, LimitReport, ParameterReport, Range};
use crate::model::unit;
use serde_json::{Value, json};

/// A fit with what it was made from.
pub struct Report<'a> {
    /// Name of the model.
    pub model: &'a str,
    /// SHA-256 of its file.
    pub sha256: &'a str,
    /// Metric files.
    pub files: Vec<String>,
    /// The fit.
    pub fit: &'a Fit,
    /// Other structures fitted to the same data: name, fit, Akaike weight; the model itself first.
    pub against: Vec<Rival<'a>>,
}

/// A structure in a comparison.
pub struct Rival<'a> {
    /// Its name.
    pub name: String,
    /// Its fit.
    pub fit: &'a Fit,
    /// Its share of the evidence among those compared.
    pub weight: f64,
}

/// Correlations that are worth a remark.
const CORRELATED: f64 = 0.9;

/// The report.
#[must_use]
pub fn document(report: &Report<'_>) -> Vec<Block> {
    let fit = report.fit;
    let mut blocks = vec![verdict(report)];
    blocks.push(Block::Table(parameters(fit)));
    let reasons: Vec<String> = fit
        .parameters
        .iter()
        .filter(|p| !p.because.is_empty())
        .map(|p| format!("{}: {}", p.path, p.because.join("; ")))
        .collect();
    if !reasons.is_empty() {
        blocks.push(Block::List(reasons));
    }
    if !fit.identified {
        blocks.push(Block::Heading("What to measure".to_owned()));
        blocks.push(Block::Paragraph(missing(fit)));
    }
    let limits = limits(fit);
    if !limits.rows.is_empty() {
        blocks.push(Block::Heading("What follows".to_owned()));
        blocks.push(Block::Table(limits));
    }
    blocks.push(Block::Heading("How well it fits".to_owned()));
    blocks.push(Block::Table(noise(fit)));
    blocks.push(Block::List(quality(fit)));
    if report.against.len() > 1 {
        blocks.push(Block::Heading("Against other structures".to_owned()));
        blocks.push(Block::Table(rivals(report)));
    }
    if !fit.warnings.is_empty() {
        blocks.push(Block::Heading("Remarks".to_owned()));
        blocks.push(Block::List(fit.warnings.clone()));
    }
    blocks
}

fn verdict(report: &Report<'_>) -> Block {
    let fit = report.fit;
    let (text, tone) = if !fit.converged {
        (format!("{}: the search did not converge ({})", report.model, fit.status), Tone::Bad)
    } else if !fit.identified {
        let open: Vec<&str> = fit.parameters.iter().filter(|p| open(p)).map(|p| p.path.as_str()).collect();
        (format!("{}: the data do not identify {}", report.model, open.join(", ")), Tone::Warn)
    } else {
        let count = fit.score.readings;
        (format!("{}: fitted to {count} readings", report.model), Tone::Good)
    };
    Block::Verdict(vec![Cell::new(text, tone)])
}

/// Whether an end of the interval is missing.
fn open(parameter: &ParameterReport) -> bool {
    parameter.interval.low.is_none() || parameter.interval.high.is_none()
}

fn parameters(fit: &Fit) -> Table {
    let columns = vec![
        Column::left("number"),
        Column::right("before"),
        Column::right("fitted"),
        Column::right("95 % interval"),
        Column::left("identified"),
    ];
    let row = |p: &ParameterReport| -> Vec<Cell> {
        let tone = match p.identified {
            "strong" => Tone::Good,
            "weak" => Tone::Warn,
            _ => Tone::Bad,
        };
        vec![
            p.path.clone().into(),
            with_unit(p.before, &p.unit).into(),
            with_unit(p.value, &p.unit).into(),
            interval(&p.interval, &p.unit).into(),
            Cell::new(p.identified, tone),
        ]
    };
    Table { columns, rows: fit.parameters.iter().map(row).collect() }
}

fn with_unit(value: f64, unit: &str) -> String {
    let number = unit::number(value, 4);
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

fn interval(range: &Range, unit: &str) -> String {
    let end = |value: Option<f64>| value.map_or_else(|| "open".to_owned(), |v| unit::number(v, 4));
    let text = format!("{} .. {}", end(range.low), end(range.high));
    if unit.is_empty() { text } else { format!("{text} {unit}") }
}

/// What kind of data would identify what is open.
fn missing(fit: &Fit) -> String {
    let open: Vec<&ParameterReport> = fit.parameters.iter().filter(|p| open(p)).collect();
    let mut wanted: Vec<&str> = Vec::new();
    for parameter in &open {
        let path = parameter.path.as_str();
        wanted.push(if path.contains("timeout") || path.contains("retry") || path.contains("backoff") {
            "hours in which requests timed out and were retried: a spike, an incident, or a load test past the knee"
        } else if path.contains("service_time") || path.contains("servers") {
            "a load at which the slots are all busy (throughput levels off), and the time of requests at low load"
        } else {
            "data in which this number matters: transitions between working and collapsed, not only one of them"
        });
    }
    wanted.dedup();
    format!("Nothing was fitted that can be trusted. Needed: {}.", wanted.join("; "))
}

fn limits(fit: &Fit) -> Table {
    let columns = vec![Column::left("limit"), Column::right("value"), Column::right("95 % interval")];
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut add = |name: &str, limit: &Option<LimitReport>| {
        if let Some(limit) = limit {
            let cells = [name.to_owned(), with_unit(limit.value, &limit.unit), interval(&limit.interval, &limit.unit)];
            rows.push(cells.map(Into::into).to_vec());
        }
    };
    add("tip-over load (upper fold)", &fit.tip_over_load);
    add("recovery load (lower fold)", &fit.recovery_load);
    let percent = fit.headroom_to_tip_over.as_ref().map(|h| {
        let scaled = |v: Option<f64>| v.map(|v| 100.0 * v);
        let interval = Range { low: scaled(h.interval.low), high: scaled(h.interval.high) };
        LimitReport { value: 100.0 * h.value, unit: "%".to_owned(), interval }
    });
    add("headroom to tip-over, at the load of the model", &percent);
    Table { columns, rows }
}

fn noise(fit: &Fit) -> Table {
    let columns = vec![
        Column::left("quantity"),
        Column::left("column"),
        Column::right("readings"),
        Column::right("rms of residuals"),
        Column::left("noise grows with"),
        Column::right("explained"),
    ];
    let row = |n: &crate::fit::calibrate::Noise| -> Vec<Cell> {
        let grows = match n.power {
            p if p < 0.25 => "nothing",
            p if p < 0.75 => "square root of size",
            _ => "size",
        };
        let tone = if n.explained < 0.5 { Tone::Warn } else { Tone::Plain };
        vec![
            n.name.clone().into(),
            n.column.clone().into(),
            n.readings.to_string().into(),
            unit::number(n.rms, 3).into(),
            grows.into(),
            Cell::new(format!("{:.1} %", 100.0 * n.explained), tone),
        ]
    };
    Table { columns, rows: fit.noise.iter().map(row).collect() }
}

fn quality(fit: &Fit) -> Vec<String> {
    let mut out = vec![format!(
        "{} readings, of which {:.0} count after autocorrelation; AICc {:.1}, BIC {:.1}",
        fit.score.readings, fit.effective_readings, fit.score.aicc, fit.score.bic
    )];
    for test in &fit.residuals {
        let word = if test.p < 0.01 { "fails" } else { "passes" };
        out.push(format!("residuals, {}: {word} (p = {})", test.test, unit::number(test.p, 2)));
    }
    for (i, a) in fit.parameters.iter().enumerate() {
        for (j, b) in fit.parameters.iter().enumerate().skip(i + 1) {
            let r = fit.correlation[i][j];
            if r.abs() > CORRELATED {
                out.push(format!("{} and {} are correlated: {r:.3}", a.path, b.path));
            }
        }
    }
    if let Some(ratio) = fit.little {
        out.push(format!("Little's law between the columns: inside / (rate x time) = {}", unit::number(ratio, 3)));
    }
    out
}

fn rivals(report: &Report<'_>) -> Table {
    let columns =
        vec![Column::left("structure"), Column::right("AICc"), Column::right("weight"), Column::left("identified")];
    let best = report.against.iter().map(|r| r.fit.score.aicc).fold(f64::INFINITY, f64::min);
    let row = |rival: &Rival<'_>| -> Vec<Cell> {
        vec![
            rival.name.clone().into(),
            format!("+{:.1}", rival.fit.score.aicc - best).into(),
            format!("{:.1} %", 100.0 * rival.weight).into(),
            if rival.fit.identified { "yes" } else { "no" }.into(),
        ]
    };
    Table { columns, rows: report.against.iter().map(row).collect() }
}

/// For programs: `tipping.fit/1`.
#[must_use]
pub fn value(report: &Report<'_>) -> Value {
    let mut body = serde_json::to_value(report.fit).unwrap_or_default();
    let mut head = json!({
        "schema": "tipping.fit/1",
        "tool": {"version": env!("CARGO_PKG_VERSION")},
        "model": {"name": report.model, "sha256": report.sha256},
        "files": report.files,
    });
    if let (Some(head), Some(body)) = (head.as_object_mut(), body.as_object_mut()) {
        head.append(body);
        let rivals: Vec<Value> = report
            .against
            .iter()
            .map(|r| json!({"name": r.name, "aicc": r.fit.score.aicc, "weight": r.weight, "identified": r.fit.identified}))
            .collect();
        head.insert("against".to_owned(), Value::Array(rivals));
    }
    head
}

/// Readings, predictions and residuals as CSV: quantity, time, span, measured, predicted.
#[must_use]
pub fn readings(fit: &Fit) -> String {
    let head = ["quantity", "time_s", "span_s", "measured", "predicted"].map(str::to_owned);
    let mut rows = Vec::new();
    for trace in &fit.traces {
        for (index, predicted) in trace.predicted.iter().enumerate() {
            let series = &trace.series;
            let numbers = [series.times[index], series.spans[index], series.values[index], *predicted];
            rows.push(std::iter::once(trace.name.clone()).chain(numbers.map(cell)).collect());
        }
    }
    csv(&head, &rows)
}
