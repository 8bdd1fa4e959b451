//! The figure of a fit.

use super::Report;
use crate::answers::fitting::Trace;
use crate::answers::study::Study;
use crate::fit::metrics::guess::Role;
use crate::plot::{Figure, FitChart, FittedColumn, FittedReading, PlotError};
use crate::report::words;

/// Draws measured and fitted columns, with what is left over.
///
/// # Errors
/// Only by a defect of the drawing library.
pub fn draw(report: &Report<'_>, study: &Study) -> Result<Figure, PlotError> {
    let chart = FitChart {
        title: format!("{}: measured and fitted", report.model),
        subtitle: Some(subtitle(report)),
        columns: report.fit.traces.iter().map(|trace| column(trace, study)).collect(),
    };
    chart.draw()
}

/// Files, and what the estimates are.
fn subtitle(report: &Report<'_>) -> String {
    let estimates: Vec<String> =
        report.fit.parameters.iter().map(|p| format!("{} = {}", p.path, words::measured(p.value, &p.unit))).collect();
    let doubt = if report.fit.converged { "" } else { " The search did not converge." };
    format!("{}. Fitted: {}.{doubt}", report.files.join(", "), estimates.join(", "))
}

fn column(trace: &Trace, study: &Study) -> FittedColumn {
    let unit = unit(&trace.name, study);
    let factor = words::factor(&unit);
    let series = &trace.series;
    let reading = |index: usize| FittedReading {
        // A mean over an interval belongs to its middle.
        time: series.times[index] - 0.5 * series.spans[index],
        measured: series.values[index] / factor,
        fitted: trace.predicted[index] / factor,
        deviation: trace.deviations[index] / factor,
    };
    let readings = (0..trace.predicted.len()).map(reading).collect();
    FittedColumn { label: trace.name.clone(), unit, readings }
}

/// Unit of a quantity, or of a state or output of the model.
fn unit(name: &str, study: &Study) -> String {
    if let Some(role) = Role::named(name) {
        let unit = match role {
            Role::Inflight | Role::Queue => "req",
            Role::Utilization | Role::HitRatio => "",
            role if role.is_rate() => "req/s",
            _ => "s",
        };
        return unit.to_owned();
    }
    let process = study.fluid.process();
    let state = process.state_index(name).map(|index| process.states[index].unit.clone());
    state.or_else(|| process.output_index(name).map(|index| process.outputs[index].unit.clone())).unwrap_or_default()
}
