//! Placement on stale views: load = a exp(-a age/places), a the commits per second.

use crate::common::analysis;
use crate::cures::To::{Same, Up};
use crate::cures::variants;
use crate::curve::{Curve, curve, holds, root};
use tipping::answers::analysis::Verdict::{Overloaded, Stable, Vulnerable};

const NAME: &str = "stale-placement";

fn limits(refresh_rate: f64, resync: f64, places: f64) -> Curve {
    let load = |pending: f64| {
        let commits = 1000.0 * pending / (pending + 1.0);
        let wait = (pending + 1.0) / 1000.0;
        let age = 1.0 / refresh_rate + wait * resync / (wait + resync);
        commits * (-commits * age / places).exp()
    };
    curve(load, 0.1, 1e12)
}

#[test]
fn limits_are_those_of_the_closed_form() {
    for (refresh_rate, resync, places) in [(2.0, 10.0, 5e3), (0.5, 10.0, 5e3), (2.0, 4.0, 2e3)] {
        let overrides =
            [format!("refresh_rate={refresh_rate} 1/s"), format!("resync={resync} s"), format!("places={places} req")];
        let expected = limits(refresh_rate, resync, places);
        let formula = 1000.0 * (-1000.0 * (1.0 / refresh_rate + resync) / places).exp();
        assert!((expected.recovery / formula - 1.0).abs() < 1e-6, "{} {formula}", expected.recovery);
        holds(NAME, &overrides.each_ref().map(String::as_str), expected);
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("fresh-views", Vulnerable, Up, Up),
            ("early-resync", Stable, Same, Up),
            ("partitioned", Stable, Up, Up),
            ("all-cures", Stable, Up, Up),
        ],
    );
}

#[test]
fn the_vicious_circle_has_a_fold_in_the_refresh_rate() {
    // the rate at which the tip-over load has come down to today's 500 req/s
    let fold = root(|rate| limits(rate, 10.0, 5e3).tip_over - 500.0, 0.05, 2.0);
    assert!((0.25..0.35).contains(&fold), "{fold}");
    let verdict = |rate: f64| analysis(NAME, &[&format!("refresh_rate={rate} 1/s")]).verdict;
    assert_eq!(verdict(1.005 * fold), Vulnerable);
    assert_eq!(verdict(0.995 * fold), Overloaded);
}
