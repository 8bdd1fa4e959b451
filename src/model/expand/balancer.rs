//! A balancer: replicas share the servers of a service and one queue; a replica that answers late or wrong `failures`
//! times in a row is taken out of rotation for `eject_for` (passive outlier detection).
//!
//! State: the share h of the sound replicas in rotation, and y of the broken ones. With R replicas, b of them broken, d
//! departures per second of which the share p is late or wrong:
//!
//! ```text
//! in rotation   q = (h (R - b) + y b)/R,  panic π = logistic((panic - q)/0.02):  ρ = h + (1 - h) π of the sound ones are used
//! slots         servers · ρ · (1 - b/R)
//! ejections     ε = r p^f/(1 + p + ... + p^(f-1)),   r = d/((R - b) ρ) answers per replica
//! h' = -h ε m + (1 - h)/eject_for,                   m = logistic((q - 1 + most_ejected)/0.02)
//! y' = -y (A β/(b f y)) m + (1 - y)/eject_for        A attempts per second, β of which meet a broken replica
//! ```
//!
//! β/b, what one broken replica meets, is written as what it is with b left out of the numerator: with b = 0 the quotient would
//! be rounding error over nothing, and y a random walk.
//!
//! ε is one over the mean number of independent answers until f wrong ones come in a row, times their rate (Feller 1968,
//! XIII.7). Each replica out sends its load to the rest, whose answers become late: cascading ejection. Below the panic
//! threshold all are used again, for an overloaded replica is better than none.
//!
//! Active health checks probe each replica every i seconds; a probe is late or wrong with probability P = P(W > timeout), W that of an
//! arrival. The share x of the sound replicas that pass, by which ρ is multiplied before panic, and z of the broken ones follow
//!
//! ```text
//! x' = -x P^u/(i (1 + P + ... + P^(u-1))) + (1 - x)/(V + (g - 1/2) i)       u failed probes take out, g good ones bring back
//! z' = -z/((u - 1/2) i) + (1 - z)/((g - 1/2) i) [no replica is broken]
//! ```
//!
//! for one that is out works off its queue, which takes the wait V, and then answers; -1/2 since probes are due on half an interval.
//!
//! A broken replica refuses at once. Round robin gives it its share, β = b y/(b y + (R - b) ρ). Least requests finds it idle
//! always: among free slots one is as good as another, β = free broken/(free broken + free sound), and once the sound ones
//! are all busy β = 1: the black hole.

use super::Builder;
use crate::model::types::{Balancer, Routing, Service};
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node, Unary};
use crate::process::lower::Type;
use crate::process::population::State;

/// Free slots over which their number goes over into none.
const FREE: f64 = 0.02;
/// Width over which panic and the bound on ejections set in, as a share of the replicas.
const WIDTH: f64 = 0.02;
/// Most failures in a row that are followed one by one.
const MOST_FAILURES: f64 = 1000.0;

/// Share of the slots that is left when no sound replica is.
const NO_SLOTS: f64 = 1e-6;

/// Expressions of one balancer.
#[derive(Debug, Clone)]
pub(super) struct Spread {
    /// State and share in rotation of the sound and of the broken replicas; `None` if none is ever ejected.
    rotation: Option<[(usize, Node); 2]>,
    /// The same for those that pass their health checks; `None` without.
    passing: Option<[(usize, Node); 2]>,
    /// Share of the sound replicas in use.
    used: Node,
    /// Of all in rotation.
    share: Node,
    /// Slots of sound replicas in use.
    slots: Node,
    /// Slots of broken replicas in use.
    broken: Node,
    /// Slots that a broken replica offers, times the share of the broken ones in use.
    each: Node,
    /// Slots of sound replicas between which attempts choose, once the station is there, and those with the slots of broken
    /// ones.
    choice: Option<(Node, Node)>,
}

impl Builder<'_> {
    /// Creates the states of a balancer; returns the slots of the sound replicas in use.
    pub(super) fn balanced_slots(&mut self, service: &Service, balancer: &Balancer) -> Node {
        let name = &balancer.name.value;
        let servers = self.number(&service.servers);
        let (replicas, broken) = (self.number(&balancer.replicas), self.number(&balancer.broken));
        let one = self.c(1.0);
        let broken = self.process.graph.binary(Binary::Min, broken, replicas);
        let broken_share = self.div(broken, replicas);
        let sound_share = self.not(broken_share);
        let state = |b: &mut Self, suffix: &str, about: &str| {
            let info = StateInfo { name: format!("{name}.{suffix}"), start: 1.0, lower: 0.0, upper: 1.0, scale: 0.2 };
            b.process.state(State { info, unit: String::new(), about: about.to_owned() })
        };
        let rotation = balancer.failures.value.is_finite().then(|| {
            let sound = state(self, "in_rotation", "share of the sound replicas in rotation");
            [sound, state(self, "broken_in_rotation", "share of the broken replicas in rotation")]
        });
        let passing = balancer.check.is_some().then(|| {
            let sound = state(self, "passing", "share of the sound replicas that pass their health checks");
            [sound, state(self, "broken_passing", "share of the broken replicas that are thought to be sound")]
        });
        let (mut h, mut y) = rotation.map_or((one, one), |[h, y]| (h.1, y.1));
        if let Some([sound, broken]) = passing {
            (h, y) = (self.mul(h, sound.1), self.mul(y, broken.1));
        }
        let (sound_in, broken_in) = (self.mul(h, sound_share), self.mul(y, broken_share));
        let share = self.add(sound_in, broken_in);
        let (mut used, mut broken_used) = (h, y);
        if balancer.panic.value > 0.0 && (rotation.is_some() || passing.is_some()) {
            let threshold = self.number(&balancer.panic);
            let panic = self.switch(threshold, share);
            for part in [&mut used, &mut broken_used] {
                let out = self.not(*part);
                let back = self.mul(out, panic);
                *part = self.add(*part, back);
            }
        }
        // No slot at all would leave those inside no time in which they are served.
        let none = self.c(NO_SLOTS);
        let slots = self.mul(sound_share, used);
        let slots = self.process.graph.binary(Binary::Max, slots, none);
        let slots = self.mul(servers, slots);
        let broken_slots = self.mul(broken_share, broken_used);
        let broken_slots = self.mul(servers, broken_slots);
        let each = self.div(servers, replicas);
        let each = self.mul(each, broken_used);
        let plain = Type::Quantity(crate::process::dimension::Dimension::NONE);
        self.output(format!("{name}.rotation"), share, plain, "", "share of the replicas in rotation");
        let spread = Spread { rotation, passing, used, share, slots, broken: broken_slots, each, choice: None };
        self.spreads.insert(name.clone(), spread);
        slots
    }

    /// logistic((a - b)/width)
    fn switch(&mut self, a: Node, b: Node) -> Node {
        let over = self.sub(a, b);
        let width = self.c(WIDTH);
        let scaled = self.div(over, width);
        self.process.graph.unary(Unary::Logistic, scaled)
    }

    /// Share of the attempts that meet no broken replica: 1 - β.
    pub(super) fn soundness(&mut self, service: &Service, busy: Node) -> Option<Node> {
        let model = self.model;
        let balancer = model.balancers.iter().find(|b| b.of.value == service.name.value)?;
        let spread = self.spreads.get(&balancer.name.value).cloned()?;
        let sound = match balancer.policy.value {
            Routing::RoundRobin | Routing::Random => spread.slots,
            Routing::LeastRequests => {
                // A positive part without a kink: (d + √(d² + w²))/2.
                let free = self.sub(spread.slots, busy);
                let (width, half) = (self.c(FREE * FREE), self.c(0.5));
                let square = self.mul(free, free);
                let square = self.add(square, width);
                let root = self.process.graph.unary(Unary::Sqrt, square);
                let sum = self.add(free, root);
                self.mul(half, sum)
            }
        };
        let least = self.c(1e-9);
        let sound = self.add(sound, least);
        let all = self.add(sound, spread.broken);
        let share = self.div(sound, all);
        if let Some(spread) = self.spreads.get_mut(&balancer.name.value) {
            spread.choice = Some((sound, all));
        }
        Some(share)
    }

    /// Flows of all balancers, once all streams are known.
    pub(super) fn spread_balances(&mut self) {
        let model = self.model;
        for balancer in &model.balancers {
            let service = model.services.iter().find(|s| s.name.value == balancer.of.value);
            if let (Some(spread), Some(service)) = (self.spreads.get(&balancer.name.value).cloned(), service) {
                self.spread_balance(balancer, &spread, service);
                self.check_balance(balancer, &spread, service);
            }
        }
    }

    fn spread_balance(&mut self, balancer: &Balancer, spread: &Spread, service: &Service) {
        let (Some([sound, broken]), Some((free, choice))) = (spread.rotation, spread.choice) else { return };
        let Some(station) = self.stations.get(&service.name.value).cloned() else { return };
        let Some(wrong) = self.wrong_answers(service) else { return };
        let eject_for = self.number(&balancer.eject_for);
        let bound = self.number(&balancer.most_ejected);
        let least = self.not(bound);
        let may = self.switch(spread.share, least);
        let (replicas, count) = (self.number(&balancer.replicas), self.number(&balancer.broken));
        let tiny = self.c(1e-9);
        // Sound replicas: f wrong answers in a row.
        let failures = balancer.failures.value.min(MOST_FAILURES).round();
        let count = self.process.graph.binary(Binary::Min, count, replicas);
        let number = self.sub(replicas, count);
        let number = self.mul(number, spread.used);
        let number = self.add(number, tiny);
        let answers = self.div(station.departures, number);
        let one = self.c(1.0);
        let mut row = one;
        for _ in 1..failures as u32 {
            let longer = self.mul(row, wrong);
            row = self.add(one, longer);
        }
        let all = self.process.graph.power(wrong, failures);
        let chance = self.div(all, row);
        let rate = self.mul(answers, chance);
        self.rotation_flow(sound, rate, may, eject_for);
        // Broken ones: every attempt fails. What reaches sound ones is known; A β = that · β/(1 - β).
        let arriving = self.process.graph.sum(&station.attempt_rates());
        let least = self.c(1e-9);
        let margin = self.mul(least, choice);
        let passing = self.add(free, margin);
        let per = self.div(spread.each, passing);
        let met = self.mul(arriving, per);
        let needed = self.number(&balancer.failures);
        let needed = self.mul(needed, broken.1);
        let needed = self.add(needed, tiny);
        let rate = self.div(met, needed);
        // Nothing to take out where none is broken.
        let some = self.add(count, tiny);
        let any = self.div(count, some);
        let rate = self.mul(rate, any);
        self.rotation_flow(broken, rate, may, eject_for);
    }

    /// Flows of the shares that pass their health checks.
    fn check_balance(&mut self, balancer: &Balancer, spread: &Spread, service: &Service) {
        let (Some([sound, broken]), Some(check)) = (spread.passing, &balancer.check) else { return };
        let Some(station) = self.stations.get(&service.name.value).cloned() else { return };
        let (interval, timeout) = (self.number(&check.interval), self.number(&check.timeout));
        let (shape, x) = self.wait_gamma(&station, timeout);
        let late = self.process.graph.binary(Binary::GammaQ, shape, x);
        let (one, zero, half) = (self.c(1.0), self.c(0.0), self.c(0.5));
        let failures = check.unhealthy.value.min(MOST_FAILURES).round();
        let mut row = one;
        for _ in 1..failures as u32 {
            let longer = self.mul(row, late);
            row = self.add(one, longer);
        }
        let all = self.process.graph.power(late, failures);
        let chance = self.div(all, row);
        let out = self.div(chance, interval);
        let healthy = self.number(&check.healthy);
        let unhealthy = self.number(&check.unhealthy);
        let probes = self.sub(healthy, half);
        let probing = self.mul(probes, interval);
        let queued = self.sub(station.wait, station.hold());
        let queued = self.process.graph.binary(Binary::Max, zero, queued);
        let back = self.add(queued, probing);
        self.rotation_flow(sound, out, one, back);
        let count = self.number(&balancer.broken);
        let any = self.process.graph.binary(Binary::Less, zero, count);
        let none = self.not(any);
        let probes = self.sub(unhealthy, half);
        let found = self.mul(probes, interval);
        let found = self.div(any, found);
        // Out as long as any is broken.
        let gone = self.not(broken.1);
        let returning = self.div(gone, probing);
        let returning = self.mul(none, returning);
        let leaving = self.mul(broken.1, found);
        let flow = self.sub(returning, leaving);
        self.process.flows.push((broken.0, flow));
    }

    fn rotation_flow(&mut self, (index, share): (usize, Node), rate: Node, may: Node, eject_for: Node) {
        let rate = self.mul(rate, may);
        let leaving = self.mul(share, rate);
        let out = self.not(share);
        let back = self.div(out, eject_for);
        let flow = self.sub(back, leaving);
        self.process.flows.push((index, flow));
    }
}
