//! Explode, shed, reject, push back: load (1 - held_back) = attempts (1 - again failing).

use crate::common::{analysis, close};
use crate::cures::To::{Gone, Up};
use crate::cures::{outcome, outcomes, variants};
use crate::curve::{curve, holds, logistic};
use tipping::answers::analysis::Verdict::Stable;

const NAME: &str = "backpressure";

/// Load at a queue.
fn load(queue: f64, shed: f64, push: f64, again: f64) -> f64 {
    let (late, full) = (logistic((queue - 200.0) / 20.0), logistic((queue - 1e4) / 10.0));
    let out = 100.0 * queue / (queue + 1.0) / (1.0 - shed * late * 0.9);
    let failing = full + (1.0 - full) * late;
    let held = push * queue * queue / (queue * queue + 2500.0);
    out / (1.0 - full) * (1.0 - again * failing) / (1.0 - held)
}

#[test]
fn limits_are_those_of_the_closed_form() {
    for again in [0.8, 0.5, 0.95] {
        let a = holds(NAME, &[&format!("again={again}")], curve(|q| load(q, 0.0, 0.0, again), 0.1, 1.1e4));
        // all of it late: capacity (1 - again), and g = q/(q + 1) is 0.3 % below 1 where that is so
        close(a.recovery_load.expect("a recovery load").value, 100.0 * (1.0 - again), 5e-3);
    }
}

#[test]
fn the_four_answers_to_overload() {
    variants(
        NAME,
        &[
            ("shed", Stable, Up, Gone),
            ("reject", Stable, Gone, Gone),
            ("push-back", Stable, Gone, Gone),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
    let explodes = analysis(NAME, &[]);
    assert_eq!(outcome(&explodes, "double-load"), "tips");
    for policy in ["shed", "reject", "push-back", "all-cures"] {
        assert!(outcomes(NAME, policy).iter().all(|(_, outcome)| *outcome == "heals"), "{policy}");
    }
}

#[test]
fn shedding_and_pushing_back_leave_one_state_at_every_load_up_to_four_times_the_capacity() {
    for (shed, push) in [(1.0, 0.0), (0.0, 1.0)] {
        let loads: Vec<f64> = (1..4000)
            .map(|i| load(0.1 * 1.003_f64.powi(i), shed, push, 0.8))
            .take_while(|load| *load < 400.0)
            .collect();
        let falls = loads.windows(2).map(|pair| 1.0 - pair[1] / pair[0]).fold(0.0, f64::max);
        assert!(falls == 0.0, "the curve falls by {falls}");
    }
}
