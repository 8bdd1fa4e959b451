//! Limits of a closed form: load along the curve of equilibria, as a function of one state.

use crate::common::{close, findings, study};
use tipping::answers::analysis::Analysis;
use tipping::answers::limits::LimitKind;

/// 1/(1 + e^-x).
pub(crate) fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Tip-over and recovery load of a curve: its first maximum, and the lowest point behind it (`None` if nothing behind it
/// is a minimum; at the end of the curve, where a state grows without bound, the end counts).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Curve {
    pub(crate) tip_over: f64,
    pub(crate) recovery: f64,
    /// The state at the tip-over load.
    pub(crate) state: f64,
}

/// Scans `load` on 40,000 logarithmic points from `from` to `to` and refines extrema by golden section.
pub(crate) fn curve(load: impl Fn(f64) -> f64, from: f64, to: f64) -> Curve {
    const POINTS: usize = 40_000;
    let at = |i: usize| from * (to / from).powf(i as f64 / (POINTS - 1) as f64);
    let values: Vec<f64> = (0..POINTS).map(|i| load(at(i))).collect();
    let first = (1..POINTS - 1).find(|&i| values[i] > values[i - 1] && values[i] >= values[i + 1]).expect("a maximum");
    let state = extremum(&load, at(first - 1), at(first + 1));
    let lowest = (first..POINTS).min_by(|&a, &b| values[a].total_cmp(&values[b])).expect("a point");
    let recovery =
        if lowest + 1 < POINTS { load(extremum(|x| -load(x), at(lowest - 1), at(lowest + 1))) } else { values[lowest] };
    Curve { tip_over: load(state), recovery, state }
}

/// The maximum of `f` in a bracket, by golden section.
fn extremum(f: impl Fn(f64) -> f64, mut a: f64, mut b: f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    for _ in 0..80 {
        let (left, right) = (b - GOLDEN * (b - a), a + GOLDEN * (b - a));
        if f(left) < f(right) { a = left } else { b = right }
    }
    0.5 * (a + b)
}

/// The root of a monotone function in a bracket, by bisection.
pub(crate) fn root(f: impl Fn(f64) -> f64, mut a: f64, mut b: f64) -> f64 {
    let sign = f(a).signum();
    for _ in 0..200 {
        let middle = 0.5 * (a + b);
        if f(middle).signum() == sign { a = middle } else { b = middle }
    }
    0.5 * (a + b)
}

/// Asserts that the analysis of a model finds both limits of its closed form. Folds are found to about 1e-9, the maximum of
/// the closed form to the square root of the precision: 1e-6 is loose for both, and far below any mistake in an equation.
/// Where a state grows without bound the branch is cut off at some large state, 1e-5 before its end.
#[track_caller]
pub(crate) fn holds(name: &str, overrides: &[&str], expected: Curve) -> Analysis {
    let analysis = findings(&study(name, overrides)).analysis;
    close(analysis.tip_over_load.as_ref().expect("a tip-over load").value, expected.tip_over, 1e-6);
    let recovery = analysis.recovery_load.as_ref().expect("a recovery load");
    close(recovery.value, expected.recovery, if recovery.kind == LimitKind::Escape { 1e-5 } else { 1e-6 });
    analysis
}
