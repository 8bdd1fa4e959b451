//! Logs with a row per request: k6, vegeta, hey, JMeter.
//!
//! Whether load was sent by an open loop (at times that do not depend on answers) or a closed one (each user waits for
//! an answer before the next request) decides what it can tell: under a closed loop the load falls when the service
//! slows down, and a collapse hides (coordinated omission). It is said for each file, or asked.

use super::cell::{self, Cell, Notation};
use super::error::{ReadErrorKind, Trouble};
use super::loops::Executors;
use super::open::Opened;
use super::requests::{Request, Requests};
use super::rows::Rows;
use super::sink::{Note, Sink};
use super::sniff::Source;
use super::stamp::{Axis, Stamps};
use super::table::wrong_time;
use super::{FileFacts, Options};
use std::io::BufRead;

/// Reads a log.
pub(super) fn read(
    mut opened: Opened,
    options: &Options,
    sink: &mut dyn Sink,
    facts: &mut FileFacts,
) -> Result<(), Trouble> {
    let delimiter = match facts.source {
        Source::JMeter => super::rows::delimiter(opened.head()?),
        _ => b',',
    };
    facts.delimiter = Some(char::from(delimiter));
    let mut rows = Rows::new(opened, delimiter);
    match facts.source {
        Source::K6Csv => k6(&mut rows, options, sink, facts),
        Source::Vegeta => vegeta(&mut rows, options, sink, facts),
        Source::Hey => hey(&mut rows, options, sink, facts),
        _ => jmeter(&mut rows, options, sink, facts),
    }
}

/// The positions of named columns under a header.
fn columns<R: BufRead, const N: usize>(
    rows: &mut Rows<R>,
    facts: &mut FileFacts,
    names: [&str; N],
) -> Result<[Option<usize>; N], Trouble> {
    if !rows.advance()? {
        return Err(ReadErrorKind::Empty.into());
    }
    facts.header_line = Some(rows.line());
    let header = rows.texts();
    Ok(names.map(|name| header.iter().position(|cell| cell.trim_matches('"') == name)))
}

fn needed(column: Option<usize>, name: &str) -> Result<usize, Trouble> {
    column.ok_or_else(|| ReadErrorKind::NoColumn { name: name.to_owned(), known: Vec::new() }.into())
}

fn number<R: BufRead>(rows: &Rows<R>, column: usize) -> Result<f64, Trouble> {
    let bytes = rows.field(column);
    match cell::parse(bytes, Notation::default()) {
        Cell::Number { value, .. } if value.abs() <= cell::LARGEST => Ok(value),
        Cell::Number { .. } => Err(rows.wrong(column, ReadErrorKind::TooLarge { text: rows.text(column) })),
        _ => Err(rows.wrong(column, ReadErrorKind::NotANumber { text: rows.text(column) })),
    }
}

/// A status of HTTP that is an answer.
fn good_status(status: &[u8]) -> bool {
    matches!(status, [b'1'..=b'3', _, _])
}

/// Nanoseconds before a time.
fn before(at: i64, seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a day")]
    let nanos = (seconds.clamp(0.0, 86_400.0) * 1e9).round() as i64;
    at.saturating_sub(nanos)
}

/// What both forms of k6 output come to.
pub(super) struct K6 {
    requests: Requests,
    executors: Executors,
}

impl K6 {
    pub(super) fn new(step: Option<f64>) -> Self {
        Self { requests: Requests::new(step), executors: Executors::default() }
    }

    /// Whether a request was answered well.
    pub(super) fn ok(status: &str, expected: &str, error: &str) -> bool {
        match expected {
            "true" => true,
            "false" => false,
            _ => good_status(status.as_bytes()) && error.is_empty(),
        }
    }

    /// A point; its time is that of the end of the request.
    pub(super) fn point(&mut self, metric: &str, at: i64, value: f64, ok: bool, scenario: &str) {
        match metric {
            "http_req_duration" | "grpc_req_duration" => {
                self.executors.scenario(scenario);
                let duration = value * 1e-3;
                self.requests.add(Request { start: before(at, duration), duration, ok });
            }
            "dropped_iterations" => {
                self.executors.dropped();
                self.requests.dropped(at, value);
            }
            "vus" => self.executors.users(value),
            _ => {}
        }
    }

    pub(super) fn finish(self, sink: &mut dyn Sink, facts: &mut FileFacts) -> Result<(), Trouble> {
        if self.requests.is_empty() {
            return Err(ReadErrorKind::Unsupported {
                what: "holds no http_req_duration".to_owned(),
                hint: "write the metrics of HTTP or gRPC requests".to_owned(),
            }
            .into());
        }
        self.executors.judge(self.requests.mean_inside(), facts);
        if facts.closed_loop == Some(false) {
            sink.note(Note::fact("iterations were dropped: the load offered is `begun` plus `dropped`"));
        }
        sink.axis(&facts.axis);
        self.requests.finish(sink);
        Ok(())
    }
}

fn k6<R: BufRead>(
    rows: &mut Rows<R>,
    options: &Options,
    sink: &mut dyn Sink,
    facts: &mut FileFacts,
) -> Result<(), Trouble> {
    let names = ["metric_name", "timestamp", "metric_value", "status", "error", "expected_response", "scenario"];
    let found = columns(rows, facts, names)?;
    let (metric, time, value) = (needed(found[0], names[0])?, needed(found[1], names[1])?, needed(found[2], names[2])?);
    let mut stamps = Stamps::new(options.zone.clone());
    let mut k6 = K6::new(options.step);
    while rows.advance()? {
        let at = stamps.read(rows.field(time)).map_err(|error| wrong_time(rows, time, error))?;
        let wanted = [b"http_req_duration".as_slice(), b"grpc_req_duration", b"dropped_iterations", b"vus"];
        let name = rows.field(metric);
        if !wanted.contains(&name) {
            continue;
        }
        let text = |column: Option<usize>| column.map_or_else(String::new, |c| rows.text(c));
        let ok = K6::ok(&text(found[3]), &text(found[5]), &text(found[4]));
        let name = String::from_utf8_lossy(name).into_owned();
        k6.point(&name, at, number(rows, value)?, ok, &text(found[6]));
    }
    facts.axis = stamps.axis().clone();
    k6.finish(sink, facts)
}

fn vegeta<R: BufRead>(
    rows: &mut Rows<R>,
    options: &Options,
    sink: &mut dyn Sink,
    facts: &mut FileFacts,
) -> Result<(), Trouble> {
    let mut stamps = Stamps::of(Axis::EpochNanos);
    let mut requests = Requests::new(options.step);
    while rows.advance()? {
        if rows.len() < 11 {
            return Err(rows.wrong(0, ReadErrorKind::Ragged { found: rows.len(), expected: 12 }));
        }
        let start = stamps.read(rows.field(0)).map_err(|error| wrong_time(rows, 0, error))?;
        let duration = number(rows, 2)? * 1e-9;
        requests.add(Request { start, duration, ok: good_status(rows.field(1)) });
    }
    facts.axis = Axis::EpochNanos;
    facts.sent_by(false, "vegeta sends at its rate, whatever the answers");
    finish(requests, sink, facts)
}

fn hey<R: BufRead>(
    rows: &mut Rows<R>,
    options: &Options,
    sink: &mut dyn Sink,
    facts: &mut FileFacts,
) -> Result<(), Trouble> {
    let names = ["response-time", "status-code", "offset"];
    let found = columns(rows, facts, names)?;
    let (time, status, offset) =
        (needed(found[0], names[0])?, needed(found[1], names[1])?, needed(found[2], names[2])?);
    let mut stamps = Stamps::of(Axis::Elapsed);
    let mut requests = Requests::new(options.step);
    while rows.advance()? {
        let start = stamps.read(rows.field(offset)).map_err(|error| wrong_time(rows, offset, error))?;
        requests.add(Request { start, duration: number(rows, time)?, ok: good_status(rows.field(status)) });
    }
    facts.axis = Axis::Elapsed;
    facts.sent_by(true, "the workers of hey wait for each answer");
    sink.note(Note::doubt("hey leaves requests out that failed without an answer: errors are a lower bound"));
    finish(requests, sink, facts)
}

fn jmeter<R: BufRead>(
    rows: &mut Rows<R>,
    options: &Options,
    sink: &mut dyn Sink,
    facts: &mut FileFacts,
) -> Result<(), Trouble> {
    let names = ["timeStamp", "elapsed", "success", "responseCode"];
    let found = columns(rows, facts, names)?;
    let (time, elapsed) = (needed(found[0], names[0])?, needed(found[1], names[1])?);
    let mut stamps = Stamps::new(options.zone.clone());
    let mut requests = Requests::new(options.step);
    while rows.advance()? {
        let start = stamps.read(rows.field(time)).map_err(|error| wrong_time(rows, time, error))?;
        let ok = match (found[2], found[3]) {
            (Some(success), _) => rows.field(success).eq_ignore_ascii_case(b"true"),
            (None, Some(code)) => good_status(rows.field(code)),
            (None, None) => true,
        };
        requests.add(Request { start, duration: number(rows, elapsed)? * 1e-3, ok });
    }
    facts.axis = stamps.axis().clone();
    facts.sent_by(true, "the threads of JMeter wait for each answer");
    finish(requests, sink, facts)
}

fn finish(requests: Requests, sink: &mut dyn Sink, facts: &FileFacts) -> Result<(), Trouble> {
    if requests.is_empty() {
        return Err(ReadErrorKind::HeaderOnly.into());
    }
    sink.axis(&facts.axis);
    requests.finish(sink);
    Ok(())
}
