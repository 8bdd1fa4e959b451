//! Datadog `/api/v1/query`: about 300 intervals per query whatever its range, averaged unless a rollup was asked for.

use super::super::FileFacts;
use super::super::error::{ReadErrorKind, Trouble};
use super::super::sink::{About, Note, Sink};
use super::super::stamp::Axis;
use super::super::unit::{self, Scaled};
use super::{at, number, odd};
use serde_json::Value;

/// Intervals longer than this, in seconds, hide the spikes that start a collapse.
const COARSE: f64 = 60.0;

pub(super) fn read(value: &Value, sink: &mut dyn Sink, facts: &mut FileFacts) -> Result<(), Trouble> {
    if value.get("status").and_then(Value::as_str) == Some("error") {
        let text = value.get("error").and_then(Value::as_str).unwrap_or("no reason given");
        return Err(ReadErrorKind::Refusal(text.to_owned()).into());
    }
    facts.axis = Axis::EpochMillis;
    sink.axis(&facts.axis);
    let series = value.get("series").and_then(Value::as_array).ok_or_else(|| odd("an array `series`", value))?;
    let mut points = 0_u64;
    let mut coarse: Option<f64> = None;
    for one in series {
        let text = |key: &str| one.get(key).and_then(Value::as_str);
        let mut about = About::named(text("display_name").or_else(|| text("metric")).unwrap_or("value"));
        for tag in one.get("tag_set").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
            about.labels.push((name.to_owned(), value.to_owned()));
        }
        about.labels.sort();
        let scaled = unit_of(one.get("unit"));
        about.unit = scaled.as_ref().map(|s| s.unit.clone());
        about.interval = one.get("interval").and_then(Value::as_f64);
        if let Some(interval) = about.interval.filter(|i| *i > COARSE) {
            coarse = Some(coarse.map_or(interval, |c| f64::max(c, interval)));
        }
        let id = sink.series(about);
        for pair in one.get("pointlist").and_then(Value::as_array).into_iter().flatten() {
            let (time, value) = match pair.as_array().map(Vec::as_slice) {
                Some([time, value]) => (time, value),
                _ => return Err(odd("a pair of time and value", pair)),
            };
            let time = at(time, 1e-3).ok_or_else(|| odd("a time in milliseconds", time))?;
            let value = number(value).ok_or_else(|| odd("a number", value))?;
            sink.point(id, time, scaled.as_ref().map_or(value, |s| s.apply(value)), 0);
            points += 1;
        }
    }
    if let Some(interval) = coarse {
        sink.note(Note::doubt(format!(
            "points are averages over {interval} s: spikes that start a collapse are smoothed away; query a shorter range, or .rollup(max, ...)"
        )));
    }
    if points == 0 {
        return Err(ReadErrorKind::HeaderOnly.into());
    }
    Ok(())
}

/// `[{"short_name": "ms"}, {"short_name": "s"}]`: a unit, and what it is per.
fn unit_of(value: Option<&Value>) -> Option<Scaled> {
    let part = |index: usize| -> Option<&str> {
        let one = value?.get(index)?;
        one.get("short_name").or_else(|| one.get("name")).and_then(Value::as_str)
    };
    let name = part(0)?;
    match part(1) {
        Some("s" | "sec" | "second") if ["req", "request", "hit", "op"].contains(&name) => unit::parse("req/s"),
        Some(_) => None,
        None => unit::parse(name).filter(|s| !matches!(s.unit, unit::Unit::Other(_))),
    }
}
