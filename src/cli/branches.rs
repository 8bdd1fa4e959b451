//! `tipping branches`: all equilibria along one parameter.

use super::failure::Failure;
use super::files;
use super::input::{Input, ModelArgument};
use super::quantity;
use super::simulate::{drawing, pixels};
use super::{Exit, Session};
use crate::answers::study::Study;
use crate::report::diagram::Diagram;
use crate::report::{json, text};
use std::path::PathBuf;

/// Which states exist as one number of the model changes, and where do they appear and vanish?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping branches retry-storm
  tipping branches retry-storm --vary service.api.service_time --from '50 ms' --to '300 ms'
  tipping branches my.toml --format csv > branches.csv
  tipping branches my.toml --plot branches.svg

The bifurcation diagram through all states that exist today, with folds (where a state ends) and Hopf points (where it
starts to swing). Numbers that shape the equations, such as attempts, cannot be varied this way: compare runs of
`analyze --set` instead.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// Path of the number to vary; by default the load.
    #[arg(long, value_name = "PATH")]
    vary: Option<String>,
    /// Lowest value, with its unit.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    from: Option<String>,
    /// Highest value, with its unit.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    to: Option<String>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Draw the diagram into this file, SVG or PNG by its ending.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// The special points, for people.
    #[default]
    Text,
    /// All points: branch, kind (stable, unstable, fold, hopf), number of unstable roots, states and outputs.
    Csv,
    /// Everything: tipping.branches/1.
    Json,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let input = Input::read(&arguments.model, &session.overrides, session.terminal)?;
    let study = &input.study;
    let index = varied(study, arguments.vary.as_deref())?;
    let range = range(study, index, arguments)?;
    if let Some(path) = &arguments.plot {
        drawing(path)?;
    }
    let diagram = Diagram::follow(study, index, range).map_err(|e| Failure::Unsolved(e.to_string()))?;
    if let Some(path) = &arguments.plot {
        files::write(path, &pixels(path, &diagram.draw()?)?)?;
    }
    session.terminal.result(&match arguments.format {
        Format::Text => text::render(&diagram.document()),
        Format::Csv => diagram.csv(),
        Format::Json => json::pretty(&diagram.json(&input.sha256)),
    })?;
    Ok(Exit::Fine)
}

fn varied(study: &Study, path: Option<&str>) -> Result<usize, Failure> {
    let process = study.fluid.process();
    let Some(path) = path else { return Ok(study.load_index(&study.fluid)) };
    let name = study.model.quantity(path).map_or(path, |q| q.path.as_str());
    if let Some(index) = process.parameter_index(name) {
        return Ok(index);
    }
    if study.model.quantity(path).is_some() {
        return Err(Failure::usage(
            format!("`{path}` shapes the equations: it cannot be varied continuously"),
            format!("compare values of it: tipping analyze MODEL --set {path}=..."),
        ));
    }
    let hint = match study.model.nearest_path(path) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let some: Vec<&str> = process.parameters.iter().take(4).map(|p| p.path.as_str()).collect();
            format!("paths look like {}", some.join(", "))
        }
    };
    Err(Failure::usage(format!("no number of this model has the path `{path}`"), hint))
}

fn range(study: &Study, index: usize, arguments: &Arguments) -> Result<(Option<f64>, Option<f64>), Failure> {
    let dimension = study.fluid.process().parameters[index].dimension;
    let read = |option: &str, text: &Option<String>| {
        text.as_ref().map(|text| quantity::read(option, text, dimension)).transpose()
    };
    let (from, to) = (read("--from", &arguments.from)?, read("--to", &arguments.to)?);
    if let (Some(a), Some(b)) = (from, to)
        && a >= b
    {
        return Err(Failure::usage("--from must be below --to", "exchange the two"));
    }
    Ok((from, to))
}
