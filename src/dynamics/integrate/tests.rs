//! Tests of the integrator against closed forms and published values.

use std::ops::ControlFlow;

use super::{
    Direction, Event, History, IntegrateError, Options, Rejection, Segment, Stop, Trajectory, integrate, integrate_with,
};
use crate::dynamics::testing::{Plain, m1, state};

fn tight(rtol: f64) -> Options {
    Options { rtol, ..Options::default() }
}

fn run(field: &Plain, x: &[f64], until: f64, p: &[f64], options: &Options) -> Trajectory {
    integrate(field, 0.0, &History::Constant(x.to_vec()), &[Segment::new(until, p)], options).unwrap()
}

/// Prothero & Robinson: x' = -λ(x - cos t) - sin t, solution cos t from x(0) = 1.
fn prothero_robinson() -> Plain {
    Plain::new(
        1,
        |_| Vec::new(),
        |t, x, _, p, dx| dx[0] = -p[0] * (x[0] - t.cos()) - t.sin(),
        |t, _, _, p, out| {
            out.blocks[0][(0, 0)] = -p[0];
            out.time[0] = -p[0] * t.sin() - t.cos();
        },
    )
}

/// Logistic growth with a slow forcing: nonlinear, non-autonomous, not stiff, solution not polynomial.
fn riccati() -> Plain {
    // x' = -2 t x^2, x(0) = 1: x = 1/(1 + t^2).
    Plain::new(
        1,
        |_| Vec::new(),
        |t, x, _, _, dx| dx[0] = -2.0 * t * x[0] * x[0],
        |t, x, _, _, out| {
            out.blocks[0][(0, 0)] = -4.0 * t * x[0];
            out.time[0] = -2.0 * x[0] * x[0];
        },
    )
}

/// Error of `n` equal steps: at the end, and the largest at quarter points of all steps from the dense output.
fn fixed_step_errors(n: usize) -> (f64, f64) {
    let h = 1.0 / n as f64;
    let options = Options { rtol: 1e3, atol_factor: 1e3, initial_step: Some(h), max_step: h, ..Options::default() };
    let path = run(&riccati(), &[1.0], 1.0, &[], &options);
    assert_eq!(path.len(), n);
    let dense = (0..4 * n).map(|i| i as f64 * 0.25 * h).map(|t| (path.at(t).unwrap()[0] - 1.0 / (1.0 + t * t)).abs());
    ((path.final_state()[0] - 0.5).abs(), dense.fold(0.0, f64::max))
}

#[test]
fn order_is_five_at_steps_and_at_least_four_between() {
    let (coarse, fine) = (fixed_step_errors(16), fixed_step_errors(32));
    let order = (coarse.0 / fine.0).log2();
    let dense = (coarse.1 / fine.1).log2();
    assert!((4.7..5.5).contains(&order), "order {order}: {coarse:?} {fine:?}");
    assert!(dense > 3.9, "dense order {dense}");
}

#[test]
fn stiff_forced_equation_follows_the_smooth_solution() {
    let path = run(&prothero_robinson(), &[1.0], 10.0, &[1e6], &tight(1e-8));
    assert!((path.final_state()[0] - 10f64.cos()).abs() < 1e-8);
    assert!(path.statistics.accepted < 400, "{:?}", path.statistics);
}

#[test]
fn robertson_reaches_the_published_value() {
    // Hairer & Wanner's test set, problem ROBER at t = 1e11: the reference solution published with it.
    let field = Plain::new(
        3,
        |_| Vec::new(),
        |_, x, _, _, dx| {
            dx[0] = -0.04 * x[0] + 1e4 * x[1] * x[2];
            dx[1] = 0.04 * x[0] - 1e4 * x[1] * x[2] - 3e7 * x[1] * x[1];
            dx[2] = 3e7 * x[1] * x[1];
        },
        |_, x, _, _, out| {
            let b = &mut out.blocks[0];
            (b[(0, 0)], b[(0, 1)], b[(0, 2)]) = (-0.04, 1e4 * x[2], 1e4 * x[1]);
            (b[(1, 0)], b[(1, 1)], b[(1, 2)]) = (0.04, -1e4 * x[2] - 6e7 * x[1], -1e4 * x[1]);
            (b[(2, 0)], b[(2, 1)], b[(2, 2)]) = (0.0, 6e7 * x[1], 0.0);
        },
    );
    let options = Options { atol_factor: 1e-8, ..tight(1e-9) };
    let path = run(&field, &[1.0, 0.0, 0.0], 1e11, &[], &options);
    let published = [0.208_334_014_970_122e-7, 0.833_336_077_033_475_1e-13, 0.999_999_979_166_505];
    for (x, y) in path.final_state().iter().zip(published) {
        assert!((x / y - 1.0).abs() < 1e-5, "{x} {y}");
    }
}

/// x' = -x(t - 1).
fn pure_delay() -> Plain {
    Plain::new(1, |_| vec![1.0], |_, _, past, _, dx| dx[0] = -past[0], |_, _, _, _, out| out.blocks[1][(0, 0)] = -1.0)
}

/// x' = -x(t-1), x = 1 for t <= 0, exactly: x(t) = Σ_{k <= t+1} (-1)^k (t - (k-1))^k / k!. Safe for small t only.
fn exact_delay(t: f64) -> f64 {
    let mut sum = 0.0;
    let mut k = 0;
    while f64::from(k) - 1.0 <= t {
        let base = t - (f64::from(k) - 1.0);
        let term = (1..=k).fold(1.0, |acc, i| acc * base / f64::from(i));
        sum += if k % 2 == 0 { term } else { -term };
        k += 1;
    }
    sum
}

/// The same by the characteristic roots λ_m = W_m(-1): x(t) = -Σ 2 Re e^{λ_m t} / (λ_m (1 + λ_m)).
fn series_delay(t: f64) -> f64 {
    use nalgebra::Complex;
    // Laplace: X(s) = (1 - (1 - e^{-s})/s) / (s + e^{-s}); the residue at a root, where e^{-s} = -s, is
    // (1 - (1 + s)/s) / (1 + s) = -1/(s (1 + s)).
    let mut sum = 0.0;
    for m in 0..40 {
        let mut s = Complex::new(-(1.0 + 6.0 * f64::from(m)).ln(), (2.0 * f64::from(m) + 0.5) * std::f64::consts::PI);
        if m == 0 {
            s = Complex::new(-0.3, 1.3);
        }
        for _ in 0..60 {
            let e = (-s).exp();
            s -= (s + e) / (Complex::from(1.0) - e);
        }
        sum += 2.0 * (-(s * t).exp() / (s * (s + 1.0))).re;
    }
    sum
}

#[test]
fn delay_reference_solutions_agree() {
    for t in [8.0, 9.5, 12.25] {
        assert!((exact_delay(t) - series_delay(t)).abs() < 1e-11, "{t}: {} {}", exact_delay(t), series_delay(t));
    }
}

#[test]
fn linear_delay_equation_is_right_up_to_two_hundred_lags() {
    let path = run(&pure_delay(), &[1.0], 200.0, &[], &tight(1e-8));
    for i in 0..=2000 {
        let t = 0.1 * f64::from(i);
        let exact = if t < 10.0 { exact_delay(t) } else { series_delay(t) };
        let found = path.at(t.min(path.end())).unwrap()[0];
        assert!((found - exact).abs() < 1e-8, "t = {t}: {found} {exact}");
    }
}

#[test]
fn loose_tolerance_on_a_delay_equation_stays_close() {
    let path = run(&pure_delay(), &[1.0], 50.0, &[], &tight(1e-4));
    let worst = (0..500).map(|i| 0.1 * f64::from(i)).map(|t| {
        let exact = if t < 10.0 { exact_delay(t) } else { series_delay(t) };
        (path.at(t).unwrap()[0] - exact).abs()
    });
    assert!(worst.fold(0.0, f64::max) < 1e-4);
}

#[test]
fn lags_are_step_ends() {
    let path = run(&pure_delay(), &[1.0], 4.5, &[], &tight(1e-3));
    let times = path.times();
    for t in [1.0, 2.0, 3.0, 4.0] {
        assert!(times.iter().any(|s| (s - t).abs() < 1e-14), "{times:?}");
    }
}

#[test]
fn history_function_with_smooth_continuation_is_reproduced() {
    // x' = -(π/2) x(t-1) has the solution cos(π t / 2), which the history also follows.
    let field = Plain::new(
        1,
        |_| vec![1.0],
        |_, _, past, _, dx| dx[0] = -std::f64::consts::FRAC_PI_2 * past[0],
        |_, _, _, _, out| out.blocks[1][(0, 0)] = -std::f64::consts::FRAC_PI_2,
    );
    let half = std::f64::consts::FRAC_PI_2;
    let value = move |t: f64, out: &mut [f64]| out[0] = (half * t).cos();
    let slope = move |t: f64, out: &mut [f64]| out[0] = -half * (half * t).sin();
    let history = History::Function { value: &value, slope: &slope };
    let path = integrate(&field, 0.0, &history, &[Segment::new(20.0, &[])], &tight(1e-9)).unwrap();
    assert!((path.at(19.3).unwrap()[0] - (half * 19.3).cos()).abs() < 1e-7);
}

#[test]
fn kick_with_a_delay_is_seen_one_lag_later() {
    // x' = -x(t-1) from zero, kicked to 1 at t = 0.5: then x(t) = 1 until 1.5, falls linearly until 2.5.
    let kick = Segment { kick: vec![(0, 1.0)], ..Segment::new(4.0, &[]) };
    let segments = [Segment::new(0.5, &[]), kick];
    let path = integrate(&pure_delay(), 0.0, &History::Constant(vec![0.0]), &segments, &tight(1e-8)).unwrap();
    let close = |t: f64, x: f64| assert!((path.at(t).unwrap()[0] - x).abs() < 1e-12, "{t}: {:?}", path.at(t));
    close(0.49, 0.0);
    close(0.5, 1.0);
    close(1.5, 1.0);
    close(2.0, 0.5);
    close(2.5, 0.0);
    close(3.0, -0.375);
}

#[test]
fn a_new_lag_holds_from_its_segment_on() {
    // x' = -x(t - L): L = 1 until t = 1, so x = 1 - t; then L = 0.25: x(t) continues with slope -(1 - (t - 0.25)).
    let mut field = pure_delay();
    field.lags = |p| vec![p[0]];
    let segments = [Segment::new(1.0, &[1.0]), Segment::new(1.25, &[0.25])];
    let path = integrate(&field, 0.0, &History::Constant(vec![1.0]), &segments, &tight(1e-9)).unwrap();
    assert!((path.at(1.0).unwrap()[0]).abs() < 1e-12);
    let exact = -(1.25 * 0.25 - 0.5 * (1.25f64.powi(2) - 1.0));
    assert!((path.final_state()[0] - exact).abs() < 1e-10, "{} {exact}", path.final_state()[0]);
}

#[test]
fn parameter_segments_and_kicks_follow_the_closed_form() {
    let field = Plain::new(
        1,
        |_| Vec::new(),
        |_, x, _, p, dx| dx[0] = p[0] - x[0],
        |_, _, _, _, out| out.blocks[0][(0, 0)] = -1.0,
    );
    let segments = [Segment::new(1.0, &[2.0]), Segment { kick: vec![(0, -0.5)], ..Segment::new(3.0, &[5.0]) }];
    let path = integrate(&field, 0.0, &History::Constant(vec![0.0]), &segments, &tight(1e-10)).unwrap();
    let kicked = 2.0 * (1.0 - (-1f64).exp()) - 0.5;
    assert!((path.at(1.0).unwrap()[0] - kicked).abs() < 1e-9);
    assert!((path.final_state()[0] - (5.0 + (kicked - 5.0) * (-2f64).exp())).abs() < 1e-9);
}

#[test]
fn events_are_located_to_the_resolution_of_the_solution() {
    let field = Plain::new(
        2,
        |_| Vec::new(),
        |_, x, _, _, dx| (dx[0], dx[1]) = (x[1], -x[0]),
        |_, _, _, _, out| (out.blocks[0][(0, 1)], out.blocks[0][(1, 0)]) = (1.0, -1.0),
    );
    let crossing = |_: f64, x: &[f64]| x[0];
    let late = |t: f64, _: &[f64]| t - 9.0;
    let events = [
        Event { function: &crossing, direction: Direction::Falling, terminal: false },
        Event { function: &late, direction: Direction::Any, terminal: true },
    ];
    let history = History::Constant(vec![1.0, 0.0]);
    let mut go_on = |_: &super::Step<'_>| ControlFlow::Continue(());
    let segments = [Segment::new(100.0, &[])];
    let path = integrate_with(&field, 0.0, &history, &segments, &tight(1e-10), &events, &mut go_on).unwrap();
    assert_eq!(path.stop, Stop::Event(1));
    assert!((path.end() - 9.0).abs() < 1e-14 && (path.final_state()[0] - 9f64.cos()).abs() < 1e-8);
    let found: Vec<f64> = path.hits.iter().filter(|h| h.event == 0).map(|h| h.t).collect();
    assert_eq!(found.len(), 2);
    for (t, k) in found.iter().zip([0.5, 2.5]) {
        assert!((t - k * std::f64::consts::PI).abs() < 1e-8, "{t}");
    }
}

#[test]
fn the_pole_of_the_departure_rate_is_not_jumped() {
    // n' = -1000 n/(n+1) from n = 10 with an absurd first step: n stays in its domain and ends at 0.
    let mut field = Plain::new(
        1,
        |_| Vec::new(),
        |_, x, _, _, dx| dx[0] = -1000.0 * x[0] / (x[0] + 1.0),
        |_, x, _, _, out| out.blocks[0][(0, 0)] = -1000.0 / (x[0] + 1.0).powi(2),
    );
    field.states = vec![state("n", 0.0, f64::INFINITY, 1.0)];
    let options = Options { initial_step: Some(10.0), ..tight(1e-6) };
    let path = run(&field, &[10.0], 100.0, &[], &options);
    assert!(path.steps().all(|s| s.after()[0] >= 0.0));
    assert!(path.final_state()[0] < 1e-8);
    // n + ln n = 10 + ln 10 - 1000 t holds exactly.
    let n = path.at(0.009).unwrap()[0];
    assert!((n + n.ln() - (10.0 + 10f64.ln() - 9.0)).abs() < 1e-4, "{n}");
}

#[test]
fn a_state_driven_out_of_its_domain_is_an_error_with_time_and_name() {
    let mut field =
        Plain::new(1, |_| Vec::new(), |_, _, _, _, dx| dx[0] = -1.0, |_, _, _, _, out| out.blocks[0][(0, 0)] = 0.0);
    field.states = vec![state("level", 0.0, f64::INFINITY, 1.0)];
    let result = integrate(&field, 0.0, &History::Constant(vec![2.0]), &[Segment::new(5.0, &[])], &tight(1e-6));
    match result {
        Err(IntegrateError::StepUnderflow { t, reason: Rejection::LeftDomain { state } }) => {
            assert!((t - 2.0).abs() < 1e-6 && state == "level", "{t}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_square_root_at_zero_is_survived() {
    // Torricelli: x' = -sqrt(x), empty at t = 2 from x = 1, then stays empty.
    let mut field = Plain::new(
        1,
        |_| Vec::new(),
        |_, x, _, _, dx| dx[0] = -x[0].sqrt(),
        |_, x, _, _, out| out.blocks[0][(0, 0)] = -0.5 / x[0].sqrt(),
    );
    field.states = vec![state("x", 0.0, f64::INFINITY, 1.0)];
    let path = run(&field, &[1.0], 3.0, &[], &tight(1e-6));
    assert!((path.at(1.0).unwrap()[0] - 0.25).abs() < 1e-5);
    assert!(path.final_state()[0] < 1e-8);
}

#[test]
fn blow_up_is_an_error_at_the_time_of_the_pole() {
    let field = Plain::new(
        1,
        |_| Vec::new(),
        |_, x, _, _, dx| dx[0] = x[0] * x[0],
        |_, x, _, _, out| out.blocks[0][(0, 0)] = 2.0 * x[0],
    );
    let history = History::Constant(vec![1.0]);
    match integrate(&field, 0.0, &history, &[Segment::new(2.0, &[])], &tight(1e-6)) {
        Err(IntegrateError::StepUnderflow { t, .. }) => assert!((t - 1.0).abs() < 1e-4, "{t}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn m1_tips_at_the_published_shock() {
    // Smallest jump of n alone that tips the healthy state at load 400: 1580.318815.
    let field = m1();
    let p = [400.0, 0.75];
    let healthy = run(&field, &[0.6667, 0.0], 60.0, &p, &tight(1e-10)).final_state().to_vec();
    for (jump, tips) in [(1580.318, false), (1580.320, true)] {
        let kick = Segment { kick: vec![(0, jump)], ..Segment::new(60.0, &p) };
        let path = integrate(&field, 0.0, &History::Constant(healthy.clone()), &[kick], &tight(1e-10)).unwrap();
        assert_eq!(path.final_state()[0] > 1200.0, tips, "{jump}: {:?}", path.final_state());
    }
}

#[test]
fn forgetting_old_steps_changes_nothing() {
    let whole = run(&pure_delay(), &[1.0], 100.0, &[], &tight(1e-6));
    let lean = run(&pure_delay(), &[1.0], 100.0, &[], &Options { retain: false, ..tight(1e-6) });
    assert!(lean.is_partial() && lean.len() < whole.len());
    assert_eq!(whole.final_state(), lean.final_state());
}

#[test]
fn the_observer_can_stop() {
    let segments = [Segment::new(100.0, &[])];
    let mut early =
        |s: &super::Step<'_>| if s.end() > 5.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let history = History::Constant(vec![1.0]);
    let path = integrate_with(&pure_delay(), 0.0, &history, &segments, &tight(1e-6), &[], &mut early).unwrap();
    assert_eq!(path.stop, Stop::Observer);
    assert!(path.end() > 5.0 && path.end() < 7.0);
}

#[test]
fn wrong_arguments_are_named() {
    let field = pure_delay();
    let history = History::Constant(vec![1.0]);
    let none = integrate(&field, 0.0, &history, &[], &tight(1e-6));
    assert_eq!(none.unwrap_err(), IntegrateError::NoSegments);
    let backwards = [Segment::new(2.0, &[]), Segment::new(1.0, &[])];
    let error = integrate(&field, 0.0, &history, &backwards, &tight(1e-6)).unwrap_err();
    assert_eq!(error, IntegrateError::UnorderedSegments { index: 1, until: 1.0, before: 2.0 });
    let segments = [Segment::new(1.0, &[400.0, 0.75])];
    let error = integrate(&m1(), 0.0, &History::Constant(vec![-1.0, 0.0]), &segments, &tight(1e-6)).unwrap_err();
    assert_eq!(error, IntegrateError::StartOutsideDomain { state: "n".to_owned(), value: -1.0 });
    let long = History::Constant(vec![1.0, 2.0]);
    let error = integrate(&field, 0.0, &long, &[Segment::new(1.0, &[])], &tight(1e-6)).unwrap_err();
    assert_eq!(error, IntegrateError::Dimension { expected: 1, found: 2 });
}

#[test]
fn pulses_in_time_are_not_stepped_over() {
    // A queue of capacity 100/s with load 50/s and, for 0.2 s of every 2 s, 150/s: it peaks near 10. Nothing but the time
    // tells when the load changes, and in between all is at rest, so that the step grows until it can pass a pulse.
    let field = Plain::new(
        1,
        |_| Vec::new(),
        |t, x, _, p, dx| {
            dx[0] = if (t + p[0]).rem_euclid(2.0) < 0.2 { 150.0 } else { 50.0 } - 100.0 * x[0].min(1.0);
        },
        |_, x, _, _, out| out.blocks[0][(0, 0)] = if x[0] < 1.0 { -100.0 } else { 0.0 },
    );
    for (rtol, shift) in [(1e-5, 1.4), (1e-6, 1.0), (1e-6, 1.1), (1e-7, 0.9)] {
        let path = run(&field, &[0.0], 400.0, &[shift], &tight(rtol));
        let peak = path.steps().map(|s| s.after()[0]).fold(0.0, f64::max);
        assert!((peak - 10.0).abs() < 1.0, "rtol {rtol}, shift {shift}: {peak}");
    }
}
