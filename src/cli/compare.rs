//! `tipping compare`: designs side by side.

use super::failure::Failure;
use super::input::{Candidates, ModelArgument};
use super::progress::Spinner;
use super::{Exit, Session};
use crate::answers::analysis::Verdict;
use crate::answers::compare::compare;
use crate::report::{compare as document, json, markdown, text};

/// Which of these designs has the most headroom, and what does each cost?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping compare retry-storm --variants
  tipping compare retry-storm --with two:client.web.retry.attempts=2 --with short:service.api.queue.limit=80
  tipping compare my.toml --with 'both:client.web.retry.attempts=2,service.api.servers=x1.5' --format json

The first row is the model as it stands (with --set applied). A trigger `at x0.8` tips the system when it lasts (or is)
0.8 times what the model states.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// A design: NAME:path=value,path=value...; repeatable.
    #[arg(long = "with", value_name = "NAME:PATH=VALUE,...")]
    designs: Vec<String>,
    /// The designs named in the model file, [variant.NAME]; the default where no --with is given.
    #[arg(long)]
    variants: bool,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: tipping.compare/1.
    Json,
    /// For design documents.
    Md,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let variants = arguments.variants || arguments.designs.is_empty();
    let input = Candidates::read(&arguments.model, &session.overrides, &arguments.designs, variants, session.terminal)?;
    let spinner = Spinner::new(session.terminal, "comparing");
    let comparison = compare(&input.designs, &input.sha256)
        .map_err(|(name, error)| Failure::Unsolved(format!("design `{name}`: {error}")))?;
    drop(spinner);
    let today = input.designs.first().map_or(f64::NAN, |d| d.study.load.value / d.study.load.factor);
    let answer = match arguments.format {
        Format::Text => text::render(&document::document(&comparison, today)),
        Format::Json => json::pretty(&comparison),
        Format::Md => markdown::render(&document::document(&comparison, today)),
    };
    session.terminal.result(&answer)?;
    let undecided = comparison.designs.iter().any(|d| d.verdict == Verdict::Inconclusive);
    Ok(if undecided { Exit::Inconclusive } else { Exit::Fine })
}
