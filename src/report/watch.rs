//! Early warning: where load and metric are, whether recovery slows down, and when limits will be reached.

use super::document::{Block, Cell, Column, Table, Tone};
use super::words::{factor, given, in_unit, measured, percent, time};
use crate::answers::thresholds::{Hysteresis, Thresholds};
use crate::answers::watch::{Ahead, Forecast, LEVEL, LoadLevel, MetricLevel, Recovery, State, Watch};
use crate::fit::metrics::Axis;
use crate::fit::metrics::clock::seconds;
use crate::fit::metrics::stamp::show;
use crate::model::unit::number;
use serde_json::{Value, json};

/// What was found, with what it was made from.
pub struct Report<'a> {
    /// Name of the model.
    pub model: &'a str,
    /// SHA-256 of its file.
    pub sha256: &'a str,
    /// Metric files.
    pub files: Vec<String>,
    /// What their times are.
    pub axis: Option<Axis>,
    /// The numbers of the model.
    pub thresholds: &'a Thresholds,
    /// What was found.
    pub watch: &'a Watch,
}

/// Excursions that the text lists.
const LISTED: usize = 5;
/// Days that are as good as never.
const FAR: f64 = 3650.0;

impl Report<'_> {
    /// A time as people read it.
    fn instant(&self, nanos: i64) -> String {
        match &self.axis {
            Some(Axis::Elapsed) | None => time(seconds(nanos)),
            Some(Axis::Local(None)) => show(nanos).trim_end_matches('Z').replace('T', " "),
            Some(_) => show(nanos),
        }
    }

    /// A load in the unit of the model file.
    fn load(&self, value: f64) -> f64 {
        value / self.thresholds.factor
    }

    fn with_load_unit(&self, value: f64) -> String {
        measured(self.load(value), &self.thresholds.unit)
    }

    fn metric_unit(&self) -> &str {
        self.thresholds.metric.as_ref().map(|m| m.unit.as_str()).unwrap_or_default()
    }

    fn with_metric_unit(&self, value: f64) -> String {
        measured(in_unit(value, self.metric_unit()), self.metric_unit())
    }
}

/// The report.
#[must_use]
pub fn document(report: &Report<'_>) -> Vec<Block> {
    let watch = report.watch;
    let mut blocks = vec![verdict(report)];
    blocks.extend(advice(report));
    let mut rows = Vec::new();
    if let Some(load) = &watch.load {
        rows.extend(load_rows(report, load));
    }
    if let Some(metric) = &watch.metric {
        rows.extend(metric_rows(report, metric));
    }
    if !rows.is_empty() {
        blocks.push(Block::Heading(format!("Now ({})", report.instant(watch.period.1))));
        let columns = vec![Column::left("quantity"), Column::right("value"), Column::left("meaning")];
        blocks.push(Block::Table(Table { columns, rows }));
    }
    if let Some(excursions) = watch.metric.as_ref().map(|m| &m.excursions).filter(|e| !e.is_empty()) {
        let mut lines: Vec<String> = excursions
            .iter()
            .rev()
            .take(LISTED)
            .map(|(a, b)| format!("beyond the boundary from {} for {}", report.instant(*a), time(seconds(b - a))))
            .collect();
        if excursions.len() > LISTED {
            lines.push(format!("... and {} times before", excursions.len() - LISTED));
        }
        blocks.push(Block::List(lines));
    }
    if let Some(recovery) = &watch.recovery {
        blocks.push(Block::Heading("Critical slowing down".to_owned()));
        blocks.push(Block::Paragraph(recovery_words(report, recovery)));
        blocks.push(Block::Table(recovery_table(recovery)));
    }
    if let Some(forecast) = &watch.forecast {
        blocks.push(Block::Heading("Days until".to_owned()));
        blocks.push(Block::Paragraph(forecast_words(report, forecast)));
        blocks.push(Block::Table(forecast_table(report, forecast)));
    }
    if !watch.remarks.is_empty() {
        blocks.push(Block::Heading("Remarks".to_owned()));
        blocks.push(Block::List(watch.remarks.clone()));
    }
    blocks
}

fn verdict(report: &Report<'_>) -> Block {
    let (watch, thresholds) = (report.watch, report.thresholds);
    let load = watch.load.as_ref().map_or(thresholds.today, |l| l.now);
    let load = report.with_load_unit(load);
    let limit = |value: Option<f64>| value.map(|v| report.with_load_unit(v)).unwrap_or_default();
    let metric = watch.metric.as_ref();
    let (words, tone) = match watch.state {
        State::Unknown => {
            ("nothing is known: no column is the load or the characteristic metric".to_owned(), Tone::Bad)
        }
        State::Stable if thresholds.hysteresis == Hysteresis::None => {
            (format!("STABLE at {load}: no collapsed state is known at this load"), Tone::Good)
        }
        State::Stable => {
            (format!("STABLE at {load}: below the recovery load of {}", limit(thresholds.recovery)), Tone::Good)
        }
        State::Vulnerable => {
            let recovery =
                thresholds.recovery.map(|r| format!(", above the recovery load of {}", report.with_load_unit(r)));
            (format!("VULNERABLE at {load}{}: a collapse would stay", recovery.unwrap_or_default()), Tone::Warn)
        }
        State::PastBoundary => {
            let name = metric.map(|m| m.name.as_str()).unwrap_or_default();
            let now = metric.map(|m| report.with_metric_unit(m.now)).unwrap_or_default();
            let edge = metric.and_then(|m| m.boundary).map(|b| report.with_metric_unit(b)).unwrap_or_default();
            (
                format!(
                    "PAST THE BOUNDARY at {load}: {name} is {now}, the boundary {edge}; it goes on to collapse by itself, or has collapsed"
                ),
                Tone::Bad,
            )
        }
        State::Overloaded => {
            (format!("OVERLOADED at {load}: above the tip-over load of {}", limit(thresholds.tip_over)), Tone::Bad)
        }
    };
    let mut cells = vec![Cell::new(format!("{} is {words}", report.model), tone)];
    if watch.recovery.as_ref().is_some_and(Recovery::is_slowing) {
        cells.push(Cell::new("; its recovery is slowing down", Tone::Warn));
    }
    cells.push(Cell::from("."));
    Block::Verdict(cells)
}

/// What to do now.
fn advice(report: &Report<'_>) -> Option<Block> {
    let beyond = matches!(report.watch.state, State::PastBoundary | State::Overloaded);
    let to = report.thresholds.shed_to().filter(|_| beyond)?;
    Some(Block::Paragraph(format!("Shed load to {}.", report.with_load_unit(to))))
}

fn load_rows(report: &Report<'_>, load: &LoadLevel) -> Vec<Vec<Cell>> {
    let thresholds = report.thresholds;
    let title = |what: &str| format!("{what} ({})", load.column);
    let share = |share: Option<f64>, what: &str| share.map(|s| format!("{} of the readings above {what}", percent(s)));
    let meaning = [
        share(load.above_recovery, "the recovery load"),
        share(load.above_tip_over.filter(|s| *s > 0.0), "the tip-over load"),
    ];
    let meaning = meaning.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let mut rows: Vec<Vec<Cell>> =
        vec![vec![title("load").into(), report.with_load_unit(load.now).into(), meaning.into()]];
    rows.push(vec!["highest load".into(), report.with_load_unit(load.highest).into(), "".into()]);
    for (what, limit) in
        [(thresholds.recovery_name(), thresholds.recovery), (thresholds.tip_over_name(), thresholds.tip_over)]
    {
        if let Some(limit) = limit {
            let away = super::words::change(limit / load.now - 1.0);
            rows.push(vec![what.into(), report.with_load_unit(limit).into(), format!("{away} from now").into()]);
        }
    }
    rows
}

fn metric_rows(report: &Report<'_>, metric: &MetricLevel) -> Vec<Vec<Cell>> {
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let meaning = match metric.margin {
        Some(margin) => format!("{} of the way from the good state to the boundary", percent(margin)),
        None => "no boundary at this load".to_owned(),
    };
    let tone = match metric.margin {
        Some(margin) if margin > 1.0 => Tone::Bad,
        Some(margin) if margin > 0.5 => Tone::Warn,
        _ => Tone::Plain,
    };
    let title = format!("{} ({})", metric.name, metric.column);
    rows.push(vec![title.into(), Cell::new(report.with_metric_unit(metric.now), tone), meaning.into()]);
    let mut add = |what: &str, value: Option<f64>, meaning: &str| {
        if let Some(value) = value {
            rows.push(vec![what.into(), report.with_metric_unit(value).into(), meaning.into()]);
        }
    };
    add("its good state", metric.good, "at this load");
    add("its alarm level", metric.alarm, "halfway");
    add("its boundary", metric.boundary, "at the saddle: beyond it, collapse by itself");
    rows
}

fn recovery_words(report: &Report<'_>, r: &Recovery) -> String {
    let verdict = if r.is_slowing() {
        "Variance and autocorrelation rise: the system loses resilience, or what drives it changes"
    } else {
        "No sign that recovery slows down"
    };
    let season = if r.deseasoned { ", trend, day and week taken out" } else { "" };
    let load = r.load_p.map(|p| format!("; of the load itself p = {}", number(p, 2))).unwrap_or_default();
    format!(
        "{verdict} (p = {}{load}). Of {} (`{}`), {} values every {} from {} to {}{season}.",
        number(r.p, 2),
        r.name,
        r.column,
        r.values,
        time(r.step),
        report.instant(r.period.0),
        report.instant(r.period.1),
    )
}

fn recovery_table(r: &Recovery) -> Table {
    let columns = vec![
        Column::left("indicator"),
        Column::right("first window"),
        Column::right("last window"),
        Column::right("Kendall's tau"),
        Column::right("p"),
    ];
    let row = |name: &str, (first, last): (f64, f64), (tau, p): (f64, f64)| -> Vec<Cell> {
        vec![
            name.into(),
            number(first, 3).into(),
            number(last, 3).into(),
            format!("{tau:+.2}").into(),
            number(p, 2).into(),
        ]
    };
    let rows = vec![
        row("variance", r.variance, r.variance_trend),
        row("autocorrelation", r.autocorrelation, r.autocorrelation_trend),
    ];
    Table { columns, rows }
}

fn forecast_words(report: &Report<'_>, f: &Forecast) -> String {
    let unit = &report.thresholds.unit;
    format!(
        "Over {} days the load changes by {} ± {} per day (standard error; by another method {}). Its weekly peak is expected at {}, next about {}.",
        f.days,
        given(rounded(report.load(f.slope.0)), unit),
        number(report.load(f.slope.1), 2),
        number(report.load(f.theil_sen), 3),
        report.with_load_unit(f.peak),
        report.instant(f.peak_at),
    )
}

fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn forecast_table(report: &Report<'_>, f: &Forecast) -> Table {
    let columns = vec![
        Column::left("the weekly peak reaches"),
        Column::right("limit"),
        Column::right("days from now"),
        Column::right("95 % interval"),
        Column::right("time above it this week"),
    ];
    let row = |ahead: &Ahead| -> Vec<Cell> {
        let c = &ahead.crossing;
        let name = match ahead.limit {
            "recovery" => "recovery load: vulnerable",
            _ => "tip-over load: collapse",
        };
        let tone = match c.days {
            Some(d) if d <= 0.0 => Tone::Bad,
            Some(d) if d < 30.0 => Tone::Warn,
            _ => Tone::Plain,
        };
        vec![
            name.into(),
            report.with_load_unit(ahead.value).into(),
            Cell::new(day(c.days, "never on this trend"), tone),
            interval(c.earliest, c.latest).into(),
            percent(ahead.share_of_week).into(),
        ]
    };
    Table { columns, rows: f.limits.iter().map(row).collect() }
}

fn day(days: Option<f64>, never: &str) -> String {
    match days {
        None => never.to_owned(),
        Some(d) if d <= 0.0 => "now".to_owned(),
        Some(d) if d > FAR => format!("more than {FAR:.0}"),
        Some(d) => number(d, 3),
    }
}

fn interval(earliest: Option<f64>, latest: Option<f64>) -> String {
    match (earliest, latest) {
        (None, _) => "never".to_owned(),
        (Some(e), Some(l)) if e <= 0.0 && l <= 0.0 => "now".to_owned(),
        (Some(e), latest) => format!("{} .. {}", day(Some(e), ""), day(latest, "no last day")),
    }
}

/// For programs: `tipping.watch/1`. Loads in the unit of the model file, the metric in its unit, times in RFC 3339 (or seconds, where
/// the file counts from its start).
#[must_use]
pub fn value(report: &Report<'_>) -> Value {
    let (watch, thresholds) = (report.watch, report.thresholds);
    let instant = |nanos: i64| match &report.axis {
        Some(Axis::Elapsed) | None => Value::from(seconds(nanos)),
        Some(_) => Value::from(report.instant(nanos)),
    };
    let load = |value: Option<f64>| value.map(|v| report.load(v));
    let unit = report.metric_unit();
    let level = |value: Option<f64>| value.map(|v| v / factor(unit));
    json!({
        "schema": "tipping.watch/1",
        "tool": {"version": env!("CARGO_PKG_VERSION")},
        "model": {"name": report.model, "sha256": report.sha256},
        "files": report.files,
        "period": {"from": instant(watch.period.0), "to": instant(watch.period.1)},
        "state": watch.state.name(),
        "recovery_load": load(thresholds.recovery),
        "tip_over_load": load(thresholds.tip_over),
        "shed_to": load(thresholds.shed_to()),
        "load": watch.load.as_ref().map(|l| json!({
            "path": thresholds.path, "unit": thresholds.unit, "column": l.column, "now": report.load(l.now),
            "highest": report.load(l.highest), "above_recovery": l.above_recovery, "above_tip_over": l.above_tip_over,
        })),
        "characteristic_metric": watch.metric.as_ref().map(|m| json!({
            "name": m.name, "unit": unit, "column": m.column, "now": level(Some(m.now)), "good": level(m.good),
            "alarm": level(m.alarm), "boundary": level(m.boundary), "margin": m.margin, "beyond": m.beyond,
            "excursions": m.excursions.iter().map(|(a, b)| json!({"from": instant(*a), "to": instant(*b)})).collect::<Vec<_>>(),
        })),
        "slowing_down": watch.recovery.as_ref().map(|r| json!({
            "is_slowing": r.is_slowing(), "p": r.p, "load_p": r.load_p, "metric": r.name, "column": r.column,
            "from": instant(r.period.0), "to": instant(r.period.1), "values": r.values, "step": r.step, "deseasoned": r.deseasoned,
            "variance": {"first": r.variance.0, "last": r.variance.1, "tau": r.variance_trend.0, "p": r.variance_trend.1},
            "autocorrelation": {"first": r.autocorrelation.0, "last": r.autocorrelation.1, "tau": r.autocorrelation_trend.0, "p": r.autocorrelation_trend.1},
        })),
        "forecast": watch.forecast.as_ref().map(|f| json!({
            "days_of_data": f.days,
            "slope_per_day": {"value": report.load(f.slope.0), "standard_error": report.load(f.slope.1), "theil_sen": report.load(f.theil_sen)},
            "weekly_peak": {"value": report.load(f.peak), "at": instant(f.peak_at)},
            "level": LEVEL,
            "limits": f.limits.iter().map(|a| json!({
                "limit": a.limit, "value": report.load(a.value), "days": a.crossing.days, "earliest": a.crossing.earliest,
                "latest": a.crossing.latest, "share_of_week": a.share_of_week,
            })).collect::<Vec<_>>(),
        })),
        "warnings": watch.remarks,
    })
}
