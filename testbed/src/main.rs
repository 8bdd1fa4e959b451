//! `testbed run SCENARIO --out DIR`: a metastable failure of our own, measured.

use clap::{Parser, Subcommand, ValueEnum};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use testbed::Error;
use testbed::scenario::{Options, cache, capacity, ramp, recovery, series, spikes};

/// A service that clients push over its edge on loopback, recorded by Prometheus.
#[derive(Parser)]
#[command(version, about)]
struct Typed {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs a scenario and writes what was recorded.
    Run {
        /// What to do to the service.
        scenario: Scenario,
        /// Directory that files are written to.
        #[arg(long)]
        out: PathBuf,
        /// The Prometheus server.
        #[arg(long, default_value = "prometheus")]
        prometheus: PathBuf,
        /// Directory with the programs of PostgreSQL.
        #[arg(long, default_value = "/usr/lib/postgresql/15/bin")]
        postgres: PathBuf,
        /// Pairs of a service and its clients at the same time.
        #[arg(long, default_value_t = 3)]
        lanes: usize,
        /// Runs per length of a trigger.
        #[arg(long, default_value_t = 15)]
        repetitions: u32,
        /// Only the series of triggers with this number, from 1.
        #[arg(long)]
        series: Option<usize>,
        /// Seed of arrivals, service times and back-offs.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Capacity, overhead per request, processor time (45 s).
    Capacity,
    /// Load up over capacity and down again (4 min).
    Ramp,
    /// Triggers of increasing length, many times each (2 to 3 min per series).
    Spikes,
    /// From a collapse down in steps until it heals (4 min).
    Recovery,
    /// Shares of a cache before PostgreSQL are lost (4 min).
    Cache,
    /// All of them.
    All,
}

fn run(scenario: Scenario, options: &Options, only: Option<usize>) -> Result<Vec<String>, Error> {
    std::fs::create_dir_all(&options.out).map_err(|source| Error::File { path: options.out.clone(), source })?;
    let mut which = series();
    if let Some(only) = only {
        which = which.into_iter().skip(only.saturating_sub(1)).take(1).collect();
    }
    let mut rows = Vec::new();
    let all = scenario == Scenario::All;
    if all || scenario == Scenario::Capacity {
        rows.extend(capacity(options)?);
    }
    if all || scenario == Scenario::Ramp {
        rows.extend(ramp(options)?);
    }
    if all || scenario == Scenario::Spikes {
        rows.extend(spikes(options, &which)?);
    }
    if all || scenario == Scenario::Recovery {
        rows.extend(recovery(options)?);
    }
    if all || scenario == Scenario::Cache {
        rows.extend(cache(options)?);
    }
    Ok(rows)
}

fn main() -> ExitCode {
    let Verb::Run { scenario, out, prometheus, postgres, lanes, repetitions, series, seed } = Typed::parse().command;
    let options = Options { out, prometheus, postgres, lanes, repetitions, seed };
    match run(scenario, &options, series) {
        Ok(rows) => {
            let mut stdout = std::io::stdout().lock();
            // A reader that has gone is no failure.
            let _ = rows.iter().try_for_each(|row| writeln!(stdout, "{row}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
