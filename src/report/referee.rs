//! The report of a request-level simulation: text, JSON (`tipping.referee/1`), CSV and a figure.

mod print;

use super::table::{self, Column};
use crate::answers::against::Against;
use crate::model::types::Trigger;
use crate::plot::{Curve, Figure, PlotError, Scale, TimePanel, TimeSeries, TriggerSpan};
use crate::referee::{Estimate, Interval, Plan, Summary, System};
use serde_json::{Value, json};

pub use print::{against_table, document};

/// Everything there is to print.
pub struct Referee<'a> {
    /// What was simulated.
    pub system: &'a System,
    /// How.
    pub plan: &'a Plan,
    /// What came out.
    pub summary: &'a Summary,
    /// The comparison with the equations, if the model has them.
    pub against: Option<&'a Against>,
    /// The triggers that happened.
    pub triggers: &'a [Trigger],
}

impl Referee<'_> {
    /// The document for programs. `sha256` is that of the model's file.
    #[must_use]
    pub fn json(&self, sha256: &str) -> Value {
        let Self { system, plan, summary, .. } = self;
        let clients: Vec<Value> = summary
            .clients
            .iter()
            .map(|c| {
                json!({
                    "name": c.name,
                    "load": estimate(&c.load),
                    "goodput": estimate(&c.goodput),
                    "attempts": estimate(&c.attempts),
                    "amplification": estimate(&c.amplification),
                    "yield": estimate(&c.served_share),
                    "timeout_share": estimate(&c.timeout_share),
                    "in_backoff": estimate(&c.in_backoff),
                    "latency": estimate(&c.latency),
                    "apdex": c.apdex.as_ref().map(estimate),
                })
            })
            .collect();
        let services: Vec<Value> = summary
            .stations
            .iter()
            .map(|s| {
                json!({
                    "name": s.name,
                    "inside": estimate(&s.inside),
                    "busy": estimate(&s.busy),
                    "offered": estimate(&s.offered),
                    "throughput": estimate(&s.throughput),
                    "queueing": estimate(&s.queueing),
                    "wait": estimate(&s.wait),
                    "blocked": estimate(&s.blocked),
                    "discarded": estimate(&s.discarded),
                })
            })
            .collect();
        let share = |(count, interval): (usize, Interval)| json!({ "runs": count, "share": interval.share, "interval_95": [interval.low, interval.high] });
        let outcomes = &summary.outcomes;
        let names: Vec<Value> =
            Summary::names(system).into_iter().map(|(name, unit)| json!({ "name": name, "unit": unit })).collect();
        let points: Vec<Value> = summary
            .series
            .iter()
            .map(|p| {
                let bands: Vec<Value> = p.bands.iter().map(|b| json!([b.mean, b.p10, b.p50, b.p90])).collect();
                json!([p.time, bands])
            })
            .collect();
        json!({
            "schema": "tipping.referee/1",
            "tool": { "version": env!("CARGO_PKG_VERSION") },
            "model": { "name": system.model().meta.name, "sha256": sha256 },
            "plan": {
                "seed": plan.seed,
                "replications": plan.replications,
                "for": plan.horizon,
                "sample_every": plan.sample_every,
                "triggers": self.triggers.iter().map(|t| t.name.value.as_str()).collect::<Vec<_>>(),
            },
            "warm_up": { "value": summary.warm_up, "unit": "s", "settled": summary.settled },
            "outcomes": {
                "runs": outcomes.runs,
                "good": share(outcomes.good),
                "collapsed": share(outcomes.collapsed),
                "undecided": share(outcomes.undecided),
            },
            "clients": clients,
            "services": services,
            "latency": summary.latency.map(|l| json!({
                "count": l.count, "mean": l.mean, "p50": l.p50, "p90": l.p90, "p99": l.p99, "p99.9": l.p999, "unit": "s",
            })),
            "fluid_against_referee": self.against,
            "series": { "quantities": names, "columns": ["time", ["mean", "p10", "p50", "p90"]], "points": points },
            "events": summary.events,
        })
    }

    /// The time series as CSV: mean, p10, p50 and p90 of every quantity.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut columns = vec![Column { name: "time".to_owned(), unit: "s".to_owned() }];
        for (name, unit) in Summary::names(self.system) {
            let column = |what: &str| Column { name: format!("{name}.{what}"), unit: unit.to_owned() };
            columns.extend(["mean", "p10", "p50", "p90"].map(column));
        }
        let head: Vec<String> = columns.iter().map(Column::head).collect();
        let row = |point: &crate::referee::Point| {
            let bands = point.bands.iter().flat_map(|b| [b.mean, b.p10, b.p50, b.p90]);
            [point.time].into_iter().chain(bands).map(table::cell).collect()
        };
        table::csv(&head, &self.summary.series.iter().map(row).collect::<Vec<Vec<String>>>())
    }

    /// Medians over time with the band of eight runs in ten.
    ///
    /// # Errors
    /// Only by a defect of the drawing library.
    pub fn draw(&self) -> Result<Figure, PlotError> {
        let meta = &self.system.model().meta;
        let names = Summary::names(self.system);
        let panel = |label: &str, unit: &str, wanted: &[&str]| {
            let of = |(q, (name, _)): (usize, &(String, &str))| {
                let shown = wanted.iter().any(|w| name.rsplit_once('.').is_some_and(|(_, what)| what == *w));
                shown.then(|| Curve {
                    quantity: name.clone(),
                    run: 0,
                    points: self.summary.series.iter().map(|p| (p.time, p.bands[q].p50)).collect(),
                    band: self.summary.series.iter().map(|p| (p.time, p.bands[q].p10, p.bands[q].p90)).collect(),
                })
            };
            let curves = names.iter().enumerate().filter_map(of).collect();
            let panel = TimePanel { label: label.to_owned(), unit: unit.to_owned(), scale: Scale::Linear, curves };
            super::measures::interesting(panel)
        };
        let panels = [
            panel("requests", "req/s", &["load", "goodput", "attempts"]),
            panel("service", "req/s", &["throughput", "rejected"]),
            panel("inside", "req", &["inside", "in_backoff"]),
        ];
        let runs = format!("median of {} runs, band of eight in ten", self.plan.replications);
        let span = |t: &Trigger| TriggerSpan {
            from: t.at.value,
            to: (t.at.value + t.duration.as_ref().map_or(0.0, |d| d.value)).min(self.plan.horizon),
            label: t.name.value.clone(),
        };
        let chart = TimeSeries {
            title: format!("{}: {runs}", meta.name),
            subtitle: Some(meta.title.clone()).filter(|t| !t.is_empty()),
            runs: vec![("median".to_owned(), runs)],
            triggers: self.triggers.iter().filter(|t| t.at.value < self.plan.horizon).map(span).collect(),
            panels: panels.into_iter().flatten().collect(),
        };
        chart.draw()
    }
}

/// Mean and standard error; numbers that do not exist become null.
fn estimate(e: &Estimate) -> Value {
    json!({ "mean": e.mean, "error": e.error })
}
