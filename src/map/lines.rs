//! The verdict along the load on one line of a map, with everything else fixed.
//!
//! As the load rises, what exists changes only where a branch of equilibria has a special point: a fold, a Hopf point, the load
//! at which it leaves for infinity, or the one at which fewer than half of the requests are answered (from there on a state does
//! not count as good). These are the **marks** of a line, from one continuation in the load. Between marks the verdict is that of
//! the full analysis, made near both ends and in the middle of each interval. Where these differ (curves of equilibria that the
//! main branch does not lead to; the start values crossing from one basin into another), the change is bisected and becomes a mark too.
//!
//! Lines side by side whose marks are of the same kinds in the same order, with the same verdicts, cut the same regions of the
//! plane: a line between them that has these marks again takes over the verdicts (stability, which is most of the work, is computed on it only if its neighbours have Hopf points). One that has not, or next to marks that only the analysis knows,
//! is analysed itself.

use crate::answers::analysis::{Verdict, verdict_at};
use crate::answers::landscape::{LandscapeError, main_branch_with};
use crate::answers::study::Study;
use crate::dynamics::continuation::{Branch, End, FoldPoint, Kind, Location, Point};
use crate::dynamics::newton::newton;
use crate::process::fluid::Fluid;

/// What happens at a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// Two equilibria meet and vanish.
    Fold,
    /// An equilibrium becomes an oscillation.
    Hopf,
    /// A state leaves for infinity.
    Escape,
    /// Fewer than half of the requests are answered.
    Starved,
    /// The analysis says something else on the other side; the branch does not show why.
    Other,
}

/// A load at which something changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// The load, in base units.
    pub load: f64,
    /// What happens.
    pub kind: Turn,
}

/// The verdicts along a line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// Marks by rising load.
    pub marks: Vec<Mark>,
    /// Verdicts between them: one more than marks.
    pub verdicts: Vec<Option<Verdict>>,
    /// The folds of the branch.
    pub folds: Vec<FoldPoint>,
    /// Analyses that were made.
    pub analyses: usize,
    /// Why there is no branch, where there is none.
    pub failed: Option<String>,
}

/// Where an interval is looked at, as shares of it.
const SAMPLES: [f64; 3] = [0.02, 0.5, 0.98];
/// An interval shorter than this share of a cell is looked at in its middle only.
const SHORT: f64 = 0.25;
/// A change of verdict is bisected to this share of a cell.
const RESOLUTION: f64 = 1.0 / 16.0;

/// The stretch of load that a line covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Lowest load.
    pub low: f64,
    /// Highest load.
    pub high: f64,
    /// The width of a cell, where it is smallest.
    pub cell: f64,
}

impl Line {
    /// The line of a model at parameters `p`, with the analysis in every interval.
    #[must_use]
    pub fn analysed(study: &Study, p: &[f64], stretch: Stretch) -> Self {
        let mut line = match Self::marked(study, p, stretch, true) {
            Ok(line) => line,
            Err(error) => return Self { verdicts: vec![None], failed: Some(error.to_string()), ..Self::default() },
        };
        let mut ends = vec![stretch.low];
        ends.extend(line.marks.iter().map(|m| m.load));
        ends.push(stretch.high);
        let (mut marks, mut verdicts, mut analyses) = (Vec::new(), Vec::new(), 0);
        let mut verdict = |load: f64| {
            analyses += 1;
            let mut p = p.to_vec();
            p[study.load_index(&study.fluid)] = load;
            verdict_at(study, &p).ok()
        };
        for (i, pair) in ends.windows(2).enumerate() {
            let (low, width) = (pair[0], pair[1] - pair[0]);
            let short = width < SHORT * stretch.cell;
            let shares: &[f64] = if short { &SAMPLES[1..2] } else { &SAMPLES };
            let seen: Vec<(f64, Option<Verdict>)> =
                shares.iter().map(|share| low + share * width).map(|load| (load, verdict(load))).collect();
            verdicts.push(seen[0].1);
            for two in seen.windows(2) {
                let ((mut a, first), (mut b, last)) = (two[0], two[1]);
                if first == last {
                    continue;
                }
                while b - a > RESOLUTION * stretch.cell {
                    let middle = 0.5 * (a + b);
                    if verdict(middle) == first { a = middle } else { b = middle }
                }
                marks.push(Mark { load: 0.5 * (a + b), kind: Turn::Other });
                verdicts.push(last);
            }
            marks.extend(line.marks.get(i));
        }
        line.marks = marks;
        line.verdicts = verdicts;
        line.analyses = analyses;
        line
    }

    /// The line between two that are [alike](Self::is_like); analysed if it is not like them itself.
    #[must_use]
    pub fn between(study: &Study, p: &[f64], stretch: Stretch, beside: &Self) -> Self {
        let oscillates = beside.marks.iter().any(|m| m.kind == Turn::Hopf);
        match Self::marked(study, p, stretch, oscillates) {
            Ok(line) if line.same_marks(beside) => Self { verdicts: beside.verdicts.clone(), ..line },
            _ => Self::analysed(study, p, stretch),
        }
    }

    /// Whether what lies between this line and another can be told from their marks.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let known = |line: &Self| line.failed.is_none() && line.marks.iter().all(|m| m.kind != Turn::Other);
        known(self) && known(other) && self.same_marks(other) && self.verdicts == other.verdicts
    }

    fn same_marks(&self, other: &Self) -> bool {
        self.marks.iter().map(|m| m.kind).eq(other.marks.iter().map(|m| m.kind))
    }

    /// The verdict at a load.
    #[must_use]
    pub fn verdict(&self, load: f64) -> Option<Verdict> {
        self.verdicts.get(self.marks.partition_point(|m| m.load <= load)).copied().flatten()
    }

    /// The marks alone.
    fn marked(study: &Study, p: &[f64], stretch: Stretch, stability: bool) -> Result<Self, LandscapeError> {
        let (fluid, load) = (&study.fluid, study.load_index(&study.fluid));
        let mut p = p.to_vec();
        // So the branch begins low enough, and its first stage ends where the line does.
        p[load] = 0.25 * stretch.high;
        let branch = main_branch_with(fluid, &p, load, stability)?;
        let mut marks = specials(&branch);
        marks.extend(starving(fluid, &p, load, &branch, stretch));
        marks.retain(|m| stretch.low < m.load && m.load < stretch.high);
        marks.sort_by(|a, b| a.load.total_cmp(&b.load));
        let folds = branch.folds().filter(|f| stretch.low < f.parameter && f.parameter < stretch.high).cloned();
        Ok(Self { marks, folds: folds.collect(), ..Self::default() })
    }
}

/// The special points of a branch.
fn specials(branch: &Branch) -> Vec<Mark> {
    let mark = |load: f64, kind: Turn| Mark { load, kind };
    let between = |(a, b): (f64, f64)| mark(0.5 * (a + b), Turn::Other);
    let mut marks: Vec<Mark> = Vec::new();
    for special in &branch.specials {
        match &special.kind {
            Kind::Fold(Location::Refined(fold)) => marks.push(mark(fold.parameter, Turn::Fold)),
            Kind::Hopf(Location::Refined(hopf)) => marks.push(mark(hopf.parameter, Turn::Hopf)),
            Kind::Fold(Location::Unrefined(bracket)) | Kind::Hopf(Location::Unrefined(bracket)) => {
                marks.push(between(bracket.parameter));
            }
            Kind::BranchPoint(_) => {}
        }
    }
    if let (End::Unbounded { .. }, Some(last)) = (branch.end, branch.points.last()) {
        marks.push(mark(last.parameter, Turn::Escape));
    }
    marks
}

/// The loads at which the good part of a branch passes half of the requests.
fn starving(fluid: &Fluid, p: &[f64], load: usize, branch: &Branch, stretch: Stretch) -> Vec<Mark> {
    let process = fluid.process();
    let (Some(goodput), Some(requests)) = (process.output_index("goodput"), process.output_index("load")) else {
        return Vec::new();
    };
    let excess = |at: f64, x: &[f64]| {
        let mut p = p.to_vec();
        p[load] = at;
        let values = fluid.outputs_at_rest(x, &p);
        values[goodput] - 0.5 * values[requests]
    };
    // Behind its first fold a branch is not called good, whatever it answers.
    let first = branch.specials.iter().find(|s| !matches!(s.kind, Kind::BranchPoint(_)));
    let good = first.map_or(branch.points.len(), |s| s.after + 2).min(branch.points.len());
    let inside = |q: &Point| stretch.low <= q.parameter && q.parameter <= stretch.high;
    let mut marks = Vec::new();
    for pair in branch.points[..good].windows(2).filter(|pair| pair.iter().any(inside)) {
        let (mut a, mut b) = (pair[0].clone(), pair[1].clone());
        let from = excess(a.parameter, &a.x) >= 0.0;
        if from == (excess(b.parameter, &b.x) >= 0.0) {
            continue;
        }
        // Where the branch turns within the step its ends have no middle to be solved at; the step is short there.
        while (b.parameter - a.parameter).abs() > RESOLUTION * stretch.cell {
            let at = 0.5 * (a.parameter + b.parameter);
            let guess: Vec<f64> = a.x.iter().zip(&b.x).map(|(x, y)| 0.5 * (x + y)).collect();
            let mut p = p.to_vec();
            p[load] = at;
            let Ok(root) = newton(fluid, &p, &guess) else { break };
            let middle = Point { x: root.x, parameter: at, ..a.clone() };
            if (excess(at, &middle.x) >= 0.0) == from { a = middle } else { b = middle }
        }
        marks.push(Mark { load: 0.5 * (a.parameter + b.parameter), kind: Turn::Starved });
    }
    marks
}
