//! Locust `*_stats_history.csv`: a row per endpoint and second, and one that adds them up.

use super::cell::{self, Cell, Notation};
use super::error::{ReadErrorKind, Trouble};
use super::open::Opened;
use super::rows::Rows;
use super::sink::{About, Kind, Note, Sink};
use super::stamp::{Axis, Stamps};
use super::table::wrong_time;
use super::unit::Unit;
use super::{FileFacts, Options};

/// Reads it. Only the rows `Aggregated` count: the endpoints are in them.
pub(super) fn read(
    opened: Opened,
    _options: &Options,
    sink: &mut dyn Sink,
    facts: &mut FileFacts,
) -> Result<(), Trouble> {
    facts.delimiter = Some(',');
    facts.axis = Axis::EpochSeconds;
    facts.sent_by(true, "the users of Locust wait for each answer");
    let mut rows = Rows::new(opened, b',');
    if !rows.advance()? {
        return Err(ReadErrorKind::Empty.into());
    }
    facts.header_line = Some(rows.line());
    let header = rows.texts();
    let column = |name: &str| header.iter().position(|cell| cell == name);
    let name = column("Name").ok_or(ReadErrorKind::NoTime)?;
    let rate = column("Requests/s");
    let mut series = Vec::new();
    for (index, title) in header.iter().enumerate() {
        let (unit, factor) = match title.as_str() {
            "Timestamp" | "Type" | "Name" => continue,
            "Requests/s" | "Failures/s" => (Some(Unit::PerSecond), 1.0),
            "User Count" | "Total Request Count" | "Total Failure Count" => (Some(Unit::Plain), 1.0),
            "Total Average Content Size" => (Some(Unit::Bytes), 1.0),
            _ => (Some(Unit::Seconds), 1e-3),
        };
        let mut about = About::named(title.clone());
        about.unit = unit;
        // `Total Median Response Time` is a level since the start, not a quantile of an interval.
        if title.starts_with("Total") && !title.ends_with("Count") {
            about.kind = Kind::Gauge;
        }
        let quantile = about.kind == Kind::Quantile;
        series.push((index, sink.series(about), factor, quantile));
    }
    let mut stamps = Stamps::of(Axis::EpochSeconds);
    let (mut any, mut idle) = (false, 0_u64);
    while rows.advance()? {
        if rows.len() != header.len() {
            return Err(rows.wrong(0, ReadErrorKind::Ragged { found: rows.len(), expected: header.len() }));
        }
        let at = stamps.read(rows.field(0)).map_err(|error| wrong_time(&rows, 0, error))?;
        if rows.field(name) != b"Aggregated" {
            continue;
        }
        any = true;
        let zero = |index: usize| rows.field(index).iter().all(|b| matches!(b, b'0' | b'.'));
        let nothing = rate.is_some_and(zero);
        for (index, id, factor, quantile) in &series {
            let value = match cell::parse(rows.field(*index), Notation::default()) {
                // Without requests a quantile of 0 is no measurement.
                Cell::Number { .. } if *quantile && nothing && zero(*index) => {
                    idle += 1;
                    f64::NAN
                }
                Cell::Number { value, .. } => value * factor,
                Cell::Missing => f64::NAN,
                Cell::Infinite => f64::INFINITY,
                Cell::Text => {
                    return Err(rows.wrong(*index, ReadErrorKind::NotANumber { text: rows.text(*index) }));
                }
            };
            sink.point(*id, at, value, rows.line());
        }
    }
    if !any {
        return Err(ReadErrorKind::HeaderOnly.into());
    }
    sink.axis(&facts.axis);
    sink.note(Note::fact("only the rows `Aggregated` are read: they contain the endpoints"));
    sink.note(Note::fact("quantiles are over the last ten seconds"));
    if idle > 0 {
        sink.note(Note::fact(format!("{idle} quantiles of 0 while nothing was requested count as missing")));
    }
    Ok(())
}
