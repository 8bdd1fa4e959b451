//! Unlimited slots with little variability, whose service time depends on how many are inside: the middle run.
//!
//! A request keeps the service time it was given when it came. While the number inside grows, those who leave came when it
//! was smaller, and the rate n/S(n) would be wrong on both counts: it takes the present S, and it forgets how long ago they
//! came. Erlang's stages, k of them with variability 1/k, remember both: n_i requests in stage i with times that add up to
//! σ_i, each stage lasting a k-th of the time:
//!
//! ```text
//! q_i  = σ_i/n_i
//! n_1' = a - k n_1/q_1,         n_i' = k n_{i-1}/q_{i-1} - k n_i/q_i
//! σ_1' = a S(m) - k n_1,        σ_i' = k n_{i-1} - k n_i
//! d    = k n_k/q_k,             m = Σ n_i
//! ```
//!
//! At rest q_i = S(m) and d = m/S(m), as without stages. k is at most 8: a fixed time is the limit of many.

use super::super::Builder;
use super::Station;
use crate::model::types::{Closure, Service};
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node};
use crate::process::population::State;

/// Most stages.
const MOST: f64 = 8.0;
/// Requests added to both sums, so that an empty stage has the present service time.
const NOBODY: f64 = 1e-6;

/// Stages of a service.
#[derive(Debug, Clone)]
pub(super) struct Stages {
    /// Requests per second that leave each stage.
    leaving: Vec<Node>,
    /// k times the requests in each stage.
    worked: Vec<Node>,
    /// States of the numbers in all stages but the last.
    numbers: Vec<usize>,
    /// States of the sums of times.
    times: Vec<usize>,
}

impl Stages {
    /// Requests per second that leave the last stage.
    pub(super) fn departures(&self) -> Option<Node> {
        self.leaving.last().copied()
    }
}

impl Builder<'_> {
    /// Stages of a service, where they make a difference; `inside` in all of them.
    pub(super) fn stages(&mut self, service: &Service, inside: Node, hold: Node) -> Option<Stages> {
        let slows = [&service.slowdown, &service.contention, &service.coherence].iter().any(|q| q.value > 0.0);
        let count = (1.0 / service.variability.value).clamp(1.0, MOST).round() as usize;
        let fluid = self.closure == Closure::Fluid;
        if !fluid || !slows || service.servers.value.is_finite() || count < 2 || !service.calls.is_empty() {
            return None;
        }
        let name = &service.name.value;
        let state = |b: &mut Self, label: String, unit: &str, about: String| {
            b.process.state(State {
                info: StateInfo {
                    name: label,
                    start: 0.0,
                    lower: 0.0,
                    upper: f64::INFINITY,
                    scale: 10.0 / count as f64,
                },
                unit: unit.to_owned(),
                about,
            })
        };
        let (k, nobody) = (self.c(count as f64), self.c(NOBODY));
        let (mut numbers, mut times) = (Vec::new(), Vec::new());
        let (mut leaving, mut worked) = (Vec::new(), Vec::new());
        let mut last = inside;
        for stage in 1..=count {
            let number = if stage < count {
                let about = format!("requests in stage {stage} of their service");
                let (index, node) = state(self, format!("{name}.stage_{stage}"), "req", about);
                numbers.push(index);
                last = self.sub(last, node);
                node
            } else {
                let zero = self.c(0.0);
                self.process.graph.binary(Binary::Max, zero, last)
            };
            let about = format!("service times of those in stage {stage}, added up");
            let (index, total) = state(self, format!("{name}.stage_{stage}_time"), "s", about);
            times.push(index);
            let nothing = self.mul(nobody, hold);
            let (total, count) = (self.add(total, nothing), self.add(number, nobody));
            let mean = self.div(total, count);
            let work = self.mul(k, number);
            leaving.push(self.div(work, mean));
            worked.push(work);
        }
        Some(Stages { leaving, worked, numbers, times })
    }

    /// Balances of the stages, into which `accepted` requests come per second.
    pub(super) fn stage_balance(&mut self, station: &Station, accepted: Node) {
        let Some(stages) = station.stages.clone() else { return };
        let brought = self.mul(accepted, station.hold);
        let (mut coming, mut bringing) = (accepted, brought);
        for (place, &time) in stages.times.iter().enumerate() {
            if let Some(&number) = stages.numbers.get(place) {
                let flow = self.sub(coming, stages.leaving[place]);
                self.process.flows.push((number, flow));
            }
            let flow = self.sub(bringing, stages.worked[place]);
            self.process.flows.push((time, flow));
            (coming, bringing) = (stages.leaving[place], stages.worked[place]);
        }
    }
}
