//! What can go wrong.

use std::path::PathBuf;

/// Why a run was given up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket or a thread.
    #[error("the system refused: {0}")]
    System(#[from] std::io::Error),
    /// A file that cannot be written or read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// HTTP went wrong.
    #[error("a request failed: {0}")]
    Http(#[from] hyper::Error),
    /// A request that cannot be written.
    #[error("a request could not be made: {0}")]
    Request(#[from] hyper::http::Error),
    /// Prometheus is missing or does not start.
    #[error("prometheus {0}\nhint: install it (Debian: apt-get install prometheus) or name it with --prometheus PATH")]
    Prometheus(String),
    /// PostgreSQL is missing, does not start or refuses.
    #[error(
        "postgresql: {0}\nhint: install it (Debian: apt-get install postgresql) and name its programs with --postgres DIR"
    )]
    Database(String),
    /// Prometheus answered something that is not understood.
    #[error("prometheus answered {status} to {query}: {text}")]
    Query {
        /// What was asked.
        query: String,
        /// HTTP status of the answer.
        status: u16,
        /// Its beginning.
        text: String,
    },
}
