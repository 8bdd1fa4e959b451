//! What is wrong with an input, said once and for every output format: an id, a message, places in the sources and
//! hints. All mistakes of a file are collected in one [`Diagnostics`]; `render` turns them into text.
//!
//! Several sources (the model file, each `--set` argument) share one space of byte offsets: the file starts at 0, the
//! next source after its end. A [`Span`] alone therefore names both a source and a place in it.

use super::render;
use super::types::Span;
use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input can be used, but probably does not say what was meant.
    Warning,
}

/// A marked place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where, in the common space of offsets.
    pub span: Span,
    /// What to say there; may be empty.
    pub text: String,
    /// Whether this is the place of the mistake itself (`^^^`) or one that explains it (`---`).
    pub primary: bool,
}

/// One mistake or remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable kebab-case name of this kind of mistake.
    pub id: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// One sentence without a full stop.
    pub message: String,
    /// Places, the primary one first.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// An error without a place yet.
    #[must_use]
    pub fn error(id: &'static str, message: impl Into<String>) -> Self {
        Self { id, severity: Severity::Error, message: message.into(), labels: Vec::new(), hints: Vec::new() }
    }

    /// A warning without a place yet.
    #[must_use]
    pub fn warning(id: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(id, message) }
    }

    /// Marks the place of the mistake.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: true });
        self
    }

    /// Marks a further place that explains the mistake.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: false });
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }

    /// Adds a hint if there is one.
    #[must_use]
    pub fn maybe_hint(mut self, text: Option<String>) -> Self {
        self.hints.extend(text);
        self
    }

    /// Offset of the first primary label, for sorting.
    fn position(&self) -> usize {
        self.labels.iter().find(|l| l.primary).or(self.labels.first()).map_or(0, |l| l.span.start)
    }
}

/// A named text that spans point into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How the text is called in messages: a file name, or `--set`.
    pub name: String,
    /// The text, without a byte order mark.
    pub text: String,
    /// Offset of the text's first byte in the common space.
    pub start: usize,
}

/// The sources of one run, in one space of offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// The sources consisting of one text that starts at offset 0.
    #[must_use]
    pub fn of(name: &str, text: &str) -> Self {
        let mut sources = Self::default();
        sources.add(name, text);
        sources
    }

    /// Adds a text and returns the offset of its first byte.
    pub fn add(&mut self, name: &str, text: &str) -> usize {
        let start = self.list.last().map_or(0, |s| s.start + s.text.len() + 1);
        self.list.push(Source { name: name.to_owned(), text: text.to_owned(), start });
        start
    }

    /// The source an offset lies in, with its index.
    #[must_use]
    pub fn locate(&self, offset: usize) -> Option<(usize, &Source)> {
        self.list.iter().enumerate().take_while(|(_, s)| s.start <= offset).last()
    }

    /// All sources, the model file first.
    #[must_use]
    pub fn list(&self) -> &[Source] {
        &self.list
    }
}

/// All that was found, with the sources it refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// The texts that spans point into.
    pub sources: Sources,
    /// The findings.
    pub list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// No findings yet on these sources.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        Self { sources, list: Vec::new() }
    }

    /// A single finding about an input that has no text to show, such as a missing file.
    #[must_use]
    pub fn single(name: &str, diagnostic: Diagnostic) -> Self {
        Self { sources: Sources::of(name, ""), list: vec![diagnostic] }
    }

    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Whether any finding is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Puts the findings in the order of their places, so that they read like the file, and drops repetitions.
    pub fn sort(&mut self) {
        self.list.sort_by_key(Diagnostic::position);
        self.list.dedup();
    }

    /// The findings as text in the style of rustc, with or without colour.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        render::render(self, colour)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}
