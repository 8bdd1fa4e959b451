//! Retry budgets as equations: one state (or two) for a typical client process, and the share g of the retries wanted that
//! it allows. The load is spread equally over N processes; a₁ first attempts, A attempts, D retries wanted per second (felt:
//! a timeout when it runs out) are those of the whole stream.
//!
//! ```text
//! token-bucket   T' = fill a₁ (1 - e^{T-size})/N - g D/N,   g = 1 - e^{-T}
//! ratio          T' = (share a₁ - g D)/N + floor - T/window,   g = 1 - e^{-T}
//! rate           T' = rate - g D/N - T/window,   g = 1 - e^{-T}
//! concurrency    f' = A (1 - B) - f/E min(W, τ),   r' = g D - r/(b + (1 - B) E min(W, τ))
//!                L = max(share f/N, minimum),   g = min(1, L) (1 - (r/(N L))^L)
//! throttle       T' = (fill S - F)/N - σ² θ/(2 size),   σ² = (fill² S + F)/N,   θ/2 = y (3 - y²)/(1 - y²),  y = 2 T/size - 1
//!                g = (1 - e^{-θ (1/2 - 1/size)})/(1 - e^{-θ})
//! cost-bucket    T' = [fill S₁ (1 - e^{T-size}) - g (c Dₑ + cₜ Dₜ) + c̄ S_r]/N,   g = 1 - e^{-T/c̄}
//! ```
//!
//! S, S₁, S_r are attempts, first attempts and retries answered well, F attempts that failed in a way that is retried, B the
//! share refused, b the mean back-off, c the cost of a retry after an error or a refusal (Dₑ), cₜ after a timeout (Dₜ), c̄
//! their mean.
//!
//! The exponentials smooth the empty and the full bucket over one token (one price): where a bucket is the limit, what is
//! spent equals what is earned, whatever the smoothing. A sliding window over which requests are counted is an exponential
//! one of the same content: credit that is not used fades within `window`.
//!
//! Concurrency: the retries of a process are a loss system with L places. (r/(N L))^L is the chance that all are taken if each
//! is with probability r/(N L); for L = 1 that is Erlang's formula exactly.
//!
//! Throttle: a random walk of tokens between 0 and `size` with drift d and variance σ² per second has, when it moves in small
//! steps, the stationary density e^{θ T/size} with θ = 2 d size/σ²; its mean defines θ (the inverse Langevin function in Cohen's
//! approximation, Rheol. Acta 30, 1991), and g is the chance that T, less the token which the failure takes, exceeds size/2.

use super::super::Builder;
use super::super::station::{Fate, Station};
use crate::model::types::{Budget, CallPolicy, Quantity, Retry};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node, Unary};
use crate::process::lower::Type;
use crate::process::population::State;

/// The states of a budget, and the share of retries that it allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purse {
    /// Tokens of a process; retries outstanding of all for a bound on concurrency.
    index: usize,
    /// Attempts in flight, for a bound on concurrency.
    in_flight: Option<usize>,
    /// Share of the retries wanted that are made.
    pub(super) allowed: Node,
}

/// What a stream does to its budget; rates per second of the whole stream.
pub(super) struct Demand<'a> {
    /// Retries wanted after a timeout, when it is felt, and after refusals and errors.
    pub(super) after_timeouts: Node,
    pub(super) after_others: Node,
    /// First attempts before and after what holds them back.
    pub(super) first: Node,
    /// Attempts by index, those sent.
    pub(super) attempts: &'a [Node],
    /// Back-off before each attempt from the second on.
    pub(super) pauses: &'a [Node],
    pub(super) fate: Fate,
}

impl Builder<'_> {
    /// A state of a client, dimensionless.
    pub(super) fn plain_state(
        &mut self,
        name: String,
        start: f64,
        upper: f64,
        scale: f64,
        about: &str,
    ) -> (usize, Node) {
        let info = StateInfo { name: name.clone(), start, lower: 0.0, upper, scale };
        let (index, node) = self.process.state(State { info, unit: String::new(), about: about.to_owned() });
        self.scope.define(name, node, Type::Quantity(Dimension::NONE));
        (index, node)
    }

    /// `1 - e^{-x/scale}`
    fn filled(&mut self, x: Node, scale: Option<Node>) -> Node {
        let x = scale.map_or(x, |s| self.div(x, s));
        let minus = self.process.graph.neg(x);
        let empty = self.process.graph.unary(Unary::Exp, minus);
        self.not(empty)
    }

    /// Creates the states of a budget. `load`: typical rate of first attempts.
    pub(super) fn purse(&mut self, name: &str, retry: &Retry, policy: &CallPolicy, load: f64) -> Option<Purse> {
        let budget = retry.budget.as_ref()?;
        let tokens = format!("{name}.tokens");
        let about = "tokens left in the retry budget of a process";
        let per_process = load / policy.processes.value;
        let full = |size: &Quantity| size.value.max(1.0) * 1.01 + 1.0;
        Some(match budget {
            Budget::TokenBucket { size, .. } => {
                let (index, node) = self.plain_state(tokens, size.value, full(size), 1.0, about);
                Purse { index, in_flight: None, allowed: self.filled(node, None) }
            }
            Budget::Ratio { share, floor, window } => {
                let most = (share.value * per_process + floor.value) * window.value;
                let start = floor.value * window.value;
                let (index, node) = self.plain_state(tokens, start, f64::INFINITY, (0.1 * most).max(1.0), about);
                Purse { index, in_flight: None, allowed: self.filled(node, None) }
            }
            Budget::Rate { rate, window } => {
                let most = rate.value * window.value;
                let (index, node) = self.plain_state(tokens, most, 1.01 * most + 1.0, (0.1 * most).max(1.0), about);
                Purse { index, in_flight: None, allowed: self.filled(node, None) }
            }
            Budget::CostBucket { size, cost, .. } => {
                let (index, node) = self.plain_state(tokens, size.value, full(size), cost.value, about);
                let price = self.number(cost);
                Purse { index, in_flight: None, allowed: self.filled(node, Some(price)) }
            }
            Budget::Throttle { fill, size } => {
                let start = size.value - 0.5 * fill.value.min(size.value);
                let (index, node) = self.plain_state(tokens, start, 1.01 * size.value, 1.0, about);
                let size = self.number(size);
                let theta = self.tilt(node, size);
                Purse { index, in_flight: None, allowed: self.above_half(theta, size) }
            }
            Budget::Concurrency { share, minimum } => {
                let about = "retries outstanding, back-off included";
                let scale = load.max(1.0);
                let (index, r) = self.plain_state(format!("{name}.outstanding"), 0.0, f64::INFINITY, scale, about);
                let about = "attempts sent and waited for";
                let (flying, f) = self.plain_state(format!("{name}.in_flight"), 0.0, f64::INFINITY, scale, about);
                let n = self.number(&policy.processes);
                let (share, minimum) = (self.number(share), self.number(minimum));
                let (r, f) = (self.div(r, n), self.div(f, n));
                let relative = self.mul(share, f);
                let bound = self.process.graph.binary(Binary::Max, relative, minimum);
                let tiny = self.c(1e-9);
                let bound = self.process.graph.binary(Binary::Max, bound, tiny);
                let one = self.c(1.0);
                let used = self.div(r, bound);
                let used = self.process.graph.binary(Binary::Min, used, one);
                let used = self.process.graph.binary(Binary::Max, used, tiny);
                let log = self.process.graph.unary(Unary::Ln, used);
                let log = self.mul(bound, log);
                let taken = self.process.graph.unary(Unary::Exp, log);
                let free = self.not(taken);
                let whole = self.process.graph.binary(Binary::Min, bound, one);
                Purse { index, in_flight: Some(flying), allowed: self.mul(whole, free) }
            }
        })
    }

    /// θ of the density e^{θ T/size} whose mean is T.
    fn tilt(&mut self, tokens: Node, size: Node) -> Node {
        let (two, three, one, edge) = (self.c(2.0), self.c(3.0), self.c(1.0), self.c(1.0 - 1e-7));
        let share = self.div(tokens, size);
        let y = self.mul(two, share);
        let y = self.sub(y, one);
        let y = self.process.graph.binary(Binary::Min, y, edge);
        let minus = self.process.graph.neg(edge);
        let y = self.process.graph.binary(Binary::Max, y, minus);
        let square = self.process.graph.power(y, 2.0);
        let up = self.sub(three, square);
        let up = self.mul(y, up);
        let down = self.not(square);
        let half = self.div(up, down);
        self.mul(two, half)
    }

    /// (1 - e^{-θ (1/2 - 1/size)})/(1 - e^{-θ}), the chance of more than size/2 + 1 tokens.
    fn above_half(&mut self, theta: Node, size: Node) -> Node {
        let (half, one, small) = (self.c(0.5), self.c(1.0), self.c(1e-6));
        let token = self.div(one, size);
        let rest = self.sub(half, token);
        let zero = self.c(0.0);
        let rest = self.process.graph.binary(Binary::Max, rest, zero);
        // θ = 0 is a removable singularity: kept a millionth away from it.
        let size_of = self.process.graph.unary(Unary::Abs, theta);
        let near = self.process.graph.binary(Binary::Less, size_of, small);
        let theta = self.process.graph.select(near, small, theta);
        let up = self.mul(theta, rest);
        let up = self.filled(up, None);
        let down = self.filled(theta, None);
        self.div(up, down)
    }

    /// Adds the flows of a budget.
    pub(super) fn settle(
        &mut self,
        purse: Purse,
        budget: &Budget,
        policy: &CallPolicy,
        station: &Station,
        d: &Demand<'_>,
    ) {
        let n = self.number(&policy.processes);
        let level = self.process.graph.state(purse.index);
        let wanted = self.add(d.after_timeouts, d.after_others);
        let made = self.mul(purse.allowed, wanted);
        let full = |b: &mut Self, size: Node| {
            let room = b.sub(size, level);
            b.filled(room, None)
        };
        let all = self.process.graph.sum(d.attempts);
        let flow = match budget {
            Budget::TokenBucket { fill, size } => {
                let (fill, size) = (self.number(fill), self.number(size));
                let open = full(self, size);
                let earned = self.mul(fill, d.first);
                let earned = self.mul(earned, open);
                let net = self.sub(earned, made);
                self.div(net, n)
            }
            Budget::Ratio { share, floor, window } => {
                let (share, floor, window) = (self.number(share), self.number(floor), self.number(window));
                let earned = self.mul(share, d.first);
                let net = self.sub(earned, made);
                let net = self.div(net, n);
                let net = self.add(net, floor);
                let faded = self.div(level, window);
                self.sub(net, faded)
            }
            Budget::Rate { rate, window } => {
                let (rate, window) = (self.number(rate), self.number(window));
                let spent = self.div(made, n);
                let net = self.sub(rate, spent);
                let faded = self.div(level, window);
                self.sub(net, faded)
            }
            Budget::CostBucket { fill, size, cost, timeout_cost } => {
                let (fill, size, cost) = (self.number(fill), self.number(size), self.number(cost));
                let dear = timeout_cost.as_ref().map_or(cost, |c| self.number(c));
                let open = full(self, size);
                let served = self.mul(d.first, d.fate.answered);
                let earned = self.mul(fill, served);
                let earned = self.mul(earned, open);
                let (x, y) = (self.mul(cost, d.after_others), self.mul(dear, d.after_timeouts));
                let price = self.add(x, y);
                let spent = self.mul(purse.allowed, price);
                let tiny = self.c(1e-12);
                let (up, down) = (self.add(price, tiny), self.add(wanted, tiny));
                let mean = self.div(up, down);
                let mean = self.process.graph.binary(Binary::Min, mean, dear);
                let retries = self.process.graph.sum(d.attempts.get(1..).unwrap_or_default());
                let helped = self.mul(retries, d.fate.answered);
                let back = self.mul(mean, helped);
                let back = self.mul(back, open);
                let net = self.sub(earned, spent);
                let net = self.add(net, back);
                self.div(net, n)
            }
            Budget::Throttle { fill, size } => {
                let (fill, size) = (self.number(fill), self.number(size));
                let ok = self.mul(all, d.fate.answered);
                let failed = self.failures_felt(policy, all, d.fate, false);
                let (ok, failed) = (self.div(ok, n), self.div(failed, n));
                let gained = self.mul(fill, ok);
                let drift = self.sub(gained, failed);
                let square = self.mul(fill, gained);
                let variance = self.add(square, failed);
                let theta = self.tilt(level, size);
                let spread = self.mul(variance, theta);
                let two = self.c(2.0);
                let double = self.mul(two, size);
                let spread = self.div(spread, double);
                self.sub(drift, spread)
            }
            Budget::Concurrency { .. } => {
                let accepted = self.not(d.fate.rejected);
                let stay = self.patience(station, policy, d.fate.late);
                if let Some(index) = purse.in_flight {
                    let flying = self.process.graph.state(index);
                    let sent = self.mul(all, accepted);
                    let left = self.div(flying, stay);
                    let flow = self.sub(sent, left);
                    self.process.flows.push((index, flow));
                }
                // Mean back-off over the attempts made.
                let tiny = self.c(1e-12);
                let (mut up, mut down) = (tiny, tiny);
                for (&rate, &pause) in d.attempts.iter().skip(1).zip(d.pauses) {
                    let rate = self.add(rate, tiny);
                    let paused = self.mul(rate, pause);
                    (up, down) = (self.add(up, paused), self.add(down, rate));
                }
                let pause = self.div(up, down);
                let stay = self.mul(stay, accepted);
                let hold = self.add(pause, stay);
                let left = self.div(level, hold);
                self.sub(made, left)
            }
        };
        self.process.flows.push((purse.index, flow));
    }

    /// Attempts per second that fail, timeouts when they are felt: all failures, or only those that are retried.
    pub(super) fn failures_felt(&mut self, policy: &CallPolicy, sent: Node, fate: Fate, all: bool) -> Node {
        let on = policy.retry.as_ref().map(|r| r.on);
        let counts = |which: fn(crate::model::types::RetryOn) -> bool| all || on.is_some_and(which);
        let mut total = self.c(0.0);
        if counts(|on| on.reject) {
            let failing = self.mul(sent, fate.rejected);
            total = self.add(total, failing);
        }
        if counts(|on| on.error) {
            let failing = self.mul(sent, fate.failed);
            total = self.add(total, failing);
        }
        if let (true, Some(timeout)) = (counts(|on| on.timeout), &policy.timeout) {
            let timeout = self.number(timeout);
            let failing = self.mul(sent, fate.timed_out);
            let felt = self.process.graph.delayed(failing, timeout);
            total = self.add(total, felt);
        }
        total
    }
}
