//! A diagram as text, CSV and JSON.

use super::{Diagram, Special, end};
use crate::dynamics::continuation::Branch;
use crate::process::field::Field;
use crate::report::document::{Block, Cell, Column, Table, Tone};
use crate::report::table;
use crate::report::words::{factor, measured, time};
use serde_json::{Map, Value, json};
use std::f64::consts::TAU;

impl Diagram<'_> {
    /// A summary: the special points of each branch and why it ends.
    #[must_use]
    pub fn document(&self) -> Vec<Block> {
        let parameter = self.parameter();
        let (low, high) = (self.shown(self.range.0), self.shown(self.range.1));
        let range = format!("{} to {}", measured(low, ""), measured(high, &parameter.unit));
        let name = &self.study.model.meta.name;
        let mut blocks =
            vec![Block::Verdict(vec![format!("{name}: equilibria along {}, {range}", parameter.path).into()])];
        for (number, branch) in self.branches.iter().enumerate() {
            blocks.push(Block::Heading(format!("Branch {} ({} points)", number + 1, self.points(branch).count())));
            blocks.push(self.table(branch));
        }
        blocks
    }

    fn table(&self, branch: &Branch) -> Block {
        let parameter = self.parameter();
        let columns = vec![
            Column::left("point"),
            Column::right(format!("{} ({})", parameter.path, parameter.unit)),
            Column::left("beyond it"),
            Column::left(""),
        ];
        let row = |what: &str, value: String, beyond: String, remark: String| {
            vec![Cell::from(what), value.into(), beyond.into(), Cell::new(remark, Tone::Dim)]
        };
        let value = |v: f64| measured(self.shown(v), "");
        let stability = |index: usize| match branch.points.get(index).and_then(|p| p.unstable) {
            Some(0) => "stable".to_owned(),
            Some(n) => format!("unstable ({n})"),
            None => "not known".to_owned(),
        };
        let fluid = &self.study.fluid;
        let mut rows = Vec::new();
        if let Some(first) = branch.points.first() {
            let why = branch.other_end.map(|e| end(fluid, e)).unwrap_or_default();
            rows.push(row("begin", value(first.parameter), stability(0), why));
        }
        for (after, special) in self.specials(branch) {
            let name = match special.kind {
                "hopf" => "Hopf point",
                "branch-point" => "branch point",
                other => other,
            };
            let remark = match (special.bracket, special.omega) {
                (Some((a, b)), _) => format!("not refined: between {} and {}", value(a), value(b)),
                (None, Some(omega)) => format!("swings with a period of {}", time(TAU / omega)),
                _ => String::new(),
            };
            rows.push(row(name, value(special.parameter), stability(after + 1), remark));
        }
        if let Some(last) = branch.points.last() {
            rows.push(row("end", value(last.parameter), String::new(), end(fluid, branch.end)));
        }
        Block::Table(Table { columns, rows })
    }

    /// The points of a branch within the range, with their indices.
    fn points<'b>(
        &'b self,
        branch: &'b Branch,
    ) -> impl Iterator<Item = (usize, &'b crate::dynamics::continuation::Point)> {
        branch.points.iter().enumerate().filter(|(_, p)| self.inside(p.parameter))
    }

    /// One row for each point, special points in their places.
    #[must_use]
    pub fn csv(&self) -> String {
        let process = self.study.fluid.process();
        let parameter = self.parameter();
        let column = |name: &str, unit: &str| table::Column { name: name.to_owned(), unit: unit.to_owned() };
        let mut columns = vec![column(&parameter.path, &parameter.unit)];
        columns.extend(process.states.iter().map(|s| column(&s.info.name, &s.unit)));
        columns.extend(process.outputs.iter().map(|o| column(&o.name, &o.unit)));
        let factors: Vec<f64> = columns.iter().skip(1).map(|c| factor(&c.unit)).collect();
        let fixed = ["branch", "kind", "unstable_roots"].map(str::to_owned);
        let head: Vec<String> = fixed.into_iter().chain(columns.iter().map(table::Column::head)).collect();
        let mut rows = Vec::new();
        for (number, branch) in self.branches.iter().enumerate() {
            let row = |kind: &str, unstable: Option<usize>, value: f64, x: Option<&[f64]>| {
                let unstable = unstable.map(|n| n.to_string()).unwrap_or_default();
                let mut cells =
                    vec![(number + 1).to_string(), kind.to_owned(), unstable, table::cell(self.shown(value))];
                let outputs = x.map(|x| self.outputs(value, x));
                let values = x.into_iter().flatten().chain(outputs.iter().flatten()).copied();
                let known = x.is_some();
                cells.extend(values.zip(&factors).map(|(v, f)| table::cell(v / f)));
                if !known {
                    cells.resize(head.len(), String::new());
                }
                cells
            };
            let specials: Vec<(usize, Special<'_>)> = self.specials(branch).collect();
            for (index, point) in branch.points.iter().enumerate() {
                if self.inside(point.parameter) {
                    let kind = match point.unstable {
                        Some(0) => "stable",
                        Some(_) => "unstable",
                        None => "unknown",
                    };
                    rows.push(row(kind, point.unstable, point.parameter, Some(&point.x)));
                }
                for (_, special) in specials.iter().filter(|s| s.0 == index) {
                    rows.push(row(special.kind, None, special.parameter, special.x));
                }
            }
        }
        table::csv(&head, &rows)
    }

    /// Everything, as `tipping.branches/1`.
    #[must_use]
    pub fn json(&self, sha256: &str) -> Value {
        let parameter = self.parameter();
        let fluid = &self.study.fluid;
        let branches: Vec<Value> = self
            .branches
            .iter()
            .map(|branch| {
                let points: Vec<Value> = self
                    .points(branch)
                    .map(|(_, p)| {
                        json!({ "parameter": self.shown(p.parameter), "stable": p.stable(), "unstable_roots": p.unstable,
                                "state": self.state(&p.x), "outputs": self.named_outputs(p.parameter, &p.x) })
                    })
                    .collect();
                let specials: Vec<Value> = self.specials(branch).map(|(_, s)| self.special(&s)).collect();
                let begin = branch.other_end.map(|e| end(fluid, e));
                json!({ "points": points, "specials": specials, "begins": begin, "ends": end(fluid, branch.end) })
            })
            .collect();
        json!({
            "schema": "tipping.branches/1",
            "tool": { "version": env!("CARGO_PKG_VERSION") },
            "model": { "name": self.study.model.meta.name, "sha256": sha256 },
            "parameter": { "path": parameter.path, "unit": parameter.unit,
                           "today": self.shown(self.today.parameters[self.index]),
                           "from": self.shown(self.range.0), "to": self.shown(self.range.1) },
            "branches": branches,
            "warnings": self.today.warnings,
        })
    }

    fn special(&self, special: &Special<'_>) -> Value {
        let bracket = special.bracket.map(|(a, b)| [self.shown(a), self.shown(b)]);
        json!({ "kind": special.kind, "refined": special.bracket.is_none(), "parameter": self.shown(special.parameter),
                "bracket": bracket, "state": special.x.map(|x| self.state(x)),
                "frequency": special.omega.map(|w| w / TAU), "period": special.omega.map(|w| TAU / w) })
    }

    fn state(&self, x: &[f64]) -> Value {
        let states = self.study.fluid.states().iter().zip(x);
        Value::Object(states.map(|(s, v)| (s.name.clone(), Value::from(*v))).collect())
    }

    fn named_outputs(&self, value: f64, x: &[f64]) -> Map<String, Value> {
        let outputs = self.study.fluid.process().outputs.iter();
        outputs.zip(self.outputs(value, x)).map(|(o, v)| (o.name.clone(), Value::from(v))).collect()
    }
}
