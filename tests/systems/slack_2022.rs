//! Scatter queries for what is not cached: load = D/(scatter missing (1 - full)).

use crate::common::analysis;
use crate::cures::To::{Gone, Same};
use crate::cures::{outcome, outcomes, variants};
use crate::curve::{curve, holds, logistic};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "slack-2022";

#[test]
fn limits_are_those_of_the_closed_form() {
    for (capacity, scatter) in [(6e4, 100.0), (7e4, 100.0), (3e4, 50.0)] {
        let load = |n: f64| {
            let answered = capacity * n / (n + 1.0);
            let (late, full) = (logistic(10.0 * (n / (2.0 * capacity) - 1.0)), logistic((n - 1.5e5) / 1e3));
            let missing = 1.0 - 1200.0 * answered * (1.0 - late) / (scatter * 864_000.0);
            answered / (scatter * missing * (1.0 - full))
        };
        let overrides = [format!("capacity={capacity} req/s"), format!("scatter={scatter}")];
        holds(NAME, &overrides.each_ref().map(String::as_str), curve(load, 0.1, 1.65e5));
    }
}

#[test]
fn a_quarter_of_the_cache_at_the_peak_tips_it_and_off_peak_does_not() {
    assert_eq!(outcome(&analysis(NAME, &[]), "quarter-of-the-cache"), "tips");
    assert!(outcomes(NAME, "off-peak").contains(&("quarter-of-the-cache".to_owned(), "heals")));
}

#[test]
fn readmitting_too_fast_onto_a_cold_cache_collapses_again() {
    let cold = |boots: usize| outcome(&analysis(NAME, &[&format!("load={boots} req/s")]), "cold-cache");
    assert_eq!((cold(500), cold(600), cold(1200)), ("heals", "heals", "tips"));
    assert!(outcomes(NAME, "missing-only-from-replicas").iter().all(|(_, outcome)| *outcome == "heals"));
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("off-peak", Vulnerable, Same, Same),
            ("throttled-boots", Stable, Same, Same),
            ("missing-only-from-replicas", Stable, Gone, Gone),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}
