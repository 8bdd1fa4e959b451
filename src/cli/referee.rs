//! `tipping referee`: request-level simulation of the system layer.

use super::failure::Failure;
use super::files;
use super::input::{Input, ModelArgument};
use super::progress::Spinner;
use super::quantity;
use super::simulate::{chosen, drawing, pixels, round_down};
use super::{Exit, Session};
use crate::answers::against::{Against, Effort, against};
use crate::answers::analysis::analyze;
use crate::answers::study::Study;
use crate::referee::{Plan, Summary, System, SystemError, TriggerRun};
use crate::report::referee::{Referee, document};
use crate::report::{json, text};
use std::path::{Path, PathBuf};

/// What does a request-level simulation say, and how far are the equations from it?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping referee retry-storm
  tipping referee retry-storm --no-triggers --for '10 min' --replications 50
  tipping referee my.toml --trigger load-spike --plot runs.svg --csv runs.csv
  tipping referee my.toml --odds --format json

Every request of every client is followed, one by one, in independent replications that start empty. It shares no
equation with the other verbs. All triggers of the model happen, each at its `at` for its `for`, unless --trigger
chooses some. Where the model has equations, their good state is compared with runs without triggers; --odds compares
critical durations as well, which takes many more runs.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// Number of independent replications.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    replications: u32,
    /// Length of each, such as "10 min"; by default well after the last trigger.
    #[arg(long = "for", value_name = "TIME")]
    horizon: Option<String>,
    /// Time left out of the means; `auto` finds it (MSER-5).
    #[arg(long, value_name = "TIME", default_value = "auto")]
    warm_up: String,
    /// Only this trigger of the model; repeatable.
    #[arg(long = "trigger", value_name = "NAME")]
    triggers: Vec<String>,
    /// No trigger at all.
    #[arg(long, conflicts_with = "triggers")]
    no_triggers: bool,
    /// Compare critical durations of triggers as well.
    #[arg(long)]
    odds: bool,
    /// Time between points of the series; by default about a two hundredth of the run.
    #[arg(long, value_name = "TIME")]
    step: Option<String>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write the time series as CSV to this file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draw the time series into this file, SVG or PNG by its ending.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// Everything: tipping.referee/1.
    Json,
    /// The time series: mean, p10, p50 and p90 over the replications.
    Csv,
}

/// Shortest run by default, in seconds.
const SHORTEST: f64 = 120.0;
/// A run lasts this many times as long as it takes until the last trigger is over.
const AFTERMATH: f64 = 4.0;
/// Points of the series by default.
const POINTS: f64 = 200.0;

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let loaded = Input::load(&arguments.model, &session.overrides, session.terminal)?;
    let system = System::new(&loaded.model).map_err(|e| refused(&e))?;
    let triggers = chosen(&loaded.model, &arguments.triggers, arguments.no_triggers)?;
    let over = triggers.iter().map(|t| t.at.value + t.duration.as_ref().map_or(0.0, |d| d.value)).fold(0.0, f64::max);
    let horizon = match &arguments.horizon {
        Some(text) => quantity::duration("--for", text)?,
        None => SHORTEST.max(AFTERMATH * over),
    };
    let step = match &arguments.step {
        Some(text) => quantity::duration("--step", text)?,
        None => round_down(horizon / POINTS),
    };
    let warm_up = match arguments.warm_up.as_str() {
        "auto" => None,
        "0" | "0 s" => Some(0.0),
        text => Some(quantity::duration("--warm-up", text)?),
    };
    if warm_up.is_some_and(|w| w >= horizon) {
        return Err(Failure::usage("--warm-up must be shorter than the run", "shorten it, or lengthen --for"));
    }
    if let Some(path) = &arguments.plot {
        drawing(path)?;
    }
    if let Some(trigger) = triggers.iter().find(|t| !t.kick.is_empty()) {
        return Err(refused(&SystemError::Kick(trigger.name.value.clone())));
    }
    for trigger in triggers.iter().filter(|t| t.at.value >= horizon) {
        session.terminal.note(&format!("trigger `{}` comes after the end of the run", trigger.name.value));
    }
    let plan = Plan {
        seed: session.seed,
        replications: u64::from(arguments.replications),
        horizon,
        sample_every: step,
        triggers: triggers.iter().map(|t| TriggerRun::of(&loaded.model, t)).collect(),
        latencies: true,
    };
    let spinner = Spinner::new(session.terminal, "simulating requests");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(session.threads.get()).build();
    let pool = pool.map_err(|e| Failure::Unsolved(e.to_string()))?;
    let runs = pool.install(|| system.replicate(&plan)).map_err(|e| refused(&e))?;
    if runs.iter().any(|r| r.stopped.is_some()) {
        session.terminal.note("a run was stopped early: more than 20 million requests were under way at once");
    }
    let summary = match warm_up {
        None => Summary::of(&system, &plan, &runs),
        Some(time) => Summary::after(&system, &plan, &runs, time),
    };
    let comparison = match Study::new(loaded.model.clone()) {
        Ok(study) => {
            let (plan, odds) = (&plan, arguments.odds);
            pool.install(move || compare(&study, plan, odds))
        }
        Err(_) => {
            session.terminal.note("this model has no equations to compare with");
            None
        }
    };
    drop(spinner);
    let referee =
        Referee { system: &system, plan: &plan, summary: &summary, against: comparison.as_ref(), triggers: &triggers };
    if let Some(path) = &arguments.plot {
        files::write(path, &pixels(path, &referee.draw()?)?)?;
    }
    if let Some(path) = arguments.csv.as_ref().filter(|p| p.as_path() != Path::new("-")) {
        files::write(path, referee.csv().as_bytes())?;
    }
    session.terminal.result(&match arguments.format {
        _ if arguments.csv.as_deref() == Some(Path::new("-")) => referee.csv(),
        Format::Text => text::render(&document(&referee)),
        Format::Json => json::pretty(&referee.json(&loaded.sha256)),
        Format::Csv => referee.csv(),
    })?;
    Ok(Exit::Fine)
}

/// The equations of the same model beside simulations of it at rest.
fn compare(study: &Study, plan: &Plan, triggers: bool) -> Option<Against> {
    let findings = analyze(study, "").ok()?;
    let effort = Effort { seed: plan.seed, replications: plan.replications.max(2), horizon: plan.horizon, triggers };
    against(study, &findings, effort).ok()
}

fn refused(error: &SystemError) -> Failure {
    Failure::Usage { message: error.to_string(), hint: None }
}
