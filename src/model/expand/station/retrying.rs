//! What a retry policy makes of one call: the share that is retried, the waits between attempts, and the mean time and fate of
//! a nested call with all its attempts.

use super::super::Builder;
use super::super::stream::{MOST_ATTEMPTS, Sends};
use super::{Fate, Station};
use crate::model::types::{CallPolicy, Jitter, Retry};
use crate::process::graph::{Binary, Node};

impl Builder<'_> {
    /// Share of attempts whose failure leads to a retry, if attempts are left.
    pub(in crate::model::expand) fn retried(&mut self, policy: &CallPolicy, retry: &Retry, fate: Fate) -> Node {
        let zero = self.c(0.0);
        let mut total = zero;
        for (on, share) in
            [(retry.on.reject, fate.rejected), (retry.on.timeout, fate.timed_out), (retry.on.error, fate.failed)]
        {
            if on && (share != fate.timed_out || policy.timeout.is_some()) {
                total = self.add(total, share);
            }
        }
        self.with_probability(retry, total)
    }

    /// Mean time of a nested call with all its attempts, and the probability that it ends well.
    /// `pair`: mean time of an attempt and its hedge, where there are hedges. Calls that are held back take no time and fail.
    pub(super) fn call_outcome(
        &mut self,
        station: &Station,
        policy: &CallPolicy,
        (fate, sends): (Fate, Sends),
        pair: Option<Node>,
    ) -> (Node, Node) {
        let (time, success) = self.sent_outcome(station, policy, (fate, sends), pair);
        match sends.sent {
            Some(sent) => (self.mul(sent, time), self.mul(sent, success)),
            None => (time, success),
        }
    }

    /// Variance of the time of a nested call: that of an attempt, cut at its timeout, times the mean number of attempts.
    pub(super) fn call_variance(
        &mut self,
        station: &Station,
        policy: &CallPolicy,
        (fate, sends): (Fate, Sends),
    ) -> Node {
        let Some(timeout) = &policy.timeout else { return station.wait_variance };
        if !Self::felt_on_time(policy) {
            return station.wait_variance;
        }
        // E[min(W, τ)²] = E W² P(shape + 2, x) + τ² Q(shape, x),  E W² = (E W)² (1 + 1/shape)
        let timeout = self.number(timeout);
        let (shape, x) = self.wait_gamma(station, timeout);
        let (one, two) = (self.c(1.0), self.c(2.0));
        let upper = |b: &mut Self, more: Node| {
            let shape = b.add(shape, more);
            b.process.graph.binary(Binary::GammaQ, shape, x)
        };
        let (beyond, second) = (upper(self, one), upper(self, two));
        let late = self.process.graph.binary(Binary::GammaQ, shape, x);
        let (first, second) = (self.not(beyond), self.not(second));
        let within = self.mul(station.wait, first);
        let cut = self.mul(timeout, late);
        let mean = self.add(within, cut);
        let inverse = self.div(one, shape);
        let ratio = self.add(one, inverse);
        let square = self.process.graph.power(station.wait, 2.0);
        let square = self.mul(square, ratio);
        let within = self.mul(square, second);
        let cut = self.mul(timeout, cut);
        let square = self.add(within, cut);
        let mean_square = self.process.graph.power(mean, 2.0);
        let variance = self.sub(square, mean_square);
        let least = self.c(1e-4);
        let least = self.mul(least, mean_square);
        let variance = self.process.graph.binary(Binary::Max, variance, least);
        let Some(retry) = &policy.retry else { return variance };
        let again = self.retried(policy, retry, fate);
        let again = sends.retried.map_or(again, |share| self.mul(again, share));
        let mut attempts = one;
        for _ in 1..retry.attempts.value.min(8.0) as usize {
            let more = self.mul(again, attempts);
            attempts = self.add(one, more);
        }
        self.mul(attempts, variance)
    }

    fn sent_outcome(
        &mut self,
        station: &Station,
        policy: &CallPolicy,
        (fate, sends): (Fate, Sends),
        pair: Option<Node>,
    ) -> (Node, Node) {
        let patience = pair.unwrap_or_else(|| self.patience(station, policy, fate.late));
        let accepted = self.not(fate.rejected);
        let attempt_time = self.mul(accepted, patience);
        let Some(retry) = &policy.retry else { return (attempt_time, fate.answered) };
        let again = self.retried(policy, retry, fate);
        let again = sends.retried.map_or(again, |share| self.mul(again, share));
        if retry.attempts.value.is_infinite() {
            let never = self.not(again);
            let backoff = self.mean_backoff(retry, 2);
            let pause = self.mul(again, backoff);
            let once = self.add(attempt_time, pause);
            return (self.div(once, never), self.div(fate.answered, never));
        }
        if retry.attempts.value > MOST_ATTEMPTS {
            // Each attempt but the first comes after a back-off.
            let attempts = self.many_attempts(&retry.attempts, again);
            let backoff = self.mean_backoff(retry, 2);
            let one = self.c(1.0);
            let retries = self.sub(attempts, one);
            let (busy, paused) = (self.mul(attempts, attempt_time), self.mul(retries, backoff));
            return (self.add(busy, paused), self.mul(attempts, fate.answered));
        }
        // Horner's scheme from the last attempt backwards.
        let (mut time, mut success) = (attempt_time, fate.answered);
        for k in (2..=retry.attempts.value as usize).rev() {
            let backoff = self.mean_backoff(retry, k);
            let rest = self.add(backoff, time);
            let later = self.mul(again, rest);
            time = self.add(attempt_time, later);
            let later = self.mul(again, success);
            success = self.add(fate.answered, later);
        }
        (time, success)
    }

    /// Back-off before attempt k >= 2, before jitter: backoff · growth^(k-2), at most the cap.
    pub(in crate::model::expand) fn backoff(&mut self, retry: &Retry, k: usize) -> Node {
        let base = self.number(&retry.backoff);
        let raised = if retry.growth.value == 1.0 {
            base
        } else {
            let growth = self.number(&retry.growth);
            let factor = self.process.graph.power(growth, (k - 2) as f64);
            if k == 2 { base } else { self.mul(base, factor) }
        };
        if retry.cap.value.is_finite() {
            let cap = self.number(&retry.cap);
            self.process.graph.binary(Binary::Min, raised, cap)
        } else {
            raised
        }
    }

    /// Mean m_k of decorrelated back-off before attempt k: m_1 = base, and m_k is the mean of min(cap, U), U uniform between
    /// the base and 3 m_{k-1} (the wait before by its mean). With q = min(cap, 3 m): ((q² - base²)/2 + (3 m - q) q)/(3 m - base).
    pub(in crate::model::expand) fn decorrelated(&mut self, retry: &Retry, k: usize) -> Node {
        let base = self.number(&retry.backoff);
        let three = self.c(3.0);
        let mut mean = base;
        for _ in 1..k {
            let most = self.mul(three, mean);
            let within = if retry.cap.value.is_finite() {
                let cap = self.number(&retry.cap);
                self.process.graph.binary(Binary::Min, most, cap)
            } else {
                most
            };
            let (square, low) = (self.process.graph.power(within, 2.0), self.process.graph.power(base, 2.0));
            let (square, two) = (self.sub(square, low), self.c(2.0));
            let inner = self.div(square, two);
            let beyond = self.sub(most, within);
            let outer = self.mul(beyond, within);
            let (up, down) = (self.add(inner, outer), self.sub(most, base));
            mean = self.div(up, down);
        }
        mean
    }

    /// Mean wait before attempt k, jitter included.
    pub(in crate::model::expand) fn mean_backoff(&mut self, retry: &Retry, k: usize) -> Node {
        let factor = match retry.jitter {
            Jitter::None | Jitter::Exponential => 1.0,
            Jitter::Full => 0.5,
            Jitter::Equal => 0.75,
            Jitter::Decorrelated => return self.decorrelated(retry, k),
        };
        let backoff = self.backoff(retry, k);
        let factor = self.c(factor);
        self.mul(factor, backoff)
    }
}
