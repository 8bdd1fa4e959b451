//! Copying against serving: load = capacity (1 - copying) g/(1 - full), the backlog in balance.

use crate::common::{analysis, close};
use crate::cures::To::{Gone, Same, Up};
use crate::cures::{outcomes, variants};
use crate::curve::{curve, holds, logistic, root};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "recovery-work";
const PIECES: f64 = 2e5;

/// Pieces lost when `declared` are declared lost per second and copying may take `share` of 1000 req/s, 20 requests a piece.
fn lost(declared: f64, share: f64) -> f64 {
    root(|l| share * l / (l + 200.0) * 50.0 - declared * (1.0 - l / PIECES), 0.0, PIECES)
}

fn load(queue: f64, share: f64, false_loss: f64, knee: f64) -> f64 {
    let (late, full) = (logistic((queue - knee) / 100.0), logistic((queue - 3000.0) / 20.0));
    let l = lost(2.0 + false_loss * late, share);
    1000.0 * (1.0 - share * l / (l + 200.0)) * queue / (queue + 1.0) / (1.0 - full)
}

#[test]
fn limits_are_those_of_the_closed_form() {
    holds(NAME, &[], curve(|q| load(q, 0.8, 28.0, 1000.0), 0.1, 3500.0));
    holds(NAME, &["copy_share=0.5"], curve(|q| load(q, 0.5, 28.0, 1000.0), 0.1, 3500.0));
    holds(NAME, &["false_loss=10 1/s"], curve(|q| load(q, 0.8, 10.0, 1000.0), 0.1, 3500.0));
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("capped-copying", Stable, Same, Up),
            ("patient-detector", Vulnerable, Same, Up),
            ("limited-removal", Stable, Same, Up),
            ("short-queue", Stable, Gone, Gone),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}

#[test]
fn recovery_starves_the_load() {
    let a = analysis(NAME, &[]);
    let collapsed = a.states.iter().find(|s| s.name == "collapsed").expect("a collapsed state");
    assert!(collapsed.yield_.expect("a yield") < 1e-3);
    // all heartbeats late: copying in balance with loss + false_loss, and that is its share of the capacity
    close(collapsed.state["lost"].as_f64().expect("a number"), lost(30.0, 0.8), 1e-3);
    assert!(outcomes(NAME, "capped-copying").iter().all(|(_, outcome)| *outcome == "heals"));
}

#[test]
fn the_load_starves_recovery() {
    // 3 % of 50 pieces/s is 1.5 pieces/s, less than the 2 lost: a balance only where few pieces are left to lose
    let a = analysis(NAME, &["copy_share=0.03"]);
    let good = a.states.iter().find(|s| s.name == "good").expect("a good state");
    close(good.yield_.expect("a yield"), 1.0, 1e-3);
    let found = good.state["lost"].as_f64().expect("a number");
    let queue = good.state["queue"].as_f64().expect("a number");
    close(found, lost(2.0 + 28.0 * logistic((queue - 1000.0) / 100.0), 0.03), 1e-6);
    assert!(found > 0.2 * PIECES, "{found}");
}
