//! What stands around services: caches, autoscalers, balancers.

use super::{Quantity, Setting, Text};

/// `[cache.NAME]`: callers that call it by its name find their answer there, or go on to the service `of`.
#[derive(Debug, Clone)]
pub struct Cache {
    /// The NAME.
    pub name: Text,
    /// Service that misses go on to.
    pub of: Text,
    /// Distinct keys that are asked for; infinity for "unlimited", which needs an exponent above 1.
    pub keys: Quantity,
    /// Room, least recently used out first; infinity when everything fits (the default).
    pub entries: Quantity,
    /// Exponent a of the popularity of keys, the k-th most popular being asked for in proportion to k^-a; default 0.
    pub zipf: Quantity,
    /// Mean time until an entry expires, exponential; infinity for never (the default).
    pub ttl: Quantity,
    /// `stale_while_revalidate`: mean time, exponential, for which an expired entry is still given out while it is
    /// fetched anew; default 0 s.
    pub stale: Quantity,
    /// Time a hit takes; default 0 s.
    pub hit_time: Quantity,
    /// Rate at which each entry is lost for other reasons: writes, restarts, a flush; default 0 1/s.
    pub invalidate: Quantity,
    /// Attempts per second let through to the service, the others refused at once; infinity when not given.
    pub fetch_limit: Quantity,
    /// What an answer does that comes after its caller gave up.
    pub late: Setting<LateAnswer>,
    /// State at time 0.
    pub begins: Setting<Begins>,
}

/// `late_answer` of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LateAnswer {
    /// Thrown away: the caller fills the cache, and has gone (look-aside; the default).
    #[default]
    Lost,
    /// Fills the cache all the same (read-through).
    Fills,
}

/// `begins` of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begins {
    /// Full of the most popular keys (the default).
    #[default]
    Warm,
    /// Empty.
    Cold,
}

/// `[autoscaler.NAME]`: the number of nodes of a service follows a signal.
#[derive(Debug, Clone)]
pub struct Autoscaler {
    /// The NAME.
    pub name: Text,
    /// The service. Its `servers` are what it has at time 0.
    pub of: Text,
    /// Slots of a node; default 1.
    pub node: Quantity,
    /// What is looked at.
    pub signal: Setting<Signal>,
    /// What the signal should be: a share, requests per node, or requests per second and node.
    pub target: Quantity,
    /// Mean age of the signal: it is an exponential average over this time; default 1 min.
    pub window: Quantity,
    /// Time between decisions; default 15 s.
    pub sync: Quantity,
    /// Deviations of the signal, relative to its target, that lead to nothing; default 0.1.
    pub tolerance: Quantity,
    /// Mean time from the decision to the first request served, in three exponential stages; default 0 s.
    pub start_up: Quantity,
    /// Slots that a starting node takes from the service; default 0.
    pub start_up_cost: Quantity,
    /// What the last third of a start needs.
    pub start_up_needs: Setting<Needs>,
    /// Mean time until a node beyond `min` is restarted that answers nobody well and in time, as a failing liveness probe
    /// does it; infinity for never (the default).
    pub killed_after: Quantity,
    /// Fewest nodes; default 1.
    pub min: Quantity,
    /// Most nodes; infinity when not given.
    pub max: Quantity,
    /// Most nodes after a decision, per node before it; infinity when not given.
    pub step: Quantity,
    /// Time constant of scaling down; default 5 min.
    pub cool_down: Quantity,
    /// Which nodes a decision multiplies.
    pub counts: Setting<Counts>,
}

/// `signal` of an autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signal {
    /// Share of the slots busy (the default).
    #[default]
    Utilisation,
    /// Requests waiting, per node.
    Queue,
    /// Requests inside, per node.
    Concurrency,
    /// Attempts per second, per node.
    Rate,
    /// Answers per second that come in time, per node.
    Goodput,
}

/// `start_up_needs` of an autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Needs {
    /// Time only (the default).
    #[default]
    Nothing,
    /// An answer of the service itself, well and in time; else the last third begins again.
    Answer,
}

/// `counts` of an autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Counts {
    /// Nodes that serve (the default).
    #[default]
    Ready,
    /// Those that are still starting, too.
    All,
}

/// `[balancer.NAME]`: what spreads the attempts of a service over replicas, and takes bad ones out.
#[derive(Debug, Clone)]
pub struct Balancer {
    /// The NAME.
    pub name: Text,
    /// The service.
    pub of: Text,
    /// Replicas that share its servers.
    pub replicas: Quantity,
    /// How a replica is chosen.
    pub policy: Setting<Routing>,
    /// Whether replicas have queues of their own.
    pub queues: Setting<Queues>,
    /// Replicas looked at by least requests with queues of their own; infinity for all (the default).
    pub choices: Quantity,
    /// Late answers or failures in a row after which a replica is taken out; infinity (never) when not given.
    pub failures: Quantity,
    /// Mean time for which it is out, exponential; default 30 s.
    pub eject_for: Quantity,
    /// Largest share of the replicas that may be out at once; default 1.
    pub most_ejected: Quantity,
    /// Share of replicas in rotation below which all are used again; default 0.
    pub panic: Quantity,
    /// Replicas that refuse every attempt at once; default 0.
    pub broken: Quantity,
    /// `check`: active health checks, if any.
    pub check: Option<HealthCheck>,
}

/// `check` of a balancer: every replica is probed.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    /// Time between the probes of a replica; default 5 s.
    pub interval: Quantity,
    /// Time allowed for the answer; default 1 s.
    pub timeout: Quantity,
    /// Failed probes in a row that take a replica out; default 3.
    pub unhealthy: Quantity,
    /// Good probes in a row that bring it back; default 2.
    pub healthy: Quantity,
}

impl HealthCheck {
    /// Its numbers.
    #[must_use]
    pub fn quantities(&self) -> [&Quantity; 4] {
        [&self.interval, &self.timeout, &self.unhealthy, &self.healthy]
    }

    /// Its numbers, to change them.
    pub fn quantities_mut(&mut self) -> [&mut Quantity; 4] {
        [&mut self.interval, &mut self.timeout, &mut self.unhealthy, &mut self.healthy]
    }
}

/// `policy` of a balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Routing {
    /// One after the other (the default).
    #[default]
    RoundRobin,
    /// Any.
    Random,
    /// The one with the fewest requests.
    LeastRequests,
}

/// `queues` of a balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Queues {
    /// One for all replicas (the default).
    #[default]
    Shared,
    /// One at each replica.
    PerReplica,
}
