//! The landscape of a model along its load: the main branch, all equilibria at today's load, escape.
//!
//! The main branch starts from rest at a tenth of the load and is followed upwards in load, through every fold, until a
//! state leaves for infinity or load has grown so far that next to nothing is served. Equilibria at a load are where the branch passes
//! it, together with what a certified or deflated search finds, and with where the system ends after a shock of many times
//! the load. Escape is a state like any other: it exists at loads above the one where the branch leaves for infinity,
//! or where the shocked system grows for ever.

use crate::dynamics::continuation::{Branch, BranchError, BranchOptions, End, Kind, Location, Orientation, follow};
use crate::dynamics::equilibria::{Completeness, Effort, equilibria};
use crate::dynamics::integrate::{History, IntegrateError, Options, Segment, integrate};
use crate::dynamics::newton::newton;
use crate::dynamics::outcome::{Judge, Outcome, distance};
use crate::dynamics::spectrum::{Spectrum, SpectrumOptions, spectrum};
use crate::process::field::Field;
use crate::process::fluid::Fluid;

/// An equilibrium with its stability.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The states.
    pub x: Vec<f64>,
    /// Its characteristic roots; `None` if they could not be computed.
    pub spectrum: Option<Spectrum>,
    /// Index of the branch segment (between points i and i+1) it was found on, if it was.
    pub segment: Option<usize>,
}

impl State {
    /// Whether it is stable, if that is known.
    #[must_use]
    pub fn stable(&self) -> Option<bool> {
        self.spectrum.as_ref().map(|s| s.stable)
    }
}

/// A state of the system that grows without bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Escape {
    /// Index of the growing state.
    pub state: usize,
    /// All states when the growth was certain, if it was simulated.
    pub x: Option<Vec<f64>>,
    /// Rate of growth per second, if it was simulated.
    pub growth: Option<f64>,
}

/// What exists at one load.
#[derive(Debug, Clone)]
pub struct Landscape {
    /// The parameters at which this was computed.
    pub parameters: Vec<f64>,
    /// The main branch.
    pub branch: Branch,
    /// All equilibria found at today's load, by number inside.
    pub states: Vec<State>,
    /// What is known about others.
    pub completeness: Completeness,
    /// Escape, if the system has it at today's load.
    pub escape: Option<Escape>,
    /// Where the system ends from its start values: index into `states`, or escape.
    pub from_start: Option<Outcome>,
    /// Remarks about what was not reached.
    pub warnings: Vec<String>,
}

/// Why there is no landscape.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LandscapeError {
    /// The equations cannot be solved at low load.
    #[error("the equations cannot be solved at a tenth of the load: {0}")]
    Start(#[from] IntegrateError),
    /// No equilibrium at low load.
    #[error("no equilibrium was found at a tenth of the load, where the branch should begin: {0}")]
    Branch(#[from] BranchError),
}

/// Shares of the load at which the main branch may begin.
const START_SHARES: [f64; 4] = [0.1, 0.01, 1e-3, 1e-4];
/// The branch is followed to this many times the load, in stages.
const STAGES: [f64; 4] = [4.0, 32.0, 256.0, 2048.0];
/// Longest lags after which a system at low load is probably near its rest.
const SOON: f64 = 300.0;
/// Lowest load of the branch, as a share of the one where it begins.
const LOWEST_SHARE: f64 = 0.01;

/// Finds the landscape of a model along parameter `load`.
///
/// # Errors
/// [`LandscapeError`] if not even the branch at low load can be found.
pub fn landscape(fluid: &Fluid, load: usize) -> Result<Landscape, LandscapeError> {
    landscape_at(fluid, &fluid.parameters(), load)
}

/// As [`landscape`], at other parameters than those of the model.
///
/// # Errors
/// As [`landscape`].
pub fn landscape_at(fluid: &Fluid, p: &[f64], load: usize) -> Result<Landscape, LandscapeError> {
    let branch = main_branch(fluid, p, load)?;
    at_load(fluid, p, load, branch)
}

/// How long a trajectory is followed before it is given up as undecided. Without lags steps grow as the solution calms
/// down and time costs nothing; with lags a step never exceeds the shortest of them.
pub(crate) fn patience(fluid: &Fluid, p: &[f64]) -> f64 {
    match fluid.lags(p).last() {
        Some(longest) => 1e4 * longest.max(1.0),
        None => 1e8,
    }
}

/// The main branch at these parameters, without what else there is at today's load.
///
/// # Errors
/// [`LandscapeError`] if not even the branch at low load can be found.
pub fn main_branch(fluid: &Fluid, p: &[f64], load: usize) -> Result<Branch, LandscapeError> {
    main_branch_with(fluid, p, load, true)
}

/// As [`main_branch`]; without stability it is found sooner and has no Hopf points.
///
/// # Errors
/// As [`main_branch`].
pub fn main_branch_with(fluid: &Fluid, p: &[f64], load: usize, stability: bool) -> Result<Branch, LandscapeError> {
    let today = p[load];
    let (low, settled) = beginning(fluid, p, load)?;
    let mut branch = None;
    for stage in STAGES {
        let options = BranchOptions { stability, ..BranchOptions::new(LOWEST_SHARE * low[load], stage * today) };
        let found = follow(fluid, &low, load, &settled, Orientation::Up, &options)?;
        let finished =
            found.end != End::ParameterBound || !found.specials.is_empty() || starved(fluid, p, load, &found);
        branch = Some(found);
        if finished {
            break;
        }
    }
    branch.ok_or(LandscapeError::Branch(BranchError::NoTangent))
}

/// Where the branch begins: parameters at low load and the state there. If that load is served badly it is lowered, since
/// the good state may have ended below it; if no load is served well, the first will do.
fn beginning(fluid: &Fluid, p: &[f64], load: usize) -> Result<(Vec<f64>, Vec<f64>), LandscapeError> {
    let mut first = None;
    for share in START_SHARES {
        let mut low = p.to_vec();
        low[load] *= share;
        let x = match settled(fluid, &low) {
            Ok(x) => x,
            Err(error) if first.is_none() => return Err(error),
            Err(_) => break,
        };
        let fine = !is_starved(fluid, &low, load, &x);
        if fine {
            return Ok((low, x));
        }
        first.get_or_insert((low, x));
    }
    first.ok_or(LandscapeError::Branch(BranchError::NoTangent))
}

/// Where the system comes to rest at low load: the stable equilibrium that Newton's method finds from just above its
/// start values, else the end of a long trajectory.
fn settled(fluid: &Fluid, p: &[f64]) -> Result<Vec<f64>, LandscapeError> {
    let start = fluid.start();
    for share in [0.0, 1e-3, 0.03, 0.3, 1.0] {
        let guess: Vec<f64> = start
            .iter()
            .zip(fluid.states())
            .map(|(x, s)| (x + share * s.scale).clamp(s.lower, s.upper.max(s.lower)))
            .collect();
        if let Ok(root) = newton(fluid, p, &guess)
            && spectrum(fluid, p, &root.x, &SpectrumOptions::default()).is_ok_and(|s| s.stable)
        {
            return Ok(root.x);
        }
    }
    let options = Options { retain: false, max_steps: 100_000, ..Options::default() };
    let patience = patience(fluid, p);
    // A short lag makes many short steps: first only so far that Newton's method can do the rest.
    let soon = patience.min(SOON * fluid.lags(p).last().map_or(1.0, |longest| longest.max(1.0)));
    let near = integrate(fluid, 0.0, &History::Constant(start.clone()), &[Segment::new(soon, p)], &options)?;
    if let Ok(root) = newton(fluid, p, near.final_state())
        && spectrum(fluid, p, &root.x, &SpectrumOptions::default()).is_ok_and(|s| s.stable)
    {
        return Ok(root.x);
    }
    let path = integrate(fluid, 0.0, &History::Constant(start), &[Segment::new(patience, p)], &options)?;
    Ok(path.final_state().to_vec())
}

/// Whether next to nothing is served at the upper end of a branch.
fn starved(fluid: &Fluid, p: &[f64], load: usize, branch: &Branch) -> bool {
    let Some(last) = branch.points.last() else { return false };
    let mut p = p.to_vec();
    p[load] = last.parameter;
    is_starved(fluid, &p, load, &last.x)
}

/// Whether less than half of the requests are answered at an equilibrium.
pub(super) fn is_starved(fluid: &Fluid, p: &[f64], load: usize, x: &[f64]) -> bool {
    let process = fluid.process();
    let Some(goodput) = process.output_index("goodput") else { return false };
    let values = fluid.outputs_at_rest(x, p);
    let requests = process.output_index("load").map_or(p[load], |i| values[i]);
    values[goodput] < 0.5 * requests
}

fn at_load(fluid: &Fluid, p: &[f64], load: usize, branch: Branch) -> Result<Landscape, LandscapeError> {
    let today = p[load];
    let mut warnings = Vec::new();
    let mut states: Vec<State> = Vec::new();
    let mut seeds = Vec::new();
    for (segment, guess) in passes(&branch, today) {
        match newton(fluid, p, &guess) {
            Ok(root) if !known(fluid, &states, &root.x) => {
                seeds.push(root.x.clone());
                states.push(State { x: root.x, spectrum: None, segment: Some(segment) });
            }
            Ok(_) => {}
            Err(error) => {
                warnings.push(format!("an equilibrium on the branch at today's load was not refined: {error}"));
            }
        }
    }
    let found = equilibria(fluid, p, &seeds, &Effort { starts: 24, ..Effort::default() });
    for point in found.points {
        match states.iter_mut().find(|s| distance(fluid.states(), &s.x, &point.x) < 1e-6) {
            // The certified root is the better one.
            Some(state) if point.enclosure.is_some() => state.x = point.x,
            Some(_) => {}
            None => states.push(State { x: point.x, spectrum: None, segment: None }),
        }
    }
    for state in &mut states {
        state.spectrum = spectrum(fluid, p, &state.x, &SpectrumOptions::default()).ok();
    }
    let mut landscape = Landscape {
        parameters: p.to_vec(),
        branch,
        states,
        completeness: found.completeness,
        escape: None,
        from_start: None,
        warnings,
    };
    landscape.sort();
    landscape.shock(fluid, load);
    landscape.beyond_saddles(fluid);
    landscape.settle_from_start(fluid);
    Ok(landscape)
}

/// Where a branch passes a load: the segment and a guess of the state. A segment in which the branch turns is passed between each of
/// its ends and the fold; near that the states lie on a parabola, x - x_F ∝ √|λ - λ_F|. What lies behind the fold counts to the
/// next segment.
fn passes(branch: &Branch, today: f64) -> Vec<(usize, Vec<f64>)> {
    let mut found = Vec::new();
    let between =
        |from: &[f64], to: &[f64], share: f64| from.iter().zip(to).map(|(x, y)| x + share * (y - x)).collect();
    for (i, pair) in branch.points.windows(2).enumerate() {
        let fold = branch.specials.iter().find_map(|special| match &special.kind {
            Kind::Fold(Location::Refined(fold)) if special.after == i => Some(fold),
            _ => None,
        });
        let (a, b) = (pair[0].parameter - today, pair[1].parameter - today);
        let Some(fold) = fold else {
            if a * b <= 0.0 && !(a == 0.0 && i > 0) {
                let share = if a == b { 0.0 } else { a / (a - b) };
                found.push((i, between(&pair[0].x, &pair[1].x, share)));
            }
            continue;
        };
        for (point, segment) in [(&pair[0], i), (&pair[1], i + 1)] {
            let share = (fold.parameter - today) / (fold.parameter - point.parameter);
            let met_before = share == 1.0 && segment == i && i > 0;
            if 0.0 < share && share <= 1.0 && !met_before {
                found.push((segment, between(&fold.x, &point.x, share.sqrt())));
            }
        }
    }
    found
}

fn known(fluid: &Fluid, states: &[State], x: &[f64]) -> bool {
    states.iter().any(|s| distance(fluid.states(), &s.x, x) < 1e-6)
}

impl Landscape {
    fn sort(&mut self) {
        self.states.sort_by(|a, b| {
            a.x.iter().zip(&b.x).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
    }

    /// A judge of trajectories at today's load, with the indices of its attractors in `states`.
    #[must_use]
    pub fn judge(&self, fluid: &Fluid) -> (Judge, Vec<usize>) {
        let stable: Vec<usize> = (0..self.states.len()).filter(|&i| self.states[i].stable().unwrap_or(false)).collect();
        let attractors = stable.iter().map(|&i| self.states[i].x.clone()).collect();
        let others: Vec<Vec<f64>> =
            self.states.iter().filter(|s| !s.stable().unwrap_or(false)).map(|s| s.x.clone()).collect();
        (Judge::new(fluid, &self.parameters, attractors, &others), stable)
    }

    /// Drives the system far beyond its load, lets go, and adds where it ends if that is new.
    fn shock(&mut self, fluid: &Fluid, load: usize) {
        let p = self.parameters.clone();
        let unbounded_at = match self.branch.end {
            End::Unbounded { state } => self.branch.points.last().map(|l| (state, l.parameter)),
            _ => None,
        };
        let mut shocked = p.clone();
        shocked[load] *= 20.0;
        let memory = fluid.lags(&p).last().copied().unwrap_or(0.0);
        let slowest = self
            .states
            .first()
            .and_then(|s| s.spectrum.as_ref())
            .and_then(|s| s.modes.first())
            .map_or(1.0, |m| 1.0 / m.value.re.abs().max(1e-3));
        let duration = (30.0 * slowest).clamp(1.0, 1e3) + 5.0 * memory;
        let start = self.states.first().map_or_else(|| fluid.start(), |s| s.x.clone());
        let (judge, _) = self.judge(fluid);
        let segments = [Segment::new(duration, &shocked), Segment::new(duration + patience(fluid, &p), &p)];
        let options = Options { retain: false, rtol: 1e-5, max_steps: 50_000, ..Options::default() };
        match judge.follow(fluid, &History::Constant(start), &segments, &options) {
            Ok((Outcome::Escape { state, growth, .. }, path)) => {
                let x = Some(path.final_state().to_vec());
                self.escape = Some(Escape { state, x, growth: Some(growth) });
            }
            Ok((Outcome::Attractor { .. }, _)) => {}
            Ok((Outcome::Undecided { .. }, path)) => self.add_end_of(fluid, path.final_state()),
            Err(IntegrateError::TooManySteps { t, .. }) => self.warnings.push(format!(
                "after a shock the system did not come to rest within {t:.0} s: it may oscillate, or recover very slowly"
            )),
            Err(error) => self.warnings.push(format!("the system could not be followed after a shock: {error}")),
        }
        if let Some((state, at)) = unbounded_at
            && self.escape.is_none()
            && p[load] > at * (1.0 + 1e-6)
        {
            self.escape = Some(Escape { state, x: None, growth: None });
        }
    }

    /// A saddle has something on its other side. Where the shock did not find it (a load that acts slowly, as the size of
    /// a fleet does), the system is let go half as far behind the saddle as the good state lies before it.
    fn beyond_saddles(&mut self, fluid: &Fluid) {
        let stable: Vec<usize> = (0..self.states.len()).filter(|&i| self.states[i].stable() == Some(true)).collect();
        let (&[good], None) = (stable.as_slice(), &self.escape) else { return };
        let good = self.states[good].x.clone();
        let saddles: Vec<Vec<f64>> = self
            .states
            .iter()
            .filter(|s| s.spectrum.as_ref().is_some_and(|s| s.unstable % 2 == 1))
            .map(|s| s.x.clone())
            .collect();
        let p = self.parameters.clone();
        let segments = [Segment::new(patience(fluid, &p), &p)];
        let options = Options { retain: false, rtol: 1e-5, max_steps: 50_000, ..Options::default() };
        for saddle in saddles {
            let start: Vec<f64> = fluid
                .states()
                .iter()
                .zip(saddle.iter().zip(&good))
                .map(|(s, (x, g))| (x + 0.5 * (x - g)).clamp(s.lower, s.upper.max(s.lower)))
                .collect();
            let (judge, _) = self.judge(fluid);
            match judge.follow(fluid, &History::Constant(start), &segments, &options) {
                Ok((Outcome::Escape { state, growth, .. }, path)) => {
                    let x = Some(path.final_state().to_vec());
                    self.escape = Some(Escape { state, x, growth: Some(growth) });
                    return;
                }
                Ok((Outcome::Attractor { .. }, _)) => {}
                Ok((Outcome::Undecided { .. }, path)) => self.add_end_of(fluid, path.final_state()),
                Err(error) => {
                    self.warnings.push(format!("the system could not be followed behind a saddle: {error}"));
                }
            }
        }
    }

    fn add_end_of(&mut self, fluid: &Fluid, end: &[f64]) {
        let p = self.parameters.clone();
        match newton(fluid, &p, end) {
            Ok(root) if !known(fluid, &self.states, &root.x) => {
                let spectrum = spectrum(fluid, &p, &root.x, &SpectrumOptions::default()).ok();
                self.states.push(State { x: root.x, spectrum, segment: None });
                self.sort();
            }
            Ok(_) => {}
            Err(_) => self
                .warnings
                .push("after a shock the system neither settles nor grows without bound: it may oscillate".to_owned()),
        }
    }

    fn settle_from_start(&mut self, fluid: &Fluid) {
        let (judge, stable) = self.judge(fluid);
        let p = &self.parameters;
        let options = Options { retain: false, rtol: 1e-5, max_steps: 50_000, ..Options::default() };
        let segments = [Segment::new(patience(fluid, p), p)];
        match judge.follow(fluid, &History::Constant(fluid.start()), &segments, &options) {
            Ok((Outcome::Attractor { index, t }, _)) => {
                self.from_start = stable.get(index).map(|&index| Outcome::Attractor { index, t });
            }
            Ok((outcome, _)) => self.from_start = Some(outcome),
            Err(IntegrateError::TooManySteps { t, .. }) => self.warnings.push(format!(
                "from its start values the system did not come to rest within {t:.0} s: it may oscillate"
            )),
            Err(error) => self.warnings.push(format!("the system could not be followed from its start: {error}")),
        }
    }
}
