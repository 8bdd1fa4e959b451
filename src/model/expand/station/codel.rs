//! Controlled delay: `codel = { target, interval }`, in the form used by servers (Maurer 2015). Fluid closure.
//!
//! Who arrives while the queue has not been empty for an `interval` N may wait a `target` M only, others N; who has waited
//! longer is refused when a slot would take it, at no cost. A standing queue is thus cut down to M, and a burst of up to N is
//! served. With X waiting ahead of an arrival, C = c/S, and s following whether there is a queue,
//!
//! ```text
//! s' = (logistic(4 (X - 1)) - s)/N
//! D  = N + (M - N) s                            longest wait, in the mean
//! F  = logistic(4 (C D + 1 - X))                taken by a slot: X - 1 before it and the next free slot
//! refused = B + (1 - B)(1 - F)
//! ```
//!
//! In overload X is pinned at C D + 1 where F = C/A: slots stay busy, and all they do is fresh.
//!
//! B. Maurer, *Fail at scale*, ACM Queue 13 (2015); K. Nichols & V. Jacobson, RFC 8289 (2018).

use super::super::Builder;
use crate::model::types::Service;
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Node, Unary};
use crate::process::lower::Type;
use crate::process::population::State;

impl Builder<'_> {
    /// Share of accepted attempts that controlled delay lets a slot take; `None` without it.
    pub(super) fn controlled_delay(&mut self, service: &Service, capacity: Option<Node>, ahead: Node) -> Option<Node> {
        let codel = service.queue.codel.clone()?;
        let capacity = capacity?;
        let (target, interval) = (self.number(&codel.target), self.number(&codel.interval));
        let name = format!("{}.standing", service.name.value);
        let (index, standing) = self.process.state(State {
            info: StateInfo { name: name.clone(), start: 0.0, lower: 0.0, upper: 1.01, scale: 1.0 },
            unit: String::new(),
            about: "whether the queue has stood for an interval".to_owned(),
        });
        self.scope.define(name, standing, Type::Quantity(Dimension::NONE));
        let (one, four) = (self.c(1.0), self.c(4.0));
        let over = self.sub(ahead, one);
        let scaled = self.mul(four, over);
        let queued = self.process.graph.unary(Unary::Logistic, scaled);
        let behind = self.sub(queued, standing);
        let flow = self.div(behind, interval);
        self.process.flows.push((index, flow));
        let range = self.sub(target, interval);
        let cut = self.mul(range, standing);
        let longest = self.add(interval, cut);
        let most = self.mul(capacity, longest);
        let room = self.sub(most, over);
        let scaled = self.mul(four, room);
        Some(self.process.graph.unary(Unary::Logistic, scaled))
    }
}
