//! Errors that delete cache keys: load = D/((1 - full) missing).

use crate::common::{analysis, close};
use crate::cures::To::Gone;
use crate::cures::{outcome, variants};
use crate::curve::{curve, holds, logistic};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "facebook-2010";

#[test]
fn limits_are_those_of_the_closed_form() {
    for (keys, expiry) in [(1000.0, 600.0), (5000.0, 600.0), (1000.0, 60.0)] {
        let load = |n: f64| {
            let answered = 2e4 * n / (n + 1.0);
            let (late, full) = (logistic(10.0 * (n - 2e4) / 2e4), logistic((n - 6e4) / 200.0));
            let missing = (1.0 / expiry + answered * late / keys) / (1.0 / expiry + answered / keys);
            answered / (1.0 - full) / missing
        };
        let overrides = [format!("keys={keys} req"), format!("expiry={expiry} s")];
        holds(NAME, &overrides.each_ref().map(String::as_str), curve(load, 1e-3, 6.5e4));
    }
}

#[test]
fn only_stopping_nearly_all_traffic_heals_it() {
    let a = analysis(NAME, &[]);
    assert_eq!((a.verdict, outcome(&a, "invalid-value")), (Vulnerable, "tips"));
    // every read is a query, and the database answers 20,000 of 400,000
    close(a.recovery_load.expect("a recovery load").value, 20_000.0, 1e-3);
    let collapsed = a.states.iter().find(|s| s.name == "collapsed").expect("a collapsed state");
    assert!(collapsed.yield_.expect("a yield") < 1e-3);
}

#[test]
fn cures_move_the_limits_as_they_say() {
    let none = |name| (name, Stable, Gone, Gone);
    variants(NAME, &[none("keep-on-error"), none("leases"), none("all-cures")]);
}
