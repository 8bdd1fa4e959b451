//! All equilibria along one parameter: what `branches` shows.

mod figure;
mod print;

use crate::answers::landscape::{Landscape, LandscapeError, landscape};
use crate::answers::study::Study;
use crate::dynamics::continuation::{Branch, BranchOptions, End, Kind, Location, follow_both};
use crate::dynamics::newton::newton;
use crate::dynamics::outcome::distance;
use crate::process::field::Field;
use crate::process::fluid::Fluid;
use crate::process::population::Parameter;

/// Equilibria along a parameter.
pub struct Diagram<'a> {
    study: &'a Study,
    /// Index of the parameter.
    index: usize,
    /// The range shown, in base units.
    range: (f64, f64),
    /// What exists at today's value.
    today: Landscape,
    /// The branches through it.
    branches: Vec<Branch>,
}

/// Two states closer than this are the same.
const SAME: f64 = 1e-6;
/// The largest step along a branch: for curves that look smooth.
const STEP: f64 = 0.1;
/// The range of a parameter that is not given: these shares of today's value.
const RANGE: (f64, f64) = (0.02, 2.0);
/// The range of the load ends this far beyond the tip-over load.
const BEYOND: f64 = 1.5;

impl<'a> Diagram<'a> {
    /// Follows the equilibria of `study` along its parameter number `index`, from today's value both ways to the ends of
    /// `range` (in base units); an end that is not given is chosen.
    ///
    /// # Errors
    /// [`LandscapeError`] if no equilibrium can be found at all.
    pub fn follow(study: &'a Study, index: usize, range: (Option<f64>, Option<f64>)) -> Result<Self, LandscapeError> {
        let fluid = &study.fluid;
        let load = study.load_index(fluid);
        let today = landscape(fluid, load)?;
        let value = today.parameters[index];
        let size = if value == 0.0 { 1.0 } else { value };
        let mut furthest = RANGE.1 * size;
        if index == load {
            let folds = today.branch.folds().map(|f| BEYOND * f.parameter);
            furthest = folds.chain(today.branch.hopfs().map(|h| BEYOND * h.parameter)).fold(furthest, f64::max);
        }
        // An end that is given moves the one that is not.
        let (low, high) = match range {
            (Some(low), Some(high)) => (low, high),
            (Some(low), None) => (low, furthest.max(low + low.abs())),
            (None, Some(high)) => ((RANGE.0 * size).min(high - 0.9 * high.abs()), high),
            (None, None) => (RANGE.0 * size, furthest),
        };
        let mut diagram = Self { study, index, range: (low, high), today, branches: Vec::new() };
        diagram.trace(fluid, value);
        Ok(diagram)
    }

    fn trace(&mut self, fluid: &Fluid, value: f64) {
        let p = self.today.parameters.clone();
        let (low, high) = (self.range.0.min(value), self.range.1.max(value));
        let options = BranchOptions { largest_step: STEP, ..BranchOptions::new(low, high) };
        for state in &self.today.states {
            if self.branches.iter().any(|b| passes(fluid, &p, self.index, b, &state.x)) {
                continue;
            }
            if let Ok(found) = follow_both(fluid, &p, self.index, &state.x, &options) {
                self.branches.push(found);
            }
        }
        // Nothing but unbounded growth today: the branch from low load is all there is.
        if self.branches.is_empty() && self.index == self.study.load_index(fluid) {
            self.branches.push(self.today.branch.clone());
        }
    }

    /// The parameter.
    #[must_use]
    pub fn parameter(&self) -> &Parameter {
        &self.study.fluid.process().parameters[self.index]
    }

    fn shown(&self, value: f64) -> f64 {
        value / self.parameter().factor
    }

    fn inside(&self, value: f64) -> bool {
        self.range.0 <= value && value <= self.range.1
    }

    fn outputs(&self, value: f64, x: &[f64]) -> Vec<f64> {
        let mut p = self.today.parameters.clone();
        p[self.index] = value;
        self.study.fluid.outputs_at_rest(x, &p)
    }

    /// The special points of a branch within the range.
    fn specials<'b>(&'b self, branch: &'b Branch) -> impl Iterator<Item = (usize, Special<'b>)> {
        let seen = branch.specials.iter().map(|s| (s.after, Special::of(&s.kind)));
        seen.filter(|(_, s)| {
            self.inside(s.parameter) || s.bracket.is_some_and(|b| self.inside(b.0) || self.inside(b.1))
        })
    }
}

/// A special point, whatever its kind.
#[derive(Debug, Clone, Copy)]
struct Special<'a> {
    kind: &'static str,
    /// Where, or the middle of the bracket.
    parameter: f64,
    /// Between which values, if it was not refined.
    bracket: Option<(f64, f64)>,
    x: Option<&'a [f64]>,
    /// Angular frequency of a Hopf point.
    omega: Option<f64>,
}

impl<'a> Special<'a> {
    fn of(kind: &'a Kind) -> Self {
        let (name, refined, bracket) = match kind {
            Kind::Fold(l) => ("fold", l.refined().map(|f| (f.parameter, &f.x, None)), bracket(l)),
            Kind::Hopf(l) => ("hopf", l.refined().map(|h| (h.parameter, &h.x, Some(h.omega))), bracket(l)),
            Kind::BranchPoint(l) => ("branch-point", l.refined().map(|c| (c.parameter, &c.x, None)), bracket(l)),
        };
        match refined {
            Some((parameter, x, omega)) => Self { kind: name, parameter, bracket, x: Some(x), omega },
            None => {
                let middle = bracket.map_or(f64::NAN, |(a, b)| 0.5 * (a + b));
                Self { kind: name, parameter: middle, bracket, x: None, omega: None }
            }
        }
    }
}

fn bracket<T>(location: &Location<T>) -> Option<(f64, f64)> {
    match location {
        Location::Refined(_) => None,
        Location::Unrefined(bracket) => Some(bracket.parameter),
    }
}

/// Whether a branch passes a state at today's value of the parameter.
fn passes(fluid: &Fluid, p: &[f64], index: usize, branch: &Branch, x: &[f64]) -> bool {
    branch.points.windows(2).any(|pair| {
        let (a, b) = (pair[0].parameter - p[index], pair[1].parameter - p[index]);
        if a * b > 0.0 {
            return false;
        }
        let share = if a == b { 0.0 } else { a / (a - b) };
        let guess: Vec<f64> = pair[0].x.iter().zip(&pair[1].x).map(|(x, y)| x + share * (y - x)).collect();
        newton(fluid, p, &guess).is_ok_and(|root| distance(fluid.states(), &root.x, x) < SAME)
    })
}

/// Why a branch ends, in words.
fn end(fluid: &Fluid, end: End) -> String {
    let name = |state: usize| fluid.states().get(state).map(|s| s.name.clone()).unwrap_or_default();
    match end {
        End::ParameterBound => "end of the range".to_owned(),
        End::DomainBound { state } => format!("{} reaches its bound", name(state)),
        End::Unbounded { state } => format!("{} grows without bound", name(state)),
        End::MaxPoints => "too many points: not followed further".to_owned(),
        End::Closed => "closed curve".to_owned(),
        End::StepUnderflow => "no further step succeeded".to_owned(),
    }
}
