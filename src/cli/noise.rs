//! `tipping noise`: how often it dies by itself.

use super::failure::Failure;
use super::input::{Input, ModelArgument};
use super::quantity;
use super::{Exit, Session};
use crate::chance::chain::build::{Bound, ProcessChain};
use crate::chance::chain::error::ChainError;
use crate::chance::chain::survey::Survey;
use crate::model::types::Closure;
use crate::model::unit;
use crate::process::dimension::Dimension;
use crate::process::population::Process;
use crate::report::noise::Noise;
use crate::report::{json, text};

/// How often does it collapse by itself, and how long does it take to recover?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping noise queue-orbit
  tipping noise queue-orbit --set timeout='3 s' --set retries=4 --format json
  tipping noise retrial --from good --to collapsed
  tipping noise my.toml --bound queue=0..500 --bound orbit=0..200 --memory 8GiB

The model as a Markov chain on the lattice of its states, solved exactly: stationary distribution, mean times between all
named sets of the model ([set]), quasi-stationary distributions, spectral gap. Every state needs bounds, from `min` and
`max` of the model or from --bound; a transition that would leave them does not happen. The sets `good` and `collapsed`,
or those of --from and --to, give the expected time to collapse and to recover.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// Limits of a state, such as queue=0..500; repeatable.
    #[arg(long = "bound", value_name = "STATE=LOW..HIGH")]
    bounds: Vec<String>,
    /// The good set; by default the one called `good`.
    #[arg(long, value_name = "SET")]
    from: Option<String>,
    /// The collapsed set; by default the one called `collapsed`.
    #[arg(long, value_name = "SET")]
    to: Option<String>,
    /// How it is computed.
    #[arg(long, value_enum, default_value_t)]
    method: Method,
    /// Most memory for the elimination.
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    memory: String,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Method {
    /// Exactly, by elimination of all states.
    #[default]
    Chain,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// The times between sets: from, to, mean, from the stationary distribution, standard deviation.
    Csv,
    /// Everything: tipping.noise/1.
    Json,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let input = Input::read(&arguments.model, &session.overrides, session.terminal)?;
    let study = input.at_rest(Some(Closure::Fluid))?;
    let process = study.fluid.process();
    let memory = quantity::read("--memory", &arguments.memory, Dimension::BYTE)?;
    let bounds = arguments.bounds.iter().map(|text| bound(process, text)).collect::<Result<Vec<_>, _>>()?;
    let ends = ends(process, arguments)?;
    let survey = match arguments.method {
        Method::Chain => within(session, || {
            let built = ProcessChain::new(process, &bounds)?;
            Survey::new(&built, memory as u64)
        })?
        .map_err(|error| refusal(&error))?,
    };
    let noise = Noise { model: &study.model.meta.name, sha256: &input.sha256, process, survey: &survey, ends };
    session.terminal.result(&match arguments.format {
        Format::Text => text::render(&noise.document()),
        Format::Csv => noise.csv(),
        Format::Json => json::pretty(&noise.json()),
    })?;
    Ok(if survey.inconclusive.is_empty() { Exit::Fine } else { Exit::Inconclusive })
}

/// Runs on as many threads as wanted.
fn within<T: Send>(session: &Session, work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(session.threads.get()).build();
    let pool = pool.map_err(|error| Failure::Unsolved(format!("no threads to compute with: {error}")))?;
    Ok(pool.install(work))
}

/// A bound as typed: `queue=0..500`, with or without units.
fn bound(process: &Process, text: &str) -> Result<Bound, Failure> {
    let form =
        || Failure::usage(format!("--bound `{text}` is not understood"), "write for example --bound queue=0..500");
    let (name, range) = text.split_once('=').ok_or_else(form)?;
    let (low, high) = range.split_once("..").ok_or_else(form)?;
    let name = name.trim();
    let Some(index) = process.state_index(name) else {
        let names: Vec<&str> = process.states.iter().map(|s| s.info.name.as_str()).collect();
        let hint = format!("its states are {}", names.join(", "));
        return Err(Failure::usage(format!("the model has no state `{name}`"), hint));
    };
    let (dimension, factor) = unit::parse_unit(&process.states[index].unit).unwrap_or((Dimension::NONE, 1.0));
    let read = |text: &str| match text.trim().parse::<f64>() {
        Ok(number) => Ok(number * factor),
        Err(_) => quantity::read("--bound", text.trim(), dimension),
    };
    Ok(Bound { state: name.to_owned(), low: read(low)?, high: read(high)? })
}

/// The good and the collapsed set.
fn ends<'a>(process: &'a Process, arguments: &Arguments) -> Result<Option<(&'a str, &'a str)>, Failure> {
    let find = |name: &str| process.sets.iter().map(|s| s.0.as_str()).find(|set| *set == name);
    let named = |given: &Option<String>, default: &str| match given {
        None => Ok(find(default)),
        Some(name) => find(name).map(Some).ok_or_else(|| {
            let names: Vec<&str> = process.sets.iter().map(|s| s.0.as_str()).collect();
            let hint = match names.as_slice() {
                [] => "name regions under [set], for example collapsed = \"queue > 100\"".to_owned(),
                names => format!("its sets are {}", names.join(", ")),
            };
            Failure::usage(format!("the model has no set `{name}`"), hint)
        }),
    };
    let (good, collapsed) = (named(&arguments.from, "good")?, named(&arguments.to, "collapsed")?);
    Ok(good.zip(collapsed))
}

/// Why there is no chain, and what to do about it.
fn refusal(error: &ChainError) -> Failure {
    let hint = match error {
        ChainError::Unbounded(state) => format!("give it some: --bound {state}=0..500, or `max` under [state]"),
        ChainError::BadBound { name, .. } => format!("write --bound {name}=LOW..HIGH with LOW below HIGH"),
        ChainError::Delayed(_) | ChainError::TimeDependent(_) | ChainError::NotPoisson(_) => {
            "write what waits as a state of its own, with exponential times; models/retrial.toml shows how".to_owned()
        }
        ChainError::Flowing(state) => format!("write the flow of `{state}` as transitions with jumps"),
        ChainError::NoStep(_) => "let all jumps of a state be multiples of one number".to_owned(),
        ChainError::TooManyStates(_) => "choose narrower bounds with --bound".to_owned(),
        ChainError::BadRate { .. } => {
            "rates must be zero or more everywhere within the bounds: use max(0, ...) or narrower bounds".to_owned()
        }
        ChainError::Memory { .. } => {
            "choose narrower bounds with --bound, or allow more with --memory 12GiB".to_owned()
        }
        _ => return Failure::Unsolved(error.to_string()),
    };
    Failure::usage(error.to_string(), hint)
}
