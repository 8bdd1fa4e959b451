//! Every number of a model by its dotted path.

use super::types::caller::{guards, guards_mut};
use super::types::{Arrivals, CallPolicy, Model, Quantity};
use crate::process::suggest;

/// Visits the numbers of a model in the order of the file format; written once for both kinds of reference.
macro_rules! visit {
    (numbers $of:ident, mut) => { $of.quantities_mut() };
    (numbers $of:ident,) => { $of.quantities() };
    (guards $of:ident, mut) => { guards_mut(&mut $of.breaker, &mut $of.hedge, &mut $of.rate_limit, &mut $of.throttle) };
    (guards $of:ident,) => { guards(&$of.breaker, &$of.hedge, &$of.rate_limit, &$of.throttle) };
    (policy $policy:expr, $see:ident, $($mutable:tt)?) => {{
        let policy: & $($mutable)? CallPolicy = $policy;
        if let Some(q) = &$($mutable)? policy.timeout {
            $see(q);
        }
        if let Some(retry) = &$($mutable)? policy.retry {
            $see(&$($mutable)? retry.attempts);
            $see(&$($mutable)? retry.backoff);
            $see(&$($mutable)? retry.growth);
            $see(&$($mutable)? retry.cap);
            $see(&$($mutable)? retry.probability);
            if let Some(budget) = &$($mutable)? retry.budget {
                for q in visit!(numbers budget, $($mutable)?) {
                    $see(q);
                }
            }
        }
        if let Some(q) = &$($mutable)? policy.deadline {
            $see(q);
        }
        $see(&$($mutable)? policy.processes);
        for q in visit!(guards policy, $($mutable)?) {
            $see(q);
        }
    }};
    ($model:expr, $see:expr, $iter:ident, $($mutable:tt)?) => {{
        let see = $see;
        if let Some(q) = &$($mutable)? $model.meta.horizon {
            see(q);
        }
        if let Some(q) = &$($mutable)? $model.meta.apdex {
            see(q);
        }
        for client in $model.clients.$iter() {
            match &$($mutable)? client.arrivals {
                Arrivals::Open { load } => see(load),
                Arrivals::Closed { users, think } => {
                    see(users);
                    see(think);
                }
            }
            visit!(policy &$($mutable)? client.policy, see, $($mutable)?);
            see(&$($mutable)? client.priority);
            see(&$($mutable)? client.work);
            see(&$($mutable)? client.network);
            if let Some(q) = &$($mutable)? client.apdex {
                see(q);
            }
        }
        for service in $model.services.$iter() {
            see(&$($mutable)? service.servers);
            see(&$($mutable)? service.service_time);
            see(&$($mutable)? service.variability);
            see(&$($mutable)? service.slowdown);
            see(&$($mutable)? service.contention);
            see(&$($mutable)? service.coherence);
            see(&$($mutable)? service.queue.limit);
            see(&$($mutable)? service.queue.pickup);
            if let Some(shed) = &$($mutable)? service.admission.shed {
                if let Some(inside) = &$($mutable)? shed.inside {
                    see(inside);
                }
                if let Some(wait) = &$($mutable)? shed.wait {
                    see(wait);
                }
                see(&$($mutable)? shed.share);
            }
            if let Some(limit) = &$($mutable)? service.admission.rate_limit {
                see(&$($mutable)? limit.rate);
                see(&$($mutable)? limit.burst);
            }
            if let Some(law) = &$($mutable)? service.admission.concurrency {
                see(&$($mutable)? law.initial);
                see(&$($mutable)? law.min);
                see(&$($mutable)? law.max);
                see(&$($mutable)? law.smoothing);
                see(&$($mutable)? law.backoff);
                see(&$($mutable)? law.timeout);
                see(&$($mutable)? law.window);
                see(&$($mutable)? law.queue);
                see(&$($mutable)? law.long_window);
                see(&$($mutable)? law.tolerance);
                see(&$($mutable)? law.probe);
            }
            if let Some(codel) = &$($mutable)? service.queue.codel {
                see(&$($mutable)? codel.target);
                see(&$($mutable)? codel.interval);
            }
            if let Some(q) = &$($mutable)? service.queue.switch {
                see(q);
            }
            see(&$($mutable)? service.error_share);
            see(&$($mutable)? service.error_time);
            see(&$($mutable)? service.reject_time);
            for call in service.calls.$iter() {
                see(&$($mutable)? call.count);
                see(&$($mutable)? call.parallel);
                if let Some(q) = &$($mutable)? call.wait_for {
                    see(q);
                }
                visit!(policy &$($mutable)? call.policy, see, $($mutable)?);
            }
        }
        for cache in $model.caches.$iter() {
            see(&$($mutable)? cache.keys);
            see(&$($mutable)? cache.entries);
            see(&$($mutable)? cache.zipf);
            see(&$($mutable)? cache.ttl);
            see(&$($mutable)? cache.stale);
            see(&$($mutable)? cache.hit_time);
            see(&$($mutable)? cache.invalidate);
            see(&$($mutable)? cache.fetch_limit);
        }
        for scaler in $model.autoscalers.$iter() {
            see(&$($mutable)? scaler.node);
            see(&$($mutable)? scaler.target);
            see(&$($mutable)? scaler.window);
            see(&$($mutable)? scaler.sync);
            see(&$($mutable)? scaler.tolerance);
            see(&$($mutable)? scaler.start_up);
            see(&$($mutable)? scaler.start_up_cost);
            see(&$($mutable)? scaler.killed_after);
            see(&$($mutable)? scaler.min);
            see(&$($mutable)? scaler.max);
            see(&$($mutable)? scaler.step);
            see(&$($mutable)? scaler.cool_down);
        }
        for balancer in $model.balancers.$iter() {
            see(&$($mutable)? balancer.replicas);
            see(&$($mutable)? balancer.choices);
            if let Some(check) = &$($mutable)? balancer.check {
                for q in visit!(numbers check, $($mutable)?) {
                    see(q);
                }
            }
            see(&$($mutable)? balancer.failures);
            see(&$($mutable)? balancer.eject_for);
            see(&$($mutable)? balancer.most_ejected);
            see(&$($mutable)? balancer.panic);
            see(&$($mutable)? balancer.broken);
        }
        for param in $model.params.$iter() {
            see(&$($mutable)? param.value);
        }
        for state in $model.states.$iter() {
            see(&$($mutable)? state.start);
            see(&$($mutable)? state.min);
            see(&$($mutable)? state.max);
            if let Some(q) = &$($mutable)? state.scale {
                see(q);
            }
        }
        for transition in $model.transitions.$iter() {
            for (_, q) in transition.jump.$iter() {
                see(q);
            }
        }
        for trigger in $model.triggers.$iter() {
            for (_, q) in trigger.kick.$iter() {
                see(q);
            }
            see(&$($mutable)? trigger.at);
            if let Some(q) = &$($mutable)? trigger.duration {
                see(q);
            }
        }
    }};
}

impl Model {
    /// Every number, in the order of the format.
    #[must_use]
    pub fn quantities(&self) -> Vec<&Quantity> {
        let mut all = Vec::new();
        let mut see = |q| all.push(q);
        visit!(self, &mut see, iter,);
        all
    }

    /// The number at a path. A parameter is known by its name alone and as `param.NAME`.
    #[must_use]
    pub fn quantity(&self, path: &str) -> Option<&Quantity> {
        let path = self.canonical(path);
        self.quantities().into_iter().find(|q| q.path == path)
    }

    /// The number at a path, to change it; nothing is checked.
    pub fn quantity_mut(&mut self, path: &str) -> Option<&mut Quantity> {
        let path = self.canonical(path).to_owned();
        let mut all: Vec<&mut Quantity> = Vec::new();
        let mut see = |q| all.push(q);
        visit!(self, &mut see, iter_mut, mut);
        all.into_iter().find(|q| q.path == path)
    }

    /// The path of an existing number that was probably meant.
    #[must_use]
    pub fn nearest_path(&self, path: &str) -> Option<&str> {
        let paths: Vec<&str> = self.quantities().iter().map(|q| q.path.as_str()).collect();
        suggest::path(path, &paths)
    }

    /// The path of the number that is the load: `[model] load`, or the first client's `load` or `users`.
    #[must_use]
    pub fn load_path(&self) -> Option<&str> {
        match (&self.meta.load, self.clients.first().map(|c| &c.arrivals)) {
            (Some(path), _) => Some(self.canonical(&path.value)),
            (None, Some(Arrivals::Open { load })) => Some(&load.path),
            (None, Some(Arrivals::Closed { users, .. })) => Some(&users.path),
            (None, None) => None,
        }
    }

    fn canonical<'a>(&self, path: &'a str) -> &'a str {
        let Some(rest) = path.strip_prefix("param.") else { return path };
        let name = rest.strip_suffix(".value").unwrap_or(rest);
        if self.params.iter().any(|p| p.name.value == name) { name } else { path }
    }
}
