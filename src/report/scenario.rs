//! A model under several triggers at once: what `simulate` shows.

use super::band::{Band, BandError, Effort};
use super::measures;
use super::samples::Samples;
use super::table::{self, Column};
use super::words;
use crate::answers::study::Study;
use crate::answers::triggers::{Plan, TriggerError};
use crate::dynamics::integrate::{History, IntegrateError, Options, Segment, Trajectory, integrate};
use crate::model::types::Trigger;
use crate::plot::{Curve, Figure, PlotError, Scale, TimePanel, TimeSeries, TriggerSpan};
use crate::process::fluid::Fluid;

/// Points of a band.
const BAND_POINTS: usize = 480;
/// Points of a curve in a figure.
const POINTS: usize = 900;

/// A run to make.
pub struct Scenario<'a> {
    /// The model.
    pub study: &'a Study,
    /// Its equations.
    pub fluid: &'a Fluid,
    /// The triggers that happen, each at its own time.
    pub triggers: &'a [Trigger],
    /// Where it starts.
    pub start: Vec<f64>,
    /// When it ends.
    pub until: f64,
}

/// A run that was made.
#[derive(Debug, Clone)]
pub struct Run {
    trajectory: Trajectory,
    segments: Vec<Segment>,
}

/// Why a run cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// A trigger changes what cannot change.
    #[error(transparent)]
    Trigger(#[from] TriggerError),
    /// The equations cannot be solved.
    #[error("the run cannot be followed: {0}")]
    Integration(#[from] IntegrateError),
}

/// What one trigger does: from when to when, which parameters become what, which states are kicked.
struct Effect {
    from: f64,
    to: f64,
    changes: Vec<(usize, f64)>,
    kick: Vec<(usize, f64)>,
}

impl Scenario<'_> {
    /// Follows the model through all triggers. Each one changes numbers relative to today's values; where several change
    /// the same one, the last in the list has its way.
    ///
    /// # Errors
    /// [`ScenarioError`] if a trigger cannot be run or the equations cannot be solved.
    pub fn run(&self) -> Result<Run, ScenarioError> {
        let segments = self.segments()?;
        let history = History::Constant(self.start.clone());
        let trajectory = integrate(self.fluid, 0.0, &history, &segments, &Options::default())?;
        Ok(Run { trajectory, segments })
    }

    fn segments(&self) -> Result<Vec<Segment>, ScenarioError> {
        let base = self.fluid.parameters();
        let effects = self.triggers.iter().map(|t| self.effect(t, &base)).collect::<Result<Vec<Effect>, _>>()?;
        let mut ends: Vec<f64> = effects.iter().flat_map(|e| [e.from, e.to]).chain([self.until]).collect();
        ends.retain(|&t| 0.0 < t && t <= self.until);
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        let mut from = 0.0;
        let mut segments = Vec::new();
        for until in ends {
            let mut segment = Segment::new(until, &base);
            for effect in &effects {
                if effect.from <= from && from < effect.to {
                    effect.changes.iter().for_each(|&(i, value)| segment.parameters[i] = value);
                }
                if effect.from == from {
                    segment.kick.extend(&effect.kick);
                }
            }
            segments.push(segment);
            from = until;
        }
        Ok(segments)
    }

    fn effect(&self, trigger: &Trigger, base: &[f64]) -> Result<Effect, TriggerError> {
        let plan = Plan::new(self.fluid, trigger)?;
        let (from, duration) = (trigger.at.value, plan.duration.unwrap_or(0.0));
        // As the plan itself runs it: an own first segment, changed or kicked.
        let alone = plan.segments(base, 1.0, duration, 0.0, duration + 1.0);
        let first = alone.into_iter().next().unwrap_or_else(|| Segment::new(1.0, base));
        let changes = first.parameters.iter().zip(base).enumerate().filter(|(_, (now, today))| now != today);
        let changes = changes.map(|(i, (now, _))| (i, *now)).collect();
        Ok(Effect { from, to: from + duration, changes, kick: first.kick })
    }

    /// The band in which eight of ten runs lie.
    ///
    /// # Errors
    /// [`BandError`] says why there is none.
    pub fn band(&self, run: &Run, effort: Effort, seed: u64) -> Result<Band, BandError> {
        let last = BAND_POINTS as f64;
        let times: Vec<f64> = (0..=BAND_POINTS).map(|i| self.until * i as f64 / last).collect();
        Band::new(self.fluid, (&run.trajectory, &run.segments, &self.start), &times, effort, seed)
    }

    /// The band as CSV: time, then 10th and 90th percentile of all states and outputs.
    #[must_use]
    pub fn band_csv(&self, band: &Band) -> String {
        let process = self.fluid.process();
        let states = process.states.iter().map(|s| (&s.info.name, &s.unit));
        let outputs = process.outputs.iter().map(|o| (&o.name, &o.unit));
        let variables: Vec<_> = states.chain(outputs).collect();
        let column = |name: &str, unit: &str| Column { name: name.to_owned(), unit: unit.to_owned() }.head();
        let mut head = vec![column("time", "s")];
        for (name, unit) in &variables {
            head.extend(["p10", "p90"].map(|p| format!("{}_{p}", column(name, unit))));
        }
        let factors: Vec<f64> = variables.iter().map(|v| words::factor(v.1)).collect();
        let row = |(place, t): (usize, &f64)| {
            let (low, high) = band.at(place);
            let pairs = low.iter().zip(&high).zip(&factors);
            let values =
                pairs.flat_map(|((low, high), factor)| [table::cell(low / factor), table::cell(high / factor)]);
            std::iter::once(table::cell(*t)).chain(values).collect()
        };
        let rows: Vec<Vec<String>> = band.times.iter().enumerate().map(row).collect();
        table::csv(&head, &rows)
    }

    /// The run as CSV: time, the load, all states, all outputs, at every `step`.
    #[must_use]
    pub fn csv(&self, run: &Run, step: f64) -> String {
        let process = self.fluid.process();
        let load = measures::load(self.study, self.fluid);
        let column = |name: &str, unit: &str| Column { name: name.to_owned(), unit: unit.to_owned() };
        let mut columns = vec![column("time", "s")];
        let load_is_output = process.output_index("load").is_some();
        if !load_is_output {
            columns.push(column("load", &load.unit));
        }
        columns.extend(process.states.iter().map(|s| column(&s.info.name, &s.unit)));
        columns.extend(process.outputs.iter().map(|o| column(&o.name, &o.unit)));
        let factors: Vec<f64> = columns.iter().map(|c| words::factor(&c.unit)).collect();
        let samples = Samples::new(self.fluid, &run.trajectory, &run.segments, &self.start);
        let last = (self.until / step + 1e-9).floor() as usize;
        let times = (0..=last).map(|i| (i as f64 * step).min(self.until));
        let rows: Vec<Vec<String>> = times
            .filter_map(|t| samples.at(t))
            .map(|s| {
                let load = (!load_is_output).then(|| load.of(&s) * words::factor(&load.unit));
                let values = [s.t].into_iter().chain(load).chain(s.states).chain(s.outputs);
                values.zip(&factors).map(|(value, factor)| table::cell(value / factor)).collect()
            })
            .collect();
        let head: Vec<String> = columns.iter().map(Column::head).collect();
        table::csv(&head, &rows)
    }

    /// The run as a figure, with the band if there is one.
    ///
    /// # Errors
    /// Only by a defect of the drawing library.
    pub fn draw(&self, run: &Run, band: Option<&Band>) -> Result<Figure, PlotError> {
        let meta = &self.study.model.meta;
        let samples = Samples::new(self.fluid, &run.trajectory, &run.segments, &self.start);
        let seen: Vec<_> = samples.times(POINTS).into_iter().filter_map(|t| samples.at(t)).collect();
        let panels = measures::panels(self.study, self.fluid).into_iter().filter_map(|(label, unit, all)| {
            let curve = |m: &measures::Measure| Curve {
                quantity: m.name.clone(),
                run: 0,
                points: seen.iter().map(|s| (s.t, m.of(s))).collect(),
                band: band.map(|band| self.edges(m, band)).unwrap_or_default(),
            };
            let curves = all.iter().map(curve).collect();
            measures::interesting(TimePanel { label, unit, scale: Scale::Linear, curves })
        });
        let triggers = self.triggers.iter().filter(|t| t.at.value <= self.until).map(|t| TriggerSpan {
            from: t.at.value,
            to: (t.at.value + t.duration.as_ref().map_or(0.0, |d| d.value)).min(self.until),
            label: t.name.value.clone(),
        });
        let chart = TimeSeries {
            title: format!("{} over time", meta.name),
            subtitle: Some(match (band, meta.title.as_str()) {
                (Some(_), "") => "Band: 8 of 10 runs".to_owned(),
                (Some(_), title) => format!("{title}. Band: 8 of 10 runs"),
                (None, title) => title.to_owned(),
            })
            .filter(|t| !t.is_empty()),
            runs: vec![("run".to_owned(), "run".to_owned())],
            triggers: triggers.collect(),
            panels: panels.collect(),
        };
        chart.draw()
    }

    /// The band of one measure, in its unit.
    fn edges(&self, measure: &measures::Measure, band: &Band) -> Vec<(f64, f64, f64)> {
        let states = self.fluid.process().states.len();
        let edge = |(place, &t): (usize, &f64)| {
            let (low, high) = band.at(place);
            measure.between(states, &low, &high).map(|(low, high)| (t, low, high))
        };
        band.times.iter().enumerate().filter_map(edge).collect()
    }
}
