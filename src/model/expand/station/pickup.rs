//! Slots that look into the queue a while after they have become free: `pickup`, δ. Who comes meanwhile goes first.
//!
//! ```text
//! while all slots are busy, w = logistic(4 (m - c)):
//! slot cycle      S + w δ                          departures min(m, c)/(S + w δ)
//! arrivals        J = w (1 - e^{-δ c/S})           share that finds a free slot: c/S become free per second, each for δ
//! retries at an answer                             w: the slot that gave the late answer is free
//! ```
//!
//! Those who go first wait for nothing: they are late with probability P(S > τ) only. With callers who retry at once when a late
//! answer comes, it is the retry that takes the slot, and a queue full of work nobody waits for still answers every second
//! request. The wait of those in the queue is taken as without jumps, which matters little once it is long.

use super::super::Builder;
use super::{Fate, Station};
use crate::model::types::{CallPolicy, Service};
use crate::process::graph::{Node, Unary};

/// Shares of those who go first.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Jumps {
    /// Of all arrivals.
    arrivals: Node,
    /// Of retries sent when an answer comes.
    retries: Node,
}

impl Builder<'_> {
    /// Time from one start of service to the next in a slot, and who goes before the queue.
    pub(super) fn pickup(
        &mut self,
        service: &Service,
        m: Node,
        servers: Option<Node>,
        hold: Node,
    ) -> (Node, Option<Jumps>) {
        let pause = &service.queue.pickup;
        let Some(servers) = servers.filter(|_| pause.value > 0.0) else { return (hold, None) };
        let pause = self.number(pause);
        let four = self.c(4.0);
        let over = self.sub(m, servers);
        let scaled = self.mul(four, over);
        let waits = self.process.graph.unary(Unary::Logistic, scaled);
        let idle = self.mul(waits, pause);
        let cycle = self.add(hold, idle);
        let freed = self.div(servers, hold);
        let open = self.mul(freed, pause);
        let open = self.process.graph.neg(open);
        let none = self.process.graph.unary(Unary::Exp, open);
        let some = self.not(none);
        let arrivals = self.mul(waits, some);
        (cycle, Some(Jumps { arrivals, retries: waits }))
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
