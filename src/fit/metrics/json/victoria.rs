//! VictoriaMetrics `/api/v1/export`: one series per line, times in milliseconds, raw samples.

use super::super::FileFacts;
use super::super::error::{Place, ReadErrorKind, Trouble};
use super::super::open::Opened;
use super::super::sink::Sink;
use super::super::stamp::Axis;
use super::{at, labelled, number, odd};
use serde_json::Value;
use std::io::BufRead;

pub(super) fn read(opened: Opened, sink: &mut dyn Sink, facts: &mut FileFacts) -> Result<(), Trouble> {
    facts.axis = Axis::EpochMillis;
    sink.axis(&facts.axis);
    let mut points = 0_u64;
    for (index, line) in opened.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let number_of_line = index as u64 + 1;
        let wrong = |error: &serde_json::Error| {
            let column = error.column().saturating_sub(1).min(line.len());
            let place = Place::new(number_of_line, line.as_bytes(), column..(column + 1).min(line.len()));
            let cut = error.is_eof();
            let kind = if cut { ReadErrorKind::Truncated("its JSON") } else { ReadErrorKind::Json(error.to_string()) };
            Trouble::at(place, kind)
        };
        let series: Value = serde_json::from_str(&line).map_err(|error| wrong(&error))?;
        let list = |key: &str| series.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let (values, times) = (list("values"), list("timestamps"));
        if values.len() != times.len() {
            let text = format!("{} values and {} timestamps", values.len(), times.len());
            return Err(Trouble::at(Place::new(number_of_line, line.as_bytes(), 0..0), ReadErrorKind::Json(text)));
        }
        let id = sink.series(labelled(series.get("metric")));
        for (value, time) in values.iter().zip(times) {
            let time = at(time, 1e-3).ok_or_else(|| odd("a time in milliseconds", time))?;
            let value = number(value).ok_or_else(|| odd("a number", value))?;
            sink.point(id, time, value, number_of_line);
            points += 1;
        }
    }
    if points == 0 {
        return Err(ReadErrorKind::HeaderOnly.into());
    }
    Ok(())
}
