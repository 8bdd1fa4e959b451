//! Replicas that share failures: load = capacity in_service g/(1 - full).

use crate::common::{analysis, close};
use crate::cures::To::{Gone, Same, Up};
use crate::cures::{outcome, outcomes, variants};
use crate::curve::{curve, holds, logistic};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "replica-set";

#[test]
fn limits_are_those_of_the_closed_form() {
    for (grace, repair) in [(30.0, 600.0), (120.0, 600.0), (30.0, 120.0)] {
        let load = |n: f64| {
            let late = logistic(10.0 * (n - 100.0) / 100.0);
            let in_service = 9.0 / (1.0 + repair * (1.0 / (30.0 * 86_400.0) + late / grace));
            100.0 * in_service * n / (n + 1.0) / (1.0 - logistic((n - 400.0) / 5.0))
        };
        let overrides = [format!("grace={grace} s"), format!("repair={repair} s")];
        holds(NAME, &overrides.each_ref().map(String::as_str), curve(load, 0.1, 480.0));
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("more-replicas", Vulnerable, Up, Up),
            ("spread-over-racks", Vulnerable, Same, Same),
            ("staged-rollouts", Vulnerable, Same, Same),
            ("shuffle-sharding", Vulnerable, Same, Same),
            ("refuse-early", Stable, Gone, Gone),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}

#[test]
fn redundant_against_what() {
    let a = analysis(NAME, &[]);
    let tips: Vec<&str> = a.triggers.iter().filter(|t| t.outcome == "tips").map(|t| t.name.as_str()).collect();
    // six of nine replicas carry 450 req/s, and survive; what all nine share does not
    assert_eq!(outcome(&a, "host"), "heals");
    assert_eq!(outcome(&a, "zone"), "heals");
    assert_eq!(tips, ["region", "software-version", "config-push", "poison-request"]);
    let survived = |variant: &str| -> Vec<String> {
        outcomes(NAME, variant).into_iter().filter(|(_, o)| *o == "heals").map(|(name, _)| name).collect()
    };
    assert_eq!(survived("staged-rollouts"), ["host", "rack", "zone", "software-version", "config-push"]);
    assert_eq!(survived("shuffle-sharding"), ["host", "rack", "zone", "poison-request"]);
    // twice the replicas are lost together as well
    assert_eq!(survived("more-replicas"), ["host", "rack", "zone"]);
    assert_eq!(survived("all-cures").len(), 7);
}

#[test]
fn a_common_cause_is_the_floor_of_unavailability() {
    let output = |replicas: usize, name: &str| {
        let study = crate::common::study(NAME, &[&format!("replicas={replicas}")]);
        let index = study.fluid.process().output_index(name).expect("the output");
        study.fluid.outputs_at_rest(&study.fluid.start(), &study.fluid.parameters())[index]
    };
    let p: f64 = 600.0 / (30.0 * 86_400.0 + 600.0);
    for replicas in [1, 2, 3, 9] {
        let independent = p.powi(replicas);
        let replicas = usize::try_from(replicas).expect("positive");
        close(output(replicas, "all_down_if_independent"), independent, 1e-12);
        close(output(replicas, "all_down_with_common_cause"), 0.05 * p + 0.95 * independent, 1e-12);
    }
    assert!(output(9, "all_down_with_common_cause") >= 0.05 * p);
}
