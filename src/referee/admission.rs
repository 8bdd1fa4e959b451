//! What a service turns away before it queues: shedding, a token bucket, and limits of concurrency that adapt themselves.
//!
//! The three algorithms are those of Netflix' concurrency-limits (commit 78a74b9): `AIMDLimit`, once per window on the mean
//! time of the window; `VegasLimit` and `Gradient2Limit`, on every answer. Time is that from arrival at the service to the
//! answer. No answer counts as a drop: what has been late is seen by its time.

use super::draw::Luck;
use crate::model::types::{Admission as Asked, Concurrency, ConcurrencyKind};

/// The numbers, as they stand between two triggers.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// Level of the number inside, level of the wait, share refused above them.
    shed: Option<(f64, f64, f64)>,
    /// Tokens per second, and most tokens.
    rate: Option<(f64, f64)>,
    law: Option<Law>,
}

#[derive(Debug, Clone, Copy)]
struct Law {
    kind: ConcurrencyKind,
    initial: f64,
    min: f64,
    max: f64,
    smoothing: f64,
    backoff: f64,
    timeout: f64,
    window: f64,
    queue: f64,
    long_window: f64,
    tolerance: f64,
    probe: f64,
}

impl Law {
    fn of(law: &Concurrency) -> Self {
        Self {
            kind: law.kind,
            initial: law.initial.value,
            min: law.min.value,
            max: law.max.value,
            smoothing: law.smoothing.value,
            backoff: law.backoff.value,
            timeout: law.timeout.value,
            window: law.window.value,
            queue: law.queue.value,
            long_window: law.long_window.value,
            tolerance: law.tolerance.value,
            probe: law.probe.value,
        }
    }
}

impl Rules {
    pub(super) fn of(asked: &Asked) -> Self {
        let level = |q: &Option<crate::model::types::Quantity>| q.as_ref().map_or(f64::INFINITY, |q| q.value);
        Self {
            shed: asked.shed.as_ref().map(|s| (level(&s.inside), level(&s.wait), s.share.value)),
            rate: asked.rate_limit.as_ref().map(|r| (r.rate.value, r.burst.value)),
            law: asked.concurrency.as_ref().map(Law::of),
        }
    }
}

/// Answers that a moving average begins with (the plain mean of so many).
const WARM_UP: f64 = 10.0;

/// What a service remembers for its admission.
#[derive(Debug, Default)]
pub(super) struct Gate {
    begun: bool,
    tokens: f64,
    filled: f64,
    limit: f64,
    /// Vegas: shortest time since the last probe.
    shortest: f64,
    /// Vegas: answers since the last probe, and how many of the probe interval to wait.
    since_probe: f64,
    jitter: f64,
    /// Gradient: long-term mean, and answers it is made of.
    long: f64,
    count: f64,
    /// Aimd: begin, sum of times and number of answers of the window, most inside.
    window: (f64, f64, f64, f64),
}

impl Gate {
    fn begin(&mut self, rules: &Rules, now: f64) {
        self.begun = true;
        self.tokens = rules.rate.map_or(0.0, |(_, burst)| burst);
        self.filled = now;
        self.limit = rules.law.map_or(f64::INFINITY, |law| law.initial);
        self.jitter = 0.75;
        self.window.0 = now;
    }

    /// Whether an attempt is let in that would wait for `wait` with so many inside.
    pub(super) fn lets_in(&mut self, rules: &Rules, now: f64, inside: f64, wait: f64, luck: &mut Luck) -> bool {
        if !self.begun {
            self.begin(rules, now);
        }
        if let Some((level, longest, share)) = rules.shed
            && (inside >= level || wait > longest)
            && luck.happens(share)
        {
            return false;
        }
        if let Some((rate, burst)) = rules.rate {
            self.tokens = (self.tokens + rate * (now - self.filled)).min(burst);
            self.filled = now;
            if self.tokens < 1.0 {
                return false;
            }
            self.tokens -= 1.0;
        }
        rules.law.is_none() || inside < self.limit.floor()
    }

    /// An answer after so long, with so many inside, itself included.
    pub(super) fn answered(&mut self, rules: &Rules, now: f64, time: f64, inside: f64, luck: &mut Luck) {
        let Some(law) = rules.law else { return };
        if !self.begun {
            self.begin(rules, now);
        }
        match law.kind {
            ConcurrencyKind::Aimd => self.aimd(&law, now, time, inside),
            ConcurrencyKind::Vegas => self.vegas(&law, time, inside, luck),
            ConcurrencyKind::Gradient => self.gradient(&law, time, inside),
        }
    }

    fn aimd(&mut self, law: &Law, now: f64, time: f64, inside: f64) {
        let (begin, sum, count, most) = self.window;
        let (sum, count, most) = (sum + time, count + 1.0, most.max(inside));
        self.window = (begin, sum, count, most);
        if now - begin < law.window {
            return;
        }
        if sum / count > law.timeout {
            self.limit = (self.limit * law.backoff).floor();
        } else if 2.0 * most >= self.limit {
            self.limit += 1.0;
        }
        self.limit = self.limit.max(law.min).min(law.max);
        self.window = (now, 0.0, 0.0, 0.0);
    }

    fn vegas(&mut self, law: &Law, time: f64, inside: f64, luck: &mut Luck) {
        self.since_probe += 1.0;
        if self.jitter * law.probe * self.limit <= self.since_probe {
            self.jitter = 0.5 + 0.5 * luck.uniform();
            self.since_probe = 0.0;
            self.shortest = time;
            return;
        }
        if self.shortest == 0.0 || time < self.shortest {
            self.shortest = time;
            return;
        }
        if 2.0 * inside < self.limit {
            return;
        }
        let queue = (self.limit * (1.0 - self.shortest / time)).ceil();
        let log = self.limit.log10().floor().max(1.0);
        let wanted = if queue <= log {
            self.limit + 6.0 * log
        } else if queue < 3.0 * log {
            self.limit + log
        } else if queue > 6.0 * log {
            self.limit - log
        } else {
            return;
        };
        let wanted = wanted.max(law.min).min(law.max);
        self.limit += law.smoothing * (wanted - self.limit);
    }

    fn gradient(&mut self, law: &Law, time: f64, inside: f64) {
        self.count += 1.0;
        let weight = if self.count <= WARM_UP { 1.0 / self.count } else { 2.0 / (law.long_window + 1.0) };
        self.long += weight * (time - self.long);
        let long = self.long;
        if long > 2.0 * time {
            self.long *= 0.95;
        }
        if 2.0 * inside < self.limit {
            return;
        }
        let gradient = (law.tolerance * long / time).clamp(0.5, 1.0);
        let wanted = self.limit * gradient + law.queue;
        let next = self.limit + law.smoothing * (wanted - self.limit);
        self.limit = next.max(law.min).min(law.max);
    }
}
