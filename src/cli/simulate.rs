//! `tipping simulate`: what happens over time.

use super::failure::Failure;
use super::files;
use super::input::{Input, ModelArgument};
use super::quantity;
use super::{Exit, Session, Terminal};
use crate::answers::analysis::analyze;
use crate::answers::study::Study;
use crate::model::types::{Closure, Model, Trigger};
use crate::plot::Figure;
use crate::report::band::{Band, Effort};
use crate::report::scenario::{Scenario, ScenarioError};
use std::path::{Path, PathBuf};

/// What happens over time when triggers strike?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping simulate retry-storm > storm.csv
  tipping simulate retry-storm --until '2 min' --plot storm.svg --csv storm.csv
  tipping simulate my.toml --trigger deploy --trigger load-spike
  tipping simulate retry-storm --trigger load-spike --band band.csv --runs 1000

All triggers of the model happen, each at its `at` for its `for`, unless --trigger chooses some. The run starts from
the good state if there is one. The CSV has one row per --step: time_s, the load, every state, every output. A
column is called after the quantity and its unit in letters: goodput_req_per_s, api.queue_req, yield.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// Only this trigger of the model; repeatable.
    #[arg(long = "trigger", value_name = "NAME")]
    triggers: Vec<String>,
    /// No trigger at all.
    #[arg(long, conflicts_with = "triggers")]
    no_triggers: bool,
    /// Where the run starts.
    #[arg(long, value_enum, default_value_t)]
    from: From,
    /// When it ends, such as "10 min"; by default well after the last trigger.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Time between rows of the CSV; by default about a thousandth of the run.
    #[arg(long, value_name = "TIME")]
    step: Option<String>,
    /// Equations of services: `fluid` is the middle of many runs, `moments` their mean with the spread between them.
    #[arg(long, value_enum, default_value_t)]
    closure: Equations,
    /// Write the CSV to this file; `-` is standard output, which is the default without --plot.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draw the run into this file, SVG or PNG by its ending.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Write the noise band, 10th and 90th percentile of every state and output over time, as CSV to this file.
    #[arg(long, value_name = "FILE")]
    band: Option<PathBuf>,
    /// Stochastic runs that the noise band of --plot and --band rests on; 0 for no band. By default as many as a second or
    /// two of work allow.
    #[arg(long, value_name = "N")]
    runs: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum From {
    /// The good state.
    #[default]
    Good,
    /// The start values of the model.
    Start,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Equations {
    /// Mean only: as the triggers of `analyze`.
    #[default]
    Fluid,
    /// Mean and variance: as the states of `analyze`.
    Moments,
}

/// Shortest run by default, in seconds.
const SHORTEST: f64 = 120.0;
/// A run lasts this many times as long as it takes until the last trigger is over.
const AFTERMATH: f64 = 4.0;
/// Rows by default.
const ROWS: f64 = 1000.0;
/// Most rows.
const MOST_ROWS: f64 = 1e7;

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let input = Input::read(&arguments.model, &session.overrides, session.terminal)?;
    let triggers = chosen(&input.study.model, &arguments.triggers, arguments.no_triggers)?;
    let over = triggers.iter().map(|t| t.at.value + t.duration.as_ref().map_or(0.0, |d| d.value)).fold(0.0, f64::max);
    let until = match &arguments.until {
        Some(text) => quantity::duration("--until", text)?,
        None => SHORTEST.max(AFTERMATH * over),
    };
    let step = match &arguments.step {
        Some(text) => quantity::duration("--step", text)?,
        None => round_down(until / ROWS),
    };
    if until / step > MOST_ROWS {
        return Err(Failure::usage("the CSV would have more than ten million rows", "choose a longer --step"));
    }
    if let Some(path) = &arguments.plot {
        drawing(path)?;
    }
    for trigger in triggers.iter().filter(|t| t.at.value >= until) {
        session.terminal.note(&format!("trigger `{}` comes after the end of the run", trigger.name.value));
    }
    let study = input.at_rest(Some(match arguments.closure {
        Equations::Fluid => Closure::Fluid,
        Equations::Moments => Closure::Moments,
    }))?;
    let start = start(&study, arguments.from, session.terminal);
    let scenario = Scenario { study: &study, fluid: &study.fluid, triggers: &triggers, start, until };
    let run = scenario.run().map_err(|error| match error {
        ScenarioError::Trigger(_) => Failure::Usage { message: error.to_string(), hint: None },
        ScenarioError::Integration(_) => Failure::Unsolved(error.to_string()),
    })?;
    let band = band(&scenario, &run, arguments, session)?;
    if let Some(path) = &arguments.plot {
        files::write(path, &pixels(path, &scenario.draw(&run, band.as_ref())?)?)?;
    }
    if let (Some(path), Some(band)) = (&arguments.band, &band) {
        files::write(path, scenario.band_csv(band).as_bytes())?;
    }
    match &arguments.csv {
        Some(path) if path != Path::new("-") => files::write(path, scenario.csv(&run, step).as_bytes())?,
        None if arguments.plot.is_some() || arguments.band.is_some() => {}
        _ => session.terminal.result(&scenario.csv(&run, step))?,
    }
    Ok(Exit::Fine)
}

/// The noise band, if one is wanted and the equations have one. That of the moments carries its spread itself.
fn band(
    scenario: &Scenario<'_>,
    run: &crate::report::scenario::Run,
    arguments: &Arguments,
    session: &Session,
) -> Result<Option<Band>, Failure> {
    let wanted = arguments.plot.is_some() || arguments.band.is_some();
    let effort = match arguments.runs {
        Some(0) => None,
        Some(runs) => Some(Effort::Runs(runs)),
        None => Some(Effort::Fitting),
    };
    let Some(effort) = effort.filter(|_| wanted && matches!(arguments.closure, Equations::Fluid)) else {
        return match &arguments.band {
            Some(_) => {
                Err(Failure::usage("there is no noise band to write", "leave --runs 0 and --closure moments out"))
            }
            None => Ok(None),
        };
    };
    let _spinner = super::progress::Spinner::new(session.terminal, "noise band");
    match scenario.band(run, effort, session.seed) {
        Ok(band) => Ok(Some(band)),
        Err(error) if arguments.band.is_some() => Err(Failure::usage(
            format!("there is no noise band: {error}"),
            "choose the number of runs with --runs, or a shorter run with --until",
        )),
        Err(error) => {
            session.terminal.note(&format!("no noise band: {error}"));
            Ok(None)
        }
    }
}

/// The largest of 1, 2, 5 times a power of ten that is not above a step.
pub(super) fn round_down(step: f64) -> f64 {
    let power = 10.0_f64.powi(step.log10().floor() as i32);
    [5.0, 2.0].into_iter().map(|m| m * power).find(|&s| s <= step).unwrap_or(power)
}

/// The triggers of a model that are to happen: those named, or all, or none.
///
/// # Errors
/// [`Failure::Usage`] for a name that no trigger has.
pub(super) fn chosen(model: &Model, wanted: &[String], none: bool) -> Result<Vec<Trigger>, Failure> {
    if none {
        return Ok(Vec::new());
    }
    if wanted.is_empty() {
        return Ok(model.triggers.clone());
    }
    let known = |name: &String| {
        model.triggers.iter().find(|t| t.name.value == *name).cloned().ok_or_else(|| {
            let names: Vec<&str> = model.triggers.iter().map(|t| t.name.value.as_str()).collect();
            let hint = match names.as_slice() {
                [] => "this model has no triggers; add a [[trigger]]".to_owned(),
                names => format!("its triggers are {}", names.join(", ")),
            };
            Failure::usage(format!("the model has no trigger `{name}`"), hint)
        })
    };
    wanted.iter().map(known).collect()
}

fn start(study: &Study, from: From, terminal: Terminal) -> Vec<f64> {
    if from == From::Start {
        return study.fluid.start();
    }
    let good = analyze(study, "").ok().and_then(|findings| {
        let place = findings.analysis.states.iter().position(|s| s.name == "good")?;
        Some(findings.landscape.states.get(place)?.x.clone())
    });
    good.unwrap_or_else(|| {
        terminal.note("there is no good state at this load: the run begins at the start values of the model");
        study.fluid.start()
    })
}

/// Whether a figure is wanted as PNG rather than SVG.
///
/// # Errors
/// [`Failure::Usage`] for any other ending.
pub(super) fn drawing(path: &Path) -> Result<bool, Failure> {
    match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("svg") => Ok(false),
        Some("png") => Ok(true),
        _ => Err(Failure::usage(
            format!("{} is neither an SVG nor a PNG file", path.display()),
            "let its name end in .svg or .png",
        )),
    }
}

/// A figure in the format of its file.
///
/// # Errors
/// If the path has another ending, or by a defect of the drawing library.
pub(super) fn pixels(path: &Path, figure: &Figure) -> Result<Vec<u8>, Failure> {
    Ok(if drawing(path)? { figure.png()? } else { figure.svg().into_bytes() })
}
