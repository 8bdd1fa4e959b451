//! Tests of the proofs, and of what happens when they fail.

use super::{Budget, prune, quotient};
use crate::dynamics::testing::{Plain, m1, state};
use crate::process::field::Enclosure;
use crate::process::interval::Interval;

fn certified(load: f64) -> (Vec<f64>, usize) {
    let found = prune(&m1(), &[load, 0.75], Budget::default()).unwrap();
    assert!(found.undecided.is_empty(), "{found:?}");
    let mut n: Vec<f64> = found.verified.iter().map(|v| v.enclosure[0].mid()).collect();
    n.sort_by(f64::total_cmp);
    for v in &found.verified {
        assert!(v.enclosure[0].width() < 1e-8 * v.enclosure[0].mid().max(1.0), "{v:?}");
    }
    (n, found.boxes)
}

fn matches(found: &[f64], published: &[f64]) {
    assert_eq!(found.len(), published.len(), "{found:?}");
    for (a, b) in found.iter().zip(published) {
        assert!((a - b).abs() < 1e-6f64.min(2e-9 * b.max(1.0)).max(1e-9), "{a} {b}");
    }
}

#[test]
fn all_equilibria_of_m1_are_certified_in_few_boxes() {
    for (load, published) in [
        (249.95, &[0.333_259_629, 1_913.818_825, 4_999.000_000][..]),
        (400.0, &[0.666_704_753, 1_138.336_868]),
        (800.0, &[4.000_708_888, 898.231_792]),
    ] {
        let (n, boxes) = certified(load);
        matches(&n, published);
        assert!(boxes <= 40, "{load}: {boxes} boxes");
    }
}

fn one(lower: f64, upper: f64, enclose: fn(&[Interval], &[f64]) -> Option<Enclosure>) -> Plain {
    let mut field = Plain::new(1, |_| Vec::new(), |_, _, _, _, _| {}, |_, _, _, _, _| {});
    field.states = vec![state("x", lower, upper, 1.0)];
    field.enclose = enclose;
    field
}

fn logistic() -> Plain {
    one(0.0, f64::INFINITY, |x, _| {
        let c = Interval::point;
        Some(Enclosure { value: vec![x[0] * (c(1.0) - x[0])], jacobian: vec![c(1.0) - c(2.0) * x[0]] })
    })
}

#[test]
fn an_equilibrium_on_the_edge_of_the_domain_is_found_once() {
    let found = prune(&logistic(), &[], Budget::default()).unwrap();
    assert!(found.undecided.is_empty() && found.verified.len() == 2, "{found:?}");
    assert!(found.beyond_excluded);
}

#[test]
fn a_double_root_is_left_undecided_not_invented() {
    let square = one(-10.0, 10.0, |x, _| {
        let v = x[0] - Interval::point(1.0 / 3.0);
        Some(Enclosure { value: vec![v * v], jacobian: vec![Interval::point(2.0) * v] })
    });
    let found = prune(&square, &[], Budget::default()).unwrap();
    assert!(!found.undecided.is_empty() && found.verified.is_empty());
    assert!(found.undecided.iter().all(|b| (b[0].mid() - 1.0 / 3.0).abs() < 1e-4));
}

#[test]
fn an_exhausted_budget_leaves_undecided_boxes() {
    let found = prune(&m1(), &[400.0, 0.75], Budget { boxes: 3, ..Budget::default() }).unwrap();
    assert!(!found.undecided.is_empty());
}

#[test]
fn quotient_by_an_interval_around_zero_has_two_pieces() {
    let (up, down) = quotient(Interval::new(1.0, 2.0), Interval::new(-4.0, 2.0));
    assert!(up.unwrap().contains(0.5) && !up.unwrap().contains(0.49));
    assert!(down.unwrap().contains(-0.25) && !down.unwrap().contains(-0.24));
}
