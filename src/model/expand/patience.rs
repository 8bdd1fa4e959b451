//! How long callers wait, and how their waiting ends: `network`, `timeout_jitter`, `gives_up`, `probability`.
//!
//! W is the time in the system of an attempt as its caller sees it, gamma distributed with shape a and scale b = E W/a.
//! Two exponential network legs of mean ν each add 2 ν to its mean and 2 ν² to its variance.
//!
//! ```text
//! timeout τ, fixed          P(late) = Q(a, τ/b)                felt τ after sending
//!            exponential    P(late) = 1 - (1 + b/τ)^{-a}       felt after E[T | T < W] in the mean, T the timeout:
//!                                                              τ - E W (1 + b/τ)^{-a-1} / P(late)
//! gives up at the answer    P(late) as above                   felt after E[W | W > τ] = E W Q(a + 1, τ/b) / P(late)
//! ```
//!
//! P(T < W) = 1 - E e^{-W/τ} is the Laplace transform of the gamma distribution; the other two are its derivative and the
//! size-biased law. Where a failure is not felt at a fixed time, those who will feel it are counted in a state that they leave
//! after that mean time: exact at rest (Little), a first-order lag else.
//!
//! Unlimited attempts that wait for nothing, each made with probability p: with w the number who will find their answer late
//! and D their mean time, all attempts are the geometric series of those that fail at once,
//!
//! ```text
//! A = (a_1 + p w/D) / (1 - p (rejected + failed)),    w' = A · timed out - w/D
//! ```

use super::Builder;
use super::station::{Fate, Station};
use crate::model::types::{CallPolicy, GivesUp, Patience, Retry};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node, Unary};
use crate::process::lower::Type;
use crate::process::population::State;

impl Builder<'_> {
    /// A station as the stream of this name sees it: its class of priority, through its network.
    pub(super) fn seen_by(&mut self, name: &str, target: &str, station: Station) -> Station {
        let class = self.class_of(name, target);
        let mut station = Self::as_class(station, class);
        let network = self.model.clients.iter().find(|c| c.name.value == name).map(|c| c.network.clone());
        let Some(network) = network.filter(|q| q.value > 0.0) else { return station };
        let leg = self.number(&network);
        let two = self.c(2.0);
        let legs = self.mul(two, leg);
        let square = self.process.graph.power(leg, 2.0);
        let spread = self.mul(two, square);
        station.wait = self.add(station.wait, legs);
        station.wait_variance = self.add(station.wait_variance, spread);
        station.network = Some((legs, spread));
        station
    }

    /// P(W > timeout), the timeout fixed or exponential.
    pub(super) fn late_share(&mut self, station: &Station, policy: &CallPolicy, timeout: Node) -> Node {
        if policy.patience.value == Patience::Exponential {
            let (kept, _) = self.transform_at(station, timeout);
            return self.not(kept);
        }
        let (shape, x) = self.wait_gamma(station, timeout);
        self.process.graph.binary(Binary::GammaQ, shape, x)
    }

    /// E e^{-W/τ} and E[W e^{-W/τ}].
    fn transform_at(&mut self, station: &Station, timeout: Node) -> (Node, Node) {
        let (shape, x) = self.wait_gamma(station, timeout);
        let one = self.c(1.0);
        let inverse = self.div(one, x);
        let base = self.add(one, inverse);
        let log = self.process.graph.unary(Unary::Ln, base);
        let exponent = self.mul(shape, log);
        let exponent = self.process.graph.neg(exponent);
        let kept = self.process.graph.unary(Unary::Exp, exponent);
        let biased = self.div(kept, base);
        (kept, self.mul(station.wait, biased))
    }

    /// E[W; W <= timeout].
    pub(super) fn within(&mut self, station: &Station, policy: &CallPolicy, timeout: Node) -> Node {
        if policy.patience.value == Patience::Exponential {
            return self.transform_at(station, timeout).1;
        }
        let beyond = self.beyond(station, timeout);
        let lower = self.not(beyond);
        self.mul(station.wait, lower)
    }

    /// E[W; W > timeout] / E W.
    fn beyond(&mut self, station: &Station, timeout: Node) -> Node {
        let (shape, x) = self.wait_gamma(station, timeout);
        let one = self.c(1.0);
        let next = self.add(shape, one);
        self.process.graph.binary(Binary::GammaQ, next, x)
    }

    /// Whether a timeout is felt a fixed time after sending.
    pub(super) fn felt_on_time(policy: &CallPolicy) -> bool {
        policy.patience.value == Patience::Fixed && policy.gives_up.value == GivesUp::AtTimeout
    }

    /// Mean time until a timeout is felt, of those who feel one.
    pub(super) fn time_in_vain(&mut self, station: &Station, policy: &CallPolicy, late: Node) -> Node {
        let Some(timeout) = &policy.timeout else { return station.wait };
        let timeout = self.number(timeout);
        if let Some(buried) = self.time_buried(station, policy, timeout) {
            return buried;
        }
        if Self::felt_on_time(policy) {
            return timeout;
        }
        // Tends to the timeout where next to none is late.
        let tiny = self.c(1e-9);
        let share = self.add(late, tiny);
        let total = if policy.gives_up.value == GivesUp::AtAnswer {
            let beyond = self.beyond(station, timeout);
            self.mul(station.wait, beyond)
        } else {
            let all = self.mul(timeout, late);
            let answered = self.transform_at(station, timeout).1;
            self.sub(all, answered)
        };
        let rest = self.mul(tiny, timeout);
        let total = self.add(total, rest);
        let mean = self.div(total, share);
        // Differences of nearly equal numbers must not turn the sign round.
        let least = self.c(1e-3);
        let least = self.mul(least, timeout);
        self.process.graph.binary(Binary::Max, mean, least)
    }

    /// A share of failures, of those that are retried at all.
    pub(super) fn with_probability(&mut self, retry: &Retry, share: Node) -> Node {
        if retry.probability.value == 1.0 {
            return share;
        }
        let probability = self.number(&retry.probability);
        self.mul(probability, share)
    }

    /// The state of those whose failure will be felt after `time_in_vain`: its index, and the rate at which they feel it.
    fn in_vain(&mut self, name: &str, suffix: &str, scale: f64, time: Node) -> (usize, Node) {
        let (index, node) = self.process.state(State {
            info: StateInfo {
                name: format!("{name}.in_vain{suffix}"),
                start: 0.0,
                lower: 0.0,
                upper: f64::INFINITY,
                scale,
            },
            unit: "req".to_owned(),
            about: "attempts under way whose caller will find them late".to_owned(),
        });
        self.scope.define(format!("{name}.in_vain{suffix}"), node, Type::Quantity(Dimension::REQUEST));
        (index, self.div(node, time))
    }

    /// Rate at which attempts sent at rate `source` are found late, where that is not a fixed time after sending.
    pub(super) fn found_late(
        &mut self,
        name: &str,
        attempt: usize,
        (station, policy, fate): (&Station, &CallPolicy, Fate),
        source: Node,
        scale: f64,
    ) -> Node {
        let time = self.time_in_vain(station, policy, fate.late);
        let (index, leaving) = self.in_vain(name, &format!("_{attempt}"), scale, time);
        let joining = self.mul(source, fate.timed_out);
        self.process.transition(format!("{name}: attempt {attempt} will be late"), joining, vec![(index, 1.0)], None);
        self.process.transition(format!("{name}: attempt {attempt} found late"), leaving, vec![(index, -1.0)], None);
        leaving
    }

    /// Unlimited attempts without a wait: all retries together, `None` if their equations would have to look back for ever.
    pub(super) fn endless(
        &mut self,
        name: &str,
        policy: &CallPolicy,
        retry: &Retry,
        (station, fate): (&Station, Fate),
        first: Node,
        scale: f64,
    ) -> Option<(Node, Fate)> {
        let possible = retry.attempts.value.is_infinite()
            && retry.backoff.value == 0.0
            && retry.budget.is_none()
            && station.network.is_none()
            && (!retry.on.timeout || policy.timeout.is_none() || !Self::felt_on_time(policy));
        if !possible {
            return None;
        }
        let mut again = self.c(0.0);
        for (on, share) in [(retry.on.reject, fate.rejected), (retry.on.error, fate.failed)] {
            if on {
                again = self.add(again, share);
            }
        }
        let again = self.with_probability(retry, again);
        let ends = self.not(again);
        let mut begun = first;
        let mut watched = None;
        if retry.on.timeout && policy.timeout.is_some() {
            let time = self.time_in_vain(station, policy, fate.late);
            let (index, leaving) = self.in_vain(name, "", scale, time);
            let retried = self.with_probability(retry, leaving);
            begun = self.add(begun, retried);
            watched = Some((index, leaving, retried));
        }
        let total = self.div(begun, ends);
        let mut fate = fate;
        if let Some((index, leaving, retried)) = watched {
            if policy.gives_up.value == GivesUp::AtAnswer {
                fate = self.fate_with_retries_first((station, policy), fate, (retried, total));
            }
            let joining = self.mul(total, fate.timed_out);
            self.process.transition(format!("{name}: attempt will be late"), joining, vec![(index, 1.0)], None);
            self.process.transition(format!("{name}: attempt found late"), leaving, vec![(index, -1.0)], None);
        }
        let retries = self.sub(total, first);
        self.name(format!("{name}.retries"), retries, Type::Quantity(Dimension::REQUEST_RATE));
        Some((retries, fate))
    }
}
