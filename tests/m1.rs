//! The reference problem M1: smooth retry storm in two states, known to all digits.

mod common;

use common::{close, findings, study};
use tipping::answers::analysis::Verdict;
use tipping::dynamics::continuation::Kind;
use tipping::dynamics::equilibria::Completeness;

#[test]
fn both_folds_and_no_hopf_point() {
    let found = findings(&study("m1", &[]));
    let folds: Vec<_> = found.landscape.branch.folds().collect();
    assert_eq!(folds.len(), 2);
    for (fold, load, n) in [
        (folds[0], 996.059_601_911_822, 329.574_754_885_851_4),
        (folds[1], 249.890_985_812_926_1, 2_187.488_285_430_803),
    ] {
        close(fold.parameter, load, 1e-8);
        close(fold.x[0], n, 1e-6);
    }
    assert!(!found.landscape.branch.specials.iter().any(|s| matches!(s.kind, Kind::Hopf(_))));
}

#[test]
fn all_equilibria_are_found_and_certified() {
    let table: [(f64, &[(f64, bool)]); 3] = [
        (249.95, &[(0.333_259_629, true), (1_913.818_825, false), (4_999.0, true)]),
        (400.0, &[(0.666_704_753, true), (1_138.336_868, false)]),
        (800.0, &[(4.000_708_888, true), (898.231_792, false)]),
    ];
    for (load, expected) in table {
        let found = findings(&study("m1", &[&format!("load={load} req/s")]));
        let states = &found.landscape.states;
        assert_eq!(states.len(), expected.len(), "load {load}");
        for (state, &(n, stable)) in states.iter().zip(expected) {
            close(state.x[0], n, 1e-8);
            assert_eq!(state.stable(), Some(stable));
        }
        let certified =
            matches!(found.landscape.completeness, Completeness::Certified | Completeness::CertifiedWithin(_));
        assert!(certified, "load {load}: {:?}", found.landscape.completeness);
    }
}

#[test]
fn the_bad_state_is_escape() {
    for load in [260.0, 300.0, 400.0, 550.0, 700.0, 850.0, 990.0] {
        let found = findings(&study("m1", &[&format!("load={load} req/s")]));
        assert_eq!(found.analysis.verdict, Verdict::Vulnerable, "load {load}");
        let escape = found.analysis.states.last().expect("a state");
        assert_eq!((escape.name.as_str(), escape.stable), ("escape", true), "load {load}");
        // far out all attempts are late: load/(1 - r) attempts arrive and 1000 are served
        let growth = found.landscape.escape.as_ref().and_then(|e| e.growth).expect("it was simulated");
        close(growth, 4.0 * load - 1000.0, 0.02);
    }
    let below = findings(&study("m1", &["load=240 req/s"]));
    assert_eq!(below.analysis.verdict, Verdict::Stable);
    assert!(below.landscape.escape.is_none());
}

#[test]
fn smallest_shock_that_tips_the_good_state() {
    for (load, shock) in [(400.0, 1_580.318_815), (800.0, 969.028_411)] {
        let found = findings(&study("m1", &[&format!("load={load} req/s")]));
        let critical = found.analysis.triggers[0].critical_size.as_ref().and_then(|c| c.p50).expect("a size");
        assert!((critical - shock).abs() < 1e-3, "load {load}: {critical}");
    }
}

#[test]
fn a_bounded_queue_turns_escape_into_a_state() {
    let found = findings(&study("m1-bounded", &[]));
    assert!(found.landscape.escape.is_none());
    let collapsed = found.analysis.states.iter().find(|s| s.name == "collapsed").expect("a collapsed state");
    let n = collapsed.state["n"].as_f64().expect("a number");
    assert!((4_900.0..5_100.0).contains(&n), "{n}");
    assert_eq!(found.analysis.verdict, Verdict::Vulnerable);
}
