//! Newest first: `lifo`, and `adaptive-lifo`, which is it while more than `switch` wait. Fluid closure.
//!
//! With all c slots busy, an arrival waits until those who came after it have been served and one more slot has become free:
//! the sub-busy period of an M/M/1 queue with arrival rate A and service rate C = c/S (Wishart 1960). That period ends at all
//! with probability min(1, C/A): in overload the rest sinks to the bottom of the stack and stays there as long as the overload
//! lasts. Given that it ends, it is that of the walk with the two rates exchanged if need be; in the diffusion limit, with drift
//! D = |A - C| and variance σ² = A + C per second, it has lasted t or less with probability
//!
//! ```text
//! Ψ(t) = Φ((D t - 1)/(σ √t)) + e^{2D/σ²} Φ(-(D t + 1)/(σ √t))
//! served within t = min(1, C/A) Ψ(t)             of all arrivals; smooth at A = C, where Ψ = 1 - 1/√(π C t)
//! P(in time | accepted) = P(S <= τ) · (1 - w + w min(1, min(1, C/A) Ψ(τ - S)/(1 - B)))
//! ```
//!
//! with w = logistic(4 (m - c)) whether slots are all busy. The minimum with 1 - B, the share that finds room, says that a full
//! stack buries nobody: who is let in is on top. A is the rate of attempts, followed with lag S: A' = (offered - A)/S.
//!
//! Work is conserved, so that m is as with the oldest first. Departures may be of work long given up; goodput is counted at
//! arrival, A (1 - B) P(in time | accepted).
//!
//! D. Wishart, *Queuing systems in which the discipline is "last-come, first-served"*, Oper. Res. 8 (1960) 591-599;
//! B. Maurer, *Fail at scale*, ACM Queue 13 (2015).

use super::super::Builder;
use super::{Fate, Station};
use crate::model::types::{CallPolicy, CodelLaw, Expired, GivesUp, Order, Service};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node, Unary};
use crate::process::lower::Type;
use crate::process::population::State;

/// What a station that serves the newest first remembers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stack {
    /// Attempts per second, followed.
    rate: Node,
    /// Number waiting above which the newest go first; `None` if always.
    switch: Option<Node>,
}

impl Builder<'_> {
    /// State that follows the rate of attempts at a service, where something depends on it: index and node.
    pub(super) fn followed_rate(&mut self, service: &Service) -> Option<(usize, Node)> {
        let newest = matches!(service.queue.order.value, Order::Lifo | Order::AdaptiveLifo);
        let spaced = service.queue.codel.as_ref().is_some_and(|c| c.law.value == CodelLaw::Rfc8289);
        let needed = newest || spaced || service.expired.value == Expired::Drop || service.queue.pickup.value > 0.0;
        if !needed || service.servers.value.is_infinite() {
            return None;
        }
        let name = format!("{}.offered_rate", service.name.value);
        let capacity = service.servers.value / service.service_time.value;
        let state = self.process.state(State {
            info: StateInfo { name: name.clone(), start: 0.0, lower: 0.0, upper: f64::INFINITY, scale: capacity },
            unit: "req/s".to_owned(),
            about: "attempts per second, followed with the lag of a service time".to_owned(),
        });
        self.scope.define(name, state.1, Type::Quantity(Dimension::REQUEST_RATE));
        Some(state)
    }

    /// The stack of a service, if it serves the newest first.
    pub(super) fn stack(
        &mut self,
        service: &Service,
        servers: Option<Node>,
        offered: Option<(usize, Node)>,
    ) -> Option<Stack> {
        let (servers, (_, rate)) = (servers?, offered?);
        let switch = match service.queue.order.value {
            Order::Lifo => None,
            Order::AdaptiveLifo => Some(match &service.queue.switch {
                Some(switch) => self.number(switch),
                None => servers,
            }),
            Order::Fifo | Order::Priority => return None,
        };
        Some(Stack { rate, switch })
    }

    /// Balance of the rate that is followed.
    pub(super) fn follow_rate(&mut self, service: &Service, station: &Station, offered: Node) {
        let Some(index) = station.offered else { return };
        let lag = self.number(&service.service_time);
        let known = self.process.graph.state(index);
        let behind = self.sub(offered, known);
        let flow = self.div(behind, lag);
        self.process.flows.push((index, flow));
    }

    /// P(late | accepted) where the newest go first; `None` where they do not.
    pub(super) fn late_on_stack(&mut self, station: &Station, policy: &CallPolicy, timeout: Node) -> Option<Node> {
        let (stack, line) = (station.stack?, station.line?);
        let capacity = self.div(line.servers, line.hold);
        let share = self.within_sub_busy_period(stack.rate, capacity, line.hold, timeout);
        let room = self.not(station.blocked);
        let served = self.process.graph.binary(Binary::Min, share, room);
        let served = self.div(served, room);
        let buried = self.not(served);
        let m = self.process.graph.state(station.mean);
        let (four, one) = (self.c(4.0), self.c(1.0));
        let step = |b: &mut Self, over: Node| {
            let scaled = b.mul(four, over);
            b.process.graph.unary(Unary::Logistic, scaled)
        };
        let over = self.sub(m, line.servers);
        let busy = step(self, over);
        let buried = self.mul(busy, buried);
        let found = self.sub(one, buried);
        let longer = self.longer(line, timeout);
        let short = self.not(longer);
        let on_time = self.mul(short, found);
        let late = self.not(on_time);
        let Some(switch) = stack.switch else { return Some(late) };
        let over = self.sub(over, switch);
        let newest = step(self, over);
        let oldest_late = self.late_share(station, policy, timeout);
        let difference = self.sub(late, oldest_late);
        let change = self.mul(newest, difference);
        Some(self.add(oldest_late, change))
    }

    /// min(1, C/A) Ψ(τ - S).
    fn within_sub_busy_period(&mut self, rate: Node, capacity: Node, hold: Node, timeout: Node) -> Node {
        let g = &mut self.process.graph;
        let left = g.sub(timeout, hold);
        let tenth = g.constant(0.1);
        let least = g.mul(tenth, timeout);
        let t = g.binary(Binary::Max, left, least);
        let drift = g.sub(rate, capacity);
        let drift = g.unary(Unary::Abs, drift);
        let variance = g.add(rate, capacity);
        let spread = g.mul(variance, t);
        let deviation = g.unary(Unary::Sqrt, spread);
        let gone = g.mul(drift, t);
        let (one, two) = (g.constant(1.0), g.constant(2.0));
        let ahead = g.sub(gone, one);
        let above = g.div(ahead, deviation);
        let direct = g.unary(Unary::NormalCdf, above);
        let back = g.add(gone, one);
        let back = g.neg(back);
        let below = g.div(back, deviation);
        let mirrored = g.unary(Unary::NormalCdf, below);
        let double = g.mul(two, drift);
        let exponent = g.div(double, variance);
        let weight = g.unary(Unary::Exp, exponent);
        let mirrored = g.mul(weight, mirrored);
        let ends = g.add(direct, mirrored);
        let larger = g.binary(Binary::Max, rate, capacity);
        let ever = g.div(capacity, larger);
        g.mul(ever, ends)
    }

    /// Mean time until the answer of those who are buried, which comes when the stack has been emptied at full capacity; `None`
    /// where the newest do not go first, or nobody waits for an answer that is late.
    pub(in super::super) fn time_buried(
        &mut self,
        station: &Station,
        policy: &CallPolicy,
        timeout: Node,
    ) -> Option<Node> {
        let line = station.line.filter(|_| station.stack.is_some() && policy.gives_up.value == GivesUp::AtAnswer)?;
        let capacity = self.div(line.servers, line.hold);
        let drain = self.div(line.ahead, capacity);
        Some(self.add(timeout, drain))
    }

    /// Goodput of a stream counted at arrival, where departures do not tell; errors left out.
    pub(in super::super) fn goodput_at_arrival(
        &mut self,
        station: &Station,
        attempts: Node,
        fate: Fate,
    ) -> Option<Node> {
        station.stack.map(|_| self.mul(attempts, fate.answered))
    }
}
