//! Prometheus `/api/v1/query_range`, and the bare array that `promtool -o json` writes.
//!
//! Absent points are absent, not null. Values are texts, so that `NaN` and `+Inf` can be written.

use super::super::FileFacts;
use super::super::error::{ReadErrorKind, Trouble};
use super::super::sink::{Note, Sink};
use super::super::stamp::Axis;
use super::{at, labelled, number, odd};
use serde_json::Value;

pub(super) fn read(value: &Value, sink: &mut dyn Sink, facts: &mut FileFacts) -> Result<(), Trouble> {
    if value.get("status").and_then(Value::as_str) == Some("error") {
        let text = value.get("error").and_then(Value::as_str).unwrap_or("no reason given");
        return Err(ReadErrorKind::Refusal(text.to_owned()).into());
    }
    for warning in value.get("warnings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        sink.note(Note::doubt(format!("the server warned: {warning}")));
    }
    let result = value.pointer("/data/result").unwrap_or(value);
    let kind = value.pointer("/data/resultType").and_then(Value::as_str).unwrap_or("matrix");
    if kind == "scalar" || kind == "string" {
        return Err(ReadErrorKind::Unsupported {
            what: format!("holds a single {kind}"),
            hint: "ask /api/v1/query_range for a range of time".to_owned(),
        }
        .into());
    }
    let series = result.as_array().ok_or_else(|| odd("an array of series", result))?;
    facts.axis = Axis::EpochSeconds;
    sink.axis(&facts.axis);
    let mut points = 0_u64;
    for one in series {
        let id = sink.series(labelled(one.get("metric")));
        if one.get("histograms").is_some() {
            sink.note(Note::doubt("native histograms are left out: ask for quantiles of them"));
        }
        let pairs = one.get("values").and_then(Value::as_array).map(Vec::as_slice);
        let single = one.get("value").map(std::slice::from_ref);
        for pair in pairs.or(single).unwrap_or_default() {
            let (time, value) = match pair.as_array().map(Vec::as_slice) {
                Some([time, value]) => (time, value),
                _ => return Err(odd("a pair of time and value", pair)),
            };
            let time = at(time, 1.0).ok_or_else(|| odd("a time in seconds", time))?;
            let value = number(value).ok_or_else(|| odd("a number", value))?;
            sink.point(id, time, value, 0);
            points += 1;
        }
    }
    if points == 0 {
        return Err(ReadErrorKind::HeaderOnly.into());
    }
    Ok(())
}
