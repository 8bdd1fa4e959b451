//! What a model file says, after units are resolved and every key is checked. All numbers are in base units (seconds,
//! requests, bytes); every number that has a dotted path can be named by `--set`, `--vary`, triggers and fits.

pub(crate) mod caller;
mod fleet;

pub use caller::{Breaker, Budget, Hedge, Per, RateLimit, Stops, Throttle};
pub use fleet::{Autoscaler, Balancer, Begins, Cache, Counts, HealthCheck, LateAnswer, Needs, Queues, Routing, Signal};

use crate::process::dimension::Dimension;
use std::ops::Range;
use std::sync::Arc;

/// Byte range in the model file's text.
pub type Span = Range<usize>;

/// A number of the model with its dotted path, as written and as understood.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Quantity {
    /// Dotted path, e.g. `client.web.retry.backoff`.
    pub path: String,
    /// Value in base units (s, req, B and products of them); `f64::INFINITY` for "unlimited" where that is allowed.
    pub value: f64,
    /// Its dimension.
    pub dimension: Dimension,
    /// Unit as the author wrote it (`"ms"`, `"req/s"`, `"%"`, `""`), used when the value is printed.
    pub unit: String,
    /// Factor from that unit to base units: `value = written * factor`.
    pub factor: f64,
    /// Where it stands; empty for a default.
    pub span: Span,
}

/// Text with its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text itself (TOML escapes resolved).
    pub value: String,
    /// Byte range of the *content* of the string in the file (without the quotes) where the string has no escapes, so
    /// that an offset inside `value` is an offset inside the span; the whole literal otherwise.
    pub span: Span,
}

impl Text {
    /// The place in the file of a range of bytes of the value: exact where the string has no escapes, the whole
    /// literal otherwise.
    #[must_use]
    pub fn locate(&self, range: &Range<usize>) -> Span {
        if self.span.len() == self.value.len() {
            self.span.start + range.start..self.span.start + range.end
        } else {
            self.span.clone()
        }
    }
}

/// A checked model.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// `[model]`.
    pub meta: Meta,
    /// `[client.NAME]`, in file order.
    pub clients: Vec<Client>,
    /// `[service.NAME]`, in file order.
    pub services: Vec<Service>,
    /// `[cache.NAME]`, in file order.
    pub caches: Vec<Cache>,
    /// `[autoscaler.NAME]`, in file order.
    pub autoscalers: Vec<Autoscaler>,
    /// `[balancer.NAME]`, in file order.
    pub balancers: Vec<Balancer>,
    /// `[param]`, in file order.
    pub params: Vec<Param>,
    /// `[state]`, in file order.
    pub states: Vec<State>,
    /// `[[transition]]`.
    pub transitions: Vec<Transition>,
    /// `[flow]`: state name and drift.
    pub flows: Vec<(Text, Text)>,
    /// `[output]`: name and expression.
    pub outputs: Vec<(Text, Text)>,
    /// `[set]`: name and condition.
    pub sets: Vec<(Text, Text)>,
    /// `[[trigger]]`.
    pub triggers: Vec<Trigger>,
    /// `[fit] free`: paths of the numbers that `fit` estimates, each perhaps with bounds (`path=LOW..HIGH`).
    pub free: Vec<Text>,
}

/// `[model]`.
#[derive(Debug, Clone, Default)]
pub struct Meta {
    /// `name`: short identifier.
    pub name: String,
    /// `title`: one line for people.
    pub title: String,
    /// `about`: longer text.
    pub about: String,
    /// `source`: a citation, `fitted: FILE`, or `assumed`.
    pub source: String,
    /// `horizon`: how long the good state must survive noise; default 30 d.
    pub horizon: Option<Quantity>,
    /// `load`: path of the number that is the load. Default: the `load` (or `users`) of the first client.
    pub load: Option<Text>,
    /// `closure`: `moments` (default) or `fluid`.
    pub closure: Closure,
    /// `goodput`: expression of the useful output, for models of the equation layer alone.
    pub goodput: Option<Text>,
    /// `apdex`: target T of the application performance index, for clients that give none of their own.
    pub apdex: Option<Quantity>,
    /// `growth`: relative growth of the load, 1/s.
    pub growth: Option<Quantity>,
}

/// Which closure turns stations into equations (the design's section on the station).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Closure {
    /// Mean and variance of the number inside each station.
    #[default]
    Moments,
    /// Mean only: the fast path.
    Fluid,
}

/// `[client.NAME]`.
#[derive(Debug, Clone)]
pub struct Client {
    /// The NAME.
    pub name: Text,
    /// Service called.
    pub calls: Text,
    /// Open or closed loop.
    pub arrivals: Arrivals,
    /// `arrivals`: how requests of an open loop follow each other.
    pub spacing: Setting<Spacing>,
    /// Timeout and retry policy.
    pub policy: CallPolicy,
    /// `priority`: smaller goes first where the order is `priority`; default 0.
    pub priority: Quantity,
    /// `work`: work of a request in units of the service time; default 1.
    pub work: Quantity,
    /// `network`: mean of one exponential network leg each way; default 0 s.
    pub network: Quantity,
    /// `apdex`: target T of the application performance index.
    pub apdex: Option<Quantity>,
}

/// Where first attempts come from.
#[derive(Debug, Clone)]
pub enum Arrivals {
    /// `load`: a Poisson stream, req/s.
    Open {
        /// Requests per second.
        load: Quantity,
    },
    /// `users` and `think`: each user thinks, requests, waits for the end, and thinks again.
    Closed {
        /// Number of users (dimension: requests or plain).
        users: Quantity,
        /// Mean think time.
        think: Quantity,
    },
}

/// Timeout and retries of one caller of one service.
#[derive(Debug, Clone, Default)]
pub struct CallPolicy {
    /// `timeout` per attempt; `None` means the caller waits for ever.
    pub timeout: Option<Quantity>,
    /// `retry`; `None` means one attempt.
    pub retry: Option<Retry>,
    /// `timeout_jitter`: whether the timeout is exactly that, or drawn anew for each attempt.
    pub patience: Setting<Patience>,
    /// `gives_up`: when a timeout is felt.
    pub gives_up: Setting<GivesUp>,
    /// Cache that is asked first, where `calls` names one.
    pub through: Option<Text>,
    /// `deadline` over all attempts of a request; `None` means there is none.
    pub deadline: Option<Quantity>,
    /// `propagate`: whether the time at which it stops waiting travels with each attempt, and bounds nested calls.
    pub propagate: Setting<bool>,
    /// `processes`: client processes that share the load equally, each with budgets and breakers of its own; default 1.
    pub processes: Quantity,
    /// `breaker`, if any.
    pub breaker: Option<Breaker>,
    /// `hedge`, if any.
    pub hedge: Option<Hedge>,
    /// `rate_limit`, if any.
    pub rate_limit: Option<RateLimit>,
    /// `throttle`, if any.
    pub throttle: Option<Throttle>,
}

impl CallPolicy {
    /// Whether a breaker, a limit or a throttle keeps attempts back.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        self.breaker.is_some() || self.rate_limit.is_some() || self.throttle.is_some()
    }

    /// Numbers of breaker, hedge, rate limit and throttle.
    #[must_use]
    pub fn guards(&self) -> Vec<&Quantity> {
        caller::guards(&self.breaker, &self.hedge, &self.rate_limit, &self.throttle)
    }
}

/// `arrivals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spacing {
    /// A Poisson stream (the default).
    #[default]
    Poisson,
    /// At equal distances.
    Regular,
}

/// `gives_up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GivesUp {
    /// When the timeout runs out (the default).
    #[default]
    AtTimeout,
    /// When the answer comes and is found to be late.
    AtAnswer,
}

/// A word chosen in the file, with its place there (empty for a default).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Setting<T> {
    /// What was chosen.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// `timeout_jitter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patience {
    /// Exactly the timeout (the default).
    #[default]
    Fixed,
    /// Exponential with the timeout as its mean: impatience as in Palm's Erlang A model.
    Exponential,
}

/// `retry = { ... }`.
#[derive(Debug, Clone)]
pub struct Retry {
    /// Attempts in all, the first included; integer >= 1, or infinity for "unlimited".
    pub attempts: Quantity,
    /// Base of the back-off; default 0 s.
    pub backoff: Quantity,
    /// Growth per retry; default 1.
    pub growth: Quantity,
    /// Upper bound of a single back-off; infinity when not given.
    pub cap: Quantity,
    /// How a wait is randomised.
    pub jitter: Jitter,
    /// Which failures are retried.
    pub on: RetryOn,
    /// Probability that a failed attempt is retried at all; default 1.
    pub probability: Quantity,
    /// Retry budget, if any.
    pub budget: Option<Budget>,
}

/// `jitter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Jitter {
    /// Exactly the back-off (the default).
    #[default]
    None,
    /// Uniform on 0..back-off.
    Full,
    /// Half fixed, half uniform.
    Equal,
    /// Exponential with the back-off as its mean.
    Exponential,
    /// Uniform between the base and three times the wait before, at most the cap; the first after a wait of the base.
    Decorrelated,
}

/// `on`: failures that are retried. All by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryOn {
    /// The attempt timed out.
    pub timeout: bool,
    /// The queue was full.
    pub reject: bool,
    /// The service answered with an error.
    pub error: bool,
}

/// `[service.NAME]`.
#[derive(Debug, Clone)]
pub struct Service {
    /// The NAME.
    pub name: Text,
    /// Slots; >= 1 (infinity for "unlimited").
    pub servers: Quantity,
    /// Mean time a slot works on a request, without its own calls.
    pub service_time: Quantity,
    /// Squared coefficient of variation of the service time; default 1.
    pub variability: Quantity,
    /// Shape of the distribution of the service time.
    pub distribution: Setting<Distribution>,
    /// Measured service times in seconds, for the empirical distribution.
    pub samples: Arc<[f64]>,
    /// Extra service time per request inside at the start of service; default 0 s/req.
    pub slowdown: Quantity,
    /// Universal scalability law: growth of the service time per other request inside; default 0.
    pub contention: Quantity,
    /// Universal scalability law: growth per ordered pair of requests inside; default 0.
    pub coherence: Quantity,
    /// Queue.
    pub queue: Queue,
    /// What it turns away before that.
    pub admission: Admission,
    /// What happens to work whose client stopped waiting.
    pub expired: Setting<Expired>,
    /// Share of attempts that are answered with an error although served; default 0.
    pub error_share: Quantity,
    /// Time in the slot that an answer takes beyond the service time when it is an error or comes too late; default 0 s.
    pub error_time: Quantity,
    /// Time of a slot that refusing an attempt takes; default 0 s.
    pub reject_time: Quantity,
    /// Calls this service makes while it holds a slot, in file order.
    pub calls: Vec<ServiceCall>,
}

/// `[service.NAME.calls.TARGET]`.
#[derive(Debug, Clone)]
pub struct ServiceCall {
    /// Called service.
    pub target: Text,
    /// Calls per request; default 1.
    pub count: Quantity,
    /// Calls made at once in place of each; default 1.
    pub parallel: Quantity,
    /// Good answers of them that are waited for; all by default.
    pub wait_for: Option<Quantity>,
    /// Timeout and retries of these calls.
    pub policy: CallPolicy,
}

impl ServiceCall {
    /// How many calls are made at once, and how many good answers are waited for, if they are more than one.
    #[must_use]
    pub fn fan(&self) -> Option<(u32, u32)> {
        let number = self.parallel.value as u32;
        let wanted = self.wait_for.as_ref().map_or(number, |q| (q.value as u32).clamp(1, number.max(1)));
        (number > 1).then_some((number, wanted))
    }
}

/// `queue = { ... }`.
#[derive(Debug, Clone)]
pub struct Queue {
    /// Waiting plus in service; infinity when unbounded (the default).
    pub limit: Quantity,
    /// Order of service.
    pub order: Setting<Order>,
    /// Number waiting above which `adaptive-lifo` turns the order round; the number of servers by default.
    pub switch: Option<Quantity>,
    /// How long a slot that has become free takes to look into the queue; default 0 s.
    pub pickup: Quantity,
    /// Controlled delay, if any.
    pub codel: Option<Codel>,
}

/// What a service turns away: `shed`, `rate_limit`, `concurrency`.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    /// Shedding above a level.
    pub shed: Option<Shed>,
    /// A token bucket.
    pub rate_limit: Option<RateLimit>,
    /// A limit of those inside that adapts itself.
    pub concurrency: Option<Concurrency>,
}

/// `shed = { ... }`.
#[derive(Debug, Clone)]
pub struct Shed {
    /// Number inside from which on attempts are refused.
    pub inside: Option<Quantity>,
    /// Estimated wait above which they are.
    pub wait: Option<Quantity>,
    /// Share of them that is.
    pub share: Quantity,
}

/// Which algorithm moves a concurrency limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConcurrencyKind {
    /// Additive increase, multiplicative decrease.
    Aimd,
    /// By the queue estimated from the shortest time.
    Vegas,
    /// By the ratio of the long-term mean to the present time.
    Gradient,
}

/// `concurrency = { ... }`; the defaults are those of Netflix' concurrency-limits.
#[derive(Debug, Clone)]
pub struct Concurrency {
    /// The algorithm.
    pub kind: ConcurrencyKind,
    /// Limit at the beginning.
    pub initial: Quantity,
    /// Least limit.
    pub min: Quantity,
    /// Greatest limit.
    pub max: Quantity,
    /// Weight of a new limit (vegas, gradient).
    pub smoothing: Quantity,
    /// Factor of a decrease (aimd).
    pub backoff: Quantity,
    /// Time above which the limit decreases (aimd).
    pub timeout: Quantity,
    /// Time between changes (aimd).
    pub window: Quantity,
    /// Room for a queue (gradient).
    pub queue: Quantity,
    /// Answers that the long-term mean goes back (gradient).
    pub long_window: Quantity,
    /// Ratio of times that is tolerated (gradient).
    pub tolerance: Quantity,
    /// Answers per unit of the limit between probes (vegas).
    pub probe: Quantity,
}

impl Concurrency {
    /// All its numbers.
    #[must_use]
    pub fn numbers(&self) -> [&Quantity; 11] {
        let ends = [&self.initial, &self.min, &self.max, &self.smoothing, &self.backoff, &self.timeout];
        let rest = [&self.window, &self.queue, &self.long_window, &self.tolerance, &self.probe];
        std::array::from_fn(|i| if i < ends.len() { ends[i] } else { rest[i - ends.len()] })
    }
}

/// `law` of `codel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CodelLaw {
    /// The form used by servers (Maurer 2015; the default).
    #[default]
    Servers,
    /// The control law of links (RFC 8289).
    Rfc8289,
}

/// `codel = { ... }`: controlled delay.
#[derive(Debug, Clone)]
pub struct Codel {
    /// Which form of it.
    pub law: Setting<CodelLaw>,
    /// Longest wait while the queue has not been empty for an interval; the wait that is aimed at.
    pub target: Quantity,
    /// The interval, and the longest wait otherwise; the pace of drops.
    pub interval: Quantity,
}

/// `distribution`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Distribution {
    /// By the squared coefficient of variation: 0 fixed, below 1 gamma (Erlang), 1 exponential, above 1 two-phase
    /// hyper-exponential with balanced means (the default).
    #[default]
    ByVariability,
    /// Lognormal with the mean and variability given.
    Lognormal,
    /// Normal with the mean and variability given, negative draws counted as 0.
    Normal,
    /// Drawn from measured durations.
    Empirical,
}

/// `order`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// First in, first out.
    #[default]
    Fifo,
    /// Last in, first out.
    Lifo,
    /// First in, first out while few wait, last in, first out while many do (Maurer 2015).
    AdaptiveLifo,
    /// By the priority of the client, first in, first out within one.
    Priority,
}

/// `expired`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expired {
    /// Done all the same.
    #[default]
    Serve,
    /// Thrown away when a slot takes it.
    Drop,
    /// Leaves queue or slot at the timeout.
    Cancel,
}

/// `[param]` entry.
#[derive(Debug, Clone)]
pub struct Param {
    /// Name; its path is the same.
    pub name: Text,
    /// Value.
    pub value: Quantity,
    /// `about`.
    pub about: String,
}

/// `[state]` entry.
#[derive(Debug, Clone)]
pub struct State {
    /// Name.
    pub name: Text,
    /// `start`; default 0.
    pub start: Quantity,
    /// `min`; -infinity when not given.
    pub min: Quantity,
    /// `max`; +infinity when not given.
    pub max: Quantity,
    /// `scale`: typical size, if given.
    pub scale: Option<Quantity>,
    /// Dimension of the state: of `start`, or of `unit` when that is given.
    pub dimension: Dimension,
    /// Unit for printing.
    pub unit: String,
    /// `about`.
    pub about: String,
}

/// `[[transition]]`.
#[derive(Debug, Clone)]
pub struct Transition {
    /// `name`.
    pub name: Text,
    /// `rate`: events per second.
    pub rate: Text,
    /// `jump`: state and change per event.
    pub jump: Vec<(Text, Quantity)>,
    /// `delay`: expression or quantity; `None` = at once. A quantity such as `"1 s"` is kept as text and parsed with units.
    pub delay: Option<Text>,
}

/// `[[trigger]]`.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// `name`.
    pub name: Text,
    /// `set`: path and change, for `for` seconds from `at`.
    pub set: Vec<(Text, Change)>,
    /// `kick`: state path and jump at `at`.
    pub kick: Vec<(Text, Quantity)>,
    /// `at`; default 0 s.
    pub at: Quantity,
    /// `for`; required with `set`.
    pub duration: Option<Quantity>,
    /// Place of the whole table, for messages.
    pub span: Span,
}

/// A change of a number by a trigger or `--set`.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A new value in base units, with the unit as written.
    To(Quantity),
    /// `"x2"`: a multiple of today's value.
    Times(f64),
    /// `"+50 %"`, `"-20 %"`: today's value times 1 + this.
    Percent(f64),
}
