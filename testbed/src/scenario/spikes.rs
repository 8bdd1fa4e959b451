//! Triggers of increasing amount, each many times, to find the amount that tips half of the runs.

use super::recorder::Recorder;
use super::run::{Run, Trigger, run_once};
use super::{Options, files};
use crate::Error;
use crate::database::Database;
use crate::pair::Design;
use crate::prometheus::now;
use crate::tolerance::{Trial, critical};
use chacha20::ChaCha8Rng;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use std::sync::{Mutex, PoisonError};

/// One trigger at one load, in many amounts.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Load before and after, in requests per second.
    pub load: f64,
    /// What is done.
    pub trigger: Trigger,
    /// For how long, in seconds; of a flush, the share of the cache.
    pub amounts: Vec<f64>,
}

/// The series of spikes and lost slots that are recorded.
#[must_use]
pub fn series() -> Vec<Series> {
    let twice = [0.13, 0.16, 0.19, 0.22, 0.25, 0.28, 0.33];
    let one = |load, trigger, amounts: [f64; 7]| Series { load, trigger, amounts: amounts.to_vec() };
    vec![
        one(300.0, Trigger::Load(1000.0), twice),
        one(250.0, Trigger::Load(1000.0), twice),
        one(350.0, Trigger::Load(1000.0), twice),
        one(300.0, Trigger::Load(1500.0), [0.07, 0.09, 0.105, 0.12, 0.135, 0.15, 0.18]),
        one(300.0, Trigger::Load(750.0), [0.24, 0.31, 0.38, 0.44, 0.5, 0.57, 0.68]),
        one(300.0, Trigger::Slots(3), [0.28, 0.34, 0.4, 0.46, 0.52, 0.58, 0.68]),
    ]
}

/// How the files of a scenario call things.
struct Words {
    scenario: &'static str,
    files: &'static str,
    amount: &'static str,
    quantity: &'static str,
    unit: &'static str,
}

/// Runs series of spikes; writes `testbed-spike-*.json`, one row per run into `testbed-runs.csv`, one per length into
/// `testbed-outcomes.csv` and the critical durations into `testbed-summary.csv`.
///
/// # Errors
/// Prometheus does not start, or a file cannot be written.
pub fn spikes(options: &Options, which: &[Series]) -> Result<Vec<String>, Error> {
    let words = Words {
        scenario: "spikes",
        files: "testbed",
        amount: "length_s",
        quantity: "critical duration p50",
        unit: "s",
    };
    all(options, which, &words, Recorder::start(options, Design::NOMINAL, None)?)
}

/// Flushes shares of a cache before a PostgreSQL server; writes `testbed-cache.json`, `testbed-cache-runs.csv`,
/// `testbed-cache-outcomes.csv` and the critical share into `testbed-summary.csv`.
///
/// # Errors
/// Prometheus or PostgreSQL do not start, or a file cannot be written.
pub fn cache(options: &Options) -> Result<Vec<String>, Error> {
    let words = Words {
        scenario: "cache",
        files: "testbed-cache",
        amount: "share_lost",
        quantity: "critical share p50",
        unit: "1",
    };
    let amounts = vec![0.3, 0.36, 0.42, 0.48, 0.54, 0.6, 0.68];
    let database = Database::start(&options.postgres)?;
    let recorder = Recorder::start(options, Design::CACHE, Some(&database))?;
    all(options, &[Series { load: 600.0, trigger: Trigger::Flush, amounts }], &words, recorder)
}

/// Every amount is run as often as asked for, in an order drawn at random, so that what else the machine does is spread
/// over all amounts.
fn all(options: &Options, which: &[Series], words: &Words, mut recorder: Recorder) -> Result<Vec<String>, Error> {
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let (mut runs, mut outcomes, mut criticals) = (Vec::new(), Vec::new(), Vec::new());
    for series in which {
        let from = now();
        let mut plan: Vec<usize> =
            (0..series.amounts.len()).flat_map(|i| std::iter::repeat_n(i, options.repetitions as usize)).collect();
        plan.shuffle(&mut random);
        let done = work_off(&mut recorder, series, plan);

        let (load, kind, size) = (series.load, series.trigger.kind(), series.trigger.size());
        let key = format!("{},{load},{kind},{size}", words.scenario);
        let mut trials = Vec::new();
        for (i, amount) in series.amounts.iter().enumerate() {
            let these: Vec<&Run> = done.iter().filter(|(of, _)| *of == i).map(|(_, run)| run).collect();
            let tipped = these.iter().filter(|run| run.tipped).count() as u32;
            runs.extend(these.iter().map(|run| format!("{key},{amount},{},{:.1}", u8::from(run.tipped), run.after)));
            let trial = Trial { length: *amount, runs: these.len() as u32, tipped };
            let ((low, high), n) = (trial.interval(), trial.runs);
            let share = f64::from(tipped) / f64::from(n.max(1));
            outcomes.push(format!("{key},{amount},{n},{tipped},{share:.3},{low:.3},{high:.3}"));
            trials.push(trial);
        }
        if let Some(found) = critical(&trials) {
            let of = format!("load {load} req/s; {kind} {size}");
            let row = format!("{:.4},{:.4},{:.4},{}", found.p50, found.low, found.high, words.unit);
            criticals.push(format!("{},{},{of},{row}", words.scenario, words.quantity));
            criticals.push(format!("{},spread of its logarithm,{of},{:.3},,,1", words.scenario, found.spread));
        }
        let name = match series.trigger {
            Trigger::Flush => words.files.to_owned(),
            _ => format!("{}-spike-{load}-{kind}-{size}", words.files),
        };
        recorder.export(options, &name, from, now(), series.trigger == Trigger::Flush)?;
    }
    if words.scenario == "cache" {
        let (held, drawn) = recorder.service_times();
        criticals.push(format!("cache,slot held longer than drawn,mean,{:.6},,,s", held - drawn));
    }
    let header = format!("scenario,load_req_per_s,trigger,size,{}", words.amount);
    let file = |what: &str| options.out.join(format!("{}-{what}.csv", words.files));
    files::replace(&file("runs"), &format!("{header},tipped,clear_after_s"), words.scenario, &runs)?;
    let columns = format!("{header},runs,tipped,share,share_low,share_high");
    files::replace(&file("outcomes"), &columns, words.scenario, &outcomes)?;
    files::summary(&options.out, words.scenario, &criticals)?;
    Ok(criticals)
}

/// Runs everything on the plan, by numbers of amounts, on all pairs at once; sorted by these numbers.
fn work_off(recorder: &mut Recorder, series: &Series, plan: Vec<usize>) -> Vec<(usize, Run)> {
    let (plan, done) = (Mutex::new(plan), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for pair in &mut recorder.pairs {
            let (plan, done) = (&plan, &done);
            scope.spawn(move || {
                loop {
                    let next = plan.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    let Some(i) = next else { return };
                    let Some(amount) = series.amounts.get(i) else { return };
                    let run = run_once(pair, series.load, series.trigger, *amount);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((i, run));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(i, _)| *i);
    done
}
