//! The numbers of a model as they stand between two triggers.

use super::admission::Rules;
use super::law::Law;
use crate::model::types::{
    Arrivals, Autoscaler, Balancer, Breaker, Budget, Cache, CallPolicy, CodelLaw, Counts, GivesUp, Jitter, Model,
    Needs, Order, Patience, Queues, RateLimit, RetryOn, Routing, Signal, Spacing, Throttle,
};

/// All numbers.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) clients: Vec<Client>,
    /// Policies of clients, then of nested calls, service by service.
    pub(super) policies: Vec<Policy>,
    pub(super) services: Vec<Service>,
    /// Mean number of calls per request, of nested calls, service by service.
    pub(super) counts: Vec<f64>,
    /// Calls made at once and good answers waited for, of nested calls, service by service.
    pub(super) fans: Vec<Option<(u32, u32)>>,
    pub(super) caches: Vec<CacheNumbers>,
}

/// The numbers of a cache.
#[derive(Debug, Clone, Copy)]
pub(super) struct CacheNumbers {
    pub(super) keys: f64,
    pub(super) zipf: f64,
    pub(super) entries: f64,
    pub(super) ttl: f64,
    pub(super) stale: f64,
    pub(super) hit_time: f64,
    pub(super) invalidate: f64,
    pub(super) fetch_limit: f64,
}

#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) source: Source,
    pub(super) network: f64,
    pub(super) work: f64,
    /// Target of the Apdex, infinite if there is none.
    pub(super) apdex: f64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Open { rate: f64, regular: bool },
    Closed { users: f64, think: f64 },
}

#[derive(Debug, Clone)]
pub(super) struct Policy {
    /// Infinite if the caller waits for ever.
    pub(super) timeout: f64,
    pub(super) patience: Patience,
    pub(super) gives_up: GivesUp,
    pub(super) attempts: f64,
    pub(super) backoff: f64,
    pub(super) growth: f64,
    pub(super) cap: f64,
    pub(super) jitter: Jitter,
    pub(super) on: RetryOn,
    pub(super) probability: f64,
    /// Over all attempts of a request; infinite if there is none.
    pub(super) deadline: f64,
    /// Whether the end of its patience travels with an attempt.
    pub(super) propagate: bool,
    /// Client processes.
    pub(super) processes: usize,
    pub(super) budget: Option<Budget>,
    pub(super) breaker: Option<Breaker>,
    /// Time after which another attempt is sent, and how many.
    pub(super) hedge: Option<(f64, u16)>,
    pub(super) rate_limit: Option<RateLimit>,
    pub(super) throttle: Option<Throttle>,
}

#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) servers: f64,
    pub(super) time: f64,
    pub(super) law: Law,
    pub(super) slowdown: f64,
    /// Contention and coherence of the universal scalability law.
    pub(super) scalability: [f64; 2],
    pub(super) limit: f64,
    pub(super) switch: f64,
    pub(super) error_share: f64,
    pub(super) pickup: f64,
    pub(super) rules: Rules,
    /// Target and interval of controlled delay, in the form of servers.
    pub(super) codel: Option<[f64; 2]>,
    /// The same in the form of links.
    pub(super) control: Option<[f64; 2]>,
    pub(super) error_time: f64,
    pub(super) reject_time: f64,
    pub(super) scaler: Option<ScalerNumbers>,
    pub(super) balancer: Option<BalancerNumbers>,
}

/// The numbers of an autoscaler.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScalerNumbers {
    pub(super) node: f64,
    pub(super) signal: Signal,
    pub(super) target: f64,
    pub(super) window: f64,
    pub(super) sync: f64,
    pub(super) tolerance: f64,
    pub(super) start_up: f64,
    pub(super) start_up_cost: f64,
    pub(super) killed_after: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) step: f64,
    pub(super) cool_down: f64,
    pub(super) counts: Counts,
    pub(super) needs: Needs,
}

/// The numbers of a balancer.
#[derive(Debug, Clone, Copy)]
pub(super) struct BalancerNumbers {
    pub(super) replicas: f64,
    pub(super) policy: Routing,
    pub(super) queues: Queues,
    pub(super) choices: f64,
    pub(super) failures: f64,
    pub(super) eject_for: f64,
    pub(super) most_ejected: f64,
    pub(super) panic: f64,
    pub(super) broken: f64,
    pub(super) check: Option<CheckNumbers>,
}

/// The numbers of health checks.
#[derive(Debug, Clone, Copy)]
pub(super) struct CheckNumbers {
    pub(super) interval: f64,
    pub(super) timeout: f64,
    pub(super) unhealthy: f64,
    pub(super) healthy: f64,
}

impl Settings {
    pub(super) fn of(model: &Model) -> Self {
        let clients = model.clients.iter().map(|client| Client {
            source: match &client.arrivals {
                Arrivals::Open { load } => {
                    Source::Open { rate: load.value, regular: client.spacing.value == Spacing::Regular }
                }
                Arrivals::Closed { users, think } => Source::Closed { users: users.value, think: think.value },
            },
            network: client.network.value,
            work: client.work.value,
            apdex: client.apdex.as_ref().or(model.meta.apdex.as_ref()).map_or(f64::INFINITY, |q| q.value),
        });
        let calls = || model.services.iter().flat_map(|s| &s.calls);
        let policies = model.clients.iter().map(|c| &c.policy).chain(calls().map(|c| &c.policy));
        let services = model.services.iter().map(|service| Service {
            servers: service.servers.value.floor(),
            time: service.service_time.value,
            law: Law::of(service),
            slowdown: service.slowdown.value,
            scalability: [service.contention.value, service.coherence.value],
            limit: service.queue.limit.value.floor(),
            switch: match (service.queue.order.value, &service.queue.switch) {
                (Order::AdaptiveLifo, Some(switch)) => switch.value,
                (Order::AdaptiveLifo, None) => service.servers.value,
                (Order::Lifo, _) => -1.0,
                (Order::Fifo | Order::Priority, _) => f64::INFINITY,
            },
            error_share: service.error_share.value,
            pickup: service.queue.pickup.value,
            rules: Rules::of(&service.admission),
            codel: codel(service, CodelLaw::Servers),
            control: codel(service, CodelLaw::Rfc8289),
            error_time: service.error_time.value,
            reject_time: service.reject_time.value,
            scaler: model.autoscalers.iter().find(|a| a.of.value == service.name.value).map(ScalerNumbers::of),
            balancer: model.balancers.iter().find(|b| b.of.value == service.name.value).map(BalancerNumbers::of),
        });
        let fetch = CallPolicy::default();
        Self {
            clients: clients.collect(),
            // Fetches of stale entries wait for ever and are not retried.
            policies: policies.map(Policy::of).chain(model.caches.iter().map(|_| Policy::of(&fetch))).collect(),
            services: services.collect(),
            counts: calls().map(|c| c.count.value).collect(),
            fans: calls().map(|c| c.fan()).collect(),
            caches: model.caches.iter().map(CacheNumbers::of).collect(),
        }
    }
}

fn codel(service: &crate::model::types::Service, law: CodelLaw) -> Option<[f64; 2]> {
    let codel = service.queue.codel.as_ref().filter(|c| c.law.value == law)?;
    Some([codel.target.value, codel.interval.value])
}

impl ScalerNumbers {
    fn of(scaler: &Autoscaler) -> Self {
        Self {
            node: scaler.node.value,
            signal: scaler.signal.value,
            target: scaler.target.value,
            window: scaler.window.value,
            sync: scaler.sync.value,
            tolerance: scaler.tolerance.value,
            start_up: scaler.start_up.value,
            start_up_cost: scaler.start_up_cost.value,
            killed_after: scaler.killed_after.value,
            min: scaler.min.value.ceil(),
            max: scaler.max.value.floor(),
            step: scaler.step.value,
            cool_down: scaler.cool_down.value,
            counts: scaler.counts.value,
            needs: scaler.start_up_needs.value,
        }
    }
}

impl BalancerNumbers {
    fn of(balancer: &Balancer) -> Self {
        Self {
            replicas: balancer.replicas.value.floor(),
            policy: balancer.policy.value,
            queues: balancer.queues.value,
            choices: balancer.choices.value.floor(),
            failures: balancer.failures.value,
            eject_for: balancer.eject_for.value,
            most_ejected: balancer.most_ejected.value,
            panic: balancer.panic.value,
            broken: balancer.broken.value.floor(),
            check: balancer.check.as_ref().map(|c| CheckNumbers {
                interval: c.interval.value,
                timeout: c.timeout.value,
                unhealthy: c.unhealthy.value,
                healthy: c.healthy.value,
            }),
        }
    }
}

impl CacheNumbers {
    fn of(cache: &Cache) -> Self {
        Self {
            keys: cache.keys.value,
            zipf: cache.zipf.value,
            entries: cache.entries.value.floor(),
            ttl: cache.ttl.value,
            stale: cache.stale.value,
            hit_time: cache.hit_time.value,
            invalidate: cache.invalidate.value,
            fetch_limit: cache.fetch_limit.value,
        }
    }
}

impl Policy {
    fn of(policy: &CallPolicy) -> Self {
        let none = RetryOn { timeout: false, reject: false, error: false };
        let bare = Self {
            timeout: policy.timeout.as_ref().map_or(f64::INFINITY, |q| q.value),
            patience: policy.patience.value,
            gives_up: policy.gives_up.value,
            attempts: 1.0,
            backoff: 0.0,
            growth: 1.0,
            cap: f64::INFINITY,
            jitter: Jitter::None,
            on: none,
            probability: 0.0,
            deadline: policy.deadline.as_ref().map_or(f64::INFINITY, |q| q.value),
            propagate: policy.propagate.value,
            processes: policy.processes.value.max(1.0) as usize,
            budget: None,
            breaker: policy.breaker.clone(),
            hedge: policy.hedge.as_ref().map(|h| (h.after.value, h.most.value as u16)),
            rate_limit: policy.rate_limit.clone(),
            throttle: policy.throttle.clone(),
        };
        let Some(retry) = &policy.retry else { return bare };
        Self {
            attempts: retry.attempts.value,
            backoff: retry.backoff.value,
            growth: retry.growth.value,
            cap: retry.cap.value,
            jitter: retry.jitter,
            on: retry.on,
            probability: retry.probability.value,
            budget: retry.budget.clone(),
            ..bare
        }
    }
}
