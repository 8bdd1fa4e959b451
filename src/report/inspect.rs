//! What metric files were understood to contain.

use super::document::{Block, Cell, Column, Table, Tone};
use crate::fit::mapping::Mapping;
use crate::fit::metrics::clock::Clock;
use crate::fit::metrics::guess::{Role, guess};
use crate::fit::metrics::stamp::show;
use crate::fit::metrics::{Axis, FileFacts, Kind, NoteKind, SeriesSummary, Summary, Unit};
use crate::model::unit;
use crate::process::dimension::Dimension;
use serde_json::{Value, json};

/// A file with what was found in it.
pub struct File {
    /// Its path as given.
    pub path: String,
    /// How it is written.
    pub facts: FileFacts,
    /// What it holds.
    pub summary: Summary,
}

/// Series that the text lists; JSON lists all.
const LISTED: usize = 60;

/// The report.
#[must_use]
pub fn document(files: &[File], mapping: &Mapping) -> Vec<Block> {
    let mut blocks = Vec::new();
    for file in files {
        blocks.push(Block::Heading(file.path.clone()));
        blocks.push(Block::Paragraph(sentence(file)));
        blocks.push(Block::Table(series_table(file)));
        if file.summary.series.len() > LISTED {
            blocks.push(Block::Paragraph(format!("... and {} more series", file.summary.series.len() - LISTED)));
        }
        let remarks = remarks(file);
        if !remarks.is_empty() {
            blocks.push(Block::List(remarks));
        }
    }
    blocks.push(Block::Heading("What the columns are taken for".to_owned()));
    if mapping.columns.is_empty() {
        blocks.push(Block::Paragraph("No column has a name that says what it is: name them with --map.".to_owned()));
    } else {
        blocks.push(Block::Table(mapping_table(mapping)));
    }
    let open: Vec<String> = mapping
        .open
        .iter()
        .map(|(role, titles)| format!("{role} could be {}: say --map {role}=...", quoted(titles)))
        .collect();
    if !open.is_empty() {
        blocks.push(Block::List(open));
    }
    if files.len() > 1 {
        blocks.push(Block::Paragraph(together(files)));
    }
    blocks
}

fn quoted(titles: &[String]) -> String {
    titles.iter().take(5).map(|t| format!("`{t}`")).collect::<Vec<_>>().join(" or ")
}

/// The clock of most readings: that of the longest series.
fn clock(file: &File) -> Option<&Clock> {
    file.summary.series.iter().map(|s| &s.clock).max_by_key(|c| c.count)
}

/// A time as people read it.
fn instant(nanos: i64, axis: &Axis) -> String {
    match axis {
        Axis::Elapsed => unit::human(crate::fit::metrics::clock::seconds(nanos), Dimension::TIME),
        Axis::Local(None) => show(nanos).trim_end_matches('Z').replace('T', " "),
        _ => show(nanos),
    }
}

fn sentence(file: &File) -> String {
    let facts = &file.facts;
    let mut parts = vec![facts.source.to_string(), facts.encoding.to_string()];
    if facts.gzip {
        parts.push("gzip".to_owned());
    }
    match facts.delimiter {
        Some('\t') => parts.push("tab".to_owned()),
        Some(delimiter) => parts.push(format!("'{delimiter}'")),
        None => {}
    }
    if facts.decimal_comma {
        parts.push("decimal comma".to_owned());
    }
    let readings = clock(file).map_or(0, |c| c.count);
    parts.push(format!("{readings} times x {} series", file.summary.series.len()));
    let mut text = format!("{}. Time: {}", parts.join(", "), facts.axis);
    if let Some(clock) = clock(file) {
        if let Some(step) = clock.step() {
            let regular = if clock.regular() { "every" } else { "irregular, mostly" };
            text += &format!(", {regular} {}", unit::human(step, Dimension::TIME));
        }
        if clock.count > 0 {
            text +=
                &format!(", from {} to {}", instant(clock.earliest, &facts.axis), instant(clock.latest, &facts.axis));
        }
        let (gaps, longest) = clock.gaps();
        if gaps > 0 {
            text += &format!(", {gaps} gaps (longest {})", unit::human(longest, Dimension::TIME));
        }
    }
    text += ".";
    if let (Some(closed), Some(evidence)) = (facts.closed_loop, &facts.loop_evidence) {
        text += &format!(" Load: {} loop ({evidence}).", if closed { "closed" } else { "open" });
    }
    text
}

fn series_table(file: &File) -> Table {
    let columns = vec![
        Column::left("series"),
        Column::left("unit"),
        Column::left("kind"),
        Column::right("values"),
        Column::right("missing"),
        Column::right("least"),
        Column::right("mean"),
        Column::right("most"),
        Column::left("probably"),
    ];
    let row = |series: &SeriesSummary| -> Vec<Cell> {
        let number = |value: f64| if series.count == 0 { "-".to_owned() } else { unit::number(value, 4) };
        let absent = series.missing + series.infinite;
        let guess =
            guess(&series.about).map_or_else(String::new, |g| format!("{} ({:.0} %)", g.role, 100.0 * g.confidence));
        vec![
            series.about.title().into(),
            series.about.unit.as_ref().map_or_else(String::new, ToString::to_string).into(),
            kind(series.about.kind).into(),
            series.count.to_string().into(),
            Cell::new(absent.to_string(), if absent > 0 { Tone::Warn } else { Tone::Plain }),
            number(series.min).into(),
            number(series.mean()).into(),
            number(series.max).into(),
            guess.into(),
        ]
    };
    Table { columns, rows: file.summary.series.iter().take(LISTED).map(row).collect() }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Gauge => "level",
        Kind::Counter => "counter",
        Kind::Quantile => "quantile",
        Kind::PerInterval => "per interval",
    }
}

/// Remarks of the reader and of the clocks.
#[must_use]
pub fn remarks(file: &File) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for note in &file.summary.notes {
        let word = if note.kind == NoteKind::Doubt { "doubtful: " } else { "" };
        let line = note.line.map_or_else(String::new, |l| format!(" (line {l})"));
        out.push(format!("{word}{}{line}", note.text));
    }
    for (text, line) in clock_remarks(file) {
        let line = line.filter(|l| *l > 0).map_or_else(String::new, |l| format!(" (line {l})"));
        out.push(format!("doubtful: {text}{line}"));
    }
    for series in &file.summary.series {
        let title = series.about.title();
        if series.about.kind == Kind::Counter && series.falls > 0 {
            out.push(format!("`{title}` falls {} times: taken for restarts of a counter", series.falls));
        }
        if series.mixed_units {
            out.push(format!("doubtful: `{title}` has cells in units of different kinds"));
        }
        if series.infinite > 0 {
            out.push(format!("`{title}` is infinite {} times, which counts as missing", series.infinite));
        }
        if series.count == 0 {
            out.push(format!("doubtful: `{title}` has no value at all"));
        }
        if series.about.unit.is_none()
            && guess(&series.about).is_some_and(|g| g.role.is_quantile() || g.role == Role::Latency)
        {
            out.push(format!("doubtful: `{title}` has no unit: its times are read as seconds"));
        }
    }
    let quantiles = file.summary.series.iter().any(|s| s.about.kind == Kind::Quantile);
    if quantiles {
        out.push("quantiles are never averaged over time: where intervals are joined, the worst counts".to_owned());
    }
    out
}

/// What a clock did that deserves a remark, with the line.
fn clock_remarks(file: &File) -> Vec<(String, Option<u64>)> {
    let mut out = Vec::new();
    let Some(clock) = clock(file) else { return out };
    if clock.reversed() {
        out.push(("written newest first; turned round".to_owned(), None));
    }
    if clock.runs_back() {
        let by = unit::human(crate::fit::metrics::clock::seconds(-clock.back_by), Dimension::TIME);
        let why = match (&file.facts.axis, -clock.back_by) {
            (Axis::Local(None), 3_599_000_000_000..=3_601_000_000_000) => "the end of daylight saving: give --tz",
            (Axis::Local(None), _) if clock.back_by < -1_000_000_000 * 1700 => {
                "the end of daylight saving, or a clock that was set back: give --tz"
            }
            _ => "a clock that was set back; what it repeats is left out",
        };
        out.push((format!("times run back {} times, at most by {by}: {why}", clock.back), clock.back_line));
    }
    if clock.doubled > 0 {
        let text = format!("{} times stand twice; their readings are merged, not added", clock.doubled);
        out.push((text, clock.doubled_line));
    }
    out
}

fn mapping_table(mapping: &Mapping) -> Table {
    let columns =
        vec![Column::left("quantity"), Column::left("column"), Column::right("sure"), Column::left("because")];
    let row = |(role, column): (&Role, &crate::fit::mapping::Column)| -> Vec<Cell> {
        vec![
            role.name().into(),
            column.text.clone().into(),
            format!("{:.0} %", 100.0 * column.confidence).into(),
            column.because.unwrap_or("asked for").into(),
        ]
    };
    Table { columns, rows: mapping.columns.iter().map(row).collect() }
}

/// What several files have in common.
fn together(files: &[File]) -> String {
    if files.iter().any(|f| !f.facts.axis.is_absolute()) {
        return "The files cannot be aligned: at least one has times without a zone, or since its start.".to_owned();
    }
    let clocks = || files.iter().filter_map(clock);
    let from = clocks().map(|c| c.earliest).max().unwrap_or(0);
    let until = clocks().map(|c| c.latest).min().unwrap_or(0);
    if until < from {
        return "The files have no time in common.".to_owned();
    }
    let step = clocks().filter_map(Clock::step).fold(0.0, f64::max);
    format!("In common: from {} to {}, on steps of {}.", show(from), show(until), unit::human(step, Dimension::TIME))
}

/// For programs: the body of `tipping.inspect/1`.
#[must_use]
pub fn value(files: &[File], mapping: &Mapping) -> Value {
    let list: Vec<Value> = files.iter().map(file_value).collect();
    let map: serde_json::Map<String, Value> = mapping
        .columns
        .iter()
        .map(|(role, column)| {
            let value = json!({"column": column.text, "confidence": column.confidence, "because": column.because});
            (role.name().to_owned(), value)
        })
        .collect();
    let open: Vec<Value> = mapping.open.iter().map(|(role, titles)| json!({"role": role, "columns": titles})).collect();
    json!({
        "schema": "tipping.inspect/1",
        "tool": {"version": env!("CARGO_PKG_VERSION")},
        "files": list,
        "mapping": map,
        "undecided": open,
    })
}

fn file_value(file: &File) -> Value {
    let clock = clock(file);
    let axis = &file.facts.axis;
    let at = |nanos: Option<i64>| match (nanos, axis) {
        (None, _) => Value::Null,
        (Some(n), Axis::Elapsed) => json!(crate::fit::metrics::clock::seconds(n)),
        (Some(n), Axis::Local(None)) => json!(show(n).trim_end_matches('Z')),
        (Some(n), _) => json!(show(n)),
    };
    let (gaps, longest) = clock.map_or((0, 0.0), Clock::gaps);
    let series: Vec<Value> = file.summary.series.iter().map(series_value).collect();
    json!({
        "file": file.path,
        "source": file.facts.source,
        "encoding": file.facts.encoding,
        "gzip": file.facts.gzip,
        "delimiter": file.facts.delimiter.map(String::from),
        "decimal_comma": file.facts.decimal_comma,
        "header_line": file.facts.header_line,
        "bytes": file.facts.bytes,
        "closed_loop": file.facts.closed_loop,
        "loop_evidence": file.facts.loop_evidence,
        "time": {
            "written": axis.to_string(),
            "absolute": axis.is_absolute(),
            "first": at(clock.filter(|c| c.count > 0).map(|c| c.earliest)),
            "last": at(clock.filter(|c| c.count > 0).map(|c| c.latest)),
            "step": clock.and_then(Clock::step),
            "regular": clock.is_none_or(Clock::regular),
            "gaps": gaps,
            "longest_gap": if gaps > 0 { Some(longest) } else { None },
            "doubled": clock.map_or(0, |c| c.doubled),
            "back": clock.map_or(0, |c| if c.reversed() { 0 } else { c.back }),
            "newest_first": clock.is_some_and(Clock::reversed),
        },
        "series": series,
        "notes": file.summary.notes,
    })
}

fn series_value(series: &SeriesSummary) -> Value {
    let there = |value: f64| (series.count > 0).then_some(value);
    let labels: serde_json::Map<String, Value> =
        series.about.labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "title": series.about.title(),
        "name": series.about.name,
        "labels": labels,
        "unit": series.about.unit.as_ref().map(Unit::to_string),
        "kind": series.about.kind,
        "values": series.count,
        "missing": series.missing,
        "infinite": series.infinite,
        "min": there(series.min),
        "mean": there(series.mean()),
        "max": there(series.max),
        "restarts": if series.about.kind == Kind::Counter { Some(series.falls) } else { None },
        "guess": guess(&series.about),
    })
}
