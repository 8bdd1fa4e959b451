//! The whole of it for a few seconds on loopback, without Prometheus.

use std::time::Duration;
use testbed::arrivals::Piece;
use testbed::pair::{Design, Pair};

/// A small design, so that a busy machine can run it: 4 slots of 40 ms are 100 requests per second.
fn small() -> Design {
    let mut design = Design::NOMINAL;
    design.service.slots = 4;
    design.service.limit = 120;
    design.service.service_time = Duration::from_millis(40);
    design.clients.timeout = Duration::from_millis(400);
    design.clients.backoff = Duration::from_millis(200);
    design
}

#[test]
fn a_spike_leaves_work_for_nobody_and_a_reset_leaves_none() {
    let mut pair = Pair::start(small(), 1, None).unwrap();
    pair.drive(vec![Piece::constant(40.0, 0.8), Piece::constant(600.0, 0.6), Piece::constant(60.0, 5.0)]);
    std::thread::sleep(Duration::from_millis(800));
    let calm = pair.counts();
    assert!(calm.requests > 10, "{calm:?}");
    assert!(calm.attempts - calm.requests <= calm.requests / 4, "hardly a retry before the spike: {calm:?}");
    std::thread::sleep(Duration::from_millis(1700));

    let metrics = &pair.clients.metrics;
    let counts = pair.counts();
    assert!(metrics.timeouts.get() > 0 && metrics.retries.get() > 0, "{metrics:?}");
    assert!(pair.service.metrics.abandoned.get() > 0, "work goes on after its client has gone");
    assert!(pair.service.metrics.rejected.get() > 0, "the queue was full");
    assert!(counts.attempts > counts.requests + counts.requests / 4, "{counts:?}");
    assert_eq!(counts.attempts, counts.requests + metrics.retries.get());
    assert_eq!(metrics.errors.get(), 0);
    // Slots are the only ones to work: no more than four in 40 ms on average, within four standard deviations.
    assert!(counts.served < 100 * 5 / 2 + 70, "{counts:?}");

    pair.stop();
    assert_eq!(pair.service.inside(), 0);
    assert_eq!(pair.clients.metrics.open.get(), 0);
    let stopped = pair.counts();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(pair.counts(), stopped);
}

#[test]
fn every_request_ends_as_answered_or_failed() {
    let mut pair = Pair::start(small(), 2, None).unwrap();
    pair.drive(vec![Piece::constant(50.0, 1.0), Piece::constant(400.0, 0.3)]);
    let start = std::time::Instant::now();
    while !pair.is_done() && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let metrics = &pair.clients.metrics;
    assert!(pair.is_done());
    assert_eq!(metrics.requests.get(), metrics.answered.get() + metrics.failed.get());
    assert_eq!(
        metrics.attempts.get(),
        metrics.answered.get() + metrics.timeouts.get() + metrics.rejected.get() + metrics.errors.get()
    );
    assert_eq!(metrics.request.count(), metrics.answered.get());
}
