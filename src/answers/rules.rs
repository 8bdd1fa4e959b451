//! Alarms for Prometheus, made of the numbers of a model: what is recorded, what is alarmed at, and cases that say when an
//! alarm must fire and when not.
//!
//! Every input is first recorded under a name of ours as one series without labels but the model's (`sum` over instances
//! for what adds up, `avg` for what does not), so that the alarms do not depend on what an expression of the user returns.
//! All numbers are in base units: requests per second, requests, seconds, shares of one.
//!
//! The boundary of the characteristic metric falls as load rises. PromQL has no interpolation, but
//!
//! ```text
//! b(λ) = b_n + Σ_k (b_k - b_{k+1})/(λ_{k+1} - λ_k) · clamp(λ_{k+1} - λ, 0, λ_{k+1} - λ_k)
//! ```
//!
//! is the same line through all knots, and constant outside of them. It begins at the knot with the highest load because the
//! boundary is smallest there: nothing large cancels.
//!
//! A metastable collapse is told from overload by what it is: the service answers (throughput), nobody waits for it any
//! more (goodput), and the load is one that it could serve (below the tip-over load). The ratio of goodput to throughput below
//! which that counts lies halfway between 1 and that of the model's collapsed state.

mod cases;
mod texts;

pub use cases::{Case, Expected, Phase, cases};

use super::study::Study;
use super::thresholds::{Characteristic, Hysteresis, Thresholds};
use crate::fit::metrics::guess::Role;
use crate::fit::observe::{main_service, of_role};
use crate::model::unit;
use crate::process::dimension::Dimension;

/// Interval between evaluations, in seconds.
pub const INTERVAL: u32 = 15;

/// A series that the rules are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// What `--map` calls it.
    pub key: String,
    /// What it is.
    pub about: String,
    /// The expression that gives it.
    pub expr: String,
    /// Whether that is the default, which somebody must replace or provide.
    pub is_default: bool,
    /// Whether series of several instances add up (else they are averaged).
    pub adds: bool,
    /// What is recorded, such as `tipping:offered`.
    pub record: String,
}

/// A recorded expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// PromQL.
    pub expr: String,
}

/// Which alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The load is above the recovery load: a collapse would stay.
    Vulnerable,
    /// The load is close to where the good state ends.
    NearTipOver,
    /// The characteristic metric is beyond its boundary.
    PastBoundary,
    /// It has collapsed.
    Collapsed,
    /// Next to nothing is served at a load at which the model serves well.
    Starved,
}

impl Kind {
    /// Name of the alarm.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vulnerable => "TippingVulnerable",
            Self::NearTipOver => "TippingNearTipOver",
            Self::PastBoundary => "TippingPastBoundary",
            Self::Collapsed => "TippingCollapsed",
            Self::Starved => "TippingStarved",
        }
    }

    /// How loud it is.
    #[must_use]
    pub fn severity(self) -> &'static str {
        match self {
            Self::Vulnerable => "info",
            Self::NearTipOver | Self::Starved => "warning",
            Self::PastBoundary | Self::Collapsed => "critical",
        }
    }

    /// How long its condition must hold, in seconds.
    #[must_use]
    pub fn holds_for(self) -> u32 {
        match self {
            Self::Vulnerable => 900,
            Self::NearTipOver | Self::Starved => 300,
            Self::PastBoundary => 60,
            Self::Collapsed => 120,
        }
    }
}

/// An alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Which.
    pub kind: Kind,
    /// PromQL; its value is the quantity that is too high or too low.
    pub expr: String,
    /// Annotations by name, with Go's template for the value.
    pub annotations: Vec<(&'static str, String)>,
    /// Decimals of the value in the annotations.
    pub decimals: usize,
}

/// The numbers that conditions compare with, as they stand in the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// Recovery load.
    pub recovery: Option<f64>,
    /// Tip-over load.
    pub tip_over: Option<f64>,
    /// Load from which the tip-over load is near.
    pub near: Option<f64>,
    /// Load to shed to.
    pub shed_to: Option<f64>,
    /// Knots of the boundary: load and metric.
    pub boundary: Vec<(f64, f64)>,
    /// Load from which the boundary counts.
    pub boundary_from: f64,
    /// Whether collapse lies above the boundary.
    pub above: bool,
    /// Ratio of goodput to throughput (or to load, where the collapsed state answers little) below which it has collapsed.
    pub collapsed_ratio: f64,
    /// Throughput from which the service counts as busy; nothing if goodput is held to the load.
    pub busy: Option<f64>,
    /// Key of the characteristic metric.
    pub metric: Option<String>,
}

/// All rules of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Name of the model.
    pub model: String,
    /// Unit of the load in base units, for texts.
    pub load_unit: String,
    /// Unit of the metric in base units, for texts.
    pub metric_unit: String,
    /// Series they are made of.
    pub inputs: Vec<Input>,
    /// What is recorded besides.
    pub records: Vec<Record>,
    /// The alarms.
    pub alerts: Vec<Alert>,
    /// Names of recovery load and tip-over load, with what they are in mathematics.
    pub names: (&'static str, &'static str),
    /// The numbers in them.
    pub levels: Levels,
    /// What a reader must know.
    pub remarks: Vec<String>,
}

/// Why there are no rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// A quantity that these rules do not use.
    #[error("these rules have no input `{name}`")]
    NoInput {
        /// As written.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// An expression that cannot be PromQL.
    #[error("`{expr}` for `{name}` is no expression: {because}")]
    Expression {
        /// Of which input.
        name: String,
        /// As written.
        expr: String,
        /// What is wrong.
        because: &'static str,
    },
}

/// Goodput below this share of the load counts as starved, as in verdicts.
const STARVED: f64 = 0.5;
/// Knots of the boundary that are kept.
const KNOTS: usize = 7;

/// Rounds a load down to so many significant digits, so that no limit is stated higher than it is.
fn down(value: f64, digits: usize) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return value;
    }
    let nearest = rounded(value, digits);
    let exponent = format!("{value:e}").split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0);
    let step = 10f64.powi(exponent + 1 - i32::try_from(digits).unwrap_or(1));
    if nearest > value * (1.0 + 1e-12) { rounded(nearest - step, digits) } else { nearest }
}

/// To so many significant digits.
fn rounded(value: f64, digits: usize) -> f64 {
    let after = digits.saturating_sub(1);
    format!("{value:.after$e}").parse().unwrap_or(value)
}

/// Makes the rules of a model. `expressions` are those of the user by input; the others have defaults.
///
/// # Errors
/// [`RulesError`] for an expression that cannot be used.
pub fn rules(study: &Study, thresholds: &Thresholds, expressions: &[(String, String)]) -> Result<Rules, RulesError> {
    let load = if thresholds.is_rate { "offered" } else { "load" };
    let levels = levels(study, thresholds);
    let mut rules = Rules {
        model: study.model.meta.name.clone(),
        load_unit: base_unit(&thresholds.unit),
        metric_unit: thresholds.metric.as_ref().map(|m| base_unit(&m.unit)).unwrap_or_default(),
        inputs: inputs(study, thresholds, &levels, load),
        records: Vec::new(),
        alerts: Vec::new(),
        names: (thresholds.recovery_name(), thresholds.tip_over_name()),
        levels,
        remarks: Vec::new(),
    };
    for (name, expr) in expressions {
        let known: Vec<String> = rules.inputs.iter().map(|i| i.key.clone()).collect();
        let input = rules.inputs.iter_mut().find(|i| i.key == *name);
        let input = input.ok_or_else(|| RulesError::NoInput { name: name.clone(), known })?;
        if let Some(because) = malformed(expr) {
            return Err(RulesError::Expression { name: name.clone(), expr: expr.clone(), because });
        }
        input.expr.clone_from(expr);
        input.is_default = false;
    }
    rules.record(load);
    rules.alarm(load, thresholds);
    rules.say(thresholds);
    Ok(rules)
}

/// The base unit in the place of the unit of the model file: what series of Prometheus are in.
fn base_unit(text: &str) -> String {
    match unit::parse_unit(text) {
        Ok((dimension, _)) if dimension == Dimension::NONE => String::new(),
        Ok((dimension, _)) => dimension.to_string(),
        Err(_) => text.to_owned(),
    }
}

/// The numbers of the conditions.
fn levels(study: &Study, thresholds: &Thresholds) -> Levels {
    let recovery = thresholds.recovery.map(|r| down(r, 4));
    let tip_over = thresholds.tip_over.map(|t| down(t, 4));
    let near = tip_over.map(|tip| {
        let low = recovery.unwrap_or(0.0);
        let noise = thresholds.with_noise.filter(|n| *n > 1.02 * low && *n < tip);
        down(noise.unwrap_or_else(|| (0.9 * tip).max(f64::midpoint(low, tip))), 4)
    });
    let metric = thresholds.metric.as_ref();
    let knots = metric.map(thinned).unwrap_or_default();
    let process = study.fluid.process();
    let has = |role: Role| of_role(process, role, main_service(&study.model)).is_some();
    let signature = thresholds.collapsed.unwrap_or_default();
    // The collapsed state answers: what it answers is held to goodput. Else goodput is held to the load.
    let (collapsed_ratio, busy) = match (signature.goodput, signature.served, signature.offered) {
        (Some(good), Some(served), Some(offered))
            if has(Role::Served) && served > 2.0 * good && served > 0.1 * offered =>
        {
            (rounded(f64::midpoint(1.0, good / served), 3), Some(rounded(0.5 * served, 3)))
        }
        (Some(good), _, Some(offered)) if offered > 0.0 && good < offered => {
            (rounded(f64::midpoint(1.0, good / offered).min(0.75), 3), None)
        }
        _ => (STARVED, None),
    };
    Levels {
        recovery,
        tip_over,
        near,
        shed_to: thresholds.shed_to().map(|s| down(s, 3)),
        boundary: knots,
        boundary_from: metric.map_or(0.0, |m| rounded(m.from, 4)),
        above: metric.is_none_or(|m| m.above),
        collapsed_ratio,
        busy,
        metric: metric.map(|m| identifier(&m.name)),
    }
}

/// So few knots that a person can read the rule: the first, the last, and others evenly by number.
fn thinned(metric: &Characteristic) -> Vec<(f64, f64)> {
    let all = &metric.knots;
    let count = all.len().min(KNOTS);
    let pick = |k: usize| if count < 2 { 0 } else { k * (all.len() - 1) / (count - 1) };
    let mut knots: Vec<(f64, f64)> =
        (0..count).map(|k| &all[pick(k)]).map(|k| (rounded(k.load, 4), rounded(k.boundary, 4))).collect();
    knots.dedup_by(|a, b| a.0 <= b.0);
    knots
}

/// Letters, digits and underscores.
fn identifier(name: &str) -> String {
    let mut word: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        word.insert(0, '_');
    }
    word
}

fn inputs(study: &Study, thresholds: &Thresholds, levels: &Levels, load: &str) -> Vec<Input> {
    let process = study.fluid.process();
    let has = |role: Role| of_role(process, role, main_service(&study.model)).is_some();
    let input = |key: &str, about: &str, adds: bool| Input {
        key: key.to_owned(),
        about: about.to_owned(),
        expr: format!("tipping_{key}"),
        is_default: true,
        adds,
        record: format!("tipping:{key}"),
    };
    let mut all = vec![if load == "offered" {
        input(load, "requests that users begin, first attempts only, per second", true)
    } else {
        input(load, &format!("{} of the model{}", thresholds.path, in_unit(&thresholds.unit)), true)
    }];
    // Goodput can be held to the load only if the load counts requests.
    if has(Role::Goodput) && (levels.busy.is_some() || load == "offered") {
        all.push(input("goodput", "requests answered while somebody still waits, per second", true));
    }
    if levels.busy.is_some() {
        all.push(input("served", "answers of the service, wanted or not, per second", true));
    }
    if let (Some(metric), Some(key)) = (&thresholds.metric, &levels.metric) {
        let about = match metric.role {
            Some(Role::Inflight) => "attempts inside the service, waiting and in service".to_owned(),
            Some(Role::Queue) => "attempts that wait".to_owned(),
            _ => format!("{} of the model{}", metric.name, in_unit(&metric.unit)),
        };
        let adds = unit::parse_unit(&metric.unit).is_ok_and(|(d, _)| !d.is_none() && d != Dimension::TIME);
        if all.iter().all(|i| i.key != *key) {
            all.push(input(key, &about, adds));
        }
    }
    all
}

fn in_unit(text: &str) -> String {
    let unit = base_unit(text);
    if unit.is_empty() { String::new() } else { format!(", in {unit}") }
}

/// Why a text cannot be PromQL: what promtool would not find in the user's words but in ours.
fn malformed(expr: &str) -> Option<&'static str> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    for letter in expr.chars() {
        if let Some(mark) = quote {
            match letter {
                _ if escaped => escaped = false,
                '\\' if mark != '`' => escaped = true,
                c if c == mark => quote = None,
                _ => {}
            }
            continue;
        }
        match letter {
            '"' | '\'' | '`' => quote = Some(letter),
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(letter) => return Some("its brackets do not match"),
            // A comment would swallow what is written behind the expression.
            '#' => return Some("it holds a comment"),
            _ => {}
        }
    }
    match () {
        () if expr.trim().is_empty() => Some("it is empty"),
        () if quote.is_some() => Some("a quotation mark is not closed"),
        () if !open.is_empty() => Some("its brackets do not match"),
        () => None,
    }
}

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

    fn record(&mut self, load: &str) {
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

    fn alarm(&mut self, load: &str, thresholds: &Thresholds) {
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

    fn say(&mut self, thresholds: &Thresholds) {
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
    use super::{boundary, down, malformed, rounded};

    #[test]
    fn limits_are_rounded_down_and_other_numbers_to_the_nearest() {
        assert_eq!(
            [down(25.279, 4), down(95.2, 4), down(0.012_349_9, 4), down(99_999.0, 3), down(100.0, 3), down(0.0, 4)],
            [25.27, 95.2, 0.01234, 99_900.0, 100.0, 0.0]
        );
        assert_eq!([rounded(25.279, 4), rounded(1234.56, 4)], [25.28, 1235.0]);
    }

    #[test]
    fn lines_between_knots() {
        assert_eq!(boundary(&[(10.0, 5.0)], "x"), "5 + 0 * x");
        let text = boundary(&[(10.0, 100.0), (20.0, 50.0), (30.0, 60.0)], "x");
        assert_eq!(text, "60 + 5 * clamp(20 - x, 0, 10) - 1 * clamp(30 - x, 0, 10)");
    }

    #[test]
    fn what_would_break_the_rules_around_it_is_refused() {
        assert_eq!(malformed("sum(rate(http_requests_total{code=~\"2..\", path=\"/a)\"}[1m]))"), None);
        assert_eq!(malformed(r#"x{a="\"("}"#), None);
        for wrong in ["", "  ", "sum(x", "x)", "x{a=\"b}", "x[1m)", "x # y"] {
            assert!(malformed(wrong).is_some(), "{wrong}");
        }
    }
}
