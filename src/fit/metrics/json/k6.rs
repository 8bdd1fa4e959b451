//! k6 `--out json`: one line per metric and request.

use super::super::error::{Place, ReadErrorKind, Trouble};
use super::super::log::K6;
use super::super::open::Opened;
use super::super::sink::Sink;
use super::super::stamp::{Axis, Stamps};
use super::super::{FileFacts, Options};
use serde::Deserialize;
use std::io::BufRead;

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    metric: String,
    data: Data,
}

#[derive(Deserialize, Default)]
struct Data {
    #[serde(default)]
    time: String,
    #[serde(default)]
    value: f64,
    #[serde(default)]
    tags: Option<Tags>,
}

#[derive(Deserialize, Default)]
struct Tags {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    expected_response: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    scenario: Option<String>,
}

pub(super) fn read(
    opened: Opened,
    options: &Options,
    sink: &mut dyn Sink,
    facts: &mut FileFacts,
) -> Result<(), Trouble> {
    let mut k6 = K6::new(options.step);
    let mut stamps = Stamps::of(Axis::Absolute);
    for (index, line) in opened.lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let place = |column: usize| {
            Place::new(index as u64 + 1, line.as_bytes(), column.min(line.len())..(column + 1).min(line.len()))
        };
        let parsed: Line = serde_json::from_str(&line).map_err(|error| {
            let cut = error.is_eof();
            let kind = if cut { ReadErrorKind::Truncated("its JSON") } else { ReadErrorKind::Json(error.to_string()) };
            Trouble::at(place(error.column().saturating_sub(1)), kind)
        })?;
        if parsed.kind != "Point" {
            continue;
        }
        let at = stamps
            .read(parsed.data.time.as_bytes())
            .map_err(|_| Trouble::at(place(0), ReadErrorKind::NotATime { text: parsed.data.time.clone() }))?;
        let tags = parsed.data.tags.unwrap_or_default();
        let status = tags.status.as_deref().unwrap_or_default();
        let expected = tags.expected_response.as_deref().unwrap_or_default();
        let error = tags.error.as_deref().unwrap_or_default();
        let scenario = tags.scenario.as_deref().unwrap_or_default();
        k6.point(&parsed.metric, at, parsed.data.value, K6::ok(status, expected, error), scenario);
    }
    facts.axis = Axis::Absolute;
    k6.finish(sink, facts)
}
