//! A lagging follower: load = (from_cache (1 - cold) + from_disk cold) lag/(lag + batch).

use crate::common::{analysis, close};
use crate::cures::To::{Same, Up};
use crate::cures::variants;
use crate::curve::{curve, holds, logistic, root};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "replication-catch-up";

fn fetched(lag: f64, from_disk: f64, cache: f64) -> f64 {
    let cold = logistic(20.0 * (lag - cache) / cache);
    (2e5 * (1.0 - cold) + from_disk * cold) * lag / (lag + 1000.0)
}

#[test]
fn limits_are_those_of_the_closed_form() {
    for (from_disk, cache) in [(3e4, 2e7), (8e4, 2e7), (1e4, 5e6)] {
        let overrides = [format!("from_disk={from_disk} req/s"), format!("cache={cache} req")];
        let expected = curve(|lag| fetched(lag, from_disk, cache), 100.0, 1e14);
        let a = holds(NAME, &overrides.each_ref().map(String::as_str), expected);
        // what the text says: from_disk, within batch/lag at the lag where all is cold
        close(a.recovery_load.expect("a recovery rate").value, from_disk, 1e-3);
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("throttled-writes", Stable, Same, Same),
            ("sequential-reads", Stable, Same, Up),
            ("large-cache", Vulnerable, Same, Same),
            ("all-cures", Stable, Same, Up),
        ],
    );
}

#[test]
fn the_critical_outage_is_the_unstable_lag_over_the_write_rate() {
    for load in [40_000.0, 50_000.0, 100_000.0] {
        let good = root(|lag| fetched(lag, 3e4, 2e7) - load, 1.0, 1e6);
        let unstable = root(|lag| fetched(lag, 3e4, 2e7) - load, 1e6, 1e9);
        let a = analysis(NAME, &[&format!("load={load} req/s")]);
        let critical = a.triggers[0].critical_duration.as_ref().and_then(|c| c.p50).expect("a critical duration");
        // a fluid of one state: exact but for the bisection of the trigger
        close(critical, (unstable - good) / load, 1e-3);
    }
}
