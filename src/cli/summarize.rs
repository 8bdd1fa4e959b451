//! `tipping summarize`: what a sweep over uncertain numbers says.

use super::failure::Failure;
use super::{Exit, Session};
use crate::report::{json, summarize, text};
use crate::sweep::summary::{SummaryError, summary};
use std::path::PathBuf;

/// How likely is each verdict, and which uncertain number decides it?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping sweep retry-storm --vary 'service.api.service_time~lognormal(100 ms, 20 ms)' --vary 'client.web.load~normal(60, 10 req/s)' \\
      --sample saltelli --points 256 --out uncertain.csv
  tipping summarize uncertain.csv

Probabilities with 95 % intervals for every word (verdicts), spread for every number. After --sample saltelli also Sobol'
indices: the share of the variance that would go if a number were known (first order), and that would be left if all others were
(total).")]
pub(super) struct Arguments {
    /// The finished file of a sweep.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// Everything: tipping.summarize/1.
    Json,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let path = arguments.file.display();
    let text_of = std::fs::read_to_string(&arguments.file)
        .map_err(|error| Failure::Usage { message: format!("cannot read {path}: {error}"), hint: None })?;
    let found = summary(&text_of, session.seed).map_err(|error| {
        let hint = match error {
            SummaryError::Foreign => Some("it is the --out of `tipping sweep`".to_owned()),
            _ => None,
        };
        Failure::Usage { message: format!("{path}: {error}"), hint }
    })?;
    session.terminal.result(&match arguments.format {
        Format::Text => text::render(&summarize::document(&found)),
        Format::Json => json::pretty(&summarize::document_json(&found)),
    })?;
    Ok(Exit::Fine)
}
