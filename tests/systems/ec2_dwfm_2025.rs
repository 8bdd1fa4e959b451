//! Lease work: droplets = renew D (1 - late) + again D (full/(1 - full) + late).

use crate::common::{analysis, close};
use crate::cures::To::{Gone, Same, Up};
use crate::cures::{outcome, outcomes, variants};
use crate::curve::{curve, holds, logistic};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "ec2-dwfm-2025";

#[test]
fn limits_are_those_of_the_closed_form() {
    for (again, patience) in [(10.0, 60.0), (30.0, 60.0), (10.0, 20.0)] {
        let knee = 500.0 * patience;
        let droplets = |n: f64| {
            let (late, full) = (logistic(10.0 * (n - knee) / knee), logistic((n - 6e4) / 100.0));
            500.0 * n / (n + 1.0) * (300.0 * (1.0 - late) + again * (full / (1.0 - full) + late))
        };
        let overrides = [format!("again={again} s"), format!("patience={patience} s")];
        holds(NAME, &overrides.each_ref().map(String::as_str), curve(droplets, 0.1, 6.8e4));
    }
}

#[test]
fn the_return_of_the_store_does_not_heal_it_and_throttling_does() {
    let a = analysis(NAME, &[]);
    assert_eq!((a.verdict, outcome(&a, "store-away")), (Vulnerable, "tips"));
    let collapsed = a.states.iter().find(|s| s.name == "collapsed").expect("a collapsed state");
    close(collapsed.state["lost"].as_f64().expect("a share"), 1.0, 1e-3);
    for cure in ["throttled", "patient", "all-cures"] {
        assert_eq!(outcomes(NAME, cure), [("store-away".to_owned(), "heals")], "{cure}");
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("throttled", Stable, Same, Up),
            ("patient", Stable, Same, Gone),
            ("more-managers", Vulnerable, Up, Up),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}
