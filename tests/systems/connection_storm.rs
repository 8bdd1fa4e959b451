//! Reconnecting: clients = connected (1 + spread loss) + back_off opened (full/(1 - full) + late).

use crate::common::{analysis, close};
use crate::cures::To::{Gone, Same, Up};
use crate::cures::{outcome, outcomes, variants};
use crate::curve::{Curve, curve, holds, logistic};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "connection-storm";

fn limits(handshake: f64, spread: f64, back_off: f64, limit: f64) -> Curve {
    let knee = 5.0 * 8.0 / handshake;
    let clients = |h: f64| {
        let (g, full) = (h / (h + 1.0), logistic((h - limit) / 50.0));
        let late = logistic(10.0 * (h - knee) / knee);
        let loss = 1.0 / 3600.0 + late / 30.0;
        let opened = g * 8.0 / (handshake + g * 2e-4 * (1.0 - late) / loss);
        let connected = opened * (1.0 - late) / loss;
        connected * (1.0 + spread * loss) + back_off * opened * (full / (1.0 - full) + late)
    };
    curve(clients, 1e-4, limit + 1000.0)
}

#[test]
fn limits_are_those_of_the_closed_form() {
    for (handshake, spread, back_off) in [(0.01, 1.0, 10.0), (0.005, 1.0, 10.0), (0.01, 20.0, 15.0)] {
        let overrides =
            [format!("handshake={handshake} s"), format!("spread={spread} s"), format!("back_off={back_off} s")];
        let a = holds(NAME, &overrides.each_ref().map(String::as_str), limits(handshake, spread, back_off, 2e4));
        // what the text says: back_off cores/handshake, whatever the spread
        close(a.recovery_load.expect("a recovery size").value, back_off * 8.0 / handshake, 1e-3);
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("jittered-first-try", Vulnerable, Up, Same),
            ("longer-back-off", Stable, Same, Up),
            ("session-resumption", Stable, Up, Up),
            ("short-queue", Stable, Same, Up),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}

#[test]
fn a_restart_brings_the_herd_and_jitter_spreads_it() {
    assert_eq!(outcome(&analysis(NAME, &[]), "restart"), "tips");
    for cure in ["jittered-first-try", "longer-back-off", "short-queue", "all-cures"] {
        assert!(outcomes(NAME, cure).contains(&("restart".to_owned(), "heals")), "{cure}");
    }
}
