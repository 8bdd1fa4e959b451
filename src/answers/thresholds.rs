//! The numbers that an alarm needs: the limits of the load, and the characteristic metric with its boundary.
//!
//! Between the recovery load λ_R (lower fold) and the tip-over load λ_T (upper fold) a good state g(λ) and a collapsed one
//! exist side by side, with a saddle s(λ) between them. The stable manifold of the saddle separates their basins. For one
//! measured quantity m the **boundary** and the **alarm** level are
//!
//! ```text
//! b(λ) = m(s(λ)),    a(λ) = (m(g(λ)) + m(s(λ))) / 2,    λ_R < λ < λ_T
//! ```
//!
//! in the unit of m. At λ_T both fall together with m(g): the higher the load, the less it takes. Below λ_R there is no
//! boundary, because everything heals; where the collapsed state is unbounded growth, b grows without bound towards λ_R.
//!
//! The **characteristic metric** m is the number of attempts inside the service that the first client calls, waiting and
//! in service. Where the model has no such number, or the saddle does not show in it, it is the output or state with the largest
//! `|m(s) - m(g)| / (|m(s)| + |m(g)|)` among those of which the saddle lies between the good and the collapsed state, by at least a
//! hundredth of the way; a number of requests that is twice as large at the saddle comes before all others.
//!
//! One number is not the whole state: the boundary is where the separatrix is crossed by the way along the saddle's own
//! proportions of queue and pending retries. A burst that fills the queue and has not yet caused retries may pass it and
//! return; a queue below it with more retries on their way than the saddle has may tip.

mod curve;

pub use curve::{Characteristic, Knot};

use super::analysis::{Findings, Verdict};
use super::limits::LimitKind;
use super::study::Study;
use crate::fit::metrics::guess::Role;
use crate::fit::observe::{Observable, main_service, of_role};
use crate::model::unit;
use crate::process::fluid::Fluid;

/// Share of the recovery load to shed to: at the recovery load itself recovery takes for ever (the fold is where its rate
/// vanishes), and a model is not exact.
pub const SHED_SHARE: f64 = 0.95;

/// What stands between the good state and the collapsed one as load changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hysteresis {
    /// No collapsed state beside a good one was found: overload ends when the load does.
    None,
    /// A collapsed state exists above the recovery load.
    AboveRecovery,
    /// A collapsed state exists, and no load was found at which it heals.
    NeverHeals,
}

/// What the collapsed state looks like, in base units. Nothing where the equations have no such output.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Signature {
    /// Requests answered in time, per second.
    pub goodput: Option<f64>,
    /// Answers per second, wanted or not.
    pub served: Option<f64>,
    /// Requests begun per second.
    pub offered: Option<f64>,
    /// The characteristic metric.
    pub metric: Option<f64>,
}

/// The numbers; loads in base units.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// Verdict at today's load.
    pub verdict: Verdict,
    /// Path of the load.
    pub path: String,
    /// Its unit in the model file.
    pub unit: String,
    /// Base units per that unit.
    pub factor: f64,
    /// Whether the load is a rate of requests (it may be a number of users or of anything).
    pub is_rate: bool,
    /// Today's load.
    pub today: f64,
    /// Load at which the other numbers were taken: today's if both states exist at it, else the middle of those at which
    /// they do.
    pub reference: f64,
    /// Tip-over load.
    pub tip_over: Option<f64>,
    /// What happens there.
    pub tip_over_kind: Option<LimitKind>,
    /// Load beyond which noise alone tips the good state within the horizon, where that was asked for and found.
    pub with_noise: Option<f64>,
    /// Recovery load.
    pub recovery: Option<f64>,
    /// What happens there.
    pub recovery_kind: Option<LimitKind>,
    /// What stands between the states.
    pub hysteresis: Hysteresis,
    /// Slots of the service that the first client calls.
    pub slots: Option<f64>,
    /// The metric to watch.
    pub metric: Option<Characteristic>,
    /// The collapsed state at the reference load.
    pub collapsed: Option<Signature>,
    /// What a reader must know.
    pub remarks: Vec<String>,
}

/// There is nothing to alarm at: the analysis was inconclusive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the analysis of this model is inconclusive: {0}")]
pub struct Undecided(pub String);

impl Thresholds {
    /// Takes them from an analysis.
    ///
    /// # Errors
    /// [`Undecided`] if the analysis has no verdict, or did not follow the good state to its end.
    pub fn of(study: &Study, findings: &Findings) -> Result<Self, Undecided> {
        let (analysis, limits) = (&findings.analysis, &findings.limits);
        let because = || analysis.warnings.last().cloned().unwrap_or_else(|| "no state was found".to_owned());
        if analysis.verdict == Verdict::Inconclusive {
            return Err(Undecided(because()));
        }
        let factor = study.load.factor;
        let today = analysis.load.value * factor;
        let tip_over = analysis.tip_over_load.as_ref().map(|l| l.value * factor);
        let recovery = analysis.recovery_load.as_ref().map(|l| l.value * factor);
        if tip_over.is_none() && !limits.warnings.is_empty() {
            return Err(Undecided(limits.warnings.join("; ")));
        }
        let recovery = recovery.filter(|r| tip_over.is_none_or(|t| *r < t));
        let collapses = matches!(analysis.verdict, Verdict::Vulnerable | Verdict::Metastable);
        let hysteresis = match recovery {
            Some(_) => Hysteresis::AboveRecovery,
            None if collapses => Hysteresis::NeverHeals,
            None => Hysteresis::None,
        };
        let (low, high) = (recovery.unwrap_or(0.0), tip_over.unwrap_or(f64::INFINITY));
        let inside = hysteresis != Hysteresis::None && low < today && today < high;
        let reference = match (inside, recovery, tip_over) {
            (false, Some(low), Some(high)) => 0.5 * (low + high),
            _ => today,
        };
        let is_rate = unit::parse_unit(&study.load.unit).is_ok_and(|(dimension, _)| dimension.time < 0);
        let mut found = Self {
            verdict: analysis.verdict,
            path: study.load.path.clone(),
            unit: study.load.unit.clone(),
            factor,
            is_rate,
            today,
            reference,
            tip_over,
            tip_over_kind: analysis.tip_over_load.as_ref().map(|l| l.kind),
            with_noise: analysis.tip_over_load.as_ref().and_then(|l| l.with_noise.flatten()).map(|l| l * factor),
            recovery,
            recovery_kind: analysis.recovery_load.as_ref().map(|l| l.kind),
            hysteresis,
            slots: slots(study),
            metric: None,
            collapsed: None,
            remarks: Vec::new(),
        };
        if limits.tip_over.as_ref().is_some_and(|l| l.kind == LimitKind::Peak) {
            found.remarks.push("above the tip-over load goodput falls smoothly, without a jump".to_owned());
        }
        if hysteresis != Hysteresis::None {
            curve::add(&mut found, study, findings);
            if found.metric.is_none() {
                found
                    .remarks
                    .push("no quantity was found that tells good and collapsed states apart at a saddle".into());
            }
        }
        Ok(found)
    }

    /// The tip-over load by its name and what it is in mathematics.
    #[must_use]
    pub fn tip_over_name(&self) -> &'static str {
        match self.tip_over_kind {
            Some(LimitKind::Fold) => "tip-over load (upper fold)",
            Some(LimitKind::Hopf) => "tip-over load (Hopf point)",
            Some(LimitKind::Escape) => "tip-over load (escape)",
            Some(LimitKind::Peak) => "tip-over load (goodput peak)",
            None => "tip-over load",
        }
    }

    /// The recovery load by its name and what it is in mathematics.
    #[must_use]
    pub fn recovery_name(&self) -> &'static str {
        match self.recovery_kind {
            Some(LimitKind::Fold) => "recovery load (lower fold)",
            Some(LimitKind::Escape) => "recovery load (end of unbounded growth)",
            _ => "recovery load",
        }
    }

    /// The load to shed to so that a collapse heals, with a margin; for a model without hysteresis, that at which
    /// overload ends. In base units.
    #[must_use]
    pub fn shed_to(&self) -> Option<f64> {
        match self.hysteresis {
            Hysteresis::NeverHeals => None,
            Hysteresis::AboveRecovery => self.recovery.map(|r| SHED_SHARE * r),
            Hysteresis::None => self.tip_over.map(|t| SHED_SHARE * t),
        }
    }
}

/// Slots of the service that the first client calls, where they are limited.
fn slots(study: &Study) -> Option<f64> {
    let name = main_service(&study.model)?;
    let service = study.model.services.iter().find(|s| s.name.value == name)?;
    Some(service.servers.value).filter(|slots| slots.is_finite())
}

/// A quantity at rest, in base units.
pub(super) fn at_rest(fluid: &Fluid, observable: &Observable, x: &[f64], p: &[f64]) -> f64 {
    let outputs = || fluid.outputs_at_rest(x, p);
    match observable {
        Observable::State(index) => x[*index],
        Observable::Outputs(terms) => {
            let values = outputs();
            terms.iter().map(|(index, factor)| factor * values[*index]).sum()
        }
        Observable::Product(a, b) => {
            let values = outputs();
            values[*a] * values[*b]
        }
    }
}

/// What a state looks like.
fn signature(study: &Study, metric: &Observable, x: &[f64], p: &[f64]) -> Signature {
    let (fluid, service) = (&study.fluid, main_service(&study.model));
    let value = |role: Role| {
        let observable = of_role(fluid.process(), role, service)?;
        Some(at_rest(fluid, &observable, x, p)).filter(|v| v.is_finite())
    };
    Signature {
        goodput: value(Role::Goodput),
        served: value(Role::Served),
        offered: value(Role::Offered),
        metric: Some(at_rest(fluid, metric, x, p)).filter(|v| v.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::analysis::analyze;

    fn thresholds(text: &str, changes: &[&str]) -> Thresholds {
        let overrides: Vec<crate::model::Override> = changes.iter().map(|c| crate::model::Override::new(*c)).collect();
        let mut model = crate::model::load(text, "model.toml", &overrides).expect("a model").model;
        model.triggers.clear();
        let study = Study::new(model).expect("equations");
        let findings = analyze(&study, "").expect("a landscape");
        Thresholds::of(&study, &findings).expect("a verdict")
    }

    /// The M/M/1 queue with retries in closed form: offered load `μ ρ (1-q)/(1-q^R)`, `q = exp(-θ(1-ρ))`, and `ρ/(1-ρ)` inside
    /// (Little and Erlang). With θ = 5, R = 4, μ = 10 it rises with ρ to its maximum, the tip-over load; the saddle is on the other side.
    #[test]
    fn the_boundary_is_that_of_the_closed_form() {
        let found = thresholds(include_str!("../../models/mm1-retry.toml"), &[]);
        assert_eq!(found.hysteresis, Hysteresis::AboveRecovery);
        let metric = found.metric.expect("a metric");
        assert_eq!((metric.name.as_str(), metric.role, metric.above), ("inflight", Some(Role::Inflight), true));
        let load = |rho: f64| {
            let q = (-5.0 * (1.0 - rho)).exp();
            10.0 * rho * (1.0 - q) / (1.0 - q.powi(4))
        };
        for (rho, good) in [(0.40, true), (0.50, true), (0.82, false), (0.88, false), (0.92, false), (0.95, false)] {
            let knot = metric.at(load(rho)).expect("between the limits");
            let (seen, exact) = (if good { knot.good } else { knot.boundary }, rho / (1.0 - rho));
            // Straight lines between twelve knots, of a curve that grows without bound, and a closure that is not exact with retries.
            assert!((seen / exact - 1.0).abs() < 0.1, "rho {rho}: {seen} is not {exact}");
        }
        assert_eq!(metric.at(2.4), None, "below the recovery load everything heals");
    }

    #[test]
    fn numbers_do_not_depend_on_todays_load() {
        let text = include_str!("../../models/retry-storm.toml");
        let (low, high) =
            (thresholds(text, &["client.web.load=15 req/s"]), thresholds(text, &["client.web.load=60 req/s"]));
        assert_eq!((low.verdict, high.verdict), (Verdict::Stable, Verdict::Vulnerable));
        let at = |t: &Thresholds| t.metric.as_ref().and_then(|m| m.at(60.0)).expect("a boundary").boundary;
        assert!((at(&low) / at(&high) - 1.0).abs() < 1e-3, "{} {}", at(&low), at(&high));
        assert!((at(&high) / 100.0 - 1.0).abs() < 0.02, "the saddle of `analyze` has 100 inside, not {}", at(&high));
        let shed = high.shed_to().zip(high.recovery).expect("limits");
        assert!((shed.0 / shed.1 - SHED_SHARE).abs() < 1e-12);
        let collapsed = low.collapsed.expect("a signature");
        assert!(collapsed.goodput < Some(0.1) && collapsed.served > Some(99.0), "{collapsed:?}");
    }

    /// An escape is no equilibrium: of unbounded growth no size is known, and the good state is not taken for it.
    #[test]
    fn beside_unbounded_growth_there_is_a_boundary_too() {
        let found = thresholds(include_str!("../../models/m1.toml"), &[]);
        let metric = found.metric.expect("a metric");
        // In back-off there is next to nobody in the good state: of both numbers of requests the saddle shows most in this one.
        assert_eq!((metric.name.as_str(), metric.above), ("o", true));
        let knot = metric.at(400.0).expect("a boundary");
        assert!((knot.boundary / 299.56 - 1.0).abs() < 0.02, "{knot:?}");
        assert_eq!(found.collapsed.and_then(|c| c.metric), None);
    }

    #[test]
    fn without_a_collapsed_state_there_is_no_boundary() {
        let found = thresholds(include_str!("../../models/queue-timeout.toml"), &[]);
        assert_eq!((found.hysteresis, &found.metric, found.recovery), (Hysteresis::None, &None, None));
        assert!(found.shed_to().zip(found.tip_over).is_some_and(|(to, tip)| to < tip));
    }
}
