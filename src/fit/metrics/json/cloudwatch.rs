//! CloudWatch: `GetMetricData` (newest first) and `get-metric-statistics` (in no order at all).
//!
//! Counts are per period, not per second. A metric that counts failures has no point at all while there are none.

use super::super::error::{ReadErrorKind, Trouble};
use super::super::sink::{About, Kind, Note, Sink};
use super::super::stamp::{Axis, Stamps};
use super::super::unit::Unit;
use super::super::{FileFacts, Options};
use super::{number, odd};
use serde_json::Value;

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// A metric with its points.
struct Found {
    id: usize,
    pairs: Vec<(i64, f64)>,
    /// Whether it is zero where it has no point.
    zero: bool,
}

/// Metrics whose sum counts events in a period.
fn counts(name: &str) -> bool {
    name.ends_with("Count") && !name.contains("Host") && !name.contains("Active") || name.contains("HTTPCode_")
}

fn about(label: &str) -> About {
    let mut about = About::named(label);
    if counts(label) {
        about.kind = Kind::PerInterval;
    }
    if label.ends_with("ResponseTime") || label == "Latency" {
        about.unit = Some(Unit::Seconds);
    }
    about
}

fn time(stamps: &mut Stamps, value: &Value) -> Result<i64, Trouble> {
    let read = match value {
        Value::String(text) => stamps.read(text.as_bytes()).ok(),
        other => super::at(other, 1.0),
    };
    read.ok_or_else(|| ReadErrorKind::NotATime { text: value.to_string() }.into())
}

pub(super) fn data(
    value: &Value,
    options: &Options,
    sink: &mut dyn Sink,
    facts: &mut FileFacts,
) -> Result<(), Trouble> {
    facts.axis = Axis::Absolute;
    sink.axis(&facts.axis);
    let mut points = 0_u64;
    let mut counting = false;
    // The union of all times is what a metric without points was silent at.
    let mut all: Vec<i64> = Vec::new();
    let mut found: Vec<Found> = Vec::new();
    for result in list(value, "MetricDataResults") {
        let label = text(result, "Label").or_else(|| text(result, "Id")).unwrap_or("value");
        let about = about(label);
        counting |= about.kind == Kind::PerInterval;
        let zero = about.kind == Kind::PerInterval && options.absent_is_zero;
        let id = sink.series(about);
        match text(result, "StatusCode") {
            Some("PartialData") => sink.note(Note::doubt(format!("`{label}` is partial: another page follows it"))),
            Some("InternalError" | "Forbidden") => {
                sink.note(Note::doubt(format!("`{label}` could not be read by CloudWatch")));
            }
            _ => {}
        }
        let (times, values) = (list(result, "Timestamps"), list(result, "Values"));
        if times.len() != values.len() {
            let text = format!("`{label}` has {} times and {} values", times.len(), values.len());
            return Err(ReadErrorKind::Json(text).into());
        }
        let mut stamps = Stamps::new(None);
        let mut pairs = Vec::with_capacity(times.len());
        for (at, value) in times.iter().zip(values) {
            let at = time(&mut stamps, at)?;
            pairs.push((at, number(value).ok_or_else(|| odd("a number", value))?));
            all.push(at);
            points += 1;
        }
        found.push(Found { id, pairs, zero });
    }
    all.sort_unstable();
    all.dedup();
    for Found { id, mut pairs, zero } in found {
        if zero {
            let there: std::collections::BTreeSet<i64> = pairs.iter().map(|(at, _)| *at).collect();
            pairs.extend(all.iter().filter(|at| !there.contains(at)).map(|at| (*at, 0.0)));
            pairs.sort_unstable_by_key(|(at, _)| *at);
        }
        for (at, value) in pairs {
            sink.point(id, at, value, 0);
        }
    }
    if points == 0 {
        return Err(ReadErrorKind::HeaderOnly.into());
    }
    if counting {
        sink.note(Note::fact("counts are per period and are divided by the step to make rates"));
        if !options.absent_is_zero {
            sink.note(Note::doubt(
                "a count of CloudWatch has no point while nothing was counted: --absent-is-zero if that holds here",
            ));
        }
    }
    Ok(())
}

/// Statistics of which each makes a series.
const STATISTICS: [&str; 5] = ["Average", "Sum", "Minimum", "Maximum", "SampleCount"];

pub(super) fn statistics(value: &Value, sink: &mut dyn Sink, facts: &mut FileFacts) -> Result<(), Trouble> {
    facts.axis = Axis::Absolute;
    sink.axis(&facts.axis);
    let label = text(value, "Label").unwrap_or("value");
    let points = list(value, "Datapoints");
    if points.is_empty() {
        return Err(ReadErrorKind::HeaderOnly.into());
    }
    let mut stamps = Stamps::new(None);
    let mut sorted = Vec::with_capacity(points.len());
    for point in points {
        let at = point.get("Timestamp").ok_or_else(|| odd("a Timestamp", point))?;
        sorted.push((time(&mut stamps, at)?, point));
    }
    if !sorted.is_sorted_by_key(|(at, _)| *at) {
        sorted.sort_by_key(|(at, _)| *at);
        sink.note(Note::fact("points are in no order in the file, as always with this command; they were sorted"));
    }
    let (unit, factor) = match text(points.first().unwrap_or(&Value::Null), "Unit") {
        Some("Seconds") => (Some(Unit::Seconds), 1.0),
        Some("Milliseconds") => (Some(Unit::Seconds), 1e-3),
        Some("Microseconds") => (Some(Unit::Seconds), 1e-6),
        Some("Percent") => (Some(Unit::Share), 0.01),
        Some("Bytes") => (Some(Unit::Bytes), 1.0),
        Some("Count/Second") => (Some(Unit::PerSecond), 1.0),
        _ => (None, 1.0),
    };
    let mut columns: Vec<(String, bool)> = STATISTICS.iter().map(|name| ((*name).to_owned(), false)).collect();
    for (_, point) in &sorted {
        for name in point.get("ExtendedStatistics").and_then(Value::as_object).into_iter().flat_map(|m| m.keys()) {
            if !columns.iter().any(|(known, _)| known == name) {
                columns.push((name.clone(), true));
            }
        }
    }
    for (name, extended) in columns {
        let pick = |point: &Value| -> Option<f64> {
            let from = if extended { point.get("ExtendedStatistics")? } else { point };
            number(from.get(&name)?)
        };
        if !sorted.iter().any(|(_, point)| pick(point).is_some()) {
            continue;
        }
        let mut about = about(label);
        about.name = format!("{label} {name}");
        about.kind = match name.as_str() {
            "Sum" | "SampleCount" => Kind::PerInterval,
            _ if extended => Kind::Quantile,
            _ => Kind::Gauge,
        };
        about.unit.clone_from(&unit);
        let id = sink.series(about);
        for (at, point) in &sorted {
            sink.point(id, *at, pick(point).unwrap_or(f64::NAN) * factor, 0);
        }
    }
    Ok(())
}
