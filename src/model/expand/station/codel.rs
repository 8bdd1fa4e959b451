//! Controlled delay: `codel = { target, interval }`. Fluid closure; seconds, requests per second, shares.
//!
//! # In the form used by servers (Maurer 2015)
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
//! # In the form used by links: `law = "rfc8289"`
//!
//! Waits at the head of the queue are above the target M for an interval N before the first drop; the k-th drop comes N/√k after
//! the one before it; the first wait below M ends that, and what begins again soon begins with the number of drops of last time.
//! With y = √k, D the share of time in that state, u whether waits are long, and the head of the queue gone over at C + δ,
//!
//! ```text
//! δ  = D y/N                                    drops per second
//! u  = logistic(4 (X - 1 - max(1, M (C + δ))))  more than one behind, and a wait of M
//! D' = u (1 - D)/N - (1 - u) D/M                an interval above begins it, one below ends it
//! y' = D/(2 N) - (1 - D) (ln 2/2) (y - 1)/N     k' = √k/N while dropping; out of it k halves in each interval
//! F  = 1 - min(1, δ/(A (1 - B)))                A followed with the lag of a service time
//! ```
//!
//! The halving stands for what the algorithm does: where drops must go on, k swings between k and 2 k, beginning again with the
//! drops of the last time; after 16 intervals without any it begins with 1, which is y/2⁸ here.
//!
//! B. Maurer, *Fail at scale*, ACM Queue 13 (2015); K. Nichols & V. Jacobson, RFC 8289 (2018).

use super::super::Builder;
use crate::model::types::{Codel, CodelLaw, Service};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node, Unary};
use crate::process::lower::Type;
use crate::process::population::State;

impl Builder<'_> {
    /// Share of accepted attempts that controlled delay lets a slot take; `None` without it.
    pub(super) fn controlled_delay(
        &mut self,
        service: &Service,
        (capacity, ahead): (Option<Node>, Node),
        (offered, blocked): (Option<Node>, Node),
    ) -> Option<Node> {
        let codel = service.queue.codel.clone()?;
        let capacity = capacity?;
        if codel.law.value == CodelLaw::Rfc8289 {
            return Some(self.spaced_drops(service, &codel, (capacity, ahead), (offered?, blocked)));
        }
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
    /// The share that the control law of links lets a slot take.
    fn spaced_drops(
        &mut self,
        service: &Service,
        codel: &Codel,
        (capacity, ahead): (Node, Node),
        (offered, blocked): (Node, Node),
    ) -> Node {
        let (target, interval) = (self.number(&codel.target), self.number(&codel.interval));
        let state = |b: &mut Self, suffix: &str, (start, upper): (f64, f64), about: &str| {
            let name = format!("{}.{suffix}", service.name.value);
            let (index, node) = b.process.state(State {
                info: StateInfo { name: name.clone(), start, lower: 0.0, upper, scale: 1.0 },
                unit: String::new(),
                about: about.to_owned(),
            });
            b.scope.define(name, node, Type::Quantity(Dimension::NONE));
            (index, node)
        };
        let (dropping, share) = state(self, "dropping", (0.0, 1.01), "share of the time in which waits are too long");
        let (root, y) = state(self, "drop_root", (1.0, f64::INFINITY), "root of the number of drops");
        let (one, two, four, tiny) = (self.c(1.0), self.c(2.0), self.c(4.0), self.c(1e-9));
        let pace = self.div(y, interval);
        let drops = self.mul(share, pace);
        let gone_over = self.add(capacity, drops);
        let most = self.mul(target, gone_over);
        let most = self.process.graph.binary(Binary::Max, one, most);
        let waiting = self.sub(ahead, one);
        let over = self.sub(waiting, most);
        let scaled = self.mul(four, over);
        let above = self.process.graph.unary(Unary::Logistic, scaled);
        let (below, free) = (self.not(above), self.not(share));
        let begins = self.mul(above, free);
        let begins = self.div(begins, interval);
        let ends = self.mul(below, share);
        let ends = self.div(ends, target);
        let flow = self.sub(begins, ends);
        self.process.flows.push((dropping, flow));
        let double = self.mul(two, interval);
        let grows = self.div(share, double);
        let rate = self.c(0.5 * std::f64::consts::LN_2);
        let excess = self.sub(y, one);
        let fades = self.mul(rate, excess);
        let fades = self.mul(free, fades);
        let fades = self.div(fades, interval);
        let flow = self.sub(grows, fades);
        self.process.flows.push((root, flow));
        let room = self.not(blocked);
        let coming = self.mul(offered, room);
        let coming = self.add(coming, tiny);
        let refused = self.div(drops, coming);
        let refused = self.process.graph.binary(Binary::Min, one, refused);
        self.not(refused)
    }
}
