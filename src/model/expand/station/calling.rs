//! Slots that wait for calls. Calls begin when a slot has done its own work, not when it is given back: a service below feels a
//! burst at once, however long it makes those above wait. With y of the busy slots waiting for calls, S₀ the mean time of the
//! own work and S that of the whole,
//!
//! ```text
//! y' = (E min(n, c) - y)⁺/S₀ - y/(S - S₀)        calls begin at the first rate, requests depart at the second
//! ```
//!
//! in requests and seconds. At rest y = d (S - S₀) and E min(n, c) = d S with d departures per second: the same as without y.

use super::super::Builder;
use crate::model::types::{Expired, Service};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node};
use crate::process::lower::Type;
use crate::process::population::State;

/// Part of the own work that counts as waiting, so that calls that take no time leave the equations finite.
const LEAST: f64 = 1e-3;

/// Rates per second at a service that calls others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calling {
    /// Requests whose calls begin.
    pub begins: Node,
    /// Requests that depart.
    pub ends: Node,
}

impl Builder<'_> {
    /// The slots that wait for calls; `None` where a service calls nobody, or its slots are given up otherwise.
    pub(super) fn calling(&mut self, service: &Service, busy: Node, (own, hold): (Node, Node)) -> Option<Calling> {
        if service.calls.is_empty() || service.expired.value == Expired::Cancel || service.queue.pickup.value > 0.0 {
            return None;
        }
        let name = format!("{}.calling", service.name.value);
        let slots = service.servers.value;
        let scale = if slots.is_finite() { slots.max(1.0) } else { 10.0 };
        let (index, waiting) = self.process.state(State {
            info: StateInfo { name: name.clone(), start: 0.0, lower: 0.0, upper: f64::INFINITY, scale },
            unit: "req".to_owned(),
            about: "slots that wait for calls".to_owned(),
        });
        self.scope.define(name, waiting, Type::Quantity(Dimension::REQUEST));
        let zero = self.c(0.0);
        let working = self.sub(busy, waiting);
        let working = self.process.graph.binary(Binary::Max, zero, working);
        let most = self.c(1.0 - LEAST);
        let own = self.mul(most, own);
        let begins = self.div(working, own);
        let calls = self.sub(hold, own);
        let ends = self.div(waiting, calls);
        let flow = self.sub(begins, ends);
        self.process.flows.push((index, flow));
        Some(Calling { begins, ends })
    }
}
