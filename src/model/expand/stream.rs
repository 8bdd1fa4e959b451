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
//! Token bucket (one for all clients of the stream): T' = fill · a_1 · (1 - e^{-(size-T)}) - g · D, g = 1 - e^{-T}, where D
//! are the retries wanted and g D those made. The exponentials smooth the empty and the full bucket over one token; with an
//! empty bucket retries are held to `fill` per first attempt, whatever the smoothing.
//!
//! What is one event (fluid closure only, see [`crate::process::event`]): an attempt leaves the back-off, enters the queue or is refused,
//! and sends its client to the next back-off, all at once or exactly a timeout later. Its event has the rate of the last
//! back-off stage; where a wait is a true delay it has none and is fired by the failed attempt before it. A token bucket
//! stays a flow: its tokens are many small parts, and the share of retries it allows is drawn per retry.
//!
//! Closed loop: of N users, those who neither wait nor are in back-off think, and a_1 = thinking/Z. Users whose attempt will
//! be answered stay for E[W | W <= τ]; those whose attempt will time out for τ. Both are kept as first-order lags with these
//! means, exact in equilibrium (Little's law).

use super::Builder;
use super::station::{Arrival, Fate, Station};
use crate::model::types::{Arrivals, Budget, CallPolicy, Client, Closure, Jitter, Quantity, Retry, Service};
use crate::process::dimension::Dimension;
use crate::process::event::{Event, Later, Outcome};
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node, Op, Unary};
use crate::process::lower::Type;
use crate::process::population::State;

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

/// Largest finite number of attempts that is expanded attempt by attempt.
pub(super) const MOST_ATTEMPTS: f64 = 64.0;

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
                let first = self.mul(count, caller.departures);
                let name = format!("{}.{}", service.name.value, call.target.value);
                if call.policy.retry.as_ref().is_some_and(|r| r.budget.is_some()) {
                    let hint = "give the budget to the client instead";
                    self.without_equations(
                        &call.target.span,
                        "retry budgets on nested calls are not supported yet",
                        hint,
                    );
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
        let mut goodput = at_arrival.unwrap_or_else(|| self.mul(station.departures, stream.fate.useful));
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
        let mut fate = self.fate(&station, policy);
        let plain = Type::Quantity(Dimension::NONE);
        self.name(format!("{name}.late"), fate.late, plain);
        let (missing, hits) = self.misses(policy, first);
        let mut hits: Vec<Node> = hits.into_iter().collect();
        let mut attempts = vec![missing];
        let mut waiting = Vec::new();
        let mut tries = vec![Try { rate: Some(missing), from: None, next: None, misses: None }];
        let mut allowed = None;
        if let Some(retry) = &policy.retry
            && retry.attempts.value > 1.0
        {
            let endless = if hits.is_empty() {
                self.endless(name, policy, retry, (&station, fate), missing, scale)
            } else {
                None
            };
            if let Some((retries, of_all)) = endless {
                fate = of_all;
                attempts.push(retries);
                tries.push(Try { rate: Some(retries), from: None, next: None, misses: None });
            } else {
                allowed = self.retries(
                    name,
                    policy,
                    retry,
                    (&station, fate),
                    scale.max(1e-9),
                    &mut attempts,
                    &mut waiting,
                    &mut tries,
                    &mut hits,
                );
            }
        }
        if self.joins_events() {
            self.attempt_events(name, policy, fate, station.queue(), allowed, &tries, watchers);
        }
        let total = self.process.graph.sum(&attempts);
        let arriving = self.let_through(target, policy, total, fate.late);
        let entering = self.mul(total, fate.entering);
        let (work, class) = (self.work_of(name), self.class_of(name, target));
        if let Some(station) = self.stations.get_mut(target) {
            station.arrivals.push(Arrival { attempts: arriving, entering, work, class });
        }
        self.doomed_balance(name, &station, policy, (total, fate));
        let hits = (!hits.is_empty()).then(|| self.process.graph.sum(&hits));
        Some(Stream { first, attempts: total, arriving, hits, fate, waiting })
    }

    #[expect(clippy::too_many_arguments, reason = "one place, and each is a different thing")]
    fn retries(
        &mut self,
        name: &str,
        policy: &CallPolicy,
        retry: &Retry,
        (station, fate): (&Station, Fate),
        scale: f64,
        attempts: &mut Vec<Node>,
        waiting: &mut Vec<usize>,
        tries: &mut Vec<Try>,
        hits: &mut Vec<Node>,
    ) -> Option<Node> {
        let unlimited = retry.attempts.value.is_infinite();
        if retry.attempts.value.is_finite() && retry.attempts.value > MOST_ATTEMPTS {
            let message = format!("more than {MOST_ATTEMPTS} attempts are expanded one by one and would be slow");
            self.without_equations(
                &retry.attempts.span,
                message,
                "write attempts = \"unlimited\", which has its own equations",
            );
            return None;
        }
        if unlimited && (retry.jitter != Jitter::Exponential || retry.backoff.value == 0.0) {
            let message = "unlimited attempts need an exponential back-off greater than zero";
            self.without_equations(
                &retry.attempts.span,
                message,
                "write jitter = \"exponential\", or a finite number of attempts",
            );
            return None;
        }
        let budget = retry.budget.as_ref().map(|b| self.bucket(name, b));
        // Retries wanted, for the bucket; without delays: a bucket is asked when the failure is felt.
        let mut wanted = Vec::new();
        let last = if unlimited { self.distinct_backoffs(retry) + 1 } else { retry.attempts.value as usize };
        for k in 2..=last {
            let before = attempts[k - 2];
            let forever = unlimited && k == last;
            let (next, own) = self.retry_stage(
                name,
                policy,
                retry,
                (station, fate),
                (before, k, forever),
                scale,
                budget,
                waiting,
                tries,
                hits,
            );
            wanted.extend(own);
            attempts.push(next);
        }
        if let (Some((index, allowed)), Some(Budget::TokenBucket { fill, size })) = (budget, &retry.budget) {
            let demand = self.process.graph.sum(&wanted);
            self.fill_bucket(index, allowed, demand, attempts[0], fill, size);
        }
        budget.map(|(_, allowed)| allowed)
    }

    /// Number of back-offs before they stop changing (growth 1, or the cap reached).
    fn distinct_backoffs(&mut self, retry: &Retry) -> usize {
        if retry.growth.value == 1.0 {
            return 1;
        }
        let steps = (retry.cap.value / retry.backoff.value).ln() / retry.growth.value.ln();
        if steps.is_finite() && steps < MOST_ATTEMPTS {
            return steps.ceil().max(0.0) as usize + 1;
        }
        let hint = "give a cap, for example cap = \"20 s\"";
        self.without_equations(
            &retry.growth.span,
            "unlimited attempts with growing back-off need a cap within reach",
            hint,
        );
        1
    }

    /// Builds the wait before attempt k; returns its rate and the retries wanted.
    #[expect(clippy::too_many_arguments, reason = "one place, and each is a different thing")]
    fn retry_stage(
        &mut self,
        name: &str,
        policy: &CallPolicy,
        retry: &Retry,
        (station, fate): (&Station, Fate),
        (before, k, forever): (Node, usize, bool),
        scale: f64,
        budget: Option<(usize, Node)>,
        waiting: &mut Vec<usize>,
        tries: &mut Vec<Try>,
        hits: &mut Vec<Node>,
    ) -> (Node, Vec<Node>) {
        let backoff = self.backoff(retry, k);
        let zero_wait = retry.backoff.value == 0.0;
        // The wait: a fixed part, then `stages` exponential stages of mean `stage` each.
        let zero = self.c(0.0);
        let (fixed, stages, stage) = match retry.jitter {
            _ if zero_wait => (zero, 0, backoff),
            Jitter::None => (backoff, 0, backoff),
            Jitter::Exponential => (zero, 1, backoff),
            Jitter::Full => (zero, 3, self.part(backoff, 6.0)),
            Jitter::Equal => (self.part(backoff, 2.0), 3, self.part(backoff, 12.0)),
        };
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
                    scale: scale * (retry.backoff.value / f64::from(stages)).max(1e-6),
                },
                unit: "req".to_owned(),
                about: format!("clients waiting to send attempt {label}"),
            });
            let kind = Type::Quantity(Dimension::REQUEST);
            self.scope.define(format!("{name}.backoff_{label}{suffix}"), node, kind);
            waiting.push(index);
            chain.push((index, node));
        }
        let out = chain.last().map(|&(_, node)| self.div(node, stage));
        let next = Next { fixed, stage: chain.first().map(|&(index, _)| index), attempt: k - 1 };
        if let Some(before) = tries.last_mut() {
            before.next = Some(next);
        }
        let misses = self.misses_again(policy, retry, k);
        let from = chain.last().map(|&(index, _)| index);
        tries.push(Try { rate: out, from, next: forever.then_some(next), misses });
        let joint = self.joins_events();
        let on = out.map(|out| misses.map_or(out, |m| self.mul(out, m)));
        let source = match (forever, on) {
            (true, Some(out)) => self.add(before, out),
            _ => before,
        };
        let mut wanted = Vec::new();
        let mut arriving = Vec::new();
        let failures = [
            (retry.on.timeout, fate.timed_out, "times out", policy.timeout.clone()),
            (retry.on.reject, fate.rejected, "is refused", None),
            (retry.on.error, fate.failed, "gets an error", None),
        ];
        for (on, share, verb, after) in failures {
            if !on || self.process.graph.value(share) == Some(0.0) {
                continue;
            }
            let lagged = after.is_some() && !Self::felt_on_time(policy);
            let failing = if lagged {
                self.found_late(name, k - 1, (station, policy, fate), source, scale)
            } else {
                self.mul(source, share)
            };
            let after = after.filter(|_| !lagged);
            let failing = self.with_probability(retry, failing);
            wanted.push(failing);
            let retried = budget.map_or(failing, |(_, allowed)| self.mul(failing, allowed));
            let delay = match &after {
                Some(timeout) => {
                    let timeout = self.number(timeout);
                    self.add(timeout, fixed)
                }
                // A refusal is felt after both network legs.
                None => match station.network {
                    Some((legs, _)) if !lagged => self.add(legs, fixed),
                    _ => fixed,
                },
            };
            let hindsight = after.as_ref().and_then(|timeout| self.late_in_hindsight(station, timeout, fixed, delay));
            let (retried, delay) = match hindsight {
                Some(late) => {
                    let accepted = self.not(fate.rejected);
                    let sent = self.mul(source, accepted);
                    let sent = self.with_probability(retry, sent);
                    let sent = budget.map_or(sent, |(_, allowed)| self.mul(sent, allowed));
                    let sent = self.process.graph.delayed(sent, delay);
                    (self.mul(sent, late), self.c(0.0))
                }
                None => (retried, delay),
            };
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
                hits.push(self.sub(rate, missing));
                missing
            }
            None => rate,
        };
        self.name(format!("{name}.attempt_{k}"), rate, Type::Quantity(Dimension::REQUEST_RATE));
        (rate, wanted)
    }

    /// Events of the attempts of a stream. Outcomes of attempt k, with A the share of retries the budget allows and F a
    /// failure that is retried:
    ///
    /// ```text
    /// refused and retried            rejected · A                      to the next wait, at once
    /// late and retried               timed out · A                     queue + 1; to the next wait a timeout later
    /// failed and retried             failed · A                        queue + 1; to the next wait, at once
    /// accepted and nothing follows   accepted - retried of accepted    queue + 1
    /// ```
    #[expect(clippy::too_many_arguments, reason = "one place, and each is a different thing")]
    fn attempt_events(
        &mut self,
        name: &str,
        policy: &CallPolicy,
        fate: Fate,
        queue: usize,
        allowed: Option<Node>,
        tries: &[Try],
        watchers: Watchers,
    ) {
        let base = self.process.events.len();
        let timeout = policy.timeout.as_ref().map(|t| self.number(t));
        let zero = self.c(0.0);
        let on = policy.retry.as_ref().map(|r| r.on);
        // A timeout that is not felt at a fixed time has a transition of its own.
        let on_timeout = on.is_some_and(|on| on.timeout) && Self::felt_on_time(policy);
        let allowed = match &policy.retry {
            Some(retry) if retry.probability.value != 1.0 => {
                let all = allowed.unwrap_or_else(|| self.c(1.0));
                Some(self.with_probability(retry, all))
            }
            _ => allowed,
        };
        let drops = self.process.graph.value(fate.dropped) != Some(0.0);
        let in_vain = if drops { self.sub(fate.timed_out, fate.dropped) } else { fate.timed_out };
        for (k, attempt) in tries.iter().enumerate() {
            let enters = |watcher: Option<usize>| -> Vec<(usize, f64)> {
                std::iter::once((queue, 1.0)).chain(watcher.map(|w| (w, 1.0))).collect()
            };
            let failures = [
                (on.is_some_and(|on| on.reject), fate.rejected, Vec::new(), zero),
                (on_timeout, in_vain, enters(watchers.in_vain), timeout.unwrap_or(zero)),
                (on.is_some_and(|on| on.error), fate.failed, enters(watchers.in_time), zero),
            ];
            let mut outcomes = Vec::new();
            // What is left of the late and of the others once those who will be back are taken out.
            let on_time = self.add(fate.answered, fate.failed);
            let mut rest = [zero, in_vain, on_time];
            if let Some(misses) = attempt.misses {
                rest = rest.map(|share| self.mul(share, misses));
            }
            for (i, (on, share, jumps, after)) in failures.into_iter().enumerate() {
                let Some(next) = attempt.next.filter(|_| on && self.process.graph.value(share) != Some(0.0)) else {
                    continue;
                };
                let probability = allowed.map_or(share, |a| self.mul(share, a));
                let probability = attempt.misses.map_or(probability, |m| self.mul(probability, m));
                rest[i] = self.sub(rest[i], probability);
                let delay = self.add(after, next.fixed);
                let outcome = self.retried_outcome(probability, jumps, delay, base, next);
                outcomes.push(outcome);
            }
            for (i, watcher) in [(1, watchers.in_vain), (2, watchers.in_time)] {
                let nothing_left = match self.process.graph.op(rest[i]) {
                    Op::Binary(Binary::Sub, a, b) => a == b,
                    _ => self.process.graph.value(rest[i]) == Some(0.0),
                };
                if !nothing_left {
                    outcomes.push(Outcome { probability: rest[i], jumps: enters(watcher), later: None });
                }
            }
            // Those whom no slot will take do not enter the queue that counts.
            if let Some(next) = attempt.next.filter(|_| drops && on_timeout) {
                let share = attempt.misses.map_or(fate.dropped, |misses| self.mul(misses, fate.dropped));
                let probability = allowed.map_or(share, |a| self.mul(share, a));
                let delay = self.add(timeout.unwrap_or(zero), next.fixed);
                let outcome = self.retried_outcome(probability, Vec::new(), delay, base, next);
                outcomes.push(outcome);
            }
            let jumps = attempt.from.map(|stage| (stage, -1.0)).into_iter().collect();
            let name = format!("{name}: attempt {}", k + 1);
            self.process.events.push(Event { name, rate: attempt.rate, dispersion: None, jumps, outcomes });
        }
    }

    /// An attempt that fails and comes back.
    fn retried_outcome(
        &mut self,
        probability: Node,
        mut jumps: Vec<(usize, f64)>,
        delay: Node,
        base: usize,
        next: Next,
    ) -> Outcome {
        let later = match next.stage {
            Some(stage) if self.process.graph.value(delay) == Some(0.0) => {
                jumps.push((stage, 1.0));
                None
            }
            Some(stage) => Some(Later { delay, jumps: vec![(stage, 1.0)], fires: None }),
            None => Some(Later { delay, jumps: Vec::new(), fires: Some(base + next.attempt) }),
        };
        Outcome { probability, jumps, later }
    }

    /// Only paths need events, and paths need one state per queue: its length.
    pub(super) fn joins_events(&self) -> bool {
        self.closure == Closure::Fluid
    }

    /// Marks the transition added last as part of an event.
    pub(super) fn join_last(&mut self, joint: bool) {
        if let Some(last) = self.process.transitions.last_mut() {
            last.joint = joint;
        }
    }

    fn part(&mut self, whole: Node, divisor: f64) -> Node {
        let divisor = self.c(divisor);
        self.div(whole, divisor)
    }

    /// Creates the state of a token bucket; returns its index and the share of retries it allows.
    fn bucket(&mut self, name: &str, budget: &Budget) -> (usize, Node) {
        let Budget::TokenBucket { size, .. } = budget;
        let (index, tokens) = self.process.state(State {
            info: StateInfo {
                name: format!("{name}.tokens"),
                start: size.value,
                lower: 0.0,
                upper: size.value.max(1.0) * 1.01 + 1.0,
                scale: 1.0,
            },
            unit: String::new(),
            about: "tokens left in the retry budget".to_owned(),
        });
        self.scope.define(format!("{name}.tokens"), tokens, Type::Quantity(Dimension::NONE));
        let minus = self.process.graph.neg(tokens);
        let empty = self.process.graph.unary(Unary::Exp, minus);
        (index, self.not(empty))
    }

    fn fill_bucket(
        &mut self,
        index: usize,
        allowed: Node,
        demand: Node,
        first: Node,
        fill: &Quantity,
        size: &Quantity,
    ) {
        let tokens = self.process.graph.state(index);
        let (fill, size) = (self.number(fill), self.number(size));
        let room = self.sub(tokens, size);
        let full = self.process.graph.unary(Unary::Exp, room);
        let open = self.not(full);
        let earned = self.mul(fill, first);
        let earned = self.mul(earned, open);
        let spent = self.mul(allowed, demand);
        let flow = self.sub(earned, spent);
        self.process.flows.push((index, flow));
    }

    /// Closed loop: users who think, wait, or are in back-off.
    fn closed_loop(&mut self, client: &Client, users: &Quantity, think: &Quantity) -> Option<Stream> {
        let name = client.name.value.clone();
        let all = self.number(users);
        let pause = self.number(think);
        let waiting_state = |b: &mut Self, suffix: &str, about: &str| {
            b.process.state(State {
                info: StateInfo {
                    name: format!("{name}.{suffix}"),
                    start: 0.0,
                    lower: 0.0,
                    upper: 2.0 * users.value,
                    scale: (0.1 * users.value).max(1.0),
                },
                unit: "req".to_owned(),
                about: about.to_owned(),
            })
        };
        let (served, in_time) = waiting_state(self, "waiting", "users whose attempt will be answered in time");
        let has_timeout = client.policy.timeout.is_some();
        let vain = has_timeout.then(|| waiting_state(self, "waiting_in_vain", "users whose attempt will time out"));
        // Back-off states do not exist yet: first attempts are built on a placeholder state that is the sum of them.
        let has_bucket = client.policy.retry.as_ref().is_some_and(|r| r.budget.is_some());
        let before = self.process.states.len() + usize::from(has_bucket);
        let probe = self.backoff_states(client);
        let mut away = vec![in_time];
        away.extend(vain.map(|v| v.1));
        away.extend((before..before + probe).map(|i| self.process.graph.state(i)));
        let busy = self.process.graph.sum(&away);
        let left = self.sub(all, busy);
        let zero = self.c(0.0);
        let thinking = self.process.graph.binary(Binary::Max, zero, left);
        let first = self.div(thinking, pause);
        let scale = users.value / think.value.max(1e-3);
        let watchers = Watchers { in_time: Some(served), in_vain: vain.map(|v| v.0) };
        let stream = self.stream(&name, &client.calls.value, &client.policy, (first, scale), watchers)?;
        let joint = self.joins_events();
        let station: Station = self.stations.get(&client.calls.value).cloned()?;
        let station = self.seen_by(&name, &client.calls.value, station);
        self.output(
            format!("{name}.thinking"),
            thinking,
            Type::Quantity(Dimension::REQUEST),
            "req",
            "users between requests",
        );
        let answered = self.add(stream.fate.answered, stream.fate.failed);
        let entering = self.mul(stream.attempts, answered);
        let stay = match &client.policy.timeout {
            None => station.wait,
            Some(timeout) => {
                let timeout = self.number(timeout);
                // E[W | W <= τ]; tends to τ when nothing is in time.
                let within = self.within(&station, &client.policy, timeout);
                let on_time = self.not(stream.fate.late);
                let tiny = self.c(1e-9);
                let up = self.mul(tiny, timeout);
                let (up, down) = (self.add(within, up), self.add(on_time, tiny));
                self.div(up, down)
            }
        };
        let leaving = self.div(in_time, stay);
        self.process.transition(format!("{name}: attempt sent, will be answered"), entering, vec![(served, 1.0)], None);
        self.join_last(joint);
        self.process.transition(format!("{name}: answer"), leaving, vec![(served, -1.0)], None);
        if let Some((index, node)) = vain {
            let timeout = self.time_in_vain(&station, &client.policy, stream.fate.late);
            let entering = self.mul(stream.attempts, stream.fate.timed_out);
            let leaving = self.div(node, timeout);
            self.process.transition(format!("{name}: attempt sent, will be late"), entering, vec![(index, 1.0)], None);
            self.join_last(joint);
            self.process.transition(format!("{name}: timeout"), leaving, vec![(index, -1.0)], None);
        }
        Some(stream)
    }

    /// How many back-off states the policy of a client will create.
    fn backoff_states(&mut self, client: &Client) -> usize {
        let Some(retry) = &client.policy.retry else { return 0 };
        if retry.backoff.value == 0.0 {
            return 0;
        }
        let per_attempt = match retry.jitter {
            Jitter::None => 0,
            Jitter::Exponential => 1,
            Jitter::Full | Jitter::Equal => 3,
        };
        let unlimited = retry.attempts.value.is_infinite();
        let retries = if unlimited { self.distinct_backoffs(retry) } else { retry.attempts.value as usize - 1 };
        per_attempt * retries
    }
}
