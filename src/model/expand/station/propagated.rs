//! Deadlines that travel with a request: `propagate = true`. In seconds, requests per second, and shares.
//!
//! The time at which a caller stops waiting for an attempt, τ after it was sent, is known to the service called, which passes
//! it on in the calls that it makes itself (gRPC: the deadline is absolute and spans all calls below; Dean & Barroso 2013).
//! A call that would begin later is not made; none is waited for beyond it, and no retry begins after it. What the callee does
//! with work whose deadline has passed is its own `expired`.
//!
//! A slot that begins its calls now took up a request that had waited for A, by Little's law on those who wait (m - E min(n, c)
//! of them, who came at the rate α of the last while A), and worked for S₀:
//!
//! ```text
//! A  = (m - E min(n, c))/α,   α' = (accepted - α)/(A + S₀)
//! Y₁ = A + S₀                      gamma with that mean and variance (Var X + X)/α² + s² S₀²,  X = (n - c + 1)⁺
//! Y_k = Y_{k-1} + failure + pause  time from arrival to attempt k of a call: means and variances add
//! p_k = P(Y_k < τ)                 share of the requests with time left for attempt k
//! r_k = τ - E[Y_k | Y_k < τ]       time left then, in the mean
//! ```
//!
//! With W the time in the system of the callee, τ_c the timeout of an attempt of the call, and f the share that is retried if
//! there is time, the slot is held and the callee is asked for
//!
//! ```text
//! H  = S₀ + p_1 (t_1 + f p_2/p_1 (pause_2 + t_2 + f p_3/p_2 (...)))     t_k = (1 - B) E min(W, τ_c, r_k)
//! a_1 = d p_1,  a_{k+1} = a_k f p_{k+1}/p_k                            d departures per second
//! ```
//!
//! A callee that serves what has expired does not know: the caller is answered in time if the whole of it is in time, calls in
//! full, which is the law of the time in the system with the full mean and variance. A callee that drops or cancels, or that
//! passes the deadline on itself, sees callers with a patience l that follows the mean of min(τ_c, r_k) over the attempts with
//! a lag of 20 ms; the caller is then in time if it reaches its calls in time and none of them is ended by the deadline.
//!
//! J. Dean & L. Barroso, *The tail at scale*, CACM 56(2) (2013) 74-80; gRPC, *gRPC and deadlines* (2018).

use super::super::Builder;
use super::super::stream::Sends;
use super::{Fate, Station};
use crate::model::types::{CallPolicy, Expired, Jitter, Retry, Service};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node};
use crate::process::lower::Type;
use crate::process::population::State;

/// Least coefficient of variation of the time until an attempt: a step this wide is smooth.
const SPREAD: f64 = 0.02;
/// Shares below this are none.
const NOBODY: f64 = 1e-9;

/// What the requests that slots take now have waited for, and how long their callers wait in all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    time: Node,
    variance: Node,
    timeout: Node,
}

/// Time from the arrival of a request to the first attempt of a call it makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub mean: Node,
    pub variance: Node,
    pub timeout: Node,
}

/// What a deadline lets through of the attempts of a call.
#[derive(Debug, Clone)]
pub(in crate::model::expand) struct Passed {
    /// Share of the requests that have time left for the call.
    pub open: Node,
    /// Of the failed attempts that would be retried, the share with time left, from the first on.
    pub onward: Vec<Node>,
}

/// What becomes of a call under a deadline that is passed on.
pub(super) struct Within {
    /// Mean time it holds a slot, over all requests.
    pub time: Node,
    /// Where the callee is told of the deadline: share of the calls that it does not end.
    pub met: Option<Node>,
    /// Share that ends well, of those.
    pub well: Node,
}

impl Builder<'_> {
    /// The deadline that comes with the requests of a service at rest, if any does: the shortest.
    fn deadline_at(&self, service: &str) -> Option<f64> {
        let from_clients = self.model.clients.iter().filter(|c| c.calls.value == service);
        let from_clients = from_clients.filter(|c| c.policy.propagate.value).filter_map(|c| own_patience(&c.policy));
        let calls = self.model.services.iter().flat_map(|s| s.calls.iter().map(move |call| (s, call)));
        let calls = calls.filter(|(_, call)| call.target.value == service && call.policy.propagate.value);
        let from_calls = calls.filter_map(|(caller, call)| {
            let inherited = self.deadline_at(&caller.name.value);
            let own = own_patience(&call.policy);
            [inherited, own].into_iter().flatten().reduce(f64::min)
        });
        from_clients.chain(from_calls).reduce(f64::min)
    }

    /// The state of what is left to the calls of a policy, if the callee needs it.
    pub(in crate::model::expand) fn left_of(&self, policy: &CallPolicy) -> Option<usize> {
        self.lefts.get(&policy.processes.path).copied()
    }

    /// How long a caller waits for an attempt, at most.
    pub(super) fn patience_of(&mut self, policy: &CallPolicy) -> Option<Node> {
        if let Some(index) = self.left_of(policy) {
            return Some(self.process.graph.state(index));
        }
        let timeout = self.within_deadline(policy).timeout?;
        Some(self.number(&timeout))
    }

    /// The time after which an attempt at a station is given up: for those who would serve it all the same, by its own
    /// timeout, because a deadline that passes is not retried.
    pub(super) fn given_up_after(&mut self, station: &Station, policy: &CallPolicy) -> Option<Node> {
        if station.judges() && self.left_of(policy).is_some() {
            return self.patience_of(policy);
        }
        policy.timeout.as_ref().map(|timeout| self.number(timeout))
    }

    /// Creates the states of what is left to calls of a service that drops or cancels, or passes deadlines on.
    pub(super) fn left_states(&mut self, service: &Service) {
        let passes = service.calls.iter().any(|call| call.policy.propagate.value);
        if service.expired.value == Expired::Serve && !passes {
            return;
        }
        let model = self.model;
        for caller in &model.services {
            let Some(inherited) = self.deadline_at(&caller.name.value) else { continue };
            let calls =
                caller.calls.iter().filter(|c| c.target.value == service.name.value && c.policy.propagate.value);
            for call in calls {
                let name = format!("{}.{}.left", caller.name.value, service.name.value);
                let start = own_patience(&call.policy).map_or(inherited, |own| own.min(inherited));
                let (index, node) = self.process.state(State {
                    info: StateInfo { name: name.clone(), start, lower: 0.0, upper: 1.01 * start, scale: start },
                    unit: "s".to_owned(),
                    about: "time until the deadline that comes with the calls made now".to_owned(),
                });
                self.scope.define(name, node, Type::Quantity(Dimension::TIME));
                self.lefts.insert(call.policy.processes.path.clone(), index);
            }
        }
    }

    /// The deadline that comes with the requests of a service, if its calls pass one on.
    fn inherited(&mut self, service: &Service) -> Option<Node> {
        let passed = service.calls.iter().find(|call| call.policy.propagate.value)?;
        let callers = self.callers_of(&service.name.value);
        let known: Vec<Option<f64>> = callers
            .iter()
            .map(|(_, p)| own_patience(p).filter(|_| p.propagate.value && self.left_of(p).is_none()))
            .collect();
        let first = callers.iter().find(|(_, policy)| policy.propagate.value)?;
        if callers.len() > 1 && (known[0].is_none() || known.iter().any(|k| *k != known[0])) {
            let message = "a deadline that is passed on needs equal timeouts of all who call the service in the middle";
            let hint = "give them the same timeout and `propagate`; `tipping referee` simulates any";
            self.without_equations(&passed.policy.propagate.span, message, hint);
        }
        self.patience_of(&first.1)
    }

    /// How long those have waited whom slots take now; `None` where no deadline is passed on.
    pub(super) fn head_of_line(
        &mut self,
        service: &Service,
        (m, busy): (Node, Node),
        (ahead, ahead_variance): (Node, Node),
    ) -> Option<Pace> {
        let timeout = self.inherited(service)?;
        if service.servers.value.is_infinite() {
            let none = self.c(0.0);
            return Some(Pace { time: none, variance: none, timeout });
        }
        let name = rate_state(service);
        let capacity = service.servers.value / service.service_time.value;
        let (_, rate) = self.process.state(State {
            info: StateInfo { name: name.clone(), start: capacity, lower: 0.0, upper: f64::INFINITY, scale: capacity },
            unit: "req/s".to_owned(),
            about: "attempts accepted per second while the first in the queue has waited".to_owned(),
        });
        self.scope.define(name, rate, Type::Quantity(Dimension::REQUEST_RATE));
        let time = self.waited((m, busy), rate);
        let spread = self.add(ahead_variance, ahead);
        let square = self.process.graph.power(rate, 2.0);
        let tiny = self.c(NOBODY);
        let square = self.add(square, tiny);
        Some(Pace { time, variance: self.div(spread, square), timeout })
    }

    /// A = (m - E min(n, c))/α.
    fn waited(&mut self, (m, busy): (Node, Node), rate: Node) -> Node {
        let (zero, tiny) = (self.c(0.0), self.c(NOBODY));
        let waiting = self.sub(m, busy);
        let waiting = self.process.graph.binary(Binary::Max, zero, waiting);
        let rate = self.add(rate, tiny);
        self.div(waiting, rate)
    }

    /// Balance of the rate at which those came whom slots take now.
    pub(super) fn pace_balance(&mut self, service: &Service, station: &Station, accepted: Node) {
        let Some(index) = self.process.state_index(&rate_state(service)) else { return };
        let rate = self.process.graph.state(index);
        let inside = self.inside_of(station);
        let time = self.waited((inside, station.busy), rate);
        let own = self.number(&service.service_time);
        let lag = self.add(time, own);
        let behind = self.sub(accepted, rate);
        let flow = self.div(behind, lag);
        self.process.flows.push((index, flow));
    }

    /// From the arrival of a request to its first call.
    pub(super) fn until_calls(&mut self, pace: Pace, own: Node, own_variance: Node) -> Before {
        Before {
            mean: self.add(pace.time, own),
            variance: self.add(pace.variance, own_variance),
            timeout: pace.timeout,
        }
    }

    /// p_k and r_k.
    fn time_left(&mut self, law: Before) -> (Node, Node) {
        let least = self.c(SPREAD * SPREAD);
        let square = self.process.graph.power(law.mean, 2.0);
        let least = self.mul(least, square);
        let variance = self.process.graph.binary(Binary::Max, law.variance, least);
        let scale = self.div(law.mean, variance);
        let (shape, x) = (self.mul(law.mean, scale), self.mul(law.timeout, scale));
        let late = self.process.graph.binary(Binary::GammaQ, shape, x);
        let share = self.not(late);
        let one = self.c(1.0);
        let next = self.add(shape, one);
        let late = self.process.graph.binary(Binary::GammaQ, next, x);
        let part = self.not(late);
        // Where nobody has time left, they come just at the deadline.
        let tiny = self.c(NOBODY);
        let part = self.mul(law.mean, part);
        let rest = self.mul(tiny, law.timeout);
        let (up, down) = (self.add(part, rest), self.add(share, tiny));
        let used = self.div(up, down);
        let left = self.sub(law.timeout, used);
        let least = self.c(1e-3);
        let least = self.mul(least, law.timeout);
        (share, self.process.graph.binary(Binary::Max, left, least))
    }

    /// What becomes of a call and its retries, over all requests, those that no longer make it included.
    pub(super) fn call_within(
        &mut self,
        (name, target): (&str, &Station),
        policy: &CallPolicy,
        (fate, sends): (Fate, Sends),
        before: Before,
    ) -> Within {
        let attempts =
            policy.retry.as_ref().map_or(1, |r| r.attempts.value.min(super::super::stream::MOST_ATTEMPTS) as usize);
        let again = match &policy.retry {
            Some(retry) if attempts > 1 => self.retried(policy, retry, fate),
            _ => self.c(0.0),
        };
        let again = sends.retried.map_or(again, |share| self.mul(again, share));
        let accepted = self.not(fate.rejected);
        let tiny = self.c(NOBODY);
        let mut law = before;
        let (mut shares, mut times, mut pauses, mut patience) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for k in 1..=attempts {
            let (share, left) = self.time_left(law);
            let longest = match &policy.timeout {
                Some(timeout) => {
                    let timeout = self.number(timeout);
                    self.process.graph.binary(Binary::Min, timeout, left)
                }
                None => left,
            };
            let stay = self.at_most(target, longest);
            shares.push(share);
            times.push(self.mul(accepted, stay));
            patience.push(longest);
            if let Some(retry) = policy.retry.as_ref().filter(|_| k < attempts) {
                let (mean, variance) = self.until_retry(policy, retry, fate, again, k + 1);
                pauses.push(self.mean_backoff(retry, k + 1));
                law = Before { mean: self.add(law.mean, mean), variance: self.add(law.variance, variance), ..law };
            }
        }
        let onward: Vec<Node> = shares
            .windows(2)
            .map(|pair| {
                let (rest, all) = (self.add(pair[1], tiny), self.add(pair[0], tiny));
                self.div(rest, all)
            })
            .collect();
        let mut time = times[attempts - 1];
        for k in (0..attempts - 1).rev() {
            let later = self.add(pauses[k], time);
            let on = self.mul(again, onward[k]);
            let later = self.mul(on, later);
            time = self.add(times[k], later);
        }
        let told = target.judges() && self.left_of(policy).is_some();
        let (met, well) = if told {
            let beyond = self.beyond_last(policy, law, shares[attempts - 1]);
            let (met, well) = self.met(policy, fate, again, (&onward, beyond));
            (Some(met), well)
        } else {
            (None, fate.answered)
        };
        let open = shares[0];
        let (mut made, mut well) = (open, well);
        if let Some(sent) = sends.sent {
            made = self.mul(open, sent);
            well = self.mul(well, sent);
        }
        self.left_balance(policy, again, &onward, &patience);
        self.passed.insert(name.to_owned(), Passed { open, onward });
        Within { time: self.mul(made, time), met, well }
    }

    /// Of those whose last attempt times out, the share that has time left.
    fn beyond_last(&mut self, policy: &CallPolicy, law: Before, last: Node) -> Node {
        let Some(timeout) = &policy.timeout else { return self.c(0.0) };
        let timeout = self.number(timeout);
        let mean = self.add(law.mean, timeout);
        let (share, _) = self.time_left(Before { mean, ..law });
        let tiny = self.c(NOBODY);
        let (rest, all) = (self.add(share, tiny), self.add(last, tiny));
        self.div(rest, all)
    }

    /// Share of the calls begun that the deadline does not end, and share of those that end well: what times out with no time
    /// left has met the deadline, what times out with time left has failed.
    fn met(&mut self, policy: &CallPolicy, fate: Fate, again: Node, (onward, beyond): (&[Node], Node)) -> (Node, Node) {
        let (mut weight, mut missed, mut answered) = (self.c(1.0), self.c(0.0), self.c(0.0));
        for k in 0..=onward.len() {
            let next = onward.get(k).copied().unwrap_or(beyond);
            let over = if policy.timeout.is_some() { self.not(next) } else { self.c(1.0) };
            let ends = self.mul(fate.timed_out, over);
            let ends = self.mul(weight, ends);
            missed = self.add(missed, ends);
            let well = self.mul(weight, fate.answered);
            answered = self.add(answered, well);
            let on = self.mul(again, next);
            weight = self.mul(weight, on);
        }
        let (tiny, one) = (self.c(NOBODY), self.c(1.0));
        let met = self.not(missed);
        let met = self.process.graph.binary(Binary::Max, met, tiny);
        let (up, down) = (self.add(answered, tiny), self.add(met, tiny));
        let well = self.div(up, down);
        (met, self.process.graph.binary(Binary::Min, one, well))
    }

    /// E min(W, x).
    fn at_most(&mut self, target: &Station, x: Node) -> Node {
        let (shape, scaled) = self.wait_gamma(target, x);
        let one = self.c(1.0);
        let next = self.add(shape, one);
        let beyond = self.process.graph.binary(Binary::GammaQ, next, scaled);
        let within = self.not(beyond);
        let within = self.mul(target.wait, within);
        let late = self.process.graph.binary(Binary::GammaQ, shape, scaled);
        let cut = self.mul(x, late);
        self.add(within, cut)
    }

    /// Mean and variance of the time from attempt k - 1 that fails to attempt k.
    fn until_retry(&mut self, policy: &CallPolicy, retry: &Retry, fate: Fate, again: Node, k: usize) -> (Node, Node) {
        let pause = self.mean_backoff(retry, k);
        let factor = match retry.jitter {
            Jitter::None => 0.0,
            Jitter::Exponential => 1.0,
            Jitter::Full | Jitter::Decorrelated => 1.0 / 3.0,
            Jitter::Equal => 1.0 / 27.0,
        };
        let factor = self.c(factor);
        let square = self.process.graph.power(pause, 2.0);
        let variance = self.mul(factor, square);
        let Some(timeout) = policy.timeout.as_ref().filter(|_| retry.on.timeout) else { return (pause, variance) };
        let (timeout, tiny) = (self.number(timeout), self.c(NOBODY));
        let felt = self.with_probability(retry, fate.timed_out);
        let (up, down) = (self.add(felt, tiny), self.add(again, tiny));
        let share = self.div(up, down);
        let rest = self.not(share);
        let mean = self.mul(share, timeout);
        let square = self.process.graph.power(timeout, 2.0);
        let spread = self.mul(share, rest);
        let spread = self.mul(spread, square);
        (self.add(pause, mean), self.add(variance, spread))
    }

    /// Balance of what is left to the attempts of a call, in the mean.
    fn left_balance(&mut self, policy: &CallPolicy, again: Node, onward: &[Node], patience: &[Node]) {
        let Some(index) = self.left_of(policy) else { return };
        let (mut weight, mut up, mut down) = (self.c(1.0), self.c(0.0), self.c(0.0));
        for (k, &longest) in patience.iter().enumerate() {
            let part = self.mul(weight, longest);
            up = self.add(up, part);
            down = self.add(down, weight);
            if let Some(&on) = onward.get(k) {
                let on = self.mul(again, on);
                weight = self.mul(weight, on);
            }
        }
        let mean = self.div(up, down);
        let known = self.process.graph.state(index);
        let behind = self.sub(mean, known);
        let lag = self.c(LAG);
        let flow = self.div(behind, lag);
        self.process.flows.push((index, flow));
    }
}

/// Lag with which a callee learns how patient its callers have become, in seconds.
const LAG: f64 = 0.02;

fn rate_state(service: &Service) -> String {
    format!("{}.arrival_rate", service.name.value)
}

/// How long a caller waits for an attempt by its own numbers.
fn own_patience(policy: &CallPolicy) -> Option<f64> {
    [&policy.timeout, &policy.deadline].into_iter().flatten().map(|q| q.value).reduce(f64::min)
}
