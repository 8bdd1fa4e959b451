//! A report before it has a form: blocks of words and tables.

/// A piece of a report.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// The answer in a sentence.
    Verdict(Vec<Cell>),
    /// A title.
    Heading(String),
    /// Words.
    Paragraph(String),
    /// A table.
    Table(Table),
    /// Separate remarks.
    List(Vec<String>),
    /// What to type next.
    Hint {
        /// What it does.
        about: String,
        /// The command.
        command: String,
    },
    /// A picture in a file beside the report.
    Figure {
        /// What it shows.
        about: String,
        /// Its file.
        file: String,
    },
}

/// What a word means for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Needs care.
    Warn,
    /// Wrong.
    Bad,
    /// Of less weight.
    Dim,
}

/// Words with a tone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cell {
    /// The words.
    pub text: String,
    /// Their tone.
    pub tone: Tone,
}

impl Cell {
    /// Words with a tone.
    #[must_use]
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// Rows under named columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The columns; if no column has a title there is no head.
    pub columns: Vec<Column>,
    /// The rows, each as long as there are columns.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its title.
    pub title: String,
    /// Whether its cells end at the same place: for numbers.
    pub right: bool,
}

impl Column {
    /// A column of words.
    #[must_use]
    pub fn left(title: impl Into<String>) -> Self {
        Self { title: title.into(), right: false }
    }

    /// A column of numbers.
    #[must_use]
    pub fn right(title: impl Into<String>) -> Self {
        Self { title: title.into(), right: true }
    }
}
