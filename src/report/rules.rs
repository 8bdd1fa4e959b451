//! Rules for Prometheus as files, and what they hold as a report.

use super::document::{Block, Cell, Column, Table, Tone};
use super::yaml::Yaml;
use crate::answers::rules::{Case, INTERVAL, Phase, Rules, literal};
use crate::model::unit::number;
use serde_json::{Value, json};

/// Where rules come from.
pub struct Origin<'a> {
    /// Title of the model.
    pub title: &'a str,
    /// How its file was named.
    pub file: &'a str,
    /// SHA-256 of it.
    pub sha256: &'a str,
}

/// A duration as Prometheus writes it.
fn duration(seconds: u32) -> String {
    if seconds.is_multiple_of(60) && seconds > 0 { format!("{}m", seconds / 60) } else { format!("{seconds}s") }
}

/// The file of recording and alerting rules.
#[must_use]
pub fn rule_file(rules: &Rules, origin: &Origin<'_>) -> String {
    let mut yaml = Yaml::default();
    let version = env!("CARGO_PKG_VERSION");
    yaml.comment(&format!("Alarms for {}: {}", rules.model, origin.title));
    yaml.comment(&format!("Written by tipping {version} from {} (SHA-256 {}).", origin.file, origin.sha256));
    yaml.comment("Written anew when the model changes: change the model or --map, not this file.");
    for remark in &rules.remarks {
        yaml.comment(&format!("Note: {remark}."));
    }
    yaml.space();
    yaml.nest("groups", |y| {
        y.item(|y| {
            y.text("name", &format!("tipping-{}", rules.model));
            y.plain("interval", &duration(INTERVAL));
            y.nest("rules", |y| {
                for record in &rules.records {
                    y.item(|y| {
                        y.comment(&record.about);
                        let input = rules.inputs.iter().find(|i| i.record == record.name && i.is_default);
                        if let Some(input) = input {
                            y.comment(&format!(
                                "REPLACE {} by what you measure: --map {}='<PromQL>'",
                                input.expr, input.key
                            ));
                        }
                        y.text("record", &record.name);
                        y.text("expr", &record.expr);
                        y.nest("labels", |y| y.text("model", &rules.model));
                    });
                }
                for alert in &rules.alerts {
                    y.item(|y| {
                        y.text("alert", alert.kind.name());
                        y.text("expr", &alert.expr);
                        y.plain("for", &duration(alert.kind.holds_for()));
                        y.nest("labels", |y| {
                            y.text("model", &rules.model);
                            y.text("severity", alert.kind.severity());
                        });
                        y.nest("annotations", |y| alert.annotations.iter().for_each(|(name, text)| y.text(name, text)));
                    });
                }
            });
        });
    });
    yaml.finish()
}

/// Values of a series over the phases of a case: as many samples as there are intervals, one more in the first.
fn samples(phases: &[Phase], input: usize) -> String {
    let parts = phases.iter().enumerate().map(|(index, phase)| {
        let count = phase.seconds / INTERVAL + u32::from(index == 0);
        match phase.values[input] {
            Some(value) => format!("{}+0x{}", literal(value), count.saturating_sub(1)),
            None => format!("_x{count}"),
        }
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// The file of unit tests, for `promtool test rules`, beside a rule file of that name.
#[must_use]
pub fn test_file(rules: &Rules, cases: &[Case], origin: &Origin<'_>, rule_file: &str) -> String {
    let mut yaml = Yaml::default();
    yaml.comment(&format!(
        "Unit tests of {rule_file}, for `promtool test rules`: which alarms stand, and which must not."
    ));
    yaml.comment(&format!(
        "Written by tipping {} from {} (SHA-256 {}).",
        env!("CARGO_PKG_VERSION"),
        origin.file,
        origin.sha256
    ));
    yaml.space();
    yaml.nest("rule_files", |y| y.element(rule_file));
    yaml.plain("evaluation_interval", &duration(INTERVAL));
    yaml.nest("tests", |y| cases.iter().for_each(|case| y.item(|y| test(y, rules, case))));
    yaml.finish()
}

fn test(y: &mut Yaml, rules: &Rules, case: &Case) {
    y.text("name", case.name);
    y.plain("interval", &duration(INTERVAL));
    y.nest("input_series", |y| {
        for (index, input) in rules.inputs.iter().enumerate() {
            y.item(|y| {
                // An expression of the user cannot be turned round: what it records is given instead.
                let series = if input.is_default {
                    format!("{}{{instance=\"a\"}}", input.expr)
                } else {
                    rules.series(&input.record)
                };
                y.text("series", &series);
                y.text("values", &samples(&case.phases, index));
            });
        }
    });
    y.nest("alert_rule_test", |y| {
        for alert in &rules.alerts {
            y.item(|y| {
                y.plain("eval_time", &duration(case.at));
                y.text("alertname", alert.kind.name());
                let Some(expected) = case.expected.iter().find(|e| e.kind == alert.kind) else {
                    y.plain("exp_alerts", "[]");
                    return;
                };
                y.nest("exp_alerts", |y| {
                    y.item(|y| {
                        y.nest("exp_labels", |y| {
                            y.text("model", &rules.model);
                            y.text("severity", alert.kind.severity());
                        });
                        y.nest("exp_annotations", |y| {
                            expected.annotations.iter().for_each(|(name, text)| y.text(name, text));
                        });
                    });
                });
            });
        }
    });
    let key = rules.levels.metric.as_ref();
    if let (Some(key), Some(boundary)) = (key, case.boundary) {
        let series = rules.series(&format!("tipping:{key}:boundary"));
        y.nest("promql_expr_test", |y| {
            y.item(|y| {
                let size = literal(boundary.abs().max(1e-9) * 1e-2);
                y.text("expr", &format!("abs({series} - {}) < bool {size}", literal(boundary)));
                y.plain("eval_time", &duration(case.at));
                y.nest("exp_samples", |y| {
                    y.item(|y| {
                        y.text("labels", &format!("{{model=\"{}\"}}", rules.model));
                        y.plain("value", "1");
                    });
                });
            });
        });
    }
}

/// What the rules hold, for people.
#[must_use]
pub fn document(rules: &Rules, cases: &[Case], written: &[String]) -> Vec<Block> {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let tone = if rules.alerts.is_empty() { Tone::Warn } else { Tone::Good };
    let head =
        format!("{}: {}, held to {}", rules.model, count(rules.alerts.len(), "alarm"), count(cases.len(), "case"));
    let mut blocks = vec![Block::Verdict(vec![Cell::new(head, tone)])];
    let columns =
        vec![Column::left("alarm"), Column::left("severity"), Column::right("for"), Column::left("condition")];
    let rows = rules.alerts.iter().map(|alert| {
        let tone = match alert.kind.severity() {
            "critical" => Tone::Bad,
            "warning" => Tone::Warn,
            _ => Tone::Plain,
        };
        let short = alert.expr.replace(&format!("{{model=\"{}\"}}", rules.model), "");
        vec![
            alert.kind.name().into(),
            Cell::new(alert.kind.severity(), tone),
            duration(alert.kind.holds_for()).into(),
            short.into(),
        ]
    });
    blocks.push(Block::Table(Table { columns, rows: rows.collect() }));
    blocks.push(Block::Heading("Numbers".to_owned()));
    blocks.push(Block::Table(Table { columns: vec![Column::left(""), Column::right("")], rows: numbers(rules) }));
    blocks.push(Block::Heading("What is measured".to_owned()));
    let columns = vec![Column::left("input"), Column::left("expression"), Column::left("meaning")];
    let rows = rules.inputs.iter().map(|i| {
        let tone = if i.is_default { Tone::Warn } else { Tone::Plain };
        vec![i.key.clone().into(), Cell::new(i.expr.clone(), tone), i.about.clone().into()]
    });
    blocks.push(Block::Table(Table { columns, rows: rows.collect() }));
    if !rules.remarks.is_empty() {
        blocks.push(Block::Heading("Remarks".to_owned()));
        blocks.push(Block::List(rules.remarks.clone()));
    }
    if let [rule_file, test_file] = written {
        blocks.push(Block::Hint {
            about: format!("hold {rule_file} to its cases"),
            command: format!("promtool test rules {test_file}"),
        });
    }
    blocks
}

fn numbers(rules: &Rules) -> Vec<Vec<Cell>> {
    let levels = &rules.levels;
    let unit = &rules.load_unit;
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut add = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            rows.push(vec![name.into(), format!("{} {unit}", number(value, 4)).trim_end().to_owned().into()]);
        }
    };
    add(rules.names.0, levels.recovery);
    add(rules.names.1, levels.tip_over);
    add("near tip-over from", levels.near);
    add("shed to", levels.shed_to);
    if let (Some(key), [(from, first), .., (to, last)]) = (&levels.metric, &levels.boundary[..]) {
        let unit = &rules.metric_unit;
        let text =
            format!("{} at {} to {} at {}", number(*first, 4), number(*from, 4), number(*last, 4), number(*to, 4));
        rows.push(vec![format!("boundary of {key} ({unit}) by load").into(), text.into()]);
    }
    rows
}

/// For programs: `tipping.rules/1`.
#[must_use]
pub fn value(rules: &Rules, cases: &[Case], origin: &Origin<'_>) -> Value {
    let levels = &rules.levels;
    let alerts: Vec<Value> = rules
        .alerts
        .iter()
        .map(|a| {
            let annotations: serde_json::Map<String, Value> =
                a.annotations.iter().map(|(k, v)| ((*k).to_owned(), Value::from(v.as_str()))).collect();
            json!({"alert": a.kind.name(), "expr": a.expr, "for": a.kind.holds_for(), "severity": a.kind.severity(), "annotations": annotations})
        })
        .collect();
    json!({
        "schema": "tipping.rules/1",
        "tool": {"version": env!("CARGO_PKG_VERSION")},
        "model": {"name": rules.model, "sha256": origin.sha256},
        "load_unit": rules.load_unit,
        "recovery_load": levels.recovery,
        "tip_over_load": levels.tip_over,
        "near_tip_over": levels.near,
        "shed_to": levels.shed_to,
        "characteristic_metric": levels.metric.as_ref().map(|name| json!({
            "name": name,
            "unit": rules.metric_unit,
            "collapse": if levels.above { "above" } else { "below" },
            "boundary": levels.boundary.iter().map(|(load, at)| json!({"load": load, "boundary": at})).collect::<Vec<_>>(),
        })),
        "inputs": rules.inputs.iter().map(|i| json!({"name": i.key, "expr": i.expr, "default": i.is_default, "meaning": i.about})).collect::<Vec<_>>(),
        "records": rules.records.iter().map(|r| json!({"record": r.name, "expr": r.expr, "meaning": r.about})).collect::<Vec<_>>(),
        "alerts": alerts,
        "cases": cases.len(),
        "remarks": rules.remarks,
    })
}
