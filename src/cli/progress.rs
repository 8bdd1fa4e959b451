//! Progress on stderr: only on a terminal, and only for what takes longer than a second.

use super::terminal::Terminal;
use crate::report::figures::Watcher;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// How long work may take before it shows progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// Steps done of a known number. May be shared between threads.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    since: Instant,
    watched: bool,
}

impl Progress {
    /// Progress of `steps` steps.
    #[must_use]
    pub(super) fn new(terminal: Terminal, steps: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Self { bar, since: Instant::now(), watched: terminal.watched() }
    }

    fn show(&self) {
        if self.watched && self.bar.is_hidden() && self.since.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Watcher for Progress {
    fn begin(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        self.show();
    }

    fn step(&self) {
        self.bar.inc(1);
        self.show();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
