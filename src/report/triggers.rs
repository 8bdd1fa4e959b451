//! Critical curves of triggers as text, CSV, JSON and chart: `tipping triggers`.

use super::document::{Block, Cell, Column, Table, Tone};
use super::figures::curve;
use super::table;
use super::words::{chance, given, measured, time};
use crate::answers::analysis::TriggerReport;
use crate::answers::critical_curve::CurvePoint;
use crate::answers::odds::Odds;
use crate::answers::study::Study;
use crate::answers::triggers::Plan;
use crate::plot::{Figure, PlotError};
use serde_json::{Value, json};

/// A trigger with its curve.
pub struct TriggerOdds {
    /// The trigger.
    pub plan: Plan,
    /// What `analyze` says about it.
    pub report: TriggerReport,
    /// Its critical sizes.
    pub curve: Vec<CurvePoint>,
    /// Where odds were asked for: duration in seconds and share of runs that tip at the stated size.
    pub asked: Option<(f64, Option<f64>)>,
}

impl TriggerOdds {
    /// The three critical sizes of a point, as printed: 10 %, 50 %, 90 % of runs tip.
    fn sizes(&self, point: &CurvePoint) -> [Option<f64>; 3] {
        let shown = |size: f64| Some(self.plan.scale.shown(size)).filter(|_| size.is_finite());
        let [low, high] = match point.odds.percentiles() {
            Some(p) => [shown(p[0]), shown(p[2])],
            None => [None, None],
        };
        [low, shown(point.size), high]
    }

    /// Share of runs that tip at the stated size and the duration of a point.
    fn probability(point: &CurvePoint) -> Option<f64> {
        // Where no size tips, the stated one does not.
        if point.size == f64::INFINITY { Some(0.0) } else { point.odds.probability(1.0) }
    }

    fn blocks(&self) -> Vec<Block> {
        let scale = &self.plan.scale;
        let size = given(self.report.size, &scale.unit);
        let mut blocks = vec![Block::Heading(match self.plan.duration {
            Some(duration) => format!("{}: {} = {size} for {}", self.plan.name, scale.label, time(duration)),
            None => {
                format!("{}: {} {}{size} at once", self.plan.name, scale.label, if scale.span > 0.0 { "+" } else { "" })
            }
        })];
        let share = |p: Option<f64>| p.map_or_else(|| "an unknown share".to_owned(), chance);
        let mut words = format!("As stated it tips {} of runs.", share(self.report.probability));
        if let Some((duration, probability)) = self.asked {
            words.push_str(&format!(" For {} it tips {}.", time(duration), share(probability)));
        }
        blocks.push(Block::Paragraph(words));
        let unit = if scale.unit.is_empty() { String::new() } else { format!(" ({})", scale.unit) };
        let columns = vec![
            Column::left(if self.plan.duration.is_some() { "duration" } else { "" }),
            Column::right(format!("10 % tip{unit}")),
            Column::right(format!("50 % tip{unit}")),
            Column::right(format!("90 % tip{unit}")),
            Column::right(format!("runs that tip at {size}")),
        ];
        let row = |point: &CurvePoint| {
            let duration = if self.plan.duration.is_some() { time(point.duration) } else { "at once".to_owned() };
            let sizes = self.sizes(point).map(|s| s.map(|v| measured(v, "")));
            let words = |s: Option<String>| Cell::from(s.unwrap_or_else(|| "-".to_owned()));
            let [low, middle, high] = sizes;
            let middle = if point.size == f64::INFINITY { Some("none tips".to_owned()) } else { middle };
            let probability = Self::probability(point);
            let tone = match probability {
                Some(p) if p > 0.9 => Tone::Bad,
                Some(p) if p >= 0.1 => Tone::Warn,
                Some(_) => Tone::Good,
                None => Tone::Dim,
            };
            let probability = probability.map_or_else(|| "-".to_owned(), chance);
            vec![duration.into(), words(low), words(middle), words(high), Cell::new(probability, tone)]
        };
        blocks.push(Block::Table(Table { columns, rows: self.curve.iter().map(row).collect() }));
        let mut remarks: Vec<&str> = self
            .curve
            .iter()
            .filter(|p| p.size.is_finite())
            .filter_map(|p| if let Odds::Unknown(why) = p.odds { Some(why) } else { None })
            .collect();
        remarks.sort_unstable();
        remarks.dedup();
        if !remarks.is_empty() {
            blocks.push(Block::List(remarks.iter().map(|why| format!("no 10 % and 90 % where {why}")).collect()));
        }
        blocks
    }

    fn json(&self) -> Value {
        let scale = &self.plan.scale;
        let point = |p: &CurvePoint| {
            let [p10, p50, p90] = self.sizes(p);
            let duration = self.plan.duration.map(|_| p.duration);
            json!({"duration": duration, "critical_size": {"p10": p10, "p50": p50, "p90": p90, "unit": scale.unit},
                   "probability": Self::probability(p)})
        };
        let asked = self.asked.map(|(duration, probability)| json!({"duration": duration, "probability": probability}));
        json!({"trigger": self.report, "changes": scale.label, "asked": asked,
               "curve": self.curve.iter().map(point).collect::<Vec<_>>()})
    }

    /// The critical curve as a chart; `None` if there are too few points.
    ///
    /// # Errors
    /// Only by a defect of the drawing library.
    pub fn draw(&self, study: &Study) -> Result<Option<Figure>, PlotError> {
        curve::chart(study, &self.plan, &self.curve)
    }
}

/// For people.
#[must_use]
pub fn document(study: &Study, all: &[TriggerOdds], warnings: &[String]) -> Vec<Block> {
    let load = given(study.load.value / study.load.factor, &study.load.unit);
    let words = format!("{}: what triggers tip the system at a load of {load}", study.model.meta.name);
    let mut blocks = vec![Block::Verdict(vec![words.into()])];
    all.iter().for_each(|t| blocks.extend(t.blocks()));
    if !warnings.is_empty() {
        blocks.push(Block::Heading("Warnings".to_owned()));
        blocks.push(Block::List(warnings.to_vec()));
    }
    blocks
}

/// `tipping.triggers/1`.
#[must_use]
pub fn document_json(study: &Study, sha256: &str, all: &[TriggerOdds], warnings: &[String]) -> Value {
    json!({
        "schema": "tipping.triggers/1",
        "tool": {"version": env!("CARGO_PKG_VERSION")},
        "model": {"name": study.model.meta.name, "sha256": sha256},
        "load": {"path": study.load.path, "value": study.load.value / study.load.factor, "unit": study.load.unit},
        "triggers": all.iter().map(TriggerOdds::json).collect::<Vec<_>>(),
        "warnings": warnings,
    })
}

/// One row per trigger and duration.
#[must_use]
pub fn csv(all: &[TriggerOdds]) -> String {
    let head = ["trigger", "duration_s", "size_p10", "size_p50", "size_p90", "size_unit", "stated_size", "probability"];
    let mut rows = Vec::new();
    for t in all {
        for p in &t.curve {
            let number = |v: Option<f64>| v.map_or_else(String::new, table::cell);
            let [p10, p50, p90] = t.sizes(p).map(number);
            let duration = number(t.plan.duration.map(|_| p.duration));
            let (unit, stated) = (t.plan.scale.unit.clone(), number(Some(t.report.size)));
            rows.push(vec![
                t.plan.name.clone(),
                duration,
                p10,
                p50,
                p90,
                unit,
                stated,
                number(TriggerOdds::probability(p)),
            ]);
        }
    }
    table::csv(&head.map(str::to_owned), &rows)
}
