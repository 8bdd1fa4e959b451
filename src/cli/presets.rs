//! `tipping presets`: retry policies, breakers and throttles by name.

use super::failure::Failure;
use super::{Exit, Session};
use crate::answers::amplification::{FAILURE_SHARES, amplification};
use crate::model;
use crate::model::preset::{PRESETS, Preset, find};
use crate::report::presets::{self as document, Row};
use crate::report::{markdown, text};

/// What do the defaults of libraries, proxies and clouds do to a service that fails?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping presets                      list them
  tipping presets finagle              one of them: what it sets, since when, from where
  tipping presets --amplification      attempts per request of each, by the share of attempts that fail

A model takes one by name: retry = \"finagle\", breaker = \"hystrix\", throttle = \"envoy-admission\";
a service: concurrency = \"netflix-aimd\".")]
pub(super) struct Arguments {
    /// Show this preset.
    name: Option<String>,
    /// Attempts per request by the share of attempts that fail, of each preset.
    #[arg(long)]
    amplification: bool,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: tipping.presets/1.
    Json,
    /// For design documents.
    Md,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let chosen: Vec<&'static Preset> = match &arguments.name {
        None => PRESETS.to_vec(),
        Some(name) => vec![find(name).ok_or_else(|| {
            let names: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
            Failure::usage(format!("no preset `{name}`"), format!("there are {}", names.join(", ")))
        })?],
    };
    // The list alone needs no figures.
    let figures = arguments.amplification || arguments.name.is_some() || matches!(arguments.format, Format::Json);
    let rows: Vec<Row> = chosen
        .into_iter()
        .map(|preset| Row { preset, amplification: figures.then(|| attempts(preset)).flatten() })
        .collect();
    let blocks = match (&arguments.name, arguments.amplification) {
        (Some(_), false) => rows.first().map(document::one).unwrap_or_default(),
        (_, true) => document::amplification(&rows),
        (None, false) => document::list(&rows),
    };
    let answer = match arguments.format {
        Format::Text => text::render(&blocks),
        Format::Json => format!("{:#}\n", document::value(&rows)),
        Format::Md => markdown::render(&blocks),
    };
    session.terminal.result(&answer)?;
    Ok(Exit::Fine)
}

/// Attempts per request of a preset, if it is a retry policy.
fn attempts(preset: &Preset) -> Option<Vec<f64>> {
    preset.part("retry")?;
    let text = format!(
        "[model]\nname = \"m\"\n[client.web]\ncalls = \"api\"\nload = \"1 req/s\"\nretry = \"{}\"\n\
         [service.api]\nservers = 1\nservice_time = \"1 ms\"\n",
        preset.name
    );
    let loaded = model::load(&text, preset.name, &[]).ok()?;
    let retry = loaded.model.clients.first()?.policy.retry.as_ref()?;
    Some(FAILURE_SHARES.iter().map(|&f| amplification(retry, f)).collect())
}
