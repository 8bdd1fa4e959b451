//! What is measured of a case.
//!
//! ```text
//! goodput             at the stated load, in the good state
//! collapsed goodput   at the stated load, in the state left behind by a flood
//! overload goodput    at a load beyond capacity, after a flood
//! recovery load       below which half of the flooded runs heal before the run ends
//! p50                 of the duration of a trigger that tips half of the runs
//! ```
//!
//! A run has healed if in its last fifth as many requests are answered as lie half way between all of them and what the
//! equations answer in the collapsed state (of four in five at least). The load at which half heal is that of Spearman and Kärber:
//! loads in steps of 2 % from one at which all runs heal to one at which none does, p_i the shares that heal,
//! Σ (p_i - p_{i+1}) (x_i + x_{i+1})/2, with the standard error of the shares and of the step.

use std::error::Error;
use tipping::answers::analysis::{Analysis, analyze_as_is};
use tipping::answers::landscape::landscape;
use tipping::answers::study::Study;
use tipping::model::types::Model;
use tipping::model::{self, Override};
use tipping::referee::odds::{Experiment, Vary, odds};
use tipping::referee::{Outcome, Plan, Run, Summary, System, TriggerRun};

/// One model with a component on or off.
pub(crate) struct Case {
    pub(crate) component: &'static str,
    pub(crate) label: String,
    /// Model file.
    pub(crate) text: String,
    pub(crate) overrides: Vec<String>,
    /// Load beyond capacity, in its unit.
    pub(crate) overload: Option<f64>,
    /// Numbers that collapse the system, in base units, and for how long.
    pub(crate) flood: (Vec<(String, f64)>, f64),
    /// Seconds after the flood within which a run heals or does not.
    pub(crate) after: f64,
    /// Trigger whose duration is varied, and the longest one simulated where the equations say that it heals.
    pub(crate) trigger: Option<(&'static str, f64)>,
    /// Whether there is a recovery load to look for.
    pub(crate) recovery: bool,
    /// Replications of each trigger.
    pub(crate) replications: u64,
}

/// One figure.
pub(crate) struct Row {
    pub(crate) component: String,
    pub(crate) case: String,
    pub(crate) quantity: String,
    /// By the equations; `None`: there is no such thing.
    pub(crate) fluid: Option<f64>,
    /// By simulation, with its standard error.
    pub(crate) referee: Option<(f64, f64)>,
    pub(crate) unit: String,
}

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Replications of a flooded system at one load.
const RUNS: u64 = 8;
/// Ratio of one load to the next.
const STEP: f64 = 1.02;
/// Most steps to either side.
const STEPS: usize = 24;

/// All figures of a case.
pub(crate) fn measure(case: &Case) -> Fallible<Vec<Row>> {
    let overrides: Vec<Override> = case.overrides.iter().map(|o| Override::new(o.as_str())).collect();
    let file = model::load(&case.text, &case.label, &overrides).map_err(|d| d.render(false))?;
    let model = file.model;
    let analysis = solved(&model)?;
    let load = analysis.load.unit.clone();
    let mut rows = Vec::new();
    let mut add = |quantity: &'static str, fluid: Option<f64>, referee: Option<(f64, f64)>, unit: &str| {
        let (component, case, quantity) = (case.component.to_owned(), case.label.clone(), quantity.to_owned());
        rows.push(Row { component, case, quantity, fluid, referee, unit: unit.to_owned() });
    };
    let state = |name: &str| analysis.states.iter().find(|s| s.stable && s.name.starts_with(name));
    let good = state("good").and_then(|s| s.goodput).or_else(|| lowest(&analysis, ""));
    let still = |run: &Run, window: f64| run.outcome(window) != Outcome::Collapsed;
    add("goodput", good, goodput(case, &model, false, still)?, "req/s");
    let collapsed = analysis.states.iter().filter(|s| s.name.starts_with("collapsed")).filter_map(|s| s.yield_);
    let healed = threshold(collapsed.fold(0.0, f64::max));
    if case.recovery
        && let Some(collapsed) = lowest(&analysis, "collapsed")
    {
        let stays = |run: &Run, window: f64| answered(run, window) < healed;
        let found = goodput(case, &model, true, stays)?;
        // What a collapsed state answers by accident is none.
        if collapsed > 0.005 * analysis.load.value || found.is_some_and(|f| f.0 > 0.005 * analysis.load.value) {
            add("collapsed goodput", Some(collapsed), found, "req/s");
        }
    }
    if let Some(overload) = case.overload {
        let model = at_load(&model, &analysis, overload)?;
        let found = least(&model)?.map(|(goodput, _)| goodput);
        add("overload goodput", found, goodput(case, &model, true, |_, _| true)?, "req/s");
    }
    if case.recovery {
        let fluid = analysis.recovery_load.as_ref().map(|l| l.value);
        add("recovery load", fluid, recovery(case, &model, &analysis)?, &load);
    }
    if let Some((name, most)) = case.trigger {
        let report = analysis.triggers.iter().find(|t| t.name == name);
        let fluid = report.and_then(|r| r.critical_duration.as_ref()).and_then(|c| c.p50);
        let most = fluid.map_or(most, |p50| 4.0 * p50);
        let experiment = Experiment {
            seed: 1,
            replications: case.replications,
            settle: 15.0,
            aftermath: case.after.min(60.0),
            most,
        };
        let found = odds(&System::new(&model)?, name, Vary::Duration, experiment)?;
        add("p50", fluid, found.quantiles.map(|q| q.p50), "s");
    }
    Ok(rows)
}

fn solved(model: &Model) -> Fallible<Analysis> {
    let study = Study::new(model.clone()).map_err(|e| format!("{e:?}"))?;
    Ok(analyze_as_is(&study, "")?.analysis)
}

fn at_load(model: &Model, analysis: &Analysis, load: f64) -> Fallible<Model> {
    let mut model = model.clone();
    let quantity = model.quantity_mut(&analysis.load.path).ok_or("no load")?;
    quantity.value = load * quantity.factor;
    Ok(model)
}

/// Goodput of the stable state of that name (any, if empty) that answers least.
fn lowest(analysis: &Analysis, name: &str) -> Option<f64> {
    let stable = analysis.states.iter().filter(|s| s.stable && s.name.starts_with(name));
    stable.filter_map(|s| s.goodput).min_by(f64::total_cmp)
}

/// Goodput, and share of the load, in the stable state that answers least.
fn least(model: &Model) -> Fallible<Option<(f64, f64)>> {
    let study = Study::new(model.clone()).map_err(|e| format!("{e:?}"))?;
    let fluid = &study.fluid;
    let found = landscape(fluid, study.load_index(fluid))?;
    let place = |name: &str| fluid.process().output_index(name).ok_or("no such output");
    let (goodput, load) = (place("goodput")?, place("load")?);
    let stable = found.states.iter().filter(|s| s.stable() == Some(true));
    let values = stable.map(|s| fluid.outputs_at_rest(&s.x, &found.parameters));
    let shares = values.map(|v| (v[goodput], v[goodput] / v[load]));
    Ok(shares.min_by(|a, b| a.0.total_cmp(&b.0)))
}

/// Share of the requests answered from which on a run has healed, where the collapsed state answers a share of them.
fn threshold(collapsed: f64) -> f64 {
    let collapsed = if collapsed > 0.99 { 0.0 } else { collapsed };
    0.5 * (1.0 + collapsed.max(0.6))
}

/// Share of the requests answered in the last seconds.
fn answered(run: &Run, window: f64) -> f64 {
    let Some(to) = run.samples.last() else { return 0.0 };
    let Some(from) = run.at(to.time - window) else { return 0.0 };
    let sum = |of: fn(&tipping::referee::ClientCount) -> u64| {
        to.clients.iter().zip(&from.clients).map(|(b, a)| of(b) - of(a)).sum::<u64>() as f64
    };
    sum(|c| c.answered) / sum(|c| c.requests).max(1.0)
}

/// A plan that begins with the flood, or with nothing.
fn plan(case: &Case, flooded: bool, replications: u64) -> Plan {
    let (sets, lasting) = &case.flood;
    let begin = if flooded { 5.0 + lasting } else { 5.0 };
    let flood = TriggerRun { sets: sets.clone(), at: 5.0, duration: *lasting };
    let triggers = if flooded { vec![flood] } else { Vec::new() };
    let horizon = begin + case.after;
    Plan { seed: 11, replications, horizon, sample_every: horizon / 400.0, triggers, latencies: false }
}

/// Mean goodput of the runs that are of a kind, over the time after the flood has settled; `None` if hardly any are.
fn goodput(
    case: &Case,
    model: &Model,
    flooded: bool,
    kind: impl Fn(&Run, f64) -> bool,
) -> Fallible<Option<(f64, f64)>> {
    let system = System::new(model)?;
    let plan = plan(case, flooded, RUNS);
    let mut runs = system.replicate(&plan)?;
    runs.retain(|run| kind(run, 0.2 * case.after));
    if runs.len() < 2 {
        return Ok(None);
    }
    let warm_up = plan.horizon - 0.7 * case.after;
    let clients = Summary::after(&system, &plan, &runs, warm_up).clients;
    let mean = clients.iter().map(|c| c.goodput.mean).sum();
    let error = clients.iter().map(|c| c.goodput.error.powi(2)).sum::<f64>().sqrt();
    Ok(Some((mean, error)))
}

/// Load at which half of the flooded runs heal, with its standard error, in the unit of the load; `None` if they heal at
/// today's load and the equations know no recovery load.
fn recovery(case: &Case, model: &Model, analysis: &Analysis) -> Fallible<Option<(f64, f64)>> {
    let guess = analysis.recovery_load.as_ref().map(|l| l.value);
    let healed = match guess {
        Some(at) => threshold(least(&at_load(model, analysis, 1.02 * at)?)?.map_or(0.0, |(_, share)| share)),
        None => threshold(0.0),
    };
    let share = |load: f64| -> Fallible<f64> {
        let runs = System::new(&at_load(model, analysis, load)?)?.replicate(&plan(case, true, RUNS))?;
        let good = runs.iter().filter(|run| answered(run, 0.2 * case.after) >= healed).count();
        Ok(good as f64 / runs.len() as f64)
    };
    let start = guess.unwrap_or(analysis.load.value);
    let mut shares = vec![(start, share(start)?)];
    if guess.is_none() && shares[0].1 > 0.5 {
        return Ok(None);
    }
    for _ in 0..STEPS {
        let (load, healing) = shares[shares.len() - 1];
        if healing == 0.0 {
            break;
        }
        shares.push((load * STEP, share(load * STEP)?));
    }
    // Where the equations know none, one is looked for down to a fifth of today's load.
    let down = if guess.is_some() { STEPS } else { 80 };
    for _ in 0..down {
        let (load, healing) = shares[0];
        if healing == 1.0 {
            break;
        }
        shares.insert(0, (load / STEP, share(load / STEP)?));
    }
    let (first, last) = (shares[0].1, shares[shares.len() - 1].1);
    if first < 0.5 || last > 0.5 {
        eprintln!("{}: no recovery load between {:.4} and {:.4}", case.label, shares[0].0, shares[shares.len() - 1].0);
        return Ok(None);
    }
    let mean: f64 = shares.windows(2).map(|w| (w[0].1 - w[1].1) * 0.5 * (w[0].0 + w[1].0)).sum();
    let mean = mean + (1.0 - first) * shares[0].0 + last * shares[shares.len() - 1].0;
    let variance: f64 = shares.iter().map(|s| s.1 * (1.0 - s.1)).sum::<f64>() / (RUNS - 1) as f64 + 1.0 / 12.0;
    Ok(Some((mean, mean * (STEP - 1.0) * variance.sqrt())))
}
