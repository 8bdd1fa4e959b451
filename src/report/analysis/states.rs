//! The states at today's load, as a table.

use crate::answers::analysis::{Findings, StateReport};
use crate::answers::study::Study;
use crate::report::document::{Block, Cell, Column, Table, Tone};
use crate::report::words::{in_unit, measured, percent, rate_unit};

/// Most numbers inside that get a column of their own.
const COLUMNS: usize = 4;

/// One row for each state.
pub(super) fn table(study: &Study, findings: &Findings) -> Block {
    let states = &findings.analysis.states;
    let variables = inside(study, findings);
    let unit = rate_unit(study);
    let has = |value: fn(&StateReport) -> Option<f64>| states.iter().any(|s| value(s).is_some());
    let (goodput, amplification, share) = (has(|s| s.goodput), has(|s| s.amplification), has(|s| s.yield_));
    let mut columns = vec![Column::left("state"), Column::left("stable")];
    columns.extend(variables.iter().map(|v| Column::right(v.title())));
    for (shown, title) in [(goodput, "goodput"), (share, "yield"), (amplification, "attempts/request")] {
        if shown {
            columns.push(Column::right(title));
        }
    }
    columns.push(Column::right("time constant"));
    let rows = states
        .iter()
        .enumerate()
        .map(|(index, state)| {
            let tone = tone(&state.name);
            let mut row = vec![Cell::new(state.name.clone(), tone), if state.stable { "yes" } else { "no" }.into()];
            row.extend(variables.iter().map(|v| v.cell(state, index)));
            if goodput {
                row.push(optional(state.goodput, |g| {
                    measured(rounded(in_unit(g, unit), findings.analysis.load.value), unit)
                }));
            }
            if share {
                row.push(optional(state.yield_, |y| percent(rounded(y, 1.0))));
            }
            if amplification {
                row.push(optional(state.amplification, |a| measured(a, "")));
            }
            row.push(state.time_constant.clone().unwrap_or_else(|| "-".to_owned()).into());
            row
        })
        .collect();
    Block::Table(Table { columns, rows })
}

fn tone(name: &str) -> Tone {
    match name.split('-').next().unwrap_or(name) {
        "good" => Tone::Good,
        "collapsed" | "escape" => Tone::Bad,
        "saddle" | "unstable" => Tone::Dim,
        _ => Tone::Warn,
    }
}

fn optional(value: Option<f64>, shown: impl Fn(f64) -> String) -> Cell {
    value.map_or_else(|| "-".to_owned(), shown).into()
}

/// Zero where next to nothing of the whole is left.
fn rounded(value: f64, whole: f64) -> f64 {
    if value.abs() < 1e-6 * whole.abs() { 0.0 } else { value }
}

/// A number inside that gets a column.
struct Inside {
    name: String,
    unit: String,
    /// Its value in each state.
    values: Vec<f64>,
}

impl Inside {
    fn title(&self) -> String {
        if self.unit.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, self.unit) }
    }

    fn cell(&self, state: &StateReport, index: usize) -> Cell {
        let growing = self.name.replace(".inside", ".queue");
        if state.state.get(&growing).is_some_and(serde_json::Value::is_string) {
            return "grows without bound".into();
        }
        let value = self.values.get(index).copied().filter(|v| v.is_finite());
        optional(value, |v| measured(in_unit(v, &self.unit), ""))
    }
}

/// The numbers worth a column: inside of each service and in back-off of each client, or the variables of a model
/// without either.
fn inside(study: &Study, findings: &Findings) -> Vec<Inside> {
    let process = study.fluid.process();
    let landscape = &findings.landscape;
    let points: Vec<&[f64]> = landscape.states.iter().map(|s| s.x.as_slice()).collect();
    let outputs: Vec<Vec<f64>> = points.iter().map(|x| study.fluid.outputs_at_rest(x, &landscape.parameters)).collect();
    let counts = process.outputs.iter().enumerate();
    let counts = counts.filter(|(_, o)| o.name.ends_with(".inside") || o.name.ends_with(".in_backoff"));
    let mut all: Vec<Inside> = counts
        .map(|(i, o)| Inside {
            name: o.name.clone(),
            unit: o.unit.clone(),
            values: outputs.iter().map(|v| v[i]).collect(),
        })
        .collect();
    if study.model.services.is_empty() {
        all = process
            .states
            .iter()
            .enumerate()
            .map(|(i, s)| Inside {
                name: s.info.name.clone(),
                unit: s.unit.clone(),
                values: points.iter().map(|x| x[i]).collect(),
            })
            .collect();
    }
    all.sort_by_key(|i| i.name.ends_with(".in_backoff"));
    all.truncate(COLUMNS);
    all
}
