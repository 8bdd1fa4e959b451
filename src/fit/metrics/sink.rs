//! Where readings go.

use super::stamp::Axis;
use super::unit::Unit;

/// What a series counts or shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A level, or a rate: it may go up and down.
    Gauge,
    /// A count since the start of a process: it only grows, and falls to zero at a restart.
    Counter,
    /// A quantile of a distribution: must not be averaged over time or hosts.
    Quantile,
    /// A count per interval: divide by the interval for a rate.
    PerInterval,
}

/// One series, as its reader announces it.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// Name: the column, or the metric.
    pub name: String,
    /// Labels, sorted by name.
    pub labels: Vec<(String, String)>,
    /// Unit, as far as the file says.
    pub unit: Option<Unit>,
    /// What it shows.
    pub kind: Kind,
    /// Seconds that one count of [`Kind::PerInterval`] covers, if the file says so.
    pub interval: Option<f64>,
}

impl About {
    /// A gauge without labels.
    pub(super) fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        let kind = super::guess::kind_of(&name);
        Self { name, labels: Vec::new(), unit: None, kind, interval: None }
    }

    /// Name and labels as one text: `rate{code="200"}`.
    #[must_use]
    pub fn title(&self) -> String {
        if self.labels.is_empty() {
            return self.name.clone();
        }
        let labels: Vec<String> = self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("{}{{{}}}", self.name, labels.join(", "))
    }
}

/// How much a remark matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// Worth knowing.
    Fact,
    /// Decided here, and possibly wrong.
    Doubt,
}

/// A remark on a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// How much it matters.
    pub kind: NoteKind,
    /// What was seen and decided.
    pub text: String,
    /// First line it is about, from 1.
    pub line: Option<u64>,
}

impl Note {
    pub(super) fn fact(text: impl Into<String>) -> Self {
        Self { kind: NoteKind::Fact, text: text.into(), line: None }
    }

    pub(super) fn doubt(text: impl Into<String>) -> Self {
        Self { kind: NoteKind::Doubt, text: text.into(), line: None }
    }

    pub(super) fn at(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }
}

/// Takes what a reader finds.
pub trait Sink {
    /// A new series; returns the number by which its points are named.
    fn series(&mut self, about: About) -> usize;
    /// A reading: time in nanoseconds since 1970 UTC (since the start for [`Axis::Elapsed`]), value in base units, `NaN` if
    /// missing, and the line it stands in.
    fn point(&mut self, series: usize, time: i64, value: f64, line: u64);
    /// Readings of several series at one time.
    fn row(&mut self, series: &[usize], time: i64, values: &[f64], line: u64) {
        for (series, value) in series.iter().zip(values) {
            self.point(*series, time, *value, line);
        }
    }
    /// A unit that became known only now (a formatted file carries it in its cells).
    fn unit(&mut self, series: usize, unit: Unit);
    /// How times are written, once that is known.
    fn axis(&mut self, axis: &Axis);
    /// A remark.
    fn note(&mut self, note: Note);
}

/// Two sinks that see the same file.
pub struct Both<'a>(pub &'a mut dyn Sink, pub &'a mut dyn Sink);

impl Sink for Both<'_> {
    fn series(&mut self, about: About) -> usize {
        let number = self.0.series(about.clone());
        let other = self.1.series(about);
        debug_assert_eq!(number, other, "both sinks count series alike");
        number
    }

    fn point(&mut self, series: usize, time: i64, value: f64, line: u64) {
        self.0.point(series, time, value, line);
        self.1.point(series, time, value, line);
    }

    fn row(&mut self, series: &[usize], time: i64, values: &[f64], line: u64) {
        self.0.row(series, time, values, line);
        self.1.row(series, time, values, line);
    }

    fn unit(&mut self, series: usize, unit: Unit) {
        self.0.unit(series, unit.clone());
        self.1.unit(series, unit);
    }

    fn axis(&mut self, axis: &Axis) {
        self.0.axis(axis);
        self.1.axis(axis);
    }

    fn note(&mut self, note: Note) {
        self.0.note(note.clone());
        self.1.note(note);
    }
}
