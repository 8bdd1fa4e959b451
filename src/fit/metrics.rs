//! Metric files: what dashboards, time-series databases and load generators write.
//!
//! One call, [`read`], takes a path and hands every reading on to a [`Sink`], in the order of the file and in bounded
//! memory. Three sinks exist: [`Summary`] (what `inspect` prints), [`Collector`] (series in memory, thinned if there are
//! too many points) and both at once through [`Both`]. Nothing is repaired silently: what had to be decided is a [`Note`].
//!
//! The way of a file: `open` undoes gzip and UTF-16 and takes off byte order marks, `sniff` looks at the first bytes
//! and names the [`Source`], then a reader per family turns its text into series: `table` (anything with rows and
//! columns), `influx2`, `log` (one row per request: k6, vegeta, hey, JMeter) and `json`.
//!
//! Times are nanoseconds since 1970-01-01 UTC; values are in base units (seconds, requests per second, bytes, shares
//! of one). A missing value is `NaN` on its way to a sink and is never zero.

pub mod align;
pub mod cell;
pub mod clock;
pub mod collect;
pub mod error;
pub mod guess;
mod influx2;
mod json;
mod locust;
mod log;
mod loops;
mod open;
mod requests;
mod rows;
mod sink;
mod sniff;
pub mod stamp;
mod summary;
mod table;
mod text;
pub mod unit;

pub use collect::{Collector, Trace};
pub use error::{Place, ReadError, ReadErrorKind};
pub use open::Encoding;
pub use sink::{About, Both, Kind, Note, NoteKind, Sink};
pub use sniff::Source;
pub use stamp::{Axis, ZoneName};
pub use summary::{SeriesSummary, Summary};
pub use unit::Unit;

use std::path::Path;

/// What the user said about a file, beyond its path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Zone of times that are written without one. Never guessed.
    pub zone: Option<ZoneName>,
    /// An absent or empty value means zero (error counts of CloudWatch, which are only written when there are any).
    pub absent_is_zero: bool,
    /// Column that holds the names of series, and the column of their values, of a long table.
    pub pivot: Option<(String, String)>,
    /// Name of the column of times, where it is not clear.
    pub time: Option<String>,
    /// Width in seconds of the intervals that request logs are counted in; 1 s if not given.
    pub step: Option<f64>,
    /// The source, where sniffing is wrong.
    pub source: Option<Source>,
    /// Whether the load was sent by users who wait for answers, where the user knows.
    pub closed_loop: Option<bool>,
}

/// What a file was understood to be, apart from its series.
#[derive(Debug, Clone, PartialEq)]
pub struct FileFacts {
    /// What wrote it.
    pub source: Source,
    /// How its characters are encoded.
    pub encoding: Encoding,
    /// Whether it is compressed with gzip.
    pub gzip: bool,
    /// Delimiter of a table.
    pub delimiter: Option<char>,
    /// Line of the (last) header, from 1; none if there is no header.
    pub header_line: Option<u64>,
    /// How times are written.
    pub axis: Axis,
    /// Whether numbers have a decimal comma.
    pub decimal_comma: bool,
    /// Whether the load was sent by a closed loop (a fixed number of users that wait for answers), as far as known.
    pub closed_loop: Option<bool>,
    /// Why that is thought.
    pub loop_evidence: Option<String>,
    /// Bytes read, after decompression.
    pub bytes: u64,
}

/// Reads one file into a sink.
///
/// # Errors
/// [`ReadError`] with the file, and the line where there is one: not readable, not text, nothing to read, a cell that is
/// neither a number nor a known sign for "missing", a time that is none, a zone that is needed and not given.
pub fn read(path: &Path, options: &Options, sink: &mut dyn Sink) -> Result<FileFacts, ReadError> {
    let fail = |kind| ReadError { path: path.to_owned(), place: None, kind };
    let mut opened = open::open(path).map_err(fail)?;
    let head = opened.head().map_err(fail)?.to_vec();
    let source = match &options.source {
        Some(source) => *source,
        None => sniff::sniff(&head, path).map_err(fail)?,
    };
    let mut facts = FileFacts {
        source,
        encoding: opened.encoding,
        gzip: opened.gzip,
        delimiter: None,
        header_line: None,
        axis: Axis::Unknown,
        decimal_comma: false,
        closed_loop: None,
        loop_evidence: None,
        bytes: 0,
    };
    let counter = opened.counter();
    let done = match source {
        Source::InfluxAnnotated => influx2::read(opened, options, sink, &mut facts),
        Source::PrometheusJson
        | Source::PromtoolJson
        | Source::VictoriaJson
        | Source::CloudWatchData
        | Source::CloudWatchStatistics
        | Source::Datadog
        | Source::K6Json => json::read(opened, options, sink, &mut facts),
        Source::PromtoolText => text::read(opened, sink, &mut facts),
        Source::K6Csv | Source::Vegeta | Source::Hey | Source::JMeter => log::read(opened, options, sink, &mut facts),
        Source::Locust => locust::read(opened, options, sink, &mut facts),
        Source::GrafanaRaw
        | Source::GrafanaFormatted
        | Source::GrafanaExcel
        | Source::GrafanaLong
        | Source::Influx1
        | Source::VictoriaCsv
        | Source::Table => table::read(opened, options, sink, &mut facts),
    };
    facts.bytes = counter.get();
    match done {
        Ok(()) => {
            loops::judge(&mut facts, options, sink);
            Ok(facts)
        }
        Err(error) => Err(ReadError { path: path.to_owned(), place: error.place, kind: error.kind }),
    }
}
