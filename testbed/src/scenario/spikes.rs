//! Triggers of increasing length, each many times, to find the length that tips half of the runs.

use super::ramp::summary;
use super::recorder::Recorder;
use super::{Options, files};
use crate::Error;
use crate::arrivals::Piece;
use crate::pair::Pair;
use crate::prometheus::now;
use crate::tolerance::{Trial, critical};
use chacha20::ChaCha8Rng;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is done to a service for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trigger {
    /// The load is this, in requests per second.
    Load(f64),
    /// It has this many slots only.
    Slots(usize),
}

impl Trigger {
    fn kind(&self) -> &'static str {
        match self {
            Self::Load(_) => "load",
            Self::Slots(_) => "slots",
        }
    }

    fn size(&self) -> f64 {
        match self {
            Self::Load(rate) => *rate,
            Self::Slots(slots) => *slots as f64,
        }
    }
}

/// One trigger at one load, in many lengths.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Load before and after, in requests per second.
    pub load: f64,
    /// What is done.
    pub trigger: Trigger,
    /// For how long, in seconds.
    pub lengths: Vec<f64>,
}

impl Series {
    fn name(&self) -> String {
        format!("testbed-spike-{}-{}-{}", self.load, self.trigger.kind(), self.trigger.size())
    }
}

/// The series that are recorded.
#[must_use]
pub fn series() -> Vec<Series> {
    let twice = [0.13, 0.16, 0.19, 0.22, 0.25, 0.28, 0.33];
    let one = |load, trigger, lengths: [f64; 7]| Series { load, trigger, lengths: lengths.to_vec() };
    vec![
        one(300.0, Trigger::Load(1000.0), twice),
        one(250.0, Trigger::Load(1000.0), twice),
        one(350.0, Trigger::Load(1000.0), twice),
        one(300.0, Trigger::Load(1500.0), [0.07, 0.09, 0.105, 0.12, 0.135, 0.15, 0.18]),
        one(300.0, Trigger::Load(750.0), [0.24, 0.31, 0.38, 0.44, 0.5, 0.57, 0.68]),
        one(300.0, Trigger::Slots(3), [0.28, 0.34, 0.4, 0.46, 0.52, 0.58, 0.68]),
    ]
}

/// Time at the load before the trigger, in seconds: fifty times the time that the good state needs to settle.
const WARM: f64 = 1.5;
/// Time after the trigger after which it is decided whatever is seen, in seconds.
const PATIENCE: f64 = 12.0;
/// Window in which answers are counted, in seconds: five timeouts.
const WINDOW: f64 = 1.0;
/// Time between two looks, in seconds.
const LOOK: f64 = 0.1;
/// Looks in a row that must say the same.
const AGREE: u32 = 6;

/// A run: whether it tipped, and when that was clear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Whether the service collapsed.
    pub tipped: bool,
    /// Time after the end of the trigger when it was clear, in seconds.
    pub after: f64,
}

/// Runs one trigger on an idle pair, and leaves the pair idle.
///
/// It has healed as soon as, of the requests of the last second, at least 90 % were answered in time and less than a
/// tenth of the room in the queue is taken. It has tipped as soon as less than 5 % were answered and more than nine
/// tenths of the room are taken. Either must hold on six looks in a row, 0.1 s apart. If neither comes true within 12 s, it has tipped if fewer than half were answered.
pub fn run_once(pair: &mut Pair, load: f64, trigger: Trigger, length: f64) -> Run {
    let slots = pair.design().service.slots;
    let room = pair.design().service.limit as f64;
    let rest = PATIENCE + 1.0;
    let profile = match trigger {
        Trigger::Load(rate) => {
            vec![Piece::constant(load, WARM), Piece::constant(rate, length), Piece::constant(load, rest)]
        }
        Trigger::Slots(_) => vec![Piece::constant(load, WARM + length + rest)],
    };
    let start = pair.drive(profile);
    let until = |seconds: f64| {
        let at = start + Duration::from_secs_f64(seconds);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
    };
    if let Trigger::Slots(fewer) = trigger {
        until(WARM);
        pair.set_slots(fewer);
        until(WARM + length);
        pair.set_slots(slots);
    }
    let end = WARM + length;
    until(end);
    let mut looks = VecDeque::from([pair.counts()]);
    let (mut after, mut healthy, mut collapsed) = (0.0, 0, 0);
    let run = loop {
        after += LOOK;
        until(end + after);
        let counts = pair.counts();
        looks.push_back(counts);
        if looks.len() as f64 * LOOK <= WINDOW {
            continue;
        }
        let Some(before) = looks.pop_front() else { continue };
        let share = (counts.answered - before.answered) as f64 / (counts.requests - before.requests).max(1) as f64;
        let taken = pair.service.inside() as f64 / room;
        healthy = if share >= 0.9 && taken < 0.1 { healthy + 1 } else { 0 };
        collapsed = if share < 0.05 && taken > 0.9 { collapsed + 1 } else { 0 };
        if healthy >= AGREE || collapsed >= AGREE || after >= PATIENCE {
            break Run { tipped: share < 0.5, after };
        }
    };
    pair.stop();
    run
}

/// Runs all series; writes `testbed-spike-*.json`, one row per run into `testbed-runs.csv`, one per length into
/// `testbed-outcomes.csv` and one per series into `testbed-summary.csv`.
///
/// Every length is run as often as asked for, in an order drawn at random, so that what else the machine does is spread
/// over all lengths.
///
/// # Errors
/// Prometheus does not start, or a file cannot be written.
pub fn spikes(options: &Options, which: &[Series]) -> Result<Vec<String>, Error> {
    let mut recorder = Recorder::start(options)?;
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let (mut runs, mut outcomes, mut criticals) = (Vec::new(), Vec::new(), Vec::new());
    for series in which {
        let from = now();
        let mut plan: Vec<usize> =
            (0..series.lengths.len()).flat_map(|i| std::iter::repeat_n(i, options.repetitions as usize)).collect();
        plan.shuffle(&mut random);
        let (plan, done) = (Mutex::new(plan), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for pair in &mut recorder.pairs {
                let (plan, done) = (&plan, &done);
                scope.spawn(move || {
                    loop {
                        let next = plan.lock().unwrap_or_else(PoisonError::into_inner).pop();
                        let Some(i) = next else { return };
                        let Some(length) = series.lengths.get(i) else { return };
                        let run = run_once(pair, series.load, series.trigger, *length);
                        done.lock().unwrap_or_else(PoisonError::into_inner).push((i, run));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(i, _)| *i);
        let (load, kind, size) = (series.load, series.trigger.kind(), series.trigger.size());
        let mut trials = Vec::new();
        for (i, length) in series.lengths.iter().enumerate() {
            let of_length = done.iter().filter(|(of, _)| *of == i).map(|(_, run)| run);
            runs.extend(
                of_length.clone().map(|run| {
                    format!("spikes,{load},{kind},{size},{length},{},{:.1}", u8::from(run.tipped), run.after)
                }),
            );
            let trial = Trial {
                length: *length,
                runs: options.repetitions,
                tipped: of_length.filter(|run| run.tipped).count() as u32,
            };
            let (low, high) = trial.interval();
            let share = f64::from(trial.tipped) / f64::from(trial.runs.max(1));
            outcomes.push(format!(
                "spikes,{load},{kind},{size},{length},{},{},{share:.3},{low:.3},{high:.3}",
                trial.runs, trial.tipped
            ));
            trials.push(trial);
        }
        if let Some(found) = critical(&trials) {
            let of = format!("load {load} req/s; {kind} {size}");
            criticals.push(format!(
                "spikes,critical duration p50,{of},{:.4},{:.4},{:.4},s",
                found.p50, found.low, found.high
            ));
            criticals.push(format!("spikes,spread of ln duration,{of},{:.3},,,1", found.spread));
        }
        recorder.export(options, &series.name(), from, now(), false)?;
    }
    let header = "scenario,load_req_per_s,trigger,size,length_s";
    files::replace(&options.out.join("testbed-runs.csv"), &format!("{header},tipped,clear_after_s"), "spikes", &runs)?;
    files::replace(
        &options.out.join("testbed-outcomes.csv"),
        &format!("{header},runs,tipped,share,share_low,share_high"),
        "spikes",
        &outcomes,
    )?;
    summary(&options.out, "spikes", &criticals)?;
    Ok(criticals)
}
