//! Clients and services.

use super::admission::admission;
use super::policy::{policy, setting};
use super::samples;
use crate::model::diagnostic::Diagnostic;
use crate::model::name;
use crate::model::reader::{Reader, join};
use crate::model::spec;
use crate::model::tree::Value;
use crate::model::types::{
    Arrivals, Client, Codel, CodelLaw, Distribution, Expired, Order, Quantity, Queue, Service, ServiceCall, Setting,
    Spacing, Text,
};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn clients(file: &Reader<'_>) -> Vec<Client> {
    named(file, "client", &spec::CLIENT, client)
}

/// Reads the services; files of samples are looked for in the folder `base`.
pub(super) fn services(file: &Reader<'_>, base: Option<&Path>) -> Vec<Service> {
    named(file, "service", &spec::SERVICE, |name, table| service(name, table, base))
}

/// Reads every entry of `[what.NAME]`.
pub(super) fn named<T>(
    file: &Reader<'_>,
    what: &str,
    spec: &'static spec::Table,
    read: impl Fn(&Text, &Reader<'_>) -> T,
) -> Vec<T> {
    let mut all = Vec::new();
    for (name, node) in file.entries(what) {
        // `[client]` with the keys of a client right below: the name was forgotten.
        if node.table().is_none() && spec.key(&name.value).is_some() {
            let message = format!("[{what}] needs a name: `{}` stands outside of any {what}", name.value);
            let example = if what == "client" { "web" } else { "api" };
            let hint = format!("write [{what}.NAME] above its keys, for example [{what}.{example}]");
            file.sink().push(Diagnostic::error("missing-name", message).at(name.span.clone(), "").hint(hint));
            break;
        }
        name::check_identifier(name, what, file.sink());
        let path = join(&file.path_of(what), &name.value);
        if let Some(reader) = Reader::open(node, spec, path, &name.span, file.sink()) {
            all.push(read(name, &reader));
        }
    }
    all
}

fn client(name: &Text, table: &Reader<'_>) -> Client {
    Client {
        name: name.clone(),
        calls: table.name("calls"),
        arrivals: arrivals(name, table),
        spacing: setting(table, "arrivals", |word| match word {
            "regular" => Spacing::Regular,
            _ => Spacing::Poisson,
        }),
        policy: policy(table),
        priority: table.quantity_or_nan("priority"),
        work: table.quantity_or_nan("work"),
        network: table.quantity_or_nan("network"),
        apdex: table.quantity("apdex"),
    }
}

fn arrivals(name: &Text, table: &Reader<'_>) -> Arrivals {
    let has = |key: &str| table.node(key).is_some();
    let title = format!("[client.{}]", name.value);
    let complain = |id, message: String, span, text: &str, hint: &str| {
        table.sink().push(Diagnostic::error(id, message).at(span, text).hint(hint));
    };
    match (has("load"), has("users") || has("think")) {
        (true, true) => {
            let other = if has("users") { "users" } else { "think" };
            let message = format!("{title} has both `load` and `{other}`");
            let diagnostic = Diagnostic::error("load-and-users", message)
                .at(table.key_span(other), "")
                .also(table.key_span("load"), "")
                .hint(
                    "keep `load` for requests that arrive whatever happens, or `users` and `think` for users who wait",
                );
            table.sink().push(diagnostic);
        }
        (false, false) => {
            let hint = "write load = \"60 req/s\", or users = 500 and think = \"7 s\"";
            let message = format!("{title} has neither `load` nor `users`");
            complain("no-load", message, name.span.clone(), "sends no requests", hint);
        }
        (false, true) if !has("users") => {
            let hint = "write users = 500, or a `load` instead of `think`";
            complain("missing-key", format!("{title} has `think` but no `users`"), table.key_span("think"), "", hint);
        }
        (false, true) if !has("think") => {
            let hint = "write think = \"7 s\": the mean time between an answer and the next request";
            complain("missing-key", format!("{title} has `users` but no `think`"), table.key_span("users"), "", hint);
        }
        _ => {}
    }
    if has("users") && !has("load") {
        Arrivals::Closed { users: table.quantity_or_nan("users"), think: table.quantity_or_nan("think") }
    } else {
        // Read whatever else was given, for the mistakes in it.
        let _ = (table.quantity("users"), table.quantity("think"));
        Arrivals::Open { load: table.quantity_or_nan("load") }
    }
}

fn service(name: &Text, table: &Reader<'_>, base: Option<&Path>) -> Service {
    let mut service = bare_service(name, table);
    samples::attach(&mut service, table, base);
    service
}

fn bare_service(name: &Text, table: &Reader<'_>) -> Service {
    Service {
        name: name.clone(),
        servers: table.quantity_or_nan("servers"),
        service_time: table.quantity_or_nan("service_time"),
        variability: table.quantity_or_nan("variability"),
        distribution: setting(table, "distribution", |word| match word {
            "lognormal" => Distribution::Lognormal,
            "normal" => Distribution::Normal,
            "empirical" => Distribution::Empirical,
            _ => Distribution::ByVariability,
        }),
        samples: Vec::new().into(),
        slowdown: table.quantity_or_nan("slowdown"),
        contention: table.quantity_or_nan("contention"),
        coherence: table.quantity_or_nan("coherence"),
        queue: queue(table),
        admission: admission(table),
        expired: setting(table, "expired", |word| match word {
            "drop" => Expired::Drop,
            "cancel" => Expired::Cancel,
            _ => Expired::Serve,
        }),
        error_share: table.quantity_or_nan("error_share"),
        error_time: table.quantity_or_nan("error_time"),
        reject_time: table.quantity_or_nan("reject_time"),
        calls: calls(name, table),
    }
}

fn queue(service: &Reader<'_>) -> Queue {
    let Some(table) = service.table("queue") else {
        // Absent: the defaults, under the paths they would have.
        let empty = crate::model::tree::Table::default();
        let table = Reader::of(&empty, &spec::QUEUE, service.path_of("queue"), &(0..0), service.sink());
        return Queue {
            limit: table.quantity_or_nan("limit"),
            order: Setting::default(),
            switch: None,
            pickup: table.quantity_or_nan("pickup"),
            codel: None,
        };
    };
    let order = setting(&table, "order", |word| match word {
        "lifo" => Order::Lifo,
        "adaptive-lifo" => Order::AdaptiveLifo,
        "priority" => Order::Priority,
        _ => Order::Fifo,
    });
    Queue {
        limit: table.quantity_or_nan("limit"),
        order,
        switch: table.quantity("switch"),
        pickup: table.quantity_or_nan("pickup"),
        codel: table.table("codel").map(|t| Codel {
            law: setting(&t, "law", |word| if word == "rfc8289" { CodelLaw::Rfc8289 } else { CodelLaw::Servers }),
            target: t.quantity_or_nan("target"),
            interval: t.quantity_or_nan("interval"),
        }),
    }
}

fn calls(service: &Text, table: &Reader<'_>) -> Vec<ServiceCall> {
    let Some(node) = table.node("calls") else { return Vec::new() };
    let Value::Table(entries) = &node.value else {
        let message = format!("`calls` of [service.{}] must name services, not be {}", service.value, node.kind());
        let hint = "write calls = \"db\", calls = [\"db\", \"cache\"], or a table [service.NAME.calls.db]";
        table.sink().push(Diagnostic::error("wrong-type", message).at(node.span.clone(), "").hint(hint));
        return Vec::new();
    };
    let mut all: Vec<ServiceCall> = Vec::new();
    let mut seen: BTreeMap<&str, &Text> = BTreeMap::new();
    for (target, node) in &entries.entries {
        if let Some(first) = seen.insert(&target.value, target) {
            let message = format!("[service.{}] calls `{}` twice", service.value, target.value);
            let diagnostic = Diagnostic::error("duplicate-name", message)
                .at(target.span.clone(), "")
                .also(first.span.clone(), "first given here")
                .hint(format!("write [service.{}.calls.{}] with count = 2", service.value, target.value));
            table.sink().push(diagnostic);
            continue;
        }
        let path = join(&table.path_of("calls"), &target.value);
        // `calls = { timeout = "1 s" }`: the service called was forgotten.
        if node.table().is_none() && spec::CALL.key(&target.value).is_some() {
            let message = format!("`calls` of [service.{}] needs the name of the service called", service.value);
            let hint = format!("write [service.{}.calls.NAME] above `{}`", service.value, target.value);
            table.sink().push(Diagnostic::error("missing-name", message).at(target.span.clone(), "").hint(hint));
            continue;
        }
        if let Some(call) = Reader::open(node, &spec::CALL, path, &target.span, table.sink()) {
            all.push(service_call(target, &call));
        }
    }
    all
}

fn service_call(target: &Text, table: &Reader<'_>) -> ServiceCall {
    let (parallel, wait_for): (Quantity, _) = (table.quantity_or_nan("parallel"), table.quantity("wait_for"));
    if let Some(wanted) = wait_for.as_ref().filter(|q| q.value > parallel.value) {
        let message = "`wait_for` is more than the calls made at once";
        let hint = format!("write parallel = {}, or a smaller wait_for", wanted.value);
        table.sink().push(Diagnostic::error("out-of-range", message).at(wanted.span.clone(), "").hint(hint));
    }
    ServiceCall {
        target: target.clone(),
        count: table.quantity_or_nan("count"),
        parallel,
        wait_for,
        policy: policy(table),
    }
}
