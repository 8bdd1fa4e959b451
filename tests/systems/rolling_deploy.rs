//! Cold instances: load = capacity (warm + cold_speed cold) g/(1 - full).

use crate::common::analysis;
use crate::cures::To::{Gone, Same, Up};
use crate::cures::{outcome, outcomes, variants};
use crate::curve::{Curve, curve, holds, logistic, root};
use tipping::answers::analysis::Verdict::{Overloaded, Stable, Vulnerable};

const NAME: &str = "rolling-deploy";

fn limits(wave: f64, cold_speed: f64, warm_up: f64) -> Curve {
    let load = |n: f64| {
        let h = logistic(10.0 * (n - 1500.0) / 1500.0) / 30.0 + wave / (60.0 * 50.0);
        let booting = 50.0 * h * 30.0 / (1.0 + h * 30.0);
        let cold = (50.0 - booting) * h / (h + 1.0 / warm_up);
        let warm = 50.0 - booting - cold;
        100.0 * (warm + cold_speed * cold) * n / (n + 1.0) / (1.0 - logistic((n - 6000.0) / 50.0))
    };
    curve(load, 0.1, 7000.0)
}

#[test]
fn limits_are_those_of_the_closed_form() {
    for (wave, cold_speed, warm_up) in [(0.0, 0.2, 180.0), (5.0, 0.2, 180.0), (0.0, 0.5, 600.0)] {
        let overrides = [format!("wave={wave}"), format!("cold_speed={cold_speed}"), format!("warm_up={warm_up} s")];
        holds(NAME, &overrides.each_ref().map(String::as_str), limits(wave, cold_speed, warm_up));
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("small-waves", Vulnerable, Same, Same),
            ("warmed-before-traffic", Vulnerable, Same, Up),
            ("patient-checks", Stable, Same, Up),
            ("refuse-early", Stable, Gone, Gone),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}

#[test]
fn there_is_a_largest_wave_and_warming_up_decides_it() {
    for warm_up in [60.0, 180.0] {
        // the wave that brings the tip-over load of an endless deploy down to today's 3000 req/s
        let largest = root(|wave| limits(wave, 0.2, warm_up).tip_over - 3000.0, 0.0, 100.0);
        let verdict = |wave: f64| analysis(NAME, &[&format!("wave={wave}"), &format!("warm_up={warm_up} s")]).verdict;
        assert_eq!(verdict(0.99 * largest), Vulnerable, "{largest}");
        assert_eq!(verdict(1.01 * largest), Overloaded, "{largest}");
    }
    let longest = |warm_up: f64| root(|wave| limits(wave, 0.2, warm_up).tip_over - 3000.0, 0.0, 100.0);
    assert!(longest(60.0) > 1.5 * longest(180.0));
}

#[test]
fn the_same_deploy_in_small_waves_is_survived() {
    assert_eq!(outcome(&analysis(NAME, &[]), "deploy"), "tips");
    for cure in ["small-waves", "warmed-before-traffic", "all-cures"] {
        assert!(outcomes(NAME, cure).contains(&("deploy".to_owned(), "heals")), "{cure}");
    }
}
