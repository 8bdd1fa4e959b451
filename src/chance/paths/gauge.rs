//! A linear coordinate of a path that is kept up to date at every event, things on their way included.

use super::path::Path;
use crate::process::event::{Event, add_fired_rates};

impl Path<'_> {
    /// Probabilities of the outcomes of an event now.
    pub(super) fn probabilities(&mut self, k: usize) -> Vec<f64> {
        let (Some(table), Some(memory)) = (&self.machine.channels[k].table, &mut self.memories[k]) else {
            return Vec::new();
        };
        let sums = memory.look(table, &self.inputs);
        (0..sums.len()).map(|o| if o == 0 { sums[0] } else { sums[o] - sums[o - 1] }).collect()
    }

    /// The coordinate of [`set_gauge`](Self::set_gauge).
    #[inline]
    #[must_use]
    pub fn level(&self) -> f64 {
        self.level
    }

    /// Sets a linear coordinate that is kept up to date at every event:
    ///
    /// ```text
    /// level = Σ_i w_i x_i + κ Σ_{on its way} (w · its jumps + expected w · jumps of the event it fires)
    /// ```
    ///
    /// with the probabilities of fired events taken at `reference`.
    pub fn set_gauge(&mut self, weights: &[f64], discount: f64, reference: &[f64]) {
        let machine = self.machine;
        self.weights = weights.to_vec();
        let first = machine.layout.state(0, 0);
        let now = self.state().to_vec();
        self.inputs[first..first + now.len()].copy_from_slice(reference);
        let probabilities: Vec<Vec<f64>> = (0..machine.channels.len()).map(|k| self.probabilities(k)).collect();
        self.inputs[first..first + now.len()].copy_from_slice(&now);
        let own = |e: usize| machine.effects[e].jumps.iter().map(|j| weights[j.0 as usize] * j.1).sum::<f64>();
        // Value of everything an effect brings about, to the depth of the longest chain of firings.
        let mut value: Vec<f64> = (0..machine.effects.len()).map(own).collect();
        for _ in 0..machine.channels.len() {
            let event = |k: usize, value: &[f64]| {
                let base = machine.channels[k].effects;
                let outcomes: f64 = probabilities[k].iter().enumerate().map(|(o, p)| p * value[base + 1 + o]).sum();
                outcomes + (1.0 - probabilities[k].iter().sum::<f64>()).max(0.0) * value[base]
            };
            let before = value.clone();
            for (e, effect) in machine.effects.iter().enumerate() {
                let later = effect.later.map_or(0.0, |l| discount * before[l.1 as usize]);
                let fired = effect.fires.map_or(0.0, |k| event(k as usize, &before));
                value[e] = own(e) + later + fired;
            }
        }
        self.on_the_way = value.iter().map(|v| discount * v).collect();
        self.gauge = (0..machine.effects.len()).map(own).collect();
        for (e, effect) in machine.effects.iter().enumerate() {
            if let Some((_, lands)) = effect.later {
                self.gauge[e] += self.on_the_way[lands as usize];
                self.gauge[lands as usize] -= self.on_the_way[lands as usize];
            }
        }
        self.level = self.measure();
    }

    /// The level of a system that rests at `x`, with what is then on its way on average.
    #[must_use]
    pub fn level_at_rest(&mut self, events: &[Event], x: &[f64]) -> f64 {
        let machine = self.machine;
        let first = machine.layout.state(0, 0);
        let now = self.state().to_vec();
        self.inputs[first..first + x.len()].copy_from_slice(x);
        let count = machine.channels.len();
        let probabilities: Vec<Vec<f64>> = (0..count).map(|k| self.probabilities(k)).collect();
        let mut rates: Vec<f64> = vec![0.0; count];
        for (k, channel) in machine.channels.iter().enumerate() {
            if let Some(tape) = &channel.rate {
                tape.run_body(&self.inputs, &mut self.registers[k]);
                rates[k] = tape.output(&self.registers[k], 0) / machine.scale;
            }
        }
        add_fired_rates(events, &mut rates, |j, o| probabilities[j].get(o).copied().unwrap_or(0.0));
        let mut level: f64 = x.iter().zip(&self.weights).map(|(x, w)| x * w).sum();
        for k in 0..count {
            for (o, probability) in probabilities[k].iter().enumerate() {
                let Some((queue, lands)) = machine.effects[machine.channels[k].effects + 1 + o].later else { continue };
                level += rates[k] * probability * self.delays[queue as usize] * self.on_the_way[lands as usize];
            }
        }
        self.inputs[first..first + now.len()].copy_from_slice(&now);
        level
    }

    /// The level, from scratch.
    pub(super) fn measure(&self) -> f64 {
        let now: f64 = self.state().iter().zip(&self.weights).map(|(x, w)| x * w).sum();
        now + self.queues.iter().flatten().map(|&(_, e)| self.on_the_way[e as usize]).sum::<f64>()
    }
}
