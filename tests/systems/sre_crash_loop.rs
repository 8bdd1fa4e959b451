//! The published example: trips at 11,000 requests per second, heals at about 1,000.

use crate::common::analysis;
use crate::cures::To::{Gone, Same, Up};
use crate::cures::{outcome, variants};
use crate::curve::{curve, holds, logistic};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "sre-crash-loop";

#[test]
fn limits_are_those_of_the_closed_form() {
    for (crash, restart) in [(6.0, 60.0), (20.0, 60.0)] {
        let load = |n: f64| {
            let late = logistic(10.0 * (n - 2000.0) / 2000.0);
            100.0 * 110.0 / (1.0 + restart * late / crash) * n / (n + 1.0) / (1.0 - logistic((n - 8000.0) / 50.0))
        };
        let overrides = [format!("crash={crash} s"), format!("restart={restart} s")];
        holds(NAME, &overrides.each_ref().map(String::as_str), curve(load, 0.1, 9000.0));
    }
}

#[test]
fn it_trips_at_11000_and_heals_at_1000() {
    let a = analysis(NAME, &[]);
    // the book gives round numbers: 1 %
    assert!((a.tip_over_load.as_ref().expect("a tip-over load").value / 11_000.0 - 1.0).abs() < 0.01);
    assert!((a.recovery_load.as_ref().expect("a recovery load").value / 1_000.0 - 1.0).abs() < 0.01);
    assert_eq!(outcome(&a, "a-little-more-load"), "tips");
    // a tenth of the fleet is up in the collapsed state
    let collapsed = a.states.iter().find(|s| s.name == "collapsed").expect("a collapsed state");
    let down = collapsed.state["down"].as_f64().expect("a number");
    assert!((down / 110.0 - 10.0 / 11.0).abs() < 1e-3, "{down}");
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("shed-to-9000", Vulnerable, Same, Same),
            ("refuse-early", Stable, Same, Up),
            ("survive-floods", Stable, Same, Up),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}
