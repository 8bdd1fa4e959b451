//! Rare events: how long the good state lasts under noise, by multilevel splitting on paths with their delays.
//!
//! Let A be the good region and B the collapsed one, both given by a coordinate ξ ([`coordinate`](Coordinate)): A = {ξ <= ξ_A},
//! B = {ξ >= ξ_B}. Between them lie levels ξ_A < λ_0 < λ_1 < ... < λ_n = ξ_B. With the fixed-effort splitting of Garvels
//! (2000) in its forward-flux form (Allen, Warren & ten Wolde 2005; adaptive levels after Cérou & Guyader 2007, see also
//! Lestang et al. 2018), for paths that have been in A more recently than in B:
//!
//! ```text
//! 1/τ = Φ(λ_0) · Π_i P(reach λ_{i+1} before A | at λ_i)
//! Φ   = upcrossings of λ_0 that come from A, per unit time
//! ```
//!
//! τ is the mean time from A to B, as long as the system forgets in A where it came from. The estimate is the same for any ξ; a good
//! ξ makes its variance small. Every stage keeps the entrance states of its level with all that is on its way.
//!
//! **Levels** come from a pilot run, each where three in ten of its trials pass. The estimate uses independent
//! repetitions with these levels held; its 95 % interval is that of their mean (Student's t, on the logarithm).
//! Where collapse is frequent, collapses are counted instead. **Effort** is counted in events, so the result does not depend
//! on the machine. When it ends before B is reached, the answer is the bound 1/(Φ Π p) over the stages that were finished;
//! the pilot ends early where the distance between its levels says that the effort will not do.
//!
//! **Extrapolation** ([`extrapolated`]): at jump scale h > 1 noise is larger and collapse less rare; for one
//! saddle (Freidlin & Wentzell 1998), ln τ(h) = S/h + a + b ln h. S, a, b are fitted to splitting at several h; the
//! interval is that of the fit.

mod coordinate;
mod extrapolate;
mod splitting;

pub use coordinate::Coordinate;
pub use extrapolate::{extrapolated, scales};

use super::paths::{Machine, Path, PathError};
use crate::process::event::Event;
use rayon::prelude::*;

/// Independent repetitions.
const REPETITIONS: u64 = 8;
/// 97.5 % quantile of Student's t with one degree of freedom fewer.
const STUDENT: f64 = 2.364_624_251_592_785;
/// Share of the effort spent on finding levels.
const PILOT: f64 = 0.2;
/// Events of a pilot, as a share of those it was given, up to which a repetition with half as many can come to its end: it
/// follows each level once, the pilot nearly twice.
const AFFORDABLE: f64 = 1.25;
/// Collapses in a pilot that make counting them the better way.
const FREQUENT: u64 = 4;

/// A question: how long until a path from the good state reaches the collapsed region.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The process at its jump scale.
    pub machine: &'a Machine,
    /// Its events.
    pub events: &'a [Event],
    /// Its parameters.
    pub parameters: &'a [f64],
    /// The good state, where paths begin.
    pub good: &'a [f64],
    /// Progress from good to collapsed.
    pub coordinate: &'a Coordinate,
    /// Value of the coordinate at which the path counts as collapsed.
    pub target: f64,
}

/// How hard to try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Events, over all repetitions together.
    pub events: u64,
    /// Trials per level and repetition.
    pub trials: usize,
    /// Seed.
    pub seed: u64,
    /// A mean time that is known to be longer than this, in seconds, need not be known better if that takes many levels.
    pub enough: f64,
}

impl Default for Effort {
    fn default() -> Self {
        Self { events: 10_000_000, trials: 128, seed: 0, enough: f64::INFINITY }
    }
}

/// How a mean time was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Exact, from the Markov chain.
    MarkovChain,
    /// Collapses counted.
    Simulation,
    /// Multilevel splitting.
    Splitting,
    /// Fitted to splitting at larger noise.
    Extrapolation,
}

/// A mean time to collapse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Mean time in seconds.
    pub mean: f64,
    /// 95 % interval.
    pub interval: [f64; 2],
    /// How it was found.
    pub method: Method,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// The mean time.
    Time(Estimate),
    /// The effort ended first: the mean time is longer than this, in seconds, as far as the stages that were finished say.
    LongerThan(f64),
    /// The effort ended before anything was learned.
    Unknown,
}

/// Estimates the mean time to collapse.
///
/// # Errors
/// [`PathError`].
pub fn mean_time(question: &Question<'_>, effort: &Effort) -> Result<Answer, PathError> {
    let pilot_events = (PILOT * effort.events as f64) as u64;
    let pilot = splitting::pilot(question, effort, pilot_events)?;
    let each = (effort.events - pilot_events) / REPETITIONS;
    if pilot.base.collapses >= FREQUENT {
        return counted(question, effort, each);
    }
    let Some(levels) = &pilot.levels else {
        return Ok(Answer::Unknown);
    };
    // Repetitions have fewer events than the pilot: what it did not reach they do not.
    let reached = levels.at.last().is_some_and(|last| *last >= question.target);
    if !reached || pilot.used as f64 > AFFORDABLE * pilot_events as f64 {
        return Ok(if pilot.rate > 0.0 { Answer::LongerThan(1.0 / pilot.rate) } else { Answer::Unknown });
    }
    let runs: Vec<splitting::Run> = (1..=REPETITIONS)
        .into_par_iter()
        .map(|repetition| splitting::repetition(question, effort, levels, repetition, each))
        .collect::<Result<_, _>>()?;
    Ok(combine(&runs))
}

/// What a path does in the good state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Quadratic variation of the coordinate per second: the noise along it.
    pub variation: f64,
    /// Events per second, with the work between them.
    pub events: f64,
    /// Time it was followed for, in seconds.
    pub time: f64,
    /// Highest value of the coordinate.
    pub highest: f64,
}

/// Measures the good state over so many events.
///
/// # Errors
/// [`PathError`].
pub fn pace(question: &Question<'_>, events: u64, seed: u64) -> Result<Pace, PathError> {
    let mut path = question.path(seed, u64::MAX)?;
    let (mut last, mut sum) = (question.coordinate.of(&path), 0.0);
    let mut highest = last;
    let mut watch = |p: &Path<'_>| {
        let now = question.coordinate.of(p);
        sum += (now - last) * (now - last);
        last = now;
        highest = highest.max(now);
        if p.events() >= events { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    };
    path.advance(f64::INFINITY, &mut watch)?;
    let time = path.time();
    let still = Pace { variation: 0.0, events: 0.0, time: 0.0, highest };
    let moving = Pace { variation: sum / time, events: path.events() as f64 / time, time, highest };
    Ok(if time > 0.0 && time.is_finite() { moving } else { still })
}

fn combine(runs: &[splitting::Run]) -> Answer {
    let n = runs.len() as f64;
    if runs.iter().any(|r| r.collapse_rate.is_none()) {
        let mean = runs.iter().map(|r| r.rate_so_far).sum::<f64>() / n;
        return if mean > 0.0 { Answer::LongerThan(1.0 / mean) } else { Answer::Unknown };
    }
    let rates: Vec<f64> = runs.iter().filter_map(|r| r.collapse_rate).collect();
    let mean = rates.iter().sum::<f64>() / n;
    let reached = rates.iter().filter(|r| **r > 0.0).count();
    if reached < 3 {
        let bound = runs.iter().map(|r| r.rate_so_far).sum::<f64>() / n;
        return if bound > 0.0 { Answer::LongerThan(1.0 / bound) } else { Answer::Unknown };
    }
    let variance = rates.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let spread = STUDENT * (1.0 + variance / (mean * mean) / n).ln().sqrt();
    let interval = [(-spread).exp() / mean, spread.exp() / mean];
    Answer::Time(Estimate { mean: 1.0 / mean, interval, method: Method::Splitting })
}

/// Counts collapses in independent runs.
fn counted(question: &Question<'_>, effort: &Effort, each: u64) -> Result<Answer, PathError> {
    let everything = splitting::Levels { good: f64::NEG_INFINITY, at: vec![question.target] };
    let runs: Vec<splitting::Base> = (1..=REPETITIONS)
        .into_par_iter()
        .map(|r| splitting::wander(question, effort, &everything, r, each, None).map(|b| b.0))
        .collect::<Result<_, _>>()?;
    let collapses: u64 = runs.iter().map(|b| b.collapses).sum();
    let time: f64 = runs.iter().map(|b| b.time).sum();
    if collapses < 8 {
        return Ok(if time > 0.0 { Answer::LongerThan(time / 8.0) } else { Answer::Unknown });
    }
    let n = collapses as f64;
    // Times to collapse are close to exponential: the logarithm of their mean has a standard error of 1/√n.
    let spread = 1.96 / n.sqrt();
    let mean = time / n;
    let interval = [mean * (-spread).exp(), mean * spread.exp()];
    Ok(Answer::Time(Estimate { mean, interval, method: Method::Simulation }))
}

impl<'a> Question<'a> {
    /// A path from the good state with the coordinate set.
    fn path(&self, seed: u64, replication: u64) -> Result<Path<'a>, PathError> {
        let mut path = Path::at_rest(self.machine, self.events, self.parameters, self.good, seed, replication)?;
        self.coordinate.attach(&mut path);
        Ok(path)
    }
}
