//! Tests of continuation against closed forms and the reference problem M1.

use std::f64::consts::FRAC_PI_2;

use super::{BranchOptions, End, Kind, Orientation, follow, follow_both};
use crate::dynamics::testing::{Plain, hutchinson, m1, state};

#[test]
fn both_folds_of_m1_are_found_with_default_settings() {
    let branch = follow_both(&m1(), &[400.0, 0.75], 0, &[0.67, 0.0], &BranchOptions::new(100.0, 1000.0)).unwrap();
    let folds: Vec<_> = branch.folds().collect();
    assert_eq!((folds.len(), branch.specials.len()), (2, 2), "{:?}", branch.specials);
    let published = [(996.059_601_911_822, 329.574_754_885_851_4), (249.890_985_812_926_3, 2_187.488_285_430_803_3)];
    for (fold, (load, n)) in folds.iter().zip(published) {
        assert!((fold.parameter / load - 1.0).abs() < 1e-12, "{} {load}", fold.parameter);
        assert!((fold.x[0] / n - 1.0).abs() < 1e-8, "{} {n}", fold.x[0]);
    }
    assert_eq!(branch.end, End::Unbounded { state: 0 });
    assert_eq!(branch.other_end, Some(End::ParameterBound));
    assert!(branch.points.len() < 120, "{} points", branch.points.len());
}

#[test]
fn stability_of_m1_changes_at_its_folds_only() {
    let branch = follow_both(&m1(), &[400.0, 0.75], 0, &[0.67, 0.0], &BranchOptions::new(100.0, 1000.0)).unwrap();
    let turns: Vec<usize> = branch.specials.iter().map(|s| s.after).collect();
    for (i, point) in branch.points.iter().enumerate() {
        let passed = turns.iter().filter(|&&t| i > t).count();
        assert_eq!(point.unstable, Some(passed % 2), "{i}: {point:?}");
    }
}

#[test]
fn points_lie_on_the_branch() {
    let branch = follow_both(&m1(), &[400.0, 0.75], 0, &[0.67, 0.0], &BranchOptions::new(100.0, 1000.0)).unwrap();
    for point in &branch.points {
        // From o' = 0 and n' = 0: load = d (1 - r q).
        let n = point.x[0];
        let q = 1.0 / (1.0 + (-(n - 1000.0) / 100.0).exp());
        let load = 1000.0 * n / (n + 1.0) * (1.0 - 0.75 * q);
        assert!((point.parameter / load - 1.0).abs() < 1e-11, "{point:?} {load}");
    }
}

#[test]
fn brusselator_has_its_hopf_point_at_two() {
    // x' = A - (B+1) x + x² y, y' = B x - x² y, A = 1: Hopf at B = 1 + A² = 2 with ω = A = 1.
    let mut field = Plain::new(
        2,
        |_| Vec::new(),
        |_, x, _, p, dx| {
            dx[0] = 1.0 - (p[0] + 1.0) * x[0] + x[0] * x[0] * x[1];
            dx[1] = p[0] * x[0] - x[0] * x[0] * x[1];
        },
        |_, x, _, p, out| {
            let b = &mut out.blocks[0];
            (b[(0, 0)], b[(0, 1)]) = (2.0 * x[0] * x[1] - p[0] - 1.0, x[0] * x[0]);
            (b[(1, 0)], b[(1, 1)]) = (p[0] - 2.0 * x[0] * x[1], -x[0] * x[0]);
        },
    );
    field.parameter = |x, _, _, _, out| (out[0], out[1]) = (-x[0], x[0]);
    let branch = follow(&field, &[0.5], 0, &[1.0, 0.5], Orientation::Up, &BranchOptions::new(0.5, 4.0)).unwrap();
    let hopfs: Vec<_> = branch.hopfs().collect();
    assert_eq!((hopfs.len(), branch.specials.len()), (1, 1), "{:?}", branch.specials);
    assert!((hopfs[0].parameter - 2.0).abs() < 1e-12 && (hopfs[0].omega - 1.0).abs() < 1e-12, "{:?}", hopfs[0]);
    assert_eq!(branch.end, End::ParameterBound);
    assert_eq!(branch.points.last().unwrap().parameter, 4.0);
}

#[test]
fn hutchinson_has_its_hopf_points_in_growth_rate_and_in_delay() {
    // r τ = π/2, ω = π/(2τ) = r.
    for (k, p, exact, omega) in
        [(0, [0.3, 2.0], FRAC_PI_2 / 2.0, FRAC_PI_2 / 2.0), (1, [0.8, 0.5], FRAC_PI_2 / 0.8, 0.8)]
    {
        let branch = follow(&hutchinson(), &p, k, &[1.0], Orientation::Up, &BranchOptions::new(0.1, 3.0)).unwrap();
        let hopfs: Vec<_> = branch.hopfs().collect();
        assert_eq!(hopfs.len(), 1, "{:?}", branch.specials);
        assert!((hopfs[0].parameter - exact).abs() < 1e-12, "{} {exact}", hopfs[0].parameter);
        assert!((hopfs[0].omega - omega).abs() < 1e-12, "{} {omega}", hopfs[0].omega);
    }
}

fn scalar(
    rhs: crate::dynamics::testing::Rhs,
    jacobian: crate::dynamics::testing::Derivatives,
    parameter: crate::dynamics::testing::ByParameter,
) -> Plain {
    let mut field = Plain::new(1, |_| Vec::new(), rhs, jacobian);
    field.parameter = parameter;
    field
}

#[test]
fn transcritical_point_is_reported_as_branch_point() {
    let field = scalar(
        |_, x, _, p, dx| dx[0] = x[0] * (p[0] - x[0]),
        |_, x, _, p, out| out.blocks[0][(0, 0)] = p[0] - 2.0 * x[0],
        |x, _, _, _, out| out[0] = x[0],
    );
    let branch = follow(&field, &[-1.0], 0, &[0.0], Orientation::Up, &BranchOptions::new(-1.0, 1.3)).unwrap();
    assert_eq!(branch.specials.len(), 1, "{:?}", branch.specials);
    let Kind::BranchPoint(location) = &branch.specials[0].kind else { panic!("{:?}", branch.specials) };
    let parameter = location.refined().map(|c| c.parameter).unwrap();
    assert!(parameter.abs() < 1e-6, "{parameter}");
    assert!(branch.points.iter().all(|p| p.stable() == Some(p.parameter < 0.0)));
}

#[test]
fn two_real_roots_crossing_together_are_reported() {
    // Two uncoupled transcritical points at the same parameter: the determinant keeps its sign.
    let mut field = Plain::new(
        2,
        |_| Vec::new(),
        |_, x, _, p, dx| (0..2).for_each(|i| dx[i] = x[i] * (p[0] - x[i])),
        |_, x, _, p, out| (0..2).for_each(|i| out.blocks[0][(i, i)] = p[0] - 2.0 * x[i]),
    );
    field.parameter = |x, _, _, _, out| out.copy_from_slice(x);
    let branch = follow(&field, &[-1.0], 0, &[0.0, 0.0], Orientation::Up, &BranchOptions::new(-1.0, 1.3)).unwrap();
    assert_eq!(branch.specials.len(), 1, "{:?}", branch.specials);
    assert!(matches!(branch.specials[0].kind, Kind::BranchPoint(_)));
}

#[test]
fn a_moving_equilibrium_with_delay_has_its_hopf_point() {
    // x' = 3 - k x(t - 1): the equilibrium 3/k has its Hopf point at k = π/2.
    let mut field = Plain::new(
        1,
        |_| vec![1.0],
        |_, _, past, p, dx| dx[0] = 3.0 - p[0] * past[0],
        |_, _, _, p, out| out.blocks[1][(0, 0)] = -p[0],
    );
    field.parameter = |_, past, _, _, out| out[0] = -past[0];
    let branch = follow(&field, &[0.5], 0, &[6.0], Orientation::Up, &BranchOptions::new(0.5, 3.0)).unwrap();
    let hopfs: Vec<_> = branch.hopfs().collect();
    assert!(hopfs.len() == 1 && (hopfs[0].parameter - FRAC_PI_2).abs() < 1e-12, "{:?}", branch.specials);
    assert!((hopfs[0].x[0] - 3.0 / FRAC_PI_2).abs() < 1e-12 && (hopfs[0].omega - FRAC_PI_2).abs() < 1e-12);
}

#[test]
fn closed_branch_ends_where_it_began() {
    // x² + (p - 2)² = 1 with two folds, at p = 1 and p = 3.
    let field = scalar(
        |_, x, _, p, dx| dx[0] = 1.0 - x[0] * x[0] - (p[0] - 2.0) * (p[0] - 2.0),
        |_, x, _, _, out| out.blocks[0][(0, 0)] = -2.0 * x[0],
        |_, _, p, _, out| out[0] = -2.0 * (p[0] - 2.0),
    );
    let branch = follow_both(&field, &[2.0], 0, &[1.0], &BranchOptions::new(0.0, 4.0)).unwrap();
    assert_eq!(branch.end, End::Closed);
    let mut folds: Vec<f64> = branch.folds().map(|f| f.parameter).collect();
    folds.sort_by(f64::total_cmp);
    assert!(folds.len() == 2 && (folds[0] - 1.0).abs() < 1e-13 && (folds[1] - 3.0).abs() < 1e-13, "{folds:?}");
}

#[test]
fn a_state_at_its_bound_ends_the_branch_there() {
    // x = 2 - p reaches its bound 0 at p = 2.
    let mut field = scalar(
        |_, x, _, p, dx| dx[0] = 2.0 - p[0] - x[0],
        |_, _, _, _, out| out.blocks[0][(0, 0)] = -1.0,
        |_, _, _, _, out| out[0] = -1.0,
    );
    field.states = vec![state("x", 0.0, f64::INFINITY, 1.0)];
    let branch = follow(&field, &[0.0], 0, &[2.0], Orientation::Up, &BranchOptions::new(0.0, 5.0)).unwrap();
    assert_eq!(branch.end, End::DomainBound { state: 0 });
    let last = branch.points.last().unwrap();
    assert!(last.x[0] == 0.0 && (last.parameter - 2.0).abs() < 1e-14);
}

#[test]
fn a_degenerate_turn_is_reported_even_if_it_cannot_be_refined() {
    // p = x⁴: the parameter turns at 0, but σ_x vanishes there too, so Newton on σ has no regular root.
    let field = scalar(
        |_, x, _, p, dx| dx[0] = p[0] - x[0].powi(4),
        |_, x, _, _, out| out.blocks[0][(0, 0)] = -4.0 * x[0].powi(3),
        |_, _, _, _, out| out[0] = 1.0,
    );
    let branch = follow(&field, &[1.0], 0, &[1.0], Orientation::Down, &BranchOptions::new(-1.0, 2.0)).unwrap();
    let folds = branch.specials.iter().filter(|s| matches!(s.kind, Kind::Fold(_))).count();
    assert_eq!(folds, 1, "{:?}", branch.specials);
    assert_eq!(branch.end, End::ParameterBound);
}

#[test]
fn wrong_arguments_are_errors() {
    let options = BranchOptions::new(100.0, 1000.0);
    assert!(follow(&m1(), &[50.0, 0.75], 0, &[0.1, 0.0], Orientation::Up, &options).is_err());
    assert!(follow(&m1(), &[400.0, 0.75], 2, &[0.1, 0.0], Orientation::Up, &options).is_err());
}
