//! `tipping inspect`: what a metric file was understood to contain.

use super::failure::Failure;
use super::metrics::{MetricOptions, mapped, read_file, save};
use super::{Exit, Session};
use crate::fit::metrics::{About, Summary};
use crate::report::inspect::{File, document, value};
use crate::report::{json, markdown, text};
use std::path::PathBuf;

/// What was this metric file understood to contain, and what is doubtful about it?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping inspect checkout.csv
  tipping inspect checkout.csv --tz Europe/Berlin --map offered=rate_in,served=rate_ok
  tipping inspect *.csv --save-mapping mapping.toml
  tipping inspect errors.json --absent-is-zero --format json

Reads Grafana (raw, formatted, Excel, long), Prometheus and promtool, VictoriaMetrics, InfluxDB 1 and 2, CloudWatch,
Datadog, k6, vegeta, hey, Locust, JMeter and plain CSV or TSV; gzip and UTF-16 are undone. Nothing is filled in: a missing
value is never zero, times without a zone are not guessed. Files of any size are read in little memory.")]
pub(super) struct Arguments {
    /// Metric files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    options: MetricOptions,
    /// Keep options and columns in this file, for --mapping.
    #[arg(long, value_name = "FILE")]
    save_mapping: Option<PathBuf>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: tipping.inspect/1.
    Json,
    /// For documents.
    Md,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    arguments.options.no_names()?;
    let (options, asked) = arguments.options.understood()?;
    let mut files = Vec::with_capacity(arguments.files.len());
    for path in &arguments.files {
        let mut summary = Summary::default();
        let facts = read_file(path, &options, &mut summary)?;
        summary.finish();
        files.push(File { path: path.display().to_string(), facts, summary });
    }
    let abouts: Vec<Vec<&About>> =
        files.iter().map(|file| file.summary.series.iter().map(|series| &series.about).collect()).collect();
    let mapping = mapped(&abouts, &asked)?;
    if let Some(path) = &arguments.save_mapping {
        save(path, &options, &mapping, session)?;
    }
    let answer = match arguments.format {
        Format::Text => text::render(&document(&files, &mapping)),
        Format::Json => json::pretty(&value(&files, &mapping)),
        Format::Md => markdown::render(&document(&files, &mapping)),
    };
    session.terminal.result(&answer)?;
    Ok(Exit::Fine)
}
