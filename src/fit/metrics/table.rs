//! Any table with a column of times: Grafana in its several shapes, InfluxDB 1.x, VictoriaMetrics, plain CSV and TSV.
//!
//! The head of the file decides its [`layout`]: delimiter, header, which column is the time, which hold values and which
//! hold labels. After that the file is read once, row by row, and anything that does not fit the layout is an error with
//! its place.

mod layout;

pub(super) use layout::unit_of_name;

use super::cell::{self, Cell};
use super::error::{ReadErrorKind, Trouble};
use super::open::Opened;
use super::rows::Rows;
use super::sink::{About, Note, Sink};
use super::stamp::{Axis, StampError, Stamps};
use super::unit::{self, Unit};
use super::{FileFacts, Options, guess};
use layout::{Layout, Part};
use std::collections::HashMap;
use std::io::BufRead;

/// Most series of a file.
const SERIES: usize = 20_000;

/// Reads a table.
pub(super) fn read(
    mut opened: Opened,
    options: &Options,
    sink: &mut dyn Sink,
    facts: &mut FileFacts,
) -> Result<(), Trouble> {
    let head = opened.head()?.to_vec();
    let (delimiter, skipped) = layout::delimiter(&head);
    let mut layout = layout::find(&head[skipped..], delimiter, options, facts.source)?;
    opened.consume(skipped);
    let mut table = Table::new(options, &layout, sink);
    facts.delimiter = Some(char::from(delimiter));
    facts.decimal_comma = layout.notation.decimal_comma;
    let offset = u64::from(skipped > 0);
    facts.header_line = layout.header_line.map(|l| l + offset);
    let mut rows = Rows::new(opened, delimiter);
    rows.start_at(1 + offset);
    table.announce(&layout, sink);
    let mut any = false;
    while rows.advance()? {
        if rows.line() < layout.first_line + offset {
            continue;
        }
        match table.row(&rows, &layout, sink)? {
            Step::Data => any = true,
            Step::Header => {
                let line = rows.line();
                if let Some(next) = layout.again(&rows.texts(), line)? {
                    let note = format!("another table begins in line {line}, with its own header");
                    sink.note(Note::fact(note).at(line));
                    layout = next;
                    facts.header_line = Some(line);
                    table.next_section(&layout, sink);
                } else {
                    sink.note(Note::fact("the header is repeated").at(line));
                }
            }
        }
    }
    if !any {
        return Err(ReadErrorKind::HeaderOnly.into());
    }
    table.finish(facts, sink);
    Ok(())
}

/// What a row was.
enum Step {
    Data,
    Header,
}

/// A value column of the current section.
struct Value {
    index: usize,
    name: String,
    unit: Option<Unit>,
    factor: f64,
    /// Whether a unit of a cell has been handed on.
    told: Option<Unit>,
}

struct Table<'a> {
    options: &'a Options,
    stamps: Stamps,
    time: usize,
    values: Vec<Value>,
    labels: Vec<(usize, String)>,
    /// Which column holds the name of a series of a long table.
    name_column: Option<usize>,
    /// Series of a long table by name column and labels. Looked up only, never walked.
    known: HashMap<Vec<u8>, Vec<usize>>,
    /// Series of the values of a row: always the same in a wide table, by its labels in a long one.
    series: Vec<usize>,
    /// Labels of the last row, which are usually those of this one.
    last_key: Vec<u8>,
    /// Numbers of the row.
    numbers: Vec<f64>,
    /// Room for those of the next one.
    key: Vec<u8>,
    titles: HashMap<String, usize>,
    count: usize,
    thousands: bool,
    mixed: Option<u64>,
}

impl<'a> Table<'a> {
    fn new(options: &'a Options, layout: &Layout, sink: &mut dyn Sink) -> Self {
        for note in &layout.notes {
            sink.note(note.clone());
        }
        Self {
            options,
            stamps: Stamps::new(options.zone.clone()).with_slashes(layout.slashes),
            time: layout.time,
            values: Vec::new(),
            labels: Vec::new(),
            name_column: None,
            known: HashMap::new(),
            last_key: Vec::new(),
            series: Vec::new(),
            numbers: Vec::new(),
            key: Vec::new(),
            titles: HashMap::new(),
            count: 0,
            thousands: false,
            mixed: None,
        }
    }

    /// Takes over the columns of a layout, and announces those of a wide table.
    fn announce(&mut self, layout: &Layout, sink: &mut dyn Sink) {
        self.time = layout.time;
        self.values.clear();
        self.labels.clear();
        self.known.clear();
        self.last_key.clear();
        self.series.clear();
        self.name_column = layout.parts.iter().position(|part| *part == Part::SeriesName);
        for (index, part) in layout.parts.iter().enumerate() {
            let name = layout.names[index].clone();
            match part {
                Part::Value => {
                    let (name, scaled) = layout::unit_of_name(&name);
                    let (unit, factor) = scaled.map_or((None, 1.0), |s| (Some(s.unit), s.factor));
                    self.values.push(Value { index, name, unit, factor, told: None });
                }
                Part::Label => self.labels.push((index, name)),
                Part::SeriesName | Part::Time | Part::Ignored => {}
            }
        }
        if self.labels.is_empty() && self.name_column.is_none() {
            let values = std::mem::take(&mut self.values);
            for value in &values {
                let number = self.new_series(&value.name, Vec::new(), value.unit.clone(), sink);
                self.series.push(number);
            }
            self.values = values;
        }
    }

    fn next_section(&mut self, layout: &Layout, sink: &mut dyn Sink) {
        self.stamps.rewind();
        self.announce(layout, sink);
    }

    fn new_series(
        &mut self,
        name: &str,
        labels: Vec<(String, String)>,
        unit: Option<Unit>,
        sink: &mut dyn Sink,
    ) -> usize {
        let mut about = About { name: name.to_owned(), labels, unit, kind: guess::kind_of(name), interval: None };
        let title = about.title();
        let seen = self.titles.entry(title.clone()).or_insert(0);
        *seen += 1;
        if *seen > 1 {
            about.name = format!("{name} #{seen}");
            sink.note(Note::doubt(format!(
                "more than one series is called `{title}`; the later one is `{}`",
                about.name
            )));
        }
        self.count += 1;
        sink.series(about)
    }

    fn row<R: BufRead>(&mut self, rows: &Rows<R>, layout: &Layout, sink: &mut dyn Sink) -> Result<Step, Trouble> {
        let expected = layout.names.len();
        let found = rows.len();
        let at = match self.stamps.read(rows.field(self.time)) {
            Ok(at) => at,
            Err(error) => {
                if layout.is_header(rows) {
                    return Ok(Step::Header);
                }
                if found != expected {
                    return Err(rows.wrong(0, ReadErrorKind::Ragged { found, expected }));
                }
                return Err(wrong_time(rows, self.time, error));
            }
        };
        // One empty cell more, or trailing cells left out, is how some exporters write a row.
        let surplus = found > expected && (expected..found).any(|index| !rows.field(index).is_empty());
        if surplus || (found < expected && found + 1 != expected) {
            return Err(rows.wrong(found.min(expected), ReadErrorKind::Ragged { found, expected }));
        }
        let line = rows.line();
        let long = !self.labels.is_empty() || self.name_column.is_some();
        if long {
            self.find_series(rows, sink)?;
        }
        // All numbers first, then all series: neither waits for the other.
        let mut numbers = std::mem::take(&mut self.numbers);
        numbers.clear();
        for which in 0..self.values.len() {
            let value = &self.values[which];
            // No number that is this short is too large.
            numbers.push(match rows.number(value.index) {
                Some(number) => unit::scale(number, value.factor),
                None => self.cell(rows, layout, which, sink)?,
            });
        }
        sink.row(&self.series, at, &numbers, line);
        self.numbers = numbers;
        Ok(Step::Data)
    }

    /// A cell that is not just a short number.
    #[inline(never)]
    fn cell<R: BufRead>(
        &mut self,
        rows: &Rows<R>,
        layout: &Layout,
        which: usize,
        sink: &mut dyn Sink,
    ) -> Result<f64, Trouble> {
        let (value, series) = (&mut self.values[which], self.series[which]);
        let bytes = rows.field(value.index);
        let text = || String::from_utf8_lossy(bytes).trim().to_owned();
        let (number, unit) = match cell::parse(bytes, layout.notation) {
            Cell::Number { value: number, unit: None } => {
                self.thousands |= !layout.notation.decimal_comma && bytes.contains(&b',');
                (unit::scale(number, value.factor), None)
            }
            Cell::Number { value: number, unit } => (number, unit),
            Cell::Missing if self.options.absent_is_zero => (0.0, None),
            Cell::Missing => (f64::NAN, None),
            Cell::Infinite => (f64::INFINITY, None),
            Cell::Text => return Err(rows.wrong(value.index, ReadErrorKind::NotANumber { text: text() })),
        };
        if number.is_finite() && number.abs() > cell::LARGEST {
            return Err(rows.wrong(value.index, ReadErrorKind::TooLarge { text: text() }));
        }
        if let Some(unit) = unit
            && value.told.as_ref() != Some(&unit)
        {
            let plain = matches!((&value.told, &unit), (Some(_), Unit::Plain));
            if value.told.as_ref().is_some_and(|told| *told != Unit::Plain) && !plain {
                self.mixed.get_or_insert(rows.line());
            }
            sink.unit(series, unit.clone());
            let long = !self.labels.is_empty() || self.name_column.is_some();
            if !plain && !long {
                value.told = Some(unit);
            }
        }
        Ok(number)
    }

    /// The series of a row of a long table, by its labels.
    fn find_series<R: BufRead>(&mut self, rows: &Rows<R>, sink: &mut dyn Sink) -> Result<(), Trouble> {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        let columns = self.name_column.into_iter().chain(self.labels.iter().map(|(index, _)| *index));
        for index in columns {
            key.extend_from_slice(rows.field(index));
            key.push(0x1f);
        }
        if key == self.last_key && !self.series.is_empty() {
            self.key = key;
            return Ok(());
        }
        self.stamps.rewind();
        if let Some(series) = self.known.get(&key) {
            self.series.clone_from(series);
            self.key = std::mem::replace(&mut self.last_key, key);
            return Ok(());
        }
        let mut labels: Vec<(String, String)> =
            self.labels.iter().map(|(index, name)| (name.clone(), unescaped(&rows.text(*index)))).collect();
        labels.retain(|(_, value)| !value.is_empty());
        labels.sort();
        let prefix = self.name_column.map(|index| rows.text(index));
        let columns: Vec<(String, Option<Unit>)> =
            self.values.iter().map(|value| (value.name.clone(), value.unit.clone())).collect();
        let only = columns.len() == 1;
        let mut series = Vec::with_capacity(columns.len());
        for (column, unit) in columns {
            let name = match &prefix {
                Some(prefix) if only => prefix.clone(),
                Some(prefix) => format!("{prefix} {column}"),
                None => column,
            };
            series.push(self.new_series(&name, labels.clone(), unit, sink));
        }
        if self.count > SERIES {
            return Err(rows.wrong(0, ReadErrorKind::Series(SERIES)));
        }
        self.series.clone_from(&series);
        self.known.insert(key.clone(), series);
        self.last_key = key;
        Ok(())
    }

    fn finish(self, facts: &mut FileFacts, sink: &mut dyn Sink) {
        facts.axis = self.stamps.axis().clone();
        sink.axis(&facts.axis);
        if self.thousands {
            sink.note(Note::doubt("commas in numbers are read as separators of thousands"));
        }
        if let Some(line) = self.mixed {
            sink.note(Note::doubt("units of different kinds stand in one column").at(line));
        }
        if self.stamps.doubled > 0 {
            sink.note(Note::fact(format!(
                "{} times are in the hour that the zone has twice; each is read so that the clock does not run back",
                self.stamps.doubled
            )));
        }
        if self.stamps.skipped > 0 {
            sink.note(Note::doubt(format!(
                "{} times do not exist in the zone (clocks were set forward): is it the right zone?",
                self.stamps.skipped
            )));
        }
        if facts.axis == Axis::Local(None) {
            sink.note(Note::doubt("times are local and the file does not say of which zone: give --tz"));
        }
    }
}

/// `cart\,\ eu` as InfluxDB 1.x writes tags.
fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek().copied();
        if c == '\\' && next.is_some_and(|n| ", =\\".contains(n)) {
            out.extend(characters.next());
        } else {
            out.push(c);
        }
    }
    out
}

/// A time that cannot be read, as an error with its place.
pub(super) fn wrong_time<R: BufRead>(rows: &Rows<R>, index: usize, error: StampError) -> Trouble {
    let text = rows.text(index);
    rows.wrong(
        index,
        match error {
            StampError::NotATime => ReadErrorKind::NotATime { text },
            StampError::Other { before } => ReadErrorKind::OtherTime { text, before },
        },
    )
}
