//! Two tiers of three tries each: the database is asked 3 * 3 times at total failure.

use crate::common::{analysis, close};
use crate::cures::To::{Gone, Same, Up};
use crate::cures::{outcome, variants};
use tipping::answers::analysis::Analysis;
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "thread-pool";

#[test]
fn exhaustion_travels_upstream_and_tries_multiply() {
    let recovery = |a: &Analysis| a.recovery_load.as_ref().expect("a recovery load").value;
    // 20 connections of 80 ms: 250 queries per second, of which a failing request makes nine, if there are threads to
    // make them. The fluctuations of the queue let 1 % more through, as they do for one tier.
    close(recovery(&analysis(NAME, &["service.app.servers=500"])), 250.0 / 9.0, 0.015);
    let a = analysis(NAME, &[]);
    assert!(recovery(&a) > 1.2 * 250.0 / 9.0, "the pool of threads protects the database");
    assert_eq!(outcome(&a, "slow-database"), "tips");
    let inside = |state: &str, tier: &str| {
        let state = a.states.iter().find(|s| s.name == state).expect("the state");
        state.state[&format!("{tier}.queue")].as_f64().expect("a number")
    };
    // threads and connections: a few busy in the good state, all in the collapsed one, with a queue behind them
    for (tier, slots) in [("app", 250.0), ("db", 20.0)] {
        assert!(inside("good", tier) < 0.5 * slots, "{tier}");
        assert!(inside("collapsed", tier) > slots, "{tier}: {}", inside("collapsed", tier));
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("one-tier-retries", Vulnerable, Same, Up),
            ("short-queues", Stable, Up, Up),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}
