//! Why a command gave up: what is said, and how it ends.

use super::exit::Exit;
use super::terminal::Terminal;
use crate::model::Diagnostics;
use crate::plot::PlotError;
use std::path::PathBuf;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Mistakes in the model file or in `--set`.
    #[error("{0}")]
    Model(Box<Diagnostics>),
    /// Something asked for that cannot be.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A result could not be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file or stream.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The equations could not be solved.
    #[error("{0}")]
    Unsolved(String),
    /// A figure could not be drawn.
    #[error(transparent)]
    Plot(#[from] PlotError),
}

impl Failure {
    /// A wrong request with what to do about it.
    #[must_use]
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    /// How the process ends because of it.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Model(_) | Self::Usage { .. } | Self::Write { .. } => Exit::BadInput,
            Self::Unsolved(_) => Exit::Inconclusive,
            Self::Plot(_) => Exit::Defect,
        }
    }

    /// Says it.
    pub fn tell(&self, terminal: &Terminal) {
        match self {
            Self::Model(diagnostics) => terminal.diagnostics(diagnostics),
            Self::Usage { hint, .. } => terminal.error(&self.to_string(), hint.as_deref()),
            Self::Unsolved(_) => {
                terminal.error(&self.to_string(), Some("the answer is inconclusive, not that the system is safe"));
            }
            Self::Plot(_) => super::report_defect(&self.to_string()),
            Self::Write { .. } => terminal.error(&self.to_string(), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, Failure};

    #[test]
    fn what_could_not_be_solved_is_inconclusive() {
        assert_eq!(Failure::Unsolved(String::new()).exit(), Exit::Inconclusive);
        assert_eq!(Failure::usage("a", "b").exit(), Exit::BadInput);
    }
}
