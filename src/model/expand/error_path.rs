//! Errors that cost more than successes: logging, stack traces, clean-up, answers written to nobody.
//!
//! An answer that is an error, or that nobody waits for any more, keeps its slot for `error_time` e longer. Of the answers
//! leaving now the share q goes wrong; the slots follow within the time in a slot S, through a state y:
//!
//! ```text
//! S = service time + e y,   y' = (q - y)/S,   q = 1 - (1 - error share)(1 - late share of what entered a timeout ago)
//! ```
//!
//! In the fluid closure, whose paths cross changes of capacity, q is the share of those leaving now that are older than the timeout τ,
//! which hangs on nothing that is still to come: those waiting now, X, came within the wait V of the next one to start,
//!
//! ```text
//! X = ∫ over the last V of what was let in,   V ~ X/ā,   late = P(V + service time > τ),  a gamma distribution of
//! mean X/ā + s and variance X/ā² + variability s²;   ā the mean rate let in over the last τ, at four points of it
//! ```
//!
//! At rest ā is what leaves, and this is the late share of the station.
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
use super::station::Station;
use crate::model::types::{Closure, Expired, Service};
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node};
use crate::process::population::State;

/// Points of the last timeout at which the rate let in is taken.
const PARTS: u32 = 4;

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

    /// Share of the answers leaving now that go wrong, by the age of those waiting; `None` where the order of service or the
    /// closure does not tell it.
    fn wrong_by_age(&mut self, service: &Service, station: &Station) -> Option<Node> {
        let known = self.closure == Closure::Fluid && service.expired.value == Expired::Serve && station.is_plain();
        let slows = [&service.slowdown, &service.contention, &service.coherence].iter().any(|q| q.value > 0.0);
        let callers = self.callers_of(&service.name.value);
        let [(_, policy)] = callers.as_slice() else { return None };
        if !known || slows || !service.calls.is_empty() || !Self::felt_on_time(policy) {
            return None;
        }
        let timeout = self.number(policy.timeout.as_ref()?);
        let offered = self.process.graph.sum(&station.attempt_rates());
        let room = self.not(station.blocked);
        let let_in = self.mul(offered, room);
        let mut rates = vec![self.c(1e-9)];
        for part in 0..PARTS {
            let share = self.c((f64::from(part) + 0.5) / f64::from(PARTS));
            let lag = self.mul(share, timeout);
            rates.push(self.process.graph.delayed(let_in, lag));
        }
        let sum = self.process.graph.sum(&rates);
        let parts = self.c(f64::from(PARTS));
        let rate = self.div(sum, parts);
        let waiting = station.ahead()?;
        let queueing = self.div(waiting, rate);
        let time = self.number(&service.service_time);
        let wait = self.add(queueing, time);
        let spread = self.div(queueing, rate);
        let square = self.process.graph.power(time, 2.0);
        let own = self.mul(station.variability(), square);
        let variance = self.add(spread, own);
        let scale = self.div(wait, variance);
        let (shape, x) = (self.mul(wait, scale), self.mul(timeout, scale));
        let late = self.process.graph.binary(Binary::GammaQ, shape, x);
        let (in_time, well) = (self.not(late), self.not(station.error_share));
        let good = self.mul(in_time, well);
        Some(self.not(good))
    }

    /// Flows of both, once all streams are known.
    pub(super) fn error_path_balance(&mut self, service: &Service) {
        let Some(station) = self.stations.get(&service.name.value).cloned() else { return };
        if let Some(&index) = self.failing.get(&service.name.value)
            && let Some(wrong) = self.wrong_by_age(service, &station).or_else(|| self.wrong_answers(service))
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
