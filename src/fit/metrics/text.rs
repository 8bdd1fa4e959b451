//! `promtool query range` as text: a line with the series, then a line `value @[time]` for each point.

use super::FileFacts;
use super::cell::{self, Cell, Notation};
use super::error::{Place, ReadErrorKind, Trouble};
use super::json::labels_text;
use super::open::Opened;
use super::sink::Sink;
use super::stamp::{Axis, Stamps};
use std::io::BufRead;

/// Reads it.
pub(super) fn read(opened: Opened, sink: &mut dyn Sink, facts: &mut FileFacts) -> Result<(), Trouble> {
    let mut stamps = Stamps::of(Axis::EpochSeconds);
    let mut series = None;
    let mut any = false;
    for (index, line) in opened.lines().enumerate() {
        let line = line?;
        let number = index as u64 + 1;
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        if let Some(name) = text.strip_suffix("=>") {
            series = Some(sink.series(labels_text(name.trim())));
            continue;
        }
        let wrong = |kind| Trouble::at(Place::new(number, line.as_bytes(), 0..line.len()), kind);
        let not_a_point = || wrong(ReadErrorKind::NotANumber { text: text.to_owned() });
        let (value, time) = text.split_once(" @[").ok_or_else(not_a_point)?;
        let value = match cell::parse(value.as_bytes(), Notation::default()) {
            Cell::Number { value, unit: None } => value,
            Cell::Missing => f64::NAN,
            Cell::Infinite => f64::INFINITY,
            Cell::Number { .. } | Cell::Text => return Err(not_a_point()),
        };
        let time = time.trim_end_matches(']');
        let at = stamps.read(time.as_bytes()).map_err(|_| wrong(ReadErrorKind::NotATime { text: time.to_owned() }))?;
        let series = *series.get_or_insert_with(|| sink.series(labels_text("")));
        sink.point(series, at, value, number);
        any = true;
    }
    facts.axis = Axis::EpochSeconds;
    sink.axis(&facts.axis);
    if any { Ok(()) } else { Err(ReadErrorKind::HeaderOnly.into()) }
}
