//! Rates, probabilities and delays of the events of a process, compiled, and the noise they make on a linear functional.
//!
//! A small disturbance of the states changes a number y of later by `w(t) · dx` (see [`super::response`]). An event at time t
//! makes its jumps J at once; of its outcomes at most one follows, i with probability p_i: jumps J_i at once, jumps L_i after
//! a delay d_i, perhaps an event f that is fired then. What one event does to y is a random number with
//!
//! ```text
//! effect of outcome i     e_i = (J + J_i) · w(t) + L_i · w(t + d_i) + M_f(t + d_i)        M_f, V_f: mean and variance
//! of no outcome           e_0 = J · w(t),  p_0 = 1 - Σ p_i                              of the effect of a fired event f
//! mean                    M = Σ p_i e_i
//! variance                V = Σ p_i (e_i² + V_f(t + d_i)) - M²
//! ```
//!
//! A stream of such events at rate r whose counts have dispersion D (variance per mean over a long span; Poisson: 1) is a
//! compound process, and adds per unit of time (Campbell's theorem; for D ≠ 1 the law of total variance)
//!
//! ```text
//! d Var y / dt = r (V + D M²)
//! ```
//!
//! Since chance enters the linearised equations as independent increments, variances of all events and times add up.

use crate::process::fluid::Fluid;
use crate::process::graph::Node;
use crate::process::population::Process;
use crate::process::tape::{Layout, Tape};

/// Changes of states, as (state, amount).
type Jumps = Vec<(usize, f64)>;

/// An event whose expressions are outputs of a tape.
#[derive(Debug, Clone)]
struct Compiled {
    rate: Option<usize>,
    dispersion: Option<usize>,
    jumps: Jumps,
    outcomes: Vec<CompiledOutcome>,
}

#[derive(Debug, Clone)]
struct CompiledOutcome {
    probability: usize,
    jumps: Jumps,
    later: Option<CompiledLater>,
}

#[derive(Debug, Clone)]
struct CompiledLater {
    delay: usize,
    jumps: Jumps,
    fires: Option<usize>,
}

/// All events of a process, ready to evaluate.
#[derive(Debug, Clone)]
pub struct Events {
    all: Vec<Compiled>,
    tape: Tape,
    layout: Layout,
    lags: Tape,
}

/// Mean and variance of what one event does to a functional.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Effect {
    /// Mean.
    pub mean: f64,
    /// Variance.
    pub variance: f64,
}

/// What later times hold for an event that happens now.
pub trait Future {
    /// Writes `w` at `delay` from now.
    fn weight(&self, delay: f64, out: &mut [f64]);
    /// Effect of fired event `event` at `delay > 0` from now.
    fn fired(&self, event: usize, delay: f64) -> Effect;
}

/// Fired events that fire others without delay are followed this far.
const DEPTH: usize = 64;

impl Events {
    /// Compiles the events of the process behind `fluid`.
    #[must_use]
    pub fn new(fluid: &Fluid) -> Self {
        let mut process: Process = fluid.process().clone();
        let events = process.all_events();
        let mut nodes: Vec<Node> = Vec::new();
        let mut output = |node: Node| {
            nodes.push(node);
            nodes.len() - 1
        };
        let all = events
            .iter()
            .map(|event| Compiled {
                rate: event.rate.map(&mut output),
                dispersion: event.dispersion.map(&mut output),
                jumps: event.jumps.clone(),
                outcomes: event
                    .outcomes
                    .iter()
                    .map(|outcome| CompiledOutcome {
                        probability: output(outcome.probability),
                        jumps: outcome.jumps.clone(),
                        later: outcome.later.as_ref().map(|later| CompiledLater {
                            delay: output(later.delay),
                            jumps: later.jumps.clone(),
                            fires: later.fires,
                        }),
                    })
                    .collect(),
            })
            .collect();
        let layout = fluid.tape().1;
        Self { all, tape: Tape::compile(&process.graph, &nodes, layout), layout, lags: fluid.lag_tape().clone() }
    }

    /// Number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nothing happens by chance.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Rates, probabilities, dispersions and delays at a point: `x` and `past` as in [`crate::process::field::Field::rhs`],
    /// `p` today's parameters, followed by those of the lags if they differ.
    #[must_use]
    pub fn values(&self, t: f64, x: &[f64], past: &[f64], p: &[f64]) -> Vec<f64> {
        let layout = self.layout;
        let (count, n) = (layout.parameters, layout.states);
        let mut inputs = vec![0.0; layout.len()];
        inputs[..count].copy_from_slice(&p[..count]);
        let lags = self.lags.evaluate(&inputs);
        let mut order: Vec<usize> = (0..lags.len()).collect();
        order.sort_by(|&a, &b| lags[a].total_cmp(&lags[b]));
        inputs[layout.state(0, 0)..layout.state(0, 0) + n].copy_from_slice(x);
        inputs[layout.time(0)] = t;
        for (position, &lag) in order.iter().enumerate() {
            let to = layout.state(0, lag + 1);
            inputs[to..to + n].copy_from_slice(&past[position * n..(position + 1) * n]);
            inputs[layout.time(lag + 1)] = t - lags[lag];
            let from = if p.len() > count { count * (position + 1) } else { 0 };
            let to = layout.parameter(0, lag + 1);
            inputs[to..to + count].copy_from_slice(&p[from..from + count]);
        }
        self.tape.evaluate(&inputs)
    }

    /// Effect of every event on the functional, given the expressions at its time from [`Events::values`] and what the
    /// future holds.
    #[must_use]
    pub fn effects(&self, values: &[f64], future: &dyn Future) -> Vec<Effect> {
        let n = self.layout.states;
        let mut now = vec![0.0; n];
        future.weight(0.0, &mut now);
        let mut scratch = vec![0.0; n];
        (0..self.all.len()).map(|e| self.effect(e, values, future, &now, &mut scratch, DEPTH)).collect()
    }

    fn effect(
        &self,
        event: usize,
        values: &[f64],
        future: &dyn Future,
        now: &[f64],
        scratch: &mut Vec<f64>,
        depth: usize,
    ) -> Effect {
        let event = &self.all[event];
        let dot = |jumps: &Jumps, w: &[f64]| jumps.iter().map(|&(i, amount)| amount * w[i]).sum::<f64>();
        let base = dot(&event.jumps, now);
        let (mut rest, mut mean, mut square) = (1.0, 0.0, 0.0);
        for outcome in &event.outcomes {
            let probability = values[outcome.probability].clamp(0.0, 1.0);
            if probability <= 0.0 {
                continue;
            }
            let mut effect = base + dot(&outcome.jumps, now);
            let mut variance = 0.0;
            if let Some(later) = &outcome.later {
                let delay = values[later.delay];
                future.weight(delay, scratch);
                effect += dot(&later.jumps, scratch);
                let fired = match later.fires {
                    Some(next) if delay > 0.0 => future.fired(next, delay),
                    Some(next) if depth > 0 => self.effect(next, values, future, now, scratch, depth - 1),
                    _ => Effect::default(),
                };
                effect += fired.mean;
                variance = fired.variance;
            }
            rest -= probability;
            mean += probability * effect;
            square += probability * (effect * effect + variance);
        }
        let rest = rest.max(0.0);
        mean += rest * base;
        square += rest * base * base;
        Effect { mean, variance: (square - mean * mean).max(0.0) }
    }

    /// Events per second, those that are fired left out.
    #[must_use]
    pub fn total_rate(&self, values: &[f64]) -> f64 {
        self.all.iter().filter_map(|event| event.rate).map(|k| values[k].max(0.0)).sum()
    }

    /// Growth of the variance of the functional per unit of time, from the effects at that time.
    #[must_use]
    pub fn variance_rate(&self, values: &[f64], effects: &[Effect]) -> f64 {
        let one = |(event, effect): (&Compiled, &Effect)| {
            let rate = event.rate.map_or(0.0, |k| values[k]).max(0.0);
            let dispersion = event.dispersion.map_or(1.0, |k| values[k]).max(0.0);
            rate * (effect.variance + dispersion * effect.mean * effect.mean)
        };
        self.all.iter().zip(effects).map(one).sum()
    }
}
