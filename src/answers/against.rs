//! Fluid against referee: what the equations say beside what request-level simulation finds, in standard errors.
//!
//! Two parts. The good state: outputs at the equilibrium against means over replications without triggers (runs that
//! collapsed by themselves are left out and counted). Triggers: the critical duration at which half of the runs tip.
//! A deviation of more than about three standard errors is a difference of models, not luck; how much of one matters is
//! for the reader: it is given in percent as well.

use super::analysis::Findings;
use super::study::Study;
use crate::referee::odds::{Experiment, Vary, odds};
use crate::referee::{Estimate, Outcome, Plan, Summary, System, SystemError};
use serde::Serialize;

/// The comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Against {
    /// Quantities compared.
    pub rows: Vec<Row>,
    /// Replications of the good state that stayed in it.
    pub good_runs: usize,
    /// Replications in all.
    pub runs: usize,
    /// What was not compared, and why.
    pub remarks: Vec<String>,
}

/// One quantity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Output, or `TRIGGER critical duration`.
    pub quantity: String,
    /// Its unit.
    pub unit: &'static str,
    /// By the equations.
    pub fluid: f64,
    /// By simulation.
    pub referee: f64,
    /// Standard error of that.
    pub error: f64,
    /// How many standard errors the equations are above the simulation.
    pub deviation: f64,
    /// (fluid - referee) / referee.
    pub relative: f64,
}

/// How much to simulate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Seed of everything random.
    pub seed: u64,
    /// Replications.
    pub replications: u64,
    /// Length of each replication of the good state, in seconds.
    pub horizon: f64,
    /// Whether triggers are compared, which takes many more runs.
    pub triggers: bool,
}

/// Compares the findings of a study with simulations, on the threads of the present pool.
///
/// # Errors
/// [`SystemError`] if the model cannot be simulated.
pub fn against(study: &Study, findings: &Findings, effort: Effort) -> Result<Against, SystemError> {
    let system = System::new(&study.model)?;
    let mut result = Against { rows: Vec::new(), good_runs: 0, runs: 0, remarks: Vec::new() };
    steady(study, findings, &system, effort, &mut result)?;
    if effort.triggers {
        for trigger in &study.model.triggers {
            critical_duration(findings, &system, &trigger.name.value, effort, &mut result)?;
        }
    }
    Ok(result)
}

fn steady(
    study: &Study,
    findings: &Findings,
    system: &System,
    effort: Effort,
    result: &mut Against,
) -> Result<(), SystemError> {
    let place = findings.analysis.states.iter().position(|s| s.name == "good");
    let Some(state) = place.and_then(|i| findings.landscape.states.get(i)) else {
        result.remarks.push("the equations have no good state at this load".to_owned());
        return Ok(());
    };
    let outputs = study.fluid.outputs_at_rest(&state.x, &findings.landscape.parameters);
    let Effort { seed, replications, horizon, .. } = effort;
    let plan = Plan { seed, replications, latencies: false, ..Plan::steady(horizon) };
    let runs = system.replicate(&plan)?;
    result.runs = runs.len();
    let window = crate::referee::outcome::window(system, &plan);
    let good: Vec<_> = runs.into_iter().filter(|r| r.outcome(window) == Outcome::Good).collect();
    result.good_runs = good.len();
    if good.len() < 2 {
        result.remarks.push(format!("only {} of {} runs stayed in the good state", good.len(), result.runs));
        return Ok(());
    }
    let summary = Summary::of(system, &plan, &good);
    if !summary.settled {
        result.remarks.push("the simulated runs are too short to tell where their warm-up ends".to_owned());
    }
    let mut compare = |quantity: String, unit: &'static str, referee: Estimate| {
        if let Some(index) = study.fluid.process().output_index(&quantity) {
            result.rows.extend(row(quantity, unit, outputs[index], referee));
        }
    };
    for client in &summary.clients {
        let name = |what: &str| format!("{}.{what}", client.name);
        compare(name("goodput"), "req/s", client.goodput);
        compare(name("attempts"), "req/s", client.attempts);
        compare(name("amplification"), "", client.amplification);
        compare(name("yield"), "", client.served_share);
        compare(name("timeout_share"), "", client.timeout_share);
        compare(name("in_backoff"), "req", client.in_backoff);
    }
    for station in &summary.stations {
        let name = |what: &str| format!("{}.{what}", station.name);
        compare(name("inside"), "req", station.inside);
        compare(name("throughput"), "req/s", station.throughput);
        compare(name("wait"), "s", station.wait);
        compare(name("blocked"), "", station.blocked);
    }
    Ok(())
}

/// A row, unless nothing was ever seen of the quantity.
fn row(quantity: String, unit: &'static str, fluid: f64, referee: Estimate) -> Option<Row> {
    let seen = referee.mean.is_finite() && (referee.mean != 0.0 || fluid.abs() > 1e-9);
    seen.then(|| Row {
        quantity,
        unit,
        fluid,
        referee: referee.mean,
        error: referee.error,
        deviation: referee.deviation(fluid),
        relative: (fluid - referee.mean) / referee.mean,
    })
}

fn critical_duration(
    findings: &Findings,
    system: &System,
    name: &str,
    effort: Effort,
    result: &mut Against,
) -> Result<(), SystemError> {
    let report = findings.analysis.triggers.iter().find(|t| t.name == name);
    let found = report.and_then(|r| r.critical_duration.as_ref());
    let Some(fluid) = found.and_then(|p| p.p50) else {
        result.remarks.push(format!("{name}: the equations give no critical duration"));
        return Ok(());
    };
    let experiment = Experiment {
        seed: effort.seed,
        replications: effort.replications,
        settle: effort.horizon / 10.0,
        aftermath: effort.horizon / 2.0,
        most: 4.0 * fluid,
    };
    match odds(system, name, Vary::Duration, experiment)?.quantiles {
        Some(q) => {
            let referee = Estimate { mean: q.p50.0, error: q.p50.1, count: effort.replications as usize };
            result.rows.extend(row(format!("{name}: critical duration"), "s", fluid, referee));
            if let Some((p10, p90)) = found.and_then(|p| p.p10.zip(p.p90)) {
                let spread = Estimate { mean: q.spread.0, error: q.spread.1, ..referee };
                result.rows.extend(row(format!("{name}: its spread, p90 - p10"), "s", p90 - p10, spread));
            }
        }
        None => {
            result
                .remarks
                .push(format!("{name}: the runs do not pass from healing to tipping below {} s", 4.0 * fluid));
        }
    }
    Ok(())
}
