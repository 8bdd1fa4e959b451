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
mod inputs;
mod levels;
mod promql;
mod texts;

pub use cases::{Case, Expected, Phase, cases};
pub use inputs::Input;
pub use levels::Levels;
pub use promql::literal;

use super::study::Study;
use super::thresholds::Thresholds;
use inputs::{base_unit, inputs, malformed};
use levels::levels;

/// Interval between evaluations, in seconds.
pub const INTERVAL: u32 = 15;

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
