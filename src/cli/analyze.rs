//! `tipping analyze`: the main job.

use super::failure::Failure;
use super::files;
use super::input::{Input, ModelArgument};
use super::progress::{Progress, Spinner};
use super::{Exit, Session, Terminal};
use crate::answers::against::{Effort, against};
use crate::answers::analysis::{Analysis, Findings, Verdict, analyze_with_noise};
use crate::answers::gate::{Gate, Passage};
use crate::answers::study::Study;
use crate::report::figures::{self, NamedFigure};
use crate::report::{analysis, json, markdown, text};
use std::path::{Path, PathBuf};

/// Is this design metastable, how much headroom does it have, and what would push it over?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping analyze retry-storm
  tipping analyze my.toml --set 'client.web.retry.attempts=2'
  tipping analyze my.toml --format json | jq .headroom
  tipping analyze my.toml --out report --format md
  tipping analyze my.toml --referee
  tipping analyze my.toml --fail-on 'headroom<20%' --fail-on verdict=overloaded

A condition of --fail-on compares `headroom` (to the tip-over load) or `recovery` (to the recovery load, negative
when a collapse would not heal by itself) with a share or percentage, or `verdict` with stable, vulnerable,
metastable, overloaded or inconclusive.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Also write figures (SVG, PNG), analysis.json and report.md into this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Hold the answers to request-level simulation, of so many runs for each figure.
    #[arg(long, value_name = "RUNS", num_args = 0..=1, default_missing_value = "200", value_parser = clap::value_parser!(u32).range(2..))]
    referee: Option<u32>,
    /// End with code 1 if this holds, such as 'headroom<20%' or 'verdict=overloaded'; repeatable.
    #[arg(long, value_name = "COND", value_parser = Gate::parse)]
    fail_on: Vec<Gate>,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: tipping.analyze/1.
    Json,
    /// For design documents.
    Md,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let input = Input::read(&arguments.model, &session.overrides, session.terminal)?;
    let spinner = Spinner::new(session.terminal, "analysing");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(session.threads.get()).build();
    let pool = pool.map_err(|e| Failure::Unsolved(format!("no threads to work with: {e}")))?;
    let (study, sha256, seed, runs) = (input.study.clone(), input.sha256.clone(), session.seed, arguments.referee);
    let findings = pool.install(move || {
        let mut found = analyze_with_noise(&study, &sha256, seed).map_err(|e| Failure::Unsolved(e.to_string()))?;
        runs.map_or(Ok(()), |runs| hold_to_referee(&study, &mut found, seed, runs))?;
        Ok::<_, Failure>(found)
    })?;
    drop(spinner);
    let source = arguments.out.is_none().then_some(input.name.as_str());
    if let Some(folder) = &arguments.out {
        write(folder, &input, &findings, session)?;
    }
    let answer = match arguments.format {
        Format::Text => text::render(&analysis::document(&input.study, &findings, source)),
        Format::Json => json::pretty(&findings.analysis),
        Format::Md => markdown::render(&analysis::document(&input.study, &findings, source)),
    };
    session.terminal.result(&answer)?;
    Ok(judge(&arguments.fail_on, &findings.analysis, session.terminal))
}

/// Length of a simulated run of the good state, in seconds.
const RUN: f64 = 120.0;

/// Compares the findings with request-level simulation.
fn hold_to_referee(study: &Study, findings: &mut Findings, seed: u64, runs: u32) -> Result<(), Failure> {
    let effort = Effort { seed, replications: u64::from(runs), horizon: RUN, triggers: true };
    let compared = against(study, findings, effort);
    let hint = "leave out --referee";
    findings.analysis.referee = Some(compared.map_err(|e| Failure::usage(e.to_string(), hint))?);
    Ok(())
}

/// Draws everything first, then writes it.
fn write(folder: &Path, input: &Input, findings: &Findings, session: &Session) -> Result<(), Failure> {
    let progress = Progress::new(session.terminal, figures::steps(&input.study));
    let drawn = figures::all(&input.study, findings, session.threads, &progress)?;
    let mut results: Vec<(String, Vec<u8>)> = Vec::new();
    for NamedFigure { name, figure, .. } in &drawn {
        results.push((format!("{name}.svg"), figure.svg().into_bytes()));
        results.push((format!("{name}.png"), figure.png()?));
    }
    results.push(("analysis.json".to_owned(), json::pretty(&findings.analysis).into_bytes()));
    let mut document = analysis::document(&input.study, findings, None);
    document.extend(figures::blocks(&drawn));
    results.push(("report.md".to_owned(), markdown::render(&document).into_bytes()));
    for (name, bytes) in &results {
        files::write(&folder.join(name), bytes)?;
    }
    drop(progress);
    let names: Vec<&str> = results.iter().map(|r| r.0.as_str()).collect();
    session.terminal.note(&format!("wrote {} to {}", names.join(", "), folder.display()));
    Ok(())
}

/// The exit code, with a word about every gate that is not open.
fn judge(gates: &[Gate], analysis: &Analysis, terminal: Terminal) -> Exit {
    let mut exit = if analysis.verdict == Verdict::Inconclusive { Exit::Inconclusive } else { Exit::Fine };
    for gate in gates {
        match gate.check(analysis) {
            Passage::Open => {}
            Passage::Closed => {
                terminal.error(&format!("the gate `{}` failed", gate.text()), None);
                exit = Exit::GateFailed;
            }
            Passage::Unknown => {
                terminal.error(
                    &format!("the gate `{}` cannot be decided: the analysis is inconclusive", gate.text()),
                    None,
                );
                if exit == Exit::Fine {
                    exit = Exit::Inconclusive;
                }
            }
        }
    }
    exit
}
