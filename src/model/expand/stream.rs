//! Streams of attempts: what a client, or a service that calls another, sends.
//!
//! First attempts arrive at rate a_1. An attempt of index k fails in one of the ways of [`super::station::Fate`]; those that
//! are retried (and that the budget allows) wait and come back as attempt k + 1:
//!
//! ```text
//! f_k(t) = a_k(t - τ) · late share at t - τ                a timeout is felt τ after the attempt arrived
//!        + a_k(t) · (rejected + failed) share              refusals and errors at once
//! (in the fluid closure with the capacity there was between t - τ and t; see `Builder::late_in_hindsight`)
//! jitter = none:         a_{k+1}(t) = f_k(t - b_k)                                  a true delay
//! jitter = exponential:  o' = f_k - o/b_k,                  a_{k+1} = o/b_k
//! jitter = full:         three exponential stages of b_k/6 each: mean b/2 and variance b²/12 of the uniform distribution
//! jitter = equal:        a delay of b_k/2, then three stages of b_k/12: mean 3b/4, variance b²/48
//! ```
//!
//! Only stages of equal back-off can share a state, which is how `attempts = "unlimited"` with growth 1 stays small.
//!
//! jitter = decorrelated: a delay of the base, then three stages of (m_k - base)/3, m_k the mean wait (see `super::station`)
//!
//! A budget lets a share g of the retries wanted through, asked when the failure is felt ([`budget`]); breakers, rate limits
//! and throttles hold attempts back ([`guards`]). More attempts than [`MOST_ATTEMPTS`] share one back-off ([`many`]).
//! A deadline over all attempts ends them before attempt k if k - 1 timeouts and the mean back-offs before it use it up.
//!
//! What is one event (fluid closure only, see [`crate::process::event`]): an attempt leaves the back-off, enters the queue or is refused,
//! and sends its client to the next back-off, all at once or exactly a timeout later. Its event has the rate of the last
//! back-off stage; where a wait is a true delay it has none and is fired by the failed attempt before it. A token bucket
//! stays a flow: its tokens are many small parts, and the share of retries it allows is drawn per retry.
//!
//! Closed loop: of N users, those who neither wait nor are in back-off think, and a_1 = thinking/Z. Users whose attempt will
//! be answered stay for E[W | W <= τ]; those whose attempt will time out for τ. Both are kept as first-order lags with these
//! means, exact in equilibrium (Little's law).

mod budget;
mod closed;
mod events;
mod guards;
mod hedge;
mod many;
mod nested;

use super::Builder;
use super::station::{Arrival, Fate, Station};
use crate::model::types::{Arrivals, CallPolicy, Client, Retry, Service};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::Node;
use crate::process::lower::Type;
use crate::process::population::State;
use budget::{Demand, Purse};
pub(super) use hedge::Hedging;
use many::shares_backoff;
pub(super) use nested::{Nested, Sends};

/// Attempt rates of one stream.
struct Stream {
    first: Node,
    /// Those that go on to the service.
    attempts: Node,
    /// Those that reach it.
    arriving: Node,
    /// Answered by a cache.
    hits: Option<Node>,
    fate: Fate,
    /// Users in back-off, all attempts together.
    waiting: Vec<usize>,
}

/// What of one attempt is part of its event.
struct Try {
    /// Attempts per second; `None` if only a failed attempt before it makes one.
    rate: Option<Node>,
    /// Back-off stage it leaves.
    from: Option<usize>,
    /// Where a failure leads: the wait before the next attempt.
    next: Option<Next>,
    /// Share that no cache answers, if there is one.
    misses: Option<Node>,
    /// Of its failures that would be retried, the share whose deadline leaves time.
    onward: Option<Node>,
}

/// What all retries of a stream have in common.
#[derive(Clone, Copy)]
struct Plan<'a> {
    name: &'a str,
    policy: &'a CallPolicy,
    retry: &'a Retry,
    station: &'a Station,
    fate: Fate,
    /// Typical rate of first attempts.
    scale: f64,
    /// Share of the retries wanted that are sent.
    allowed: Option<Node>,
    purse: Option<Purse>,
    hedging: Option<Hedging>,
}

/// What the attempts of a stream add up to.
struct Lists<'a> {
    /// Rate of each attempt that reaches the service.
    attempts: &'a mut Vec<Node>,
    /// States of those in back-off.
    waiting: &'a mut Vec<usize>,
    /// Events of the attempts.
    tries: &'a mut Vec<Try>,
    /// Attempts that a cache answers, per second.
    hits: &'a mut Vec<Node>,
}

/// Retries wanted, when the failure is felt, per second.
#[derive(Default)]
struct Felt {
    after_timeouts: Vec<Node>,
    after_others: Vec<Node>,
}

/// The wait before an attempt.
#[derive(Clone, Copy)]
struct Next {
    /// Fixed part, in seconds.
    fixed: Node,
    /// First stage of the rest; `None` if there is none.
    stage: Option<usize>,
    /// Position of the attempt in its stream.
    attempt: usize,
}

/// States of a closed loop that count those who wait for an answer.
#[derive(Clone, Copy, Default)]
struct Watchers {
    in_time: Option<usize>,
    in_vain: Option<usize>,
}

/// Largest number of attempts that is expanded attempt by attempt.
pub(in crate::model::expand) const MOST_ATTEMPTS: f64 = 64.0;

impl Builder<'_> {
    /// Builds the whole system layer.
    pub(super) fn system(&mut self) {
        let order = self.callees_first();
        for service in &order {
            self.station(service);
        }
        let model = self.model;
        let mut streams = Vec::new();
        for client in &model.clients {
            streams.extend(self.client(client).map(|(stream, load)| (client, stream, load)));
        }
        for service in order.iter().rev() {
            for call in &service.calls {
                let Some(caller) = self.stations.get(&service.name.value).cloned() else { continue };
                let count = self.number(&call.count);
                let begun = self.mul(count, caller.begins);
                let number = self.c(call.fan().map_or(1.0, |fan| f64::from(fan.0)));
                let mut first = self.mul(number, begun);
                let name = format!("{}.{}", service.name.value, call.target.value);
                if let Some(open) = self.passed.get(&name).map(|p| p.open) {
                    first = self.mul(first, open);
                }
                self.stream(&name, &call.target.value, &call.policy, (first, 1.0), Watchers::default());
            }
        }
        self.refreshes();
        for service in &order {
            self.balance(service);
            self.error_path_balance(service);
        }
        self.cache_balances();
        self.scaler_balances();
        self.spread_balances();
        for (client, stream, load) in &streams {
            self.client_outputs(client, stream, *load);
        }
        self.totals();
    }

    /// Services with every callee before its callers (the model has no cycles: that was checked).
    fn callees_first(&self) -> Vec<Service> {
        let mut order: Vec<Service> = Vec::new();
        let mut left: Vec<&Service> = self.model.services.iter().collect();
        while !left.is_empty() {
            let ready = |s: &Service| s.calls.iter().all(|c| order.iter().any(|o| o.name.value == c.target.value));
            let Some(next) = left.iter().position(|s| ready(s)) else { break };
            order.push(left.remove(next).clone());
        }
        order
    }

    /// Builds the stream of a client; returns it with the rate of its first attempts.
    fn client(&mut self, client: &Client) -> Option<(Stream, Node)> {
        let name = &client.name.value;
        let (stream, load) = match &client.arrivals {
            Arrivals::Open { load } => {
                let node = self.number(load);
                let first = (node, load.value);
                (self.stream(name, &client.calls.value, &client.policy, first, Watchers::default()), node)
            }
            Arrivals::Closed { users, think } => {
                let stream = self.closed_loop(client, users, think);
                let first = stream.as_ref().map(|s| s.first);
                let zero = self.c(0.0);
                (stream, first.unwrap_or(zero))
            }
        };
        Some((stream?, load))
    }

    /// What a client sees. Goodput is counted when answers leave the service: of its departures those that are this
    /// client's, in time and well. (At rest that is the same as counting attempts that will be answered.)
    fn client_outputs(&mut self, client: &Client, stream: &Stream, load: Node) {
        let name = &client.name.value;
        let Some(station) = self.stations.get(&client.calls.value).cloned() else { return };
        let rate = Type::Quantity(Dimension::REQUEST_RATE);
        let plain = Type::Quantity(Dimension::NONE);
        let attempts = stream.hits.map_or(stream.attempts, |hits| self.add(stream.attempts, hits));
        let amplification = self.div(attempts, load);
        let station = self.seen_by(name, &client.calls.value, station);
        let at_arrival = self.goodput_at_arrival(&station, stream.attempts, stream.fate);
        let counted = at_arrival.is_some();
        let mut goodput = at_arrival.unwrap_or_else(|| {
            let policy = self.within_deadline(&client.policy);
            let useful = self.useful_of_departures(&station, &policy, stream.fate);
            self.mul(station.departures, useful)
        });
        if !counted && self.process.graph.value(station.error_share) != Some(0.0) {
            let well = self.not(station.error_share);
            goodput = self.mul(goodput, well);
        }
        if !counted && station.arrivals.len() > 1 {
            // Of what slots take, this stream's share.
            let part = |a: &Arrival| if station.drops() { a.entering } else { a.attempts };
            let parts: Vec<Node> = station.arrivals.iter().map(part).collect();
            let all = self.process.graph.sum(&parts);
            let own = if station.drops() { self.mul(stream.attempts, stream.fate.entering) } else { stream.arriving };
            let share = self.div(own, all);
            goodput = self.mul(goodput, share);
        }
        if let Some(hits) = stream.hits {
            goodput = self.add(goodput, hits);
        }
        let served = self.div(goodput, load);
        self.output(format!("{name}.load"), load, rate, "req/s", "requests, first attempts only");
        self.output(format!("{name}.goodput"), goodput, rate, "req/s", "requests answered in time");
        self.output(format!("{name}.attempts"), attempts, rate, "req/s", "attempts sent, retries included");
        self.output(format!("{name}.amplification"), amplification, plain, "", "attempts per request");
        self.output(format!("{name}.yield"), served, plain, "", "goodput / load");
        self.output(format!("{name}.timeout_share"), stream.fate.late, plain, "", "share of accepted attempts late");
        let in_backoff: Vec<Node> = stream.waiting.iter().map(|&i| self.process.graph.state(i)).collect();
        if !in_backoff.is_empty() {
            let total = self.process.graph.sum(&in_backoff);
            let kind = Type::Quantity(Dimension::REQUEST);
            self.output(format!("{name}.in_backoff"), total, kind, "req", "clients waiting to retry");
        }
    }

    /// Totals over all clients.
    fn totals(&mut self) {
        if self.model.clients.is_empty() {
            return;
        }
        let total = |b: &mut Self, what: &str| {
            let names: Vec<String> = b.model.clients.iter().map(|c| format!("{}.{what}", c.name.value)).collect();
            let nodes: Vec<Node> = names.iter().filter_map(|n| b.scope.get(n)).map(|v| v.0).collect();
            b.process.graph.sum(&nodes)
        };
        let (load, goodput, attempts) = (total(self, "load"), total(self, "goodput"), total(self, "attempts"));
        let (amplification, served) = (self.div(attempts, load), self.div(goodput, load));
        let rate = Type::Quantity(Dimension::REQUEST_RATE);
        let plain = Type::Quantity(Dimension::NONE);
        self.output("load", load, rate, "req/s", "requests of all clients");
        self.output("goodput", goodput, rate, "req/s", "requests answered in time");
        self.output("attempts", attempts, rate, "req/s", "attempts sent, retries included");
        self.output("amplification", amplification, plain, "", "attempts per request");
        self.output("yield", served, plain, "", "goodput / load");
    }

    /// A stream without timeout and retries.
    pub(super) fn plain_stream(&mut self, name: &str, target: &str, first: Node) {
        self.stream(name, target, &CallPolicy::default(), (first, 1.0), Watchers::default());
    }

    /// `first`: rate of first attempts and its typical size.
    fn stream(
        &mut self,
        name: &str,
        target: &str,
        policy: &CallPolicy,
        (first, scale): (Node, f64),
        watchers: Watchers,
    ) -> Option<Stream> {
        let station = self.stations.get(target).cloned()?;
        let station = self.seen_by(name, target, station);
        let policy = &self.within_deadline(policy);
        let mut fate = self.fate(&station, policy);
        let hedging = self.hedging(&station, policy, fate);
        if let Some(hedging) = &hedging {
            fate = hedging.fate;
        }
        let plain = Type::Quantity(Dimension::NONE);
        self.name(format!("{name}.late"), fate.late, plain);
        let nested = self.nested.get(name).copied();
        if let Some(nested) = nested {
            self.nested_flow(nested, first);
        }
        let mut guards = match nested {
            Some(nested) => nested.guards,
            None => self.guards(name, policy, &station, first),
        };
        guards.retried = guards.retried.or(self.still_wanted(name, &station, fate, hedging));
        let sent = guards.sent.map_or(first, |share| self.mul(first, share));
        let (missing, hits) = self.misses(policy, sent);
        let mut hits: Vec<Node> = hits.into_iter().collect();
        let mut attempts = vec![missing];
        let mut waiting = Vec::new();
        let mut tries = vec![Try { rate: Some(missing), from: None, next: None, misses: None, onward: None }];
        let mut allowed = None;
        if let Some(retry) = &policy.retry
            && retry.attempts.value > 1.0
        {
            let pass = guards.of_retries(self);
            let endless = if hits.is_empty() && pass.is_none() {
                self.endless(name, policy, retry, (&station, fate), missing, scale)
            } else {
                None
            };
            if let Some((retries, of_all)) = endless {
                fate = of_all;
                attempts.push(retries);
                tries.push(Try { rate: Some(retries), from: None, next: None, misses: None, onward: None });
            } else {
                let purse = match nested {
                    Some(nested) => nested.purse,
                    None => self.purse(name, retry, policy, scale),
                };
                allowed = match (purse.map(|p| p.allowed), pass) {
                    (Some(x), Some(y)) => Some(self.mul(x, y)),
                    (x, y) => x.or(y),
                };
                let scale = scale.max(1e-9);
                let plan = Plan { name, policy, retry, station: &station, fate, scale, allowed, purse, hedging };
                let mut lists =
                    Lists { attempts: &mut attempts, waiting: &mut waiting, tries: &mut tries, hits: &mut hits };
                self.retries(&plan, first, &mut lists);
            }
        }
        if self.joins_events() {
            self.attempt_events(name, policy, (fate, hedging), station.queue(), allowed, &tries, watchers);
        }
        let mut total = self.process.graph.sum(&attempts);
        if let Some(hedging) = &hedging {
            let pairs = total;
            let hedges = self.hedges(name, hedging, pairs);
            total = self.add(pairs, hedges);
            // Of all that is served, the part that answers a request.
            let (accepted, well) = (self.not(fate.rejected), self.not(station.error_share));
            let tiny = self.c(1e-12);
            let (up, served) = (self.mul(pairs, fate.answered), self.mul(total, accepted));
            let served = self.mul(served, well);
            let served = self.add(served, tiny);
            fate.useful = self.div(up, served);
        }
        self.guard_flows(guards, policy, &station, fate, (first, total));
        let arriving = self.let_through(target, policy, total, fate.late);
        let entering = self.mul(total, fate.entering);
        let (work, class) = (self.work_of(name), self.class_of(name, target));
        let others = self.fan_of(name).map(|(n, _)| self.c(f64::from(n) - 1.0));
        let together = others.map(|others| self.mul(others, first));
        if let Some(station) = self.stations.get_mut(target) {
            station.arrivals.push(Arrival { attempts: arriving, entering, work, class, together });
        }
        self.doomed_balance(name, &station, policy, (total, fate));
        let hits = (!hits.is_empty()).then(|| self.process.graph.sum(&hits));
        Some(Stream { first, attempts: total, arriving, hits, fate, waiting })
    }

    /// Builds all attempts after the first.
    fn retries(&mut self, plan: &Plan<'_>, first: Node, lists: &mut Lists<'_>) {
        let retry = plan.retry;
        let mut felt = Felt::default();
        let last = match self.distinct_attempts(retry) {
            Some(last) => last,
            None => return,
        };
        let mut pauses = Vec::new();
        for k in 2..=last {
            let before = lists.attempts[k - 2];
            let forever = k == last && shares_backoff(retry);
            let (next, pause) = self.retry_stage(plan, (before, k, forever), &mut felt, lists);
            lists.attempts.push(next);
            pauses.push(pause);
        }
        if let (Some(purse), Some(budget)) = (plan.purse, &retry.budget) {
            let after_timeouts = self.process.graph.sum(&felt.after_timeouts);
            let after_others = self.process.graph.sum(&felt.after_others);
            let fate = plan.fate;
            let attempts = &*lists.attempts;
            let demand = Demand { after_timeouts, after_others, first, attempts, pauses: &pauses, fate };
            self.settle(purse, budget, plan.policy, plan.station, &demand);
        }
    }

    /// Builds the wait before attempt k; returns its rate and the mean wait.
    fn retry_stage(
        &mut self,
        plan: &Plan<'_>,
        (before, k, forever): (Node, usize, bool),
        felt: &mut Felt,
        lists: &mut Lists<'_>,
    ) -> (Node, Node) {
        let Plan { name, policy, retry, station, fate, scale, allowed, hedging, .. } = *plan;
        let (fixed, stages, stage) = self.wait_stages(policy, retry, k, forever);
        let typical = if retry.backoff.value > 0.0 { retry.backoff.value } else { 0.1 };
        // A stage that feeds itself (unlimited attempts) gets its state before its inflow is known.
        let mut chain = Vec::new();
        for s in 0..stages {
            let suffix = if stages == 1 { String::new() } else { format!("_{}", s + 1) };
            let label = if forever { format!("{k}_on") } else { k.to_string() };
            let (index, node) = self.process.state(State {
                info: StateInfo {
                    name: format!("{name}.backoff_{label}{suffix}"),
                    start: 0.0,
                    lower: 0.0,
                    upper: f64::INFINITY,
                    scale: scale * (typical / f64::from(stages)).max(1e-6),
                },
                unit: "req".to_owned(),
                about: format!("clients waiting to send attempt {label}"),
            });
            let kind = Type::Quantity(Dimension::REQUEST);
            self.scope.define(format!("{name}.backoff_{label}{suffix}"), node, kind);
            lists.waiting.push(index);
            chain.push((index, node));
        }
        let out = chain.last().map(|&(_, node)| self.div(node, stage));
        let onward = self.onward(name, k - 1);
        let next = Next { fixed, stage: chain.first().map(|&(index, _)| index), attempt: k - 1 };
        if let Some(before) = lists.tries.last_mut() {
            before.next = Some(next);
            before.onward = onward;
        }
        let misses = self.misses_again(policy, retry, k);
        let from = chain.last().map(|&(index, _)| index);
        lists.tries.push(Try { rate: out, from, next: forever.then_some(next), misses, onward: None });
        let joint = self.joins_events();
        let on = out.map(|out| misses.map_or(out, |m| self.mul(out, m)));
        let source = match (forever, on) {
            (true, Some(out)) => self.add(before, out),
            _ => before,
        };
        let source = if forever { self.not_last(policy, retry, fate, source) } else { source };
        let mut arriving = Vec::new();
        let failures = [
            (retry.on.timeout, fate.timed_out, "times out", policy.timeout.clone()),
            (retry.on.reject, fate.rejected, "is refused", None),
            (retry.on.error, fate.failed, "gets an error", None),
        ];
        let pairs = hedging.map(|h| self.failed_pairs(&h, source));
        for (rate, wait) in pairs.into_iter().flatten().filter(|_| retry.on.timeout) {
            let failing = self.with_probability(retry, rate);
            let asked = allowed.is_some() && !chain.is_empty();
            let failing = if asked { self.process.graph.delayed(failing, wait) } else { failing };
            let delay = if asked { fixed } else { self.add(wait, fixed) };
            felt.after_timeouts.push(failing);
            let retried = allowed.map_or(failing, |share| self.mul(failing, share));
            match chain.first() {
                Some(&(index, _)) => {
                    let delay = (self.process.graph.value(delay) != Some(0.0)).then_some(delay);
                    let label = format!("{name}: attempt {} and its hedge time out", k - 1);
                    self.process.transition(label, retried, vec![(index, 1.0)], delay);
                    self.join_last(joint);
                }
                None => arriving.push(self.process.graph.delayed(retried, delay)),
            }
        }
        for (on, share, verb, after) in failures {
            // A deadline that passes without a timeout of the attempt's own is not retried.
            let retried_at_all = on && (verb != "times out" || after.is_some());
            let of_pair = hedging.is_some() && after.is_some();
            if !retried_at_all || of_pair || self.process.graph.value(share) == Some(0.0) {
                continue;
            }
            let lagged = after.is_some() && !Self::felt_on_time(policy);
            let failing = if lagged {
                self.found_late(name, k - 1, (station, policy, fate), source, scale)
            } else {
                self.mul(source, share)
            };
            let mut failing = self.with_probability(retry, failing);
            // How long after the attempt its failure leads to the next wait; none of it left if the rate is that felt now.
            let mut delay = fixed;
            match &after {
                Some(_) if lagged => felt.after_timeouts.push(failing),
                Some(timeout) => {
                    let wait = self.number(timeout);
                    // A wait without a state is a lag of the whole rate: there the budget is asked when the attempt is sent.
                    let (zero, asked) = (self.c(0.0), allowed.is_some() && !chain.is_empty());
                    let ago = if asked { zero } else { fixed };
                    let total = self.add(wait, ago);
                    match self.late_in_hindsight(station, timeout, ago, total) {
                        Some(late) => {
                            let accepted = self.not(fate.rejected);
                            let sent = self.mul(source, accepted);
                            let sent = self.with_probability(retry, sent);
                            let sent = self.process.graph.delayed(sent, total);
                            failing = self.mul(sent, late);
                            delay = if asked { fixed } else { zero };
                        }
                        None if asked => failing = self.process.graph.delayed(failing, wait),
                        None => delay = total,
                    }
                    felt.after_timeouts.push(failing);
                }
                None => felt.after_others.push(failing),
            }
            let retried = allowed.map_or(failing, |share| self.mul(failing, share));
            let retried = onward.map_or(retried, |share| self.mul(retried, share));
            match chain.first() {
                Some(&(index, _)) => {
                    let delay = (self.process.graph.value(delay) != Some(0.0)).then_some(delay);
                    let label = format!("{name}: attempt {} {verb}", k - 1);
                    self.process.transition(label, retried, vec![(index, 1.0)], delay);
                    self.join_last(joint && !lagged);
                }
                None => arriving.push(self.process.graph.delayed(retried, delay)),
            }
        }
        for (s, &(index, node)) in chain.iter().enumerate() {
            let leaving = self.div(node, stage);
            let mut jumps = vec![(index, -1.0)];
            jumps.extend(chain.get(s + 1).map(|&(next, _)| (next, 1.0)));
            self.process.transition(format!("{name}: back-off before attempt {k} ends"), leaving, jumps, None);
            self.join_last(joint && s + 1 == chain.len());
        }
        let rate = out.unwrap_or_else(|| self.process.graph.sum(&arriving));
        let rate = match misses {
            Some(misses) => {
                let missing = self.mul(rate, misses);
                lists.hits.push(self.sub(rate, missing));
                missing
            }
            None => rate,
        };
        self.name(format!("{name}.attempt_{k}"), rate, Type::Quantity(Dimension::REQUEST_RATE));
        let count = self.c(f64::from(stages));
        let random = self.mul(count, stage);
        (rate, self.add(fixed, random))
    }

    /// Of failed attempts k that would be retried, the share whose deadline, passed on from above, leaves time.
    fn onward(&self, name: &str, k: usize) -> Option<Node> {
        self.passed.get(name).and_then(|p| p.onward.get(k - 1).copied())
    }

    pub(super) fn part(&mut self, whole: Node, divisor: f64) -> Node {
        let divisor = self.c(divisor);
        self.div(whole, divisor)
    }
}
