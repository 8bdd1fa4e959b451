//! The referee against closed forms of queueing theory. Every comparison is within three standard errors of independent
//! replications, and the standard errors themselves are held to be small, so that the comparison says something.

use tipping::model;
use tipping::referee::{Estimate, Plan, Summary, System};

/// A station with an open-loop client; `client` and `service` are further keys.
fn open(load: f64, servers: usize, client: &str, service: &str) -> System {
    let text = format!(
        "[model]\nname = \"q\"\n[client.web]\ncalls = \"api\"\nload = \"{load} req/s\"\n{client}\n\
         [service.api]\nservers = {servers}\nservice_time = \"1 s\"\n{service}\n"
    );
    let loaded = model::load(&text, "q.toml", &[]).unwrap_or_else(|d| panic!("{d}"));
    System::new(&loaded.model).expect("a system")
}

/// Twenty replications; a twentieth of each is warm-up.
fn summary(system: &System, horizon: f64) -> Summary {
    let plan = Plan { seed: 7, replications: 20, sample_every: horizon / 100.0, ..Plan::steady(horizon) };
    let runs = system.replicate(&plan).expect("runs");
    Summary::after(system, &plan, &runs, horizon / 20.0)
}

/// Within three standard errors, which must be below `tolerance` of the value.
fn agrees(what: &str, estimate: Estimate, exact: f64, tolerance: f64) {
    let Estimate { mean, error, .. } = estimate;
    assert!(error < tolerance * exact, "{what}: {mean} ± {error} is too vague");
    assert!((mean - exact).abs() < 3.0 * error, "{what}: {mean} ± {error}, exact {exact}");
}

/// Probability that an arrival at M/M/c waits (Erlang C), offered load a.
fn erlang_c(a: f64, c: usize) -> f64 {
    let b = erlang_b(a, c);
    b / (1.0 - a / c as f64 * (1.0 - b))
}

/// Share of calls lost at c lines and no waiting room (Erlang B), by its recursion.
fn erlang_b(a: f64, c: usize) -> f64 {
    (1..=c).fold(1.0, |b, k| a * b / (k as f64 + a * b))
}

/// Stationary distribution of a birth-death chain from its rates.
fn birth_death(size: usize, birth: impl Fn(usize) -> f64, death: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut p = vec![1.0];
    for n in 1..=size {
        p.push(p[n - 1] * birth(n - 1) / death(n));
    }
    let total: f64 = p.iter().sum();
    p.iter().map(|x| x / total).collect()
}

fn mean(p: &[f64]) -> f64 {
    p.iter().enumerate().map(|(n, x)| n as f64 * x).sum()
}

#[test]
fn one_server_is_m_m_1() {
    let s = summary(&open(0.7, 1, "", ""), 20_000.0);
    agrees("inside", s.stations[0].inside, 0.7 / 0.3, 0.02);
    agrees("queueing", s.stations[0].queueing, 0.7 / 0.3, 0.02);
    agrees("latency", s.clients[0].latency, 1.0 / 0.3, 0.02);
    // Time in the system is exponential with mean 1/(mu - lambda).
    let latency = s.latency.expect("kept");
    for (share, seen) in [(0.5, latency.p50), (0.1, latency.p90), (0.01, latency.p99)] {
        let exact = -f64::ln(share) / 0.3;
        assert!((seen / exact - 1.0).abs() < 0.05, "{share}: {seen}, exact {exact}");
    }
}

#[test]
fn several_servers_wait_as_erlang_says() {
    for (load, c) in [(8.0, 10), (2.4, 3)] {
        let s = summary(&open(load, c, "", ""), 8_000.0);
        let exact = erlang_c(load, c) / (c as f64 - load);
        agrees("queueing", s.stations[0].queueing, exact, 0.04);
        agrees("busy", s.stations[0].busy, load, 0.01);
    }
}

/// Pollaczek and Khinchine: W = rho/(1-rho) (1+v)/2 service times.
#[test]
fn one_server_waits_as_pollaczek_and_khinchine_say() {
    let cases = [
        ("variability = 0", 0.0),
        ("variability = 0.25", 0.25),
        ("variability = 4", 4.0),
        ("variability = 2\ndistribution = \"lognormal\"", 2.0),
        ("variability = 0.0625\ndistribution = \"normal\"", 0.0625),
    ];
    for (keys, v) in cases {
        let s = summary(&open(0.6, 1, "", keys), 30_000.0);
        agrees(keys, s.stations[0].queueing, 0.6 / 0.4 * (1.0 + v) / 2.0, 0.04);
    }
}

#[test]
fn a_full_queue_blocks_as_m_m_c_k_says() {
    let s = summary(&open(4.0, 3, "", "queue = { limit = 8 }"), 5_000.0);
    let p = birth_death(8, |_| 4.0, |n| n.min(3) as f64);
    agrees("blocked", s.stations[0].blocked, p[8], 0.02);
    agrees("inside", s.stations[0].inside, mean(&p), 0.01);
    agrees("goodput", s.clients[0].goodput, 4.0 * (1.0 - p[8]), 0.01);
}

#[test]
fn lines_without_waiting_room_block_as_erlang_b_says_whatever_the_distribution() {
    for keys in ["", "variability = 0", "variability = 5"] {
        let s = summary(&open(7.0, 10, "", &format!("queue = {{ limit = 10 }}\n{keys}")), 5_000.0);
        agrees(keys, s.stations[0].blocked, erlang_b(7.0, 10), 0.03);
    }
}

/// Erlang A: exponential patience of mean 2 in the queue. Cancelling in the slot as well would be another model, so
/// service is the larger part of patience only through its own clock: M/M/c+M with abandonment in queue and slot is the
/// birth-death chain with death rate min(n, c) + n/2.
#[test]
fn impatient_clients_leave_as_in_a_birth_death_chain() {
    let client = "timeout = \"2 s\"\ntimeout_jitter = \"exponential\"";
    let s = summary(&open(6.0, 4, client, "expired = \"cancel\""), 4_000.0);
    let p = birth_death(200, |_| 6.0, |n| n.min(4) as f64 + n as f64 / 2.0);
    agrees("inside", s.stations[0].inside, mean(&p), 0.01);
    agrees("given up", s.clients[0].timeout_share, mean(&p) / 2.0 / 6.0, 0.01);
}

/// Erlang A (Palm 1957; Garnett, Mandelbaum & Reiman 2002): clients leave the queue, not the slot. Work whose client has
/// left costs nothing when a slot comes to it, so who is served and who is not is as if it had left the queue as well:
/// the chain with death rate min(n, c) + (n - c)+ / 2, of which (n - c)+ / 2 are those who leave.
#[test]
fn impatient_clients_leave_the_queue_as_erlang_a_says() {
    let client = "timeout = \"2 s\"\ntimeout_jitter = \"exponential\"";
    let s = summary(&open(6.0, 4, client, "expired = \"drop\""), 4_000.0);
    let waiting = |n: usize| n.saturating_sub(4) as f64;
    let p = birth_death(200, |_| 6.0, |n| n.min(4) as f64 + waiting(n) / 2.0);
    let queue: f64 = p.iter().enumerate().map(|(n, x)| waiting(n) * x).sum();
    let lost = queue / 2.0 / 6.0;
    agrees("abandoned", s.stations[0].discarded, lost, 0.02);
    agrees("busy", s.stations[0].busy, 6.0 * (1.0 - lost), 0.01);
    // Mean wait of those who are served: the mean wait min(V, patience) of all is queue / load; one who finds j waiting
    // behind c busy slots waits V, a sum of stages at rates c + i/2, and is served with probability Π (c + i/2)/(c + (i+1)/2).
    let served_wait: f64 = (4..p.len())
        .map(|n| {
            let ahead = n - 4;
            let stages: Vec<f64> = (0..=ahead).map(|i| 4.0 + i as f64 / 2.0).collect();
            // P(V < patience) and E[V; V < patience] by the transform of V at 1/2, as V is a sum of exponential stages.
            let transform: f64 = stages.iter().map(|r| r / (r + 0.5)).product();
            let derivative: f64 = stages.iter().map(|r| 1.0 / (r + 0.5)).sum();
            p[n] * transform * derivative
        })
        .sum();
    agrees("wait of the served", s.stations[0].queueing, served_wait / (1.0 - lost), 0.02);
}

#[test]
fn the_order_moves_the_spread_of_waits_and_not_their_mean() {
    let wait = |order: &str| summary(&open(0.7, 1, "", &format!("queue = {{ order = \"{order}\" }}")), 20_000.0);
    let (fifo, lifo) = (wait("fifo"), wait("lifo"));
    agrees("lifo", lifo.stations[0].queueing, 0.7 / 0.3, 0.03);
    // Variances of the wait: fifo rho(2-rho)/(1-rho)^2 = 10.11; lifo rho/(1-rho)^3 (2 - rho + rho^2) - (rho/(1-rho))^2.
    let (f, l) = (fifo.stations[0].queueing_deviation, lifo.stations[0].queueing_deviation);
    agrees("spread of fifo", f, (0.7_f64 * 1.3).sqrt() / 0.3, 0.05);
    assert!(l.mean > 1.4 * f.mean, "{l:?} {f:?}");
}

/// N users who think for Z: a birth-death chain with births (N-n)/Z.
#[test]
fn a_closed_loop_is_machine_repair() {
    let text = "[model]\nname = \"q\"\n[client.web]\ncalls = \"api\"\nusers = 20\nthink = \"4 s\"\n\
                [service.api]\nservers = 3\nservice_time = \"1 s\"\n";
    let loaded = model::load(text, "q.toml", &[]).unwrap_or_else(|d| panic!("{d}"));
    let s = summary(&System::new(&loaded.model).expect("a system"), 5_000.0);
    let p = birth_death(20, |n| (20 - n) as f64 / 4.0, |n| n.min(3) as f64);
    agrees("inside", s.stations[0].inside, mean(&p), 0.01);
    agrees("throughput", s.clients[0].goodput, (20.0 - mean(&p)) / 4.0, 0.01);
}

/// Amplification (1-f^N)/(1-f), success 1-f^N.
#[test]
fn retries_of_independent_failures_amplify_as_they_must() {
    for f in [0.1_f64, 0.5] {
        let s = summary(&open(5.0, 20, "retry = { attempts = 3 }", &format!("error_share = {f}")), 2_000.0);
        agrees("amplification", s.clients[0].amplification, (1.0 - f.powi(3)) / (1.0 - f), 0.01);
        agrees("success", s.clients[0].served_share, 1.0 - f.powi(3), 0.01);
    }
}

/// Priorities without preemption (Cobham 1954): W_i = W0 / ((1 - s_(i-1)) (1 - s_i)), W0 = sum of lambda E S²/2.
#[test]
fn the_urgent_wait_as_cobham_says() {
    let text = "[model]\nname = \"q\"\n\
                [client.urgent]\ncalls = \"api\"\nload = \"0.3 req/s\"\npriority = 0\n\
                [client.other]\ncalls = \"api\"\nload = \"0.4 req/s\"\npriority = 1\n\
                [service.api]\nservers = 1\nservice_time = \"1 s\"\nqueue = { order = \"priority\" }\n";
    let loaded = model::load(text, "q.toml", &[]).unwrap_or_else(|d| panic!("{d}"));
    let s = summary(&System::new(&loaded.model).expect("a system"), 20_000.0);
    agrees("urgent", s.clients[0].latency, 0.7 / 0.7 + 1.0, 0.02);
    agrees("other", s.clients[1].latency, 0.7 / (0.7 * 0.3) + 1.0, 0.03);
}

/// A slot is held through a nested call: one outer slot is M/G/1 with a service time of two exponential phases.
#[test]
fn a_nested_call_holds_the_slot() {
    let text = "[model]\nname = \"q\"\n[client.web]\ncalls = \"api\"\nload = \"0.3 req/s\"\n\
                [service.api]\nservers = 1\nservice_time = \"1 s\"\ncalls = \"db\"\n\
                [service.db]\nservers = 1\nservice_time = \"1 s\"\n";
    let loaded = model::load(text, "q.toml", &[]).unwrap_or_else(|d| panic!("{d}"));
    let s = summary(&System::new(&loaded.model).expect("a system"), 20_000.0);
    agrees("queueing", s.stations[0].queueing, 0.6 / 0.4 * 2.0 * 1.5 / 2.0, 0.04);
    agrees("db busy", s.stations[1].busy, 0.3, 0.02);
}
