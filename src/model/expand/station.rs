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
mod calling;
mod codel;
mod deadline;
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
use self::newest::Stack;
use self::pickup::Jumps;
use self::priority::Class;
use self::propagated::Pace;
pub(super) use self::propagated::Passed;
use self::stages::Stages;
use super::Builder;
use super::closure::available;
use super::replicas::Apart;
use crate::model::types::{CallPolicy, Closure, Expired, Order, Quantity, Service, ServiceCall};
use crate::process::dimension::Dimension;
use crate::process::event::Event;
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

/// How long a slot is held.
struct Held {
    /// Mean time of its own work.
    own: Node,
    /// Mean, of all that a slot takes.
    mean: Node,
    /// Mean and variance if no deadline that came with the request cut it short.
    whole: Node,
    variance: Node,
    /// The same without the calls whose callee is told of the deadline, and says itself who is in time.
    judged: Node,
    judged_variance: Node,
    /// Share of the requests that no such callee has kept beyond their deadline.
    met: Option<Node>,
    /// Share answered without an error, of those.
    well: Node,
}

/// What happens to one attempt: shares of all attempts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    /// Refused because the queue was full.
    pub rejected: Node,
    /// Accepted, but not answered within the timeout.
    pub timed_out: Node,
    /// Answered in time with an error.
    pub failed: Node,
    /// Answered in time and well.
    pub answered: Node,
    /// P(W > timeout), of accepted attempts.
    pub late: Node,
    /// A slot will take it.
    pub entering: Node,
    /// Accepted, but no slot will take it: part of `timed_out`.
    pub dropped: Node,
    /// Of those that a slot takes: answered in time, well or not.
    pub useful: Node,
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

    /// How long a slot is held, and how that ends.
    fn hold(&mut self, service: &Service, inside: Node, pace: Option<Pace>) -> Held {
        let own = self.own_time(service, inside);
        let variability = self.number(&service.variability);
        let square = self.process.graph.power(own, 2.0);
        let variance = self.mul(variability, square);
        let mut before = pace.map(|pace| self.until_calls(pace, own, variance));
        let own_errors = self.number(&service.error_share);
        let well = self.not(own_errors);
        let mut held =
            Held { own, mean: own, whole: own, variance, judged: own, judged_variance: variance, met: None, well };
        for call in &service.calls {
            let Some(target) = self.stations.get(&call.target.value).cloned() else { continue };
            let policy = &self.within_deadline(&call.policy);
            let mut fate = self.fate(&target, policy);
            let hedging = self.hedging(&target, policy, fate);
            if let Some(hedging) = hedging {
                fate = hedging.fate;
            }
            let sends = self.held_back(service, call, &target);
            let (outcome, each) = match call.fan() {
                None => {
                    let outcome = self.call_outcome(&target, policy, (fate, sends), hedging.map(|h| h.time));
                    let spread = match hedging {
                        Some(_) => target.wait_variance,
                        None => self.call_variance(&target, policy, (fate, sends)),
                    };
                    (outcome, spread)
                }
                Some(fan) => {
                    let all = self.together(&target, call, fate, hedging, fan);
                    ((all.time, all.success), all.variance)
                }
            };
            let (time, mut success) = self.past_cache(policy, outcome);
            let count = self.number(&call.count);
            let total = self.mul(count, time);
            let spread = self.mul(count, each);
            let mut law = (total, total);
            let mut told = false;
            if let Some(law_before) = before.filter(|_| policy.propagate.value) {
                let name = format!("{}.{}", service.name.value, call.target.value);
                let within = self.call_within((&name, &target), policy, (fate, sends), law_before);
                let (time, _) = self.past_cache(policy, (within.time, success));
                law.0 = self.mul(count, time);
                if let Some(met) = within.met {
                    told = true;
                    law.1 = law.0;
                    success = self.past_cache(policy, (time, within.well)).1;
                    let met = self.past_cache(policy, (time, met)).1;
                    let met = self.each_of(call, count, met);
                    held.met = Some(held.met.map_or(met, |all| self.mul(all, met)));
                }
            }
            held.mean = self.add(held.mean, law.0);
            held.whole = self.add(held.whole, law.1);
            held.variance = self.add(held.variance, spread);
            if !told {
                held.judged = self.add(held.judged, total);
                held.judged_variance = self.add(held.judged_variance, spread);
            }
            if let Some(before) = &mut before {
                before.mean = self.add(before.mean, law.1);
                before.variance = self.add(before.variance, spread);
            }
            let all_good = self.each_of(call, count, success);
            held.well = self.mul(held.well, all_good);
        }
        held
    }

    /// Share of requests of which all calls of a kind end so, if a call does with this probability.
    fn each_of(&mut self, call: &ServiceCall, count: Node, share: Node) -> Node {
        if call.count.value == 1.0 {
            return share;
        }
        let log = self.process.graph.unary(Unary::Ln, share);
        let scaled = self.mul(count, log);
        self.process.graph.unary(Unary::Exp, scaled)
    }

    /// Shares of what becomes of one attempt at a station under a policy.
    pub(super) fn fate(&mut self, station: &Station, policy: &CallPolicy) -> Fate {
        let judged;
        let station = match station.told {
            Some(told) => {
                judged = Station { wait: told.mean, wait_variance: told.variance, ..station.clone() };
                &judged
            }
            None => station,
        };
        let rejected = self.turned_away(policy, station);
        let accepted = self.not(rejected);
        let mut entering = accepted;
        let mut dropped = self.c(0.0);
        let mut useful = None;
        let late = match self.given_up_after(station, policy) {
            Some(timeout) => match self.deadline(station, timeout) {
                Some((fresh, in_time)) => {
                    entering = self.mul(accepted, fresh);
                    let never = self.not(fresh);
                    dropped = self.mul(accepted, never);
                    useful = Some(in_time);
                    let on_time = self.mul(fresh, in_time);
                    self.not(on_time)
                }
                None => match self.late_on_stack(station, policy, timeout) {
                    Some(late) => late,
                    None => self.late_share(station, policy, timeout),
                },
            },
            None => self.c(0.0),
        };
        let mut late = self.with_jumps(station, policy, late);
        if let Some(told) = station.told.filter(|_| policy.timeout.is_some()) {
            let on_time = self.not(late);
            let on_time = self.mul(on_time, told.met);
            late = self.not(on_time);
            useful = useful.map(|useful| self.mul(useful, told.met));
        }
        let timed_out = self.mul(accepted, late);
        let in_time = self.sub(accepted, timed_out);
        let failed = self.mul(in_time, station.error_share);
        let answered = self.sub(in_time, failed);
        let useful = useful.unwrap_or_else(|| self.not(late));
        Fate { rejected, timed_out, failed, answered, late, entering, dropped, useful }
    }

    /// P(W > timeout) of an attempt that arrived `delay` ago, judged by the capacity there was while it waited, from its
    /// arrival to its timeout, which was `fixed` ago. `None` where the capacity depends on states, or is never short.
    ///
    /// In the fluid closure n is known at arrival, but W = (n - c + 1)/C + S depends on the capacity C = c/S to come:
    /// when slots are lost, or come back, while the attempt waits, the work done for those ahead of it is ∫ C dt. C, c and
    /// S are replaced by their means over the timeout, taken at the middles of four parts of it. At rest nothing changes.
    pub(super) fn late_in_hindsight(
        &mut self,
        station: &Station,
        timeout: &Quantity,
        fixed: Node,
        delay: Node,
    ) -> Option<Node> {
        const PARTS: u32 = 4;
        let known = self.closure == Closure::Fluid
            && !station.calls
            && station.expired != Expired::Cancel
            && station.jumps.is_none()
            && station.plain;
        let servers = station.servers.filter(|_| known)?;
        let timeout = self.number(timeout);
        let capacity = self.div(servers, station.hold);
        let lags: Vec<Node> = (0..PARTS)
            .map(|part| {
                let share = self.c((f64::from(part) + 0.5) / f64::from(PARTS));
                let within = self.mul(share, timeout);
                self.add(fixed, within)
            })
            .collect();
        let mean = |b: &mut Self, node: Node| {
            let then: Vec<Node> = lags.iter().map(|&lag| b.process.graph.delayed(node, lag)).collect();
            let total = b.process.graph.sum(&then);
            let parts = b.c(f64::from(PARTS));
            b.div(total, parts)
        };
        let (slots, rate, hold) = (mean(self, servers), mean(self, capacity), mean(self, station.hold));
        let inside = self.process.graph.state(station.mean);
        let inside = self.process.graph.delayed(inside, delay);
        let (zero, one) = (self.c(0.0), self.c(1.0));
        let free = self.sub(slots, one);
        let excess = self.sub(inside, free);
        let ahead = self.process.graph.binary(Binary::Max, zero, excess);
        if station.drops() {
            let offered = station.offered.map(|index| {
                let now = self.process.graph.state(index);
                self.process.graph.delayed(now, delay)
            });
            let (hold, variability) = (self.div(slots, rate), station.variability);
            let blocked = Some(self.process.graph.delayed(station.blocked, delay));
            let line = Line { ahead, servers: slots, hold, full: hold, variability, offered, blocked };
            let (fresh, useful) = self.dropping(line, timeout);
            let on_time = self.mul(fresh, useful);
            return Some(self.not(on_time));
        }
        let queueing = self.div(ahead, rate);
        let mut wait = self.add(queueing, hold);
        let square = self.process.graph.power(rate, 2.0);
        let queueing_variance = self.div(ahead, square);
        let square = self.process.graph.power(hold, 2.0);
        let service_variance = self.mul(station.variability, square);
        let mut wait_variance = self.add(queueing_variance, service_variance);
        if let Some((legs, spread)) = station.network {
            wait = self.add(wait, legs);
            wait_variance = self.add(wait_variance, spread);
        }
        let scale = self.div(wait, wait_variance);
        let (shape, x) = (self.mul(wait, scale), self.mul(timeout, scale));
        Some(self.process.graph.binary(Binary::GammaQ, shape, x))
    }

    /// Shape of the gamma distribution of W, and `timeout` in units of its scale.
    pub(super) fn wait_gamma(&mut self, station: &Station, timeout: Node) -> (Node, Node) {
        let rate = self.div(station.wait, station.wait_variance);
        (self.mul(station.wait, rate), self.mul(timeout, rate))
    }

    /// E min(W, timeout) = E W · P(shape + 1, x) + timeout · Q(shape, x); E W without a timeout.
    pub(super) fn patience(&mut self, station: &Station, policy: &CallPolicy, late: Node) -> Node {
        let Some(timeout) = &policy.timeout else { return station.wait };
        let timeout = self.number(timeout);
        let within = self.within(station, policy, timeout);
        let in_vain = self.time_in_vain(station, policy, late);
        let given_up = self.mul(in_vain, late);
        self.add(within, given_up)
    }

    /// Balance of a station once all its arrival streams are known.
    pub(super) fn balance(&mut self, service: &Service) {
        let name = service.name.value.clone();
        let Some(station) = self.stations.get(&name).cloned() else { return };
        let offered = self.process.graph.sum(&station.attempt_rates());
        let accepted = if station.drops() {
            let entering: Vec<Node> = station.arrivals.iter().map(|a| a.entering).collect();
            self.process.graph.sum(&entering)
        } else {
            let accepted_share = self.not(station.blocked);
            self.mul(offered, accepted_share)
        };
        if !self.class_balance(&name, &station, station.variability) {
            self.process.transition(format!("{name}: arrival accepted"), accepted, vec![(station.mean, 1.0)], None);
            // Attempts bring their own arrivals: see `stream`.
            let joint = self.joins_events();
            self.join_last(joint);
            self.process.transition(format!("{name}: departure"), station.departures, vec![(station.mean, -1.0)], None);
            if joint && station.servers.is_some() {
                self.join_last(true);
                self.process.events.push(Event {
                    name: format!("{name}: departure"),
                    rate: Some(station.departures),
                    dispersion: Some(station.variability),
                    jumps: vec![(station.mean, -1.0)],
                    outcomes: Vec::new(),
                });
            }
        }
        self.follow_rate(service, &station, offered);
        self.pace_balance(service, &station, accepted);
        self.stage_balance(&station, accepted);
        self.work_balance(service, &station);
        self.gate_balance(service, &station, offered);
        let m = self.inside_of(&station);
        if let Some(index) = station.variance {
            let v = self.process.graph.state(index);
            let (noise, restoring) = match station.servers {
                None => (station.departures, v),
                Some(c) => {
                    let (c, mean, variance) = match station.apart {
                        None => (c, m, v),
                        Some(apart) => (apart.slots, self.div(m, apart.number), self.div(v, apart.number)),
                    };
                    let one = self.process.graph.station(mean, variance, c, katz::BUSY_COVARIANCE);
                    let covariance = station.apart.map_or(one, |apart| self.mul(apart.number, one));
                    let g = &mut self.process.graph;
                    let noise = if service.variability.value == 1.0 {
                        station.departures
                    } else {
                        let all_busy = g.station(mean, variance, c, katz::ALL_BUSY);
                        let one = g.constant(1.0);
                        let excess = g.sub(station.variability, one);
                        let extra = g.mul(excess, all_busy);
                        let factor = g.add(one, extra);
                        g.mul(factor, station.departures)
                    };
                    (noise, covariance)
                }
            };
            let pull = self.div(restoring, station.hold);
            let pull = self.restoring(service, &station, m, pull);
            let two = self.c(2.0);
            let double = self.mul(two, pull);
            let mut grows = self.add(accepted, noise);
            let batches: Vec<Node> = station.arrivals.iter().filter_map(|a| a.together).collect();
            if !batches.is_empty() {
                let together = self.process.graph.sum(&batches);
                let room = self.not(station.blocked);
                let extra = self.mul(room, together);
                grows = self.add(grows, extra);
            }
            let mut flow = self.sub(grows, double);
            let levelled = station.apart.and_then(|apart| self.levelled(apart, v, accepted));
            if let Some(less) = levelled {
                flow = self.sub(flow, less);
            }
            if service.queue.limit.value.is_finite() {
                let limit = self.number(&service.queue.limit);
                let covariance = match station.apart.and_then(|a| Some((a.number, a.limit?))) {
                    None => self.blocking(m, v, limit).1,
                    // Σ over the replicas of λ Cov(n, 1(n >= K)), with λ = A/R.
                    Some((number, limit)) => {
                        let (mean, variance) = (self.div(m, number), self.div(v, number));
                        self.blocking(mean, variance, limit).1
                    }
                };
                let lost = self.mul(offered, covariance);
                let double = self.mul(two, lost);
                flow = self.sub(flow, double);
            }
            self.process.flows.push((index, flow));
        }
        let plain = Type::Quantity(Dimension::NONE);
        let rate = Type::Quantity(Dimension::REQUEST_RATE);
        let requests = Type::Quantity(Dimension::REQUEST);
        let inside = self.with_doomed(m, &station.doomed);
        self.output(format!("{name}.inside"), inside, requests, "req", "mean number waiting and in service");
        self.output(format!("{name}.offered"), offered, rate, "req/s", "attempts arriving");
        self.output(format!("{name}.throughput"), station.departures, rate, "req/s", "attempts served, wanted or not");
        if let Some(c) = station.servers {
            let utilisation = self.div(station.busy, c);
            self.output(format!("{name}.utilisation"), utilisation, plain, "", "share of slots busy");
        }
        let time = Type::Quantity(Dimension::TIME);
        self.output(format!("{name}.wait"), station.wait, time, "s", "mean time in the system of an arrival");
        self.output(format!("{name}.blocked"), station.blocked, plain, "", "share of attempts refused, queue full");
    }
}
