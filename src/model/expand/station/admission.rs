//! What a service turns away before it queues: `shed`, `rate_limit`, `concurrency`. Fluid closure.
//!
//! With m inside, X = (m - c + 1)⁺, C = c/S, d departures per second, and steps rounded over a request as the limit is:
//!
//! ```text
//! shed          refused = share · logistic(4 (m - level)),  level = inside, or X against wait · C
//! rate limit    T' = rate (1 - e^{T - burst}) - A (...) g,  let in g = 1 - e^{-T}           a token bucket
//! concurrency   refused = logistic(4 (m - L)), L the limit of the algorithm
//! ```
//!
//! The algorithms are those of Netflix' concurrency-limits (2018). R is the time in the system of one attempt, gamma with
//! shape a, scale b and mean W; their limits move by small steps, so that L follows the mean step:
//!
//! ```text
//! aimd      once per window w: L + 1 if W <= timeout, else L · backoff
//!           L' = (u (1 - p) e_max - (1 - backoff) L p e_min)/w,  p = logistic(20 (W/timeout - 1))
//! vegas     per answer, with the shortest time ν since the last probe, q = L (1 - ν/R), l = max(1, log10 L):
//!           + 6 l if q <= l, + l if q <= 3 l - 1, - l if q > 6 l         (q is rounded up there)
//!           ν' = d W (e/(0.75 · probe · L) - P(R < ν))                   the shortest of n is at the quantile 1/n, and
//!           a mean of -ln n over a probe's interval of N answers is 1 - ln N
//! gradient  per answer, with the long-term mean λ: g = clamp(tolerance · λ/R, 1/2, 1)
//!           L' = d · smoothing · u (L (E g - 1) + queue),   λ' = d (2 (W - λ)/(long_window + 1) - λ P(R < λ/2)/20)
//! ```
//!
//! u = Φ((2 m - L)/(2 √(m + 1))) says how often the limit is in use (half of it at least, as the code asks; n fluctuates as
//! Poisson numbers do), e_max = 1 - e^{L - max} and e_min = 1 - e^{min - L} keep L between its bounds. A limit that is never in use
//! stays where it is; here it goes back to its initial value in 10⁵ answers, which gives it one state of rest. E g = P(R < θ) + θ E[1/R; θ < R < 2 θ] + P(R > 2 θ)/2 with θ = tolerance · λ,
//! and E[1/R; R > x] = Q(a - 1, x/b)/(b (a - 1)).

use super::super::Builder;
use super::Station;
use crate::model::types::{Concurrency, ConcurrencyKind, Service};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node, Unary};
use crate::process::lower::Type;
use crate::process::population::State;

/// States of admission.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gate {
    /// Tokens of the rate limit, and the share it lets in.
    tokens: Option<(usize, Node)>,
    /// The concurrency limit.
    limit: Option<usize>,
    /// Shortest time (vegas), or long-term mean time (gradient).
    memory: Option<usize>,
}

/// Share of the way back to its initial value that a limit not in use goes per answer.
const FORGETS: f64 = 1e-5;
/// Least shape minus one of the gamma distribution in E 1/R.
const SHAPE: f64 = 1e-4;

impl Builder<'_> {
    fn gate_state(
        &mut self,
        service: &Service,
        suffix: &str,
        unit: &str,
        (start, upper, scale): (f64, f64, f64),
        about: &str,
    ) -> (usize, Node) {
        let name = format!("{}.{suffix}", service.name.value);
        let state = self.process.state(State {
            info: StateInfo { name: name.clone(), start, lower: 0.0, upper, scale },
            unit: unit.to_owned(),
            about: about.to_owned(),
        });
        let dimension = match unit {
            "s" => Dimension::TIME,
            "req" => Dimension::REQUEST,
            _ => Dimension::NONE,
        };
        self.scope.define(name, state.1, Type::Quantity(dimension));
        state
    }

    /// States of admission, and the share of attempts it lets in; `None` where there is none.
    pub(super) fn gate(
        &mut self,
        service: &Service,
        inside: Node,
        ahead: Node,
        capacity: Option<Node>,
    ) -> (Gate, Option<Node>) {
        let mut gate = Gate::default();
        let mut share = None;
        let mut narrow = |b: &mut Self, let_in: Node| {
            share = Some(share.map_or(let_in, |s| b.mul(s, let_in)));
        };
        if let Some(shed) = &service.admission.shed {
            let part = self.number(&shed.share);
            let levels = [
                shed.inside.as_ref().map(|level| (inside, self.number(level))),
                shed.wait.as_ref().zip(capacity).map(|(wait, capacity)| {
                    let wait = self.number(wait);
                    (ahead, self.mul(wait, capacity))
                }),
            ];
            for (number, level) in levels.into_iter().flatten() {
                let full = self.full(number, level);
                let refused = self.mul(part, full);
                let let_in = self.not(refused);
                narrow(self, let_in);
            }
        }
        if let Some(limit) = &service.admission.rate_limit {
            let burst = limit.burst.value;
            let about = "tokens left in the rate limit";
            let (index, tokens) = self.gate_state(service, "tokens", "", (burst, 1.01 * burst + 1.0, 1.0), about);
            let minus = self.process.graph.neg(tokens);
            let empty = self.process.graph.unary(Unary::Exp, minus);
            let let_in = self.not(empty);
            gate.tokens = Some((index, let_in));
            narrow(self, let_in);
        }
        if let Some(concurrency) = &service.admission.concurrency {
            let (most, start) = (concurrency.max.value, concurrency.initial.value);
            let about = "concurrency limit";
            let (index, limit) =
                self.gate_state(service, "concurrency", "req", (start, 1.01 * most + 1.0, 0.1 * most), about);
            gate.limit = Some(index);
            let time = service.service_time.value;
            gate.memory = match concurrency.kind {
                ConcurrencyKind::Aimd => None,
                ConcurrencyKind::Vegas => {
                    let about = "shortest time in the system since the last probe";
                    Some(self.gate_state(service, "shortest", "s", (time, f64::INFINITY, time), about).0)
                }
                ConcurrencyKind::Gradient => {
                    let about = "long-term mean time in the system";
                    Some(self.gate_state(service, "long_term", "s", (time, f64::INFINITY, time), about).0)
                }
            };
            let full = self.full(inside, limit);
            let let_in = self.not(full);
            narrow(self, let_in);
        }
        (gate, share)
    }

    /// Balances of the states of admission.
    pub(super) fn gate_balance(&mut self, service: &Service, station: &Station, offered: Node) {
        if let (Some((index, let_in)), Some(limit)) = (station.gate.tokens, &service.admission.rate_limit) {
            let tokens = self.process.graph.state(index);
            let (rate, burst) = (self.number(&limit.rate), self.number(&limit.burst));
            let over = self.sub(tokens, burst);
            let full = self.process.graph.unary(Unary::Exp, over);
            let open = self.not(full);
            let earned = self.mul(rate, open);
            // Whoever is let in by the bucket pays, whatever the queue says afterwards.
            let spent = self.mul(offered, let_in);
            let flow = self.sub(earned, spent);
            self.process.flows.push((index, flow));
        }
        if let (Some(index), Some(concurrency)) = (station.gate.limit, service.admission.concurrency.clone()) {
            let limit = self.process.graph.state(index);
            let memory = station.gate.memory.map(|i| (i, self.process.graph.state(i)));
            let inside = self.inside_of(station);
            let (one, two) = (self.c(1.0), self.c(2.0));
            let double = self.mul(two, inside);
            let over = self.sub(double, limit);
            let number = self.add(inside, one);
            let deviation = self.process.graph.unary(Unary::Sqrt, number);
            let deviation = self.mul(two, deviation);
            let over = self.div(over, deviation);
            let used = self.process.graph.unary(Unary::NormalCdf, over);
            let step = match (concurrency.kind, memory) {
                (ConcurrencyKind::Vegas, Some(memory)) => self.vegas(station, &concurrency, limit, memory, used),
                (ConcurrencyKind::Gradient, Some(memory)) => self.gradient(station, &concurrency, limit, memory, used),
                _ => self.aimd(station, &concurrency, limit, used),
            };
            let (up, down) = step;
            let (most, least) = (self.number(&concurrency.max), self.number(&concurrency.min));
            let near = |b: &mut Self, distance: Node| {
                let e = b.process.graph.unary(Unary::Exp, distance);
                b.not(e)
            };
            let above = self.sub(limit, most);
            let above = near(self, above);
            let below = self.sub(least, limit);
            let below = near(self, below);
            let grows = self.mul(up, above);
            let shrinks = self.mul(down, below);
            let flow = self.sub(grows, shrinks);
            self.process.flows.push((index, flow));
            let initial = self.number(&concurrency.initial);
            let away = self.sub(initial, limit);
            let (forgets, pace) = (self.c(FORGETS), station.departures);
            let pace = self.mul(forgets, pace);
            let back = self.mul(pace, away);
            self.process.flows.push((index, back));
        }
    }

    /// P(R > x).
    fn longer_in_system(&mut self, station: &Station, x: Node) -> Node {
        let (shape, x) = self.wait_gamma(station, x);
        self.process.graph.binary(Binary::GammaQ, shape, x)
    }

    /// Mean growth and mean shrinking of the limit per second.
    fn aimd(&mut self, station: &Station, law: &Concurrency, limit: Node, used: Node) -> (Node, Node) {
        let (timeout, backoff, window) =
            (self.number(&law.timeout), self.number(&law.backoff), self.number(&law.window));
        let ratio = self.div(station.wait, timeout);
        let (one, steep) = (self.c(1.0), self.c(20.0));
        let over = self.sub(ratio, one);
        let scaled = self.mul(steep, over);
        let late = self.process.graph.unary(Unary::Logistic, scaled);
        let fine = self.not(late);
        let up = self.mul(used, fine);
        let cut = self.not(backoff);
        let cut = self.mul(cut, limit);
        let down = self.mul(cut, late);
        (self.div(up, window), self.div(down, window))
    }

    fn vegas(
        &mut self,
        station: &Station,
        law: &Concurrency,
        limit: Node,
        memory: (usize, Node),
        used: Node,
    ) -> (Node, Node) {
        let (index, shortest) = memory;
        let one = self.c(1.0);
        let (ten, three, six) = (self.c(10.0_f64.ln()), self.c(3.0), self.c(6.0));
        let log = self.process.graph.unary(Unary::Ln, limit);
        let log = self.div(log, ten);
        let log = self.process.graph.binary(Binary::Max, one, log);
        let (alpha, beta) = (self.mul(three, log), self.mul(six, log));
        let alpha = self.sub(alpha, one);
        // q > x where R > ν/(1 - x/L)
        let queued = |b: &mut Self, level: Node| {
            let share = b.div(level, limit);
            let rest = b.not(share);
            let least = b.c(1e-3);
            let rest = b.process.graph.binary(Binary::Max, rest, least);
            let time = b.div(shortest, rest);
            b.longer_in_system(station, time)
        };
        let (over_one, over_alpha, over_beta) = (queued(self, log), queued(self, alpha), queued(self, beta));
        let none = self.not(over_one);
        let some = self.sub(over_one, over_alpha);
        let fast = self.mul(beta, none);
        let slow = self.mul(log, some);
        let up = self.add(fast, slow);
        let down = self.mul(log, over_beta);
        let smoothing = self.number(&law.smoothing);
        let pace = self.mul(station.departures, smoothing);
        let pace = self.mul(pace, used);
        let beyond = self.longer_in_system(station, shortest);
        let below = self.not(beyond);
        let (probe, jitter, e) = (self.number(&law.probe), self.c(0.75), self.c(std::f64::consts::E));
        let every = self.mul(jitter, probe);
        let every = self.mul(every, limit);
        let quantile = self.div(e, every);
        let drift = self.sub(quantile, below);
        let drift = self.mul(station.wait, drift);
        let flow = self.mul(station.departures, drift);
        self.process.flows.push((index, flow));
        (self.mul(pace, up), self.mul(pace, down))
    }

    fn gradient(
        &mut self,
        station: &Station,
        law: &Concurrency,
        limit: Node,
        memory: (usize, Node),
        used: Node,
    ) -> (Node, Node) {
        let (index, long) = memory;
        let (one, two, half) = (self.c(1.0), self.c(2.0), self.c(0.5));
        let tolerance = self.number(&law.tolerance);
        let edge = self.mul(tolerance, long);
        let twice = self.mul(two, edge);
        let (over, far) = (self.longer_in_system(station, edge), self.longer_in_system(station, twice));
        let fine = self.not(over);
        // E[1/R; R > x] = Q(a - 1, x/b)/(b (a - 1))
        let (shape, x) = self.wait_gamma(station, edge);
        let (_, y) = self.wait_gamma(station, twice);
        let fewer = self.sub(shape, one);
        let least = self.c(SHAPE);
        let fewer = self.process.graph.binary(Binary::Max, fewer, least);
        let near = self.process.graph.binary(Binary::GammaQ, fewer, x);
        let beyond = self.process.graph.binary(Binary::GammaQ, fewer, y);
        let between = self.sub(near, beyond);
        // θ/b = x
        let part = self.mul(x, between);
        let part = self.div(part, fewer);
        let rest = self.mul(half, far);
        let gradient = self.add(fine, part);
        let gradient = self.add(gradient, rest);
        let smoothing = self.number(&law.smoothing);
        let pace = self.mul(station.departures, smoothing);
        let pace = self.mul(pace, used);
        let queue = self.number(&law.queue);
        let missing = self.not(gradient);
        let cut = self.mul(limit, missing);
        let window = self.number(&law.long_window);
        let span = self.add(window, one);
        let weight = self.div(two, span);
        let behind = self.sub(station.wait, long);
        let rises = self.mul(weight, behind);
        let short = self.mul(half, long);
        let above = self.longer_in_system(station, short);
        let below = self.not(above);
        let twentieth = self.c(0.05);
        let forgets = self.mul(twentieth, below);
        let forgets = self.mul(forgets, long);
        let drift = self.sub(rises, forgets);
        let flow = self.mul(station.departures, drift);
        self.process.flows.push((index, flow));
        (self.mul(pace, queue), self.mul(pace, cut))
    }
}
