//! Breakers, rate limits and throttles as equations: the share of attempts, or of retries, that a typical client process
//! sends. The load is spread equally over N processes; a = A/N attempts per second and process.
//!
//! ```text
//! breaker     x' = κ (s - x),  s = failures/attempts felt now (or per request),  κ = 2/window, or 2 a/window for a count
//!             z = (x - threshold)/σ,   σ² = (x (1 - x) + 1/n)/n,   n = attempts in the window
//! unlimited   n' = a - ρ n - n/H,   κ = a/(n + 1),   1/λ = (n + 1)/(2 a (1 + |z|) Φ(z)) + (minimum - n)⁺/a
//! on retries  share of retries made Φ(-z); with `open` > 0 the share φ of processes open, as below, closing at rate Φ(-z)/open
//! on calls    φ' = (1 - φ) λ - φ c/(open + E min(W, τ)),   1/λ = window/(2 (1 + |z|) Φ(z)) + minimum/a
//!             (the window's calls and the minimum at the rate a_c of closed processes, with retries: A/N = (1 - φ) a_c + probes)
//!             `open` stands for the time until the probes have been sent, k/a after it ends
//!             c = 1 - f for one probe, Φ((m + 1/2 - k f)/sqrt(k f (1 - f))) for k probes of which m may fail
//!             share sent 1 - φ + φ k/(open + E min(W, τ))/a
//! rate limit  T' = rate (1 - (T/burst)^burst) - A/N,   share sent 1 - (1 - T/burst)^burst
//! accepts     n' = wanted/N - n/window,  m' = accepted/N - m/window,   share refused max(0, (n - k m)/(n + 1))
//! success     n' = A/N - n/window,  m' = answered/N - m/window,   share refused min(most, ((n - m/threshold)⁺/(n + 1))^(1/aggression))
//! ```
//!
//! A breaker whose window is unlimited counts everything since it last closed: of the closed processes the share ρ = φ c/(open + E
//! min(W, τ))/(1 - φ) per second has just closed and forgotten. H is the horizon of the model: what is older tells nothing, so that
//! there is a state of rest, in which x is the failure share itself.
//!
//! A breaker is a switch per process: φ is the share of many processes whose switch is open, or the probability that the
//! only one's is. Windows are exponential with the mean age of the sliding one (breaker) or its content (throttle).
//! f is the share of attempts that fail. An attempt that is held back ends its request.

use super::super::Builder;
use super::super::station::{Fate, Station};
use crate::model::types::{Breaker, CallPolicy, Per, RateLimit, Stops, Throttle};
use crate::process::dimension::Dimension;
use crate::process::graph::{Binary, Node, Unary};

/// What holds attempts back, and its states.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Guards {
    /// Share of attempts that are sent, of those wanted; `None` if nothing holds them back.
    pub(super) sent: Option<Node>,
    /// Share of retries that are made, of those wanted.
    pub(super) retried: Option<Node>,
    /// Failure share and open share of a breaker.
    failing: Option<usize>,
    open: Option<usize>,
    /// Attempts that a breaker without a window remembers.
    remembered: Option<usize>,
    /// Tokens of a rate limit.
    tokens: Option<usize>,
    /// Attempts, and accepted ones, of a throttle.
    counts: Option<(usize, usize)>,
    /// Share that the throttle lets through.
    let_through: Option<Node>,
}

/// How far back a breaker without a window looks where the model has no horizon, in seconds.
const HORIZON: f64 = 2_592_000.0;

impl Guards {
    /// Share of retries wanted that are sent, beside the budget.
    pub(super) fn of_retries(self, b: &mut Builder<'_>) -> Option<Node> {
        match (self.sent, self.retried) {
            (Some(x), Some(y)) => Some(b.mul(x, y)),
            (x, y) => x.or(y),
        }
    }
}

impl Builder<'_> {
    /// Creates the states of what holds attempts back. `first`: first attempts wanted per second.
    pub(super) fn guards(&mut self, name: &str, policy: &CallPolicy, station: &Station, first: Node) -> Guards {
        let mut guards = Guards::default();
        let n = self.number(&policy.processes);
        let rate = self.div(first, n);
        let mut shares = Vec::new();
        if let Some(rule) = &policy.breaker {
            let about = "failure share that the breakers see";
            let (failing, x) = self.plain_state(format!("{name}.failure_share"), 0.0, 1.05, 0.1, about);
            guards.failing = Some(failing);
            if rule.window.value.is_infinite() {
                let about = "attempts that a breaker remembers";
                let (index, _) = self.plain_state(format!("{name}.remembered"), 0.0, f64::INFINITY, 100.0, about);
                guards.remembered = Some(index);
            }
            let margin = self.margin(rule, x, (rate, guards.remembered));
            let minus = self.process.graph.neg(margin);
            let clear = self.process.graph.unary(Unary::NormalCdf, minus);
            let stays_open = rule.open.value > 0.0;
            let retries = rule.stops.value == Stops::Retries;
            if retries && !stays_open {
                guards.retried = Some(clear);
            } else {
                let about = "share of client processes whose breaker is open";
                let (open, share) = self.plain_state(format!("{name}.breaker_open"), 0.0, 1.05, 0.1, about);
                guards.open = Some(open);
                let closed = self.not(share);
                if retries {
                    guards.retried = Some(closed);
                } else {
                    let cycle = self.cycle(rule, policy, station, rate);
                    let probes = self.number(&rule.probes);
                    let tiny = self.c(1e-9);
                    let wanted = self.add(rate, tiny);
                    let per_cycle = self.mul(cycle, wanted);
                    let probing = self.div(probes, per_cycle);
                    let probing = self.mul(probing, share);
                    let sent = self.add(closed, probing);
                    let one = self.c(1.0);
                    shares.push(self.process.graph.binary(Binary::Min, sent, one));
                }
            }
        }
        if let Some(limit) = &policy.rate_limit {
            let burst = limit.burst.value.max(1.0);
            let about = "attempts that a process may send at once";
            let (index, tokens) =
                self.plain_state(format!("{name}.allowance"), burst, 1.05 * burst, 0.1 * burst, about);
            guards.tokens = Some(index);
            let used = self.share_of(tokens, limit);
            let used = self.not(used);
            let none = self.raised(used, limit);
            shares.push(self.not(none));
        }
        if let Some(throttle) = &policy.throttle {
            let about = ("attempts that a process remembers", "of these, those that succeeded");
            let unbounded = f64::INFINITY;
            let (index, all) = self.plain_state(format!("{name}.throttle_attempts"), 0.0, unbounded, 10.0, about.0);
            let (well, good) = self.plain_state(format!("{name}.throttle_accepted"), 0.0, unbounded, 10.0, about.1);
            guards.counts = Some((index, well));
            let refused = self.refused(throttle, all, good);
            let through = self.not(refused);
            guards.let_through = Some(through);
            shares.push(through);
        }
        guards.sent = shares.into_iter().reduce(|x, y| self.mul(x, y));
        guards
    }

    /// How far the failure share is beyond the threshold, in standard deviations of its estimate.
    fn margin(&mut self, rule: &Breaker, x: Node, (rate, remembered): (Node, Option<usize>)) -> Node {
        let (one, least) = (self.c(1.0), self.c(1.0));
        let n = match remembered {
            Some(index) => self.process.graph.state(index),
            None => {
                let window = self.number(&rule.window);
                if rule.window.dimension == Dimension::TIME { self.mul(rate, window) } else { window }
            }
        };
        let n = self.process.graph.binary(Binary::Max, n, least);
        let rest = self.not(x);
        let zero = self.c(0.0);
        let rest = self.process.graph.binary(Binary::Max, rest, zero);
        let variance = self.mul(x, rest);
        let single = self.div(one, n);
        let variance = self.add(variance, single);
        let variance = self.div(variance, n);
        let sd = self.process.graph.unary(Unary::Sqrt, variance);
        let threshold = self.number(&rule.threshold);
        let beyond = self.sub(x, threshold);
        self.div(beyond, sd)
    }

    /// From opening to the answer of the probes, which are the first calls wanted after that: at this rate per process.
    fn cycle(&mut self, rule: &Breaker, policy: &CallPolicy, station: &Station, rate: Node) -> Node {
        let open = self.number(&rule.open);
        let (probes, tiny) = (self.number(&rule.probes), self.c(1e-9));
        let rate = self.add(rate, tiny);
        let coming = self.div(probes, rate);
        let open = self.add(open, coming);
        let fate = self.fate(station, policy);
        let answer = self.patience(station, policy, fate.late);
        self.add(open, answer)
    }

    fn share_of(&mut self, tokens: Node, limit: &RateLimit) -> Node {
        let burst = self.number(&limit.burst);
        self.div(tokens, burst)
    }

    /// x^burst for 0 <= x <= 1.
    fn raised(&mut self, x: Node, limit: &RateLimit) -> Node {
        let burst = self.number(&limit.burst);
        let tiny = self.c(1e-12);
        let x = self.process.graph.binary(Binary::Max, x, tiny);
        let log = self.process.graph.unary(Unary::Ln, x);
        let log = self.mul(burst, log);
        self.process.graph.unary(Unary::Exp, log)
    }

    fn refused(&mut self, throttle: &Throttle, all: Node, good: Node) -> Node {
        let (zero, one) = (self.c(0.0), self.c(1.0));
        let more = self.add(all, one);
        match throttle {
            Throttle::Accepts { factor, .. } => {
                let factor = self.number(factor);
                let earned = self.mul(factor, good);
                let excess = self.sub(all, earned);
                let excess = self.process.graph.binary(Binary::Max, zero, excess);
                self.div(excess, more)
            }
            Throttle::SuccessRate { threshold, aggression, most, .. } => {
                let (threshold, aggression) = (self.number(threshold), self.number(aggression));
                let most = self.number(most);
                let earned = self.div(good, threshold);
                let excess = self.sub(all, earned);
                let tiny = self.c(1e-9);
                let excess = self.process.graph.binary(Binary::Max, tiny, excess);
                let share = self.div(excess, more);
                let log = self.process.graph.unary(Unary::Ln, share);
                let log = self.div(log, aggression);
                let share = self.process.graph.unary(Unary::Exp, log);
                self.process.graph.binary(Binary::Min, share, most)
            }
        }
    }

    /// Adds the flows of what holds attempts back. `first`: first attempts wanted, `sent`: all attempts sent.
    pub(super) fn guard_flows(
        &mut self,
        guards: Guards,
        policy: &CallPolicy,
        station: &Station,
        fate: Fate,
        (first, sent): (Node, Node),
    ) {
        let n = self.number(&policy.processes);
        let tiny = self.c(1e-9);
        if let (Some(rule), Some(index)) = (&policy.breaker, guards.failing) {
            let x = self.process.graph.state(index);
            let failures = self.failures_felt(policy, sent, fate, true);
            let attempts = match rule.per.value {
                Per::Request => first,
                Per::Attempt => {
                    let well = self.mul(sent, fate.answered);
                    self.add(well, failures)
                }
            };
            let attempts = self.add(attempts, tiny);
            let share = self.div(failures, attempts);
            let one = self.c(1.0);
            let share = self.process.graph.binary(Binary::Min, share, one);
            let pace = self.pace(rule, guards, (attempts, n));
            let away = self.sub(share, x);
            let flow = self.mul(pace, away);
            self.process.flows.push((index, flow));
            let (rate, counted) = (self.div(first, n), self.div(attempts, n));
            let rate = self.add(rate, tiny);
            let counted = self.counted_while_closed(rule, policy, station, guards.open, (rate, counted));
            if let Some(open) = guards.open {
                self.switch_flow(rule, policy, station, (open, x, guards.remembered), (rate, counted, share));
            }
            if let Some(index) = guards.remembered {
                self.memory_flow(rule, policy, station, (index, guards.open), (rate, counted, share));
            }
        }
        if let (Some(limit), Some(index)) = (&policy.rate_limit, guards.tokens) {
            let tokens = self.process.graph.state(index);
            let share = self.share_of(tokens, limit);
            let full = self.raised(share, limit);
            let open = self.not(full);
            let rate = self.number(&limit.rate);
            let gained = self.mul(rate, open);
            let spent = self.div(sent, n);
            let flow = self.sub(gained, spent);
            self.process.flows.push((index, flow));
        }
        if let (Some(throttle), Some((all, good))) = (&policy.throttle, guards.counts) {
            let (window, counted, well) = match throttle {
                Throttle::Accepts { window, .. } => {
                    let through = guards.let_through.unwrap_or(tiny);
                    let wanted = self.div(sent, through);
                    let accepted = self.add(fate.answered, fate.failed);
                    (window, wanted, accepted)
                }
                Throttle::SuccessRate { window, .. } => (window, sent, fate.answered),
            };
            let window = self.number(window);
            let well = self.mul(sent, well);
            for (index, gained) in [(all, counted), (good, well)] {
                let level = self.process.graph.state(index);
                let gained = self.div(gained, n);
                let faded = self.div(level, window);
                let flow = self.sub(gained, faded);
                self.process.flows.push((index, flow));
            }
        }
    }

    /// κ, the rate at which the failure share that is seen follows the present one.
    fn pace(&mut self, rule: &Breaker, guards: Guards, (attempts, n): (Node, Node)) -> Node {
        let own = self.div(attempts, n);
        if let Some(index) = guards.remembered {
            let (count, one) = (self.process.graph.state(index), self.c(1.0));
            let known = self.add(count, one);
            return self.div(own, known);
        }
        let (two, window) = (self.c(2.0), self.number(&rule.window));
        let pace = if rule.window.dimension == Dimension::TIME { two } else { self.mul(two, own) };
        self.div(pace, window)
    }

    /// What a process whose breaker is closed counts per second: its attempts, retries included, or its requests.
    fn counted_while_closed(
        &mut self,
        rule: &Breaker,
        policy: &CallPolicy,
        station: &Station,
        open: Option<usize>,
        (rate, counted): (Node, Node),
    ) -> Node {
        let Some(open) = open.filter(|_| rule.stops.value == Stops::Calls && rule.per.value == Per::Attempt) else {
            let attempts = if rule.per.value == Per::Attempt { counted } else { rate };
            return self.process.graph.binary(Binary::Max, rate, attempts);
        };
        let share = self.process.graph.state(open);
        let cycle = self.cycle(rule, policy, station, rate);
        let probes = self.number(&rule.probes);
        let probing = self.mul(share, probes);
        let probing = self.div(probing, cycle);
        let rest = self.sub(counted, probing);
        let (closed, tiny) = (self.not(share), self.c(1e-3));
        let closed = self.process.graph.binary(Binary::Max, closed, tiny);
        let each = self.div(rest, closed);
        self.process.graph.binary(Binary::Max, rate, each)
    }

    /// What a breaker without a window remembers: everything since it closed, within the horizon.
    fn memory_flow(
        &mut self,
        rule: &Breaker,
        policy: &CallPolicy,
        station: &Station,
        (index, open): (usize, Option<usize>),
        (rate, counted, failing): (Node, Node, Node),
    ) {
        let count = self.process.graph.state(index);
        let horizon = self.model.meta.horizon.as_ref().map_or(HORIZON, |h| h.value);
        let horizon = self.c(horizon);
        let faded = self.div(count, horizon);
        let mut flow = self.sub(counted, faded);
        if let Some(open) = open.filter(|_| rule.stops.value == Stops::Calls) {
            let share = self.process.graph.state(open);
            let closing = self.closing(rule, policy, station, (share, failing, rate));
            let (closed, tiny) = (self.not(share), self.c(1e-3));
            let closed = self.process.graph.binary(Binary::Max, closed, tiny);
            let fresh = self.div(closing, closed);
            let forgotten = self.mul(fresh, count);
            flow = self.sub(flow, forgotten);
        }
        self.process.flows.push((index, flow));
    }

    /// Processes per second whose probes succeed, of all.
    fn closing(
        &mut self,
        rule: &Breaker,
        policy: &CallPolicy,
        station: &Station,
        (share, failing, rate): (Node, Node, Node),
    ) -> Node {
        let cycle = self.cycle(rule, policy, station, rate);
        let well = self.not(failing);
        let probes = rule.probes.value.floor().max(1.0);
        let chance = if probes < 2.0 {
            well
        } else {
            let may_fail = self.c((rule.threshold.value * probes).ceil() - 1.0 + 0.5);
            let k = self.number(&rule.probes);
            let mean = self.mul(k, failing);
            let variance = self.mul(mean, well);
            let small = self.c(1e-2);
            let variance = self.add(variance, small);
            let sd = self.process.graph.unary(Unary::Sqrt, variance);
            let room = self.sub(may_fail, mean);
            let z = self.div(room, sd);
            self.process.graph.unary(Unary::NormalCdf, z)
        };
        let leaving = self.mul(share, chance);
        self.div(leaving, cycle)
    }

    /// Opening and closing of breakers.
    fn switch_flow(
        &mut self,
        rule: &Breaker,
        policy: &CallPolicy,
        station: &Station,
        (open, x, remembered): (usize, Node, Option<usize>),
        (rate, counted, failing): (Node, Node, Node),
    ) {
        let (one, two, tiny) = (self.c(1.0), self.c(2.0), self.c(1e-9));
        let margin = self.margin(rule, x, (counted, remembered));
        let beyond = self.process.graph.unary(Unary::NormalCdf, margin);
        let size = self.process.graph.unary(Unary::Abs, margin);
        let size = self.add(one, size);
        let known = remembered.map(|index| self.process.graph.state(index));
        let span = match known {
            Some(count) => {
                let count = self.add(count, one);
                self.div(count, counted)
            }
            None => {
                let window = self.number(&rule.window);
                if rule.window.dimension == Dimension::TIME { window } else { self.div(window, counted) }
            }
        };
        let eager = self.mul(size, beyond);
        let eager = self.mul(two, eager);
        let eager = self.add(eager, tiny);
        let time = self.div(span, eager);
        let mut minimum = self.number(&rule.minimum);
        if let Some(count) = known {
            let (zero, missing) = (self.c(0.0), self.sub(minimum, count));
            minimum = self.process.graph.binary(Binary::Max, zero, missing);
        }
        let gathering = self.div(minimum, counted);
        let time = self.add(time, gathering);
        let share = self.process.graph.state(open);
        let closed = self.not(share);
        let opening = self.div(closed, time);
        let closing = if rule.stops.value == Stops::Retries {
            let minus = self.process.graph.neg(margin);
            let clear = self.process.graph.unary(Unary::NormalCdf, minus);
            let open = self.number(&rule.open);
            let leaving = self.mul(share, clear);
            self.div(leaving, open)
        } else {
            self.closing(rule, policy, station, (share, failing, rate))
        };
        let flow = self.sub(opening, closing);
        self.process.flows.push((open, flow));
    }
}
