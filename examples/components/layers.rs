//! Calls at once, deadlines that travel, and replicas with queues of their own.

use super::cases::{Parts, storm};
use super::measure::Case;

/// Every case, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let mut all = hedges();
    all.extend(parallel());
    all.extend(deadlines());
    all.extend(replicas());
    all
}

/// A system of its own, whose collapse is brought about by the loss of slots.
fn system(component: &'static str, label: &str, text: String, loss: (&str, f64, f64), most: f64) -> Case {
    let (path, left, lasting) = loss;
    Case {
        text,
        label: label.to_owned(),
        overload: None,
        flood: (vec![(path.to_owned(), left)], lasting),
        trigger: Some(("spike", most)),
        ..storm(component, label, 20, Parts::default())
    }
}

fn hedges() -> Vec<Case> {
    let text = |load: u32, client: &str, service: &str| {
        format!(
            "[model]\nname = \"storm\"\n[client.web]\ncalls = \"api\"\nload = \"{load} req/s\"\ntimeout = \"1 s\"\n\
             hedge = {{ after = \"{client}\" }}\n\
             retry = {{ attempts = 3, backoff = \"500 ms\", jitter = \"exponential\" }}\n\
             [service.api]\nservers = 10\nservice_time = \"100 ms\"\nqueue = {{ limit = 300 }}\n{service}\n\
             [[trigger]]\nname = \"spike\"\nset = {{ \"client.web.load\" = \"200 req/s\" }}\nat = \"30 s\"\nfor = \"1.2 s\"\n"
        )
    };
    let case = |label, text| system("hedge", label, text, ("service.api.servers", 2.0, 30.0), 5.0);
    vec![
        case("after 300 ms, 10 slots", text(60, "300 ms", "")),
        Case { trigger: None, ..case("after 50 ms, 10 slots", text(30, "50 ms", "")) },
        Case {
            trigger: None,
            ..case("after 120 ms, variability 0.25, 10 slots", text(40, "120 ms", "variability = 0.25"))
        },
    ]
}

fn parallel() -> Vec<Case> {
    let text = |load: u32, call: &str, gateway: u32, leaves: u32, spike: u32| {
        format!(
            "[model]\nname = \"fan\"\n[client.web]\ncalls = \"gateway\"\nload = \"{load} req/s\"\ntimeout = \"2 s\"\n\
             retry = {{ attempts = 3, backoff = \"1 s\", jitter = \"exponential\" }}\n\
             [service.gateway]\nservers = {gateway}\nservice_time = \"10 ms\"\nqueue = {{ limit = 600 }}\n\
             [service.gateway.calls.leaf]\n{call}\n\
             [service.leaf]\nservers = {leaves}\nservice_time = \"50 ms\"\n\
             [[trigger]]\nname = \"spike\"\nset = {{ \"client.web.load\" = \"{spike} req/s\" }}\nat = \"30 s\"\nfor = \"2 s\"\n"
        )
    };
    let case = |label, text, slots| {
        let loss = ("service.gateway.servers", slots, 30.0);
        Case { after: 300.0, replications: 30, ..system("parallel-calls", label, text, loss, 20.0) }
    };
    vec![
        case("ten at once", text(120, "parallel = 10", 40, 100, 480), 4.0),
        case("eight of ten at once", text(180, "parallel = 10\nwait_for = 8", 40, 140, 720), 4.0),
        case("ten at once, leaves too few", text(100, "parallel = 10\ntimeout = \"1 s\"", 400, 64, 300), 40.0),
    ]
}

fn deadlines() -> Vec<Case> {
    let text = |expired: &str| {
        format!(
            "[model]\nname = \"layers\"\n[client.web]\ncalls = \"app\"\nload = \"60 req/s\"\ntimeout = \"1 s\"\npropagate = true\n\
             retry = {{ attempts = 4, backoff = \"500 ms\", jitter = \"exponential\", on = [\"timeout\", \"reject\"] }}\n\
             [service.app]\nservers = 400\nservice_time = \"20 ms\"\nqueue = {{ limit = 1000 }}\n\
             [service.app.calls.db]\npropagate = true\n\
             [service.db]\nservers = 10\nservice_time = \"100 ms\"\nqueue = {{ limit = 300 }}\nexpired = \"{expired}\"\n\
             [[trigger]]\nname = \"spike\"\nset = {{ \"client.web.load\" = \"200 req/s\" }}\nat = \"30 s\"\nfor = \"1.2 s\"\n"
        )
    };
    let case = |label, expired| {
        let flood = (vec![("client.web.load".to_owned(), 400.0)], 8.0);
        Case { flood, ..system("propagated-deadline", label, text(expired), ("", 0.0, 0.0), 6.0) }
    };
    vec![
        case("to a service that serves all", "serve"),
        case("to a service that drops", "drop"),
        case("to a service that cancels", "cancel"),
    ]
}

fn replicas() -> Vec<Case> {
    let text = |balancer: &str| {
        format!(
            "[model]\nname = \"replicas\"\n[client.web]\ncalls = \"api\"\nload = \"240 req/s\"\ntimeout = \"1 s\"\n\
             retry = {{ attempts = 3, backoff = \"500 ms\", jitter = \"exponential\" }}\n\
             [service.api]\nservers = 40\nservice_time = \"100 ms\"\nqueue = {{ limit = 1000 }}\n\
             [balancer.lb]\nof = \"api\"\nreplicas = 10\n{balancer}\n\
             [[trigger]]\nname = \"spike\"\nset = {{ \"client.web.load\" = \"800 req/s\" }}\nat = \"30 s\"\nfor = \"1.2 s\"\n"
        )
    };
    let case =
        |component, label, balancer| system(component, label, text(balancer), ("service.api.servers", 10.0, 30.0), 5.0);
    let own = "queues = \"per-replica\"\npolicy = ";
    let check = "check = { interval = \"1 s\", timeout = \"500 ms\", unhealthy = 2, healthy = 2 }\npanic = 0.5";
    vec![
        case("replica-queues", "random, 10 replicas", &format!("{own}\"random\"")),
        case("replica-queues", "in turn, 10 replicas", &format!("{own}\"round-robin\"")),
        case("replica-queues", "least of two, 10 replicas", &format!("{own}\"least-requests\"\nchoices = 2")),
        case("replica-queues", "least of all, 10 replicas", &format!("{own}\"least-requests\"")),
        case("health-check", "panic below half, 10 replicas", &format!("{own}\"random\"\n{check}")),
    ]
}
