//! How long a slot is held: a request's own work, and the calls that it waits for, one after the other or at once.

use super::propagated::Pace;
use crate::model::expand::Builder;
use crate::model::types::{Service, ServiceCall};
use crate::process::graph::{Node, Unary};

/// How long a slot is held.
pub(super) struct Held {
    /// Mean time of its own work.
    pub(super) own: Node,
    /// Mean, of all that a slot takes.
    pub(super) mean: Node,
    /// Mean and variance if no deadline that came with the request cut it short.
    pub(super) whole: Node,
    pub(super) variance: Node,
    /// The same without the calls whose callee is told of the deadline, and says itself who is in time.
    pub(super) judged: Node,
    pub(super) judged_variance: Node,
    /// Share of the requests that no such callee has kept beyond their deadline.
    pub(super) met: Option<Node>,
    /// Share answered without an error, of those.
    pub(super) well: Node,
}

impl Builder<'_> {
    /// How long a slot is held, and how that ends.
    pub(super) fn hold(&mut self, service: &Service, inside: Node, pace: Option<Pace>) -> Held {
        let own = self.own_time(service, inside);
        let variability = self.number(&service.variability);
        let square = self.process.graph.power(own, 2.0);
        let variance = self.mul(variability, square);
        let mut before = pace.map(|pace| self.until_calls(pace, own, variance));
        let own_errors = self.number(&service.error_share);
        let well = self.not(own_errors);
        let mut held =
            Held { own, mean: own, whole: own, variance, judged: own, judged_variance: variance, met: None, well };
        for call in &service.calls {
            let Some(target) = self.stations.get(&call.target.value).cloned() else { continue };
            let policy = &self.within_deadline(&call.policy);
            let mut fate = self.fate(&target, policy);
            let hedging = self.hedging(&target, policy, fate);
            if let Some(hedging) = hedging {
                fate = hedging.fate;
            }
            let sends = self.held_back(service, call, &target);
            let (outcome, each) = match call.fan() {
                None => {
                    let outcome = self.call_outcome(&target, policy, (fate, sends), hedging.map(|h| h.time));
                    let spread = match hedging {
                        Some(_) => target.wait_variance,
                        None => self.call_variance(&target, policy, (fate, sends)),
                    };
                    (outcome, spread)
                }
                Some(fan) => {
                    let all = self.together(&target, call, fate, hedging, fan);
                    ((all.time, all.success), all.variance)
                }
            };
            let (time, mut success) = self.past_cache(policy, outcome);
            let count = self.number(&call.count);
            let total = self.mul(count, time);
            let spread = self.mul(count, each);
            let mut law = (total, total);
            let mut told = false;
            if let Some(law_before) = before.filter(|_| policy.propagate.value) {
                let name = format!("{}.{}", service.name.value, call.target.value);
                let within = self.call_within((&name, &target), policy, (fate, sends), law_before);
                let (time, _) = self.past_cache(policy, (within.time, success));
                law.0 = self.mul(count, time);
                if let Some(met) = within.met {
                    told = true;
                    law.1 = law.0;
                    success = self.past_cache(policy, (time, within.well)).1;
                    let met = self.past_cache(policy, (time, met)).1;
                    let met = self.each_of(call, count, met);
                    held.met = Some(held.met.map_or(met, |all| self.mul(all, met)));
                }
            }
            held.mean = self.add(held.mean, law.0);
            held.whole = self.add(held.whole, law.1);
            held.variance = self.add(held.variance, spread);
            if !told {
                held.judged = self.add(held.judged, total);
                held.judged_variance = self.add(held.judged_variance, spread);
            }
            if let Some(before) = &mut before {
                before.mean = self.add(before.mean, law.1);
                before.variance = self.add(before.variance, spread);
            }
            let all_good = self.each_of(call, count, success);
            held.well = self.mul(held.well, all_good);
        }
        held
    }

    /// Share of requests of which all calls of a kind end so, if a call does with this probability.
    fn each_of(&mut self, call: &ServiceCall, count: Node, share: Node) -> Node {
        if call.count.value == 1.0 {
            return share;
        }
        let log = self.process.graph.unary(Unary::Ln, share);
        let scaled = self.mul(count, log);
        self.process.graph.unary(Unary::Exp, scaled)
    }
}
