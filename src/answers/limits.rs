//! Tip-over load and recovery load, read off the main branch.
//!
//! Walking up from low load, the good branch ends at the first fold, at the first Hopf point, or where it leaves for
//! infinity: the **tip-over load**. Behind a fold the branch turns back, unstable, to the lower fold, where the collapsed
//! branch begins, or to infinity, where the escape begins: the **recovery load**. A branch without either, on which
//! goodput peaks and then falls below half of the peak, tips over at the peak, without hysteresis.

use super::detached::recovery_of_detached;
use super::landscape::Landscape;
use crate::dynamics::continuation::{Branch, End, FoldPoint, Kind, Location};
use crate::dynamics::newton::newton;
use crate::process::fluid::Fluid;

/// What ends a branch of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitKind {
    /// The state meets an unstable one and both vanish.
    Fold,
    /// The state becomes an oscillation.
    Hopf,
    /// The state grows without bound.
    Escape,
    /// Goodput falls from its peak, smoothly.
    Peak,
}

/// A load at which a kind of state ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// The load.
    pub load: f64,
    /// What happens there.
    pub kind: LimitKind,
    /// The state there, if it is finite.
    pub x: Option<Vec<f64>>,
    /// Angular frequency of the oscillation that begins at a Hopf point, 1/s.
    pub omega: Option<f64>,
}

/// Both limits of a branch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    /// Where the good state ends as load rises.
    pub tip_over: Option<Limit>,
    /// Where the collapsed state ends as load falls.
    pub recovery: Option<Limit>,
    /// Number of branch segments that belong to the good state: segments 0..good of the branch.
    pub good_segments: usize,
    /// Folds that were bracketed but not refined, and other things a reader must know.
    pub warnings: Vec<String>,
}

/// Reads the limits off the main branch of a landscape.
#[must_use]
pub fn limits(fluid: &Fluid, load: usize, landscape: &Landscape) -> Limits {
    let branch = &landscape.branch;
    let mut limits = Limits { good_segments: branch.points.len(), ..Limits::default() };
    for special in &branch.specials {
        let past_tip = limits.tip_over.is_some();
        match &special.kind {
            Kind::Fold(Location::Refined(fold)) => {
                if past_tip {
                    recover(&mut limits, fold);
                } else {
                    limits.tip_over = Some(at_fold(fold));
                    limits.good_segments = special.after + 1;
                }
            }
            Kind::Fold(Location::Unrefined(bracket)) => {
                let (a, b) = bracket.parameter;
                limits.warnings.push(format!("a fold between load {a} and {b} was not refined"));
                if !past_tip {
                    limits.good_segments = special.after + 1;
                    return limits;
                }
            }
            Kind::Hopf(location) if !past_tip && loses_stability(branch, special.after) => match location {
                Location::Refined(hopf) => {
                    limits.tip_over = Some(Limit {
                        load: hopf.parameter,
                        kind: LimitKind::Hopf,
                        x: Some(hopf.x.clone()),
                        omega: Some(hopf.omega),
                    });
                    limits.good_segments = special.after + 1;
                }
                Location::Unrefined(bracket) => {
                    let (a, b) = bracket.parameter;
                    limits.warnings.push(format!("a Hopf point between load {a} and {b} was not refined"));
                    limits.good_segments = special.after + 1;
                    return limits;
                }
            },
            Kind::Hopf(_) | Kind::BranchPoint(_) => {}
        }
    }
    match (branch.end, branch.points.last()) {
        (End::Unbounded { .. }, Some(last)) => {
            let limit = Limit { load: last.parameter, kind: LimitKind::Escape, x: None, omega: None };
            match (&limits.tip_over, &limits.recovery) {
                (None, _) => limits.tip_over = Some(limit),
                (Some(_), None) => limits.recovery = Some(limit),
                _ => {}
            }
        }
        (End::ParameterBound, _) if limits.tip_over.is_none() => limits.tip_over = peak(fluid, load, landscape),
        (End::MaxPoints | End::StepUnderflow | End::DomainBound { .. }, Some(last)) => limits
            .warnings
            .push(format!("the branch was followed to load {:.6} only ({:?})", last.parameter, branch.end)),
        _ => {}
    }
    recovery_of_detached(fluid, load, landscape, &mut limits);
    limits
}

fn at_fold(fold: &FoldPoint) -> Limit {
    Limit { load: fold.parameter, kind: LimitKind::Fold, x: Some(fold.x.clone()), omega: None }
}

/// A later fold is the recovery load if it is lower than any before it.
fn recover(limits: &mut Limits, fold: &FoldPoint) {
    let below_tip = limits.tip_over.as_ref().is_some_and(|t| fold.parameter < t.load);
    let lowest = limits.recovery.as_ref().is_none_or(|r| fold.parameter < r.load);
    if below_tip && lowest {
        limits.recovery = Some(at_fold(fold));
    }
}

fn loses_stability(branch: &Branch, after: usize) -> bool {
    branch.points.get(after).and_then(|p| p.unstable) == Some(0)
}

/// The peak of goodput along a branch without folds, by golden-section search between its points; `None` if goodput
/// never falls below half of it.
fn peak(fluid: &Fluid, load: usize, landscape: &Landscape) -> Option<Limit> {
    let index = fluid.process().output_index("goodput")?;
    let points = &landscape.branch.points;
    let goodput = |parameter: f64, x: &[f64]| {
        let mut p = landscape.parameters.clone();
        p[load] = parameter;
        fluid.outputs_at_rest(x, &p)[index]
    };
    let values: Vec<f64> = points.iter().map(|q| goodput(q.parameter, &q.x)).collect();
    let best = (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b]))?;
    if *values.last()? > 0.5 * values[best] {
        return None;
    }
    let (from, to) = (best.saturating_sub(1), (best + 1).min(points.len() - 1));
    let (mut a, mut b) = (points[from].parameter, points[to].parameter);
    let solve = |at: f64| {
        let mut p = landscape.parameters.clone();
        p[load] = at;
        newton(fluid, &p, &points[best].x).ok().map(|root| (goodput(at, &root.x), root.x))
    };
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    for _ in 0..60 {
        let (left, right) = (b - GOLDEN * (b - a), a + GOLDEN * (b - a));
        if solve(left)?.0 < solve(right)?.0 { a = left } else { b = right }
    }
    let at = 0.5 * (a + b);
    Some(Limit { load: at, kind: LimitKind::Peak, x: Some(solve(at)?.1), omega: None })
}
