//! `tipping equations`: the mathematics behind a model.

use super::failure::Failure;
use super::input::{Input, ModelArgument};
use super::{Exit, Session};
use crate::model::types::Closure;
use crate::process::print;

/// Which equations does this model stand for?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping equations retry-storm
  tipping equations my.toml --closure fluid
  tipping equations my.toml --format latex > model.tex")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// How the equations are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Equations of services: mean alone, or mean and variance; by default as the model says.
    #[arg(long, value_enum)]
    closure: Option<Equations>,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For a terminal.
    #[default]
    Text,
    /// For a paper.
    Latex,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Equations {
    /// Mean only.
    Fluid,
    /// Mean and variance.
    Moments,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let input = Input::read(&arguments.model, &session.overrides, session.terminal)?;
    let study = input.at_rest(arguments.closure.map(|closure| match closure {
        Equations::Fluid => Closure::Fluid,
        Equations::Moments => Closure::Moments,
    }))?;
    let process = study.fluid.process();
    session.terminal.result(&match arguments.format {
        Format::Text => print::text(process),
        Format::Latex => print::latex(process),
    })?;
    Ok(Exit::Fine)
}
