//! What becomes of one attempt: turned away, in time, late; and how long its caller waits.

use super::Station;
use super::deadline::Line;
use crate::model::expand::Builder;
use crate::model::types::{CallPolicy, Closure, Expired, Quantity};
use crate::process::graph::{Binary, Node};

/// What happens to one attempt: shares of all attempts.
#[derive(Debug, Clone, Copy)]
pub(in crate::model::expand) struct Fate {
    /// Refused because the queue was full.
    pub rejected: Node,
    /// Accepted, but not answered within the timeout.
    pub timed_out: Node,
    /// Answered in time with an error.
    pub failed: Node,
    /// Answered in time and well.
    pub answered: Node,
    /// P(W > timeout), of accepted attempts.
    pub late: Node,
    /// A slot will take it.
    pub entering: Node,
    /// Accepted, but no slot will take it: part of `timed_out`.
    pub dropped: Node,
    /// Of those that a slot takes: answered in time, well or not.
    pub useful: Node,
}

impl Builder<'_> {
    /// Shares of what becomes of one attempt at a station under a policy.
    pub(in crate::model::expand) fn fate(&mut self, station: &Station, policy: &CallPolicy) -> Fate {
        let judged;
        let station = match station.told {
            Some(told) => {
                judged = Station { wait: told.mean, wait_variance: told.variance, ..station.clone() };
                &judged
            }
            None => station,
        };
        let rejected = self.turned_away(policy, station);
        let accepted = self.not(rejected);
        let mut entering = accepted;
        let mut dropped = self.c(0.0);
        let mut useful = None;
        let late = match self.given_up_after(station, policy) {
            Some(timeout) => match self.deadline(station, timeout) {
                Some((fresh, in_time)) => {
                    entering = self.mul(accepted, fresh);
                    let never = self.not(fresh);
                    dropped = self.mul(accepted, never);
                    useful = Some(in_time);
                    let on_time = self.mul(fresh, in_time);
                    self.not(on_time)
                }
                None => match self.late_on_stack(station, policy, timeout) {
                    Some(late) => late,
                    None => self.late_share(station, policy, timeout),
                },
            },
            None => self.c(0.0),
        };
        let mut late = self.with_jumps(station, policy, late);
        if let Some(told) = station.told.filter(|_| policy.timeout.is_some()) {
            let on_time = self.not(late);
            let on_time = self.mul(on_time, told.met);
            late = self.not(on_time);
            useful = useful.map(|useful| self.mul(useful, told.met));
        }
        let timed_out = self.mul(accepted, late);
        let in_time = self.sub(accepted, timed_out);
        let failed = self.mul(in_time, station.error_share);
        let answered = self.sub(in_time, failed);
        let useful = useful.unwrap_or_else(|| self.not(late));
        Fate { rejected, timed_out, failed, answered, late, entering, dropped, useful }
    }

    /// P(W > timeout) of an attempt that arrived `delay` ago, judged by the capacity there was while it waited, from its
    /// arrival to its timeout, which was `fixed` ago. `None` where the capacity depends on states, or is never short.
    ///
    /// In the fluid closure n is known at arrival, but W = (n - c + 1)/C + S depends on the capacity C = c/S to come:
    /// when slots are lost, or come back, while the attempt waits, the work done for those ahead of it is ∫ C dt. C, c and
    /// S are replaced by their means over the timeout, taken at the middles of four parts of it. At rest nothing changes.
    pub(in crate::model::expand) fn late_in_hindsight(
        &mut self,
        station: &Station,
        timeout: &Quantity,
        fixed: Node,
        delay: Node,
    ) -> Option<Node> {
        const PARTS: u32 = 4;
        let known = self.closure == Closure::Fluid
            && !station.calls
            && station.expired != Expired::Cancel
            && station.jumps.is_none()
            && station.plain;
        let servers = station.servers.filter(|_| known)?;
        let timeout = self.number(timeout);
        let capacity = self.div(servers, station.hold);
        let lags: Vec<Node> = (0..PARTS)
            .map(|part| {
                let share = self.c((f64::from(part) + 0.5) / f64::from(PARTS));
                let within = self.mul(share, timeout);
                self.add(fixed, within)
            })
            .collect();
        let mean = |b: &mut Self, node: Node| {
            let then: Vec<Node> = lags.iter().map(|&lag| b.process.graph.delayed(node, lag)).collect();
            let total = b.process.graph.sum(&then);
            let parts = b.c(f64::from(PARTS));
            b.div(total, parts)
        };
        let (slots, rate, hold) = (mean(self, servers), mean(self, capacity), mean(self, station.hold));
        let inside = self.process.graph.state(station.mean);
        let inside = self.process.graph.delayed(inside, delay);
        let (zero, one) = (self.c(0.0), self.c(1.0));
        let free = self.sub(slots, one);
        let excess = self.sub(inside, free);
        let ahead = self.process.graph.binary(Binary::Max, zero, excess);
        if station.drops() {
            let offered = station.offered.map(|index| {
                let now = self.process.graph.state(index);
                self.process.graph.delayed(now, delay)
            });
            let (hold, variability) = (self.div(slots, rate), station.variability);
            let blocked = Some(self.process.graph.delayed(station.blocked, delay));
            let line = Line { ahead, servers: slots, hold, full: hold, variability, offered, blocked };
            let (fresh, useful) = self.dropping(line, timeout);
            let on_time = self.mul(fresh, useful);
            return Some(self.not(on_time));
        }
        let queueing = self.div(ahead, rate);
        let mut wait = self.add(queueing, hold);
        let square = self.process.graph.power(rate, 2.0);
        let queueing_variance = self.div(ahead, square);
        let square = self.process.graph.power(hold, 2.0);
        let service_variance = self.mul(station.variability, square);
        let mut wait_variance = self.add(queueing_variance, service_variance);
        if let Some((legs, spread)) = station.network {
            wait = self.add(wait, legs);
            wait_variance = self.add(wait_variance, spread);
        }
        let scale = self.div(wait, wait_variance);
        let (shape, x) = (self.mul(wait, scale), self.mul(timeout, scale));
        Some(self.process.graph.binary(Binary::GammaQ, shape, x))
    }

    /// Of those who leave a service now, the share that is answered in time.
    ///
    /// First in, first out: who leaves at t is in time just if it arrived after t - τ, that is if those who arrived at t - τ have
    /// left already, that is if those were in time. So the share is that of the attempts of t - τ, `1 - late(t - τ)`; at
    /// rest the share of now. Where the equations do not look back by τ anyway, and where expired work leaves otherwise than by
    /// service, the share of now is taken.
    pub(in crate::model::expand) fn useful_of_departures(
        &mut self,
        station: &Station,
        policy: &CallPolicy,
        fate: Fate,
    ) -> Node {
        let looks_back = Self::felt_on_time(policy)
            && policy
                .retry
                .as_ref()
                .is_some_and(|r| r.on.timeout && r.attempts.value > 1.0 && !r.attempts.value.is_infinite());
        let in_turn =
            station.plain && station.expired == Expired::Serve && station.jumps.is_none() && station.told.is_none();
        let Some(timeout) = policy.timeout.as_ref().filter(|_| looks_back && in_turn) else {
            return fate.useful;
        };
        let (zero, ago) = (self.c(0.0), self.number(timeout));
        match self.late_in_hindsight(station, timeout, zero, ago) {
            Some(late) => self.not(late),
            None => self.process.graph.delayed(fate.useful, ago),
        }
    }

    /// Shape of the gamma distribution of W, and `timeout` in units of its scale.
    pub(in crate::model::expand) fn wait_gamma(&mut self, station: &Station, timeout: Node) -> (Node, Node) {
        let rate = self.div(station.wait, station.wait_variance);
        (self.mul(station.wait, rate), self.mul(timeout, rate))
    }

    /// E min(W, timeout) = E W · P(shape + 1, x) + timeout · Q(shape, x); E W without a timeout.
    pub(in crate::model::expand) fn patience(&mut self, station: &Station, policy: &CallPolicy, late: Node) -> Node {
        let Some(timeout) = &policy.timeout else { return station.wait };
        let timeout = self.number(timeout);
        let within = self.within(station, policy, timeout);
        let in_vain = self.time_in_vain(station, policy, late);
        let given_up = self.mul(in_vain, late);
        self.add(within, given_up)
    }
}
