//! Which column of a table is what, from its first rows.
//!
//! The header is the row above the first one that holds a time. Columns whose cells are numbers (with or without
//! units) hold values; columns of text are labels, and then the table is long: one row per time and series.

use super::super::Options;
use super::super::cell::{self, Cell, Notation};
use super::super::error::{Place, ReadErrorKind, Trouble};
use super::super::rows::{self, Rows};
use super::super::sink::Note;
use super::super::sniff::Source;
use super::super::stamp::{self, Axis, SlashOrder};
use super::super::unit::{self, Scaled, Unit};
use std::collections::BTreeMap;
use std::io::BufRead;

/// Rows that are looked at.
const SAMPLE: usize = 400;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Time,
    Value,
    Label,
    SeriesName,
    Ignored,
}

/// The columns of a table.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) names: Vec<String>,
    pub(super) parts: Vec<Part>,
    pub(super) time: usize,
    pub(super) notation: Notation,
    pub(super) slashes: SlashOrder,
    /// Lines are counted from the first after a `sep=` line.
    pub(super) header_line: Option<u64>,
    pub(super) first_line: u64,
    pub(super) notes: Vec<Note>,
    header: Vec<String>,
    several: bool,
}

/// The delimiter of a file, and how many bytes a `sep=` line before the table takes.
pub(super) fn delimiter(head: &[u8]) -> (u8, usize) {
    if let Some(rest) = head.strip_prefix(b"sep=")
        && let Some(&delimiter) = rest.first()
        && let Some(end) = memchr::memchr(b'\n', head)
    {
        return (delimiter, end + 1);
    }
    (rows::delimiter(head), 0)
}

/// A row of the sample.
struct Sample {
    line: u64,
    cells: Vec<String>,
}

/// Finds the layout.
pub(super) fn find(head: &[u8], delimiter: u8, options: &Options, source: Source) -> Result<Layout, Trouble> {
    let sample = sample(head, delimiter)?;
    let width = usual_width(&sample);
    let Some(first) = sample.iter().position(|row| fits(row, width) && has_time(row, options, &sample)) else {
        let header_only = sample.len() <= 2;
        return Err(if header_only { ReadErrorKind::HeaderOnly } else { ReadErrorKind::NoTime }.into());
    };
    let above: Vec<&Sample> = sample[..first].iter().filter(|row| fits(row, width)).collect();
    // Headers that are repeated below the first row are no data.
    let dated = sample[first].cells.iter().any(|cell| is_time(cell));
    let is_data = |row: &&Sample| fits(row, width) && (!dated || row.cells.iter().any(|cell| is_time(cell)));
    let data: Vec<&Sample> = sample[first..].iter().filter(is_data).collect();
    let mut notes = Vec::new();
    let header_line = above.last().map(|row| row.line);
    let names = names(&above, width);
    if above.len() > 1 {
        notes.push(Note::doubt(format!("{} header rows are joined into one", above.len())));
    }
    let preamble = first - above.len();
    if preamble > 0 {
        notes.push(Note::fact(format!("{preamble} lines before the table are left out")));
    }
    if above.is_empty() && source != Source::VictoriaCsv {
        notes.push(Note::doubt("there is no header; columns are named by their number"));
    }
    let slashes = slash_order(&data, &mut notes);
    let time = time_column(&names, &data, options, slashes, &mut notes)?;
    let notation = notation(&data, delimiter, time, &mut notes);
    let mut parts: Vec<Part> = (0..width).map(|c| part(c, time, &names[c], &data, notation)).collect();
    if let Some((name, value)) = &options.pivot {
        pivot(&names, &mut parts, name, value)?;
    } else {
        implied_pivot(&names, &mut parts);
    }
    Ok(Layout {
        header: above.last().map_or_else(Vec::new, |row| row.cells.clone()),
        several: matches!(
            source,
            Source::GrafanaRaw | Source::GrafanaFormatted | Source::GrafanaExcel | Source::GrafanaLong
        ),
        names,
        parts,
        time,
        notation,
        slashes,
        header_line,
        first_line: sample[first].line,
        notes,
    })
}

fn sample(head: &[u8], delimiter: u8) -> Result<Vec<Sample>, Trouble> {
    let mut rows = Rows::new(head, delimiter);
    let mut sample = Vec::new();
    while sample.len() < SAMPLE {
        match rows.advance() {
            Ok(true) => sample.push(Sample { line: rows.line(), cells: rows.texts() }),
            Ok(false) => break,
            // A record cut by the end of the head is not an error yet.
            Err(_) if sample.len() > 2 => break,
            Err(error) => return Err(error),
        }
    }
    // The head may end inside a row.
    if sample.len() > 2 && !head.ends_with(b"\n") && head.len() >= super::super::open::BUFFER / 4 {
        sample.pop();
    }
    Ok(sample)
}

/// The number of cells that most rows have.
fn usual_width(sample: &[Sample]) -> usize {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for row in sample {
        *counts.entry(row.cells.len()).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(width, count)| (*count, *width)).map_or(0, |(width, _)| width)
}

fn fits(row: &Sample, width: usize) -> bool {
    row.cells.len() == width
}

/// Whether a row holds a time: a date, an epoch number, or (in a table of numbers) the first number at all.
fn has_time(row: &Sample, options: &Options, sample: &[Sample]) -> bool {
    let dated = row.cells.iter().any(|cell| is_time(cell));
    let numeric = || {
        let first = row.cells.first().is_some_and(|c| stamp::kind_of(c.as_bytes(), SlashOrder::MonthFirst).is_some());
        first && row.cells.iter().all(|c| cell::parse(c.as_bytes(), Notation { decimal_comma: true }) != Cell::Text)
    };
    let none_dated = || !sample.iter().any(|row| row.cells.iter().any(|cell| is_time(cell)));
    dated || (none_dated() && (numeric() || (options.time.is_some() && row.line > 1)))
}

/// A date or an epoch number, not just any number.
fn is_time(cell: &str) -> bool {
    let kind = stamp::kind_of(cell.as_bytes(), SlashOrder::MonthFirst)
        .or_else(|| stamp::kind_of(cell.as_bytes(), SlashOrder::DayFirst));
    match kind {
        None | Some(Axis::Unknown | Axis::Elapsed) => false,
        // A large count is no time: epoch numbers are digits only.
        Some(Axis::EpochSeconds) => {
            let whole = cell.split('.').next().unwrap_or_default();
            whole.len() == 10 && whole.bytes().all(|b| b.is_ascii_digit())
        }
        Some(Axis::EpochMillis | Axis::EpochMicros | Axis::EpochNanos) => cell.bytes().all(|b| b.is_ascii_digit()),
        Some(_) => true,
    }
}

fn names(above: &[&Sample], width: usize) -> Vec<String> {
    (0..width)
        .map(|column| {
            let mut words: Vec<&str> = Vec::new();
            for row in above {
                let cell = row.cells[column].as_str();
                if !cell.is_empty() && words.last() != Some(&cell) {
                    words.push(cell);
                }
            }
            if words.is_empty() && above.is_empty() { format!("column {}", column + 1) } else { words.join(" ") }
        })
        .collect()
}

/// Order of day and month, where dates have slashes.
fn slash_order(data: &[&Sample], notes: &mut Vec<Note>) -> SlashOrder {
    let parts = || data.iter().flat_map(|row| &row.cells).filter_map(|cell| stamp::slash_parts(cell.as_bytes()));
    if parts().next().is_none() {
        return SlashOrder::default();
    }
    if parts().any(|(first, _)| first > 12) {
        return SlashOrder::DayFirst;
    }
    if !parts().any(|(_, second)| second > 12) {
        notes.push(Note::doubt("dates with slashes are read as month/day/year; nothing in the file decides it"));
    }
    SlashOrder::MonthFirst
}

/// Names of columns of times, the surer ones first.
const TIME_NAMES: [&str; 14] = [
    "_time",
    "time",
    "timestamp",
    "@timestamp",
    "datetime",
    "date",
    "ts",
    "epoch",
    "timestamp (utc)",
    "time (utc)",
    "date time",
    "t",
    "elapsed",
    "seconds",
];

fn time_column(
    names: &[String],
    data: &[&Sample],
    options: &Options,
    slashes: SlashOrder,
    notes: &mut Vec<Note>,
) -> Result<usize, Trouble> {
    if let Some(wanted) = &options.time {
        let found = names.iter().position(|name| name == wanted);
        return found.ok_or_else(|| ReadErrorKind::NoColumn { name: wanted.clone(), known: names.to_vec() }.into());
    }
    let kinds = |column: usize| data.iter().map(move |row| stamp::kind_of(row.cells[column].as_bytes(), slashes));
    let absolute =
        |column: usize| data.iter().all(|row| is_time(&row.cells[column])) && kinds(column).all(|k| k.is_some());
    let mostly = |column: usize| {
        let dated = data.iter().filter(|row| is_time(&row.cells[column])).count();
        dated * 2 > data.len()
    };
    let named = TIME_NAMES.iter().filter_map(|wanted| names.iter().position(|n| n.eq_ignore_ascii_case(wanted)));
    let named: Vec<usize> = named.collect();
    if let Some(column) = named.iter().copied().find(|c| mostly(*c)) {
        return Ok(column);
    }
    if let Some(column) = (0..names.len()).find(|c| absolute(*c)).or_else(|| (0..names.len()).find(|c| mostly(*c))) {
        return Ok(column);
    }
    let elapsed = |column: usize| kinds(column).all(|kind| kind == Some(Axis::Elapsed));
    if let Some(column) = named.into_iter().find(|c| elapsed(*c)) {
        return Ok(column);
    }
    let grows = |column: usize| {
        let numbers: Vec<f64> = data.iter().filter_map(|row| row.cells[column].parse().ok()).collect();
        numbers.len() == data.len() && numbers.len() > 1 && numbers.windows(2).all(|w| w[0] < w[1])
    };
    if let Some(column) = (0..names.len().min(1)).find(|c| elapsed(*c) && grows(*c)) {
        notes.push(Note::doubt(format!(
            "`{}` is taken for seconds since the start, because it is first and grows: say --time if it is not",
            names[column]
        )));
        return Ok(column);
    }
    Err(ReadErrorKind::NoTime.into())
}

/// Whether numbers have a decimal comma: only where the comma is not the delimiter, and some cell cannot be read otherwise.
fn notation(data: &[&Sample], delimiter: u8, time: usize, notes: &mut Vec<Note>) -> Notation {
    if delimiter == b',' {
        return Notation::default();
    }
    let cells =
        || data.iter().flat_map(|row| row.cells.iter().enumerate().filter(|(c, _)| *c != time).map(|(_, cell)| cell));
    let decimal_comma = cells().any(|cell| cell::shows_decimal_comma(cell.as_bytes()));
    let point = cells().any(|cell| cell.contains('.') && !cell.contains(',') && cell.parse::<f64>().is_ok());
    if decimal_comma && point {
        notes.push(Note::doubt("some numbers have a decimal comma and some a point: commas are taken for decimal"));
    }
    Notation { decimal_comma }
}

/// Names of label columns whose values look like numbers.
const LABELS: [&str; 9] =
    ["code", "status", "status_code", "response_code", "le", "quantile", "port", "shard", "partition"];

fn part(column: usize, time: usize, name: &str, data: &[&Sample], notation: Notation) -> Part {
    if column == time {
        return Part::Time;
    }
    let cells = || data.iter().map(|row| row.cells[column].as_str());
    if name.is_empty() && cells().all(str::is_empty) {
        return Part::Ignored;
    }
    if ["_start", "_stop", "result", "table", ""].contains(&name) && !name.is_empty() {
        return Part::Ignored;
    }
    if LABELS.iter().any(|label| name.eq_ignore_ascii_case(label)) {
        return Part::Label;
    }
    let (mut numbers, mut texts) = (0_usize, 0_usize);
    // `13.6 °C` all the way down is a unit that is not known here; `12abc` beside `7xyz` are names.
    let mut others = std::collections::BTreeSet::new();
    for cell in cells() {
        match cell::parse(cell.as_bytes(), notation) {
            Cell::Number { unit: Some(Unit::Other(name)), .. } => {
                if others.insert(name) && others.len() > 1 {
                    texts += numbers + 1;
                } else {
                    numbers += 1;
                }
            }
            Cell::Text => texts += 1,
            Cell::Number { .. } | Cell::Infinite => numbers += 1,
            Cell::Missing => {}
        }
    }
    if texts > 0 && texts * 4 > numbers {
        // `10.2.3.4:9090` and `v1` are labels; a lone misprint in a column of numbers is an error later on.
        return if numbers == 0 || texts * 4 > numbers { Part::Label } else { Part::Value };
    }
    let empty = numbers == 0 && texts == 0;
    if empty && ["tags", "error", "message", "description", "comment"].contains(&name) {
        return Part::Ignored;
    }
    if !empty && cells().all(|c| c.is_empty() || is_time(c)) {
        return Part::Ignored;
    }
    Part::Value
}

fn pivot(names: &[String], parts: &mut [Part], name: &str, value: &str) -> Result<(), Trouble> {
    let find = |wanted: &str| {
        let known = || names.to_vec();
        names
            .iter()
            .position(|n| n == wanted)
            .ok_or_else(|| Trouble::from(ReadErrorKind::NoColumn { name: wanted.to_owned(), known: known() }))
    };
    let (name, value) = (find(name)?, find(value)?);
    for (column, part) in parts.iter_mut().enumerate() {
        *part = match *part {
            Part::Time => Part::Time,
            _ if column == name => Part::SeriesName,
            _ if column == value => Part::Value,
            Part::Label => Part::Label,
            _ => Part::Ignored,
        };
    }
    Ok(())
}

/// A label column that is called "metric" holds the names of the series.
fn implied_pivot(names: &[String], parts: &mut [Part]) {
    const NAMES: [&str; 5] = ["__name__", "metric", "metric_name", "series", "_field"];
    let values = parts.iter().filter(|part| **part == Part::Value).count();
    // Without a header a lone text beside a lone number can only be its name.
    let labels: Vec<usize> = (0..parts.len()).filter(|c| parts[*c] == Part::Label).collect();
    if let ([only], 1, true) = (&labels[..], values, names.iter().all(|name| name.starts_with("column "))) {
        parts[*only] = Part::SeriesName;
        return;
    }
    let found =
        names.iter().zip(&*parts).position(|(name, part)| *part == Part::Label && NAMES.contains(&name.as_str()));
    if let (Some(column), 1) = (found, values) {
        parts[column] = Part::SeriesName;
    }
}

/// Takes a unit off a name: `latency (ms)`, `p99 [s]`, `duration_ms`, `size_bytes`.
pub(in super::super) fn unit_of_name(name: &str) -> (String, Option<Scaled>) {
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some(start) = name.strip_suffix(close).and_then(|rest| rest.rfind(open)) {
            let scaled = unit::parse(&name[start + 1..name.len() - 1])
                .filter(|s| !matches!(s.unit, Unit::Other(_) | Unit::Plain));
            if scaled.is_some() {
                return (name.to_owned(), scaled);
            }
        }
    }
    const SUFFIXES: [(&str, Unit, f64); 10] = [
        ("_seconds", Unit::Seconds, 1.0),
        ("_secs", Unit::Seconds, 1.0),
        ("_milliseconds", Unit::Seconds, 1e-3),
        ("_ms", Unit::Seconds, 1e-3),
        ("_us", Unit::Seconds, 1e-6),
        ("_micros", Unit::Seconds, 1e-6),
        ("_ns", Unit::Seconds, 1e-9),
        ("_bytes", Unit::Bytes, 1.0),
        ("_percent", Unit::Share, 0.01),
        ("_rps", Unit::PerSecond, 1.0),
    ];
    let bare = name.split('{').next().unwrap_or(name).trim_end();
    let found = SUFFIXES.iter().find(|(suffix, ..)| bare.ends_with(suffix));
    (name.to_owned(), found.map(|(_, unit, factor)| Scaled { unit: unit.clone(), factor: *factor }))
}

impl Layout {
    /// Whether a row inside the data looks like a header: its time column names a time, or the header is there again.
    pub(super) fn is_header<R: BufRead>(&self, rows: &Rows<R>) -> bool {
        if self.header.is_empty() {
            return false;
        }
        let cell = rows.text(self.time);
        let same = self.header.get(self.time).is_some_and(|name| *name == cell);
        same || TIME_NAMES.iter().any(|name| cell.eq_ignore_ascii_case(name))
    }

    /// The layout under a second header; none if it is the first one again.
    pub(super) fn again(&self, cells: &[String], line: u64) -> Result<Option<Self>, Trouble> {
        if cells == self.header {
            return Ok(None);
        }
        let wide = !self.parts.iter().any(|part| matches!(part, Part::Label | Part::SeriesName));
        if !self.several || !wide {
            let kind = ReadErrorKind::OtherHeader { first: self.header.join(", "), second: cells.join(", ") };
            return Err(Trouble::at(Place::new(line, cells.join(",").as_bytes(), 0..0), kind));
        }
        let parts = (0..cells.len()).map(|c| if c == self.time { Part::Time } else { Part::Value }).collect();
        Ok(Some(Self {
            names: cells.to_vec(),
            header: cells.to_vec(),
            parts,
            header_line: Some(line),
            notes: Vec::new(),
            ..self.clone()
        }))
    }
}
