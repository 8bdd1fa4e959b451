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
            let kind = match (point.stable, branch.collapsed) {
                (false, _) => Kind::Unstable,
                (true, true) => Kind::Collapsed,
                (true, false) => Kind::Good,
            };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn point(load: f64, goodput: f64, stable: bool) -> BranchPoint {
        BranchPoint { load, goodput, inside: 1.0, stable }
    }

    #[test]
    fn an_s_shaped_branch_has_a_good_an_unstable_and_a_collapsed_stretch() {
        let points = vec![
            point(10.0, 10.0, true),
            point(90.0, 90.0, true),
            point(50.0, 40.0, false),
            point(25.0, 15.0, true),
            point(120.0, 5.0, true),
        ];
        let runs = split(&[Branch { points, collapsed: false }]);
        let kinds: Vec<Kind> = runs.iter().map(|run| run.kind).collect();
        assert_eq!(kinds, [Kind::Good, Kind::Unstable, Kind::Collapsed]);
        // Neighbours share the point between them: no gap in the drawing.
        assert_eq!(runs[1].points[0].load, 90.0);
        assert_eq!(at_load(&runs, None, 60.0, |p| p.goodput).count(), 2);
    }

    #[test]
    fn a_saturating_branch_alone_is_good() {
        let points = (1..=20).map(|i| point(f64::from(i) * 10.0, (f64::from(i) * 10.0).min(100.0), true)).collect();
        assert!(split(&[Branch { points, collapsed: false }]).iter().all(|run| run.kind == Kind::Good));
    }
}
