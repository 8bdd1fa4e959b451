//! `tipping watch`: early warning on metric files.

use super::failure::Failure;
use super::input::{Input, ModelArgument};
use super::metrics::{Gathered, MetricOptions, gather};
use super::progress::Spinner;
use super::{Exit, Session, Terminal};
use crate::answers::analysis::analyze;
use crate::answers::thresholds::Thresholds;
use crate::answers::watch::{Recorded, State, Watch, watch};
use crate::report::watch::{Report, document, value};
use crate::report::{json, markdown, text};
use std::path::PathBuf;

/// Is this service on its way to collapse: by its recorded metrics, how far is it, is it recovering ever more slowly,
/// and when will its load get there?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping watch my.toml last-month.csv --tz Europe/Berlin --map offered=rate_in,inflight=active
  tipping watch testbed data/testbed-ramp.csv --map 'inflight=inflight + queue length'
  tipping watch my.toml load.csv --fail-on overloaded --fail-on past-boundary
  tipping watch my.toml load.csv --format json | jq '.forecast.limits'

Says where load and characteristic metric are between the good state and the boundary of the model; whether variance and
autocorrelation rise (critical slowing down, with a p-value); and, from five days of load on, when its weekly peak will reach recovery load
and tip-over load, with a 95 % interval. Columns are held to roles (offered, inflight, queue, latency, ...) or to states and outputs of the model
by name. --fail-on takes stable, vulnerable, past-boundary, overloaded or unknown. Exit code 3 if it can be said neither where the service is nor where it is going: too few readings, or no column for it.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// Metric files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// End with code 1 if the service is in this state; repeatable.
    #[arg(long, value_name = "STATE", value_parser = State::parse)]
    fail_on: Vec<State>,
    #[command(flatten)]
    options: MetricOptions,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: tipping.watch/1.
    Json,
    /// For documents.
    Md,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let input = Input::read(&arguments.model, &session.overrides, session.terminal)?;
    let Gathered { sources, mapping, named } = gather(&arguments.files, &arguments.options, session)?;
    let study = input.at_rest(None)?;
    let process = study.fluid.process();
    let is_known = |name: &str| {
        name == "load" || name == study.load.path || process.state_index(name).or(process.output_index(name)).is_some()
    };
    if let Some((name, _)) = named.iter().find(|(name, _)| !is_known(name)) {
        let hint = "`tipping equations MODEL` prints the names of its states and outputs";
        return Err(Failure::usage(format!("`{name}` is no quantity, state or output of this model"), hint));
    }
    let spinner = Spinner::new(session.terminal, "watching");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(session.threads.get()).build();
    let pool = pool.map_err(|e| Failure::Unsolved(format!("no threads to work with: {e}")))?;
    let (own, sha256) = (study.clone(), input.sha256.clone());
    let thresholds = pool.install(move || {
        let findings = analyze(&own, &sha256).map_err(|e| Failure::Unsolved(e.to_string()))?;
        Thresholds::of(&own, &findings).map_err(|e| Failure::Unsolved(e.to_string()))
    })?;
    let recorded = Recorded { sources: &sources, mapping: &mapping, named: &named };
    let found = watch(&thresholds, &recorded, session.seed).map_err(|e| Failure::usage(e.to_string(), e.hint()))?;
    drop(spinner);
    let report = Report {
        model: &study.model.meta.name,
        sha256: &input.sha256,
        files: sources.iter().map(|s| s.path.clone()).collect(),
        axis: sources.first().map(|s| s.facts.axis.clone()),
        thresholds: &thresholds,
        watch: &found,
    };
    let answer = match arguments.format {
        Format::Text => text::render(&document(&report)),
        Format::Json => json::pretty(&value(&report)),
        Format::Md => markdown::render(&document(&report)),
    };
    session.terminal.result(&answer)?;
    Ok(judge(&arguments.fail_on, &found, session.terminal))
}

/// The exit code, with a word about every gate that is not open.
fn judge(gates: &[State], found: &Watch, terminal: Terminal) -> Exit {
    if gates.contains(&found.state) {
        terminal.error(&format!("the gate `{}` failed", found.state.name()), None);
        return Exit::GateFailed;
    }
    if found.state == State::Unknown && !gates.is_empty() {
        let names: Vec<&str> = gates.iter().map(|gate| gate.name()).collect();
        let text = format!("the gate `{}` cannot be decided: where the service is cannot be said", names.join("`, `"));
        terminal.error(&text, None);
        return Exit::Inconclusive;
    }
    if found.is_conclusive() { Exit::Fine } else { Exit::Inconclusive }
}
