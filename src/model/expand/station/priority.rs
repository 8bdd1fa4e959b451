//! Service by priority, first in first out within one, without preemption. Fluid closure.
//!
//! Classes 1, 2, ... of the callers' priorities share c slots; n_i are the numbers inside by class:
//!
//! ```text
//! busy_i = min(n_i, c - Σ_{j<i} busy_j)
//! n_i'   = a_i (1 - B) - busy_i/S                        B from Σ n_i
//! V_i    = (X_i + w)/C_i,  X_i = (Σ_{j<=i} n_j - c + 1)⁺,  C_i = (c - Σ_{j<i} busy_j)/S
//! W_i    gamma with mean V_i + S, variance (X_i + w)/C_i² + Var S
//! ```
//!
//! Those ahead of a class are its own and all above it; those above who come later take their share of the slots, so that it
//! is served with what they leave (Cobham 1954; Kleinrock 1976, vol. 2, ch. 3). w = logistic(4 (Σ n - c)) is the one service a
//! class of any priority waits for while all slots are busy.
//!
//! A. Cobham, *Priority assignment in waiting line problems*, Oper. Res. 2 (1954) 70-76.

use super::super::Builder;
use super::Station;
use crate::model::types::{Order, Service};
use crate::process::dimension::Dimension;
use crate::process::event::Event;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node, Unary};
use crate::process::lower::Type;
use crate::process::population::State;

/// A class of priority at a station.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    /// State that counts those inside.
    pub(super) mean: usize,
    wait: Node,
    wait_variance: Node,
    departures: Node,
}

/// Least share of all slots that a class is given in the computation of its wait.
const LEAST: f64 = 0.01;

impl Builder<'_> {
    /// The priorities of those who call a service, the first served first; empty where order does not depend on them.
    fn ranks(&self, service: &str) -> Vec<f64> {
        let here =
            self.model.services.iter().any(|s| s.name.value == service && s.queue.order.value == Order::Priority);
        let callers = self.model.clients.iter().filter(|c| here && c.calls.value == service);
        let mut ranks: Vec<f64> = callers.map(|c| c.priority.value).collect();
        ranks.sort_by(f64::total_cmp);
        ranks.dedup();
        if ranks.len() > 1 { ranks } else { Vec::new() }
    }

    /// Class of a stream at a service.
    pub(in super::super) fn class_of(&self, stream: &str, service: &str) -> usize {
        let client = self.model.clients.iter().find(|c| c.name.value == stream);
        let rank = |priority: f64| self.ranks(service).iter().position(|&r| r == priority);
        client.and_then(|c| rank(c.priority.value)).unwrap_or(0)
    }

    /// States of the classes of a service, and their sum; `None` where all are one class.
    pub(super) fn class_states(&mut self, service: &Service, upper: f64, scale: f64) -> Option<(Vec<usize>, Node)> {
        let name = &service.name.value;
        let ranks = self.ranks(name);
        if ranks.is_empty() {
            return None;
        }
        let mut indices = Vec::new();
        let mut all = self.c(0.0);
        for place in 1..=ranks.len() {
            let label = format!("{name}.queue_{place}");
            let (index, node) = self.process.state(State {
                info: StateInfo { name: label.clone(), start: 0.0, lower: 0.0, upper, scale },
                unit: "req".to_owned(),
                about: format!("mean number inside of priority class {place}"),
            });
            self.scope.define(label, node, Type::Quantity(Dimension::REQUEST));
            indices.push(index);
            all = self.add(all, node);
        }
        Some((indices, all))
    }

    /// Waits and departures of the classes.
    pub(super) fn classes(
        &mut self,
        states: &[usize],
        servers: Node,
        (hold, hold_variance): (Node, Node),
    ) -> Vec<Class> {
        let (zero, one, four) = (self.c(0.0), self.c(1.0), self.c(4.0));
        let numbers: Vec<Node> = states.iter().map(|&i| self.process.graph.state(i)).collect();
        let all = self.process.graph.sum(&numbers);
        let over = self.sub(all, servers);
        let scaled = self.mul(four, over);
        let waits = self.process.graph.unary(Unary::Logistic, scaled);
        let least = self.c(LEAST);
        let least = self.mul(least, servers);
        let (mut left, mut before) = (servers, zero);
        let mut classes = Vec::new();
        for (&mean, &number) in states.iter().zip(&numbers) {
            let busy = self.process.graph.binary(Binary::Min, number, left);
            before = self.add(before, number);
            let free = self.sub(servers, one);
            let excess = self.sub(before, free);
            let ahead = self.process.graph.binary(Binary::Max, zero, excess);
            let ahead = self.add(ahead, waits);
            let slots = self.process.graph.binary(Binary::Max, left, least);
            let per_slot = self.div(hold, slots);
            let waiting = self.mul(ahead, per_slot);
            let wait = self.add(waiting, hold);
            let square = self.process.graph.power(per_slot, 2.0);
            let spread = self.mul(ahead, square);
            let wait_variance = self.add(spread, hold_variance);
            let departures = self.div(busy, hold);
            classes.push(Class { mean, wait, wait_variance, departures });
            left = self.sub(left, busy);
        }
        classes
    }

    /// A station as a class sees it.
    pub(in super::super) fn as_class(station: Station, class: usize) -> Station {
        let Some(&Class { mean, wait, wait_variance, departures }) = station.classes.get(class) else { return station };
        let mut arrivals = station.arrivals;
        arrivals.retain(|a| a.class == class);
        Station { mean, wait, wait_variance, departures, arrivals, ..station }
    }

    /// Balance of the classes, if there are any.
    pub(super) fn class_balance(&mut self, name: &str, station: &Station, variability: Node) -> bool {
        let joint = self.joins_events();
        for (place, class) in station.classes.iter().enumerate() {
            let label = format!("{name}, class {}", place + 1);
            let own = station.arrivals.iter().filter(|a| a.class == place);
            let entering: Vec<Node> = own.map(|a| a.entering).collect();
            let accepted = self.process.graph.sum(&entering);
            self.process.transition(format!("{label}: arrival accepted"), accepted, vec![(class.mean, 1.0)], None);
            self.join_last(joint);
            let jumps = vec![(class.mean, -1.0)];
            self.process.transition(format!("{label}: departure"), class.departures, jumps.clone(), None);
            self.join_last(joint);
            if joint {
                self.process.events.push(Event {
                    name: format!("{label}: departure"),
                    rate: Some(class.departures),
                    dispersion: Some(variability),
                    jumps,
                    outcomes: Vec::new(),
                });
            }
        }
        !station.classes.is_empty()
    }
}
