//! The equations of a model held to its request-level simulation.
#![allow(clippy::print_stdout, reason = "the figures measured are part of what these tests are for")]

use super::{close, findings, study_of};
use tipping::model::types::Model;
use tipping::model::{self, Override};
use tipping::referee::odds::{Experiment, Vary, odds};
use tipping::referee::{Outcome, Plan, Run, Summary, System, TriggerRun};

/// A model given as text, with overrides.
pub fn loaded(text: &str, overrides: &[&str]) -> Model {
    let overrides: Vec<Override> = overrides.iter().map(|&o| Override::new(o)).collect();
    model::load(text, "model.toml", &overrides).unwrap_or_else(|d| panic!("{d}")).model
}

/// The same, to be simulated.
pub fn system(text: &str, overrides: &[&str]) -> System {
    System::new(&loaded(text, overrides)).expect("a system")
}

/// Runs without triggers that are in the good state at the end.
pub fn good_runs(system: &System, horizon: f64, replications: u64) -> (Plan, Vec<Run>) {
    let plan = Plan { replications, sample_every: horizon / 100.0, latencies: false, ..Plan::steady(horizon) };
    let runs = system.replicate(&plan).expect("runs");
    let good: Vec<Run> = runs.into_iter().filter(|r| r.outcome(0.1 * horizon) == Outcome::Good).collect();
    (plan, good)
}

/// What a comparison is made with: a loss of capacity that collapses the system, how long it lasts and is watched after it,
/// and the bounds of the p50 experiment.
pub struct Held<'a> {
    /// What it is called in messages.
    pub name: &'a str,
    /// The model.
    pub text: &'a str,
    /// Number and value, from 0 for so long; and the time that healing may take.
    pub loss: (&'a str, f64, f64, f64),
    /// Trigger and the longest duration looked at; none where the equations do not decide.
    pub trigger: Option<(&'a str, f64)>,
    /// Whether the recovery load is known to be on the safe side by more than 5 %.
    pub safe: bool,
}

/// Recovery load within 5 % of where half of the collapsed systems heal, goodput of the good state within 3 %, critical
/// duration of a trigger within 8 %.
pub fn holds(held: &Held<'_>) {
    let Held { name, text, loss, trigger, safe } = *held;
    let analysis = findings(&study_of(text, &[])).analysis;
    let good = analysis.states.iter().find(|s| s.name == "good").expect("a good state");
    let load = analysis.load.value;
    let (plan, runs) = good_runs(&system(text, &[]), 200.0, 6);
    let simulated = Summary::after(&system(text, &[]), &plan, &runs, 20.0);
    let goodput: f64 = simulated.clients.iter().map(|c| c.goodput.mean).sum();
    let attempts: f64 = simulated.clients.iter().map(|c| c.attempts.mean).sum::<f64>() / load;
    let (found, tries) = (good.goodput.expect("a goodput"), good.amplification.expect("attempts"));
    println!("{name}: goodput {found:.3} and {goodput:.3}, attempts {tries:.4} and {attempts:.4}");
    let durations = trigger.map(|(trigger, most)| {
        let found = analysis.triggers.iter().find(|t| t.name == trigger).and_then(|t| t.critical_duration.as_ref());
        let p50 = found.and_then(|c| c.p50).expect("it tips");
        let experiment = Experiment { seed: 1, replications: 100, settle: 10.0, aftermath: 60.0, most };
        let odds = odds(&system(text, &[]), trigger, Vary::Duration, experiment);
        let simulated = odds.expect("odds").quantiles.expect("it tips").p50;
        println!("{name}: critical duration {p50:.3}, simulated {:.3} ± {:.3}", simulated.0, simulated.1);
        (p50, simulated.0)
    });
    let recovery = analysis.recovery_load.as_ref().expect("a recovery load").value;
    let healed = |share: f64| {
        let system = system(text, &[&format!("client.web.load={} req/s", share * recovery)]);
        let (path, value, duration, watched) = loss;
        let loss = TriggerRun { sets: vec![(path.to_owned(), value)], at: 0.0, duration };
        let horizon = duration + watched;
        let plan = Plan {
            replications: 12,
            triggers: vec![loss],
            sample_every: 5.0,
            latencies: false,
            ..Plan::steady(horizon)
        };
        let runs = system.replicate(&plan).expect("runs");
        runs.iter().filter(|r| r.outcome(duration) == Outcome::Good).count()
    };
    let (below, above) = (healed(0.95), healed(1.05));
    println!("{name}: recovery {recovery:.2}, healed of 12 at -5 %: {below}, at +5 %: {above}");
    close(found, goodput, 0.03);
    close(tries, attempts, 0.03);
    if let Some((p50, simulated)) = durations {
        close(p50, simulated, 0.08);
    }
    assert!(below > 6 && (safe || above <= 6), "{name}: {below} and {above} of 12 healed");
}
