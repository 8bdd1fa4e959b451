//! Calls to many at once: n calls of a service, of which k good answers are waited for while a slot is held.
//!
//! W_i = V + S_i: those that are sent together meet one queue, so the wait V is common to them and the time S_i in a slot is
//! not. The k-th answer comes after V + S_(k:n), the k-th smallest of n times S, gamma distributed by two moments:
//!
//! ```text
//! E S_(k:n) = S y³,   Var S_(k:n) = S² s² y⁴ H₂/H^{4/3},   y = 1 - s²/9 + s z/3,   z = 3 H^{1/3} - 8/3
//! H = Σ 1/i,  H₂ = Σ 1/i²,  i = n - k + 1 .. n
//! ```
//!
//! which is S H and S² H₂ exactly for exponential service (Rényi 1953), S and 0 for fixed times, and between them the quantile
//! of Wilson & Hilferty (1931) for gamma service at the level of the exponential one. For V = 0 the share of calls to many that
//! are late is the tail amplification 1 - (1 - p)^n of single shares p; near saturation V > τ makes all of them late at once.
//!
//! One round of attempts, with p the late share of a single one, B and e its refused and wrong shares, q = (1 - B) (1 - e):
//!
//! ```text
//! f_1 = 1 - P(Bin(n, q) >= k) P(V + S_(k:n) <= τ)         a round fails
//! n_2 = n p/f, at least 1;  f_2 = p (f/p)^(ln n_2/ln n)    those who failed try again: one of many, or all behind one queue
//! success = 1 - f_1 + f_1 ρ (1 - f_2 + f_2 ρ (...))        ρ share of the failures that are retried
//! time    = t_1 + f_1 ρ (b_2 + t_2 + f_2 ρ (...)),         t = E min(V + S_(k:n), τ)
//! ```
//!
//! Once k answers are there the rest is left to itself: of late calls only the share u = f/max(p, f) is tried again when k < n.
//!
//! A batch of n that arrives together adds n to the noise of arrivals where a single one adds 1, and one of the batch waits for
//! (n - 1)/2 others of it in the mean (M^X/M/c queues; Chaudhry & Templeton 1983).
//!
//! A. Rényi, *On the theory of order statistics*, Acta Math. Hung. 4 (1953) 191-231. E. Wilson & M. Hilferty, *The distribution of
//! chi-square*, PNAS 17 (1931) 684-688. J. Dean & L. Barroso, *The tail at scale*, Comm. ACM 56(2), 2013, 74-80.

use super::super::Builder;
use super::super::stream::{Hedging, MOST_ATTEMPTS};
use super::{Fate, Station};
use crate::model::types::{Service, ServiceCall};
use crate::process::graph::{Binary, Node, Unary};

/// Least y, squared variability, late share.
const LEAST: f64 = 1e-3;
const NARROW: f64 = 1e-9;
const TINY: f64 = 1e-12;

/// What calls to many come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Together {
    pub time: Node,
    pub success: Node,
    pub variance: Node,
    /// Of late calls, the share whose caller still waits.
    pub undone: Node,
}

impl Builder<'_> {
    /// The nested call behind a stream, if it goes to many at once: how many, and how many answers are waited for.
    pub(in super::super) fn fan_of(&self, stream: &str) -> Option<(u32, u32)> {
        let (caller, target) = stream.split_once('.')?;
        let service = self.model.services.iter().find(|s| s.name.value == caller)?;
        service.calls.iter().find(|c| c.target.value == target).and_then(ServiceCall::fan)
    }

    /// Largest batch in which a service is called.
    pub(super) fn batch(&self, service: &Service) -> f64 {
        let calls = self.model.services.iter().flat_map(|s| &s.calls);
        let own = calls.filter(|c| c.target.value == service.name.value);
        f64::from(own.filter_map(ServiceCall::fan).map(|f| f.0).max().unwrap_or(1))
    }

    /// Share of late calls of a stream that are tried again because their caller still waits; `None` if all are.
    pub(in super::super) fn still_wanted(
        &mut self,
        stream: &str,
        station: &Station,
        fate: Fate,
        hedging: Option<Hedging>,
    ) -> Option<Node> {
        let (n, k) = self.fan_of(stream)?;
        let (caller, target) = stream.split_once('.')?;
        let service = self.model.services.iter().find(|s| s.name.value == caller)?;
        let call = service.calls.iter().find(|c| c.target.value == target)?;
        (k < n).then(|| self.together(station, call, fate, hedging, (n, k)).undone)
    }

    /// Mean time, success and variance of a call to many.
    pub(super) fn together(
        &mut self,
        station: &Station,
        call: &ServiceCall,
        fate: Fate,
        hedging: Option<Hedging>,
        (n, k): (u32, u32),
    ) -> Together {
        let policy = &call.policy;
        let parts = self.parts(station);
        let own = hedging.map_or(parts.own, |h| h.own);
        let timeout = match (hedging.and_then(|h| h.end), &policy.timeout) {
            (Some(end), _) => Some(end),
            (None, Some(timeout)) => Some(self.number(timeout)),
            (None, None) => None,
        };
        let (slowest, spread) = self.kth_of(own, (n, k));
        let mean = self.add(parts.wait.0, slowest);
        let variance = self.add(parts.wait.1, spread);
        let (one, zero, tiny) = (self.c(1.0), self.c(0.0), self.c(TINY));
        let accepted = self.not(fate.rejected);
        let well = self.not(station.error_share);
        let sound = self.mul(accepted, well);
        let enough = self.at_least(sound, (n, k));
        let (late, time) = match timeout {
            None => (zero, mean),
            Some(timeout) => {
                let rate = self.div(mean, variance);
                let (shape, x) = (self.mul(mean, rate), self.mul(timeout, rate));
                let late = self.process.graph.binary(Binary::GammaQ, shape, x);
                let next = self.add(shape, one);
                let beyond = self.process.graph.binary(Binary::GammaQ, next, x);
                let within = self.not(beyond);
                let within = self.mul(mean, within);
                let cut = self.mul(timeout, late);
                (late, self.add(within, cut))
            }
        };
        let on_time = self.not(late);
        let done = self.mul(enough, on_time);
        let failing = self.not(done);
        let single = self.add(fate.late, tiny);
        let high = self.process.graph.binary(Binary::Max, late, single);
        let undone = if k < n { self.div(late, high) } else { one };
        let Some(retry) = &policy.retry else {
            // A refusal that is too many ends the call at once.
            return Together { time: self.mul(enough, time), success: done, variance, undone };
        };
        let ratio = self.div(single, high);
        let all = self.c(f64::from(n));
        let left = self.mul(all, ratio);
        let left = self.process.graph.binary(Binary::Max, left, one);
        let left = self.process.graph.binary(Binary::Min, left, all);
        let log = self.process.graph.unary(Unary::Ln, left);
        let most = self.c(f64::from(n).ln());
        let exponent = self.div(log, most);
        let climb = self.process.graph.unary(Unary::Ln, ratio);
        let climb = self.mul(exponent, climb);
        let climb = self.process.graph.neg(climb);
        let climb = self.process.graph.unary(Unary::Exp, climb);
        let later_late = self.mul(single, climb);
        let later_late = self.process.graph.binary(Binary::Min, later_late, one);
        let later_time = self.not(later_late);
        let later_done = self.mul(sound, later_time);
        let later_failing = self.not(later_done);
        // Of all ways to fail, those that are retried.
        let retried = self.retried(policy, retry, fate);
        let bad = self.not(fate.answered);
        let bad = self.add(bad, tiny);
        let share = self.div(retried, bad);
        let attempts = retry.attempts.value.min(MOST_ATTEMPTS) as usize;
        let (mut rest_time, mut rest_success) = (zero, zero);
        for round in (1..=attempts).rev() {
            let (fails, ends) = if round == 1 { (failing, done) } else { (later_failing, later_done) };
            let again = self.mul(fails, share);
            if round < attempts {
                let backoff = self.mean_backoff(retry, round + 1);
                let later = self.add(backoff, rest_time);
                let later = self.mul(again, later);
                rest_time = self.add(time, later);
                let later = self.mul(again, rest_success);
                rest_success = self.add(ends, later);
            } else {
                (rest_time, rest_success) = (time, ends);
            }
        }
        Together { time: rest_time, success: rest_success, variance, undone }
    }

    /// Mean and variance of the k-th smallest of n.
    fn kth_of(&mut self, (mean, variance): (Node, Node), (n, k): (u32, u32)) -> (Node, Node) {
        let parts = (n - k + 1..=n).map(f64::from);
        let (h, h2) = parts.fold((0.0, 0.0), |(h, h2), i| (h + 1.0 / i, h2 + 1.0 / (i * i)));
        let square = self.process.graph.power(mean, 2.0);
        let spread = self.div(variance, square);
        let narrow = self.c(NARROW);
        let spread = self.process.graph.binary(Binary::Max, spread, narrow);
        let (one, ninth, z) = (self.c(1.0), self.c(1.0 / 9.0), self.c(h.cbrt() - 8.0 / 9.0));
        let deviation = self.process.graph.unary(Unary::Sqrt, spread);
        let up = self.mul(deviation, z);
        let down = self.mul(ninth, spread);
        let y = self.sub(one, down);
        let y = self.add(y, up);
        let least = self.c(LEAST);
        let y = self.process.graph.binary(Binary::Max, y, least);
        let cube = self.process.graph.power(y, 3.0);
        let fourth = self.process.graph.power(y, 4.0);
        let factor = self.c(h2 / h.powf(4.0 / 3.0));
        let wide = self.mul(spread, factor);
        let wide = self.mul(wide, fourth);
        (self.mul(mean, cube), self.mul(square, wide))
    }

    /// P(Bin(n, q) >= k)
    fn at_least(&mut self, q: Node, (n, k): (u32, u32)) -> Node {
        if self.process.graph.value(q) == Some(1.0) {
            return self.c(1.0);
        }
        let bad = self.not(q);
        let mut total = self.c(0.0);
        let mut choose = 1.0;
        for failed in 0..=n - k {
            let good = self.process.graph.power(q, f64::from(n - failed));
            let weight = self.c(choose);
            let mut term = self.mul(weight, good);
            if failed > 0 {
                let wrong = self.process.graph.power(bad, f64::from(failed));
                term = self.mul(term, wrong);
            }
            total = self.add(total, term);
            choose *= f64::from(n - failed) / f64::from(failed + 1);
        }
        total
    }
}
