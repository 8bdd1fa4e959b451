//! Fixed-effort splitting: the pilot that places the levels, and one repetition between them.

use super::{Effort, Question};
use crate::chance::paths::{Path, PathError, Snapshot};
use crate::random;
use rand::RngExt;
use std::ops::ControlFlow;

/// Share of pilot trials that pass a level.
const PASS: f64 = 0.3;
/// Most levels.
const MOST_LEVELS: usize = 80;
/// Share of a repetition's events spent at the first level at most.
const BASE: f64 = 0.4;
/// Entrances to the first level that are enough, per trial.
const ENTRANCES: u64 = 2;
/// Collapses that are enough where they are counted, per trial.
const COLLAPSES: f64 = 0.25;
/// Levels from whose distance the effort to the saddle is foreseen.
const FORESIGHT: usize = 4;
/// Levels, and events as multiples of those of a pilot, beyond which there is no hope to get to the saddle.
const HOPELESS: (f64, f64) = (2.0 * MOST_LEVELS as f64, 2.5);
/// Most events from which the good region is read off.
const SURVEY: u64 = 200_000;
/// Samples of the coordinate from which the good region is read off.
const SAMPLE_EVERY: u64 = 32;

/// The levels of a splitting.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Levels {
    /// Below it a path is in the good region.
    pub(super) good: f64,
    /// Levels in ascending order, the last is the collapsed region.
    pub(super) at: Vec<f64>,
}

/// What a long path in the good region did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Base {
    pub(super) time: f64,
    pub(super) entrances: u64,
    pub(super) collapses: u64,
    pub(super) events: u64,
}

pub(super) struct Pilot {
    pub(super) base: Base,
    pub(super) levels: Option<Levels>,
    /// Rate at which the last level is reached from the good region, per second.
    pub(super) rate: f64,
    /// Events used.
    pub(super) used: u64,
}

impl Pilot {
    fn without_levels(base: Base) -> Self {
        Self { base, levels: None, rate: 0.0, used: 0 }
    }
}

/// One repetition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Collapses per second; `None` if the events ran out first.
    pub(super) collapse_rate: Option<f64>,
    /// Rate at which the last level that was finished is reached from the good region.
    pub(super) rate_so_far: f64,
}

/// Name of a trial among the replications of a seed.
fn name(repetition: u64, level: usize, trial: usize) -> u64 {
    (repetition << 48) | ((level as u64 + 1) << 32) | trial as u64
}

/// Follows a path that collapses and is put back, for so many events or entrances to the first level. Returns entrance states,
/// `keep` of them at most, each equally likely to be kept.
pub(super) fn wander(
    question: &Question<'_>,
    effort: &Effort,
    levels: &Levels,
    repetition: u64,
    events: u64,
    keep: Option<usize>,
) -> Result<(Base, Vec<Snapshot>), PathError> {
    let mut base = Base::default();
    let mut pool: Vec<Snapshot> = Vec::new();
    let mut chooser = random::stream(effort.seed, repetition << 48, u64::MAX);
    let enough = keep.map_or(u64::MAX, |k| ENTRANCES * k as u64);
    let first = levels.at.first().copied().unwrap_or(question.target);
    let mut restarts = 0;
    let collapses = (COLLAPSES * effort.trials as f64) as u64 + 1;
    while base.events < events && base.entrances < enough && base.collapses < collapses {
        let mut path = question.path(effort.seed, (repetition << 48) | restarts)?;
        restarts += 1;
        // Past the first level since it last was in the good region?
        let mut out = question.coordinate.of(&path) >= first;
        loop {
            let left = events - base.events;
            let from = path.events();
            let (mut entered, mut done) = (false, false);
            let mut watch = |p: &Path<'_>| {
                let xi = question.coordinate.of(p);
                if xi >= question.target {
                    done = true;
                } else if out {
                    out = xi > levels.good;
                } else if xi >= first {
                    (out, entered) = (true, true);
                }
                if done || entered || p.events() - from >= left {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            path.advance(f64::INFINITY, &mut watch)?;
            base.events += path.events() - from;
            if entered {
                base.entrances += 1;
                if let Some(keep) = keep {
                    if pool.len() < keep {
                        pool.push(path.snapshot());
                    } else {
                        let slot = chooser.random_range(0..base.entrances) as usize;
                        if slot < keep {
                            pool[slot] = path.snapshot();
                        }
                    }
                }
            }
            base.collapses += u64::from(done);
            // A path in which nothing can happen any more has no events left.
            if done || base.events >= events || base.entrances >= enough || !path.time().is_finite() {
                break;
            }
        }
        if !path.time().is_finite() {
            break;
        }
        base.time += path.time();
    }
    Ok((base, pool))
}

/// Follows one trial from an entrance state until it is in the good region or at `level`; true if at the level.
fn trial(
    question: &Question<'_>,
    path: &mut Path<'_>,
    levels: &Levels,
    level: f64,
    left: u64,
    highest: &mut f64,
) -> Result<Option<bool>, PathError> {
    let from = path.events();
    let mut passed = None;
    *highest = question.coordinate.of(path);
    if *highest >= level {
        return Ok(Some(true));
    }
    let mut watch = |p: &Path<'_>| {
        let xi = question.coordinate.of(p);
        *highest = highest.max(xi);
        if xi >= level {
            passed = Some(true);
        } else if xi <= levels.good {
            passed = Some(false);
        }
        if passed.is_some() || p.events() - from >= left { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    path.advance(f64::INFINITY, &mut watch)?;
    Ok(passed)
}

/// Finds the good region and the levels.
pub(super) fn pilot(question: &Question<'_>, effort: &Effort, events: u64) -> Result<Pilot, PathError> {
    let mut samples = Vec::new();
    let mut path = question.path(effort.seed, u64::MAX)?;
    let (mut collapsed, mut count) = (false, 0_u64);
    let survey = (events / 4).min(SURVEY);
    let mut watch = |p: &Path<'_>| {
        let xi = question.coordinate.of(p);
        count += 1;
        if count.is_multiple_of(SAMPLE_EVERY) {
            samples.push(xi);
        }
        collapsed = xi >= question.target;
        if collapsed || count >= survey { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    path.advance(f64::INFINITY, &mut watch)?;
    samples.sort_by(f64::total_cmp);
    let Some(&top) = samples.last() else {
        let everything = Levels { good: f64::NEG_INFINITY, at: vec![question.target] };
        let (base, _) = wander(question, effort, &everything, 0, events, None)?;
        return Ok(Pilot::without_levels(base));
    };
    let quantile = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize];
    let good = quantile(0.5);
    // The first level is one that is reached often but not by every swing.
    let mut first = quantile(0.9);
    if first <= good {
        first = samples.iter().copied().find(|s| *s > good).unwrap_or(0.5 * (top + question.target));
    }
    let mut levels = Levels { good, at: vec![first.min(0.5 * (good + question.target))] };
    let (base, mut pool) = wander(question, effort, &levels, 0, events / 2, Some(effort.trials))?;
    if base.collapses >= super::FREQUENT {
        return Ok(Pilot::without_levels(base));
    }
    let mut used = survey + base.events;
    let mut rate = if base.time > 0.0 { base.entrances as f64 / base.time } else { 0.0 };
    let mut spent = vec![used];
    for stage in 0..MOST_LEVELS {
        if pool.is_empty() {
            return Ok(Pilot::without_levels(base));
        }
        if hopeless(&levels.at, &spent, events, 1.0 / rate > effort.enough) {
            break;
        }
        let mut peaks = Vec::new();
        for n in 0..effort.trials {
            path.resume(&pool[n % pool.len()], effort.seed, name(0, stage, n));
            let mut highest = 0.0;
            let from = path.events();
            trial(question, &mut path, &levels, question.target, events, &mut highest)?;
            used += path.events() - from;
            peaks.push((highest, n));
            if used as f64 > super::AFFORDABLE * events as f64 {
                return Ok(Pilot { base, levels: Some(levels), rate, used });
            }
        }
        peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
        let now = levels.at.last().copied().unwrap_or(good);
        let pass = ((PASS * effort.trials as f64) as usize).max(1);
        let at = peaks[pass - 1].0;
        let next = if at > now { at } else { peaks.iter().map(|p| p.0).rfind(|p| *p > now).unwrap_or(now) };
        if next <= now {
            break;
        }
        let passed = peaks.iter().filter(|p| p.0 >= next).count();
        if next >= question.target {
            levels.at.push(question.target);
            rate *= passed as f64 / effort.trials as f64;
            break;
        }
        levels.at.push(next);
        // The trials that passed run again, with the same random numbers, up to the new level.
        let mut entered = Vec::new();
        for &(peak, n) in &peaks {
            if peak < next {
                break;
            }
            path.resume(&pool[n % pool.len()], effort.seed, name(0, stage, n));
            let from = path.events();
            trial(question, &mut path, &levels, next, events, &mut 0.0)?;
            used += path.events() - from;
            entered.push(path.snapshot());
        }
        pool = entered;
        rate *= passed as f64 / effort.trials as f64;
        spent.push(used);
    }
    Ok(Pilot { base, levels: Some(levels), rate, used })
}

/// Whether the saddle, at 1, is too far for levels this close to each other, `spent` the events when each was found: in
/// number, where what is known is enough, or in events.
fn hopeless(levels: &[f64], spent: &[u64], events: u64, enough: bool) -> bool {
    let last = levels.len() - 1;
    let first = last.saturating_sub(FORESIGHT);
    if last - first < FORESIGHT.min(2) || spent.len() != levels.len() {
        return false;
    }
    let stages = (last - first) as f64;
    let left = (1.0 - levels[last]).max(0.0) * stages / (levels[last] - levels[first]).max(f64::MIN_POSITIVE);
    let each = (spent[last] - spent[first]) as f64 / stages;
    let (most_levels, most_events) = HOPELESS;
    (enough && last as f64 + left > most_levels) || spent[last] as f64 + left * each > most_events * events as f64
}

/// One estimate of the rate of collapse, with the levels held.
pub(super) fn repetition(
    question: &Question<'_>,
    effort: &Effort,
    levels: &Levels,
    repetition: u64,
    events: u64,
) -> Result<Run, PathError> {
    let share = (BASE * events as f64) as u64;
    let (base, mut pool) = wander(question, effort, levels, repetition, share, Some(effort.trials))?;
    let mut rate = if base.time > 0.0 { base.entrances as f64 / base.time } else { 0.0 };
    let ended = levels.at.last().is_some_and(|l| *l >= question.target);
    if pool.is_empty() {
        return Ok(Run { collapse_rate: None, rate_so_far: rate });
    }
    let mut used = base.events;
    let mut path = question.path(effort.seed, name(repetition, 0, 0))?;
    for (stage, &level) in levels.at.iter().enumerate().skip(1) {
        let mut entered = Vec::new();
        for n in 0..effort.trials {
            path.resume(&pool[n % pool.len()], effort.seed, name(repetition, stage, n));
            let from = path.events();
            let left = events.saturating_sub(used);
            let passed = trial(question, &mut path, levels, level, left.max(1), &mut 0.0)?;
            used += path.events() - from;
            match passed {
                Some(true) => entered.push(path.snapshot()),
                Some(false) => {}
                None => return Ok(Run { collapse_rate: None, rate_so_far: rate }),
            }
        }
        if entered.is_empty() {
            return Ok(Run { collapse_rate: ended.then_some(0.0), rate_so_far: rate / effort.trials as f64 });
        }
        rate *= entered.len() as f64 / effort.trials as f64;
        pool = entered;
    }
    Ok(Run { collapse_rate: ended.then_some(rate), rate_so_far: rate })
}
