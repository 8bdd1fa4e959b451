//! Hedged attempts: a second one beside an attempt that has not been answered after a delay d; the first good answer ends both,
//! and what is left of the other is done all the same.
//!
//! W = V + S, V the wait for a slot and S the time in it (on the network, too). Both attempts of a pair meet the same queue,
//! so V is common to them and S is not; B refused share, e share of errors, τ timeout, all at the arrival of the attempt, and
//! primes d later:
//!
//! ```text
//! hedges          h(t) = a(t - d) (1 - B) P(W > d)          d < τ, or there are none
//! both late       L = min(P(V + min(S, S') > τ), P(W > τ), P'(W > τ)),   V the mean of V and V'
//! both fail       (1 - B) (1 - B') (L + e (Q - L) + e (X - L) + e² (P(W > d) - Q - X + L))    felt τ after the hedge
//!                 Q = P(W > τ),  X = L + (P(W > d) - Q) Q' >= P(W > d, W' > τ)
//! hedge refused   (1 - B) B' (Q + e (P(W > d) - Q))         and the attempt fails: felt τ - d after the hedge
//! error at once   (1 - B) (1 - P(W > d)) e                  before there is a hedge
//! ```
//!
//! All tails are those of gamma distributions by two moments. For gamma service of squared variability s², with g half its
//! Gini mean difference over its mean (1/2 for exponential service), exactly
//!
//! ```text
//! E min(S, S') = S (1 - g),   Var min(S, S') = S² (s² (1 - g) - g²),   g = Γ(k + 1/2)/(sqrt(π) Γ(k + 1)),  k = 1/s²
//! g = s / sqrt(π (1 + s²/4 + (1/π - 1/4) s⁴/(s² + 1.939)))             within 0.1 %, exact for s² = 0, 1 and ∞
//! ```
//!
//! since (S - S')/(S + S') does not depend on S + S' there (Lukacs 1955). That V is common is right where it matters: near
//! saturation, where a queue changes over times much longer than d. In the collapsed state every attempt is hedged and all is
//! late, so that N attempts make 2 N and the recovery load is C/(2 N).
//!
//! Mean time of a pair, for nested calls: E V + E min(S, d + S') = E V + S - g S e^{-d/(2 g S)}, which takes S - S' for a Laplace
//! variable; exact for exponential service.
//!
//! J. Dean & L. Barroso, *The tail at scale*, Comm. ACM 56(2), 2013, 74-80. E. Lukacs, *A characterization of the gamma
//! distribution*, Ann. Math. Stat. 26 (1955) 319-324.

use super::super::Builder;
use super::super::station::{Fate, Station};
use crate::model::types::{CallPolicy, Hedge};
use crate::process::dimension::Dimension;
use crate::process::graph::{Binary, Node, Unary};
use crate::process::lower::Type;

/// Constant of g that makes it exact for exponential service: 1 + x = (1/π - 1/4)/(4/π - 5/4).
const HALF: f64 = 1.939381;
/// Least squared variability and share of a variance.
const NARROW: f64 = 1e-9;

/// What becomes of attempts and their hedges.
#[derive(Debug, Clone, Copy)]
pub(in crate::model::expand) struct Hedging {
    /// The delay d.
    pub after: Node,
    /// The timeout, if there is one.
    timeout: Option<Node>,
    /// Share of the attempts that arrive now that will be hedged.
    will_be: Node,
    /// Share of the attempts sent d ago that are hedged now.
    sent: Node,
    /// Of those sent d ago: both fail, which is felt a timeout from now.
    lost: Node,
    /// Of those sent d ago: the hedge is refused and the attempt fails, which is felt a timeout after its sending.
    alone: Node,
    /// What becomes of a pair, as shares of the attempts that are no hedges, by the present state.
    pub fate: Fate,
    /// Mean time until a pair is over, of those accepted.
    pub time: Node,
    /// Mean and variance of min(S, d + S').
    pub own: (Node, Node),
    /// When both are given up, if ever: d + τ.
    pub end: Option<Node>,
}

/// Time in a slot and on the network, and the wait for a slot: means and variances.
#[derive(Debug, Clone, Copy)]
pub(in crate::model::expand) struct Parts {
    pub own: (Node, Node),
    pub wait: (Node, Node),
}

/// What becomes of hedges under given states now and d ago.
struct Shares {
    sent: Node,
    lost: Node,
    alone: Node,
}

impl Builder<'_> {
    /// Hedging of a stream whose attempts have a fate of their own; `None` without.
    pub(in crate::model::expand) fn hedging(
        &mut self,
        station: &Station,
        policy: &CallPolicy,
        single: Fate,
    ) -> Option<Hedging> {
        let comes = |h: &&Hedge| policy.timeout.as_ref().is_none_or(|t| h.after.value < t.value);
        let hedge = policy.hedge.as_ref().filter(comes)?;
        let after = self.number(&hedge.after);
        let timeout = policy.timeout.as_ref().map(|t| self.number(t));
        let alive = self.alive_at(station, after);
        let parts = self.parts(station);
        let now = self.hedge_shares(station, single, (alive, parts), timeout, None);
        let lagged = self.hedge_shares(station, single, (alive, parts), timeout, Some(after));
        let accepted = self.not(single.rejected);
        let gone = self.not(alive);
        let failed = self.mul(accepted, gone);
        let failed = self.mul(failed, station.error_share);
        let timed_out = self.add(now.lost, now.alone);
        let over = self.add(timed_out, failed);
        let answered = self.sub(accepted, over);
        let tiny = self.c(1e-12);
        let accepted = self.add(accepted, tiny);
        let late = self.div(timed_out, accepted);
        let (own, time) = self.pair_time(parts, after, timeout, late);
        let end = timeout.map(|timeout| self.add(timeout, after));
        let fate = Fate { timed_out, failed, answered, late, ..single };
        let (sent, lost, alone) = (lagged.sent, lagged.lost, lagged.alone);
        Some(Hedging { after, timeout, will_be: now.sent, sent, lost, alone, fate, time, own, end })
    }

    /// Whether attempts at a service are hedged: then its load is greatest where a queue begins, and branches turn round there.
    pub(in crate::model::expand) fn is_hedged(&self, service: &str) -> bool {
        self.callers_of(service).iter().any(|(_, policy)| policy.hedge.is_some())
    }

    /// P(W > d).
    fn alive_at(&mut self, station: &Station, after: Node) -> Node {
        let (shape, x) = self.wait_gamma(station, after);
        self.process.graph.binary(Binary::GammaQ, shape, x)
    }

    /// The parts of the time in the system of an arrival.
    pub(in crate::model::expand) fn parts(&mut self, station: &Station) -> Parts {
        let mut own = (station.hold(), station.hold_variance());
        if let Some((legs, spread)) = station.network {
            own = (self.add(own.0, legs), self.add(own.1, spread));
        }
        let zero = self.c(0.0);
        let positive = |b: &mut Self, x: Node, y: Node| {
            let rest = b.sub(x, y);
            b.process.graph.binary(Binary::Max, zero, rest)
        };
        let wait = (positive(self, station.wait, own.0), positive(self, station.wait_variance, own.1));
        Parts { own, wait }
    }

    /// g, the mean of min(S, S') and its variance.
    fn sooner_of_two(&mut self, (mean, variance): (Node, Node)) -> (Node, Node, Node) {
        let square = self.process.graph.power(mean, 2.0);
        let narrow = self.c(NARROW);
        let spread = self.div(variance, square);
        let spread = self.process.graph.binary(Binary::Max, spread, narrow);
        let (one, quarter, pi) = (self.c(1.0), self.c(0.25), self.c(std::f64::consts::PI));
        let (constant, half) = (self.c(std::f64::consts::FRAC_1_PI - 0.25), self.c(HALF));
        let second = self.mul(quarter, spread);
        let fourth = self.process.graph.power(spread, 2.0);
        let below = self.add(spread, half);
        let fourth = self.div(fourth, below);
        let fourth = self.mul(constant, fourth);
        let inner = self.add(one, second);
        let inner = self.add(inner, fourth);
        let inner = self.mul(pi, inner);
        let inner = self.div(spread, inner);
        let g = self.process.graph.unary(Unary::Sqrt, inner);
        let rest = self.not(g);
        let least = self.mul(mean, rest);
        let left = self.mul(spread, rest);
        let gg = self.process.graph.power(g, 2.0);
        let left = self.sub(left, gg);
        let left = self.process.graph.binary(Binary::Max, left, narrow);
        (g, least, self.mul(square, left))
    }

    /// Shares of the attempts sent d ago, d being 0 without a lag.
    fn hedge_shares(
        &mut self,
        station: &Station,
        single: Fate,
        (alive, parts): (Node, Parts),
        timeout: Option<Node>,
        lag: Option<Node>,
    ) -> Shares {
        let then = |b: &mut Self, node: Node| lag.map_or(node, |lag| b.process.graph.delayed(node, lag));
        let (late, refused, error) = (single.late, single.rejected, station.error_share);
        let (late_then, alive_then, refused_then) = (then(self, late), then(self, alive), then(self, refused));
        let accepted_then = self.not(refused_then);
        let sent = self.mul(accepted_then, alive_then);
        let both = match timeout {
            None => self.c(0.0),
            Some(timeout) => {
                let (_, own, own_variance) = self.sooner_of_two(parts.own);
                let half = self.c(0.5);
                let middle = |b: &mut Self, node: Node| {
                    let before = then(b, node);
                    let sum = b.add(node, before);
                    b.mul(half, sum)
                };
                let (wait, spread) = (middle(self, parts.wait.0), middle(self, parts.wait.1));
                let (mean, variance) = (self.add(wait, own), self.add(spread, own_variance));
                let rate = self.div(mean, variance);
                let (shape, x) = (self.mul(mean, rate), self.mul(timeout, rate));
                let both = self.process.graph.binary(Binary::GammaQ, shape, x);
                let both = self.process.graph.binary(Binary::Min, both, late_then);
                self.process.graph.binary(Binary::Min, both, late)
            }
        };
        let in_time_then = self.sub(alive_then, late_then);
        let zero = self.c(0.0);
        let in_time_then = self.process.graph.binary(Binary::Max, zero, in_time_then);
        let mut bad = both;
        if self.process.graph.value(error) != Some(0.0) {
            let one_late = self.sub(late_then, both);
            let independent = self.mul(in_time_then, late);
            let neither = self.sub(in_time_then, independent);
            let square = self.process.graph.power(error, 2.0);
            let once = self.add(one_late, independent);
            let (once, twice) = (self.mul(error, once), self.mul(square, neither));
            bad = self.add(bad, once);
            bad = self.add(bad, twice);
        }
        let accepted = self.not(refused);
        let pair = self.mul(accepted_then, accepted);
        let lost = self.mul(pair, bad);
        let wrong = self.mul(error, in_time_then);
        let first_bad = self.add(late_then, wrong);
        let met = self.mul(accepted_then, refused);
        Shares { sent, lost, alone: self.mul(met, first_bad) }
    }

    /// Mean and variance of min(S, d + S'), and the mean time until a pair is over: answered, or given up a timeout after the hedge.
    fn pair_time(&mut self, parts: Parts, after: Node, timeout: Option<Node>, late: Node) -> ((Node, Node), Node) {
        let (g, _, least) = self.sooner_of_two(parts.own);
        let two = self.c(2.0);
        let saved = self.mul(g, parts.own.0);
        let scale = self.mul(two, saved);
        let exponent = self.div(after, scale);
        let exponent = self.process.graph.neg(exponent);
        let share = self.process.graph.unary(Unary::Exp, exponent);
        let saved = self.mul(saved, share);
        let own = self.sub(parts.own.0, saved);
        let mean = self.add(parts.wait.0, own);
        let narrower = self.sub(parts.own.1, least);
        let narrower = self.mul(narrower, share);
        let own_variance = self.sub(parts.own.1, narrower);
        let own = (own, own_variance);
        let Some(timeout) = timeout else { return (own, mean) };
        let variance = self.add(parts.wait.1, own_variance);
        let end = self.add(timeout, after);
        let rate = self.div(mean, variance);
        let (shape, x) = (self.mul(mean, rate), self.mul(end, rate));
        let one = self.c(1.0);
        let shape = self.add(shape, one);
        let beyond = self.process.graph.binary(Binary::GammaQ, shape, x);
        let within = self.not(beyond);
        let answered = self.mul(mean, within);
        let given_up = self.mul(end, late);
        (own, self.add(answered, given_up))
    }

    /// Hedges per second of the attempts at rate `source`.
    pub(super) fn hedges(&mut self, name: &str, hedging: &Hedging, source: Node) -> Node {
        let then = self.process.graph.delayed(source, hedging.after);
        let rate = self.mul(then, hedging.sent);
        self.name(format!("{name}.hedges"), rate, Type::Quantity(Dimension::REQUEST_RATE));
        rate
    }

    /// Failed pairs of the attempts at rate `source`: rates when the hedge is sent, and the time until they are felt.
    pub(super) fn failed_pairs(&mut self, hedging: &Hedging, source: Node) -> Vec<(Node, Node)> {
        let Some(timeout) = hedging.timeout else { return Vec::new() };
        let then = self.process.graph.delayed(source, hedging.after);
        let rest = self.sub(timeout, hedging.after);
        let zero = self.c(0.0);
        let rest = self.process.graph.binary(Binary::Max, zero, rest);
        let mut all = vec![(self.mul(then, hedging.lost), timeout)];
        if self.process.graph.value(hedging.alone) != Some(0.0) {
            all.push((self.mul(then, hedging.alone), rest));
        }
        all
    }

    /// Probabilities for events: an attempt will be hedged; of hedges, the pair is lost, or the hedge refused and the attempt
    /// fails; and the waits until that is felt.
    pub(super) fn hedge_odds(&mut self, hedging: &Hedging) -> (Node, [(Node, Node); 2]) {
        let tiny = self.c(1e-12);
        let sent = self.add(hedging.sent, tiny);
        let (lost, alone) = (self.div(hedging.lost, sent), self.div(hedging.alone, sent));
        let zero = self.c(0.0);
        let timeout = hedging.timeout.unwrap_or(zero);
        let rest = self.sub(timeout, hedging.after);
        let rest = self.process.graph.binary(Binary::Max, zero, rest);
        (hedging.will_be, [(lost, timeout), (alone, rest)])
    }
}
