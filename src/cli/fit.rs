//! `tipping fit`: parameters from metric files.

use super::failure::Failure;
use super::files;
use super::input::{Input, ModelArgument};
use super::interrupt;
use super::metrics::{Gathered, MetricOptions, gather};
use super::progress::Spinner;
use super::simulate::{drawing, pixels};
use super::{Exit, Session};
use crate::answers::fitting::{Fit, FitError, Follow, Free, Request, changes, fit};
use crate::answers::study::Study;
use crate::fit::estimate::loss::Loss;
use crate::fit::estimate::selection::akaike_weights_of;
use crate::fit::estimate::{Options, Starts};
use crate::fit::trajectory::Beginning;
use crate::model::rewrite;
use crate::report::fit::{Report, Rival, chart, document, readings, value};
use crate::report::{json, markdown, text};
use std::path::{Path, PathBuf};

/// Which parameters make this model reproduce these metrics, how sure are they, and what do the data not tell?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping fit retry-storm incident.json --free service.api.service_time --free client.web.timeout -o fitted.toml
  tipping fit my.toml load.csv latency.csv --tz UTC --map offered=rate_in,inflight=active
  tipping fit my.toml q.csv --map queue=q --free param.mu --free 'param.p=0..1' --from start
  tipping fit my.toml incident.json --against no-retries.toml --format json
  tipping fit my.toml incident.json --plot fit.png

The whole time series is used, under the measured load: transitions tell most. The load is the column that is `offered`;
without one, that of the model holds. Columns are held to roles (attempts, served, goodput, inflight, latency, ...) or to
states and outputs of the model by name. Numbers to estimate come from [fit] of the model or --free.
Exit code 3, and no file, if the data do not identify a number or the search does not converge.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// Metric files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A number to estimate, such as client.web.timeout or param.p=0..1; repeatable. Default: those of [fit].
    #[arg(long, value_name = "PATH[=LOW..HIGH]")]
    free: Vec<String>,
    /// Write the fitted model here.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Other models to fit to the same data, with numbers of their own [fit]; repeatable.
    #[arg(long, value_name = "MODEL")]
    against: Vec<PathBuf>,
    /// Where the system is when the data begin.
    #[arg(long, value_enum, default_value_t)]
    from: From,
    /// Which states are set to their readings as they come, so that only what lies between is predicted: chance, not
    /// parameters, decides when a service tips over.
    #[arg(long, value_enum, default_value_t)]
    follow: FollowName,
    /// Play the fitted model request by request to learn what chance does to such recordings: intervals that hold what they say
    /// where a service tips over, at many times the cost. For models of one client and columns that count requests.
    #[arg(long)]
    play: bool,
    /// How much a reading far off counts.
    #[arg(long, value_enum, default_value_t)]
    loss: LossName,
    /// Points of a sample of the whole range at which searches may begin; the best four are followed.
    #[arg(long, value_name = "N", default_value_t = 64)]
    starts: usize,
    /// Draw readings, the fitted model and residuals into this file, SVG or PNG by its ending.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Write readings and predictions as CSV to this file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    options: MetricOptions,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum From {
    /// At rest at the first load.
    #[default]
    Rest,
    /// At the start values of the model.
    Start,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum FollowName {
    /// The requests inside, where a gauge counts them.
    #[default]
    Counts,
    /// Every state with samples: only for readings without errors.
    States,
    /// None: one prediction from the start to the end.
    Nothing,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum LossName {
    /// With its square.
    #[default]
    Square,
    /// Beyond 1.345 standard deviations, only in proportion.
    Huber,
    /// Beyond 4.7 standard deviations, not at all.
    Tukey,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: tipping.fit/1.
    Json,
    /// For design documents.
    Md,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    interrupt::quit_when_asked(session.terminal);
    if let Some(path) = &arguments.plot {
        drawing(path)?;
    }
    let input = Input::read(&arguments.model, &session.overrides, session.terminal)?;
    let rivals: Vec<Input> = arguments
        .against
        .iter()
        .map(|path| Input::read(&ModelArgument { path: path.clone() }, &session.overrides, session.terminal))
        .collect::<Result<_, _>>()?;
    let Gathered { sources, mapping, named } = gather(&arguments.files, &arguments.options, session)?;
    let work = |input: &Input, typed: &[String]| -> Result<(Vec<Free>, Fit), Failure> {
        let free = free(&input.study, typed)?;
        let beginning = match arguments.from {
            From::Rest => Beginning::Rest,
            From::Start => Beginning::Start,
        };
        let follow = match arguments.follow {
            FollowName::Counts => Follow::Counts,
            FollowName::States => Follow::States,
            FollowName::Nothing => Follow::Nothing,
        };
        let request = Request {
            free: free.clone(),
            mapping: &mapping,
            named: named.clone(),
            beginning,
            follow,
            play: arguments.play,
        };
        let loss = match arguments.loss {
            LossName::Square => Loss::Square,
            LossName::Huber => Loss::Huber,
            LossName::Tukey => Loss::Tukey,
        };
        let starts = Starts { sampled: arguments.starts, seed: session.seed, ..Starts::default() };
        let options = Options { loss, starts, ..Options::default() };
        let _spinner = Spinner::new(session.terminal, "fitting");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(session.threads.get()).build();
        let fitted = match pool {
            Ok(pool) => {
                let study = input.study.clone();
                let (sources, request, options) = (&sources, &request, &options);
                pool.install(move || fit(&study, sources, request, options))
            }
            Err(_) => fit(&input.study, &sources, &request, &options),
        };
        Ok((free, fitted.map_err(|error| refused(&error))?))
    };
    let (free, own) = work(&input, &arguments.free)?;
    let others = rivals.iter().map(|rival| work(rival, &[]).map(|(_, fit)| fit)).collect::<Result<Vec<_>, _>>()?;
    let scores: Vec<f64> = std::iter::once(&own).chain(&others).map(|f| f.score.aicc).collect();
    let weights = akaike_weights_of(&scores);
    let names = std::iter::once(&input).chain(&rivals).map(|i| i.study.model.meta.name.clone());
    let against: Vec<Rival<'_>> = names
        .zip(std::iter::once(&own).chain(&others))
        .zip(weights)
        .map(|((name, fit), weight)| Rival { name, fit, weight })
        .collect();
    let report = Report {
        model: &input.study.model.meta.name,
        sha256: &input.sha256,
        files: sources.iter().map(|s| s.path.clone()).collect(),
        fit: &own,
        against: if rivals.is_empty() { Vec::new() } else { against },
    };
    let good = own.converged && own.identified;
    if let (Some(path), true) = (&arguments.output, good) {
        write_model(path, &arguments.model.path, &input, &free, &own, &report.files, session)?;
    }
    if let Some(path) = &arguments.plot {
        files::write(path, &pixels(path, &chart::draw(&report, &input.study)?)?)?;
        session.terminal.note(&format!("wrote {}", path.display()));
    }
    if let Some(path) = &arguments.csv {
        files::write(path, readings(&own).as_bytes())?;
    }
    let answer = match arguments.format {
        Format::Text => text::render(&document(&report)),
        Format::Json => json::pretty(&value(&report)),
        Format::Md => markdown::render(&document(&report)),
    };
    session.terminal.result(&answer)?;
    Ok(if good { Exit::Fine } else { Exit::Inconclusive })
}

/// The numbers to estimate: typed, or those of `[fit]`.
fn free(study: &Study, typed: &[String]) -> Result<Vec<Free>, Failure> {
    let texts: Vec<String> =
        if typed.is_empty() { study.model.free.iter().map(|t| t.value.clone()).collect() } else { typed.to_vec() };
    texts.iter().map(|text| one_free(study, text)).collect()
}

fn one_free(study: &Study, text: &str) -> Result<Free, Failure> {
    let (path, bounds) = match text.split_once('=') {
        None => (text.trim(), None),
        Some((path, range)) => (path.trim(), Some(range.trim())),
    };
    let quantity = study.model.quantity(path).ok_or_else(|| {
        let known = study.model.quantities();
        let nearest = known
            .iter()
            .map(|q| q.path.as_str())
            .max_by(|a, b| strsim::jaro_winkler(a, path).total_cmp(&strsim::jaro_winkler(b, path)));
        Failure::usage(
            format!("there is no number `{path}` in this model"),
            format!("did you mean `{}`?", nearest.unwrap_or_default()),
        )
    })?;
    let bounds = bounds
        .map(|range| {
            let shape = || Failure::usage(format!("`{range}` is not LOW..HIGH"), "for example param.p=0..1");
            let (low, high) = range.split_once("..").ok_or_else(shape)?;
            let read = |side: &str| -> Result<f64, Failure> {
                match side.trim().parse::<f64>() {
                    Ok(number) => Ok(number * quantity.factor),
                    Err(_) => super::quantity::read("--free", side.trim(), quantity.dimension),
                }
            };
            Ok::<_, Failure>((read(low)?, read(high)?))
        })
        .transpose()?;
    if let Some((low, high)) = bounds.filter(|(low, high)| low >= high) {
        return Err(Failure::usage(format!("bounds {low}..{high} of `{path}` enclose nothing"), "write LOW..HIGH"));
    }
    Ok(Free { path: quantity.path.clone(), bounds })
}

fn refused(error: &FitError) -> Failure {
    let message = error.to_string();
    match error {
        FitError::NothingFree => {
            Failure::usage(message, "name numbers in [fit] free = [...] of the model, or with --free PATH")
        }
        FitError::NothingMeasured => {
            Failure::usage(message, "say which column is what: --map served=COLUMN, --map inflight=COLUMN")
        }
        FitError::ClosedLoop(_) => Failure::usage(
            message,
            "fit a model whose client has `users` and `think`; if the load did not wait for answers, say --open-loop",
        ),
        FitError::Structural(_) => {
            Failure::usage(message, "fit models with different values of it, and compare them with --against")
        }
        FitError::Data(inner) => Failure::usage(message, inner.hint()),
        FitError::NoNumber(_) => Failure::Usage { message, hint: None },
        FitError::Failed(_) => Failure::Unsolved(message),
    }
}

/// The model file with the estimates in the places of the numbers they replace.
fn write_model(
    path: &Path,
    from: &Path,
    input: &Input,
    free: &[Free],
    fit: &Fit,
    files: &[String],
    session: &Session,
) -> Result<(), Failure> {
    let text = super::shipped::text_of(from)
        .ok_or_else(|| Failure::usage(format!("{} cannot be read again", from.display()), "was it removed?"))?;
    let new: Vec<(std::ops::Range<usize>, String)> = changes(&input.study, free, fit)
        .into_iter()
        .map(|(quantity, value)| {
            if quantity.span.is_empty() || quantity.span.end > text.len() {
                let message = format!("`{}` is not written in {}", quantity.path, from.display());
                return Err(Failure::usage(message, "write its value there first, not with --set"));
            }
            Ok((quantity.span.clone(), rewrite::literal(&quantity, value)))
        })
        .collect::<Result<_, _>>()?;
    let fitted = rewrite::replace(&text, new, &format!("fitted: {}", files.join(", ")));
    files::write(path, fitted.as_bytes())?;
    session.terminal.note(&format!("wrote {}", path.display()));
    Ok(())
}
