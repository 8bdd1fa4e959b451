//! The forms of it: text, JSON, CSV.

use super::Noise;
use crate::chance::chain::survey::{Lingering, PassageFindings};
use crate::model::unit::number;
use crate::report::document::{Block, Cell, Column, Table, Tone};
use crate::report::table;
use crate::report::words::{in_unit, measured, percent, time};
use serde_json::{Map, Value, json};

/// Digits of times that are exact.
const DIGITS: usize = 12;

impl Noise<'_> {
    /// Everything, as `tipping.noise/1`.
    #[must_use]
    pub fn json(&self) -> Value {
        let survey = self.survey;
        let stationary = (!survey.axes.is_empty()).then(|| {
            let outputs = survey.outputs.iter().map(|(name, value)| (name.clone(), json!(self.output(name, *value))));
            json!({ "mean": self.named(survey.axes.iter().map(|a| a.0)),
                    "standard_deviation": self.named(survey.axes.iter().map(|a| a.1)),
                    "outputs": outputs.collect::<Map<_, _>>() })
        });
        let sets = survey.sets.iter().map(|s| (s.name.clone(), json!(s.probability)));
        let passages: Vec<Value> = survey.passages.iter().map(passage).collect();
        let quasi = survey.sets.iter().map(|s| {
            let lingering = |l: &Option<Lingering>| {
                l.as_ref().map(|l| json!({ "stay": l.stay, "unit": "s", "mean": self.named(l.means.iter().copied()) }))
            };
            (s.name.clone(), json!({ "inside": lingering(&s.inside), "outside": lingering(&s.outside) }))
        });
        let expected = |p: Option<&PassageFindings>| {
            p.map(|p| json!({ "from": p.from, "to": p.to, "value": p.expected(), "unit": "s" }))
        };
        json!({
            "schema": "tipping.noise/1",
            "tool": { "version": env!("CARGO_PKG_VERSION") },
            "model": { "name": self.model, "sha256": self.sha256 },
            "method": "markov-chain",
            "states": survey.states,
            "stationary": stationary,
            "sets": sets.collect::<Map<_, _>>(),
            "passage_times": passages,
            "spectral_gap": survey.gap,
            "quasi_stationary": quasi.collect::<Map<_, _>>(),
            "mean_time_to_collapse": expected(self.collapse()),
            "mean_time_to_recover": expected(self.recovery()),
            "inconclusive": survey.inconclusive,
            "warnings": survey.warnings,
        })
    }

    /// The times between sets, in seconds.
    #[must_use]
    pub fn csv(&self) -> String {
        let head = ["from", "to", "mean_s", "from_stationary_s", "standard_deviation_s"].map(str::to_owned);
        let row = |p: &PassageFindings| {
            let numbers = [Some(p.mean), p.from_stationary, Some(p.deviation)];
            let cells = numbers.map(|n| n.map(cell).unwrap_or_default());
            [vec![p.from.clone(), p.to.clone()], cells.to_vec()].concat()
        };
        table::csv(&head, &self.survey.passages.iter().map(row).collect::<Vec<_>>())
    }

    /// Everything, for people.
    #[must_use]
    pub fn document(&self) -> Vec<Block> {
        let survey = self.survey;
        let mut blocks = vec![self.headline()];
        if !survey.axes.is_empty() {
            blocks.push(Block::Heading("In the long run".to_owned()));
            blocks.push(self.long_run());
        }
        if !survey.sets.is_empty() {
            blocks.push(Block::Heading("Named sets".to_owned()));
            blocks.push(self.sets());
        }
        if !survey.passages.is_empty() {
            blocks.push(Block::Heading("Mean times between them".to_owned()));
            blocks.push(self.passages());
            let about = "Worst: from the state of the set that gets there soonest. Typical: from where the chain is in \
                         the long run when it is in the set. Exact to all digits shown.";
            blocks.push(Block::Paragraph(about.to_owned()));
        }
        if let Some(gap) = survey.gap {
            let text = format!(
                "Forgets where it started at a rate of {} per second (spectral gap), by a factor e every {}.",
                number(gap, 6),
                time(1.0 / gap)
            );
            blocks.push(Block::Paragraph(text));
        }
        let remarks: Vec<String> = survey.inconclusive.iter().map(|text| format!("inconclusive: {text}")).collect();
        let remarks = [remarks, survey.warnings.clone()].concat();
        if !remarks.is_empty() {
            blocks.push(Block::List(remarks));
        }
        blocks
    }

    fn headline(&self) -> Block {
        let size = format!("{} states, {} rates", self.survey.states, self.survey.rates);
        let cells = match (self.collapse(), self.recovery()) {
            (Some(collapse), recovery) => {
                let back = recovery.map(|r| format!("; back after {}", lasting(r.expected()))).unwrap_or_default();
                let text = format!(" collapses by itself after {} on average", lasting(collapse.expected()));
                vec![Cell::from(self.model), Cell::new(text, Tone::Warn), Cell::from(format!("{back} ({size})."))]
            }
            _ => vec![Cell::from(format!("{} is a Markov chain of {size}.", self.model))],
        };
        Block::Verdict(cells)
    }

    fn long_run(&self) -> Block {
        let columns = vec![Column::left(""), Column::right("mean"), Column::right("standard deviation")];
        let states = self.process.states.iter().zip(&self.survey.axes).map(|(state, &(mean, deviation))| {
            let value = |v: f64| Cell::from(measured(in_unit(v, &state.unit), &state.unit));
            vec![state.info.name.clone().into(), value(mean), value(deviation)]
        });
        let outputs = self.survey.outputs.iter().map(|(name, value)| {
            let unit = self.unit(name);
            vec![name.clone().into(), measured(in_unit(*value, unit), unit).into(), "".into()]
        });
        Block::Table(Table { columns, rows: states.chain(outputs).collect() })
    }

    fn sets(&self) -> Block {
        let columns = vec![
            Column::left(""),
            Column::right("states"),
            Column::right("share of time"),
            Column::right("leaves after"),
            Column::right("enters after"),
        ];
        let rows = self.survey.sets.iter().map(|set| {
            let stay = |l: &Option<Lingering>| Cell::from(l.as_ref().map(|l| lasting(l.stay)).unwrap_or_default());
            let share = set.probability.map(percent).unwrap_or_default();
            let name = Cell::from(set.name.clone());
            vec![name, set.states.to_string().into(), share.into(), stay(&set.inside), stay(&set.outside)]
        });
        Block::Table(Table { columns, rows: rows.collect() })
    }

    fn passages(&self) -> Block {
        let columns = vec![
            Column::left("from"),
            Column::left("to"),
            Column::right("worst"),
            Column::right("seconds"),
            Column::right("typical"),
            Column::right("seconds"),
        ];
        let rows = self.survey.passages.iter().map(|p| {
            let typical = p.from_stationary.map(lasting).unwrap_or_default();
            let exact = p.from_stationary.map(seconds).unwrap_or_default();
            let words = [p.from.clone(), p.to.clone(), lasting(p.mean), seconds(p.mean), typical, exact];
            words.into_iter().map(Cell::from).collect()
        });
        Block::Table(Table { columns, rows: rows.collect() })
    }

    /// Values of the states by name, in their units.
    fn named(&self, values: impl Iterator<Item = f64>) -> Map<String, Value> {
        let pair = |(state, value): (&crate::process::population::State, f64)| {
            (state.info.name.clone(), json!(in_unit(value, &state.unit)))
        };
        self.process.states.iter().zip(values).map(pair).collect()
    }

    fn unit(&self, output: &str) -> &str {
        self.process.output_index(output).map_or("", |k| self.process.outputs[k].unit.as_str())
    }

    fn output(&self, name: &str, value: f64) -> f64 {
        in_unit(value, self.unit(name))
    }
}

fn passage(p: &PassageFindings) -> Value {
    json!({ "from": p.from, "to": p.to, "mean": p.mean, "unit": "s", "from_stationary": p.from_stationary,
            "standard_deviation": p.deviation })
}

/// A time for people; never is a time as well.
fn lasting(seconds: f64) -> String {
    if seconds.is_infinite() { "never, perhaps".to_owned() } else { time(seconds) }
}

fn seconds(value: f64) -> String {
    if value.is_finite() { number(value, DIGITS) } else { String::new() }
}

fn cell(value: f64) -> String {
    if value.is_infinite() { "inf".to_owned() } else { table::cell(value) }
}
