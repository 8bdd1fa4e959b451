//! What stands around services: shipped models as they are, or made larger.

use super::cases::{Parts, storm};
use super::measure::Case;

/// A shipped model.
fn shipped(component: &'static str, label: &str, text: &str, flood: &[(&str, f64)], lasting: f64) -> Case {
    Case {
        text: text.to_owned(),
        label: label.to_owned(),
        overload: None,
        flood: (flood.iter().map(|(path, value)| ((*path).to_owned(), *value)).collect(), lasting),
        replications: 40,
        ..storm(component, label, 20, Parts::default())
    }
}

/// Every case, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let slow_errors = include_str!("../../models/slow-error-path.toml");
    let cache = include_str!("../../models/lookaside-cache.toml");
    let scaler = include_str!("../../models/autoscaler.toml");
    let balancer = include_str!("../../models/load-balancer.toml");
    let slowdown = include_str!("../../models/concurrency-latency.toml");
    let spike: &[(&str, f64)] = &[("client.web.load", 300.0)];
    let with = |case: Case, trigger, overrides: &[&str]| Case {
        trigger: Some((trigger, 60.0)),
        overrides: overrides.iter().map(|&o| o.to_owned()).collect(),
        ..case
    };
    let larger = ["service.api.servers=100", "service.api.queue.limit=3000", "client.web.load=600 req/s"];
    let lost: &[(&str, f64)] = &[("cache.cache.invalidate", 10.0), ("client.web.load", 3000.0)];
    let larger_spike: &[(&str, f64)] = &[("client.web.load", 3000.0)];
    let ejection = shipped("balancer", "load-balancer", balancer, &[("client.web.load", 4000.0)], 10.0);
    let panic = shipped("balancer", "load-balancer, panic below half", balancer, &[("client.web.load", 4000.0)], 10.0);
    let scaled = shipped("autoscaler", "autoscaler", scaler, &[("client.web.load", 2800.0)], 60.0);
    vec![
        with(shipped("slowdown", "concurrency-latency", slowdown, &[("client.web.load", 100.0)], 30.0), "burst", &[]),
        with(shipped("error-time", "slow-error-path", slow_errors, spike, 10.0), "load-spike", &[]),
        Case {
            recovery: false,
            ..with(shipped("error-time", "slow-error-path, lost slots", slow_errors, spike, 10.0), "lost-slots", &[])
        },
        Case {
            trigger: None,
            ..with(
                shipped("error-time", "slow-error-path, 100 slots", slow_errors, larger_spike, 10.0),
                "lost-slots",
                &larger,
            )
        },
        // What is left of a flushed cache answers for ten minutes: its trigger is held in `tests/fleet.rs`, over longer runs.
        Case { trigger: None, after: 400.0, ..shipped("cache", "lookaside-cache", cache, lost, 20.0) },
        with(Case { after: 900.0, ..scaled }, "load-spike", &[]),
        with(Case { after: 300.0, ..ejection }, "load-spike", &[]),
        with(Case { after: 300.0, ..panic }, "load-spike", &["balancer.lb.panic=0.5"]),
        nested(),
    ]
}

/// A front whose calls hold its slots, over a service that collapses.
fn nested() -> Case {
    let text = "[model]\nname = \"nested\"\n[client.web]\ncalls = \"front\"\nload = \"120 req/s\"\ntimeout = \"2 s\"\n\
        [service.front]\nservers = 1000\nservice_time = \"10 ms\"\n\
        [service.front.calls.db]\ntimeout = \"500 ms\"\n\
        retry = { attempts = 4, backoff = \"100 ms\", jitter = \"exponential\" }\n\
        [service.db]\nservers = 20\nservice_time = \"100 ms\"\nqueue = { limit = 600 }\n\
        [[trigger]]\nname = \"spike\"\nset = { \"client.web.load\" = \"400 req/s\" }\nat = \"30 s\"\nfor = \"1 s\"\n";
    Case {
        text: text.to_owned(),
        overload: None,
        flood: (vec![("client.web.load".to_owned(), 800.0)], 5.0),
        ..storm("nested-calls", "front and database", 20, Parts::default())
    }
}
