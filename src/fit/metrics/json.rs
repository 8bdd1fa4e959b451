//! JSON of time-series databases and of k6.

mod cloudwatch;
mod datadog;
mod k6;
mod prometheus;
mod victoria;

use super::error::{Place, ReadErrorKind, Trouble};
use super::open::Opened;
use super::sink::{About, Sink};
use super::sniff::Source;
use super::{FileFacts, Options};
use serde_json::Value;
use std::ops::Range;

/// Reads a JSON file.
pub(super) fn read(
    opened: Opened,
    options: &Options,
    sink: &mut dyn Sink,
    facts: &mut FileFacts,
) -> Result<(), Trouble> {
    match facts.source {
        Source::K6Json => k6::read(opened, options, sink, facts),
        Source::VictoriaJson => victoria::read(opened, sink, facts),
        source => {
            let bytes = opened.whole()?;
            let value: Value = serde_json::from_slice(&bytes).map_err(|error| broken(&bytes, &error))?;
            match source {
                Source::CloudWatchData => cloudwatch::data(&value, options, sink, facts),
                Source::CloudWatchStatistics => cloudwatch::statistics(&value, sink, facts),
                Source::Datadog => datadog::read(&value, sink, facts),
                _ => prometheus::read(&value, sink, facts),
            }
        }
    }
}

/// What serde says about broken JSON, with the line in question.
fn broken(bytes: &[u8], error: &serde_json::Error) -> Trouble {
    let line = error.line().max(1);
    let text = bytes.split(|b| *b == b'\n').nth(line - 1).unwrap_or_default();
    let at = error.column().saturating_sub(1).min(text.len());
    let caret: Range<usize> = at..(at + 1).min(text.len());
    let place = Place::new(line as u64, text, caret);
    let kind =
        if error.is_eof() { ReadErrorKind::Truncated("its JSON") } else { ReadErrorKind::Json(error.to_string()) };
    Trouble::at(place, kind)
}

/// A number that may be written as a text: `"0.4"`, `"NaN"`, `"+Inf"`, `null`.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "+Inf" | "Inf" => Some(f64::INFINITY),
            "-Inf" => Some(f64::NEG_INFINITY),
            text => text.parse().ok(),
        },
        Value::Null => Some(f64::NAN),
        _ => None,
    }
}

/// Seconds since 1970, or another unit of `scale` seconds, as nanoseconds.
fn at(value: &Value, scale: f64) -> Option<i64> {
    let seconds = number(value)? * scale;
    #[expect(clippy::cast_possible_truncation, reason = "the guard before it")]
    (seconds.abs() < 9.2e9).then(|| (seconds * 1e9).round() as i64)
}

/// A series by its label set, `__name__` being its name.
fn labelled(metric: Option<&Value>) -> About {
    let mut name = None;
    let mut labels = Vec::new();
    for (key, value) in metric.and_then(Value::as_object).into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if key == "__name__" { name = Some(text) } else { labels.push((key.clone(), text)) }
    }
    labels.sort();
    let mut about = About::named(name.unwrap_or_else(|| "value".to_owned()));
    about.labels = labels;
    let (_, scaled) = super::table::unit_of_name(&about.name);
    // Prometheus units are base units; a name that ends in `_ms` is left as it is and said to be in ms.
    about.unit = scaled.filter(|s| (s.factor - 1.0).abs() < 1e-12).map(|s| s.unit);
    about
}

/// A series written as text: `name{a="b"}`.
pub(super) fn labels_text(text: &str) -> About {
    let (name, rest) = text.split_once('{').unwrap_or((text, ""));
    let mut about = About::named(if name.is_empty() { "value" } else { name.trim() });
    let mut rest = rest.trim_end().trim_end_matches('}');
    while let Some((label, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut used = after.len();
        let mut escaped = false;
        for (index, c) in after.char_indices() {
            match (escaped, c) {
                (false, '\\') => escaped = true,
                (false, '"') => {
                    used = index + 1;
                    break;
                }
                _ => {
                    value.push(c);
                    escaped = false;
                }
            }
        }
        about.labels.push((label.trim().trim_start_matches(',').trim().to_owned(), value));
        rest = &after[used..];
    }
    about.labels.sort();
    about
}

/// A value that is not what its place asks for.
fn odd(what: &str, value: &Value) -> Trouble {
    let text: String = value.to_string().chars().take(60).collect();
    ReadErrorKind::Json(format!("{what} is expected where {text} stands")).into()
}

#[cfg(test)]
mod tests {
    use super::labels_text;

    #[test]
    fn series_as_text() {
        let about = labels_text(r#"up{job="a, \"b\"", instance="x:1"}"#);
        assert_eq!(about.name, "up");
        assert_eq!(
            about.labels,
            [("instance".to_owned(), "x:1".to_owned()), ("job".to_owned(), "a, \"b\"".to_owned())]
        );
        assert_eq!(labels_text("{code=\"200\"}").name, "value");
        assert!(labels_text("up").labels.is_empty());
    }
}
