//! One path: the state, the clocks of all events, and what is still on its way.

use super::clock::Clock;
use super::flow::Between;
use super::machine::Machine;
use super::table::Memory;
use crate::dynamics::integrate::Segment;
use crate::process::event::{Event, add_fired_rates};
use crate::random::{self, Stream};
use rand::RngExt;
use rand_distr::{Distribution, Poisson};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Why a path ended early.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PathError {
    /// A rate is not a number.
    #[error("the rate of event `{event}` is not finite at t = {t} s")]
    NotFinite {
        /// Name of the event.
        event: String,
        /// Time in seconds.
        t: f64,
    },
    /// A delay is negative or not finite.
    #[error("a delay of {0} s is negative or not finite")]
    BadDelay(f64),
    /// A vector has the wrong length.
    #[error("expected {expected} values, found {found}")]
    Dimension {
        /// What is needed.
        expected: usize,
        /// What was given.
        found: usize,
    },
}

/// Why a path stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The time asked for was reached.
    Until,
    /// The observer asked for it.
    Watched,
}

/// A path under way; see [`super`].
pub struct Path<'m> {
    pub(super) machine: &'m Machine,
    /// Inputs of all tapes; the present states are among them.
    pub(super) inputs: Vec<f64>,
    pub(super) t: f64,
    pub(super) rate: Vec<f64>,
    /// Internal time to the next event, as of `since`.
    pub(super) remaining: Vec<f64>,
    pub(super) since: Vec<f64>,
    /// Time of the next event.
    pub(super) next: Vec<f64>,
    pub(super) clocks: Vec<Clock>,
    pub(super) dispersion: Vec<f64>,
    pub(super) streams: Vec<Stream>,
    pub(super) registers: Vec<Vec<f64>>,
    pub(super) memories: Vec<Option<Memory>>,
    pub(super) queues: Vec<VecDeque<(f64, u32)>>,
    pub(super) delays: Vec<f64>,
    /// Time of the first thing to land, over all queues.
    pub(super) landing: f64,
    pub(super) gauge: Vec<f64>,
    /// Share at which things on their way count, and their value on landing, by effect.
    pub(super) on_the_way: Vec<f64>,
    pub(super) weights: Vec<f64>,
    pub(super) level: f64,
    pub(super) events: u64,
    pub(super) broken: Option<usize>,
    pub(super) between: Between,
}

impl<'m> Path<'m> {
    /// A path at time 0 with nothing on its way. States that only jump by whole numbers begin at the nearest whole multiple of
    /// the jump scale.
    ///
    /// # Errors
    /// [`PathError`] if a length is wrong or something is not finite.
    pub fn new(
        machine: &'m Machine,
        parameters: &[f64],
        start: &[f64],
        seed: u64,
        replication: u64,
    ) -> Result<Self, PathError> {
        let count = machine.channels.len();
        let layout = machine.layout;
        for (expected, found) in [(layout.states, start.len()), (layout.parameters, parameters.len())] {
            if expected != found {
                return Err(PathError::Dimension { expected, found });
            }
        }
        let register = |c: &super::machine::Channel| c.rate.as_ref().map_or(0, |t| t.registers());
        let mut path = Self {
            machine,
            inputs: vec![0.0; layout.len()],
            t: 0.0,
            rate: vec![0.0; count],
            remaining: vec![0.0; count],
            since: vec![0.0; count],
            next: vec![f64::INFINITY; count],
            clocks: vec![Clock::Poisson; count],
            dispersion: vec![1.0; count],
            streams: (0..=count).map(|i| random::stream(seed, replication, i as u64)).collect(),
            registers: machine.channels.iter().map(|c| vec![0.0; register(c)]).collect(),
            memories: machine.channels.iter().map(|c| c.table.as_ref().map(Memory::new)).collect(),
            queues: vec![VecDeque::new(); machine.delays.outputs()],
            delays: vec![0.0; machine.delays.outputs()],
            landing: f64::INFINITY,
            gauge: vec![0.0; machine.effects.len()],
            on_the_way: vec![0.0; machine.effects.len()],
            weights: vec![0.0; layout.states],
            level: 0.0,
            events: 0,
            broken: None,
            between: Between::default(),
        };
        for (i, &x) in start.iter().enumerate() {
            path.inputs[layout.state(i, 0)] = path.rounded(i, x);
        }
        path.between.remember_all(&path.inputs, layout);
        path.set_parameters(parameters)?;
        for k in 0..count {
            path.remaining[k] = path.clocks[k].first(path.dispersion[k], &mut path.streams[k]);
            path.schedule(k);
        }
        path.between.choose_tick(machine, &mut path.inputs);
        Ok(path)
    }

    /// As [`new`](Self::new), with on its way what a system that has long rested there has on its way: for every delay a
    /// Poisson number, at uniform times.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn at_rest(
        machine: &'m Machine,
        process: &[Event],
        parameters: &[f64],
        rest: &[f64],
        seed: u64,
        replication: u64,
    ) -> Result<Self, PathError> {
        let mut path = Self::new(machine, parameters, rest, seed, replication)?;
        let count = machine.channels.len();
        let mut rates = path.rate.clone();
        let probabilities: Vec<Vec<f64>> = (0..count).map(|k| path.probabilities(k)).collect();
        add_fired_rates(process, &mut rates, |j, o| probabilities[j].get(o).copied().unwrap_or(0.0));
        for k in 0..count {
            for (o, &probability) in probabilities[k].iter().enumerate() {
                let Some((queue, lands)) = machine.effects[machine.channels[k].effects + 1 + o].later else { continue };
                let delay = path.delays[queue as usize];
                let Ok(number) = Poisson::new(rates[k] * probability * delay) else { continue };
                let draws = number.sample(&mut path.streams[count]) as usize;
                for _ in 0..draws {
                    let due = delay * path.streams[count].random::<f64>();
                    path.push(queue as usize, due, lands);
                }
            }
        }
        path.level = path.measure();
        Ok(path)
    }

    fn rounded(&self, i: usize, x: f64) -> f64 {
        let h = self.machine.scale;
        if !self.machine.lattice[i] {
            return x;
        }
        let state = &self.machine.states[i];
        let whole = (x / h).round() * h;
        if whole < state.lower {
            whole + h
        } else if whole > state.upper {
            whole - h
        } else {
            whole
        }
    }

    /// Present time in seconds.
    #[must_use]
    pub fn time(&self) -> f64 {
        self.t
    }

    /// Present values of the states.
    #[inline]
    #[must_use]
    pub fn state(&self) -> &[f64] {
        let first = self.machine.layout.state(0, 0);
        &self.inputs[first..first + self.machine.layout.states]
    }

    /// Number of events so far, landings included; a tick counts as many events as it has work.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Number of things on their way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    /// Values of all outputs now.
    #[must_use]
    pub fn outputs(&self) -> Vec<f64> {
        self.machine.outputs.evaluate(&self.inputs)
    }

    /// Changes parameters from now on. What is on its way lands when it was going to.
    ///
    /// # Errors
    /// [`PathError`] if a rate or delay is not finite.
    pub fn set_parameters(&mut self, parameters: &[f64]) -> Result<(), PathError> {
        let machine = self.machine;
        self.inputs[..parameters.len()].copy_from_slice(parameters);
        self.between.changed(self.t, parameters);
        // Lags are expressions of today's parameters, and tell where to look back.
        self.between.lags(machine.lags.evaluate(&self.inputs));
        self.between.look_back(machine, self.t, &mut self.inputs);
        self.delays = machine.delays.evaluate(&self.inputs);
        if let Some(&bad) = self.delays.iter().find(|d| !(d.is_finite() && **d >= 0.0)) {
            return Err(PathError::BadDelay(bad));
        }
        self.rerun();
        for (k, channel) in machine.channels.iter().enumerate() {
            if let Some(tape) = &channel.dispersion {
                let dispersion = tape.evaluate(&self.inputs)[0];
                if dispersion != self.dispersion[k] {
                    self.dispersion[k] = dispersion;
                    self.clocks[k] = Clock::new(dispersion);
                }
            }
        }
        self.check()
    }

    /// Everything that depends on parameters only, then all rates.
    pub(super) fn rerun(&mut self) {
        let machine = self.machine;
        for (k, channel) in machine.channels.iter().enumerate() {
            if let Some(tape) = &channel.rate {
                tape.run_prologue(&self.inputs, &mut self.registers[k]);
            }
            if let (Some(table), Some(memory)) = (&channel.table, &mut self.memories[k]) {
                memory.reset(table, &self.inputs);
            }
        }
        self.between.prepare(machine, &self.inputs);
        (0..machine.channels.len()).for_each(|k| self.refresh(k));
    }

    /// Adds to states, as a trigger's kick does; a kick stops at the bounds.
    pub fn kick(&mut self, kicks: &[(usize, f64)]) {
        for &(i, amount) in kicks {
            let at = self.machine.layout.state(i, 0);
            let state = &self.machine.states[i];
            let x = (self.inputs[at] + amount).clamp(state.lower, state.upper);
            self.inputs[at] = self.rounded(i, x);
        }
        (0..self.machine.channels.len()).for_each(|k| self.refresh(k));
        self.level = self.measure();
    }

    fn check(&self) -> Result<(), PathError> {
        match self.broken {
            None => Ok(()),
            Some(k) => Err(PathError::NotFinite { event: self.machine.channels[k].name.clone(), t: self.t }),
        }
    }

    /// Brings the rate of channel k up to date.
    #[inline]
    pub(super) fn refresh(&mut self, k: usize) {
        let Some(tape) = &self.machine.channels[k].rate else { return };
        tape.run_body(&self.inputs, &mut self.registers[k]);
        let rate = tape.output(&self.registers[k], 0) / self.machine.scale;
        if !rate.is_finite() {
            self.broken = Some(k);
            return;
        }
        let rate = rate.max(0.0);
        let before = self.rate[k];
        if rate != before {
            self.remaining[k] -= before * (self.t - self.since[k]);
            self.since[k] = self.t;
            self.rate[k] = rate;
            self.schedule(k);
        }
    }

    #[inline]
    fn schedule(&mut self, k: usize) {
        let rate = self.rate[k];
        self.next[k] = if rate > 0.0 { self.since[k] + self.remaining[k].max(0.0) / rate } else { f64::INFINITY };
    }

    /// Puts an effect into a queue.
    #[inline]
    fn push(&mut self, queue: usize, due: f64, effect: u32) {
        let queue = &mut self.queues[queue];
        // In order unless a delay was shortened meanwhile.
        let mut at = queue.len();
        while at > 0 && queue[at - 1].0 > due {
            at -= 1;
        }
        if at == queue.len() {
            queue.push_back((due, effect));
        } else {
            queue.insert(at, (due, effect));
        }
        self.landing = self.landing.min(due);
    }

    pub(super) fn first_landing(&self) -> f64 {
        self.queues.iter().filter_map(|q| q.front()).map(|f| f.0).fold(f64::INFINITY, f64::min)
    }

    /// The next event or landing, at `self.t`.
    #[inline]
    fn fire(&mut self, k: usize) {
        let machine = self.machine;
        let channel = &machine.channels[k];
        let mut effect = channel.effects;
        if let (Some(table), Some(memory)) = (&channel.table, &mut self.memories[k]) {
            let sums = memory.look(table, &self.inputs);
            let u = self.streams[k].random::<f64>();
            effect += sums.iter().position(|&s| u < s).map_or(0, |o| o + 1);
        }
        self.apply(effect);
    }

    #[inline]
    fn apply(&mut self, index: usize) {
        let effect = &self.machine.effects[index];
        let first = self.machine.layout.state(0, 0);
        for &(i, jump) in &effect.jumps {
            let state = &self.machine.states[i as usize];
            let x = self.inputs[first + i as usize] + jump;
            if x < state.lower - 1e-9 || x > state.upper + 1e-9 {
                self.level = self.measure();
                return;
            }
        }
        for &(i, jump) in &effect.jumps {
            self.inputs[first + i as usize] += jump;
        }
        self.level += self.gauge[index];
        if let Some((queue, lands)) = effect.later {
            let due = self.t + self.delays[queue as usize];
            self.push(queue as usize, due, lands);
        }
        for &k in &effect.touches {
            self.refresh(k as usize);
        }
    }

    #[inline]
    fn land(&mut self) {
        let due = self.landing;
        let Some(queue) = self.queues.iter_mut().find(|q| q.front().is_some_and(|f| f.0 == due)) else {
            self.landing = self.first_landing();
            return;
        };
        let Some((_, effect)) = queue.pop_front() else { return };
        self.landing = self.first_landing();
        self.apply(effect as usize);
        if let Some(k) = self.machine.effects[effect as usize].fires {
            self.fire(k as usize);
        }
    }

    /// Goes on until a time, or until `watch`, called after every event, asks to stop.
    ///
    /// # Errors
    /// [`PathError::NotFinite`].
    #[inline]
    pub fn advance(&mut self, until: f64, watch: &mut impl FnMut(&Self) -> ControlFlow<()>) -> Result<Stop, PathError> {
        let time = self.machine.layout.time(0);
        loop {
            let (mut k, mut t) = (usize::MAX, f64::INFINITY);
            for (i, &next) in self.next.iter().enumerate() {
                if next < t {
                    (k, t) = (i, next);
                }
            }
            let tick = self.between.next_tick();
            if tick < t.min(self.landing).min(until) {
                self.t = tick;
                self.inputs[time] = tick;
                self.events += 1;
                self.tick();
            } else if t.min(self.landing) >= until {
                self.t = until;
                self.inputs[time] = until;
                return self.check().map(|()| Stop::Until);
            } else if self.landing <= t {
                self.t = self.landing;
                self.inputs[time] = self.t;
                self.events += 1;
                self.land();
            } else {
                self.t = t;
                self.inputs[time] = t;
                self.events += 1;
                // The outcome first: the order of draws in the stream of an event is then always the same.
                self.since[k] = t;
                self.remaining[k] = 0.0;
                self.fire(k);
                self.remaining[k] = self.clocks[k].next(&mut self.streams[k]);
                self.since[k] = t;
                self.schedule(k);
            }
            if self.broken.is_some() {
                self.check()?;
            }
            if watch(self).is_break() {
                return Ok(Stop::Watched);
            }
        }
    }

    /// Goes through segments of changed parameters and kicks; the first begins now.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn follow(
        &mut self,
        segments: &[Segment],
        watch: &mut impl FnMut(&Self) -> ControlFlow<()>,
    ) -> Result<Stop, PathError> {
        for segment in segments {
            self.set_parameters(&segment.parameters)?;
            if !segment.kick.is_empty() {
                self.kick(&segment.kick);
            }
            if self.advance(segment.until, watch)? == Stop::Watched {
                return Ok(Stop::Watched);
            }
        }
        Ok(Stop::Until)
    }
}
