//! A record that no replica can process: load = apply up (1 - blocked) g/(1 - lost).

use crate::common::{analysis, close};
use crate::cures::To::{Down, Gone, Same, Up};
use crate::cures::{outcomes, variants};
use crate::curve::{curve, holds, logistic, root};
use tipping::answers::analysis::Verdict::{Overloaded, Stable, Vulnerable};

const NAME: &str = "poison-pill";

/// Load, and the share of replicas that run, at a backlog.
fn at(behind: f64, deliveries: f64, scan: f64) -> (f64, f64) {
    let (g, r) = (behind / (behind + 1.0), 5.0 + scan * behind);
    let up = |blocked: f64| 2.0 / (2.0 + blocked * r);
    let blocked = root(|b| 1e-5 * 1000.0 * g * (1.0 - b) - b / (2.0 * deliveries) - b / (1800.0 * up(b)), 0.0, 1.0);
    (1000.0 * up(blocked) * (1.0 - blocked) * g / (1.0 - logistic((behind - 1e6) / 1e4)), up(blocked))
}

#[test]
fn limits_are_those_of_the_closed_form() {
    for (deliveries, scan) in [(5.0, 2e-4), (1.0, 2e-4), (20.0, 1e-4)] {
        let overrides = [format!("deliveries={deliveries}"), format!("scan={} us/req", scan * 1e6)];
        let expected = curve(|b| at(b, deliveries, scan).0, 0.1, 1.2e6);
        holds(NAME, &overrides.each_ref().map(String::as_str), expected);
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("stop", Overloaded, Down, Down),
            ("skip", Vulnerable, Up, Up),
            ("more-replicas", Vulnerable, Same, Same),
            ("indexed-log", Stable, Gone, Gone),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
    assert!(outcomes(NAME, "all-cures").iter().all(|(_, outcome)| *outcome == "heals"));
}

#[test]
fn redundancy_does_not_help() {
    let up = |replicas: usize| {
        let a = analysis(NAME, &[&format!("replicas={replicas}")]);
        let good = a.states.iter().find(|s| s.name == "good").expect("a good state");
        good.state["up"].as_f64().expect("a number")
    };
    let (three, nine) = (up(3), up(9));
    close(nine, three, 1e-12);
    // down together 12 % of the time, where independent failures of 1 % leave three replicas down 1e-6 of it
    let behind = root(|b| at(b, 5.0, 2e-4).0 - 500.0, 0.1, 100.0);
    close(three, at(behind, 5.0, 2e-4).1, 1e-6);
    assert!(1.0 - three > 1e5 * 0.01_f64.powi(3), "{three}");
}
