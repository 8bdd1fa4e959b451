//! Errors that cost more than successes: logging, stack traces, clean-up, answers written to nobody.
//!
//! An answer that is an error, or that nobody waits for any more, keeps its slot for `error_time` e longer. Of the answers
//! leaving now the share q goes wrong; the slots follow within the time in a slot S, through a state y:
//!
//! ```text
//! S = service time + e y,   y' = (q - y)/S,   q = 1 - (1 - error share)(1 - late share of what entered a timeout ago)
//! ```
//!
//! The time added is fixed: it adds e² y (1 - y) to the variance of the time in a slot.
//!
//! Refusing takes a slot for `reject_time` r, which is taken from the next attempt to start: with z the slots at work on
//! refusals, for attempts A of which the share B is refused,
//!
//! ```text
//! z' = A B - z/r
//! ```
//!
//! so that at rest z = A B r. Where refusals alone need all slots nothing is served: receive livelock (Mogul &
//! Ramakrishnan 1997). Without any retry the first path has two stable states for loads between c/(S + e) and about c/S:
//! the degradation of capacity C that sustains itself (OSDI 2022: stable below C/w_C, w_C = 1 + e/S).

use super::Builder;
use crate::model::types::Service;
use crate::process::field::StateInfo;
use crate::process::graph::Node;
use crate::process::population::State;

impl Builder<'_> {
    fn path_state(&mut self, name: String, upper: f64, scale: f64, unit: &str, about: &str) -> (usize, Node) {
        self.process.state(State {
            info: StateInfo { name, start: 0.0, lower: 0.0, upper, scale },
            unit: unit.to_owned(),
            about: about.to_owned(),
        })
    }

    /// Adds the error path to mean and variance of the time in a slot.
    pub(super) fn with_error_path(&mut self, service: &Service, hold: Node, variance: Node) -> (Node, Node) {
        if service.error_time.value == 0.0 {
            return (hold, variance);
        }
        let name = format!("{}.failing", service.name.value);
        let (index, share) = self.path_state(name, 1.0, 0.1, "", "share of the slots' answers that go wrong");
        self.failing.insert(service.name.value.clone(), index);
        let extra = self.number(&service.error_time);
        let mean = self.mul(extra, share);
        let rest = self.not(share);
        let spread = self.mul(mean, rest);
        let spread = self.mul(extra, spread);
        (self.add(hold, mean), self.add(variance, spread))
    }

    /// Takes the slots at work on refusals off.
    pub(super) fn without_refusals(&mut self, service: &Service, slots: Node) -> Node {
        if service.reject_time.value == 0.0 {
            return slots;
        }
        let name = format!("{}.refusing", service.name.value);
        let about = "slots at work on refusals";
        let (index, refusing) = self.path_state(name, f64::MAX, service.servers.value, "req", about);
        self.refusing.insert(service.name.value.clone(), index);
        self.sub(slots, refusing)
    }

    /// Flows of both, once all streams are known.
    pub(super) fn error_path_balance(&mut self, service: &Service) {
        let Some(station) = self.stations.get(&service.name.value).cloned() else { return };
        if let Some(&index) = self.failing.get(&service.name.value)
            && let Some(wrong) = self.wrong_answers(service)
        {
            let share = self.process.graph.state(index);
            let change = self.sub(wrong, share);
            let flow = self.div(change, station.hold());
            self.process.flows.push((index, flow));
        }
        if let Some(&index) = self.refusing.get(&service.name.value) {
            let offered = self.process.graph.sum(&station.attempt_rates());
            let refused = self.mul(offered, station.blocked);
            let time = self.number(&service.reject_time);
            let node = self.process.graph.state(index);
            let done = self.div(node, time);
            let flow = self.sub(refused, done);
            self.process.flows.push((index, flow));
        }
    }
}
