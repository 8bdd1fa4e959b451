//! What keeps a caller from sending: budgets, breakers, rate limits, throttles; and hedging.

use super::{Jitter, Quantity, Retry, Setting};

/// `budget = { kind = ... }`. Every budget is one per client process.
#[derive(Debug, Clone)]
pub enum Budget {
    /// Each first attempt adds `fill` tokens up to `size`; a retry takes one and is not made without.
    TokenBucket {
        /// Tokens per first attempt.
        fill: Quantity,
        /// Capacity of the bucket.
        size: Quantity,
    },
    /// Within any `window` at most `share` of its first attempts and `floor` per second are retried.
    Ratio {
        /// Retries per first attempt.
        share: Quantity,
        /// Retries per second that are allowed whatever the load.
        floor: Quantity,
        /// Length of the sliding window.
        window: Quantity,
    },
    /// Retries outstanding, back-off included, at most `share` of the attempts in flight, or `minimum` if that is more.
    Concurrency {
        /// Share of the attempts in flight.
        share: Quantity,
        /// Retries outstanding that are always allowed.
        minimum: Quantity,
    },
    /// A failed attempt takes a token, an answered one gives `fill` back, up to `size`; retries while more than half are left.
    Throttle {
        /// Tokens per answered attempt.
        fill: Quantity,
        /// Most tokens.
        size: Quantity,
    },
    /// A retry costs `cost` tokens (`timeout_cost` after a timeout), given back when it succeeds; a first attempt that
    /// succeeds gives `fill`, up to `size`.
    CostBucket {
        /// Tokens per first attempt that succeeds.
        fill: Quantity,
        /// Most tokens.
        size: Quantity,
        /// Price of a retry after a refusal or an error.
        cost: Quantity,
        /// Price of a retry after a timeout; that of the others if not given.
        timeout_cost: Option<Quantity>,
    },
    /// At most `rate * window` retries within any `window`.
    Rate {
        /// Retries per second.
        rate: Quantity,
        /// Length of the sliding window.
        window: Quantity,
    },
}

impl Budget {
    /// Its numbers.
    #[must_use]
    pub fn quantities(&self) -> Vec<&Quantity> {
        match self {
            Self::TokenBucket { fill, size } | Self::Throttle { fill, size } => vec![fill, size],
            Self::Ratio { share, floor, window } => vec![share, floor, window],
            Self::Concurrency { share, minimum } => vec![share, minimum],
            Self::CostBucket { fill, size, cost, timeout_cost } => {
                [fill, size, cost].into_iter().chain(timeout_cost).collect()
            }
            Self::Rate { rate, window } => vec![rate, window],
        }
    }

    /// Its numbers, to change them.
    pub fn quantities_mut(&mut self) -> Vec<&mut Quantity> {
        match self {
            Self::TokenBucket { fill, size } | Self::Throttle { fill, size } => vec![fill, size],
            Self::Ratio { share, floor, window } => vec![share, floor, window],
            Self::Concurrency { share, minimum } => vec![share, minimum],
            Self::CostBucket { fill, size, cost, timeout_cost } => {
                [fill, size, cost].into_iter().chain(timeout_cost).collect()
            }
            Self::Rate { rate, window } => vec![rate, window],
        }
    }

    /// Retries per first attempt that it lets through in the long run when everything fails; `None` if that depends on
    /// more than its own numbers. `load` is the rate of first attempts, all of its processes together.
    #[must_use]
    pub fn retries_per_request(&self, load: f64, processes: f64) -> Option<f64> {
        match self {
            Self::TokenBucket { fill, .. } => Some(fill.value),
            Self::Ratio { share, floor, .. } => Some(share.value + processes * floor.value / load),
            Self::Rate { rate, .. } => Some(processes * rate.value / load),
            Self::Throttle { .. } | Self::CostBucket { .. } => Some(0.0),
            Self::Concurrency { .. } => None,
        }
    }
}

/// `breaker = { ... }`: stops calls, or retries, while too many attempts fail. One per client process.
#[derive(Debug, Clone)]
pub struct Breaker {
    /// What the failure share is measured over: a time, a number of attempts, or infinity for everything so far.
    pub window: Quantity,
    /// Failure share from which on it opens.
    pub threshold: Quantity,
    /// Attempts in the window below which it never opens.
    pub minimum: Quantity,
    /// How long it stays open.
    pub open: Quantity,
    /// Attempts let through when that is over, to decide about closing.
    pub probes: Quantity,
    /// What an open breaker stops.
    pub stops: Setting<Stops>,
    /// What failures are divided by.
    pub per: Setting<Per>,
}

/// `stops` of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stops {
    /// Every attempt (the default).
    #[default]
    Calls,
    /// Retries only.
    Retries,
}

/// `per` of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Per {
    /// Failed attempts per attempt (the default).
    #[default]
    Attempt,
    /// Failed attempts per request.
    Request,
}

/// `hedge = { ... }`: another attempt beside one that takes long; the first answer counts.
#[derive(Debug, Clone)]
pub struct Hedge {
    /// How long an attempt may take before another is sent.
    pub after: Quantity,
    /// Most further attempts beside one.
    pub most: Quantity,
}

/// `rate_limit = { ... }`: a token bucket of attempts, one per client process; attempts beyond it are not sent.
#[derive(Debug, Clone)]
pub struct RateLimit {
    /// Attempts per second.
    pub rate: Quantity,
    /// Most attempts at once.
    pub burst: Quantity,
}

/// `throttle = { kind = ... }`: a share of attempts is refused by the client itself. One per client process.
#[derive(Debug, Clone)]
pub enum Throttle {
    /// Adaptive throttling: max(0, (n - k·a)/(n + 1)), n attempts wanted and a accepted within the window.
    Accepts {
        /// Attempts wanted per accepted attempt that are let through.
        factor: Quantity,
        /// Length of the window.
        window: Quantity,
    },
    /// Admission by success rate: min(most, ((n - s/threshold)/(n + 1))^(1/aggression)), n attempts sent, s of them answered.
    SuccessRate {
        /// Success rate from which on nothing is refused.
        threshold: Quantity,
        /// Length of the window.
        window: Quantity,
        /// Exponent: the larger, the sooner much is refused.
        aggression: Quantity,
        /// Largest share refused.
        most: Quantity,
    },
}

impl Breaker {
    /// Its numbers.
    #[must_use]
    pub fn quantities(&self) -> Vec<&Quantity> {
        vec![&self.window, &self.threshold, &self.minimum, &self.open, &self.probes]
    }

    /// Its numbers, to change them.
    pub fn quantities_mut(&mut self) -> Vec<&mut Quantity> {
        vec![&mut self.window, &mut self.threshold, &mut self.minimum, &mut self.open, &mut self.probes]
    }
}

impl Throttle {
    /// Its numbers.
    #[must_use]
    pub fn quantities(&self) -> Vec<&Quantity> {
        match self {
            Self::Accepts { factor, window } => vec![factor, window],
            Self::SuccessRate { threshold, window, aggression, most } => vec![threshold, window, aggression, most],
        }
    }

    /// Its numbers, to change them.
    pub fn quantities_mut(&mut self) -> Vec<&mut Quantity> {
        match self {
            Self::Accepts { factor, window } => vec![factor, window],
            Self::SuccessRate { threshold, window, aggression, most } => vec![threshold, window, aggression, most],
        }
    }
}

impl Retry {
    /// Mean wait before retry k >= 1, in seconds.
    #[must_use]
    pub fn mean_pause(&self, k: i32) -> f64 {
        let plain = (self.backoff.value * self.growth.value.powi(k - 1)).min(self.cap.value);
        match self.jitter {
            Jitter::None | Jitter::Exponential => plain,
            Jitter::Full => 0.5 * plain,
            Jitter::Equal => 0.75 * plain,
            Jitter::Decorrelated => {
                let (base, cap) = (self.backoff.value, self.cap.value);
                (0..k).fold(base, |last, _| decorrelated(base, last, cap))
            }
        }
    }
}

/// Mean of min(cap, U), U uniform between the base and three times the mean wait before.
fn decorrelated(base: f64, last: f64, cap: f64) -> f64 {
    let most = 3.0 * last;
    let within = most.min(cap);
    if most <= base {
        base.min(cap)
    } else {
        ((within * within - base * base) / 2.0 + (most - within) * within) / (most - base)
    }
}

/// Numbers of what holds attempts back.
pub(crate) fn guards<'a>(
    breaker: &'a Option<Breaker>,
    hedge: &'a Option<Hedge>,
    rate_limit: &'a Option<RateLimit>,
    throttle: &'a Option<Throttle>,
) -> Vec<&'a Quantity> {
    let mut all: Vec<&Quantity> = breaker.iter().flat_map(Breaker::quantities).collect();
    all.extend(hedge.iter().flat_map(|h| [&h.after, &h.most]));
    all.extend(rate_limit.iter().flat_map(|l| [&l.rate, &l.burst]));
    all.extend(throttle.iter().flat_map(Throttle::quantities));
    all
}

/// The same, to change them.
pub(crate) fn guards_mut<'a>(
    breaker: &'a mut Option<Breaker>,
    hedge: &'a mut Option<Hedge>,
    rate_limit: &'a mut Option<RateLimit>,
    throttle: &'a mut Option<Throttle>,
) -> Vec<&'a mut Quantity> {
    let mut all: Vec<&mut Quantity> = breaker.iter_mut().flat_map(Breaker::quantities_mut).collect();
    all.extend(hedge.iter_mut().flat_map(|h| [&mut h.after, &mut h.most]));
    all.extend(rate_limit.iter_mut().flat_map(|l| [&mut l.rate, &mut l.burst]));
    all.extend(throttle.iter_mut().flat_map(Throttle::quantities_mut));
    all
}
