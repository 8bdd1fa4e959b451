//! Branches cut into stretches of one stability, and which of the stable ones are the good and the collapsed state.

use super::{Branch, BranchPoint, Escape};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Good,
    Collapsed,
    Unstable,
}

/// A stretch of a branch.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) kind: Kind,
    pub(super) points: Vec<BranchPoint>,
}

/// The stretches of all branches. Neighbours share the point between them. A stable stretch is the collapsed state if
/// another stable one serves more at some load where both exist.
pub(super) fn split(branches: &[Branch]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for branch in branches {
        let mut open: Option<Run> = None;
        for &point in &branch.points {
            let kind = if point.stable { Kind::Good } else { Kind::Unstable };
            match &mut open {
                Some(run) if run.kind == kind => run.points.push(point),
                _ => {
                    let joint = open.as_ref().and_then(|run| run.points.last().copied());
                    runs.extend(open.replace(Run { kind, points: joint.into_iter().chain([point]).collect() }));
                }
            }
        }
        runs.extend(open);
    }
    let collapsed: Vec<bool> = (0..runs.len()).map(|i| is_collapsed(&runs, i)).collect();
    for (run, collapsed) in runs.iter_mut().zip(collapsed) {
        if collapsed {
            run.kind = Kind::Collapsed;
        }
    }
    runs
}

fn is_collapsed(runs: &[Run], index: usize) -> bool {
    let this = &runs[index];
    let worse_than = |other: &Run| {
        this.points
            .iter()
            .filter(|p| p.stable)
            .any(|p| crossings(other, p.load, |q| q.goodput).any(|better| better > p.goodput + 0.01 * better.abs()))
    };
    let others = runs.iter().enumerate().filter(|(i, run)| *i != index && run.kind != Kind::Unstable);
    this.kind != Kind::Unstable && others.map(|(_, run)| run).any(worse_than)
}

/// The values of all stable states at a load.
pub(super) fn at_load(
    runs: &[Run],
    escape: Option<&Escape>,
    load: f64,
    value: fn(&BranchPoint) -> f64,
) -> impl Iterator<Item = f64> {
    let stable = runs.iter().filter(|run| run.kind != Kind::Unstable);
    let on_branches: Vec<f64> = stable.flat_map(|run| crossings(run, load, value)).collect();
    let points = escape.map_or(&[][..], |escape| &escape.points);
    let on_escape: Vec<f64> = points.windows(2).filter_map(|pair| between(pair[0], pair[1], load)).collect();
    on_branches.into_iter().chain(on_escape)
}

fn crossings(run: &Run, load: f64, value: fn(&BranchPoint) -> f64) -> impl Iterator<Item = f64> {
    run.points
        .windows(2)
        .filter_map(move |pair| between((pair[0].load, value(&pair[0])), (pair[1].load, value(&pair[1])), load))
}

/// The value at `x` on the straight line between two points, if it is between them.
fn between(a: (f64, f64), b: (f64, f64), x: f64) -> Option<f64> {
    let (low, high) = (a.0.min(b.0), a.0.max(b.0));
    if !(low <= x && x <= high) {
        return None;
    }
    let y = if a.0 == b.0 { a.1 } else { a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0) };
    y.is_finite().then_some(y)
}
