//! What the options of `sweep` mean, and what the first line of its file says.

use super::{Arguments, Format, Sampling};
use crate::answers::triggers::Plan;
use crate::cli::failure::Failure;
use crate::cli::input::Input;
use crate::cli::{Session, quantity};
use crate::model::unit;
use crate::process::dimension::Dimension;
use crate::report::table::Column;
use crate::sweep::design::{Axis, Design, Sample, Spacing};
use crate::sweep::distribution::Distribution;
use crate::sweep::latin::Latin;
use crate::sweep::measure::{ANSWERS, Measure};
use crate::sweep::record;
use crate::sweep::saltelli::Saltelli;
use crate::sweep::sobol::{DIMENSIONS, Sobol};
use crate::sweep::triggers::{ASKED, Asked};
use serde_json::{Value, json};

/// Values of an axis on a grid, if none are given.
const POINTS: u64 = 10;

/// A sweep that was asked for.
pub(super) struct Request {
    pub(super) design: Design,
    pub(super) points: u64,
    pub(super) measures: Vec<Measure>,
    /// End and tolerance of runs, seed of simulated paths.
    pub(super) runs: (f64, f64, u64),
    pub(super) shard: Option<(u64, u64)>,
    pub(super) format: record::Format,
    /// Whether the finished file is Parquet, made from CSV.
    pub(super) parquet: bool,
    /// Heads of all columns but the first.
    pub(super) columns: Vec<String>,
    /// The first line of the file.
    pub(super) provenance: Value,
}

impl Request {
    /// Understands the options.
    ///
    /// # Errors
    /// [`Failure::Usage`] for what cannot be.
    pub(super) fn read(arguments: &Arguments, session: &Session, input: &Input) -> Result<Self, Failure> {
        let axes = arguments.vary.iter().map(|text| axis(input, text, POINTS)).collect::<Result<Vec<Axis>, _>>()?;
        if let Some(i) = (1..axes.len()).find(|&i| axes[..i].iter().any(|a| a.path == axes[i].path)) {
            return Err(Failure::usage(format!("`{}` is varied twice", axes[i].path), "one --vary for each number"));
        }
        let sample = sample(arguments, session, &axes)?;
        let design = Design { axes, sample };
        let points = design.points().ok_or_else(|| {
            Failure::usage("the grid has more points than a number can count", "use fewer, or --sample sobol")
        })?;
        let named = arguments.measure.iter().map(|name| measure(input, name.trim()));
        let measures = named.collect::<Result<Vec<Measure>, _>>()?;
        let until = quantity::duration("--until", &arguments.until)?;
        if !(arguments.tolerance > 0.0 && arguments.tolerance < 1.0) {
            return Err(Failure::usage("--tolerance must be between 0 and 1", "write for example --tolerance 1e-6"));
        }
        let shard = arguments.shard.as_deref().map(shard).transpose()?;
        let (format, parquet) = format(arguments)?;
        let columns = columns(input, &design, &measures);
        let provenance = provenance((arguments, session), input, (points, shard), &columns);
        Ok(Self {
            design,
            points,
            measures,
            runs: (until, arguments.tolerance, session.seed),
            shard,
            format,
            parquet,
            columns,
            provenance,
        })
    }
}

/// A number and its range as typed; `points` are those of a grid if none are given.
///
/// # Errors
/// [`Failure::Usage`] for what cannot be.
pub(in crate::cli) fn axis(input: &Input, text: &str, points: u64) -> Result<Axis, Failure> {
    if let Some((path, distribution)) = text.split_once('~') {
        return random(input, path.trim(), distribution.trim());
    }
    ranged(text, points, &|path| number(input, path))
}

/// Gives a number its full name and its dimension.
pub(in crate::cli) type Named<'a> = dyn Fn(&str) -> Result<(String, Dimension), Failure> + 'a;

/// A range as typed, of something that `number` gives name and dimension of.
///
/// # Errors
/// [`Failure::Usage`] for what cannot be.
pub(in crate::cli) fn ranged(text: &str, points: u64, number: &Named<'_>) -> Result<Axis, Failure> {
    let form = || {
        let message = format!("--vary `{text}` is not understood");
        Failure::usage(message, "write for example --vary 'client.web.load=20..100 req/s:9'")
    };
    let (path, range) = text.split_once('=').ok_or_else(form)?;
    let (low, rest) = range.split_once("..").ok_or_else(form)?;
    let mut parts = rest.split(':').map(str::trim);
    let (high, low, path) = (parts.next().unwrap_or_default(), low.trim(), path.trim());
    let (mut points, mut spacing) = (points, Spacing::Linear);
    for part in parts {
        match (part, part.parse()) {
            ("log", _) => spacing = Spacing::Logarithmic,
            (_, Ok(number)) if number > 0 => points = number,
            _ => return Err(form()),
        }
    }
    let (path, dimension) = number(path)?;
    let high_value = quantity::read("--vary", high, dimension)?;
    let parsed = unit::parse(high).map_err(|_| form())?;
    // One unit serves both ends.
    let low = if low.parse::<f64>().is_ok() { format!("{low} {}", parsed.unit) } else { low.to_owned() };
    let low_value = quantity::read("--vary", low.trim(), dimension)?;
    let (low, high) = (low_value / parsed.factor, high_value / parsed.factor);
    if low >= high {
        return Err(Failure::usage(
            format!("--vary `{text}`: the lower end is not below the higher"),
            "exchange the two",
        ));
    }
    if spacing == Spacing::Logarithmic && low <= 0.0 {
        return Err(Failure::usage(format!("--vary `{text}`: ratios need ends above zero"), "leave out `:log`"));
    }
    Ok(Axis { path, low, high, unit: parsed.unit, factor: parsed.factor, points, spacing })
}

/// A number that is uncertain, as `path~normal(100 ms, 10 ms)`.
fn random(input: &Input, path: &str, text: &str) -> Result<Axis, Failure> {
    let example = "write for example --vary 'service.api.service_time~normal(100 ms, 10 ms)'";
    let (path, dimension) = number(input, path)?;
    let inside = text.strip_suffix(')').and_then(|t| t.split_once('('));
    let (name, list) =
        inside.ok_or_else(|| Failure::usage(format!("--vary `{text}` is not a distribution"), example))?;
    let words: Vec<&str> = list.split(',').map(str::trim).collect();
    // One unit serves all numbers: that of the last.
    let last = words.last().copied().unwrap_or_default();
    let parsed = unit::parse(last).map_err(|_| Failure::usage(format!("`{last}` is not a quantity"), example))?;
    let read = |word: &&str| {
        let plain = word.parse::<f64>().is_ok();
        let written = if plain { format!("{word} {}", parsed.unit) } else { (*word).to_owned() };
        quantity::read("--vary", written.trim(), dimension).map(|value| value / parsed.factor)
    };
    let numbers = words.iter().map(read).collect::<Result<Vec<f64>, _>>()?;
    let distribution = Distribution::new(name.trim(), &numbers).map_err(|message| Failure::usage(message, example))?;
    let (low, high) = (distribution.quantile(1e-3), distribution.quantile(1.0 - 1e-3));
    Ok(Axis {
        path,
        low,
        high,
        unit: parsed.unit,
        factor: parsed.factor,
        points: 1,
        spacing: Spacing::Random(distribution),
    })
}

/// Path and dimension of a number: one of the file, or the start value of any state of the equations.
fn number(input: &Input, path: &str) -> Result<(String, Dimension), Failure> {
    if let Some(quantity) = input.study.model.quantity(path) {
        return Ok((quantity.path.clone(), quantity.dimension));
    }
    let process = input.study.fluid.process();
    let state = path.strip_prefix("state.").and_then(|rest| rest.strip_suffix(".start"));
    if let Some(index) = state.and_then(|name| process.state_index(name)) {
        let dimension =
            unit::parse_unit(&process.states[index].unit).map_or(Dimension::NONE, |(dimension, _)| dimension);
        return Ok((path.to_owned(), dimension));
    }
    let hint = match state {
        Some(_) => {
            let names: Vec<&str> = process.states.iter().map(|s| s.info.name.as_str()).collect();
            Some(format!("states are {}", names.join(", ")))
        }
        None => input.study.model.nearest_path(path).map(|near| format!("did you mean `{near}`?")),
    };
    Err(Failure::Usage { message: format!("no number of this model has the path `{path}`"), hint })
}

fn sample(arguments: &Arguments, session: &Session, axes: &[Axis]) -> Result<Sample, Failure> {
    let dimensions = axes.len();
    let random = axes.iter().find(|axis| matches!(axis.spacing, Spacing::Random(_)));
    let points = match (arguments.sample, arguments.points) {
        (Sampling::Grid, _) if random.is_some() => {
            return Err(Failure::usage(
                "distributions are sampled, not put on a grid",
                "add --sample sobol --points 1024, or --sample saltelli for sensitivity indices",
            ));
        }
        (Sampling::Grid, None) => return Ok(Sample::Grid),
        (Sampling::Grid, Some(_)) => {
            return Err(Failure::usage(
                "--points is for --sample sobol, latin and saltelli",
                "the points of a grid stand in --vary",
            ));
        }
        (_, Some(points)) if points > 0 => points,
        _ => return Err(Failure::usage("--sample needs --points", "write for example --points 1024")),
    };
    if arguments.sample == Sampling::Latin {
        return Ok(Sample::Latin(Latin::new(points, dimensions, session.seed), points));
    }
    if arguments.sample == Sampling::Saltelli {
        let design = Saltelli::new(points, dimensions, session.seed).ok_or_else(|| {
            Failure::usage(
                format!("--sample saltelli has at most {} numbers", Saltelli::NUMBERS),
                "leave out numbers that matter least",
            )
        })?;
        return Ok(Sample::Saltelli(design));
    }
    let sequence = Sobol::scrambled(dimensions, session.seed).ok_or_else(|| {
        Failure::usage(format!("a Sobol' sequence has at most {DIMENSIONS} dimensions here"), "use --sample latin")
    })?;
    Ok(Sample::Sobol(sequence, points))
}

fn measure(input: &Input, name: &str) -> Result<Measure, Failure> {
    Measure::named(&input.study, name).ok_or_else(|| {
        let process = input.study.fluid.process();
        let outputs = process.outputs.iter().map(|o| o.name.as_str());
        let triggers = input.study.model.triggers.iter().take(1);
        let sizes = triggers.map(|t| format!("trigger.{}.size", t.name.value));
        let more = ["outcome", "recovery_time", "mean_time_to_collapse"].map(str::to_owned);
        let names = ANSWERS.into_iter().map(str::to_owned).chain(more).chain(sizes);
        let names: Vec<String> = names.chain(outputs.map(str::to_owned)).take(14).collect();
        Failure::usage(format!("there is no measure `{name}`"), format!("measures are {} and more", names.join(", ")))
    })
}

fn shard(text: &str) -> Result<(u64, u64), Failure> {
    let parts = text.split_once('/').and_then(|(k, n)| Some((k.trim().parse().ok()?, n.trim().parse().ok()?)));
    match parts {
        Some((k, n)) if 1 <= k && k <= n => Ok((k, n)),
        _ => Err(Failure::usage(format!("--shard `{text}` is not understood"), "write for example --shard 1/8")),
    }
}

fn format(arguments: &Arguments) -> Result<(record::Format, bool), Failure> {
    let ending = arguments.out.as_ref().and_then(|path| path.extension()).and_then(|e| e.to_str());
    match (arguments.format, ending) {
        (Some(Format::Jsonl), _) | (None, Some("jsonl" | "ndjson")) => Ok((record::Format::JsonLines, false)),
        (Some(Format::Parquet), _) | (None, Some("parquet")) => {
            crate::cli::parquet::available()?;
            if arguments.out.is_none() {
                return Err(Failure::usage("Parquet is written to a file", "add --out FILE.parquet"));
            }
            if arguments.shard.is_some() {
                let hint = "write shards as CSV; `tipping merge --out FILE.parquet` makes the whole";
                return Err(Failure::usage("a shard cannot be Parquet", hint));
            }
            Ok((record::Format::Csv, true))
        }
        _ => Ok((record::Format::Csv, false)),
    }
}

fn columns(input: &Input, design: &Design, measures: &[Measure]) -> Vec<String> {
    let process = input.study.fluid.process();
    let column = |name: &str, unit: &str| Column { name: name.to_owned(), unit: unit.to_owned() }.head();
    let axes = design.axes.iter().map(|axis| column(&axis.path, &axis.unit));
    let size = |name: &str| {
        let trigger = input.study.model.triggers.iter().find(|t| t.name.value == name);
        trigger.and_then(|t| Plan::new(&input.study.median, t).ok()).map(|plan| plan.scale.unit).unwrap_or_default()
    };
    let measures = measures.iter().map(|measure| match *measure {
        // Limits are loads, in the unit of the file.
        Measure::Answer(i @ (1 | 2)) => column(ANSWERS[i], &input.study.load.unit),
        Measure::Answer(i) => ANSWERS[i].to_owned(),
        Measure::MeanTime => column("mean_time_to_collapse", "s"),
        Measure::Trigger(ref name, asked) => {
            let word = ASKED.iter().find(|(_, a)| *a == asked).map_or("", |(word, _)| word);
            let full = name.as_ref().map_or_else(|| word.to_owned(), |name| format!("trigger.{name}.{word}"));
            match asked {
                Asked::Outcome | Asked::Probability => full,
                Asked::RecoveryTime | Asked::Duration => column(&full, "s"),
                Asked::Size => column(&full, &size(name.as_deref().unwrap_or_default())),
            }
        }
        Measure::State(i) => column(&process.states[i].info.name, &process.states[i].unit),
        Measure::Output(i) => column(&process.outputs[i].name, &process.outputs[i].unit),
    });
    axes.chain(measures).chain(["error".to_owned()]).collect()
}

fn provenance(
    (arguments, session): (&Arguments, &Session),
    input: &Input,
    (points, shard): (u64, Option<(u64, u64)>),
    columns: &[String],
) -> Value {
    let set: Vec<&str> = session.overrides.iter().map(|o| o.argument.as_str()).collect();
    let (sample, seed) = match arguments.sample {
        Sampling::Grid => ("grid", None),
        Sampling::Sobol => ("sobol", Some(session.seed)),
        Sampling::Latin => ("latin", Some(session.seed)),
        Sampling::Saltelli => ("saltelli", Some(session.seed)),
    };
    json!({
        "schema": record::SCHEMA,
        "tool": {"version": env!("CARGO_PKG_VERSION")},
        "model": {"name": input.study.model.meta.name, "sha256": input.sha256},
        "set": set,
        "vary": arguments.vary,
        "sample": sample,
        "seed": seed,
        "points": points,
        "measures": arguments.measure,
        "columns": columns,
        "until": arguments.until,
        "tolerance": arguments.tolerance,
        "shard": shard.map(|(k, n)| format!("{k}/{n}")),
    })
}
