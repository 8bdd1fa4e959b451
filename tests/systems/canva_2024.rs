//! Out-of-memory kills: load = capacity tasks g/(1 - full), tasks = fleet/(1 + start late/kill).

use crate::common::{analysis, close};
use crate::cures::To::{Same, Up};
use crate::cures::{outcome, variants};
use crate::curve::{curve, holds, logistic};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "canva-2024";

#[test]
fn limits_are_those_of_the_closed_form() {
    for (kill, start) in [(10.0, 120.0), (10.0, 30.0), (60.0, 120.0)] {
        let load = |n: f64| {
            let late = logistic(10.0 * (n - 2e5) / 2e5);
            7e5 / (1.0 + start * late / kill) * n / (n + 1.0) / (1.0 - logistic((n - 8e5) / 5e3))
        };
        let overrides = [format!("kill={kill} s"), format!("start={start} s")];
        holds(NAME, &overrides.each_ref().map(String::as_str), curve(load, 0.1, 9e5));
    }
}

#[test]
fn three_times_the_peak_tips_it_and_blocking_traffic_heals_it() {
    let a = analysis(NAME, &[]);
    let trigger = &a.triggers[0];
    assert_eq!(outcome(&a, "synchronised-clients"), "tips");
    close(trigger.size, 3.0 * a.load.value, 1e-12);
    // fleet capacity/(1 + start/kill) = 700,000/13: all but a ninth of the peak has to be held back
    close(a.recovery_load.expect("a recovery load").value, 7e5 / 13.0, 1e-3);
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("blocked-and-readmitted", Stable, Same, Same),
            ("refuse-before-memory-is-full", Stable, Same, Up),
            ("fast-start", Vulnerable, Same, Up),
            ("all-cures", Stable, Same, Up),
        ],
    );
}
