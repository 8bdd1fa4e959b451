//! `tipping triggers`: how large and how long triggers must be.

use super::failure::Failure;
use super::files;
use super::input::{Input, ModelArgument};
use super::progress::Spinner;
use super::quantity;
use super::simulate::{drawing, pixels};
use super::{Exit, Session};
use crate::answers::analysis::{Findings, TriggerReport, analyze};
use crate::answers::critical_curve::{critical_curve, durations};
use crate::answers::odds::{Odds, Varied};
use crate::answers::triggers::{Plan, Range, Threshold};
use crate::chance::events::Events;
use crate::report::triggers::{TriggerOdds, csv, document, document_json};
use crate::report::{json, text};
use std::path::PathBuf;

/// How large and how long must a trigger be to tip the system, and how likely is it?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping triggers retry-storm
  tipping triggers retry-storm --trigger load-spike --probability-at '1.5 s'
  tipping triggers retry-storm --trigger load-spike --plot curve.svg
  tipping triggers my.toml --format csv > triggers.csv

For each duration the size at which 10 %, 50 % and 90 % of runs tip, and the share of runs that tip at the size the model
states. Chance is that of arrivals, services and retries, by linear noise along the critical path.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// Only this trigger; repeatable. By default all triggers of the model.
    #[arg(long = "trigger", value_name = "NAME")]
    triggers: Vec<String>,
    /// Also the share of runs that tip if the trigger has its stated size and lasts this long.
    #[arg(long, value_name = "TIME")]
    probability_at: Option<String>,
    /// Durations along the curve.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(2..=1000))]
    points: u16,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Draw the curve of the trigger into this file, SVG or PNG by its ending.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// One row per trigger and duration.
    Csv,
    /// Everything: tipping.triggers/1.
    Json,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let mut input = Input::read(&arguments.model, &session.overrides, session.terminal)?;
    input.study.model.triggers = super::simulate::chosen(&input.study.model, &arguments.triggers, false)?;
    if input.study.model.triggers.is_empty() {
        return Err(Failure::usage("the model has no triggers", "add a [[trigger]]"));
    }
    let asked = arguments.probability_at.as_deref().map(|t| quantity::duration("--probability-at", t)).transpose()?;
    if let Some(path) = &arguments.plot {
        drawing(path)?;
        if input.study.model.triggers.len() > 1 {
            return Err(Failure::usage("--plot draws one trigger", "choose it with --trigger NAME"));
        }
    }
    let spinner = Spinner::new(session.terminal, "critical sizes");
    let findings = analyze(&input.study, &input.sha256).map_err(|error| Failure::Unsolved(error.to_string()))?;
    let mut all = Vec::new();
    for report in &findings.analysis.triggers {
        all.extend(odds(&input, &findings, report, asked, arguments, session)?);
    }
    drop(spinner);
    let study = &input.study;
    if let Some(path) = &arguments.plot {
        let figure = all.first().map(|t| t.draw(study)).transpose()?.flatten();
        let none = || Failure::Unsolved("the critical curve has too few points to draw".to_owned());
        files::write(path, &pixels(path, &figure.ok_or_else(none)?)?)?;
    }
    let warnings = &findings.analysis.warnings;
    session.terminal.result(&match arguments.format {
        Format::Text => text::render(&document(study, &all, warnings)),
        Format::Csv => csv(&all),
        Format::Json => json::pretty(&document_json(study, &input.sha256, &all, warnings)),
    })?;
    Ok(if all.is_empty() { Exit::Inconclusive } else { Exit::Fine })
}

/// The curve of one trigger, and its odds at the duration that was asked for.
fn odds(
    input: &Input,
    findings: &Findings,
    report: &TriggerReport,
    asked: Option<f64>,
    arguments: &Arguments,
    session: &Session,
) -> Result<Option<TriggerOdds>, Failure> {
    let study = &input.study;
    let trigger = study.model.triggers.iter().find(|t| t.name.value == report.name);
    let plan = trigger.and_then(|t| Plan::new(&study.median, t).ok());
    let (Some(plan), Some((landscape, good))) = (plan, &findings.median) else { return Ok(None) };
    let stated = plan.duration.unwrap_or(0.0);
    let middle = report.critical_duration.as_ref().and_then(|c| c.p50).filter(|&d| d > 0.0).unwrap_or(stated);
    let durations =
        if plan.duration.is_some() { durations(stated, middle, usize::from(arguments.points)) } else { vec![0.0] };
    let curve = critical_curve(study, (landscape, *good), &plan, (&durations, middle), session.threads, &|| {});
    let asked = match (asked, plan.duration) {
        (Some(duration), Some(_)) => {
            let unsolved = |error: crate::answers::triggers::TriggerError| Failure::Unsolved(error.to_string());
            let range = Range::new(&study.median, landscape, *good);
            let threshold = range.as_ref().map(|r| r.critical_duration(&plan, 1.0)).transpose().map_err(unsolved)?;
            let probability = match (&range, threshold) {
                (Some(range), Some(Threshold::At(p50))) => {
                    let events = Events::new(&study.median);
                    let odds: Odds = range.odds(&plan, &events, Varied::Duration, (1.0, p50)).map_err(unsolved)?;
                    odds.probability(duration)
                }
                (Some(_), Some(Threshold::None(longest))) if duration <= longest => Some(0.0),
                _ => None,
            };
            Some((duration, probability))
        }
        _ => None,
    };
    Ok(Some(TriggerOdds { plan, report: report.clone(), curve, asked }))
}
