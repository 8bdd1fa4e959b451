//! Basin maps: where runs end that start from each point of a plane of start values, everything else as the model has it.
//!
//! A run ends where its outcome is decided ([`outcome`](mod@crate::dynamics::outcome)): captured by a stable equilibrium, growing without bound, or neither
//! in the time that is allowed. Models without lags are followed many at a time in the lanes of vector registers. With lags the whole past
//! before the start has the start value.
//!
//! The line between two basins is bisected between the middles of neighbouring cells. In a system of two states it is the stable manifold
//! of the saddle (the separatrix); in a larger one it is the section of that manifold with the plane.

use super::boundary::{Crossing, crossings, joined};
use super::quadtree::refine;
use super::side::Side;
use crate::answers::analysis::{Findings, analyze_as_is};
use crate::answers::landscape::patience;
use crate::answers::study::Study;
use crate::dynamics::ensemble::{Ensemble, Job};
use crate::dynamics::integrate::{History, Options, Segment};
use crate::dynamics::outcome::{Judge, Outcome};
use crate::process::fluid::Fluid;
use rayon::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// A basin map.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BasinMap {
    /// Names of the ends, in the order of labels: states by their name in the analysis, `escape`, `undecided`.
    pub ends: Vec<String>,
    /// One label for each cell, row by row from the lowest.
    pub cells: Vec<u8>,
    /// What parts the basins: curves of (horizontal, vertical) in base units.
    pub boundary: Vec<Vec<(f64, f64)>>,
    /// Equilibria as (name, horizontal, vertical).
    pub states: Vec<(String, f64, f64)>,
    /// Runs that were made for cells.
    pub runs: usize,
    /// Runs that were made for the boundary.
    pub boundary_runs: usize,
}

/// Halvings of the distance between two cells where the boundary passes.
const HALVINGS: usize = 8;
/// Relative tolerance of runs. Finer than that the boundary does not move by a hundredth of a cell.
const TOLERANCE: f64 = 1e-6;
/// Most steps of a run.
const STEPS: usize = 100_000;

/// Everything that runs need.
pub struct Basins<'a> {
    fluid: Mutex<Fluid>,
    ensemble: Option<Ensemble>,
    judge: Arc<Judge>,
    sides: [&'a Side; 2],
    states: [usize; 2],
    start: Vec<f64>,
    segments: Vec<Segment>,
    ends: Vec<String>,
    equilibria: Vec<(String, f64, f64)>,
}

impl<'a> Basins<'a> {
    /// The basins of a model in the plane of two of its states, the horizontal one first.
    ///
    /// # Errors
    /// A message if not even the branch at low load can be found.
    pub fn new(study: &Study, sides: [&'a Side; 2], states: [usize; 2]) -> Result<Self, String> {
        let mut study = study.clone();
        study.model.triggers.clear();
        let Findings { analysis, landscape, .. } = analyze_as_is(&study, "").map_err(|error| error.to_string())?;
        let fluid = study.fluid;
        let (judge, stable) = landscape.judge(&fluid);
        let name = |i: usize| analysis.states.get(i).map(|s| s.name.clone()).unwrap_or_default();
        let mut ends: Vec<String> = stable.iter().map(|&i| name(i)).collect();
        ends.extend(["escape".to_owned(), "undecided".to_owned()]);
        let places = landscape.states.iter().enumerate();
        let equilibria = places.map(|(i, s)| (name(i), s.x[states[0]], s.x[states[1]])).collect();
        let p = landscape.parameters;
        Ok(Self {
            ensemble: Ensemble::new(&fluid).ok(),
            judge: Arc::new(judge),
            sides,
            states,
            start: fluid.start(),
            segments: vec![Segment::new(patience(&fluid, &p), &p)],
            ends,
            equilibria,
            fluid: Mutex::new(fluid),
        })
    }

    /// Makes the map; `halvings` is that of [`refine`].
    #[must_use]
    pub fn map(&self, halvings: u32) -> BasinMap {
        let size = (self.sides[0].cells(), self.sides[1].cells());
        let middle = |(x, y): (usize, usize)| (self.sides[0].base(x), self.sides[1].base(y));
        let mut evaluate = |cells: &[(usize, usize)]| -> Result<Vec<u8>, std::convert::Infallible> {
            Ok(self.labels(&cells.iter().copied().map(middle).collect::<Vec<_>>()))
        };
        let Ok(refined) = refine(size, halvings, &mut evaluate);
        let mut between = crossings(size, &refined.cells);
        let boundary_runs = HALVINGS * between.len();
        for _ in 0..HALVINGS {
            let places: Vec<(f64, f64)> = between.iter().map(|c| self.place(c)).collect();
            for (crossing, label) in between.iter_mut().zip(self.labels(&places)) {
                crossing.narrow(label);
            }
        }
        let places: Vec<(f64, f64)> = between.iter().map(|c| self.place(c)).collect();
        BasinMap {
            boundary: joined(size, &between, &places),
            ends: self.ends.clone(),
            states: self.equilibria.clone(),
            runs: refined.evaluated,
            cells: refined.cells,
            boundary_runs,
        }
    }

    /// The middle of what is left of a crossing.
    fn place(&self, crossing: &Crossing) -> (f64, f64) {
        let (x, y) = crossing.place();
        let base = |side: &Side, at: f64| side.at(at) * side.axis.factor;
        (base(self.sides[0], x), base(self.sides[1], y))
    }

    /// Labels of runs from these start values.
    fn labels(&self, starts: &[(f64, f64)]) -> Vec<u8> {
        let begin = |&(x, y): &(f64, f64), start: &mut Vec<f64>| {
            start.clone_from(&self.start);
            (start[self.states[0]], start[self.states[1]]) = (x, y);
        };
        let options = Options { rtol: TOLERANCE, retain: false, max_steps: STEPS, ..Options::default() };
        if let Some(ensemble) = &self.ensemble {
            let ended = ensemble.run(starts.len(), &options, &|i, job: &mut Job| {
                begin(&starts[i], &mut job.start);
                job.segments.clone_from(&self.segments);
                job.judge = Some(Arc::clone(&self.judge));
            });
            return ended.iter().map(|e| self.label(e.outcome)).collect();
        }
        let fluid = self.fluid.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let part = starts.len().div_ceil(8 * rayon::current_num_threads().max(1)).max(1);
        let parts: Vec<(Fluid, &[(f64, f64)])> = starts.chunks(part).map(|some| (fluid.clone(), some)).collect();
        let follow = |fluid: &Fluid, start: &(f64, f64)| {
            let mut x = Vec::new();
            begin(start, &mut x);
            let end = self.judge.follow(fluid, &History::Constant(x), &self.segments, &options);
            end.map_or(self.label(Outcome::Undecided { t: 0.0 }), |(outcome, _)| self.label(outcome))
        };
        let done = parts.into_par_iter().with_max_len(1);
        done.flat_map_iter(|(fluid, some)| some.iter().map(|start| follow(&fluid, start)).collect::<Vec<u8>>())
            .collect()
    }

    fn label(&self, outcome: Outcome) -> u8 {
        let attractors = self.ends.len() - 2;
        match outcome {
            Outcome::Attractor { index, .. } => index as u8,
            Outcome::Escape { .. } => attractors as u8,
            Outcome::Undecided { .. } => attractors as u8 + 1,
        }
    }
}
