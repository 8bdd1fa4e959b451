//! Both streams: results on stdout, remarks on stderr, colour where it is wanted. A reader who stops reading is no error.

use super::failure::Failure;
use crate::model::Diagnostics;
use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl From<Colour> for anstream::ColorChoice {
    fn from(colour: Colour) -> Self {
        match colour {
            Colour::Auto => Self::Auto,
            Colour::Always => Self::Always,
            Colour::Never => Self::Never,
        }
    }
}

/// Where results and remarks go.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    colour: Colour,
}

const ERROR: Style = AnsiColor::BrightRed.on_default().bold();
const NOTE: Style = AnsiColor::BrightCyan.on_default().bold();

impl Terminal {
    /// The streams of this process.
    #[must_use]
    pub fn new(colour: Colour) -> Self {
        Self { colour }
    }

    /// Whether someone is watching stderr.
    #[must_use]
    pub fn watched(self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Prints a result.
    ///
    /// # Errors
    /// [`Failure::Write`] unless the reader merely stopped reading.
    pub fn result(self, text: &str) -> Result<(), Failure> {
        let mut out = AutoStream::new(std::io::stdout(), self.colour.into()).lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(source) if source.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::Write { path: Path::new("standard output").to_owned(), source })
            }
            _ => Ok(()),
        }
    }

    /// A remark.
    pub fn note(self, text: &str) {
        self.aside(&format!("{NOTE}note{NOTE:#}: {text}\n"));
    }

    /// A reason to stop, with what to do about it.
    pub fn error(self, text: &str, hint: Option<&str>) {
        let hint = hint.map(|h| format!("  = {NOTE}hint{NOTE:#}: {h}\n")).unwrap_or_default();
        self.aside(&format!("{ERROR}error{ERROR:#}: {text}\n{hint}"));
    }

    /// Mistakes or warnings with the lines they are in.
    pub fn diagnostics(self, diagnostics: &Diagnostics) {
        self.aside(&diagnostics.render(true));
    }

    /// Text for stderr, which may be gone.
    pub fn aside(self, text: &str) {
        let mut err = AutoStream::new(std::io::stderr(), self.colour.into()).lock();
        let _ = err.write_all(text.as_bytes());
    }
}
