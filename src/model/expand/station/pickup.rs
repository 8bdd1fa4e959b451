//! Slots that look into the queue a while after they have become free: `pickup`, δ. Who comes meanwhile goes first.
//!
//! ```text
//! while all slots are busy, w = logistic(4 (m - c)):
//! slot cycle      S + w δ                          departures min(m, c)/(S + w δ)
//! arrivals        J = w (1 - P₀)/(1 - B)           share of those let in that finds a free slot
//!                 P₀ = 1/(1 + C (1 - e^{-zδ})/z),  z = A - C,  C = c/S
//! retries at an answer                             w: the slot that gave the late answer is free
//! ```
//!
//! C slots become free per second and stay so for δ, unless one of the A attempts per second takes the oldest of them: a queue M/M/1
//! whose customers leave after δ, in service or not (Barrer 1957). The age x of its oldest has the density K e^{(C - A) x} below
//! δ, which makes it empty with probability P₀. Where there is a free slot there is a place in the queue as well, so that none of
//! those who find one is refused: of all attempts 1 - P₀ go first, of those let in the share J.
//!
//! Those who go first wait for nothing: they are late with probability P(S > τ) only. With callers who retry at once when a late
//! answer comes, it is the retry that takes the slot, and a queue full of work nobody waits for still answers every second
//! request. The wait of those in the queue is taken as without jumps, which matters little once it is long.
//!
//! D. Barrer, *Queuing with impatient customers and ordered service*, Oper. Res. 5 (1957) 650-656.

use super::super::Builder;
use super::deadline::Line;
use super::{Fate, Station};
use crate::model::types::{CallPolicy, Service};
use crate::process::graph::{Binary, Node, Unary};

/// Difference of rates per second below which they count as equal.
const CLOSE: f64 = 1e-6;

/// Shares of those who go first.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Jumps {
    /// Of all arrivals.
    arrivals: Node,
    /// Of retries sent when an answer comes.
    retries: Node,
}

impl Builder<'_> {
    /// How far the slots are all taken, and how long one is idle before it looks into the queue; `None` if it is not.
    pub(super) fn pickup(&mut self, service: &Service, m: Node, servers: Option<Node>) -> Option<(Node, Node)> {
        let pause = &service.queue.pickup;
        let servers = servers.filter(|_| pause.value > 0.0)?;
        let pause = self.number(pause);
        let four = self.c(4.0);
        let over = self.sub(m, servers);
        let scaled = self.mul(four, over);
        let waits = self.process.graph.unary(Unary::Logistic, scaled);
        Some((waits, self.mul(waits, pause)))
    }

    /// Who goes before the queue.
    pub(super) fn jumps(&mut self, service: &Service, waits: Node, line: Line) -> Jumps {
        let pause = self.number(&service.queue.pickup);
        let (one, zero, small) = (self.c(1.0), self.c(0.0), self.c(CLOSE));
        let freed = self.div(line.servers, line.hold);
        let attempts = line.offered.unwrap_or(freed);
        let excess = self.sub(attempts, freed);
        // z = 0 is a removable singularity: kept a little away from it.
        let distance = self.process.graph.unary(Unary::Abs, excess);
        let near = self.process.graph.binary(Binary::Less, distance, small);
        let excess = self.process.graph.select(near, small, excess);
        let decay = self.mul(excess, pause);
        let decay = self.process.graph.neg(decay);
        let rest = self.process.graph.unary(Unary::Exp, decay);
        let gone = self.not(rest);
        let free = self.div(gone, excess);
        let free = self.mul(freed, free);
        // 1 - P₀ = x/(1 + x)
        let all = self.add(one, free);
        let found = self.div(free, all);
        let blocked = line.blocked.unwrap_or(zero);
        let let_in = self.not(blocked);
        let least = self.process.graph.binary(Binary::Max, let_in, found);
        let share = self.div(found, least);
        Jumps { arrivals: self.mul(waits, share), retries: waits }
    }

    /// P(S > τ): late although it did not wait.
    fn late_at_once(&mut self, station: &Station, policy: &CallPolicy) -> Option<Node> {
        let (line, timeout) = (station.line?, policy.timeout.as_ref()?);
        let timeout = self.number(timeout);
        Some(self.longer(line, timeout))
    }

    /// Share of accepted attempts that are late, those who go first included.
    pub(super) fn with_jumps(&mut self, station: &Station, policy: &CallPolicy, late: Node) -> Node {
        let (Some(jumps), Some(at_once)) = (station.jumps, self.late_at_once(station, policy)) else { return late };
        let difference = self.sub(at_once, late);
        let change = self.mul(jumps.arrivals, difference);
        self.add(late, change)
    }

    /// What becomes of all attempts, of which `retried` of `total` are sent when an answer comes.
    pub(in super::super) fn fate_with_retries_first(
        &mut self,
        (station, policy): (&Station, &CallPolicy),
        fate: Fate,
        (retried, total): (Node, Node),
    ) -> Fate {
        let (Some(jumps), Some(at_once)) = (station.jumps, self.late_at_once(station, policy)) else { return fate };
        let tiny = self.c(1e-9);
        let total = self.add(total, tiny);
        let first = self.mul(jumps.retries, retried);
        let share = self.div(first, total);
        let difference = self.sub(at_once, fate.late);
        let change = self.mul(share, difference);
        let late = self.add(fate.late, change);
        let accepted = self.not(fate.rejected);
        let timed_out = self.mul(accepted, late);
        let in_time = self.sub(accepted, timed_out);
        let failed = self.mul(in_time, station.error_share);
        let answered = self.sub(in_time, failed);
        let useful = self.not(late);
        Fate { timed_out, failed, answered, late, useful, ..fate }
    }
}
