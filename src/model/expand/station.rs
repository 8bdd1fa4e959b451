//! A service as a station with c slots, hold time S per slot and at most K inside.
//!
//! State: mean m and variance v of the number inside n (closure `moments`), or m alone (closure `fluid`, v = 0).
//!
//! ```text
//! departures      d = E min(n, c) / S
//! blocked share   B = P(n >= K) = Φ(u),  Cov(n, 1(n>=K)) = σ φ(u),   u = (m + 1/2 - K)/σ,  σ² = v
//! m' = A (1 - B) - d                                                  A = all attempts per second
//! v' = A (1 - B) + f d - 2 Cov(n, min(n,c))/S - 2 A σ φ(u)            f = 1 + (cs² - 1) P(n >= c)
//! W  = time in the system of an arrival: gamma with
//!      mean X S/c + S,  variance (Var[(n-c+1)⁺] + X) (S/c)² + Var S,  X = E (n-c+1)⁺
//! ```
//!
//! The moments are those of a birth-death process whose n is negative binomial (Rothkopf & Oren 1979); the expectations
//! are those of [`crate::process::katz`]. For one server and exponential service they are exact in equilibrium (M/M/1).
//! The factor f carries the variability cs² of the service time: with it the mean of M/G/1 is that of Pollaczek and
//! Khinchine exactly, since for one server P(n >= 1) = ρ and m = ρ (1 + f)/(2 (1 - ρ)).
//!
//! In the fluid closure E min(n, c) = min(m, c), X = (m - c + 1)⁺, and a queue is full within one request of its limit:
//! B = logistic(4 (m - K)).
//!
//! As an event (fluid closure), a departure of finitely many slots is counted with the dispersion of a renewal process in
//! heavy traffic: variance of the count per mean count = cs².
//!
//! A service that calls others while it holds a slot has S = service_time + Σ count · T, T the mean time of one call with
//! all its attempts: a quasi-stationary closure, exact in equilibrium, that takes the called service's present state. Slots at
//! work on a request and slots that wait for its calls are told apart ([`calling`]).

mod admission;
mod balance;
mod calling;
mod codel;
mod deadline;
mod fate;
mod held;
mod load;
mod newest;
mod parallel;
mod pickup;
mod priority;
mod propagated;
mod retrying;
mod stages;

use self::admission::Gate;
use self::deadline::Line;
pub(super) use self::fate::Fate;
use self::newest::Stack;
use self::pickup::Jumps;
use self::priority::Class;
pub(super) use self::propagated::Passed;
use self::stages::Stages;
use super::Builder;
use super::closure::available;
use super::replicas::Apart;
use crate::model::types::{Closure, Expired, Order, Service};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node, Unary};
use crate::process::katz;
use crate::process::lower::{Type, normal_pdf};
use crate::process::population::State;

/// Expressions of one service that callers need.
#[derive(Debug, Clone)]
pub(super) struct Station {
    /// Mean time in the system of an arrival.
    pub wait: Node,
    /// Its variance.
    pub wait_variance: Node,
    /// Departures per second.
    pub departures: Node,
    /// Share of served attempts answered with an error.
    pub error_share: Node,
    mean: usize,
    variance: Option<usize>,
    servers: Option<Node>,
    hold: Node,
    hold_variance: Node,
    busy: Node,
    variability: Node,
    /// Whether it calls others while a slot is held, or its slots or the time in them depend on states otherwise.
    calls: bool,
    /// What happens to work whose caller stopped waiting.
    expired: Expired,
    /// Whether the service time is exponential.
    exponential: bool,
    /// What is ahead of an arrival; `None` if slots are unlimited.
    line: Option<Line>,
    /// States that count those whom no slot will take in time, by stream.
    doomed: Vec<(String, usize)>,
    /// Whether service is first in, first out, and nothing but timeouts and the limit turns attempts away.
    plain: bool,
    /// Who goes before the queue because a free slot has not looked into it yet.
    pub jumps: Option<Jumps>,
    /// Stages of service, where the age of requests matters.
    stages: Option<Stages>,
    /// States of what turns attempts away.
    gate: Gate,
    /// State that follows the rate of attempts.
    offered: Option<usize>,
    /// What serving the newest first needs.
    stack: Option<Stack>,
    /// Classes of priority; none where all are one.
    classes: Vec<Class>,
    /// Streams that arrive.
    pub arrivals: Vec<Arrival>,
    /// Blocked share of the attempts that arrive.
    pub blocked: Node,
    /// Mean and variance of the time on the network that `wait` includes.
    pub network: Option<(Node, Node)>,
    /// Requests per second whose own work is done, and whose calls begin.
    pub begins: Node,
    /// How lateness is judged where callees are told of the deadline.
    told: Option<Told>,
    /// Share of the attempts that meet no broken replica; `None` without a balancer.
    pub sound: Option<Node>,
    /// Replicas with queues of their own.
    apart: Option<Apart>,
}

impl Station {
    /// Slots.
    pub(super) fn servers(&self) -> Option<Node> {
        self.servers
    }

    /// Slots busy.
    pub(super) fn busy(&self) -> Node {
        self.busy
    }

    /// Waiting ahead of an arrival, and the arrival; `None` if slots are unlimited.
    pub(super) fn ahead(&self) -> Option<Node> {
        self.line.map(|line| line.ahead)
    }

    /// Whether service is first in, first out, and nothing but timeouts and the limit turns attempts away.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Squared coefficient of variation of the service time.
    pub(super) fn variability(&self) -> Node {
        self.variability
    }

    /// Mean time in a slot.
    pub(super) fn hold(&self) -> Node {
        self.hold
    }

    /// Variance of the time in a slot.
    pub(super) fn hold_variance(&self) -> Node {
        self.hold_variance
    }

    /// The state that counts those inside.
    pub(super) fn queue(&self) -> usize {
        self.mean
    }
}

/// A stream of attempts at a station.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    /// Attempts per second.
    pub attempts: Node,
    /// Attempts per second that a slot will take.
    pub entering: Node,
    /// Work of each, in units of the service time.
    pub work: Option<Node>,
    /// Class of priority.
    pub class: usize,
    /// Noise that arrivals in batches add to that of single ones, per second.
    pub together: Option<Node>,
}

impl Station {
    /// States that count those inside, by class of priority.
    fn class_means(&self) -> Vec<usize> {
        self.classes.iter().map(|c| c.mean).collect()
    }

    /// Attempts per second of each stream that arrives.
    pub(super) fn attempt_rates(&self) -> Vec<Node> {
        self.arrivals.iter().map(|a| a.attempts).collect()
    }

    /// Whether it, or a service that it calls, ends work whose deadline has passed.
    fn judges(&self) -> bool {
        self.expired != Expired::Serve || self.told.is_some()
    }

    /// Whether expired work is thrown away.
    pub(super) fn drops(&self) -> bool {
        self.expired == Expired::Drop
    }
}

/// Time in the system without the calls whose callee says itself who is in time, and the share for which all of them are.
#[derive(Debug, Clone, Copy)]
struct Told {
    mean: Node,
    variance: Node,
    met: Node,
}

impl Builder<'_> {
    /// Creates states and expressions of a service whose callees are already there.
    pub(super) fn station(&mut self, service: &Service) {
        self.left_states(service);
        let name = service.name.value.clone();
        let slots = service.servers.value;
        let limit = service.queue.limit.value;
        let scale = if slots.is_finite() { slots.max(1.0) } else { 10.0 };
        let info = |suffix: &str, upper: f64, scale: f64| StateInfo {
            name: format!("{name}.{suffix}"),
            start: 0.0,
            lower: 0.0,
            upper,
            scale,
        };
        let (ranks, (mean, m)) = match self.class_states(service, 2.0 * limit, scale) {
            Some((ranks, all)) => {
                let first = ranks.first().copied().unwrap_or_default();
                (ranks, (first, all))
            }
            None => {
                let state = self.process.state(State {
                    info: info("queue", 2.0 * limit, scale),
                    unit: "req".to_owned(),
                    about: "mean number inside: waiting and in service".to_owned(),
                });
                (Vec::new(), state)
            }
        };
        self.scope.define(format!("{name}.queue"), m, Type::Quantity(Dimension::REQUEST));
        let moments = self.closure == Closure::Moments;
        let (variance, v) = if moments {
            // Of an unbounded queue the variance grows with the mean: it must not count as escaping on its own.
            let upper = (4.0 * limit * limit).min(1e40);
            let (index, v) = self.process.state(State {
                info: info("queue_variance", upper, scale),
                unit: "req^2".to_owned(),
                about: "variance of the number inside".to_owned(),
            });
            let kind = Type::Quantity(Dimension::REQUEST * Dimension::REQUEST);
            self.scope.define(format!("{name}.queue_variance"), v, kind);
            (Some(index), v)
        } else {
            (None, self.c(0.0))
        };
        let servers = slots.is_finite().then(|| self.slots(service));
        let variability = self.number(&service.variability);
        let apart = self.apart(service, servers);
        let (busy, ahead, ahead_variance) = match servers {
            None => (m, self.c(0.0), self.c(0.0)),
            Some(_) if apart.is_some() => {
                let one = apart.map(|apart| self.apart_figures(apart, m, moments.then_some(v)));
                one.unwrap_or((m, v, v))
            }
            Some(c) if moments => {
                let batch = self.batch(service);
                // One of a batch meets others of it, 0 to n - 1 with equal chances.
                let (others, spread) = (self.c((batch - 1.0) / 2.0), self.c((batch * batch - 1.0) / 12.0));
                let (met, met_variance) = (self.add(m, others), self.add(v, spread));
                let g = &mut self.process.graph;
                (
                    g.station(m, v, c, katz::BUSY),
                    g.station(met, met_variance, c, katz::AHEAD),
                    g.station(met, met_variance, c, katz::AHEAD_VARIANCE),
                )
            }
            Some(c) => {
                let busy = if available(self.model, Closure::Moments).1.is_some() || self.is_hedged(&name) {
                    self.rounded_busy(m, c)
                } else {
                    self.process.graph.binary(Binary::Min, m, c)
                };
                let (one, zero) = (self.c(0.5 * (1.0 + self.batch(service))), self.c(0.0));
                let free = self.sub(c, one);
                let excess = self.sub(m, free);
                (busy, self.process.graph.binary(Binary::Max, zero, excess), zero)
            }
        };
        let pace = self.head_of_line(service, (m, busy), (ahead, ahead_variance));
        let held = self.hold(service, m, pace);
        let error_share = self.not(held.well);
        // A slot that is cancelled is given up at the timeout in any case.
        let cancels = service.expired.value == Expired::Cancel;
        let begun = if cancels { held.whole } else { held.mean };
        let (hold, hold_variance) = self.with_error_path(service, begun, held.variance);
        let longer = |b: &mut Self, other: Node| {
            if other == begun {
                return hold;
            }
            let more = b.sub(other, begun);
            b.add(hold, more)
        };
        let (whole, full) = (longer(self, held.whole), longer(self, held.judged));
        let offered = self.followed_rate(service);
        let offered_rate = offered.map(|o| o.1);
        let line = servers.map(|servers| Line {
            ahead,
            servers,
            hold,
            full,
            variability,
            offered: offered_rate,
            blocked: None,
        });
        let hold = self.hold_until_cancelled(service, line, hold);
        let whole = if cancels { hold } else { whole };
        let waits = self.pickup(service, m, servers);
        let cycle = waits.map_or(hold, |(_, idle)| self.add(hold, idle));
        let stages = self.service_stages(service, m, hold);
        let staged = stages.as_ref().and_then(Stages::departures);
        let calling = if staged.is_none() { self.calling(service, busy, (held.own, hold)) } else { None };
        let departures = match staged.or(calling.map(|c| c.ends)) {
            Some(departures) => departures,
            None => self.div(busy, cycle),
        };
        let per_slot = match apart.map(|a| a.slots).or(servers) {
            Some(c) => self.div(cycle, c),
            None => self.c(0.0),
        };
        let waiting = self.mul(ahead, per_slot);
        let wait = self.add(waiting, whole);
        let spread = self.add(ahead_variance, ahead);
        let square = self.process.graph.power(per_slot, 2.0);
        let waiting_variance = self.mul(spread, square);
        let wait_variance = self.add(waiting_variance, hold_variance);
        let told = held.met.map(|met| {
            let (mean, less) = (self.add(waiting, full), self.sub(held.variance, held.judged_variance));
            Told { mean, variance: self.sub(wait_variance, less), met }
        });
        let zero = self.c(0.0);
        let doomed = self.doomed(service);
        let blocked = if limit.is_finite() {
            let k = self.number(&service.queue.limit);
            let inside = self.with_doomed(m, &doomed);
            match apart.and_then(|a| Some((a.number, a.limit?))).filter(|_| moments) {
                Some((number, limit)) => {
                    let (mean, variance) = (self.div(m, number), self.div(v, number));
                    self.blocking(mean, variance, limit).0
                }
                None if moments => self.blocking(m, v, k).0,
                None => self.full(inside, k),
            }
        } else {
            zero
        };
        let capacity = servers.map(|c| self.div(c, hold));
        let blocked = match self.controlled_delay(service, (capacity, ahead), (offered_rate, blocked)) {
            Some(taken) => {
                let room = self.not(blocked);
                let entering = self.mul(room, taken);
                self.not(entering)
            }
            None => blocked,
        };
        let inside = self.with_doomed(m, &doomed);
        let (gate, let_in) = self.gate(service, inside, ahead, capacity);
        let blocked = match let_in {
            Some(let_in) => {
                let room = self.not(blocked);
                let entering = self.mul(room, let_in);
                self.not(entering)
            }
            None => blocked,
        };
        let line = line.map(|line| Line { blocked: Some(blocked), ..line });
        let jumps = waits.zip(line).map(|((waits, _), line)| self.jumps(service, waits, line));
        let stack = self.stack(service, servers, offered);
        let classes = servers.map(|c| self.classes(&ranks, c, (hold, hold_variance))).unwrap_or_default();
        self.name(format!("{name}.busy"), busy, Type::Quantity(Dimension::REQUEST));
        self.name(format!("{name}.throughput"), departures, Type::Quantity(Dimension::REQUEST_RATE));
        self.name(format!("{name}.wait"), wait, Type::Quantity(Dimension::TIME));
        let square_time = Dimension::TIME * Dimension::TIME;
        self.name(format!("{name}.wait_variance"), wait_variance, Type::Quantity(square_time));
        let sound = self.soundness(service, busy);
        let station = Station {
            wait,
            wait_variance,
            departures,
            error_share,
            mean,
            variance,
            servers,
            hold,
            hold_variance,
            busy,
            variability,
            calls: !service.calls.is_empty() || self.has_moving_capacity(service),
            expired: service.expired.value,
            exponential: service.variability.value == 1.0,
            line,
            doomed,
            plain: service.queue.order.value == Order::Fifo && service.queue.codel.is_none(),
            stack,
            jumps,
            stages,
            gate,
            offered: offered.map(|o| o.0),
            classes,
            arrivals: Vec::new(),
            blocked,
            network: None,
            told,
            begins: calling.map_or(departures, |c| c.begins),
            sound,
            apart,
        };
        self.stations.insert(name, station);
        self.caches_of(service);
    }

    /// min(m, c), rounded over a request: m - (x⁺ + ln(1 + e^{-4 |x|})/4), x = m - c. Where the wait is pinned, m stays near c
    /// over a range of loads, and branches of states must get round that corner.
    fn rounded_busy(&mut self, m: Node, c: Node) -> Node {
        let over = self.sub(m, c);
        let waiting = self.rounded_positive(over);
        self.sub(m, waiting)
    }

    /// x⁺ rounded over a request: x⁺ + ln(1 + e^{-4 |x|})/4.
    fn rounded_positive(&mut self, x: Node) -> Node {
        let (zero, one, four) = (self.c(0.0), self.c(1.0), self.c(4.0));
        let scaled = self.mul(four, x);
        let distance = self.process.graph.unary(Unary::Abs, scaled);
        let distance = self.process.graph.neg(distance);
        let tail = self.process.graph.unary(Unary::Exp, distance);
        let tail = self.add(one, tail);
        let tail = self.process.graph.unary(Unary::Ln, tail);
        let rounding = self.div(tail, four);
        let positive = self.process.graph.binary(Binary::Max, zero, x);
        self.add(positive, rounding)
    }

    /// Gaussian blocking: (B, Cov(n, 1(n >= K))).
    fn blocking(&mut self, m: Node, v: Node, limit: Node) -> (Node, Node) {
        let floor = self.c(1e-12);
        let positive = self.process.graph.binary(Binary::Max, v, floor);
        let sd = self.process.graph.unary(Unary::Sqrt, positive);
        let half = self.c(0.5);
        let shifted = self.add(m, half);
        let over = self.sub(shifted, limit);
        let u = self.div(over, sd);
        let blocked = self.process.graph.unary(Unary::NormalCdf, u);
        let density = normal_pdf(&mut self.process.graph, u);
        (blocked, self.mul(sd, density))
    }

    /// Fluid closure: how full the queue is, 0 to 1, smoothed over one request.
    fn full(&mut self, m: Node, limit: Node) -> Node {
        let over = self.sub(m, limit);
        let four = self.c(4.0);
        let scaled = self.mul(four, over);
        self.process.graph.unary(Unary::Logistic, scaled)
    }
}
