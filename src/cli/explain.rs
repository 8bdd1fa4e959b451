//! `tipping explain`: what a finding means and what to do about it.

use super::failure::Failure;
use super::{Exit, Session};
use crate::answers::checks::catalogue::{CHECKS, Check, find};
use crate::process::suggest;
use crate::report::document::{Block, Column, Table};
use crate::report::{json, markdown, text};
use serde_json::json;

/// What does a finding mean, and what helps?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping explain                           list all checks
  tipping explain queue-outlasts-timeout    one of them, with its source")]
pub(super) struct Arguments {
    /// Name of the finding, as `analyze` prints it in brackets.
    id: Option<String>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: tipping.explain/1.
    Json,
    /// For documents.
    Md,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let chosen: Vec<&Check> = match &arguments.id {
        None => CHECKS.iter().collect(),
        Some(id) => vec![find(id).ok_or_else(|| unknown(id))?],
    };
    let blocks = || match (&arguments.id, chosen.as_slice()) {
        (Some(_), [check]) => one(check),
        _ => vec![list(&chosen)],
    };
    session.terminal.result(&match arguments.format {
        Format::Text => text::render(&blocks()),
        Format::Md => markdown::render(&blocks()),
        Format::Json => {
            let entry =
                |c: &&Check| json!({ "id": c.id, "title": c.title, "why": c.why, "cure": c.cure, "source": c.source });
            let checks: Vec<_> = chosen.iter().map(entry).collect();
            json::pretty(&json!({ "schema": "tipping.explain/1", "checks": checks }))
        }
    })?;
    Ok(Exit::Fine)
}

fn unknown(id: &str) -> Failure {
    let names = || CHECKS.iter().map(|c| c.id);
    let hint = suggest::did_you_mean(id, names())
        .unwrap_or_else(|| format!("there are {}", names().collect::<Vec<_>>().join(", ")));
    Failure::usage(format!("no check is called `{id}`"), hint)
}

fn list(checks: &[&Check]) -> Block {
    let rows = checks.iter().map(|c| vec![c.id.into(), c.title.into()]).collect();
    Block::Table(Table { columns: vec![Column::left("finding"), Column::left("what it says")], rows })
}

fn one(check: &Check) -> Vec<Block> {
    vec![
        Block::Heading(format!("{}: {}", check.id, check.title)),
        Block::Paragraph(check.why.to_owned()),
        Block::Heading("What helps".to_owned()),
        Block::Paragraph(check.cure.to_owned()),
        Block::Heading("Source".to_owned()),
        Block::Paragraph(check.source.to_owned()),
    ]
}
