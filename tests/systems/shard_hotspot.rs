//! Nodes that sink one after the other: load = x nodes (1 + burdened/work_units), everything else follows from the queue of
//! a burdened node.

use crate::common::analysis;
use crate::cures::To::{Down, Gone, Up};
use crate::cures::{outcome, outcomes, variants};
use crate::curve::{Curve, curve, holds, logistic, root};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "shard-hotspot";

/// Requests per second that keep a queue of n at a node.
fn arriving(n: f64) -> f64 {
    100.0 * n / (n + 1.0) / (1.0 - logistic((n - 200.0) / 4.0))
}

fn limits(units: f64, grace: f64) -> Curve {
    let out = |n: f64| 1.0 / (30.0 * 86_400.0) + logistic(10.0 * (n - 50.0) / 50.0) / grace;
    let load = |burdened_queue: f64| {
        let x = arriving(burdened_queue) / (1.0 + 1.0 / units);
        let (o, ob) = (out(root(|n| arriving(n) - x, 0.0, 300.0)), out(burdened_queue));
        // burdened = a leaving/(1 + a leaving), a = units * 60 s, leaving = o + burdened (ob - o): a quadratic
        let a = 60.0 * units;
        let (square, linear, constant) = (a * (ob - o), 1.0 + a * o - a * (ob - o), -a * o);
        let spread = (linear * linear - 4.0 * square * constant).sqrt();
        let burdened =
            if linear > 0.0 { -2.0 * constant / (linear + spread) } else { (spread - linear) / (2.0 * square) };
        let nodes = 100.0 / (1.0 + 300.0 * (o + burdened * (ob - o)));
        x * nodes * (1.0 + burdened / units)
    };
    curve(load, 0.1, 260.0)
}

#[test]
fn limits_are_those_of_the_closed_form() {
    for (units, grace) in [(1.0, 20.0), (10.0, 20.0), (3.0, 60.0)] {
        let overrides = [format!("work_units={units}"), format!("grace={grace} s")];
        holds(NAME, &overrides.each_ref().map(String::as_str), limits(units, grace));
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("ten-units", Vulnerable, Up, Down),
            ("hundred-units", Vulnerable, Up, Down),
            ("patient-checks", Stable, Up, Up),
            ("shed-early", Stable, Gone, Gone),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}

#[test]
fn one_lost_rack_sinks_the_other_nodes_and_smaller_units_do_not() {
    let a = analysis(NAME, &[]);
    assert_eq!(outcome(&a, "rack-lost"), "tips");
    let collapsed = a.states.iter().find(|s| s.name == "collapsed").expect("a collapsed state");
    // taken out after grace, back after repair: 20/(20 + 300) of the nodes are up, each of them flooded
    let nodes = collapsed.state["nodes"].as_f64().expect("a number");
    assert!((nodes - 6.25).abs() < 0.01, "{nodes}");
    for cure in ["ten-units", "hundred-units", "shed-early"] {
        assert!(outcomes(NAME, cure).contains(&("rack-lost".to_owned(), "heals")), "{cure}");
    }
}
