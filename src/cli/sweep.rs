//! `tipping sweep`: measures over many points.

pub(super) mod request;

use super::failure::Failure;
use super::input::{Input, ModelArgument};
use super::progress::Progress;
use super::{Exit, Session};
use crate::answers::study::Study;
use crate::model::Override;
use crate::report::figures::Watcher;
use crate::sweep::design::shard;
use crate::sweep::measure::Work;
use crate::sweep::record::{self, Cell};
use crate::sweep::store::{self, Store, StoreError};
use request::Request;
use std::path::PathBuf;

/// What do answers and runs look like over ranges of numbers?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping sweep retry-storm --vary 'client.web.load=20..100 req/s:9' --vary client.web.retry.attempts=1..5:5
  tipping sweep m1 --vary 'load=100..1000 req/s:300' --vary 'state.n.start=0..3000 req:300' --measure n,goodput --out m1.csv
  tipping sweep my.toml --vary service.api.service_time='10 ms..1 s:50:log' --sample sobol --points 1024
  tipping sweep my.toml --vary 'load=100..900 req/s:1000' --shard 3/8 --out part-3.csv     (then: tipping merge)
  tipping sweep my.toml --vary 'service.api.service_time~lognormal(100 ms, 20 ms)' --vary 'client.web.load~normal(60, 8 req/s)' \\
      --sample saltelli --points 512 --out uncertain.csv     (then: tipping summarize)

Measures are answers of `analyze` (verdict, tip_over_load, recovery_load, headroom_to_tip_over, headroom_to_recovery,
mean_time_to_collapse), what the triggers do (outcome, recovery_time, trigger.NAME.size, .duration, .probability, .outcome, .recovery_time), and
any output or state: its value at the end of a run of --until from the start values of the model, without triggers. With --out the rows
are safe as they come: after a crash, --resume goes on behind the last one and ends with the same bytes. The first line of
the file says what it is of.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// A number and its range, PATH=LOW..HIGH:POINTS with units, `:log` behind it spaces by ratios; or its distribution,
    /// PATH~normal(MEAN, SD), lognormal(MEAN, SD), uniform(LOW, HIGH), loguniform(LOW, HIGH), triangular(LOW, MODE, HIGH); repeatable.
    #[arg(long, value_name = "RANGE", required = true, allow_hyphen_values = true)]
    vary: Vec<String>,
    /// What to work out; a comma-separated list.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_value = "verdict,tip_over_load,recovery_load")]
    measure: Vec<String>,
    /// How points are chosen: all combinations, a scrambled Sobol' sequence, a Latin hypercube, or a design for indices.
    #[arg(long, value_enum, default_value_t)]
    sample: Sampling,
    /// Number of points of a sequence or hypercube.
    #[arg(long, value_name = "N")]
    points: Option<u64>,
    /// When runs end.
    #[arg(long, value_name = "TIME", default_value = "120 s")]
    until: String,
    /// Relative tolerance of runs.
    #[arg(long, value_name = "X", default_value_t = 1e-6)]
    tolerance: f64,
    /// Write to this file; by default to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How rows are written; by default by the ending of --out, and as CSV.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Only part K of N, to be joined by `tipping merge`.
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Go on with a file that was left unfinished.
    #[arg(long, requires = "out")]
    resume: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Sampling {
    /// All combinations of values.
    #[default]
    Grid,
    /// Scrambled Sobol' sequence.
    Sobol,
    /// Latin hypercube.
    Latin,
    /// Groups of points for sensitivity indices: --points times (numbers + 2) rows.
    Saltelli,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// Comma-separated values.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Apache Parquet, made from CSV when the last row is there.
    Parquet,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let input = Input::read(&arguments.model, &session.overrides, session.terminal)?;
    let request = Request::read(arguments, session, &input)?;
    let remake = |changes: &[(String, String)]| -> Result<Study, String> {
        let mut all = session.overrides.clone();
        all.extend(changes.iter().map(|(path, value)| Override::new(format!("{path}={value}"))));
        Input::remake(&arguments.model, &all)
    };
    let work = Work::new(&input.study, &request.design, request.measures.clone(), request.runs, &remake);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(session.threads.get()).build();
    let pool = pool.map_err(|error| Failure::Unsolved(format!("no threads to compute with: {error}")))?;
    let head = record::head(request.format, &request.provenance, &request.columns);
    if let Some(path) = arguments.out.as_ref().filter(|_| arguments.resume) {
        let complete = if request.parquet {
            Ok(super::parquet::is_complete(path, &request.provenance))
        } else {
            store::is_complete(path, &head)
        };
        if complete.map_err(|source| Failure::Write { path: path.clone(), source })? {
            session.terminal.note(&format!("{} is complete already", path.display()));
            return Ok(Exit::Fine);
        }
    }
    let mut sink = Sink::open(arguments, &head, session)?;
    let rows = match request.shard {
        Some((k, n)) => shard(request.points, k, n),
        None => 0..request.points,
    };
    let progress = Progress::new(session.terminal, usize::try_from(rows.end - rows.start).unwrap_or(usize::MAX));
    progress.begin("rows");
    let (mut next, mut failed) = (rows.start + sink.done().min(rows.end - rows.start), 0_u64);
    while next < rows.end {
        let until = (next + work.block()).min(rows.end);
        let found = pool.install(|| work.rows(next..until));
        let mut text = String::new();
        for (row, cells) in (next..until).zip(&found) {
            failed += u64::from(cells.last() != Some(&Cell::Empty));
            text.push_str(&record::line(request.format, &request.columns, row, cells));
            progress.step();
        }
        sink.append(&text)?;
        next = until;
    }
    drop(progress);
    sink.finish(request.parquet)?;
    if failed > 0 {
        session.terminal.note(&format!("{failed} rows have no result; their column `error` says why"));
    }
    Ok(Exit::Fine)
}

/// Where rows go.
enum Sink<'a> {
    File(Box<Store>, &'a PathBuf),
    Stream(&'a Session),
}

impl<'a> Sink<'a> {
    fn open(arguments: &'a Arguments, head: &str, session: &'a Session) -> Result<Self, Failure> {
        let Some(path) = &arguments.out else {
            session.terminal.result(head)?;
            return Ok(Self::Stream(session));
        };
        match Store::open(path, head, arguments.resume) {
            Ok(store) => Ok(Self::File(Box::new(store), path)),
            Err(StoreError::Io(source)) => Err(Failure::Write { path: path.clone(), source }),
            Err(error @ StoreError::Unfinished(_)) => {
                Err(Failure::usage(error.to_string(), "go on with it by --resume, or delete it"))
            }
            Err(error @ StoreError::Foreign(_)) => Err(Failure::usage(
                error.to_string(),
                "its first line says what it is of; delete it or choose another --out",
            )),
        }
    }

    /// Rows that are there already.
    fn done(&self) -> u64 {
        match self {
            Self::File(store, _) => store.rows,
            Self::Stream(_) => 0,
        }
    }

    fn append(&mut self, text: &str) -> Result<(), Failure> {
        match self {
            Self::File(store, path) => {
                store.append(text).map_err(|source| Failure::Write { path: (*path).clone(), source })
            }
            Self::Stream(session) => session.terminal.result(text),
        }
    }

    fn finish(self, parquet: bool) -> Result<(), Failure> {
        match self {
            Self::File(store, path) if parquet => {
                let done = store.finish_as(super::parquet::convert);
                done.map_err(|source| Failure::Write { path: path.clone(), source })
            }
            Self::File(store, path) => store.finish().map_err(|source| Failure::Write { path: path.clone(), source }),
            Self::Stream(_) => Ok(()),
        }
    }
}
