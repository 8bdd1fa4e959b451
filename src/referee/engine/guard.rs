//! What a client process allows itself: retry budget, circuit breaker, rate limit, throttle.
//!
//! Budgets (asked when a failure is felt, after attempts and deadline have been looked at):
//!
//! ```text
//! token-bucket   first attempt: T = min(size, T + fill); a retry needs T >= 1 and takes 1
//! ratio          a retry needs  retries + 1 <= share · first attempts + floor · window,  both counted over the window
//! rate           the same with share = 0
//! concurrency    a retry needs  outstanding + 1 <= max(share · in flight, minimum); outstanding from the decision to retry to
//!                the end of the attempt, back-off included; in flight: sent and still waited for, retries included
//! throttle       failure of a kind in `on`: T = max(0, T - 1); answer: T = min(size, T + fill); a retry needs T > size/2
//! cost-bucket    a retry needs T >= cost and takes it; given back if it is answered; a first attempt answered: T + fill
//! ```
//!
//! Sources: Twitter Finagle, RetryBudget.scala; Envoy, circuit_breaker.proto; gRPC proposal A6; botocore retries/standard.py;
//! Beyer et al., *Site Reliability Engineering*, chapters 21 and 22.

use super::super::draw::Luck;
use super::super::settings::Policy;
use super::super::slab::{Answer, Attempt, Phase};
use crate::model::types::{Breaker, Budget, Per, Stops, Throttle};
use crate::process::dimension::Dimension;
use std::collections::VecDeque;

/// A sum over a sliding window.
#[derive(Debug, Clone, Default)]
struct Window {
    entries: VecDeque<(f64, f64)>,
    sum: f64,
}

impl Window {
    fn add(&mut self, now: f64, value: f64) {
        self.entries.push_back((now, value));
        self.sum += value;
    }

    /// The sum over the last `span` seconds.
    fn over(&mut self, now: f64, span: f64) -> f64 {
        while let Some(&(time, value)) = self.entries.front() {
            if time > now - span {
                break;
            }
            self.sum -= value;
            self.entries.pop_front();
        }
        if self.entries.is_empty() {
            self.sum = 0.0;
        }
        self.sum
    }
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Stand {
    #[default]
    Closed,
    /// Until a time.
    Open(f64),
    /// Attempts still to be let through, still to be decided, and failed.
    Probing(u32, u32, u32),
}

/// A circuit breaker and what it remembers.
#[derive(Debug, Clone, Default)]
struct Switch {
    stand: Stand,
    /// Time, calls, failures.
    entries: VecDeque<(f64, bool, bool)>,
    calls: u64,
    failures: u64,
}

impl Switch {
    fn remember(&mut self, rule: &Breaker, now: f64, call: bool, failure: bool) {
        self.calls += u64::from(call);
        self.failures += u64::from(failure);
        if rule.window.value.is_finite() {
            self.entries.push_back((now, call, failure));
            self.forget(rule, now);
        }
    }

    /// Drops what has left the window.
    fn forget(&mut self, rule: &Breaker, now: f64) {
        let by_time = rule.window.dimension == Dimension::TIME;
        while let Some(&(time, call, failure)) = self.entries.front() {
            let old = if by_time { time <= now - rule.window.value } else { self.calls as f64 > rule.window.value };
            if !old {
                break;
            }
            self.calls -= u64::from(call);
            self.failures -= u64::from(failure);
            self.entries.pop_front();
        }
    }

    /// Whether too many have failed.
    fn trips(&self, rule: &Breaker) -> bool {
        self.calls as f64 >= rule.minimum.value
            && self.failures as f64 >= rule.threshold.value * self.calls as f64
            && self.failures > 0
    }

    fn clear(&mut self) {
        self.entries.clear();
        (self.calls, self.failures) = (0, 0);
    }
}

/// One client process.
#[derive(Debug, Clone, Default)]
pub(super) struct Process {
    tokens: f64,
    /// First attempts and retries within the window of a budget.
    requests: Window,
    retries: Window,
    /// Retries decided and not ended; attempts waited for.
    outstanding: u32,
    in_flight: u32,
    switch: Switch,
    /// Attempts that may be sent at once, and when that was so.
    allowance: (f64, f64),
    /// Attempts wanted or sent, and those accepted or answered, within the window of a throttle.
    wanted: Window,
    accepted: Window,
}

impl Process {
    /// Buckets begin full, windows empty.
    pub(super) fn new(policy: &Policy) -> Self {
        let tokens = policy.budget.as_ref().map_or(0.0, |b| size(b).unwrap_or(0.0));
        let burst = policy.rate_limit.as_ref().map_or(0.0, |l| l.burst.value);
        Self { tokens, allowance: (burst, 0.0), ..Self::default() }
    }

    /// Numbers have changed.
    pub(super) fn change(&mut self, policy: &Policy) {
        if let Some(size) = policy.budget.as_ref().and_then(size) {
            self.tokens = self.tokens.min(size);
        }
    }

    /// A request begins.
    pub(super) fn begin(&mut self, policy: &Policy, now: f64) {
        match &policy.budget {
            Some(Budget::TokenBucket { fill, size }) => self.tokens = (self.tokens + fill.value).min(size.value),
            Some(Budget::Ratio { .. }) => self.requests.add(now, 1.0),
            _ => {}
        }
        if let Some(rule) = policy.breaker.as_ref().filter(|r| r.per.value == Per::Request) {
            self.switch.remember(rule, now, true, false);
        }
    }

    /// Whether an attempt may be sent, and if so, whether it is a probe of the breaker.
    pub(super) fn pass(&mut self, policy: &Policy, now: f64, luck: &mut Luck) -> Option<bool> {
        let mut probe = false;
        if let Some(rule) = policy.breaker.as_ref().filter(|r| r.stops.value == Stops::Calls) {
            if matches!(self.switch.stand, Stand::Open(until) if now >= until) {
                let probes = rule.probes.value as u32;
                self.switch.stand = Stand::Probing(probes, probes, 0);
            }
            match self.switch.stand {
                Stand::Closed => {}
                Stand::Open(_) | Stand::Probing(0, ..) => return None,
                Stand::Probing(..) => probe = true,
            }
        }
        match &policy.throttle {
            Some(Throttle::Accepts { factor, window }) => {
                let (n, a) = (self.wanted.over(now, window.value), self.accepted.over(now, window.value));
                self.wanted.add(now, 1.0);
                if luck.happens(((n - factor.value * a) / (n + 1.0)).max(0.0)) {
                    return None;
                }
            }
            Some(Throttle::SuccessRate { threshold, window, aggression, most }) => {
                let (n, s) = (self.wanted.over(now, window.value), self.accepted.over(now, window.value));
                let excess = ((n - s / threshold.value) / (n + 1.0)).max(0.0);
                if luck.happens(excess.powf(1.0 / aggression.value).min(most.value)) {
                    return None;
                }
            }
            None => {}
        }
        if let Some(limit) = &policy.rate_limit {
            let (tokens, since) = self.allowance;
            let tokens = (tokens + limit.rate.value * (now - since)).min(limit.burst.value);
            self.allowance = (tokens, now);
            if tokens < 1.0 {
                return None;
            }
            self.allowance.0 = tokens - 1.0;
        }
        if probe && let Stand::Probing(left, undecided, failed) = self.switch.stand {
            self.switch.stand = Stand::Probing(left - 1, undecided, failed);
        }
        Some(probe)
    }

    /// An attempt leaves.
    pub(super) fn sent(&mut self, policy: &Policy, now: f64) {
        self.in_flight += 1;
        if let Some(Throttle::SuccessRate { .. }) = policy.throttle {
            self.wanted.add(now, 1.0);
        }
    }

    /// An attempt was held back before it was sent.
    pub(super) fn withheld(&mut self, policy: &Policy, attempt: &Attempt) {
        if attempt.index > 1 && policy.budget.is_some() {
            self.outstanding -= 1;
        }
    }

    /// Nobody waits for an attempt any more, although it has not failed.
    pub(super) fn dropped(&mut self, policy: &Policy, attempt: &Attempt) {
        self.leave(policy, attempt);
        if attempt.probe
            && let Stand::Probing(left, undecided, failed) = self.switch.stand
        {
            // It told nothing: another one will.
            self.switch.stand = Stand::Probing(left + 1, undecided, failed);
        }
    }

    fn leave(&mut self, policy: &Policy, attempt: &Attempt) {
        if attempt.phase != Phase::BackingOff {
            self.in_flight -= 1;
        }
        if attempt.index > 1 && !attempt.hedge && policy.budget.is_some() {
            self.outstanding -= 1;
        }
    }

    /// An attempt has ended for its caller.
    pub(super) fn ended(&mut self, policy: &Policy, now: f64, attempt: &Attempt, answer: Answer) {
        self.leave(policy, attempt);
        let well = answer == Answer::Well;
        let counts = match answer {
            Answer::Well => false,
            Answer::Timeout => policy.on.timeout,
            Answer::Reject => policy.on.reject,
            Answer::Error => policy.on.error,
        };
        match &policy.budget {
            Some(Budget::Throttle { fill, size }) if well => {
                self.tokens = snap((self.tokens + fill.value).min(size.value));
            }
            Some(Budget::Throttle { .. }) if counts => self.tokens = snap((self.tokens - 1.0).max(0.0)),
            Some(Budget::CostBucket { fill, size, .. }) if well => {
                let gain = if attempt.index == 1 { fill.value } else { f64::from(attempt.cost) };
                self.tokens = (self.tokens + gain).min(size.value);
            }
            _ => {}
        }
        match &policy.throttle {
            Some(Throttle::Accepts { .. }) if well || answer == Answer::Error => self.accepted.add(now, 1.0),
            Some(Throttle::SuccessRate { .. }) if well => self.accepted.add(now, 1.0),
            _ => {}
        }
        if let Some(rule) = &policy.breaker {
            self.judge(rule, now, attempt.probe, !well);
        }
    }

    /// The breaker hears how an attempt ended.
    fn judge(&mut self, rule: &Breaker, now: f64, probe: bool, failed: bool) {
        let switch = &mut self.switch;
        if let (true, Stand::Probing(left, undecided, bad)) = (probe, switch.stand) {
            let (undecided, bad) = (undecided - 1, bad + u32::from(failed));
            switch.stand = if undecided > 0 {
                Stand::Probing(left, undecided, bad)
            } else if bad > 0 && f64::from(bad) >= rule.threshold.value * rule.probes.value.floor() {
                Stand::Open(now + rule.open.value)
            } else {
                switch.clear();
                Stand::Closed
            };
            return;
        }
        switch.remember(rule, now, rule.per.value == Per::Attempt, failed);
        if switch.stand == Stand::Closed && switch.trips(rule) {
            switch.stand = Stand::Open(now + rule.open.value);
        }
    }

    /// Whether a failed attempt may be retried, and at what price.
    pub(super) fn retry(&mut self, policy: &Policy, now: f64, answer: Answer) -> Option<f64> {
        if let Some(rule) = policy.breaker.as_ref().filter(|r| r.stops.value == Stops::Retries) {
            self.switch.forget(rule, now);
            if matches!(self.switch.stand, Stand::Open(until) if now >= until && !self.switch.trips(rule)) {
                self.switch.stand = Stand::Closed;
            }
            if self.switch.stand != Stand::Closed {
                return None;
            }
        }
        let Some(budget) = &policy.budget else { return Some(0.0) };
        let mut price = 0.0;
        let allowed = match budget {
            Budget::TokenBucket { .. } => {
                price = 1.0;
                self.tokens >= 1.0
            }
            Budget::CostBucket { cost, timeout_cost, .. } => {
                let dear = timeout_cost.as_ref().filter(|_| answer == Answer::Timeout);
                price = dear.unwrap_or(cost).value;
                self.tokens >= price
            }
            Budget::Throttle { size, .. } => self.tokens > 0.5 * size.value,
            Budget::Ratio { share, floor, window } => {
                let earned = share.value * self.requests.over(now, window.value) + floor.value * window.value;
                self.retries.over(now, window.value) + 1.0 <= earned + 1e-9
            }
            Budget::Rate { rate, window } => {
                self.retries.over(now, window.value) + 1.0 <= rate.value * window.value + 1e-9
            }
            Budget::Concurrency { share, minimum } => {
                let bound = (share.value * f64::from(self.in_flight)).max(minimum.value);
                f64::from(self.outstanding) + 1.0 <= bound + 1e-9
            }
        };
        if !allowed {
            return None;
        }
        self.tokens -= price;
        self.outstanding += 1;
        if matches!(budget, Budget::Ratio { .. } | Budget::Rate { .. }) {
            self.retries.add(now, 1.0);
        }
        Some(price)
    }
}

/// Tokens are counted in millionths, so that ten tenths make one.
fn snap(tokens: f64) -> f64 {
    (tokens * 1e6).round() / 1e6
}

/// Capacity of a bucket.
fn size(budget: &Budget) -> Option<f64> {
    match budget {
        Budget::TokenBucket { size, .. } | Budget::Throttle { size, .. } | Budget::CostBucket { size, .. } => {
            Some(size.value)
        }
        Budget::Ratio { .. } | Budget::Concurrency { .. } | Budget::Rate { .. } => None,
    }
}
