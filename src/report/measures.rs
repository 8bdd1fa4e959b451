//! Which of a model's quantities a figure shows: requests per second, numbers inside, shares.

use super::samples::Sample;
use super::words;
use crate::answers::study::Study;
use crate::plot::{Curve, TimePanel};
use crate::process::fluid::Fluid;

/// Where the values of a quantity come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    State(usize),
    Output(usize),
    Parameter(usize),
    /// The sum of the outputs in `terms`.
    Sum,
}

/// A quantity that can be read off a sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measure {
    /// What it is.
    pub(super) name: String,
    /// Unit of its values.
    pub(super) unit: String,
    source: Source,
    terms: Vec<usize>,
    factor: f64,
}

impl Measure {
    fn new(name: &str, unit: &str, source: Source) -> Self {
        let factor = words::factor(unit);
        Self { name: name.to_owned(), unit: unit.to_owned(), source, terms: Vec::new(), factor }
    }

    /// An output by name.
    fn output(fluid: &Fluid, name: &str) -> Option<Self> {
        let index = fluid.process().output_index(name)?;
        Some(Self::new(name, &fluid.process().outputs[index].unit, Source::Output(index)))
    }

    /// A state by index.
    fn state(fluid: &Fluid, index: usize) -> Self {
        let state = &fluid.process().states[index];
        Self::new(&state.info.name, &state.unit, Source::State(index))
    }

    /// Its values at the lower and upper end of a band of states and outputs; `None` for what has no percentiles of its own.
    #[must_use]
    pub(super) fn between(&self, states: usize, low: &[f64], high: &[f64]) -> Option<(f64, f64)> {
        if !matches!(self.source, Source::State(_) | Source::Output(_)) {
            return None;
        }
        let value = |all: &[f64]| self.value(&all[..states], &all[states..], &[]);
        Some((value(low), value(high)))
    }

    /// Its value at a sample, in its unit.
    #[must_use]
    pub(super) fn of(&self, sample: &Sample) -> f64 {
        self.value(&sample.states, &sample.outputs, &sample.parameters)
    }

    /// Its value for states, outputs and parameters, in its unit.
    #[must_use]
    pub(super) fn value(&self, states: &[f64], outputs: &[f64], parameters: &[f64]) -> f64 {
        let value = match self.source {
            Source::State(i) => states[i],
            Source::Output(i) => outputs[i],
            Source::Parameter(i) => parameters[i],
            Source::Sum => self.terms.iter().map(|&i| outputs[i]).sum(),
        };
        value / self.factor
    }
}

/// The load, as a parameter.
#[must_use]
pub(super) fn load(study: &Study, fluid: &Fluid) -> Measure {
    let mut measure = Measure::new("load", &study.load.unit, Source::Parameter(study.load_index(fluid)));
    measure.factor = study.load.factor;
    measure
}

/// Gives a rate of requests the unit of the load, where that is a rate.
fn rated(measure: &mut Measure, study: &Study) {
    let unit = words::rate_unit(study);
    measure.unit = unit.to_owned();
    measure.factor = words::factor(unit);
}

/// Goodput, in the unit of the load, if the model has it.
#[must_use]
pub(super) fn goodput(study: &Study, fluid: &Fluid) -> Option<Measure> {
    let mut measure = Measure::output(fluid, "goodput")?;
    rated(&mut measure, study);
    Some(measure)
}

/// Throughput of the only service, wanted work or not: beside goodput it shows a system that is up but down.
#[must_use]
pub(super) fn throughput(study: &Study, fluid: &Fluid) -> Option<Measure> {
    let [service] = study.model.services.as_slice() else { return None };
    let mut measure = Measure::output(fluid, &format!("{}.throughput", service.name.value))?;
    rated(&mut measure, study);
    Some(measure)
}

/// Attempts, in the unit of the load, if the model has them.
#[must_use]
pub(super) fn attempts(study: &Study, fluid: &Fluid) -> Option<Measure> {
    let mut measure = Measure::output(fluid, "attempts")?;
    rated(&mut measure, study);
    Some(measure)
}

/// What is inside: the sum over all services, or the first countable state of a model without services.
#[must_use]
pub(super) fn inside(fluid: &Fluid) -> Measure {
    let process = fluid.process();
    let terms: Vec<usize> =
        (0..process.outputs.len()).filter(|&i| process.outputs[i].name.ends_with(".inside")).collect();
    if !terms.is_empty() {
        return Measure { terms, ..Measure::new("requests inside", "req", Source::Sum) };
    }
    let index = process.states.iter().position(|s| s.unit == "req").unwrap_or(0);
    let about = process.states[index].about.clone();
    let measure = Measure::state(fluid, index);
    if about.is_empty() { measure } else { Measure { name: about, ..measure } }
}

/// Each service's or state's own number, for a panel with several curves.
#[must_use]
pub(super) fn each_inside(fluid: &Fluid) -> Vec<Measure> {
    let process = fluid.process();
    let named = |end: &'static str| {
        process.outputs.iter().filter(move |o| o.name.ends_with(end)).filter_map(|o| Measure::output(fluid, &o.name))
    };
    let mut all: Vec<Measure> = named(".inside").chain(named(".in_backoff")).collect();
    if all.is_empty() {
        let unit = inside(fluid).unit;
        all = (0..process.states.len()).map(|i| Measure::state(fluid, i)).filter(|m| m.unit == unit).collect();
    }
    all.truncate(4);
    all
}

/// Shares: of attempts that come late or are refused.
#[must_use]
pub(super) fn shares(fluid: &Fluid) -> Vec<Measure> {
    let wanted = |name: &str| {
        let last = name.rsplit('.').next().unwrap_or(name);
        ["timeout_share", "blocked", "late", "full", "failing", "refused", "admitted"].contains(&last)
    };
    let outputs = fluid.process().outputs.iter();
    let mut all: Vec<Measure> = outputs
        .filter(|o| o.unit.is_empty() && wanted(&o.name))
        .filter_map(|o| Measure::output(fluid, &o.name))
        .collect();
    all.truncate(3);
    all
}

/// What a figure over time shows: label, unit and quantities of each panel.
pub(super) fn panels(study: &Study, fluid: &Fluid) -> Vec<(String, String, Vec<Measure>)> {
    let mut rates: Vec<Measure> = attempts(study, fluid).into_iter().collect();
    // A number of users has no place among rates; the rate of first attempts has.
    let unit = words::rate_unit(study);
    let first = if unit == study.load.unit { None } else { Measure::output(fluid, "load") };
    rates.push(first.unwrap_or_else(|| load(study, fluid)));
    rates.extend(goodput(study, fluid));
    rates.extend(throughput(study, fluid));
    let inside = each_inside(fluid);
    let counted = inside.first().map(|m| m.unit.clone()).unwrap_or_default();
    vec![
        ("Requests".to_owned(), unit.to_owned(), rates),
        ("Inside".to_owned(), counted, inside),
        ("Share of attempts".to_owned(), String::new(), shares(fluid)),
    ]
}

/// A panel without the quantities that are zero all the time; `None` if nothing is left.
pub(super) fn interesting(mut panel: TimePanel) -> Option<TimePanel> {
    let moves = |c: &Curve| c.points.iter().any(|p| p.1.abs() > 1e-9);
    let names: Vec<String> = panel.curves.iter().filter(|c| moves(c)).map(|c| c.quantity.clone()).collect();
    panel.curves.retain(|c| names.contains(&c.quantity));
    // A panel of one quantity has no legend: it is called after it.
    if let Some(only) = names.first().filter(|first| names.iter().all(|n| n == *first)) {
        panel.label.clone_from(only);
    }
    (!panel.curves.is_empty()).then_some(panel)
}
