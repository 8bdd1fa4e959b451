//! Progress on stderr: only on a terminal, and only for what takes longer than a second.

use super::terminal::Terminal;
use crate::report::figures::Watcher;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long work may take before it shows progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// A spinner for work whose steps are not known, seen once it has taken longer than a second. Dropping it clears it.
#[derive(Debug)]
pub(super) struct Spinner {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Spinner {
    /// Begins to wait.
    #[must_use]
    pub(super) fn new(terminal: Terminal, what: &'static str) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        let thread = terminal.watched().then(|| std::thread::spawn(move || spin(&seen, what)));
        Self { done, thread }
    }
}

fn spin(done: &AtomicBool, what: &'static str) {
    let since = Instant::now();
    let mut bar = None;
    while !done.load(Ordering::Relaxed) {
        std::thread::park_timeout(Duration::from_millis(50));
        if since.elapsed() > PATIENCE {
            let bar = bar.get_or_insert_with(|| ProgressBar::new_spinner().with_message(what));
            bar.tick();
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A spinner that failed has nothing to say.
            let _ = thread.join();
        }
    }
}

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

    /// So many steps are done.
    pub(super) fn steps(&self, count: usize) {
        self.bar.inc(count as u64);
        self.show();
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
