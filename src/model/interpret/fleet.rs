//! What stands around services, and who calls through it.

use super::system::{named, setting};
use crate::model::diagnostic::Diagnostic;
use crate::model::reader::{Reader, Sink};
use crate::model::spec;
use crate::model::types::{Begins, Cache, CallPolicy, LateAnswer, Model, Text};

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
