//! How far each number of a model moves the two limits.
//!
//! At a fold the equations f(x, λ; p) = 0 in the state x and the load λ have a singular Jacobian, with a left null vector w.
//! Differentiating along the family of folds, what multiplies the movement of the state drops out:
//!
//! ```text
//! wᵀ f_x = 0   ⇒   dλ/dp = - wᵀ f_p / wᵀ f_λ,      elasticity E_p = (p/λ) dλ/dp
//! ```
//!
//! E is the change of the limit in per cent for each per cent that p changes. (J. Guckenheimer & P. Holmes, *Nonlinear Oscillations,
//! Dynamical Systems, and Bifurcations of Vector Fields*, 1983, section 3.4: wᵀ f_λ ≠ 0 is the condition for a fold.) No second
//! derivative is needed, and all parameters cost one derivative each.
//!
//! As no law of queueing knows what a second is, the elasticities of every model obey an identity: with a_p the power of
//! time in the dimension of p and a_λ that of the load, Σ a_p E_p = a_λ. The tests hold every shipped model to it.

use super::limits::{Limit, LimitKind, Limits};
use super::study::Study;
use crate::dynamics::newton::Equations;
use crate::process::field::Field;
use crate::process::fluid::Fluid;
use nalgebra::{DMatrix, DVector};

/// How far one parameter moves the limits; see the module documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensitivity {
    /// Index of the parameter in the process.
    pub index: usize,
    /// Dotted path of the parameter.
    pub path: String,
    /// Per cent of the tip-over load for a per cent of the parameter; `None` where that limit is no fold.
    pub tip_over: Option<f64>,
    /// The same of the recovery load.
    pub recovery: Option<f64>,
}

impl Sensitivity {
    /// The larger of both, without sign.
    #[must_use]
    pub fn largest(&self) -> f64 {
        [self.tip_over, self.recovery].into_iter().flatten().map(f64::abs).fold(0.0, f64::max)
    }
}

/// Elasticities of the limits of a model with respect to each of its parameters but the load, the largest first. Empty if no
/// limit is a fold.
#[must_use]
pub fn sensitivities(study: &Study, limits: &Limits) -> Vec<Sensitivity> {
    let fluid = &study.fluid;
    let load = study.load_index(fluid);
    let of = |limit: &Option<Limit>| limit.as_ref().and_then(|limit| elasticities(fluid, load, limit));
    let (tip_over, recovery) = (of(&limits.tip_over), of(&limits.recovery));
    if tip_over.is_none() && recovery.is_none() {
        return Vec::new();
    }
    let parameters = fluid.process().parameters.iter().enumerate().filter(|(index, _)| *index != load);
    let mut all: Vec<Sensitivity> = parameters
        .map(|(index, parameter)| Sensitivity {
            index,
            path: parameter.path.clone(),
            tip_over: tip_over.as_ref().map(|e| e[index]),
            recovery: recovery.as_ref().map(|e| e[index]),
        })
        .collect();
    all.sort_by(|a, b| b.largest().total_cmp(&a.largest()));
    all
}

/// The elasticity of a fold with respect to every parameter, that of the load itself being left at zero. `None` if the limit is
/// no fold, or so degenerate that its derivative says nothing.
fn elasticities(fluid: &Fluid, load: usize, limit: &Limit) -> Option<Vec<f64>> {
    let x = limit.x.as_ref().filter(|_| limit.kind == LimitKind::Fold)?;
    let mut p = fluid.parameters();
    p[load] = limit.load;
    let mut equations = Equations::new(fluid, &p);
    let w = left_null_vector(&mut equations, x)?;
    let mut slope = vec![0.0; x.len()];
    let mut along = |k: usize| -> Option<f64> {
        equations.by_parameter(x, k, &mut slope).then(|| w.iter().zip(&slope).map(|(w, s)| w * s).sum())
    };
    let by_load = along(load).filter(|d| *d != 0.0)?;
    let mut all = vec![0.0; p.len()];
    for (k, value) in p.iter().enumerate() {
        if k == load || *value == 0.0 || !value.is_finite() {
            continue;
        }
        let elasticity = -along(k)? / by_load * value / limit.load;
        all[k] = Some(elasticity).filter(|e| e.is_finite())?;
    }
    Some(all)
}

/// The vector w with wᵀ J closest to zero, J the Jacobian in units of the states' own sizes.
fn left_null_vector<F: Field + ?Sized>(equations: &mut Equations<'_, F>, x: &[f64]) -> Option<Vec<f64>> {
    let n = x.len();
    let size: Vec<f64> = equations.field.states().iter().zip(x).map(|(s, x)| x.abs() + s.scale).collect();
    let mut j = vec![0.0; n * n];
    if !equations.jacobian(x, n, &mut j) {
        return None;
    }
    // Rows in units of the fastest thing that happens in them, so that slow states count as much as fast ones.
    let scaled = DMatrix::from_fn(n, n, |r, c| j[r * n + c] * size[c]);
    let rows: Vec<f64> = scaled.row_iter().map(|row| row.amax()).collect();
    if rows.contains(&0.0) {
        return None;
    }
    let balanced = DMatrix::from_fn(n, n, |r, c| scaled[(r, c)] / rows[r]);
    let svd = balanced.svd(true, false);
    let (least, _) = svd.singular_values.argmin();
    let left: DVector<f64> = svd.u?.column(least).into_owned();
    Some(left.iter().zip(&rows).map(|(w, r)| w / r).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::landscape::landscape;
    use crate::answers::limits::limits;
    use crate::model::{self, Override};

    fn study(name: &str, changes: &[&str]) -> Study {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/{name}.toml"));
        let overrides: Vec<Override> = changes.iter().map(|c| Override::new(*c)).collect();
        Study::new(model::open(&path, &overrides).expect("it loads").model).expect("it can be studied")
    }

    fn found(name: &str, changes: &[&str]) -> (Study, Limits, Vec<Sensitivity>) {
        let study = study(name, changes);
        let load = study.load_index(&study.fluid);
        let limits = limits(&study.fluid, load, &landscape(&study.fluid, load).expect("a landscape"));
        let all = sensitivities(&study, &limits);
        (study, limits, all)
    }

    #[test]
    fn elasticities_are_the_differences_of_the_limits() {
        let (_, before, all) = found("retry-storm", &[]);
        for (path, changed) in [("client.web.timeout", "1.001 s"), ("service.api.service_time", "100.1 ms")] {
            let (_, after, _) = found("retry-storm", &[&format!("{path}={changed}")]);
            let one = all.iter().find(|s| s.path == path).expect("a parameter");
            let ratio = |a: &Option<Limit>, b: &Option<Limit>| {
                (a.as_ref().expect("a limit").load / b.as_ref().expect("a limit").load).ln() / 1.001_f64.ln()
            };
            let tip_over = ratio(&after.tip_over, &before.tip_over);
            let recovery = ratio(&after.recovery, &before.recovery);
            assert!((one.tip_over.expect("a fold") - tip_over).abs() < 2e-3, "{one:?} {tip_over}");
            assert!((one.recovery.expect("a fold") - recovery).abs() < 2e-3, "{one:?} {recovery}");
        }
    }

    /// No law knows what a second is.
    #[test]
    fn a_change_of_the_clock_changes_no_fold() {
        let mut folds = 0;
        for name in ["retry-storm", "small-pool", "batch-workers", "api-gateway", "slow-error-path", "thread-pool"] {
            let (study, limits, all) = found(name, &[]);
            let process = study.fluid.process();
            let power = |index: usize| f64::from(process.parameters[index].dimension.time);
            let load = power(study.load_index(&study.fluid));
            for (limit, pick) in [
                (&limits.tip_over, (|s: &Sensitivity| s.tip_over) as fn(&Sensitivity) -> Option<f64>),
                (&limits.recovery, |s: &Sensitivity| s.recovery),
            ] {
                if limit.as_ref().is_none_or(|l| l.kind != LimitKind::Fold) {
                    continue;
                }
                let total: f64 = all.iter().map(|s| power(s.index) * pick(s).expect("a fold")).sum();
                folds += 1;
                assert!((total / load - 1.0).abs() < 1e-4, "{name}: {total} for {load}");
            }
        }
        assert!(folds >= 8, "{folds}");
    }

    #[test]
    fn the_recovery_load_of_a_long_queue_is_capacity_over_attempts() {
        // C / attempts, C = servers / service_time: one per cent each way.
        let (_, _, all) = found("retry-storm", &[]);
        let of = |path: &str| all.iter().find(|s| s.path == path).and_then(|s| s.recovery).expect("a fold");
        assert!((of("service.api.servers") - 1.0).abs() < 0.02);
        assert!((of("service.api.service_time") + 1.0).abs() < 0.02);
        assert!(of("client.web.retry.backoff").abs() < 0.02);
    }
}
