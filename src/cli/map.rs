//! `tipping map`: a plane of two numbers, cut into regions.

use super::failure::Failure;
use super::files;
use super::input::{Input, ModelArgument};
use super::progress::Progress;
use super::simulate::{chosen, drawing, pixels};
use super::sweep::request::{axis, ranged};
use super::{Exit, Session};
use crate::answers::analysis::analyze_for_triggers;
use crate::answers::closures;
use crate::answers::study::Study;
use crate::answers::triggers::Plan;
use crate::map::basin::Basins;
use crate::map::side::Side;
use crate::map::triggers::trigger_map;
use crate::map::verdicts::Ground;
use crate::model::{Override, unit};
use crate::process::dimension::Dimension;
use crate::report::figures::Watcher;
use crate::report::map::MapReport;
use crate::report::{json, text};
use crate::sweep::design::{Axis, Spacing};
use crate::sweep::measure::Remake;
use std::path::{Path, PathBuf};

/// For which values of two numbers is the design stable, vulnerable or overloaded? From which start values does it heal?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping map retry-storm --vary 'client.web.load=10..140 req/s' --vary client.web.retry.attempts=1..6 --out map.svg
  tipping map retry-storm --vary 'client.web.load=10..140 req/s:512' --vary 'service.api.service_time=50..200 ms:512' --out map.png
  tipping map m1 --vary 'state.n.start=0..3000 req:256' --vary 'state.o.start=0..3000 req:256' --out basins.svg
  tipping map retry-storm --trigger load-spike --vary 'duration=0.3..5 s:32:log' --vary 'size=100..400 req/s:200' --out spike.svg
  tipping map retry-storm --vary 'client.web.timeout=0.2..3 s:64' --vary 'client.web.retry.backoff=0.1..2 s:64' --refine 3

The first --vary lies across the page, the second upwards. Two start values give a map of where runs end; any other numbers a
map of verdicts. A verdict map with the load on one side is worked out line by line and is fast. Others are made cell by
cell: --refine leaves out cells inside of regions.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// A number and its range, PATH=LOW..HIGH:CELLS with units; `:log` behind it spaces by ratios; twice.
    #[arg(long, value_name = "RANGE", required_unless_present = "trigger", allow_hyphen_values = true)]
    vary: Vec<String>,
    /// A map of how likely this trigger tips the system, over `duration` and `size` (given by --vary, or around what the model states).
    #[arg(long, value_name = "NAME")]
    trigger: Option<String>,
    /// Work out every 2^N-th cell, then halve where neighbours differ; 0 works out every cell.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10))]
    refine: Option<u32>,
    /// Write the map to this file: SVG, PNG or JSON by its ending; repeatable.
    #[arg(long, value_name = "FILE")]
    out: Vec<PathBuf>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Format {
    /// Regions and what parts them, for people.
    #[default]
    Text,
    /// Everything, with all cells: tipping.map/1.
    Json,
}

/// Cells of a side, if none are given.
const CELLS: u64 = 128;
/// Most cells of a side.
const MOST_CELLS: u64 = 4096;
/// Durations of a trigger map, if none are given: each is a search of its own.
const DURATIONS: u64 = 32;
/// Halvings for a verdict map that is made cell by cell, if none are given.
const REFINE: u32 = 3;

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let input = Input::read(&arguments.model, &session.overrides, session.terminal)?;
    for path in arguments.out.iter().filter(|path| !is_json(path)) {
        drawing(path)?;
    }
    let remake = |changes: &[(String, String)]| -> Result<Study, String> {
        let mut all = session.overrides.clone();
        all.extend(changes.iter().map(|(path, value)| Override::new(format!("{path}={value}"))));
        Input::remake(&arguments.model, &all)
    };
    let report = match &arguments.trigger {
        Some(name) => trigger(arguments, session, &input, name)?,
        None => plane(arguments, session, &input, &remake)?,
    };
    for warning in &report.warnings {
        session.terminal.note(warning);
    }
    let document = report.json(&input.study, &input.sha256);
    for path in &arguments.out {
        if is_json(path) {
            files::write(path, json::pretty(&document).as_bytes())?;
        } else {
            files::write(path, &pixels(path, &report.draw()?)?)?;
        }
    }
    session.terminal.result(&match arguments.format {
        Format::Text => text::render(&report.document()),
        Format::Json => json::pretty(&document),
    })?;
    Ok(Exit::Fine)
}

/// A map of verdicts or basins.
fn plane(arguments: &Arguments, session: &Session, input: &Input, remake: &Remake<'_>) -> Result<MapReport, Failure> {
    let [x, y] = sides(arguments, input, remake)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(session.threads.get()).build();
    let pool = pool.map_err(|error| Failure::Unsolved(format!("no threads to compute with: {error}")))?;
    let study = &input.study;
    let starts = [&x, &y].map(|side| start_of(study, &side.axis.path));
    Ok(if let [Some(a), Some(b)] = starts {
        let basins = Basins::new(study, [&x, &y], [a, b]).map_err(Failure::Unsolved)?;
        let map = pool.install(|| basins.map(arguments.refine.unwrap_or(0)));
        MapReport::of_basins(study, [&x, &y], map)
    } else {
        if let Some(component) = closures::refused(&study.model) {
            return Err(Failure::Unsolved(format!("the equations of {component} do not follow overload")));
        }
        let ground = Ground::new(study, [&x, &y], remake);
        if ground.has_load() && arguments.refine.is_some() {
            session.terminal.note("--refine means nothing here: with the load on one side a map is made line by line");
        }
        let progress = Progress::new(session.terminal, x.cells() * y.cells());
        progress.begin("cells");
        let map = pool.install(|| ground.map(arguments.refine.unwrap_or(REFINE), &|cells| progress.steps(cells)));
        drop(progress);
        MapReport::of_verdicts(study, [&x, &y], &map)
    })
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
}

/// A map of one trigger.
fn trigger(arguments: &Arguments, session: &Session, input: &Input, name: &str) -> Result<MapReport, Failure> {
    let unsolved = |error: String| Failure::Unsolved(error);
    let mut study = input.study.clone();
    study.model.triggers = chosen(&study.model, &[name.to_owned()], false)?;
    let plan = study.model.triggers.first().map(|t| Plan::new(&study.median, t));
    let plan = plan.ok_or_else(|| unsolved(format!("there is no trigger {name}")))?;
    let plan = plan.map_err(|error| unsolved(error.to_string()))?;
    let Some(stated) = plan.duration else {
        return Err(Failure::usage(format!("`{name}` is a kick: it has no duration"), "see `tipping triggers`"));
    };
    let size = unit::parse_unit(&plan.scale.unit).map_or(Dimension::NONE, |(dimension, _)| dimension);
    let number = |path: &str| match path {
        "duration" => Ok((path.to_owned(), Dimension::TIME)),
        "size" => Ok((path.to_owned(), size)),
        _ => Err(Failure::usage(format!("`{path}` is no side of a trigger map"), "its sides are duration and size")),
    };
    let typed = arguments.vary.iter().map(|text| ranged(text, DURATIONS, &number)).collect::<Result<Vec<_>, _>>()?;
    let given = |path: &str| typed.iter().find(|axis| axis.path == path).cloned();
    let across = given("duration").unwrap_or_else(|| Axis {
        path: "duration".to_owned(),
        low: 0.25 * stated,
        high: 4.0 * stated,
        unit: "s".to_owned(),
        factor: 1.0,
        points: DURATIONS,
        spacing: Spacing::Logarithmic,
    });
    let (today, most) = (plan.scale.shown(0.0), plan.scale.shown(2.0));
    let upwards = given("size").unwrap_or_else(|| Axis {
        path: "size".to_owned(),
        low: today.min(most),
        high: today.max(most),
        unit: plan.scale.unit.clone(),
        factor: plan.scale.factor,
        points: CELLS,
        spacing: Spacing::Linear,
    });
    let [across, upwards] = [across, upwards].map(|axis| Side { axis, whole: false });
    let findings = analyze_for_triggers(&study).map_err(|error| unsolved(error.to_string()))?;
    let Some((landscape, good)) = &findings.median else {
        return Err(unsolved("there is no good state that a trigger could tip".to_owned()));
    };
    let progress = Progress::new(session.terminal, across.cells());
    progress.begin("durations");
    let found = trigger_map(
        &study,
        (landscape, *good),
        &plan,
        (&across, &upwards),
        stated,
        (session.threads, &|| progress.step()),
    );
    drop(progress);
    Ok(MapReport::of_trigger(&study, [&across, &upwards], &plan, &found))
}

/// The state whose start value has this path.
fn start_of(study: &Study, path: &str) -> Option<usize> {
    study.fluid.process().state_index(path.strip_prefix("state.")?.strip_suffix(".start")?)
}

fn sides(arguments: &Arguments, input: &Input, remake: &Remake<'_>) -> Result<[Side; 2], Failure> {
    let axes = arguments.vary.iter().map(|text| axis(input, text, CELLS)).collect::<Result<Vec<_>, _>>()?;
    let count = axes.len();
    let Ok([x, y]) = <[_; 2]>::try_from(axes) else {
        let hint = "give --vary twice: across the page, then upwards";
        return Err(Failure::usage(format!("a map has two sides, not {count}"), hint));
    };
    if let Some(axis) = [&x, &y].into_iter().find(|a| matches!(a.spacing, Spacing::Random(_))) {
        return Err(Failure::usage(
            format!("a map has ranges: {} has a distribution", axis.path),
            "write PATH=LOW..HIGH",
        ));
    }
    if x.path == y.path {
        return Err(Failure::usage(format!("`{}` is varied twice", x.path), "choose two numbers"));
    }
    if let Some(long) = [&x, &y].into_iter().find(|axis| axis.points > MOST_CELLS) {
        return Err(Failure::usage(
            format!("{} has {} cells", long.path, long.points),
            format!("a side has at most {MOST_CELLS}"),
        ));
    }
    // A number that the model takes whole but not broken must be whole.
    let whole = |axis: &Axis| {
        let at = |value: f64| remake(&[(axis.path.clone(), format!("{value} {}", axis.unit).trim_end().to_owned())]);
        let low = axis.low.ceil();
        axis.unit.is_empty()
            && low + 0.5 < axis.high
            && start_of(&input.study, &axis.path).is_none()
            && at(low + 0.5).is_err()
            && at(low).is_ok()
    };
    Ok([x, y].map(|axis| Side { whole: whole(&axis), axis }))
}
