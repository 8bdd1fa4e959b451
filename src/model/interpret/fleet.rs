//! What stands around services, and who calls through it.

use super::policy::setting;
use super::system::named;
use crate::model::diagnostic::Diagnostic;
use crate::model::quantity::compatible;
use crate::model::reader::{Reader, Sink};
use crate::model::spec;
use crate::model::types::{
    Autoscaler, Balancer, Begins, Cache, CallPolicy, Counts, HealthCheck, LateAnswer, Model, Needs, Queues, Routing,
    Signal, Text,
};
use crate::model::unit;
use crate::process::dimension::Dimension;

pub(super) fn caches(file: &Reader<'_>) -> Vec<Cache> {
    named(file, "cache", &spec::CACHE, |name, table| Cache {
        name: name.clone(),
        of: table.name("of"),
        keys: table.quantity_or_nan("keys"),
        entries: table.quantity_or_nan("entries"),
        zipf: table.quantity_or_nan("zipf"),
        ttl: table.quantity_or_nan("ttl"),
        stale: table.quantity_or_nan("stale_while_revalidate"),
        hit_time: table.quantity_or_nan("hit_time"),
        invalidate: table.quantity_or_nan("invalidate"),
        fetch_limit: table.quantity_or_nan("fetch_limit"),
        late: setting(table, "late_answer", |word| match word {
            "fills" => LateAnswer::Fills,
            _ => LateAnswer::Lost,
        }),
        begins: setting(table, "begins", |word| match word {
            "cold" => Begins::Cold,
            _ => Begins::Warm,
        }),
    })
}

/// Who calls a cache calls the service behind it, through the cache.
pub(super) fn resolve(model: &mut Model, sink: &Sink) {
    for cache in &model.caches {
        if model.services.iter().any(|s| s.name.value == cache.name.value) {
            let message = format!("`{}` names both a service and a cache", cache.name.value);
            let diagnostic = Diagnostic::error("duplicate-name", message).at(cache.name.span.clone(), "");
            sink.push(diagnostic.hint("rename one of them: callers call either by its name"));
        }
        if cache.keys.value.is_infinite() && cache.zipf.value <= 1.0 {
            let message = format!("cache `{}` has keys without end, all but equally popular", cache.name.value);
            let diagnostic = Diagnostic::error("endless-keys", message)
                .at(cache.keys.span.clone(), "")
                .also(cache.zipf.span.clone(), "needs more than 1");
            sink.push(diagnostic.hint("give the number of keys, or an exponent above 1, for example zipf = 1.3"));
        }
        if cache.keys.value.is_infinite() && cache.entries.value.is_infinite() {
            let message = format!("cache `{}` would hold keys without end", cache.name.value);
            let diagnostic = Diagnostic::error("endless-keys", message).at(cache.keys.span.clone(), "");
            sink.push(diagnostic.hint("give its room, for example entries = 1000"));
        }
    }
    let caches = &model.caches;
    let through = |target: &mut Text, policy: &mut CallPolicy| {
        if let Some(cache) = caches.iter().find(|c| c.name.value == target.value) {
            policy.through = Some(cache.name.clone());
            let span = target.span.clone();
            *target = Text { value: cache.of.value.clone(), span };
        }
    };
    for client in &mut model.clients {
        through(&mut client.calls, &mut client.policy);
    }
    for service in &mut model.services {
        for call in &mut service.calls {
            through(&mut call.target, &mut call.policy);
        }
    }
}

pub(super) fn autoscalers(file: &Reader<'_>) -> Vec<Autoscaler> {
    named(file, "autoscaler", &spec::AUTOSCALER, |name, table| Autoscaler {
        name: name.clone(),
        of: table.name("of"),
        node: table.quantity_or_nan("node"),
        signal: setting(table, "signal", |word| match word {
            "queue" => Signal::Queue,
            "concurrency" => Signal::Concurrency,
            "rate" => Signal::Rate,
            "goodput" => Signal::Goodput,
            _ => Signal::Utilisation,
        }),
        target: table.quantity_or_nan("target"),
        window: table.quantity_or_nan("window"),
        sync: table.quantity_or_nan("sync"),
        tolerance: table.quantity_or_nan("tolerance"),
        start_up: table.quantity_or_nan("start_up"),
        start_up_cost: table.quantity_or_nan("start_up_cost"),
        start_up_needs: setting(table, "start_up_needs", |word| match word {
            "answer" => Needs::Answer,
            _ => Needs::Nothing,
        }),
        killed_after: table.quantity_or_nan("killed_after"),
        min: table.quantity_or_nan("min"),
        max: table.quantity_or_nan("max"),
        step: table.quantity_or_nan("step"),
        cool_down: table.quantity_or_nan("cool_down"),
        counts: setting(table, "counts", |word| match word {
            "all" => Counts::All,
            _ => Counts::Ready,
        }),
    })
}

pub(super) fn balancers(file: &Reader<'_>) -> Vec<Balancer> {
    named(file, "balancer", &spec::BALANCER, |name, table| Balancer {
        name: name.clone(),
        of: table.name("of"),
        replicas: table.quantity_or_nan("replicas"),
        policy: setting(table, "policy", |word| match word {
            "least-requests" => Routing::LeastRequests,
            "random" => Routing::Random,
            _ => Routing::RoundRobin,
        }),
        queues: setting(table, "queues", |word| match word {
            "per-replica" => Queues::PerReplica,
            _ => Queues::Shared,
        }),
        choices: table.quantity_or_nan("choices"),
        failures: table.quantity_or_nan("failures"),
        eject_for: table.quantity_or_nan("eject_for"),
        most_ejected: table.quantity_or_nan("most_ejected"),
        panic: table.quantity_or_nan("panic"),
        broken: table.quantity_or_nan("broken"),
        check: table.table("check").map(|t| HealthCheck {
            interval: t.quantity_or_nan("interval"),
            timeout: t.quantity_or_nan("timeout"),
            unhealthy: t.quantity_or_nan("unhealthy"),
            healthy: t.quantity_or_nan("healthy"),
        }),
    })
}

/// What stands around a service must stand alone, and find a number of slots to work with.
pub(super) fn check(model: &Model, sink: &Sink) {
    let scalers = model.autoscalers.iter().map(|a| (&a.of, &a.name, "autoscaler"));
    let mut seen: Vec<(&Text, &Text)> = Vec::new();
    for (of, name, what) in scalers.chain(model.balancers.iter().map(|b| (&b.of, &b.name, "balancer"))) {
        if let Some(first) = seen.iter().find(|s| s.0.value == of.value) {
            let message = format!("service `{}` has both `{}` and `{}` around it", of.value, first.1.value, name.value);
            let diagnostic = Diagnostic::error("two-controllers", message)
                .at(of.span.clone(), "")
                .also(first.0.span.clone(), "first given here");
            sink.push(diagnostic.hint("one autoscaler or one balancer per service"));
        }
        seen.push((of, name));
        if model.services.iter().any(|s| s.name.value == of.value && s.servers.value.is_infinite()) {
            let message = format!("{what} `{}` needs a service with a finite number of servers", name.value);
            sink.push(Diagnostic::error("endless-servers", message).at(of.span.clone(), "").hint("give its `servers`"));
        }
    }
    for scaler in &model.autoscalers {
        let wanted = match scaler.signal.value {
            Signal::Utilisation => Dimension::NONE,
            Signal::Queue | Signal::Concurrency => Dimension::REQUEST,
            Signal::Rate | Signal::Goodput => Dimension::REQUEST_RATE,
        };
        let target = &scaler.target;
        if target.value.is_nan() {
            continue;
        }
        if !compatible(target.dimension, wanted) {
            let (wanted, found) = (unit::describe(wanted), unit::describe(target.dimension));
            let message =
                format!("the target of autoscaler `{}` must be {wanted}, but this is {found}", scaler.name.value);
            let hint = "a share for utilisation, requests for queue and concurrency, req/s for rate and goodput";
            sink.push(Diagnostic::error("wrong-dimension", message).at(target.span.clone(), "").hint(hint));
        } else if target.value <= 0.0 {
            let message = format!("the target of autoscaler `{}` must be more than zero", scaler.name.value);
            sink.push(Diagnostic::error("out-of-range", message).at(target.span.clone(), "").hint("for example 0.7"));
        }
    }
}
