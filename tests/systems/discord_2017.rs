//! Sessions that stall: sessions = D (life (1 - late) + again late)/exposed_share.

use crate::common::{analysis, close};
use crate::cures::To::{Same, Up};
use crate::cures::{outcomes, variants};
use crate::curve::{curve, holds, logistic};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "discord-2017";

#[test]
fn limits_are_those_of_the_closed_form() {
    for (again, share) in [(5.0, 0.3333), (30.0, 0.3333), (5.0, 0.05)] {
        let sessions = |n: f64| {
            let late = logistic(10.0 * (n - 1e5) / 1e5);
            2e4 * n / (n + 1.0) * (1800.0 * (1.0 - late) + again * late) / share
        };
        let overrides = [format!("again={again} s"), format!("exposed_share={share}")];
        let a = holds(NAME, &overrides.each_ref().map(String::as_str), curve(sessions, 0.1, 1e10));
        close(a.recovery_load.expect("a recovery size").value, 2e4 * again / share, 2e-3);
    }
}

#[test]
fn the_second_loss_an_hour_later_does_what_the_first_did() {
    let a = analysis(NAME, &[]);
    assert!(a.triggers.len() == 2 && a.triggers.iter().all(|t| t.outcome == "tips"));
    assert!(outcomes(NAME, "spread-reconnects").iter().all(|(_, outcome)| *outcome == "heals"));
    assert!(outcomes(NAME, "more-presence").iter().all(|(_, outcome)| *outcome == "tips"));
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("spread-reconnects", Stable, Same, Up),
            ("sessions-without-presence", Stable, Up, Up),
            ("more-presence", Vulnerable, Up, Up),
            ("all-cures", Stable, Up, Up),
        ],
    );
}
