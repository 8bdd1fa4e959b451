//! Tail amplification and hedging: load = r (1 - again (1 - complete)).

use crate::common::{analysis, close};
use crate::cures::To::{Down, Up};
use crate::cures::variants;
use crate::curve::{Curve, curve, holds, logistic, root};
use tipping::answers::analysis::Verdict::{Overloaded, Stable, Vulnerable};

const NAME: &str = "fan-out";

/// Requests tried per second, and the share of them that is answered, at a queue.
fn tried(queue: f64, hedge: f64, fan: f64, leaves: f64) -> (f64, f64) {
    let slow = |s: f64| (-100.0 * s / (queue + 1.0)).exp();
    let full = logistic((queue - 60.0) / 2.0);
    let missed = full + (1.0 - full) * slow(0.25) * (1.0 - hedge * (1.0 - slow(0.19)));
    let calls = 100.0 * leaves * queue / (queue + 1.0) / (1.0 - full);
    (calls / (fan * (1.0 + hedge * slow(0.06))), (1.0 - missed).powf(fan))
}

fn load(queue: f64, hedge: f64, fan: f64, leaves: f64) -> f64 {
    let (r, complete) = tried(queue, hedge, fan, leaves);
    r * (1.0 - 0.75 * (1.0 - complete))
}

fn limits(hedge: f64, fan: f64, leaves: f64) -> Curve {
    curve(|q| load(q, hedge, fan, leaves), 1e-3, 90.0)
}

#[test]
fn limits_are_those_of_the_closed_form() {
    for (hedge, fan, leaves) in [(0.0, 50.0, 100.0), (1.0, 50.0, 100.0), (0.0, 10.0, 20.0)] {
        let overrides = [format!("hedge={hedge}"), format!("fan={fan}"), format!("leaves={leaves}")];
        holds(NAME, &overrides.each_ref().map(String::as_str), limits(hedge, fan, leaves));
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("hedged", Vulnerable, Down, Down),
            ("fewer-retries", Stable, Up, Up),
            ("smaller-fan", Vulnerable, Up, Up),
            ("longer-deadline", Vulnerable, Up, Up),
            ("all-cures", Stable, Up, Up),
        ],
    );
}

#[test]
fn a_tail_of_one_percent_hits_63_percent_of_requests_that_call_a_hundred_leaves() {
    // exp(-100/s * deadline) = 1 % on idle leaves; nobody tries again
    let deadline = 100.0_f64.ln() / 100.0;
    let overrides = ["fan=100", "leaves=100000", "again=0", "load=10 req/s", &format!("deadline={deadline} s")];
    let a = analysis(NAME, &overrides);
    let state = a.states.iter().find(|s| s.stable).expect("a stable state");
    // 0.01 calls per second and leaf: the queue of 1e-4 raises the tail by 5e-4 of itself
    close(1.0 - state.yield_.expect("a yield"), 1.0 - 0.99_f64.powi(100), 1e-3);
}

#[test]
fn hedging_helps_below_a_load_and_harms_above_it() {
    // attempts per request at a load, on the good branch of the closed form
    let attempts = |now: f64, hedge: f64| {
        let queue = root(|q| load(q, hedge, 50.0, 100.0) - now, 1e-6, limits(hedge, 50.0, 100.0).state);
        tried(queue, hedge, 50.0, 100.0).0 / now
    };
    let at = |now: f64, hedge: f64| analysis(NAME, &[&format!("load={now} req/s"), &format!("hedge={hedge}")]);
    let harmed_from = limits(1.0, 50.0, 100.0).tip_over;
    assert!(harmed_from < 0.9 * limits(0.0, 50.0, 100.0).tip_over);
    for now in [0.5 * harmed_from, 0.9 * harmed_from] {
        let [with, without] = [1.0, 0.0].map(|hedge| {
            let a = at(now, hedge);
            let good = a.states.iter().find(|s| s.name == "good").expect("a good state");
            let found = good.amplification.expect("attempts per request");
            close(found, attempts(now, hedge), 1e-6);
            found
        });
        assert!(with < without, "at {now}: {with} {without}");
    }
    // above it the hedged calls are what is too much
    let above = 1.01 * harmed_from;
    assert_eq!((at(above, 1.0).verdict, at(above, 0.0).verdict), (Overloaded, Vulnerable));
}
