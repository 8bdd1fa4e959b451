//! Goodput and number inside against load, along the branch that the analysis rests on.

use super::{NamedFigure, subtitle};
use crate::answers::analysis::Findings;
use crate::answers::limits::{Limit, LimitKind};
use crate::answers::study::Study;
use crate::dynamics::continuation::{Branch, BranchOptions, End, Point, follow_both};
use crate::plot::{self, BranchPoint, Fold, Hysteresis, PlotError};
use crate::process::fluid::Fluid;
use crate::report::measures::{self, Measure};
use crate::report::words::{capitalised, measured};

/// How far beyond the tip-over load the axis goes.
const BEYOND: f64 = 1.35;
/// How far beyond the largest state the number inside goes.
const HIGHEST: f64 = 30.0;
/// Lowest load drawn, as a share of today's.
const LOWEST: f64 = 0.02;

/// Reads goodput and number inside at a load.
struct Eye<'a> {
    fluid: &'a Fluid,
    parameters: Vec<f64>,
    load: usize,
    factor: f64,
    goodput: Option<Measure>,
    inside: Measure,
}

impl Eye<'_> {
    /// `(load, goodput, inside)` of an equilibrium, in the units of the chart.
    fn at(&self, load: f64, x: &[f64]) -> (f64, f64, f64) {
        let mut p = self.parameters.clone();
        p[self.load] = load;
        let outputs = self.fluid.outputs_at_rest(x, &p);
        let goodput = self.goodput.as_ref().map_or(f64::NAN, |m| m.value(x, &outputs, &p));
        (load / self.factor, goodput, self.inside.value(x, &outputs, &p))
    }

    fn point(&self, point: &Point) -> BranchPoint {
        let (load, goodput, inside) = self.at(point.parameter, &point.x);
        BranchPoint { load, goodput, inside, stable: point.stable().unwrap_or(false) }
    }

    fn fold(&self, limit: &Limit) -> Fold {
        match &limit.x {
            Some(x) => {
                let (load, goodput, inside) = self.at(limit.load, x);
                Fold { load, goodput, inside }
            }
            None => Fold { load: limit.load / self.factor, goodput: f64::NAN, inside: f64::NAN },
        }
    }
}

pub(super) fn draw(study: &Study, findings: &Findings) -> Result<NamedFigure, PlotError> {
    let fluid = &study.fluid;
    let analysis = &findings.analysis;
    let landscape = &findings.landscape;
    let load = study.load_index(fluid);
    let eye = Eye {
        fluid,
        parameters: landscape.parameters.clone(),
        load,
        factor: study.load.factor,
        goodput: measures::goodput(study, fluid),
        inside: measures::inside(fluid),
    };
    let today = landscape.parameters[load];
    let tip = findings.limits.tip_over.as_ref().map_or(today, |t| t.load);
    let widest = BEYOND * tip.max(today);
    let fine = refined(fluid, &landscape.parameters, load, &landscape.branch, (LOWEST * today, widest));
    let cap = cap(findings, &eye);
    let points = cut(fine.points.iter().map(|p| eye.point(p)), widest / study.load.factor, cap);
    let unit = &study.load.unit;
    let title = match (&analysis.tip_over_load, &analysis.recovery_load) {
        (Some(tip), Some(back)) => {
            format!("Tips over at {}, recovers below {}", measured(tip.value, unit), measured(back.value, unit))
        }
        (Some(tip), None) if tip.kind == LimitKind::Hopf => {
            format!("Swings instead of settling above {}", measured(tip.value, unit))
        }
        (Some(tip), None) => format!("Tips over at {}, without hysteresis", measured(tip.value, unit)),
        (None, _) => "Goodput and number inside against load".to_owned(),
    };
    let chart = Hysteresis {
        title: title.clone(),
        subtitle: Some(subtitle(study)),
        unit: unit.clone(),
        inside_label: capitalised(&eye.inside.name),
        inside_unit: eye.inside.unit.clone(),
        branches: branches(points, findings, &eye),
        escape: escape(findings, &eye, widest),
        tip_over: findings.limits.tip_over.as_ref().map(|l| eye.fold(l)),
        recovery: findings.limits.recovery.as_ref().map(|l| eye.fold(l)),
        today: Some(analysis.load.value),
    };
    Ok(NamedFigure { name: "hysteresis".to_owned(), about: format!("Along the load: {title}"), figure: chart.draw()? })
}

/// The branch again within the axis, in steps short enough for a smooth curve; as it was if that fails.
fn refined(fluid: &Fluid, p: &[f64], load: usize, branch: &Branch, range: (f64, f64)) -> Branch {
    let again = || {
        let start = branch.points.iter().find(|q| range.0 <= q.parameter && q.parameter <= range.1)?;
        let mut p = p.to_vec();
        p[load] = start.parameter;
        let options = BranchOptions { largest_step: 0.1, ..BranchOptions::new(range.0, range.1) };
        let found = follow_both(fluid, &p, load, &start.x, &options).ok()?;
        (found.specials.len() >= branch.specials.len()).then_some(found)
    };
    again().unwrap_or_else(|| branch.clone())
}

/// Largest number inside that is drawn: a branch that leaves for infinity would push all else to the bottom.
fn cap(findings: &Findings, eye: &Eye<'_>) -> f64 {
    let limits = [&findings.limits.tip_over, &findings.limits.recovery].into_iter().flatten();
    let folds = limits.map(|l| eye.fold(l).inside).filter(|v| v.is_finite());
    let states = findings.landscape.states.iter().map(|s| eye.at(eye.parameters[eye.load], &s.x).2);
    let largest = folds.chain(states).fold(0.0, f64::max);
    match findings.landscape.branch.end {
        End::Unbounded { .. } if largest > 0.0 => HIGHEST * largest,
        _ => f64::INFINITY,
    }
}

/// One branch; behind a peak of goodput, what serves less than half of it counts as collapsed.
fn branches(points: Vec<BranchPoint>, findings: &Findings, eye: &Eye<'_>) -> Vec<plot::Branch> {
    let peak = findings.limits.tip_over.as_ref().filter(|t| t.kind == LimitKind::Peak).map(|t| eye.fold(t));
    let starved = |p: &BranchPoint, peak: Fold| p.load > peak.load && p.goodput < 0.5 * peak.goodput;
    let Some(at) = peak.and_then(|peak| points.iter().position(|p| starved(p, peak))) else {
        return vec![plot::Branch { points, collapsed: false }];
    };
    let collapsed = plot::Branch { points: points[at.saturating_sub(1)..].to_vec(), collapsed: true };
    vec![plot::Branch { points: points[..at].to_vec(), collapsed: false }, collapsed]
}

/// The points up to the largest load and number inside; a curve that leaves the axis ends exactly there.
fn cut(points: impl Iterator<Item = BranchPoint>, largest: f64, cap: f64) -> Vec<BranchPoint> {
    let mut kept: Vec<BranchPoint> = Vec::new();
    let mut before: Option<BranchPoint> = None;
    for point in points {
        if let Some(b) = before
            && (b.load <= largest) != (point.load <= largest)
        {
            let share = (largest - b.load) / (point.load - b.load);
            let mix = |from: f64, to: f64| from + share * (to - from);
            let (goodput, inside) = (mix(b.goodput, point.goodput), mix(b.inside, point.inside));
            kept.push(BranchPoint { load: largest, goodput, inside, stable: b.stable });
        }
        if point.load <= largest && point.inside <= cap {
            kept.push(point);
        }
        before = Some(point);
    }
    kept
}

/// The collapsed state as unbounded growth, from the load where it begins.
fn escape(findings: &Findings, eye: &Eye<'_>, widest: f64) -> Option<plot::Escape> {
    let landscape = &findings.landscape;
    let limits = &findings.limits;
    let today = landscape.parameters[eye.load];
    let begin = match (landscape.branch.end, landscape.branch.points.last(), &landscape.escape) {
        (End::Unbounded { .. }, Some(last), _) => last.parameter,
        // A collapsed state that is an equilibrium at its lower end may still grow without bound further up.
        (_, _, Some(_)) => limits.recovery.as_ref().map_or(today, |l| l.load),
        _ => return None,
    };
    let far = landscape.escape.as_ref().and_then(|e| e.x.as_ref()).or(landscape.branch.points.last().map(|p| &p.x))?;
    const STEPS: usize = 40;
    let points = (0..=STEPS)
        .map(|i| begin + (widest - begin) * i as f64 / STEPS as f64)
        .map(|load| eye.at(load, far))
        .map(|(load, goodput, _)| (load, goodput))
        .collect();
    Some(plot::Escape { points })
}
