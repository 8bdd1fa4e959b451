//! What changes between events: flows, time in rates, and lagged states and parameters.
//!
//! A tick is a twentieth of the shortest lag and of the fastest time constant of a flow at the start; within a tick Heun's
//! method takes as many steps as its difference from Euler's asks for (a thousandth of the scale of each state).

use super::machine::Machine;
use super::path::Path;
use crate::process::tape::Layout;
use std::collections::VecDeque;

/// Steps per lag or time constant.
const PER_TIME_CONSTANT: f64 = 20.0;
/// Tick where nothing but time is known to change.
const PLAIN_TICK: f64 = 1e-2;
/// Largest difference between Euler's and Heun's step, in scales of the state.
const TOLERANCE: f64 = 1e-3;

/// States and parameters of the past.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    states: VecDeque<(f64, Vec<f64>)>,
    parameters: Vec<(f64, Vec<f64>)>,
    /// Number of ticks so far.
    ticks: u64,
    origin: f64,
    last: f64,
}

/// The continuous part of a path.
#[derive(Debug, Clone, Default)]
pub(super) struct Between {
    tick: Option<f64>,
    lags: Vec<f64>,
    registers: Vec<f64>,
    history: History,
}

impl Between {
    pub(super) fn next_tick(&self) -> f64 {
        match self.tick {
            None => f64::INFINITY,
            Some(tick) => self.history.origin + tick * (self.history.ticks + 1) as f64,
        }
    }

    pub(super) fn history(&self) -> History {
        self.history.clone()
    }

    pub(super) fn restore(&mut self, history: &History) {
        self.history.clone_from(history);
    }

    pub(super) fn remember_all(&mut self, inputs: &[f64], layout: Layout) {
        self.history.states.push_back((0.0, inputs[layout.state(0, 0)..layout.state(0, 1)].to_vec()));
    }

    pub(super) fn changed(&mut self, t: f64, parameters: &[f64]) {
        self.history.parameters.push((t, parameters.to_vec()));
    }

    pub(super) fn lags(&mut self, lags: Vec<f64>) {
        self.lags = lags;
    }

    pub(super) fn prepare(&mut self, machine: &Machine, inputs: &[f64]) {
        if let Some(tape) = &machine.flows {
            self.registers.resize(tape.registers(), 0.0);
            tape.run_prologue(inputs, &mut self.registers);
        }
    }

    /// Writes lagged states, times and parameters into the inputs; true if a lagged parameter changed.
    pub(super) fn look_back(&mut self, machine: &Machine, t: f64, inputs: &mut [f64]) -> bool {
        if !machine.reads_past {
            return false;
        }
        let layout = machine.layout;
        let mut changed = false;
        for (j, lag) in self.lags.iter().enumerate() {
            let then = t - lag;
            inputs[layout.time(j + 1)] = then;
            let after = self.history.states.partition_point(|s| s.0 <= then).max(1);
            if let Some((_, x)) = self.history.states.get(after - 1) {
                let to = layout.state(0, j + 1);
                inputs[to..to + x.len()].copy_from_slice(x);
            }
            let after = self.history.parameters.partition_point(|s| s.0 <= then).max(1);
            if let Some((_, p)) = self.history.parameters.get(after - 1) {
                let to = layout.parameter(0, j + 1);
                changed |= inputs[to..to + p.len()] != p[..];
                inputs[to..to + p.len()].copy_from_slice(p);
            }
        }
        changed
    }

    pub(super) fn set_tick(&mut self, tick: f64) {
        self.tick = Some(tick);
    }

    /// Sets the tick from the lags and the slopes of the flows.
    pub(super) fn choose_tick(&mut self, machine: &Machine, inputs: &mut [f64]) {
        if !machine.ticks() {
            return;
        }
        let mut shortest = self.lags.iter().copied().fold(f64::INFINITY, f64::min);
        if let Some(tape) = &machine.flows {
            for (row, &i) in machine.flowing.iter().enumerate() {
                let at = machine.layout.state(i, 0);
                let (x, step) = (inputs[at], 1e-4 * machine.states[i].scale);
                let mut slope_at = |value: f64| {
                    inputs[at] = value;
                    tape.run_body(inputs, &mut self.registers);
                    tape.output(&self.registers, row)
                };
                let slope = (slope_at(x + step) - slope_at(x - step)) / (2.0 * step);
                inputs[at] = x;
                if slope.is_finite() && slope != 0.0 {
                    shortest = shortest.min(1.0 / slope.abs());
                }
            }
        }
        let tick = shortest / PER_TIME_CONSTANT;
        self.tick = Some(if tick.is_finite() && tick > 0.0 { tick } else { PLAIN_TICK });
    }
}

impl Path<'_> {
    /// Sets the time between ticks, in seconds, for models with flows, lags or time in their rates.
    pub fn set_tick(&mut self, tick: f64) {
        if self.machine.ticks() && tick > 0.0 {
            self.between.set_tick(tick);
            self.between.history.origin = self.t;
            self.between.history.ticks = 0;
        }
    }

    pub(super) fn tick(&mut self) {
        let machine = self.machine;
        self.between.history.ticks += 1;
        self.events += machine.tick_cost;
        self.flow_to(self.t);
        if machine.reads_past {
            let x = self.state().to_vec();
            let longest = self.between.lags.iter().copied().fold(0.0, f64::max);
            let history = &mut self.between.history.states;
            history.push_back((self.t, x));
            while history.get(1).is_some_and(|s| s.0 <= self.t - longest) {
                history.pop_front();
            }
        }
        if self.between.look_back(machine, self.t, &mut self.inputs) {
            self.rerun();
        } else {
            machine.timed.iter().chain(&machine.after_flow).for_each(|&k| self.refresh(k as usize));
        }
        self.level = self.measure();
    }

    /// Moves the flowing states on to time t, all others held.
    fn flow_to(&mut self, t: f64) {
        let from = self.between.history.last;
        self.between.history.last = t;
        let Some(tape) = &self.machine.flows else { return };
        let machine = self.machine;
        let first = machine.layout.state(0, 0);
        let registers = &mut self.between.registers;
        let inputs = &mut self.inputs;
        let mut slopes = |inputs: &[f64]| -> Vec<f64> {
            tape.run_body(inputs, registers);
            (0..machine.flowing.len()).map(|k| tape.output(registers, k)).collect()
        };
        let (mut left, mut step) = (t - from, t - from);
        let smallest = 1e-6 * left;
        while left > 0.0 {
            step = step.min(left);
            self.events += machine.step_cost;
            let before: Vec<f64> = machine.flowing.iter().map(|&i| inputs[first + i]).collect();
            let slope = slopes(inputs);
            for (k, &i) in machine.flowing.iter().enumerate() {
                inputs[first + i] = before[k] + step * slope[k];
            }
            let after = slopes(inputs);
            let mut error: f64 = 0.0;
            for (k, &i) in machine.flowing.iter().enumerate() {
                let state = &machine.states[i];
                error = error.max(0.5 * step * (after[k] - slope[k]).abs() / (TOLERANCE * state.scale));
                let x = before[k] + 0.5 * step * (slope[k] + after[k]);
                inputs[first + i] = x.clamp(state.lower, state.upper);
            }
            if error > 1.0 && step > smallest {
                for (k, &i) in machine.flowing.iter().enumerate() {
                    inputs[first + i] = before[k];
                }
                step *= 0.5;
                continue;
            }
            left -= step;
            if error < 0.25 {
                step *= 2.0;
            }
        }
    }
}
