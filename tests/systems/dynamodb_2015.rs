//! Membership answers that are too late: cost = capacity g (renew (1 - late) + ask_again late)/exposed.

use crate::common::{analysis, close};
use crate::cures::To::{Gone, Same, Up};
use crate::cures::{outcome, variants};
use crate::curve::{curve, holds, logistic};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "dynamodb-2015";

#[test]
fn limits_are_those_of_the_closed_form() {
    for (ask_again, reach) in [(10.0, 0.55), (30.0, 0.55), (10.0, 0.2)] {
        // late depends on z = work/knee alone; work = z p/cost then leaves a quadratic for the cost, p = patience capacity
        let cost = |z: f64| {
            let late = logistic(10.0 * (z - 1.0));
            let most = 400.0 * (300.0 * (1.0 - late) + ask_again * late) / (reach * 1e4);
            let zp = z * 5.0 * 400.0;
            2.0 * most / (1.0 + (1.0 + 4.0 * most / zp).sqrt())
        };
        let overrides = [format!("ask_again={ask_again} s"), format!("reach={reach}")];
        let a = holds(NAME, &overrides.each_ref().map(String::as_str), curve(cost, 1e-4, 1e9));
        close(a.recovery_load.expect("a recovery size").value, 400.0 * ask_again / (reach * 1e4), 2e-3);
    }
}

#[test]
fn after_the_network_loss_55_percent_stay_out() {
    let a = analysis(NAME, &[]);
    assert_eq!((a.verdict, outcome(&a, "network-loss")), (Vulnerable, "tips"));
    let bad = a.states.last().expect("a state");
    assert_eq!(bad.name, "escape");
    // on its way to 45 % when its growth was certain
    assert!((bad.yield_.expect("a yield") - 0.45).abs() < 0.05, "{:?}", bad.yield_);
    // the same loss was handled without notice when answers were a tenth as large
    let before = analysis(NAME, &["cost=0.4"]);
    assert_eq!((before.verdict, outcome(&before, "network-loss")), (Stable, "heals"));
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("twice-the-capacity", Vulnerable, Up, Up),
            ("small-answers", Stable, Same, Same),
            ("patient-servers", Stable, Up, Gone),
            ("all-cures", Stable, Up, Gone),
        ],
    );
}
