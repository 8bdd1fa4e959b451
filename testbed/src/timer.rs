//! Sleeping to the microsecond.
//!
//! The timers of the asynchronous runtime count in milliseconds and round up, which is 3 to 10 % of a service time of
//! 20 ms. Here one thread waits on a condition variable until the earliest deadline, which the kernel keeps with its
//! high-resolution timers, and wakes the task.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

struct Entry {
    at: Instant,
    wake: oneshot::Sender<()>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

#[derive(Default)]
struct Pending {
    heap: BinaryHeap<Reverse<Entry>>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    pending: Mutex<Pending>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that keeps deadlines. It ends when the last handle is dropped.
#[derive(Clone)]
pub struct Timer {
    shared: Arc<Shared>,
    _closes: Arc<Closer>,
}

struct Closer(Arc<Shared>);

impl Drop for Closer {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_one();
    }
}

impl Timer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(name: &str) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let inner = Arc::clone(&shared);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || keep(&inner))?;
        Ok(Self { _closes: Arc::new(Closer(Arc::clone(&shared))), shared })
    }

    /// Returns at `at`, or at once if that has passed.
    pub async fn sleep_until(&self, at: Instant) {
        if at <= Instant::now() {
            return;
        }
        let (wake, woken) = oneshot::channel();
        let earliest = {
            let mut pending = self.shared.lock();
            let earliest = pending.heap.peek().is_none_or(|first| at < first.0.at);
            pending.heap.push(Reverse(Entry { at, wake }));
            earliest
        };
        if earliest {
            self.shared.changed.notify_one();
        }
        // The sender is only dropped without sending when the whole timer goes.
        let _ = woken.await;
    }
}

fn keep(shared: &Shared) {
    let mut pending = shared.lock();
    let mut due = Vec::new();
    while !pending.closed {
        let now = Instant::now();
        while let Some(first) = pending.heap.peek()
            && first.0.at <= now
        {
            due.extend(pending.heap.pop());
        }
        if !due.is_empty() {
            drop(pending);
            for Reverse(entry) in due.drain(..) {
                // Nobody listens if the sleep was given up.
                let _ = entry.wake.send(());
            }
            pending = shared.lock();
            continue;
        }
        pending = match pending.heap.peek().map(|first| first.0.at) {
            None => shared.changed.wait(pending).unwrap_or_else(PoisonError::into_inner),
            Some(at) => shared.changed.wait_timeout(pending, at - now).unwrap_or_else(PoisonError::into_inner).0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn never_early_and_in_order_even_if_a_shorter_sleep_comes_later() {
        let timer = Timer::start("timer").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let start = Instant::now();
        let order = runtime.block_on(async {
            let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
            for millis in [60_u64, 20, 40] {
                let (timer, sender) = (timer.clone(), sender.clone());
                tokio::spawn(async move {
                    let at = start + Duration::from_millis(millis);
                    timer.sleep_until(at).await;
                    assert!(Instant::now() >= at);
                    sender.send(millis).unwrap();
                });
            }
            drop(sender);
            let mut order = Vec::new();
            while let Some(millis) = receiver.recv().await {
                order.push(millis);
            }
            order
        });
        assert_eq!(order, [20, 40, 60]);
    }
}
