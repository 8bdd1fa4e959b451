//! The boundary of the characteristic metric as a curve over load.
//!
//! Saddle and good state are read off the main branch at loads that crowd towards both folds, where the curve is steepest
//! (`λ_k = λ_R + (λ_T - λ_R)(1 - cos(πk/n))/2`), refined by Newton's method, and joined by straight lines. Where the saddle
//! is not on the main branch (a collapsed state that the good branch does not lead to) there is one knot, at today's load.

use super::{Signature, Thresholds, at_rest, signature};
use crate::answers::analysis::Findings;
use crate::answers::landscape::Landscape;
use crate::answers::limits::{LimitKind, Limits};
use crate::answers::study::Study;
use crate::dynamics::newton::newton;
use crate::dynamics::outcome::distance;
use crate::fit::metrics::guess::Role;
use crate::fit::observe::{Observable, main_service, of_role};
use crate::model::unit;
use crate::process::dimension::Dimension;
use crate::process::field::Field;
use crate::process::fluid::Fluid;

/// Intervals of the curve.
const INTERVALS: usize = 12;
/// Least separation `|m(s) - m(g)| / (|m(s)| + |m(g)|)` at which the number inside is taken without looking further.
const CLEAR: f64 = 0.1;

/// Least share of the way from the good to the collapsed state that the saddle lies at: less cannot be read off a chart.
const VISIBLE: f64 = 0.01;
/// Separation of a quantity that the saddle has twice as much of: a number of requests that does is preferred to anything else,
/// since it is what services export.
const DOUBLED: f64 = 1.0 / 3.0;

/// The curve at one load, all in base units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knot {
    /// The load.
    pub load: f64,
    /// The metric in the good state.
    pub good: f64,
    /// The metric at the saddle.
    pub boundary: f64,
}

/// The characteristic metric; see [`super`].
#[derive(Debug, Clone, PartialEq)]
pub struct Characteristic {
    /// `inflight`, or the name of an output or state of the model.
    pub name: String,
    /// The quantity it is among metric columns, if it is one of them.
    pub role: Option<Role>,
    /// Its unit.
    pub unit: String,
    /// Base units per unit.
    pub factor: f64,
    /// Whether collapse lies above the boundary.
    pub above: bool,
    /// The curve, by rising load; at least one knot.
    pub knots: Vec<Knot>,
    /// Lowest load at which the boundary counts.
    pub from: f64,
}

impl Characteristic {
    /// Good state and boundary at a load; nothing below the lowest load at which the boundary counts. Beyond the last knot
    /// it stays as it is there.
    #[must_use]
    pub fn at(&self, load: f64) -> Option<Knot> {
        if load.is_nan() || load < self.from {
            return None;
        }
        let next = self.knots.partition_point(|k| k.load < load);
        let held = |knot: &Knot| Knot { load, ..*knot };
        match (next.checked_sub(1).and_then(|i| self.knots.get(i)), self.knots.get(next)) {
            (Some(a), Some(b)) => {
                let share = (load - a.load) / (b.load - a.load);
                let between = |x: f64, y: f64| x + share * (y - x);
                Some(Knot { load, good: between(a.good, b.good), boundary: between(a.boundary, b.boundary) })
            }
            (Some(only), None) | (None, Some(only)) => Some(held(only)),
            (None, None) => None,
        }
    }

    /// The level at which to look: halfway between the good state and the boundary.
    #[must_use]
    pub fn alarm(knot: &Knot) -> f64 {
        f64::midpoint(knot.good, knot.boundary)
    }

    /// Whether a value lies beyond a boundary.
    #[must_use]
    pub fn is_beyond(&self, value: f64, boundary: f64) -> bool {
        if self.above { value > boundary } else { value < boundary }
    }
}

/// A quantity that could be the metric.
struct Candidate {
    name: String,
    role: Option<Role>,
    unit: String,
    observable: Observable,
}

/// States at one load.
struct At {
    parameters: Vec<f64>,
    good: Vec<f64>,
    saddle: Vec<f64>,
}

/// Adds the metric and the signature of the collapsed state.
pub(super) fn add(found: &mut Thresholds, study: &Study, findings: &Findings) {
    let walk =
        Walk { study, landscape: &findings.landscape, limits: &findings.limits, load: study.load_index(&study.fluid) };
    let (saddle, single) = match walk.at(found.reference) {
        Some(at) => (Some(at), false),
        None => (walk.today(findings), true),
    };
    let Some(saddle) = saddle else { return };
    let collapsed = walk.collapsed(found.reference, &saddle);
    let resting = collapsed.as_ref().filter(|c| c.rests).map(|c| c.x.as_slice());
    let Some(candidate) = walk.choose(&saddle, resting) else { return };
    let fluid = &study.fluid;
    let value = |x: &[f64], p: &[f64]| at_rest(fluid, &candidate.observable, x, p);
    let knot = |at: &At| Knot {
        load: at.parameters[walk.load],
        good: value(&at.good, &at.parameters),
        boundary: value(&at.saddle, &at.parameters),
    };
    let reference = knot(&saddle);
    let above = reference.boundary > reference.good;
    let mut knots: Vec<Knot> = if single {
        Vec::new()
    } else {
        walk.loads(found).into_iter().filter_map(|l| walk.at(l)).map(|at| knot(&at)).collect()
    };
    knots.extend(walk.ends(found, &value));
    knots.retain(|k| k.good.is_finite() && k.boundary.is_finite());
    // A boundary on the wrong side of the good state belongs to another branch.
    knots.retain(|k| k.boundary == k.good || (k.boundary > k.good) == above);
    if knots.is_empty() || single {
        knots = vec![reference];
        found.remarks.push("the boundary of the characteristic metric is known at one load only".to_owned());
    }
    knots.sort_by(|a, b| a.load.total_cmp(&b.load));
    knots.dedup_by(|a, b| a.load - b.load <= 1e-9 * b.load.abs());
    let from = if knots.len() == 1 { found.recovery.unwrap_or(0.0) } else { knots[0].load };
    let factor = unit::parse_unit(&candidate.unit).map_or(1.0, |(_, factor)| factor);
    found.collapsed = Some(match &collapsed {
        Some(found) => {
            let seen = signature(study, &candidate.observable, &found.x, &saddle.parameters);
            Signature { metric: seen.metric.filter(|_| found.rests), ..seen }
        }
        None => Signature::default(),
    });
    found.metric = Some(Characteristic {
        name: candidate.name,
        role: candidate.role,
        unit: candidate.unit,
        factor,
        above,
        knots,
        from,
    });
}

/// A collapsed state.
struct Collapsed {
    x: Vec<f64>,
    /// Whether it is an equilibrium; else it is a moment of unbounded growth, of which sizes say nothing.
    rests: bool,
}

/// The main branch, to be looked at at any load.
struct Walk<'a> {
    study: &'a Study,
    landscape: &'a Landscape,
    limits: &'a Limits,
    load: usize,
}

impl Walk<'_> {
    fn fluid(&self) -> &Fluid {
        &self.study.fluid
    }

    fn parameters(&self, load: f64) -> Vec<f64> {
        let mut p = self.landscape.parameters.clone();
        p[self.load] = load;
        p
    }

    /// Where the branch passes a load among these segments, with so many unstable roots as are wanted.
    fn root(
        &self,
        at: f64,
        segments: std::ops::Range<usize>,
        wanted: impl Fn(usize) -> bool,
    ) -> Option<(usize, Vec<f64>)> {
        let points = &self.landscape.branch.points;
        let p = self.parameters(at);
        segments.filter(|i| i + 1 < points.len()).find_map(|i| {
            let (a, b) = (&points[i], &points[i + 1]);
            let (before, after) = (a.parameter - at, b.parameter - at);
            if before * after > 0.0 || before == after || ![a, b].iter().any(|q| q.unstable.is_some_and(&wanted)) {
                return None;
            }
            let share = before / (before - after);
            let guess: Vec<f64> = a.x.iter().zip(&b.x).map(|(x, y)| x + share * (y - x)).collect();
            newton(self.fluid(), &p, &guess).ok().map(|root| (i, root.x))
        })
    }

    /// Good state and saddle at a load.
    fn at(&self, load: f64) -> Option<At> {
        let last = self.landscape.branch.points.len();
        let (_, good) = self.root(load, 0..self.limits.good_segments, |_| true)?;
        let (_, saddle) = self.root(load, self.limits.good_segments..last, |unstable| unstable % 2 == 1)?;
        Some(At { parameters: self.parameters(load), good, saddle })
    }

    /// The same at today's load, from all states that were found there.
    fn today(&self, findings: &Findings) -> Option<At> {
        let named = |name: &str| {
            let index = findings.analysis.states.iter().position(|s| s.name == name)?;
            self.landscape.states.get(index).map(|s| s.x.clone())
        };
        let saddle = named("saddle").or_else(|| named("saddle-1"))?;
        Some(At { parameters: self.landscape.parameters.clone(), good: named("good")?, saddle })
    }

    /// The collapsed state at a load: on the branch behind the saddle, or among what was found at today's load.
    fn collapsed(&self, load: f64, saddle: &At) -> Option<Collapsed> {
        let last = self.landscape.branch.points.len();
        let behind = self.root(load, self.limits.good_segments..last, |unstable| unstable % 2 == 1).map(|(i, _)| i + 1);
        let on_branch = behind.and_then(|i| self.root(load, i..last, |unstable| unstable == 0)).map(|(_, x)| x);
        let here = load == self.landscape.parameters[self.load];
        // The same state found twice is the same to the tolerance of Newton's method only.
        let same = |a: &[f64], b: &[f64]| distance(self.fluid().states(), a, b) < 1e-6;
        let states = self.landscape.states.iter();
        let stable = states.filter(|s| here && s.stable() == Some(true) && !same(&s.x, &saddle.good));
        let resting =
            on_branch.filter(|x| !same(x, &saddle.saddle)).or_else(|| stable.map(|s| s.x.clone()).next_back());
        let growing = || self.landscape.escape.as_ref().and_then(|e| e.x.clone());
        match resting {
            Some(x) => Some(Collapsed { x, rests: true }),
            None => growing().map(|x| Collapsed { x, rests: false }),
        }
    }

    /// Loads between both limits at which the curve is computed.
    fn loads(&self, found: &Thresholds) -> Vec<f64> {
        let (Some(low), Some(high)) = (found.recovery, found.tip_over) else { return vec![found.reference] };
        let at = |k: usize| 0.5 * (1.0 - (std::f64::consts::PI * k as f64 / INTERVALS as f64).cos());
        (1..INTERVALS).map(|k| low + (high - low) * at(k)).collect()
    }

    /// The folds themselves, where saddle and one of the states are the same.
    fn ends(&self, found: &Thresholds, value: &impl Fn(&[f64], &[f64]) -> f64) -> Vec<Knot> {
        let fold = |limit: &Option<crate::answers::limits::Limit>| {
            limit.as_ref().filter(|l| l.kind == LimitKind::Fold).and_then(|l| l.x.clone())
        };
        let mut knots = Vec::new();
        if let (Some(x), Some(load)) = (fold(&self.limits.tip_over), found.tip_over) {
            let both = value(&x, &self.parameters(load));
            knots.push(Knot { load, good: both, boundary: both });
        }
        if let (Some(x), Some(load)) = (fold(&self.limits.recovery), found.recovery)
            && let Some((_, good)) = self.root(load, 0..self.limits.good_segments, |_| true)
        {
            let p = self.parameters(load);
            knots.push(Knot { load, good: value(&good, &p), boundary: value(&x, &p) });
        }
        knots
    }

    /// The metric.
    fn choose(&self, at: &At, collapsed: Option<&[f64]>) -> Option<Candidate> {
        let process = self.fluid().process();
        let score = |c: &Candidate| -> f64 {
            let value = |x: &[f64]| at_rest(self.fluid(), &c.observable, x, &at.parameters);
            let (good, saddle) = (value(&at.good), value(&at.saddle));
            let beyond = collapsed.map(value).filter(|v| !v.is_nan());
            let apart = saddle - good;
            let visible =
                beyond.is_none_or(|b| (b - saddle) * apart > 0.0 && apart.abs() >= VISIBLE * (b - good).abs());
            let share = apart.abs() / (saddle.abs() + good.abs());
            if share.is_finite() && visible { share } else { 0.0 }
        };
        let unit_of = |observable: &Observable| match observable {
            Observable::State(index) => process.states[*index].unit.clone(),
            Observable::Outputs(terms) => {
                terms.first().map(|(i, _)| process.outputs[*i].unit.clone()).unwrap_or_default()
            }
            Observable::Product(..) => String::new(),
        };
        for role in [Role::Inflight, Role::Queue] {
            let observable = of_role(process, role, main_service(&self.study.model));
            let candidate = observable.map(|observable| Candidate {
                name: role.name().to_owned(),
                role: Some(role),
                unit: unit_of(&observable),
                observable,
            });
            if let Some(candidate) = candidate.filter(|c| score(c) >= CLEAR) {
                return Some(candidate);
            }
        }
        let outputs = process.outputs.iter().enumerate().filter(|(_, o)| o.name != "load").map(|(i, o)| Candidate {
            name: o.name.clone(),
            role: Role::named(&o.name),
            unit: o.unit.clone(),
            observable: Observable::Outputs(vec![(i, 1.0)]),
        });
        let states = process.states.iter().enumerate().map(|(i, s)| Candidate {
            name: s.info.name.clone(),
            role: None,
            unit: s.unit.clone(),
            observable: Observable::State(i),
        });
        let mut best: Option<(f64, Candidate)> = None;
        for candidate in outputs.chain(states) {
            let share = score(&candidate);
            let counted = unit::parse_unit(&candidate.unit).is_ok_and(|(dimension, _)| dimension == Dimension::REQUEST);
            let own = if counted && share >= DOUBLED { 1.0 + share } else { share };
            // The first of equals: outputs are what can be measured.
            if own > best.as_ref().map_or(1e-6, |(s, _)| s * (1.0 + 1e-9)) {
                best = Some((own, candidate));
            }
        }
        best.map(|(_, candidate)| candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::{Characteristic, Knot};

    fn metric(knots: Vec<Knot>, from: f64) -> Characteristic {
        Characteristic { name: "q".into(), role: None, unit: String::new(), factor: 1.0, above: true, knots, from }
    }

    #[test]
    fn the_boundary_is_read_between_knots_and_ends_at_the_lowest() {
        let knot = |load: f64, good: f64, boundary: f64| Knot { load, good, boundary };
        let curve = metric(vec![knot(10.0, 1.0, 100.0), knot(20.0, 3.0, 50.0)], 10.0);
        assert_eq!(curve.at(9.0), None);
        assert_eq!(curve.at(f64::NAN), None);
        assert_eq!(curve.at(12.5), Some(knot(12.5, 1.5, 87.5)));
        assert_eq!(curve.at(30.0), Some(knot(30.0, 3.0, 50.0)));
        assert_eq!(Characteristic::alarm(&knot(0.0, 2.0, 10.0)), 6.0);
        let single = metric(vec![knot(10.0, 1.0, 100.0)], 5.0);
        assert_eq!(single.at(7.0), Some(knot(7.0, 1.0, 100.0)));
        assert_eq!(single.at(4.0), None);
    }
}
