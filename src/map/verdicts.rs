//! Verdict maps: the verdict of the analysis in every cell.

use super::folds::{Curve, curves};
use super::lines::{Line, Stretch, Turn};
use super::quadtree::refine;
use super::side::Side;
use crate::answers::analysis::{Verdict, verdict_at};
use crate::answers::study::Study;
use crate::sweep::design::Spacing;
use crate::sweep::measure::Remake;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// A verdict map.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VerdictMap {
    /// One verdict for each cell, row by row from the lowest; `None` where the equations could not be solved.
    pub cells: Vec<Option<Verdict>>,
    /// Fold curves by continuation in both numbers, as (horizontal, vertical) in base units.
    pub folds: Vec<Curve>,
    /// What else parts regions, in the same coordinates: folds line by line where they cannot be continued, and other marks.
    pub marks: Vec<(Turn, Vec<(f64, f64)>)>,
    /// Full analyses that were made.
    pub analyses: usize,
    /// Lines along the load that were continued; 0 where neither number is the load.
    pub lines: usize,
    /// The first message about cells without verdict.
    pub failed: Option<String>,
}

/// What a side changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A parameter of the equations.
    Parameter(usize),
    /// Their structure, or where they start.
    Structure,
}

/// The model under a map.
pub struct Ground<'a> {
    study: Mutex<Study>,
    remake: &'a Remake<'a>,
    sides: [&'a Side; 2],
    targets: [Target; 2],
    /// Which side is the load.
    load: Option<usize>,
}

/// Every so many lines are analysed at first.
const ANCHORS: usize = 64;

impl<'a> Ground<'a> {
    /// A model over two sides, the horizontal one first.
    #[must_use]
    pub fn new(study: &Study, sides: [&'a Side; 2], remake: &'a Remake<'a>) -> Self {
        let mut study = study.clone();
        study.model.triggers.clear();
        let process = study.fluid.process();
        let targets = sides.map(|side| {
            let index = process.parameter_index(&side.axis.path).filter(|_| !side.whole);
            index.map_or(Target::Structure, Target::Parameter)
        });
        let load = sides.iter().position(|side| side.axis.path == study.load.path);
        Self { study: Mutex::new(study), remake, sides, targets, load }
    }

    /// Whether one side is the load: then a map is made of lines.
    #[must_use]
    pub fn has_load(&self) -> bool {
        self.load.is_some()
    }

    /// Makes the map; `halvings` is that of [`refine`] for a map without the load. `step` is called with cells done.
    #[must_use]
    pub fn map(&self, halvings: u32, step: &(dyn Fn(usize) + Sync)) -> VerdictMap {
        match self.load {
            Some(load) => self.by_lines(load, step),
            None => self.by_cells(halvings, step),
        }
    }

    fn study(&self) -> Study {
        self.study.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The model with one side at the value of a cell, and its parameters.
    fn with(&self, changes: &[(usize, usize)]) -> Result<(Study, Vec<f64>), String> {
        let structural = |side: usize| self.targets[side] == Target::Structure;
        let study = if changes.iter().any(|&(side, _)| structural(side)) {
            let all: Vec<_> = changes.iter().map(|&(side, cell)| self.sides[side].change(cell)).collect();
            let mut study = (self.remake)(&all)?;
            study.model.triggers.clear();
            study
        } else {
            self.study()
        };
        let mut p = study.fluid.parameters();
        for &(side, cell) in changes {
            if let Some(index) = study.fluid.process().parameter_index(&self.sides[side].axis.path) {
                p[index] = self.sides[side].base(cell);
            }
        }
        Ok((study, p))
    }

    fn stretch(&self, load: usize) -> Stretch {
        let side = self.sides[load];
        let (low, high) = side.base_ends();
        let width = |cell: usize| (side.at(cell as f64 + 1.0) - side.at(cell as f64)) * side.axis.factor;
        Stretch { low, high, cell: width(0).min(width(side.cells() - 1)) }
    }

    fn by_lines(&self, load: usize, step: &(dyn Fn(usize) + Sync)) -> VerdictMap {
        let (along, across) = (self.sides[load], self.sides[1 - load]);
        let stretch = self.stretch(load);
        let count = across.cells();
        let line = |cell: usize, beside: Option<&Line>| -> Line {
            let line = match (self.with(&[(1 - load, cell)]), beside) {
                (Ok((study, p)), Some(beside)) => Line::between(&study, &p, stretch, beside),
                (Ok((study, p)), None) => Line::analysed(&study, &p, stretch),
                (Err(message), _) => Line { verdicts: vec![None], failed: Some(message), ..Line::default() },
            };
            step(along.cells());
            line
        };
        // Cells with the same value share a line.
        let first = |cell: usize| (0..=cell).rev().take_while(|&c| across.value(c) == across.value(cell)).last();
        let firsts: Vec<usize> = (0..count).map(|cell| first(cell).unwrap_or(cell)).collect();
        let mut lines: Vec<Option<Line>> = vec![None; count];
        let anchors: Vec<usize> = if across.whole {
            (0..count).filter(|&cell| firsts[cell] == cell).collect()
        } else {
            (0..count).filter(|&cell| cell % ANCHORS == 0 || cell + 1 == count).collect()
        };
        let found: Vec<Line> = anchors.par_iter().with_max_len(1).map(|&cell| line(cell, None)).collect();
        anchors.iter().zip(found).for_each(|(&cell, line)| lines[cell] = Some(line));
        if !across.whole {
            let mut gaps: Vec<(usize, usize)> = anchors.windows(2).map(|pair| (pair[0], pair[1])).collect();
            // Between lines that are not alike, one more is analysed in the middle, and so on.
            while !gaps.is_empty() {
                let unlike = |&(a, b): &(usize, usize)| match (&lines[a], &lines[b]) {
                    (Some(a), Some(b)) => !a.is_like(b),
                    _ => true,
                };
                gaps.retain(|gap| gap.1 - gap.0 > 1 && unlike(gap));
                let middles: Vec<usize> = gaps.iter().map(|gap| gap.0.midpoint(gap.1)).collect();
                let found: Vec<Line> = middles.par_iter().with_max_len(1).map(|&cell| line(cell, None)).collect();
                middles.iter().zip(found).for_each(|(&cell, line)| lines[cell] = Some(line));
                gaps = gaps.iter().zip(&middles).flat_map(|(&(a, b), &m)| [(a, m), (m, b)]).collect();
            }
            let rest: Vec<(usize, &Line)> = (0..count)
                .filter(|&cell| lines[cell].is_none())
                .filter_map(|cell| lines[..cell].iter().rev().flatten().next().map(|before| (cell, before)))
                .collect();
            let found: Vec<(usize, Line)> =
                rest.par_iter().with_max_len(1).map(|&(cell, before)| (cell, line(cell, Some(before)))).collect();
            found.into_iter().for_each(|(cell, line)| lines[cell] = Some(line));
        }
        let lines: Vec<&Line> = firsts.iter().filter_map(|&cell| lines[cell].as_ref()).collect();
        self.joined(load, &lines, &firsts)
    }

    /// The map from one line for each cell across.
    fn joined(&self, load: usize, lines: &[&Line], firsts: &[usize]) -> VerdictMap {
        let (along, across) = (self.sides[load], self.sides[1 - load]);
        let (columns, rows) = (self.sides[0].cells(), self.sides[1].cells());
        let verdict = |x: usize, y: usize| {
            let (cell, line) = if load == 0 { (x, y) } else { (y, x) };
            lines[line].verdict(along.base(cell))
        };
        let cells = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y))).map(|(x, y)| verdict(x, y)).collect();
        let own: Vec<usize> = (0..lines.len()).filter(|&cell| firsts[cell] == cell).collect();
        let folds = match self.targets[1 - load] {
            Target::Parameter(other) => {
                let study = self.study();
                let starts: Vec<(f64, &Line)> = (0..lines.len())
                    .filter(|cell| cell % (ANCHORS / 8) == 0 || cell + 1 == lines.len())
                    .map(|cell| (across.base(cell), lines[cell]))
                    .collect();
                curves(&study, &study.fluid.parameters(), other, (along, across), &starts)
            }
            Target::Structure => Vec::new(),
        };
        let turned = |(l, other): (f64, f64)| if load == 0 { (l, other) } else { (other, l) };
        let marks = joined_marks(lines, across, !folds.is_empty());
        VerdictMap {
            cells,
            folds: folds
                .into_iter()
                .map(|curve| Curve {
                    points: curve.points.into_iter().map(turned).collect(),
                    cusps: curve.cusps.into_iter().map(turned).collect(),
                })
                .collect(),
            marks: marks.into_iter().map(|(kind, points)| (kind, points.into_iter().map(turned).collect())).collect(),
            analyses: own.iter().map(|&cell| lines[cell].analyses).sum(),
            lines: own.len(),
            failed: lines.iter().find_map(|line| line.failed.clone()),
        }
    }

    fn by_cells(&self, halvings: u32, step: &(dyn Fn(usize) + Sync)) -> VerdictMap {
        let mut failed = None;
        let mut analyses = 0;
        let mut evaluate = |cells: &[(usize, usize)]| -> Result<Vec<u8>, std::convert::Infallible> {
            analyses += cells.len();
            let found: Vec<Result<Verdict, String>> = cells
                .par_iter()
                .with_max_len(1)
                .map(|&(x, y)| {
                    let (study, p) = self.with(&[(0, x), (1, y)])?;
                    let verdict = verdict_at(&study, &p).map_err(|error| error.to_string());
                    step(1);
                    verdict
                })
                .collect();
            failed = failed.take().or_else(|| found.iter().find_map(|f| f.as_ref().err().cloned()));
            Ok(found.iter().map(|f| f.as_ref().map_or(u8::MAX, |v| number(*v))).collect())
        };
        let size = (self.sides[0].cells(), self.sides[1].cells());
        let Ok(refined) = refine(size, halvings, &mut evaluate);
        let word = |label: &u8| ALL.get(usize::from(*label)).copied();
        VerdictMap { cells: refined.cells.iter().map(word).collect(), analyses, failed, ..VerdictMap::default() }
    }
}

/// All verdicts, in the order in which legends list them.
pub const ALL: [Verdict; 5] =
    [Verdict::Stable, Verdict::Vulnerable, Verdict::Metastable, Verdict::Overloaded, Verdict::Inconclusive];

fn number(verdict: Verdict) -> u8 {
    ALL.iter().position(|v| *v == verdict).map_or(u8::MAX, |i| i as u8)
}

/// Marks of neighbouring lines that are the same one, as curves (load, other). Folds are left out where they are continued, other
/// marks where the verdict is the same on both sides.
fn joined_marks(lines: &[&Line], across: &Side, continued: bool) -> Vec<(Turn, Vec<(f64, f64)>)> {
    let mut done: Vec<(Turn, Vec<(f64, f64)>)> = Vec::new();
    // The n-th mark of a line goes on from the n-th of the line before if all kinds agree.
    let mut open: Vec<(Turn, Vec<(f64, f64)>)> = Vec::new();
    let mut kinds: Vec<Turn> = Vec::new();
    for (cell, line) in lines.iter().enumerate() {
        let here: Vec<Turn> = line.marks.iter().map(|m| m.kind).collect();
        let jumps = across.whole && cell > 0 && across.value(cell) != across.value(cell - 1);
        if here != kinds || jumps {
            done.append(&mut open);
            open = here.iter().map(|kind| (*kind, Vec::new())).collect();
            kinds = here;
        }
        // A whole number's band is drawn to its ends.
        let ends = [cell as f64, cell as f64 + 0.5, cell as f64 + 1.0].map(|at| across.at(at) * across.axis.factor);
        let differ = |i: usize| line.verdicts.get(i) != line.verdicts.get(i + 1);
        for (i, (curve, mark)) in open.iter_mut().zip(&line.marks).enumerate() {
            if mark.kind != Turn::Fold && !differ(i) {
                continue;
            }
            let heights = if across.whole { &ends[..] } else { &ends[1..2] };
            curve.1.extend(heights.iter().map(|height| (mark.load, *height)));
        }
    }
    done.append(&mut open);
    done.retain(|(kind, points)| !points.is_empty() && (!continued || *kind != Turn::Fold));
    done
}

/// Whether a logarithmic side is asked for where it cannot be.
#[must_use]
pub fn is_logarithmic(side: &Side) -> bool {
    side.axis.spacing == Spacing::Logarithmic && !side.whole
}
