//! Service times that depend on the load, and requests of unequal work.
//!
//! With n inside, the request itself included, when its service starts, and work ω in units of the service time S₀:
//!
//! ```text
//! S(n) = S₀ ω (1 + α (n - 1) + β n (n - 1)) + σ n        α contention, β coherence, σ slowdown
//! ```
//!
//! The first part is the universal scalability law (Gunther 2007): n/S(n) = n/S₀/(1 + α (n - 1) + β n (n - 1)). An arrival finds
//! m inside in the mean, so n = m + 1.
//!
//! Work is carried by a state w, the work of all inside; a departure takes the mean of it, as if requests were well mixed:
//!
//! ```text
//! ω = w/m,    w' = Σ_i a_i ω_i - d w/m           a_i attempts of stream i that a slot will take
//! ```
//!
//! Slots without limit give back n at the rate n/S(n), whose slope by n, S₀(...)/S² instead of 1/S, restores the variance.

use super::super::Builder;
use super::Station;
use crate::model::types::{Quantity, Service};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::Node;
use crate::process::lower::Type;
use crate::process::population::State;

/// Requests added to number and work, so that an empty station has mean work 1.
const NOBODY: f64 = 1e-6;

impl Builder<'_> {
    /// The number of the work of a client, if it can differ from 1.
    pub(in super::super) fn work_of(&mut self, stream: &str) -> Option<Node> {
        let work = self.model.clients.iter().find(|c| c.name.value == stream).map(|c| c.work.clone())?;
        self.varies(&work).then(|| self.number(&work))
    }

    fn varies(&self, work: &Quantity) -> bool {
        let triggers = self.model.triggers.iter().flat_map(|t| &t.set);
        work.value != 1.0 || triggers.into_iter().any(|(path, _)| path.value == work.path)
    }

    /// Name of the state that counts the work inside a service.
    fn work_state(service: &Service) -> String {
        format!("{}.work", service.name.value)
    }

    /// Mean work of those inside; `None` where all have the same.
    fn mean_work(&mut self, service: &Service, inside: Node) -> Option<Node> {
        let callers = self.model.clients.iter().filter(|c| c.calls.value == service.name.value);
        let works: Vec<Quantity> = callers.map(|c| c.work.clone()).collect();
        if !works.iter().any(|work| self.varies(work)) {
            return None;
        }
        let name = Self::work_state(service);
        let scale = if service.servers.value.is_finite() { service.servers.value } else { 10.0 };
        let (_, node) = self.process.state(State {
            info: StateInfo { name: name.clone(), start: 0.0, lower: 0.0, upper: f64::INFINITY, scale },
            unit: "req".to_owned(),
            about: "work of all inside, in units of the service time".to_owned(),
        });
        self.scope.define(name, node, Type::Quantity(Dimension::REQUEST));
        let nobody = self.c(NOBODY);
        let (work, number) = (self.add(node, nobody), self.add(inside, nobody));
        Some(self.div(work, number))
    }

    /// Mean time a slot works on a request, without its calls.
    pub(super) fn own_time(&mut self, service: &Service, inside: Node) -> Node {
        let mut own = self.number(&service.service_time);
        if let Some(work) = self.mean_work(service, inside) {
            own = self.mul(own, work);
        }
        let one = self.c(1.0);
        let itself = self.add(inside, one);
        let mut factor = one;
        if service.contention.value > 0.0 {
            let contention = self.number(&service.contention);
            let share = self.mul(contention, inside);
            factor = self.add(factor, share);
        }
        if service.coherence.value > 0.0 {
            let coherence = self.number(&service.coherence);
            let pairs = self.mul(itself, inside);
            let share = self.mul(coherence, pairs);
            factor = self.add(factor, share);
        }
        own = self.mul(own, factor);
        if service.slowdown.value > 0.0 {
            let slowdown = self.number(&service.slowdown);
            let extra = self.mul(slowdown, itself);
            own = self.add(own, extra);
        }
        own
    }

    /// Balance of the work inside.
    pub(super) fn work_balance(&mut self, service: &Service, station: &Station) {
        let Some(index) = self.process.state_index(&Self::work_state(service)) else { return };
        let one = self.c(1.0);
        let mut coming = self.c(0.0);
        for arrival in &station.arrivals {
            let work = arrival.work.unwrap_or(one);
            let brought = self.mul(arrival.entering, work);
            coming = self.add(coming, brought);
        }
        let nobody = self.c(NOBODY);
        let (work, number) = (self.process.graph.state(index), self.inside_of(station));
        let number = self.add(number, nobody);
        let mean = self.div(work, number);
        let going = self.mul(station.departures, mean);
        let flow = self.sub(coming, going);
        self.process.flows.push((index, flow));
    }

    /// The number inside, all classes together.
    pub(super) fn inside_of(&mut self, station: &Station) -> Node {
        let states = if station.classes.is_empty() { vec![station.mean] } else { station.class_means() };
        let counts: Vec<Node> = states.into_iter().map(|i| self.process.graph.state(i)).collect();
        self.process.graph.sum(&counts)
    }

    /// The pull of departures on the variance, where service slows down with the number inside and slots are unlimited:
    /// d(n/S)/dn = (S - n S')/S² instead of 1/S.
    pub(super) fn restoring(&mut self, service: &Service, station: &Station, m: Node, pull: Node) -> Node {
        let slows = [&service.slowdown, &service.contention, &service.coherence].iter().any(|q| q.value > 0.0);
        if !slows || station.servers.is_some() {
            return pull;
        }
        // m S' = σ m + S₀ (α m + β (2 m + 1) m)
        let base = self.number(&service.service_time);
        let mut steep = self.c(0.0);
        if service.slowdown.value > 0.0 {
            let slowdown = self.number(&service.slowdown);
            steep = self.mul(slowdown, m);
        }
        let (one, two) = (self.c(1.0), self.c(2.0));
        if service.contention.value > 0.0 {
            let contention = self.number(&service.contention);
            let share = self.mul(contention, m);
            let term = self.mul(base, share);
            steep = self.add(steep, term);
        }
        if service.coherence.value > 0.0 {
            let coherence = self.number(&service.coherence);
            let double = self.mul(two, m);
            let odd = self.add(double, one);
            let pairs = self.mul(odd, m);
            let share = self.mul(coherence, pairs);
            let term = self.mul(base, share);
            steep = self.add(steep, term);
        }
        let relative = self.div(steep, station.hold);
        let factor = self.not(relative);
        self.mul(pull, factor)
    }
}
