//! Restarts that compete: readmitted = maps g (1 - again late), in servers per hour.

use crate::common::{analysis, close};
use crate::cures::To::{Same, Up};
use crate::cures::{outcome, variants};
use crate::curve::{Curve, curve, holds, logistic};
use tipping::answers::analysis::Verdict::{Overloaded, Stable, Vulnerable};

const NAME: &str = "kinesis-2020";

fn limits(maps: f64, patience: f64, again: f64) -> Curve {
    let knee = maps * patience;
    curve(|n| maps * n / (n + 1.0) * (1.0 - again * logistic(10.0 * (n - knee) / knee)), 0.1, 1e9)
}

#[test]
fn limits_are_those_of_the_closed_form() {
    for (maps, patience, again) in [(400.0, 0.5, 0.9), (800.0, 0.5, 0.9), (400.0, 2.0, 0.5)] {
        let overrides = [format!("maps={maps} 1/h"), format!("patience={patience} h"), format!("again={again}")];
        holds(NAME, &overrides.each_ref().map(String::as_str), limits(maps, patience, again));
    }
}

#[test]
fn a_few_hundred_servers_an_hour_and_seventeen_hours() {
    let a = analysis(NAME, &[]);
    assert_eq!((a.verdict, outcome(&a, "all-at-once")), (Vulnerable, "tips"));
    let fastest = a.tip_over_load.expect("a tip-over rate").value;
    assert!((200.0..500.0).contains(&fastest), "{fastest} servers an hour");
    // 5000 servers at today's rate
    close(5000.0 / a.load.value, 17.0, 0.05);
    assert_eq!(analysis(NAME, &["readmitted=450 1/h"]).verdict, Overloaded);
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("fewer-larger-servers", Vulnerable, Up, Up),
            ("no-restart-of-late-builds", Stable, Same, Up),
            ("all-cures", Stable, Up, Up),
        ],
    );
}
