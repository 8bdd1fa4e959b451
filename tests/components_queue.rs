//! What a service can do with its queue, with and without: the equations held to simulated requests.

#![expect(clippy::print_stdout, reason = "the figures measured are part of what these tests are for")]

mod common;

use common::{close, findings, study};
use tipping::answers::analysis::{Analysis, Verdict};
use tipping::model::{self, Override};
use tipping::referee::odds::{Experiment, Vary, odds};
use tipping::referee::{Outcome, Plan, Run, Summary, System, TriggerRun};

fn system(name: &str, overrides: &[&str]) -> System {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(format!("{name}.toml"));
    let overrides: Vec<Override> = overrides.iter().map(|&o| Override::new(o)).collect();
    let loaded = model::open(&path, &overrides).unwrap_or_else(|d| panic!("{}", d.render(false)));
    System::new(&loaded.model).expect("a system")
}

fn analysis(name: &str, overrides: &[&str]) -> Analysis {
    findings(&study(name, overrides)).analysis
}

/// Runs that begin with a burst of `size` times the load for some seconds.
fn after_burst(system: &System, size: f64, lasting: f64, horizon: f64, replications: u64) -> (Plan, Vec<Run>) {
    let load = system.model().quantity("client.web.load").expect("a load").value;
    let burst = TriggerRun { sets: vec![("client.web.load".to_owned(), size * load)], at: 5.0, duration: lasting };
    let triggers = if size > 1.0 { vec![burst] } else { Vec::new() };
    let plan = Plan { seed: 11, replications, triggers, sample_every: 0.5, latencies: false, ..Plan::steady(horizon) };
    let runs = system.replicate(&plan).expect("runs");
    (plan, runs)
}

/// Goodput of the first client after `warm_up`, with its standard error.
fn goodput(system: &System, (plan, runs): &(Plan, Vec<Run>), warm_up: f64) -> (f64, f64) {
    let goodput = Summary::after(system, plan, runs, warm_up).clients[0].goodput;
    (goodput.mean, goodput.error)
}

/// Duration of the trigger that tips half of the simulated runs, with its standard error.
fn simulated_p50(system: &System, trigger: &str, replications: u64, most: f64) -> (f64, f64) {
    let experiment = Experiment { seed: 1, replications, settle: 15.0, aftermath: 60.0, most };
    odds(system, trigger, Vary::Duration, experiment).expect("odds").quantiles.expect("it tips").p50
}

fn p50(a: &Analysis, trigger: &str) -> f64 {
    let found = a.triggers.iter().find(|t| t.name == trigger).and_then(|t| t.critical_duration.as_ref());
    found.and_then(|c| c.p50).expect("a critical duration")
}

fn state(a: &Analysis, name: &str) -> f64 {
    a.states.iter().find(|s| s.name == name).and_then(|s| s.goodput).unwrap_or_else(|| panic!("no {name} state"))
}

/// Load below which most collapsed runs heal within five minutes: the lowest of a grid of 2 % steps at which fewer than half do.
fn simulated_recovery(name: &str, overrides: &[&str], guess: f64, flood: f64) -> f64 {
    let heals = |load: f64| {
        let load_is = format!("client.web.load={load} req/s");
        let all: Vec<&str> = overrides.iter().copied().chain([load_is.as_str()]).collect();
        let system = system(name, &all);
        let (_, runs) = after_burst(&system, flood / load, 5.0, 300.0, 4);
        let good = runs.iter().filter(|r| r.outcome(20.0) == Outcome::Good).count();
        good >= 2
    };
    let mut load = guess;
    if heals(load) {
        while heals(load * 1.02) {
            load *= 1.02;
        }
        load * 1.01
    } else {
        while !heals(load / 1.02) {
            load /= 1.02;
        }
        load / 1.01
    }
}

/// Goodput of the only stable state.
fn only_state(a: &Analysis) -> f64 {
    let stable: Vec<f64> = a.states.iter().filter(|s| s.stable).filter_map(|s| s.goodput).collect();
    assert_eq!(stable.len(), 1, "{stable:?}");
    stable[0]
}

const DROP: &[&str] = &["service.api.expired=drop"];

#[test]
fn dropping_expired_work_still_collapses_and_as_simulated() {
    let a = analysis("retry-storm", DROP);
    assert_eq!(a.verdict, Verdict::Vulnerable);
    let system = system("retry-storm", DROP);
    let (simulated, error) = goodput(&system, &after_burst(&system, 5.0, 5.0, 300.0, 8), 60.0);
    println!("collapsed goodput {:.3}, simulated {simulated:.3} ± {error:.3}", state(&a, "collapsed"));
    close(state(&a, "collapsed"), simulated, 0.03);
    let recovery = a.recovery_load.as_ref().expect("a recovery load").value;
    let simulated = simulated_recovery("retry-storm", DROP, recovery, 400.0);
    println!("recovery load {recovery:.2}, simulated {simulated:.2}");
    let (simulated, error) = simulated_p50(&system, "load-spike", 100, 5.0);
    println!("critical duration {:.3}, simulated {simulated:.3} ± {error:.3}", p50(&a, "load-spike"));
    close(p50(&a, "load-spike"), simulated, 0.08);
}

/// The recovery load is that of the middle run: with ten slots the collapsed state is left by accident above it already, with
/// fifty no more.
#[test]
fn dropping_recovers_where_the_middle_run_does() {
    let large = [
        "service.api.expired=drop",
        "service.api.servers=50",
        "service.api.queue.limit=1500",
        "client.web.load=300 req/s",
    ];
    let recovery = analysis("retry-storm", &large).recovery_load.as_ref().expect("a recovery load").value;
    let simulated = simulated_recovery("retry-storm", &large[..3], recovery, 2000.0);
    println!("fifty slots: recovery load {recovery:.2}, simulated {simulated:.2}");
    close(recovery, simulated, 0.05);
}

/// The density of waits below the timeout: of what a slot takes in overload, μ/(μ + A - C) is answered.
#[test]
fn dropping_in_overload_answers_what_the_workload_process_says() {
    for load in [120, 150, 240] {
        let overrides =
            [&format!("client.web.load={load} req/s"), "service.api.expired=drop", "client.web.retry.attempts=1"];
        let a = analysis("retry-storm", &overrides);
        let exact = 100.0 * 10.0 / (10.0 + f64::from(load) - 100.0);
        let found = only_state(&a);
        let system = system("retry-storm", &overrides);
        let (simulated, error) = goodput(&system, &after_burst(&system, 1.0, 0.0, 200.0, 8), 30.0);
        println!("load {load}: goodput {found:.3}, exact {exact:.3}, simulated {simulated:.3} ± {error:.3}");
        close(found, exact, 0.01);
        close(found, simulated, 0.03);
    }
}

/// Cancelling keeps slots on work that is wanted: min(load, capacity) is answered, whatever the overload.
#[test]
fn cancelling_never_collapses() {
    let cancel = ["service.api.expired=cancel"];
    let a = analysis("retry-storm", &cancel);
    assert_eq!(a.verdict, Verdict::Stable);
    let spiked = system("retry-storm", &cancel);
    let (plan, runs) = after_burst(&spiked, 5.0, 5.0, 60.0, 8);
    assert!(runs.iter().all(|r| r.outcome(20.0) == Outcome::Good), "{plan:?}");
    for load in [120, 200] {
        let overrides = [&format!("client.web.load={load} req/s"), "service.api.expired=cancel"];
        let a = analysis("retry-storm", &overrides);
        let found = only_state(&a);
        let system = system("retry-storm", &overrides);
        let (simulated, error) = goodput(&system, &after_burst(&system, 1.0, 0.0, 200.0, 8), 60.0);
        println!("load {load}: goodput {found:.3}, simulated {simulated:.3} ± {error:.3}");
        close(found, simulated, 0.03);
    }
}

/// With service times of no variability most of what a slot takes late in overload is cancelled in it: of a queue D/E_c/1 the
/// share that waits, by Spitzer's identity, 1 - exp(-Σ P(Poisson(j A S) < j c)/j).
#[test]
fn cancelling_fixed_service_times_wastes_slots() {
    let below = |count: u32, mean: f64| {
        let mut term = (-mean).exp();
        (0..count).fold(0.0, |sum, k| {
            let now = term;
            term *= mean / f64::from(k + 1);
            sum + now
        })
    };
    for load in [120_u32, 150, 200] {
        let load_is = format!("client.web.load={load} req/s");
        let overrides = [
            load_is.as_str(),
            "service.api.expired=cancel",
            "service.api.variability=0",
            "client.web.retry.attempts=1",
        ];
        let found = only_state(&analysis("retry-storm", &overrides));
        let each = 0.1 * f64::from(load);
        let sum: f64 = (1..30).map(|j| below(10 * j, each * f64::from(j)) / f64::from(j)).sum();
        let exact = f64::from(load) * (1.0 - (-sum).exp());
        let system = system("retry-storm", &overrides);
        let (simulated, error) = goodput(&system, &after_burst(&system, 1.0, 0.0, 400.0, 16), 30.0);
        println!("{load}: goodput {found:.3}, exact {exact:.3}, simulated {simulated:.3} ± {error:.3}");
        close(found, exact, 0.02);
        assert!((found - simulated).abs() < 0.03 * simulated + 2.0 * error, "{found} and {simulated} ± {error}");
    }
}

/// A limit that refuses half of what comes lets the rest in in clumps.
#[test]
fn dropping_behind_a_full_queue_is_as_simulated() {
    let overrides = ["client.web.load=150 req/s", "service.api.expired=drop"];
    let found = only_state(&analysis("retry-storm", &overrides));
    let system = system("retry-storm", &overrides);
    let (simulated, error) = goodput(&system, &after_burst(&system, 1.0, 0.0, 300.0, 8), 60.0);
    println!("goodput {found:.3}, simulated {simulated:.3} ± {error:.3}");
    close(found, simulated, 0.03);
}

/// Of those let into a full queue most come while a slot is free.
#[test]
fn who_comes_before_a_slot_looks_goes_first() {
    let overrides = ["client.web.load=150 req/s", "service.api.queue.pickup=1 ms"];
    let found = only_state(&analysis("retry-storm", &overrides));
    let system = system("retry-storm", &overrides);
    let (simulated, error) = goodput(&system, &after_burst(&system, 1.0, 0.0, 300.0, 8), 60.0);
    println!("goodput {found:.3}, simulated {simulated:.3} ± {error:.3}");
    close(found, simulated, 0.03);
}

#[test]
fn newest_first_and_controlled_delay_never_collapse() {
    for change in
        ["service.api.queue.order=lifo", "service.api.queue.order=adaptive-lifo", "service.api.queue.codel.target=5 ms"]
    {
        let a = analysis("retry-storm", &[change]);
        assert_eq!(a.verdict, Verdict::Stable, "{change}");
        let spiked = system("retry-storm", &[change]);
        let (_, runs) = after_burst(&spiked, 5.0, 5.0, 60.0, 8);
        assert!(runs.iter().all(|r| r.outcome(20.0) == Outcome::Good), "{change}");
        for load in [80, 120, 200] {
            let overrides = [&format!("client.web.load={load} req/s"), change];
            let a = analysis("retry-storm", &overrides);
            let found = only_state(&a);
            let system = system("retry-storm", &overrides);
            let (simulated, error) = goodput(&system, &after_burst(&system, 1.0, 0.0, 200.0, 8), 60.0);
            println!("{change}, load {load}: goodput {found:.3}, simulated {simulated:.3} ± {error:.3}");
            close(found, simulated, 0.03);
        }
    }
}

#[test]
fn latency_that_grows_with_concurrency_is_as_published() {
    let a = analysis("concurrency-latency", &[]);
    assert_eq!(a.verdict, Verdict::Vulnerable);
    let good = a.states.iter().find(|s| s.name == "good").expect("a good state");
    close(good.state["api.queue"].as_f64().expect("a number"), 66.7, 0.015);
    let (tip_over, recovery) =
        (a.tip_over_load.as_ref().expect("a fold").value, a.recovery_load.as_ref().expect("an end").value);
    let system = system("concurrency-latency", &[]);
    let (simulated, error) = simulated_p50(&system, "burst", 60, 20.0);
    println!("tip-over {tip_over:.2} (published 64.3), recovery {recovery:.2} (published 21.4)");
    println!("critical duration {:.3}, simulated {simulated:.3} ± {error:.3}", p50(&a, "burst"));
    close(p50(&a, "burst"), simulated, 0.08);
}

/// Collapsed goodput (equal within 3 %, or none) and critical duration (within 8 %) with one change to the clients.
fn policy_is_as_simulated(change: &str) {
    let a = analysis("retry-storm", &[change]);
    let system = system("retry-storm", &[change]);
    let (simulated, error) = goodput(&system, &after_burst(&system, 5.0, 5.0, 120.0, 8), 60.0);
    println!("{change}: collapsed {:.3}, simulated {simulated:.3} ± {error:.3}", state(&a, "collapsed"));
    assert!((state(&a, "collapsed") - simulated).abs() < 0.03 * simulated + 2.0 * error + 0.01);
    let (simulated, error) = simulated_p50(&system, "load-spike", 60, 8.0);
    println!("critical duration {:.3}, simulated {simulated:.3} ± {error:.3}", p50(&a, "load-spike"));
    close(p50(&a, "load-spike"), simulated, 0.08);
}

#[test]
fn retries_with_a_probability_are_as_simulated() {
    policy_is_as_simulated("client.web.retry.probability=0.5");
}

#[test]
fn exponential_timeouts_are_as_simulated() {
    policy_is_as_simulated("client.web.timeout_jitter=exponential");
}

#[test]
fn answers_found_late_are_as_simulated() {
    policy_is_as_simulated("client.web.gives_up=at-answer");
}

#[test]
fn network_legs_are_as_simulated() {
    policy_is_as_simulated("client.web.network=50 ms");
}

/// Goodput at today's load, twice over the capacity and back, of a service that turns attempts away.
fn admission_is_as_simulated(change: &[&str], loads: &[u32]) {
    for load in loads {
        let load_is = format!("client.web.load={load} req/s");
        let all: Vec<&str> = change.iter().copied().chain([load_is.as_str()]).collect();
        let a = analysis("retry-storm", &all);
        let found = a.states.iter().find_map(|s| s.goodput.filter(|_| s.stable)).expect("a state");
        let system = system("retry-storm", &all);
        let (simulated, error) = goodput(&system, &after_burst(&system, 4.0, 5.0, 160.0, 8), 60.0);
        println!("{change:?} at {load}: goodput {found:.2}, simulated {simulated:.2} ± {error:.2}");
        close(found, simulated, 0.03);
    }
}

#[test]
fn shedding_is_as_simulated() {
    admission_is_as_simulated(&["service.api.shed.inside=60"], &[60, 200]);
    admission_is_as_simulated(&["service.api.shed.wait=300 ms"], &[60, 200]);
}

/// A fifth of 800 attempts per second is more than the service can do.
#[test]
fn shedding_too_small_a_share_does_not_help() {
    let all = ["service.api.shed.inside=40", "service.api.shed.share=0.8", "client.web.load=200 req/s"];
    let found = only_state(&analysis("retry-storm", &all));
    let system = system("retry-storm", &all);
    let (simulated, _) = goodput(&system, &after_burst(&system, 1.0, 0.0, 100.0, 4), 60.0);
    assert!(found < 0.1 && simulated < 0.1, "{found} {simulated}");
}

#[test]
fn rate_limits_are_as_simulated() {
    admission_is_as_simulated(&["service.api.rate_limit.rate=90 req/s"], &[60, 200]);
}

#[test]
fn additive_increase_is_as_simulated() {
    admission_is_as_simulated(
        &["service.api.concurrency.kind=aimd", "service.api.concurrency.timeout=400 ms"],
        &[60, 200],
    );
}

/// In overload it hangs on the law of single service times, see the chapter on queues: nothing but the good state is answered.
#[test]
fn limits_by_latency_let_an_ordinary_load_through_and_are_not_judged() {
    let steady = "service.api.variability=0.05";
    let gradient = ["service.api.concurrency.kind=gradient", steady];
    admission_is_as_simulated(&gradient, &[60]);
    for changes in [&gradient[..], &["service.api.concurrency.kind=vegas"], &["service.api.concurrency.kind=gradient"]]
    {
        let a = analysis("retry-storm", changes);
        assert_eq!(a.verdict, Verdict::Inconclusive);
        assert!(a.recovery_load.is_none() && a.tip_over_load.is_none());
        assert!(a.warnings.iter().any(|w| w.contains("do not follow overload")), "{:?}", a.warnings);
    }
}

const TWO_CLASSES: &str = r#"
[model]
name = "two-classes"
[client.urgent]
calls = "api"
load = "40 req/s"
timeout = "1 s"
priority = 0
[client.bulk]
calls = "api"
load = "50 req/s"
timeout = "1 s"
priority = 1
retry = { attempts = 3, backoff = "500 ms", jitter = "exponential" }
[service.api]
servers = 10
service_time = "100 ms"
queue = { limit = 300, order = "priority" }
"#;

/// The urgent are served first, but a limit shared with bulk work refuses them at the door.
#[test]
fn priorities_are_as_simulated() {
    for bulk in [20, 80, 150] {
        let bulk_is = format!("client.bulk.load={bulk} req/s");
        let a = findings(&common::study_of(TWO_CLASSES, &[&bulk_is])).analysis;
        let found = only_state(&a);
        let loaded = model::load(TWO_CLASSES, "two-classes", &[Override::new(bulk_is.as_str())]).expect("a model");
        let system = System::new(&loaded.model).expect("a system");
        let plan = Plan { seed: 5, replications: 8, sample_every: 0.5, latencies: false, ..Plan::steady(150.0) };
        let summary = Summary::after(&system, &plan, &system.replicate(&plan).expect("runs"), 50.0);
        let simulated = summary.clients[0].goodput.mean + summary.clients[1].goodput.mean;
        println!("bulk {bulk}: goodput {found:.2}, simulated {simulated:.2}");
        close(found, simulated, 0.03);
    }
}

/// Universal scalability law: the number inside, and S(n) at rest.
#[test]
fn contention_and_coherence_slow_the_service_as_simulated() {
    let overrides = ["service.api.contention=0.02", "service.api.coherence=0.0002", "client.web.load=50 req/s"];
    let a = analysis("retry-storm", &overrides);
    let good = a.states.iter().find(|s| s.name == "good").expect("a good state");
    let found = good.state["api.queue"].as_f64().expect("a number");
    let system = system("retry-storm", &overrides);
    let (plan, runs) = after_burst(&system, 1.0, 0.0, 200.0, 8);
    let inside = Summary::after(&system, &plan, &runs, 30.0).stations[0].inside;
    println!("inside {found:.3}, simulated {inside:?}");
    close(found, inside.mean, 0.03);
}

/// Oldest first, retries that take the slot whose late answer they found: 1.5 of 2 requests are answered in a full queue.
#[test]
fn retries_that_go_first_keep_a_full_queue_half_alive() {
    let overrides = ["client.web.load=150 req/s"];
    let a = analysis("fifo-lifo", &overrides);
    let collapsed = a.states.iter().find(|s| s.name == "collapsed").expect("a collapsed state");
    let system = system("fifo-lifo", &overrides);
    let trigger = TriggerRun::of(system.model(), &system.model().triggers[0]);
    let plan = Plan {
        seed: 3,
        replications: 4,
        triggers: vec![trigger],
        sample_every: 1.0,
        latencies: false,
        ..Plan::steady(300.0)
    };
    let summary = Summary::after(&system, &plan, &system.replicate(&plan).expect("runs"), 120.0);
    let (goodput, amplification) = (summary.clients[0].goodput.mean, summary.clients[0].amplification.mean);
    println!("{:?} {:?}, simulated {goodput:.2} {amplification:.3}", collapsed.goodput, collapsed.amplification);
    close(collapsed.goodput.expect("a goodput"), goodput, 0.03);
    close(collapsed.amplification.expect("attempts"), amplification, 0.03);
    // As published: at 100 per second it heals.
    assert_eq!(analysis("fifo-lifo", &[]).verdict, Verdict::Stable);
}
