//! Work whose caller has stopped waiting: `drop` throws it away when a slot would take it, `cancel` takes it out of queue or
//! slot at the timeout τ. Both in the fluid closure, with μ = 1/S, C = c/S, X = (m - c + 1)⁺ waiting ahead of an arrival.
//!
//! # Drop
//!
//! Work that has expired costs no slot time: the queue is M/G/c+D, deterministic patience while waiting (Baccelli &
//! Hébuterne 1981). m counts those inside that a slot will take in time; an arrival is one of them with probability F:
//!
//! ```text
//! V = X/C                                       wait until a slot takes it
//! F = P(V < τ) = logistic(4 (C τ - X))          smoothed over one request
//! m' = A (1 - B) F - min(m, c) μ
//! ```
//!
//! In overload, A > C, this pins V at τ, where F = C/A. Then nearly all that is taken is taken just before it expires.
//! The density of V below τ is that of the workload of M/G/1 between jumps: it grows as e^{ηx} with A (1 - E e^{-ηS/c}) = η,
//! which is η = A - C for exponential service. With r = A/C >= 1 (A followed with lag S), s² = variability,
//!
//! ```text
//! η = C (r - 1) (1 + (1 - s²)/(1 + s²)/r)       exact for s² = 1, for A → C, and for s² = 0 and A → ∞
//! δ = (τ - V - 1.5/C)⁺, smoothed as F is        time left in the mean; above it lies an exponential(η), at most τ in all:
//! P(in vain | taken) = P(S > δ) · (1 - π (1 - (1 - g) (1 - e^{-(η+μ)(τ - δ)})/(1 - e^{-η(τ - δ)})))
//! g = E e^{-ηS} = (1 + η S s²)^{-1/s²}          gamma service; the quotient is exact for s² = 1
//! π = logistic(200 (A/C - 0.97))                a queue that drains has V without that spread
//! ```
//!
//! so that for exponential service in overload the answered share of what is taken is μ/(μ + A - C): more slots make it worse.
//! Those that no slot will take in time (A (1 - B) (1 - F) per second) stay for τ and count against the limit.
//!
//! Where the limit refuses a share B, arrivals come when there is room: places are free at a share 1 - B of the time, and then the
//! next one comes after 1/A in the mean; else a slot must first free places, which takes 1/C. What a slot takes is the first to
//! come after t - τ that nobody has taken yet; a share C/A₁ of those accepted, A₁ = A (1 - B) per second, has been:
//!
//! ```text
//! 1/η = (1/A + B/C)/(1 - C/A₁),   that is   η = (A₁ - C)/(1 - B + B A₁/C)       A - C for B = 0, as above
//! ```
//!
//! # Cancel
//!
//! A slot is held for min(S, T) with T the time left when it takes the work. The mean hold H = S h and the wait V = X H/c
//! depend on each other through u = E T/S:
//!
//! ```text
//! u = τ/S - (X/c) h(u)                          solved by Newton's method, which converges from below (h is concave)
//! h = s² (1 - e^{-u}) + (1 - s²) E min(1, G u)  s² = 1: exponential, s² = 0: fixed service times; above 1 as at 1
//! P(in time | taken) = s² (1 - e^{-u}) + (1 - s²) (1 - P₀(h))
//! m' = A (1 - B) - min(m, c)/H
//! ```
//!
//! Slots are always busy with work that is still wanted: for exponential service c μ are answered per second whatever the
//! overload, exactly. With fixed service times most of what a slot takes late is cancelled in it, and little is answered. In overload
//! work leaves in the order in which it came, so that the n-th is followed in its slot by the (n + c)-th, at n's end or n's
//! timeout. With Y the time in which c arrive (gamma, shape c, mean c/A)
//!
//! ```text
//! T_{n+c} = (T_n - S)⁺ + Y        Lindley's recursion of a queue D/E_c/1 of load c/(A S) = h, its wait being (T - S)⁺
//! P₀(ρ) = exp(-Σ_{j≥1} P(Y_1 + ... + Y_j > j S)/j),   Y_1 + ... + Y_j gamma of shape j c and mean j ρ S       (Spitzer 1956)
//! ```
//!
//! and P₀, the chance that this queue is empty, is the chance that a slot gives up: exact. The terms with j ≤ 6 are taken as they
//! are, the others as those of the random walk with normal steps of the same mean and variance, whose sum is known:
//!
//! ```text
//! Σ_{j≥1} Φ(-b √j)/j = -ln(√2 b) - b/√(2π) Σ_{r≥0} ζ(1/2 - r)/(r! (2r + 1)) (-b²/2)^r,   b = (1 - ρ) √c/ρ
//! ```
//!
//! (Chang and Peres 1997, for b < 2 √π; beyond b = 2 less than 1e-5 is left of its terms with j > 6). G, gamma with mean 1 and shape 8, only places the
//! queue: in overload h is c/(A S) whatever G is.
//!
//! F. Spitzer, *A combinatorial lemma and its application to probability theory*, Trans. AMS 82 (1956) 323-339. J. Chang & Y.
//! Peres, *Ladder heights, Gaussian random walks and the Riemann zeta function*, Ann. Probab. 25 (1997) 787-802.
//!
//! F. Baccelli & G. Hébuterne, *On queues with impatient customers*, Performance '81, 159-179.

use super::super::Builder;
use super::{Fate, Station};
use crate::model::types::{CallPolicy, Expired, Service};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node, Unary};
use crate::process::lower::Type;
use crate::process::population::State;

/// Steps of Newton's method for the time left: from 0 it converges from below, to 1e-6 in six for S/10 < τ < 100 S.
const STEPS: u32 = 8;
/// Shape of the gamma distribution G, which rounds the corner between slots that give up and slots that do not.
const SPREAD: f64 = 8.0;
/// Terms of Spitzer's sum that are taken as they are.
const TERMS: u32 = 6;
/// Drift per deviation beyond which the later terms are nothing.
const STEEP: f64 = 2.0;
/// ζ(1/2 - r)/(r! (2r + 1)) for r = 0, 1, ...
const ZETA: [f64; 6] = [
    -1.460_354_508_809_586_8,
    -0.207_886_224_977_354_57 / 3.0,
    -0.025_485_201_889_833_035 / 10.0,
    0.008_516_928_777_850_331 / 42.0,
    0.004_441_010_130_154_327 / 216.0,
    -0.003_091_987_133_459_394_6 / 1320.0,
];
/// Least variability a service time is given where a density is needed.
const NARROW: f64 = 0.02;
/// Offered rate per capacity from which on the wait can be pinned at the timeout, and the steepness of that step.
const PINNED: (f64, f64) = (0.97, 200.0);
/// Room in the queue, in requests, that the smoothing of F takes up where V is pinned.
const MARGIN: f64 = 1.5;
/// Least tilt and span, in units of the service time.
const FLAT: f64 = 1e-4;

/// What is ahead of an arrival.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub ahead: Node,
    pub servers: Node,
    pub hold: Node,
    /// Time after which a slot would answer, where `hold` is cut short by a deadline that came with the request.
    pub full: Node,
    pub variability: Node,
    /// Attempts per second, followed.
    pub offered: Option<Node>,
    /// Share of them that is refused.
    pub blocked: Option<Node>,
}

impl Builder<'_> {
    /// Policies under which a service is called, each with the name of its stream.
    pub(in super::super) fn callers_of(&self, service: &str) -> Vec<(String, CallPolicy)> {
        let clients = self.model.clients.iter().filter(|c| c.calls.value == service);
        let mut all: Vec<(String, CallPolicy)> = clients.map(|c| (c.name.value.clone(), c.policy.clone())).collect();
        for caller in &self.model.services {
            let calls = caller.calls.iter().filter(|call| call.target.value == service);
            all.extend(calls.map(|call| (format!("{}.{service}", caller.name.value), call.policy.clone())));
        }
        all
    }

    /// `drop`: share of accepted attempts that a slot takes in time, and the share of those answered in time.
    pub(super) fn dropping(&mut self, line: Line, timeout: Node) -> (Node, Node) {
        let rate = self.div(line.servers, line.hold);
        let most = self.mul(rate, timeout);
        let room = self.sub(most, line.ahead);
        let four = self.c(4.0);
        let scaled = self.mul(four, room);
        let fresh = self.process.graph.unary(Unary::Logistic, scaled);
        // δ = (x⁺ + ln(1 + e^{-4 |x|})/4)/C, x = room - 1.5
        let margin = self.c(MARGIN);
        let spare = self.sub(room, margin);
        let left = self.rounded_positive(spare);
        let left = self.div(left, rate);
        let (zero, one) = (self.c(0.0), self.c(1.0));
        let behind = self.sub(timeout, left);
        let behind = self.process.graph.binary(Binary::Max, zero, behind);
        let offered = line.offered.unwrap_or(rate);
        let intensity = self.div(offered, rate);
        let blocked = line.blocked.unwrap_or(zero);
        let let_in = self.not(blocked);
        let accepted = self.mul(intensity, let_in);
        let overload = self.process.graph.binary(Binary::Max, one, accepted);
        // η S = (r - 1) (...) c/(1 - B + B r)
        let within = self.div(one, overload);
        let excess = self.excess(within, line.variability);
        let tilt = self.mul(excess, line.servers);
        let waits = self.mul(blocked, overload);
        let waits = self.add(let_in, waits);
        let tilt = self.div(tilt, waits);
        // Quotients of what vanishes with the overload stay finite.
        let (flat, short) = (self.c(FLAT), self.c(FLAT));
        let tilt = self.add(tilt, flat);
        let transform = self.transform(tilt, line.variability);
        let span = self.div(behind, line.hold);
        let span = self.add(span, short);
        let within = |b: &mut Self, rate: Node| {
            let exponent = b.mul(rate, span);
            let exponent = b.process.graph.neg(exponent);
            let beyond = b.process.graph.unary(Unary::Exp, exponent);
            b.not(beyond)
        };
        let faster = self.add(tilt, one);
        let (slow, fast) = (within(self, tilt), within(self, faster));
        let cut = self.div(fast, slow);
        let missed = self.not(transform);
        let missed = self.mul(missed, cut);
        let answered = self.not(missed);
        let (threshold, steepness) = (self.c(PINNED.0), self.c(PINNED.1));
        let above = self.sub(intensity, threshold);
        let above = self.mul(steepness, above);
        let pinned = self.process.graph.unary(Unary::Logistic, above);
        let answered = self.mul(pinned, answered);
        let missed = self.not(answered);
        let longer = self.longer(line, left);
        let in_vain = self.mul(longer, missed);
        (fresh, self.not(in_vain))
    }

    /// (r - 1)(1 + (1 - s²)/(1 + s²)/r) for `share` = 1/r.
    fn excess(&mut self, share: Node, variability: Node) -> Node {
        let missing = self.not(share);
        let over = self.div(missing, share);
        let one = self.c(1.0);
        let (up, down) = (self.sub(one, variability), self.add(one, variability));
        let regular = self.div(up, down);
        let correction = self.mul(regular, share);
        let factor = self.add(one, correction);
        self.mul(over, factor)
    }

    /// E e^{-zS'} of a gamma distributed S' with mean 1.
    fn transform(&mut self, z: Node, variability: Node) -> Node {
        let floor = self.c(1e-3);
        let v = self.process.graph.binary(Binary::Max, variability, floor);
        let one = self.c(1.0);
        let product = self.mul(z, v);
        let base = self.add(one, product);
        let log = self.process.graph.unary(Unary::Ln, base);
        let exponent = self.div(log, v);
        let exponent = self.process.graph.neg(exponent);
        self.process.graph.unary(Unary::Exp, exponent)
    }

    /// P(S > t).
    pub(super) fn longer(&mut self, line: Line, t: Node) -> Node {
        let floor = self.c(NARROW);
        let v = self.process.graph.binary(Binary::Max, line.variability, floor);
        let one = self.c(1.0);
        let shape = self.div(one, v);
        let scale = self.mul(line.full, v);
        let x = self.div(t, scale);
        self.process.graph.binary(Binary::GammaQ, shape, x)
    }

    /// `cancel`: mean hold in units of the service time, and share of what a slot takes that is answered.
    pub(super) fn cancelling(&mut self, line: Line, timeout: Node, exponential: bool) -> (Node, Node) {
        let patience = self.div(timeout, line.hold);
        let queue = self.div(line.ahead, line.servers);
        let (mut u, one) = (self.c(0.0), self.c(1.0));
        for _ in 0..STEPS {
            let (held, slope, _) = self.held(line, u, exponential);
            let waited = self.mul(queue, held);
            let total = self.add(u, waited);
            let left = self.sub(patience, total);
            let steep = self.mul(queue, slope);
            let slope = self.add(one, steep);
            let step = self.div(left, slope);
            u = self.add(u, step);
        }
        let (held, _, answered) = self.held(line, u, exponential);
        (held, answered)
    }

    /// h(u), its slope, and the share answered.
    fn held(&mut self, line: Line, u: Node, exponential: bool) -> (Node, Node, Node) {
        let one = self.c(1.0);
        let minus = self.process.graph.neg(u);
        let missed = self.process.graph.unary(Unary::Exp, minus);
        let met = self.not(missed);
        if exponential {
            return (met, missed, met);
        }
        // E min(1, G u) = u P(κ + 1, κ/u) + Q(κ, κ/u), its slope P(κ + 1, κ/u)
        let (shape, next) = (self.c(SPREAD), self.c(SPREAD + 1.0));
        let tiny = self.c(1e-6);
        let positive = self.add(u, tiny);
        let x = self.div(shape, positive);
        let beyond = self.process.graph.binary(Binary::GammaQ, next, x);
        let slope = self.not(beyond);
        let above = self.process.graph.binary(Binary::GammaQ, shape, x);
        let part = self.mul(u, slope);
        let held = self.add(part, above);
        let v = self.process.graph.binary(Binary::Min, one, line.variability);
        let mix = |b: &mut Self, random: Node, fixed: Node| {
            let difference = b.sub(random, fixed);
            let change = b.mul(v, difference);
            b.add(fixed, change)
        };
        let given_up = self.empty(held, line.servers);
        let kept = self.not(given_up);
        (mix(self, met, held), mix(self, missed, slope), mix(self, met, kept))
    }

    /// P₀(ρ), the chance that a queue D/E_c/1 of load ρ < 1 is empty.
    fn empty(&mut self, load: Node, phases: Node) -> Node {
        let (one, zero, least) = (self.c(1.0), self.c(0.0), self.c(1e-9));
        let room = self.not(load);
        let room = self.process.graph.binary(Binary::Max, room, zero);
        let room = self.add(room, least);
        let ratio = self.div(room, load);
        let root = self.process.graph.unary(Unary::Sqrt, phases);
        let drift = self.mul(ratio, root);
        let steep = self.c(STEEP);
        let drift = self.process.graph.binary(Binary::Min, drift, steep);
        // ln P₀ of the walk with normal steps.
        let (root_two, scale, half) =
            (self.c(std::f64::consts::SQRT_2), self.c(1.0 / (2.0 * std::f64::consts::PI).sqrt()), self.c(-0.5));
        let square = self.process.graph.power(drift, 2.0);
        let argument = self.mul(half, square);
        let mut sum = self.c(0.0);
        for coefficient in ZETA.into_iter().rev() {
            let coefficient = self.c(coefficient);
            sum = self.mul(sum, argument);
            sum = self.add(sum, coefficient);
        }
        let sum = self.mul(sum, drift);
        let sum = self.mul(sum, scale);
        let first = self.mul(root_two, drift);
        let first = self.process.graph.unary(Unary::Ln, first);
        let mut log = self.add(first, sum);
        for j in 1..=TERMS {
            let number = self.c(f64::from(j));
            let shape = self.mul(number, phases);
            let x = self.div(shape, load);
            let exact = self.process.graph.binary(Binary::GammaQ, shape, x);
            let far = self.c(-f64::from(j).sqrt());
            let far = self.mul(far, drift);
            let normal = self.process.graph.unary(Unary::NormalCdf, far);
            let more = self.sub(exact, normal);
            let more = self.div(more, number);
            log = self.sub(log, more);
        }
        let empty = self.process.graph.unary(Unary::Exp, log);
        self.process.graph.binary(Binary::Min, empty, one)
    }

    /// Mean time a slot is held where it is given up at the timeout; `hold` where it is not.
    pub(super) fn hold_until_cancelled(&mut self, service: &Service, line: Option<Line>, hold: Node) -> Node {
        if service.expired.value != Expired::Cancel {
            return hold;
        }
        let callers = self.callers_of(&service.name.value);
        let timeouts: Vec<_> = callers.iter().filter_map(|(_, policy)| self.patience_of(policy)).collect();
        let Some(&timeout) = timeouts.first() else { return hold };
        let values: Vec<_> = callers.iter().map(|(_, policy)| policy.timeout.as_ref().map(|t| t.value)).collect();
        let travels = callers.iter().any(|(_, policy)| self.left_of(policy).is_some());
        if timeouts.len() < callers.len() || (callers.len() > 1 && (travels || values.iter().any(|v| *v != values[0])))
        {
            self.without_equations(
                &service.expired.span,
                "the equations of `expired = \"cancel\"` need one timeout for all callers of a service",
                "give them the same timeout; `tipping referee` simulates any",
            );
        }
        let held = match line {
            Some(line) => self.cancelling(line, timeout, service.variability.value == 1.0).0,
            None => {
                let patience = self.div(timeout, hold);
                let minus = self.process.graph.neg(patience);
                let beyond = self.process.graph.unary(Unary::Exp, minus);
                self.not(beyond)
            }
        };
        self.mul(hold, held)
    }

    /// Share of accepted attempts that a slot takes, and share of those that are answered in time; `None` where nothing
    /// is dropped or cancelled.
    pub(super) fn deadline(&mut self, station: &Station, timeout: Node) -> Option<(Node, Node)> {
        let line = station.line?;
        match station.expired {
            Expired::Serve => None,
            Expired::Drop => Some(self.dropping(line, timeout)),
            Expired::Cancel => {
                let (_, useful) = self.cancelling(line, timeout, station.exponential);
                Some((self.c(1.0), useful))
            }
        }
    }

    /// States for those whom no slot will take in time, by stream: they count where there is a limit.
    pub(super) fn doomed(&mut self, service: &Service) -> Vec<(String, usize)> {
        if service.expired.value != Expired::Drop || service.queue.limit.value.is_infinite() {
            return Vec::new();
        }
        let callers = self.callers_of(&service.name.value);
        let callers: Vec<_> = callers
            .into_iter()
            .filter(|(_, policy)| policy.timeout.is_some() || self.left_of(policy).is_some())
            .collect();
        callers
            .into_iter()
            .map(|(stream, _)| {
                let (index, node) = self.process.state(State {
                    info: StateInfo {
                        name: format!("{stream}.doomed"),
                        start: 0.0,
                        lower: 0.0,
                        upper: 2.0 * service.queue.limit.value,
                        scale: service.servers.value.max(1.0),
                    },
                    unit: "req".to_owned(),
                    about: "waiting although no slot will take them in time".to_owned(),
                });
                self.scope.define(format!("{stream}.doomed"), node, Type::Quantity(Dimension::REQUEST));
                (stream, index)
            })
            .collect()
    }

    /// The number inside, those whom no slot will take included.
    pub(super) fn with_doomed(&mut self, m: Node, doomed: &[(String, usize)]) -> Node {
        doomed.iter().fold(m, |sum, &(_, index)| {
            let waiting = self.process.graph.state(index);
            self.add(sum, waiting)
        })
    }

    /// Balance of those of a stream whom no slot will take in time: they stay for their timeout.
    pub(in super::super) fn doomed_balance(
        &mut self,
        name: &str,
        station: &Station,
        policy: &CallPolicy,
        (attempts, fate): (Node, Fate),
    ) {
        let Some(&(_, index)) = station.doomed.iter().find(|(stream, _)| stream == name) else { return };
        let Some(timeout) = self.patience_of(policy) else { return };
        let joining = self.mul(attempts, fate.dropped);
        self.process.transition(format!("{name}: accepted too late"), joining, vec![(index, 1.0)], None);
        let waiting = self.process.graph.state(index);
        let leaving = self.div(waiting, timeout);
        self.process.transition(format!("{name}: expired work thrown away"), leaving, vec![(index, -1.0)], None);
    }
}
