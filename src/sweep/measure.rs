//! What a sweep works out at its points.
//!
//! Two kinds. **Answers** are those of `analyze` at the point: verdict, limits, headroom, what triggers do, mean time to collapse. **Values** are states and outputs at
//! the end of a run from the start values of the model, without triggers; numbers of the equations and start values may then
//! vary freely, and models without lags are followed many at a time ([`ensemble`](mod@crate::dynamics::ensemble)). A number
//! that shapes the equations (such as attempts) makes them anew for each of its values.

use super::design::Design;
use super::record::Cell;
use super::triggers::{self, ASKED, Asked};
use crate::answers::analysis::{Analysis, analyze_for_triggers, analyze_with_noise};
use crate::answers::study::Study;
use crate::dynamics::ensemble::{Ended, Ensemble, Job};
use crate::dynamics::integrate::{History, Options, Segment, integrate};
use crate::model::unit;
use crate::process::field::Field;
use crate::process::fluid::Fluid;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Names of the answers, in the order in which messages list them.
pub const ANSWERS: [&str; 5] =
    ["verdict", "tip_over_load", "recovery_load", "headroom_to_tip_over", "headroom_to_recovery"];

/// A measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    /// An answer of `analyze`, by its place in [`ANSWERS`].
    Answer(usize),
    /// What a trigger does, by its name; without a name, what all of them do, each by itself.
    Trigger(Option<String>, Asked),
    /// Mean time to collapse by chance, in seconds.
    MeanTime,
    /// A state at the end of the run, by its index.
    State(usize),
    /// An output at the end of the run, by its index.
    Output(usize),
}

impl Measure {
    /// The measure of this name.
    #[must_use]
    pub fn named(study: &Study, name: &str) -> Option<Self> {
        let process = study.fluid.process();
        let answer = ANSWERS.iter().position(|a| *a == name).map(Self::Answer);
        let asked = |word: &str| ASKED.iter().find(|(name, _)| *name == word).map(|(_, asked)| *asked);
        let own = || {
            let (trigger, word) = name.strip_prefix("trigger.")?.rsplit_once('.')?;
            let known = study.model.triggers.iter().any(|t| t.name.value == trigger);
            Some(Self::Trigger(Some(trigger.to_owned()), asked(word).filter(|_| known)?))
        };
        let all = || match asked(name) {
            Some(asked @ (Asked::Outcome | Asked::RecoveryTime)) if !study.model.triggers.is_empty() => {
                Some(Self::Trigger(None, asked))
            }
            _ => None,
        };
        let time = || (name == "mean_time_to_collapse").then_some(Self::MeanTime);
        let output = || process.output_index(name).map(Self::Output);
        answer
            .or_else(own)
            .or_else(all)
            .or_else(time)
            .or_else(output)
            .or_else(|| process.state_index(name).map(Self::State))
    }
}

/// What an axis changes in the equations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A parameter, by its index.
    Parameter(usize),
    /// The start value of a state, by its index.
    Start(usize),
    /// Their structure.
    Structure,
}

/// Makes the model anew with some of its numbers changed, given as path and value with unit; a message if it cannot.
pub type Remake<'a> = dyn Fn(&[(String, String)]) -> Result<Study, String> + Sync + 'a;

/// What every thread may know of a sweep.
struct Plan<'a> {
    design: &'a Design,
    measures: Vec<Measure>,
    targets: Vec<Target>,
    /// Seed of simulated paths.
    seed: u64,
    until: f64,
    options: Options,
    /// Parameters and start values of the model as it stands.
    parameters: Vec<f64>,
    start: Vec<f64>,
    states: Vec<String>,
    outputs: Vec<String>,
    /// Base units per unit of each measure.
    factors: Vec<f64>,
    /// The equations in lanes, where the structure is the same at every point and they can be.
    ensemble: Option<Ensemble>,
    remake: &'a Remake<'a>,
}

/// A sweep ready to run.
pub struct Work<'a> {
    plan: Plan<'a>,
    /// Equations keep scratch space of their own: every thread takes a copy.
    fluid: Mutex<Fluid>,
}

/// The analysis at a point, and a cell for each measure that is no part of it.
struct Answers {
    analysis: Analysis,
    cells: Vec<Cell>,
}

/// States and outputs at the end of a run, or why there are none; nothing if no run was asked for.
type End = Option<Result<(Vec<f64>, Vec<f64>), String>>;

impl<'a> Work<'a> {
    /// Prepares a sweep; `until` is the end of a run in seconds, `rtol` its relative tolerance, `seed` that of simulated paths.
    #[must_use]
    pub fn new(
        study: &Study,
        design: &'a Design,
        measures: Vec<Measure>,
        (until, rtol, seed): (f64, f64, u64),
        remake: &'a Remake<'a>,
    ) -> Self {
        let (fluid, process) = (&study.fluid, study.fluid.process());
        let targets: Vec<Target> = design.axes.iter().map(|axis| target(study, &axis.path)).collect();
        let ensemble = if targets.contains(&Target::Structure) { None } else { Ensemble::new(fluid).ok() };
        let factor = |unit: &str| unit::parse_unit(unit).map_or(1.0, |u| u.1);
        let factors = measures.iter().map(|measure| match measure {
            Measure::Answer(_) | Measure::Trigger(..) | Measure::MeanTime => 1.0,
            Measure::State(i) => factor(&process.states[*i].unit),
            Measure::Output(i) => factor(&process.outputs[*i].unit),
        });
        let plan = Plan {
            design,
            targets,
            seed,
            until,
            options: Options { rtol, retain: false, ..Options::default() },
            parameters: fluid.parameters(),
            start: fluid.start(),
            states: process.states.iter().map(|s| s.info.name.clone()).collect(),
            outputs: process.outputs.iter().map(|o| o.name.clone()).collect(),
            factors: factors.collect(),
            measures,
            ensemble,
            remake,
        };
        Self { plan, fluid: Mutex::new(fluid.clone()) }
    }

    /// How many rows are worth working out before they are written.
    #[must_use]
    pub fn block(&self) -> u64 {
        if self.plan.answers() {
            16
        } else if self.plan.ensemble.is_some() {
            16_384
        } else {
            512
        }
    }

    /// Works out rows: for each the values of the axes, the measures, and what went wrong.
    #[must_use]
    pub fn rows(&self, rows: Range<u64>) -> Vec<Vec<Cell>> {
        let plan = &self.plan;
        let points: Vec<Vec<f64>> = rows.map(|i| plan.design.point(i)).collect();
        let ends = self.ends(&points);
        let analyses: Vec<Option<Result<Answers, String>>> =
            points.par_iter().map(|point| plan.answers().then(|| plan.analysis(point))).collect();
        points
            .iter()
            .zip(ends)
            .zip(&analyses)
            .map(|((point, end), found)| plan.row(point, &end, found.as_ref()))
            .collect()
    }

    /// Where runs end, if they are asked for.
    fn ends(&self, points: &[Vec<f64>]) -> Vec<End> {
        let plan = &self.plan;
        let fluid = self.fluid.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !plan.measures.iter().any(|m| matches!(m, Measure::State(_) | Measure::Output(_))) {
            return points.iter().map(|_| None).collect();
        }
        if let Some(ensemble) = &plan.ensemble {
            let ended = ensemble.run(points.len(), &plan.options, &|i, job| {
                plan.job((&plan.parameters, &plan.start), &points[i], job);
            });
            let wanted = plan.measures.iter().any(|m| matches!(m, Measure::Output(_)));
            let end = |(ended, point): (Ended, &Vec<f64>)| match ended.error {
                // What the lanes give up may still be within reach of smaller steps.
                Some(_) => Some(plan.alone(&fluid, point)),
                None if !wanted => Some(Ok((ended.x, Vec::new()))),
                None => {
                    let outputs = fluid.outputs(plan.until, &ended.x, &[], &plan.parameters_at(point));
                    Some(Ok((ended.x, outputs)))
                }
            };
            return ended.into_iter().zip(points).map(end).collect();
        }
        let part = points.len().div_ceil(rayon::current_num_threads().max(1)).max(1);
        let parts: Vec<(Fluid, &[Vec<f64>])> = points.chunks(part).map(|some| (fluid.clone(), some)).collect();
        let done: Vec<Vec<End>> = parts
            .into_par_iter()
            .map(|(fluid, points)| points.iter().map(|point| Some(plan.alone(&fluid, point))).collect())
            .collect();
        done.into_iter().flatten().collect()
    }
}

impl Plan<'_> {
    fn answers(&self) -> bool {
        self.measures.iter().any(|m| !matches!(m, Measure::State(_) | Measure::Output(_)))
    }

    fn row(&self, point: &[f64], end: &End, analysis: Option<&Result<Answers, String>>) -> Vec<Cell> {
        let mut cells: Vec<Cell> = point.iter().map(|v| Cell::Number(*v)).collect();
        for (place, (measure, factor)) in self.measures.iter().zip(&self.factors).enumerate() {
            cells.push(match (measure, analysis, end) {
                (Measure::Answer(which), Some(Ok(found)), _) => answer(&found.analysis, *which),
                (Measure::Trigger(..) | Measure::MeanTime, Some(Ok(found)), _) => found.cells[place].clone(),
                (Measure::State(i), _, Some(Ok((x, _)))) => Cell::Number(x[*i] / factor),
                (Measure::Output(i), _, Some(Ok((_, outputs)))) => Cell::Number(outputs[*i] / factor),
                _ => Cell::Empty,
            });
        }
        cells.push(match (analysis, end) {
            (Some(Err(message)), _) | (_, Some(Err(message))) => Cell::Text(message.clone()),
            _ => Cell::Empty,
        });
        cells
    }

    fn changes(&self, point: &[f64]) -> Vec<(String, String)> {
        let written = |value: f64, unit: &str| format!("{value} {unit}").trim_end().to_owned();
        let axes = self.design.axes.iter().zip(point);
        axes.map(|(axis, value)| (axis.path.clone(), written(*value, &axis.unit))).collect()
    }

    fn analysis(&self, point: &[f64]) -> Result<Answers, String> {
        let mut study = (self.remake)(&self.changes(point))?;
        let said = |error: &dyn std::fmt::Display| error.to_string();
        let asked = self.measures.iter().any(|m| matches!(m, Measure::Trigger(..)));
        if !asked {
            // They take most of the time.
            study.model.triggers.clear();
        }
        let found = analyze_for_triggers(&study).map_err(|error| said(&error))?;
        let cell = |measure: &Measure| match measure {
            Measure::Trigger(name, asked) => {
                triggers::answer(&study, &found, name.as_deref(), *asked).map_err(|error| said(&error))
            }
            Measure::MeanTime => {
                let mut quiet = study.clone();
                quiet.model.triggers.clear();
                let noisy = analyze_with_noise(&quiet, "", self.seed).map_err(|error| said(&error))?;
                Ok(noisy.analysis.mean_time_to_collapse.map_or(Cell::Empty, |time| Cell::Number(time.value)))
            }
            _ => Ok(Cell::Empty),
        };
        let cells = self.measures.iter().map(cell).collect::<Result<Vec<Cell>, String>>()?;
        Ok(Answers { analysis: found.analysis, cells })
    }

    /// One run by itself.
    fn alone(&self, fluid: &Fluid, point: &[f64]) -> Result<(Vec<f64>, Vec<f64>), String> {
        let remade = if self.targets.contains(&Target::Structure) {
            let fluid = (self.remake)(&self.changes(point))?.fluid;
            let states = self.measures.iter().any(|m| matches!(m, Measure::State(_)));
            if states && !fluid.states().iter().map(|s| &s.name).eq(&self.states) {
                return Err("the equations have other states here: choose outputs as measures".to_owned());
            }
            Some(fluid)
        } else {
            None
        };
        let mut job = Job::default();
        match &remade {
            // All numbers are in the equations already.
            Some(fluid) => {
                (job.start, job.segments) = (fluid.start(), vec![Segment::new(self.until, &fluid.parameters())]);
            }
            None => self.job((&self.parameters, &self.start), point, &mut job),
        }
        let fluid = remade.as_ref().unwrap_or(fluid);
        let (start, p) = (job.start, &job.segments[0].parameters);
        let options = Options { retain: true, ..self.options.clone() };
        let path = integrate(fluid, 0.0, &History::Constant(start.clone()), &job.segments, &options)
            .map_err(|error| error.to_string())?;
        let past: Vec<f64> = fluid
            .lags(p)
            .into_iter()
            .flat_map(|lag| path.at(path.end() - lag).unwrap_or_else(|| start.clone()))
            .collect();
        let values = fluid.outputs(path.end(), path.final_state(), &past, p);
        let here = fluid.process();
        let value = |name: &String| here.output_index(name).map_or(f64::NAN, |i| values[i]);
        Ok((path.final_state().to_vec(), self.outputs.iter().map(value).collect()))
    }

    fn parameters_at(&self, point: &[f64]) -> Vec<f64> {
        let mut p = self.parameters.clone();
        for ((target, axis), value) in self.targets.iter().zip(&self.design.axes).zip(point) {
            if let Target::Parameter(i) = target {
                p[*i] = value * axis.factor;
            }
        }
        p
    }

    fn job(&self, (p, start): (&Vec<f64>, &Vec<f64>), point: &[f64], job: &mut Job) {
        job.start.clone_from(start);
        job.segments.resize_with(1, || Segment::new(self.until, p));
        job.segments[0].parameters.clone_from(p);
        for ((target, axis), value) in self.targets.iter().zip(&self.design.axes).zip(point) {
            match target {
                Target::Parameter(i) => job.segments[0].parameters[*i] = value * axis.factor,
                Target::Start(i) => job.start[*i] = value * axis.factor,
                Target::Structure => {}
            }
        }
    }
}

fn target(study: &Study, path: &str) -> Target {
    let process = study.fluid.process();
    let name = study.model.quantity(path).map_or(path, |q| q.path.as_str());
    let start = || name.strip_prefix("state.")?.strip_suffix(".start").and_then(|state| process.state_index(state));
    match (process.parameter_index(name), start()) {
        (Some(i), _) => Target::Parameter(i),
        (None, Some(i)) => Target::Start(i),
        (None, None) => Target::Structure,
    }
}

fn answer(analysis: &Analysis, which: usize) -> Cell {
    let number = |value: Option<f64>| value.map_or(Cell::Empty, Cell::Number);
    match which {
        0 => match serde_json::to_value(analysis.verdict) {
            Ok(serde_json::Value::String(word)) => Cell::Text(word),
            _ => Cell::Empty,
        },
        1 => number(analysis.tip_over_load.as_ref().map(|l| l.value)),
        2 => number(analysis.recovery_load.as_ref().map(|l| l.value)),
        3 => number(analysis.headroom.to_tip_over),
        _ => number(analysis.headroom.to_recovery),
    }
}
