//! Why a metric file cannot be read, with the place.

use std::ops::Range;
use std::path::PathBuf;

/// A place in a metric file, with the text that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: u64,
    /// The text of the line (cut, if it is very long).
    pub text: String,
    /// Bytes of `text` that are meant; empty if the whole line is.
    pub caret: Range<usize>,
}

/// Longest piece of a line that is kept for a message.
const KEPT: usize = 200;

impl Place {
    /// A place in a line; the line is cut around the caret if it is long.
    pub(super) fn new(line: u64, text: &[u8], caret: Range<usize>) -> Self {
        let from = caret.start.saturating_sub(KEPT / 2).min(text.len());
        let until = (from + KEPT).min(text.len());
        let clean = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches(['\r', '\n']).to_owned();
        let lead = clean(&text[from..caret.start.clamp(from, until)]);
        let body = clean(&text[caret.start.clamp(from, until)..caret.end.clamp(from, until)]);
        let tail = clean(&text[caret.end.clamp(from, until)..until]);
        let caret = lead.len()..lead.len() + body.len();
        Self { line, text: lead + &body + &tail, caret }
    }
}

/// Why there is no reading, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", .path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// The place in it, where there is one.
    pub place: Option<Box<Place>>,
    /// What is wrong.
    pub kind: ReadErrorKind,
}

/// What is wrong with a metric file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// A header, and no row under it.
    #[error("has a header and no data")]
    HeaderOnly,
    /// Not text.
    #[error("is not text")]
    Binary,
    /// A known format that holds nothing to read here.
    #[error("{what}")]
    Unsupported {
        /// What it is.
        what: String,
        /// What to do instead.
        hint: String,
    },
    /// The source answered with an error instead of data.
    #[error("holds an error message, not data: {0}")]
    Refusal(String),
    /// Broken JSON.
    #[error("is not complete JSON: {0}")]
    Json(String),
    /// JSON without anything known.
    #[error("is JSON of an unknown kind")]
    UnknownJson,
    /// No column of times.
    #[error("no column of times was found")]
    NoTime,
    /// The named column does not exist.
    #[error("there is no column `{name}`")]
    NoColumn {
        /// As asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A cell that is no number.
    #[error("`{text}` is not a number")]
    NotANumber {
        /// The cell.
        text: String,
    },
    /// A number that is too large to compute with.
    #[error("`{text}` is too large to be a measurement")]
    TooLarge {
        /// The cell.
        text: String,
    },
    /// A cell that is no time.
    #[error("`{text}` is not a time")]
    NotATime {
        /// The cell.
        text: String,
    },
    /// A time of another kind than those before.
    #[error("`{text}` is not written like the times before it ({before})")]
    OtherTime {
        /// The cell.
        text: String,
        /// How times were written so far.
        before: String,
    },
    /// More or fewer cells than the header has.
    #[error("{found} cells where the header has {expected}")]
    Ragged {
        /// Cells of this row.
        found: usize,
        /// Cells of the header.
        expected: usize,
    },
    /// A row that is too long.
    #[error("a row of more than {0} MB: an opening quote without its end?")]
    LongRow(usize),
    /// Too many columns.
    #[error("{found} columns are more than {most}")]
    Columns {
        /// As found.
        found: usize,
        /// Largest number accepted.
        most: usize,
    },
    /// Too many series.
    #[error("more than {0} series: the labels of this file are not labels but values")]
    Series(usize),
    /// Two columns with one name and different contents.
    #[error("two columns are called `{0}`")]
    SameName(String),
    /// A second header inside the data that is not the first one again.
    #[error("a second header that disagrees with the first: {second} after {first}")]
    OtherHeader {
        /// The header so far.
        first: String,
        /// This one.
        second: String,
    },
    /// The zone is not known.
    #[error("unknown time zone `{0}`")]
    UnknownZone(String),
    /// Local times run back and no zone says why.
    #[error("local times run back by {by} and no time zone is given")]
    NeedsZone {
        /// By how much.
        by: String,
    },
    /// Only a part of the file is there.
    #[error("the file ends in the middle of {0}")]
    Truncated(&'static str),
}

impl ReadErrorKind {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Empty | Self::HeaderOnly => "export it again with a time range that holds data".to_owned(),
            Self::Binary => "give a CSV or JSON export".to_owned(),
            Self::Unsupported { hint, .. } => hint.clone(),
            Self::Refusal(text) if text.contains("maximum resolution") => "ask for a larger step, or a shorter range".to_owned(),
            Self::Json(_) | Self::Truncated(_) => "was the download complete?".to_owned(),
            Self::UnknownJson => "known are Prometheus, promtool, VictoriaMetrics, CloudWatch, Datadog and k6".to_owned(),
            Self::NoTime => "name it with --time COLUMN".to_owned(),
            Self::NoColumn { known, .. } => format!("there are: {}", shown(known)),
            Self::NotANumber { .. } => {
                "signs for missing values are: empty, NaN, null, N/A, -, undefined, No data, Inf".to_owned()
            }
            Self::NotATime { .. } | Self::OtherTime { .. } => {
                "times are epoch s, ms, us or ns, RFC 3339, `YYYY-MM-DD HH:MM:SS` or `MM/DD/YYYY HH:MM`".to_owned()
            }
            Self::Ragged { .. } => "is a cell with the delimiter in it not quoted?".to_owned(),
            Self::Columns { .. } => "export fewer series".to_owned(),
            Self::Series(_) => "say which column names the series and which has their values: --pivot NAME:VALUE".to_owned(),
            Self::SameName(_) => "rename one of them in the export".to_owned(),
            Self::OtherHeader { .. } => "give the tables as files of their own: they are aligned in time".to_owned(),
            Self::UnknownZone(_) => "give an IANA name such as Europe/Berlin, UTC, or an offset such as +02:00".to_owned(),
            Self::NeedsZone { .. } => {
                "the end of daylight saving, or a clock that was set back; say which zone the times are of: --tz Europe/Berlin"
                    .to_owned()
            }
            Self::LongRow(_) | Self::Io(_) | Self::Refusal(_) | Self::TooLarge { .. } => return None,
        })
    }
}

/// A list of names, cut if it is long.
fn shown(names: &[String]) -> String {
    const MOST: usize = 12;
    let listed: Vec<String> = names.iter().take(MOST).map(|n| format!("`{n}`")).collect();
    let rest = names.len().saturating_sub(MOST);
    if rest == 0 { listed.join(", ") } else { format!("{} and {rest} more", listed.join(", ")) }
}

/// An error on its way up, before the file is known.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) place: Option<Box<Place>>,
    pub(super) kind: ReadErrorKind,
}

impl Trouble {
    pub(super) fn at(place: Place, kind: ReadErrorKind) -> Self {
        Self { place: Some(Box::new(place)), kind }
    }
}

impl From<ReadErrorKind> for Trouble {
    fn from(kind: ReadErrorKind) -> Self {
        Self { place: None, kind }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        // A gzip stream that stops early says so as an unexpected end.
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            return ReadErrorKind::Truncated("its compressed data").into();
        }
        ReadErrorKind::Io(error).into()
    }
}
