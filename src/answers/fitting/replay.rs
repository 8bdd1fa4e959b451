//! A model played request by request, recorded as the measured service was.
//!
//! The load is Poisson with the measured rate of the moment; its counts, and those of what is observed, are read off the counters
//! of the referee at the times of the measured readings.

use super::{Free, Recording};
use crate::answers::study::Study;
use crate::fit::calibrate::Played;
use crate::fit::data::{Series, Steps};
use crate::fit::metrics::guess::Role;
use crate::fit::observe::main_service;
use crate::model::types::Arrivals;
use crate::referee::{Plan, Run, System, TriggerRun};

/// Counters between two readings are sampled as often as this.
const FINENESS: f64 = 4.0;
/// Most requests of one recording.
const MOST_REQUESTS: f64 = 5e6;
/// Most samples of one recording.
const MOST_SAMPLES: f64 = 1e6;
/// Seconds played before the recording begins.
const BEFORE: f64 = 30.0;

/// What of the referee's counters a reading is.
#[derive(Debug, Clone, Copy)]
enum Count {
    Attempts,
    Goodput,
    Served,
    Retries,
    Errors,
    Rejected,
    Inside,
}

/// A model that can be played.
pub(super) struct Player<'a> {
    system: System,
    recording: &'a Recording,
    /// By observation.
    counts: Vec<Count>,
    service: usize,
    load: String,
    /// Paths of the numbers that are estimated.
    paths: Vec<String>,
    sample_every: f64,
    pieces: Vec<(f64, f64, f64)>,
}

impl<'a> Player<'a> {
    /// `None` if the model cannot be played, or a column is none of the referee's counts.
    pub(super) fn new(study: &Study, recording: &'a Recording, free: &[Free]) -> Option<Self> {
        let model = &study.model;
        let [client] = &model.clients[..] else { return None };
        if !matches!(client.arrivals, Arrivals::Open { .. }) {
            return None;
        }
        let name = main_service(model)?;
        let service = model.services.iter().position(|s| s.name.value == name)?;
        let counts: Vec<Count> =
            recording.observed.iter().map(|(name, _, series)| count(name, series)).collect::<Option<_>>()?;
        let steps = recording.steps()?;
        let from = std::iter::once(0.0).chain(steps.until.iter().copied());
        let pieces: Vec<(f64, f64, f64)> =
            from.zip(&steps.until).zip(&steps.values).map(|((from, until), load)| (from, *until, *load)).collect();
        let requests: f64 = pieces.iter().map(|(from, until, load)| (until - from) * load).sum();
        let gap = recording.observed.iter().filter_map(|(_, _, s)| shortest(s)).fold(f64::INFINITY, f64::min);
        let sample_every = gap / FINENESS;
        let small = requests <= MOST_REQUESTS && (recording.end + BEFORE) / sample_every <= MOST_SAMPLES;
        if !small || sample_every <= 0.0 || !sample_every.is_finite() {
            return None;
        }
        let paths = free.iter().map(|f| Some(model.quantity(&f.path)?.path.clone())).collect::<Option<_>>()?;
        let system = System::new(model).ok()?;
        Some(Self { system, recording, counts, service, load: study.load.path.clone(), paths, sample_every, pieces })
    }

    /// The recording of a run with these values. `None` if it ends before its time.
    pub(super) fn play(&self, values: &[f64], number: u64) -> Option<Played> {
        // Whole samples, so that readings on the grid are read without interpolation.
        let before = (BEFORE / self.sample_every).ceil() * self.sample_every;
        let mut triggers = vec![TriggerRun {
            sets: self.paths.iter().cloned().zip(values.iter().copied()).collect(),
            at: 0.0,
            duration: f64::INFINITY,
        }];
        let set = |at: f64, duration: f64, load: f64| TriggerRun {
            sets: vec![(self.load.clone(), load.max(1e-9))],
            at,
            duration,
        };
        triggers.push(set(0.0, before, self.pieces.first()?.2));
        triggers.extend(self.pieces.iter().map(|(from, until, load)| set(before + from, until - from, *load)));
        let plan = Plan {
            seed: number,
            replications: 1,
            horizon: before + self.recording.end + self.sample_every,
            sample_every: self.sample_every,
            triggers,
            latencies: false,
        };
        let run = self.system.replication(&plan, 0).ok()?;
        if run.samples.last()?.time < before + self.recording.end {
            return None;
        }
        let reader = Samples { run: &run, every: self.sample_every, before };
        let requests = |at: f64| reader.at(at, &|s| s.clients[0].requests as f64);
        let load = self.recording.load.as_ref().map(|load| over(load, &requests));
        let load = load.map(|load| Steps::of(&load, self.recording.end));
        let observed = self.recording.observed.iter().zip(&self.counts);
        let values = observed.map(|((.., series), count)| over(series, &|at| self.counter(&reader, *count, at)).values);
        Some(Played { load, values: values.collect() })
    }

    fn counter(&self, reader: &Samples<'_>, count: Count, at: f64) -> f64 {
        reader.at(at, &|sample| {
            let (client, station) = (&sample.clients[0], &sample.stations[self.service]);
            match count {
                Count::Attempts => client.attempts as f64,
                Count::Goodput => client.answered as f64,
                Count::Served => station.served as f64,
                Count::Retries => client.attempts as f64 - client.requests as f64,
                Count::Errors => client.attempts as f64 - client.answered as f64,
                Count::Rejected => station.rejected as f64,
                Count::Inside => f64::from(station.inside),
            }
        })
    }
}

/// Counters on the grid of a run.
struct Samples<'a> {
    run: &'a Run,
    every: f64,
    /// Seconds before the recording begins.
    before: f64,
}

impl Samples<'_> {
    /// A counter at a time of the recording, linear between samples.
    fn at(&self, at: f64, read: &dyn Fn(&crate::referee::Sample) -> f64) -> f64 {
        let samples = &self.run.samples;
        let place = ((self.before + at) / self.every).clamp(0.0, (samples.len() - 1) as f64);
        let index = (place + 1e-6).floor() as usize;
        let part = (place - index as f64).max(0.0);
        let here = read(&samples[index]);
        match samples.get(index + 1) {
            Some(next) if part > 1e-6 => here + part * (read(next) - here),
            _ => here,
        }
    }
}

/// The count behind a role. `None` if it is none, or cannot be read as it was measured.
fn count(name: &str, series: &Series) -> Option<Count> {
    let roles = [
        (Role::Attempts, Count::Attempts),
        (Role::Goodput, Count::Goodput),
        (Role::Served, Count::Served),
        (Role::Retries, Count::Retries),
        (Role::Errors, Count::Errors),
        (Role::Rejected, Count::Rejected),
        (Role::Inflight, Count::Inside),
    ];
    let count = roles.iter().find(|(role, _)| name == role.to_string())?.1;
    let sampled = series.spans.iter().all(|span| *span == 0.0);
    let right = match count {
        Count::Inside => sampled,
        _ => series.spans.iter().all(|span| *span > 0.0),
    };
    right.then_some(count)
}

/// Shortest span, or distance of neighbours where nothing is counted over a span.
fn shortest(series: &Series) -> Option<f64> {
    let spans = series.spans.iter().copied().filter(|span| *span > 0.0);
    let gaps = series.times.windows(2).map(|w| w[1] - w[0]).filter(|gap| *gap > 0.0);
    spans.chain(gaps).min_by(f64::total_cmp)
}

/// Readings at the same times; a mean over a span is the difference of the counter by its length.
fn over(series: &Series, counter: &dyn Fn(f64) -> f64) -> Series {
    let each = series.times.iter().zip(&series.spans);
    let values =
        each.map(|(at, span)| if *span > 0.0 { (counter(*at) - counter(at - span)) / span } else { counter(*at) });
    Series { values: values.collect(), ..series.clone() }
}
