//! Records and alarms as PromQL.

use super::super::thresholds::{Hysteresis, Thresholds};
use super::levels::rounded;
use super::{Kind, Record, Rules, texts};

/// A number as PromQL reads it.
#[must_use]
pub fn literal(value: f64) -> String {
    format!("{value}")
}

impl Rules {
    /// A recorded series of this model, selected.
    #[must_use]
    pub fn series(&self, name: &str) -> String {
        format!("{name}{{model=\"{}\"}}", self.model)
    }

    fn input(&self, key: &str) -> Option<String> {
        self.inputs.iter().find(|i| i.key == key).map(|i| self.series(&i.record))
    }

    pub(super) fn record(&mut self, load: &str) {
        let levels = self.levels.clone();
        let mut records: Vec<Record> = self
            .inputs
            .iter()
            .map(|i| Record {
                name: i.record.clone(),
                about: i.about.clone(),
                expr: format!("{}({})", if i.adds { "sum" } else { "avg" }, i.expr.trim()),
            })
            .collect();
        let unit = &self.load_unit;
        let mut constant = |name: &str, about: &str, value: Option<f64>| {
            let expr = value.map(|v| format!("vector({})", literal(v)));
            let about = if unit.is_empty() { about.to_owned() } else { format!("{about}, in {unit}") };
            records.extend(expr.map(|expr| Record { name: name.to_owned(), about, expr }));
        };
        let (recovery, tip_over) = self.names;
        constant("tipping:recovery_load", &format!("{recovery}: below it a collapse heals"), levels.recovery);
        constant("tipping:tip_over_load", &format!("{tip_over}: above it the good state ends"), levels.tip_over);
        constant("tipping:shed_to_load", "load to shed to after a collapse", levels.shed_to);
        let offered = self.series(&format!("tipping:{load}"));
        if levels.tip_over.is_some() {
            records.push(Record {
                name: "tipping:headroom".to_owned(),
                about: "tip-over load / load - 1".to_owned(),
                expr: format!("{} / {offered} - 1", self.series("tipping:tip_over_load")),
            });
        }
        if let Some(key) = &levels.metric {
            records.push(Record {
                name: format!("tipping:{key}:boundary"),
                about: format!("boundary of {key} at this load: beyond it the system goes on to collapse by itself"),
                expr: boundary(&levels.boundary, &offered),
            });
        }
        self.records = records;
    }

    pub(super) fn alarm(&mut self, load: &str, thresholds: &Thresholds) {
        let levels = self.levels.clone();
        let offered = self.series(&format!("tipping:{load}"));
        let (recovery, tip_over) = (self.series("tipping:recovery_load"), self.series("tipping:tip_over_load"));
        let goodput = self.input("goodput");
        let below_tip = if levels.tip_over.is_some() { format!(" and {offered} < {tip_over}") } else { String::new() };
        let mut alerts: Vec<(Kind, String)> = Vec::new();
        if levels.recovery.is_some() {
            alerts.push((Kind::Vulnerable, format!("{offered} > {recovery}")));
        }
        if let Some(near) = levels.near {
            alerts.push((Kind::NearTipOver, format!("{offered} > {}", literal(near))));
        }
        if let Some(metric) = levels.metric.as_ref().and_then(|key| self.input(key).map(|own| (key, own))) {
            let (key, own) = metric;
            let boundary = self.series(&format!("tipping:{key}:boundary"));
            let sign = if levels.above { ">" } else { "<" };
            let from = literal(levels.boundary_from);
            alerts.push((Kind::PastBoundary, format!("{own} {sign} {boundary} and {offered} > {from}")));
        }
        let ratio = literal(levels.collapsed_ratio);
        match (&goodput, thresholds.hysteresis, levels.busy) {
            (None, ..) => {}
            (Some(goodput), Hysteresis::None, _) => {
                alerts.push((Kind::Starved, format!("{goodput} < {ratio} * {offered}{below_tip}")));
            }
            (Some(goodput), _, Some(busy)) => {
                let served = self.series("tipping:served");
                let condition = format!("{goodput} < {ratio} * {served} and {served} > {}{below_tip}", literal(busy));
                alerts.push((Kind::Collapsed, condition));
            }
            (Some(goodput), _, None) => {
                alerts.push((Kind::Collapsed, format!("{goodput} < {ratio} * {offered}{below_tip}")));
            }
        }
        self.alerts = alerts.into_iter().map(|(kind, expr)| texts::alert(self, kind, expr)).collect();
    }

    pub(super) fn say(&mut self, thresholds: &Thresholds) {
        self.remarks.extend(thresholds.remarks.iter().cloned());
        match thresholds.hysteresis {
            Hysteresis::None => self.remarks.push(
                "this model has no collapsed state beside a good one: there are no rules for recovery load, boundary and metastable collapse"
                    .to_owned(),
            ),
            Hysteresis::NeverHeals => self.remarks.push(
                "no load was found at which a collapse of this model heals: there is no load to shed to".to_owned(),
            ),
            Hysteresis::AboveRecovery => {}
        }
        if self.alerts.is_empty() {
            self.remarks.push("nothing of this model can be alarmed at".to_owned());
        }
        let defaults: Vec<&str> = self.inputs.iter().filter(|i| i.is_default).map(|i| i.expr.as_str()).collect();
        if !defaults.is_empty() {
            self.remarks.push(format!(
                "{} must be provided or replaced: --map {}='<PromQL>'",
                defaults.join(", "),
                self.inputs.iter().find(|i| i.is_default).map_or("offered", |i| i.key.as_str())
            ));
        }
    }
}

/// The straight lines between knots, as PromQL; constant if there is one knot only.
fn boundary(knots: &[(f64, f64)], load: &str) -> String {
    let Some((_, last)) = knots.last() else { return "vector(0)".to_owned() };
    if knots.len() == 1 {
        // Multiplied by nothing, so that there is no boundary where there is no load.
        return format!("{} + 0 * {load}", literal(*last));
    }
    let mut text = literal(*last);
    for pair in knots.windows(2) {
        let ((from, a), (to, b)) = (pair[0], pair[1]);
        let width = rounded(to - from, 8);
        let slope = rounded((a - b) / width, 8);
        let sign = if slope < 0.0 { "-" } else { "+" };
        let (slope, to, width) = (literal(slope.abs()), literal(to), literal(width));
        text += &format!(" {sign} {slope} * clamp({to} - {load}, 0, {width})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::boundary;

    #[test]
    fn lines_between_knots() {
        assert_eq!(boundary(&[(10.0, 5.0)], "x"), "5 + 0 * x");
        let text = boundary(&[(10.0, 100.0), (20.0, 50.0), (30.0, 60.0)], "x");
        assert_eq!(text, "60 + 5 * clamp(20 - x, 0, 10) - 1 * clamp(30 - x, 0, 10)");
    }
}
