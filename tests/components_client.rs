//! What callers do: budgets, breakers, limits, hedges, deadlines, presets. Closed forms, published figures, and the equations
//! against the request-level simulation.

#![expect(clippy::print_stdout, reason = "the figures measured are part of what these tests are for")]

mod common;

use common::{close, findings, study_of};
use std::process::Command;
use tipping::answers::amplification::{FAILURE_SHARES, amplification};
use tipping::answers::closed_forms;
use tipping::model::types::{Model, Retry};
use tipping::model::{self, Override};
use tipping::referee::odds::{Experiment, Vary, odds};
use tipping::referee::{Outcome, Plan, Run, Summary, System, TriggerRun};

fn loaded(text: &str, overrides: &[&str]) -> Model {
    let overrides: Vec<Override> = overrides.iter().map(|&o| Override::new(o)).collect();
    model::load(text, "model.toml", &overrides).unwrap_or_else(|d| panic!("{d}")).model
}

fn system(text: &str, overrides: &[&str]) -> System {
    System::new(&loaded(text, overrides)).expect("a system")
}

/// Means of the first client after a time: goodput, attempts per second, attempts per request, share of requests answered.
fn referee(text: &str, overrides: &[&str], horizon: f64, after: f64, replications: u64) -> [f64; 4] {
    let system = system(text, overrides);
    let plan = Plan { replications, sample_every: horizon / 100.0, latencies: false, ..Plan::steady(horizon) };
    let runs = system.replicate(&plan).expect("runs");
    let client = &Summary::after(&system, &plan, &runs, after).clients[0];
    [client.goodput.mean, client.attempts.mean, client.amplification.mean, client.goodput.mean / client.load.mean]
}

/// Means of outputs over the second half of a run of the equations from the start state.
fn fluid(label: &str, text: &str, until: &str, outputs: &[&str]) -> Vec<f64> {
    let file = std::env::temp_dir().join(format!("tipping-client-{label}-{}.toml", std::process::id()));
    std::fs::write(&file, text).expect("a temporary file");
    let output = Command::new(env!("CARGO_BIN_EXE_tipping"))
        .args(["simulate", "--no-triggers", "--from", "start", "--until", until])
        .arg(&file)
        .output()
        .expect("it runs");
    let _ = std::fs::remove_file(&file);
    assert!(output.status.success(), "{label}: {}", String::from_utf8_lossy(&output.stderr));
    let csv = String::from_utf8(output.stdout).expect("text");
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().expect("a head").split(',').collect();
    let rows: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|x| x.parse().unwrap_or(f64::NAN)).collect()).collect();
    let late = &rows[rows.len() / 2..];
    let mean = |name: &&str| {
        let column = names.iter().position(|n| n == name).unwrap_or_else(|| panic!("no column {name} in {names:?}"));
        late.iter().map(|row| row[column]).sum::<f64>() / late.len() as f64
    };
    outputs.iter().map(mean).collect()
}

fn retry(text: &str) -> Retry {
    let text = format!(
        "[model]\nname = \"m\"\n[client.web]\ncalls = \"api\"\nload = \"1 req/s\"\nretry = {text}\n\
         [service.api]\nservers = 1\nservice_time = \"1 ms\"\n"
    );
    loaded(&text, &[]).clients[0].policy.retry.clone().expect("retries")
}

/// The founding example with a policy of its own.
fn storm(load: u32, client: &str, budget: &str, limit: u32, trigger: &str) -> String {
    let budget = if budget.is_empty() { String::new() } else { format!(", budget = {{ {budget} }}") };
    format!(
        "[model]\nname = \"storm\"\n[client.web]\ncalls = \"api\"\nload = \"{load} req/s\"\ntimeout = \"1 s\"\n{client}\n\
         retry = {{ attempts = 4, backoff = \"500 ms\", jitter = \"exponential\", on = [\"timeout\", \"reject\"]{budget} }}\n\
         [service.api]\nservers = 10\nservice_time = \"100 ms\"\nqueue = {{ limit = {limit} }}\n{trigger}"
    )
}

const SPIKE: &str =
    "[[trigger]]\nname = \"spike\"\nset = { \"client.web.load\" = \"200 req/s\" }\nat = \"30 s\"\nfor = \"1.2 s\"\n";

/// Attempts per request at failure shares .01 .05 .1 .2 .5 .9 .99 1, simulated over 60,000 requests each.
#[test]
fn amplification_is_that_of_published_policies() {
    let published: &[(&str, [f64; 8])] = &[
        ("envoy-retry", [1.01, 1.05, 1.10, 1.20, 1.50, 1.90, 1.99, 2.00]),
        ("istio", [1.01, 1.05, 1.11, 1.24, 1.75, 2.71, 2.97, 3.00]),
        ("resilience4j", [1.01, 1.05, 1.11, 1.24, 1.75, 2.71, 2.97, 3.00]),
        ("polly-v8", [1.01, 1.05, 1.11, 1.25, 1.88, 3.44, 3.94, 4.00]),
        ("grpc-example", [1.01, 1.05, 1.11, 1.25, 1.88, 3.44, 3.94, 4.00]),
        ("grpc-throttled", [1.01, 1.05, 1.02, 1.00, 1.00, 1.00, 1.00, 1.00]),
        ("aws-standard-2025", [1.01, 1.05, 1.11, 1.24, 1.21, 1.02, 1.00, 1.00]),
        ("aws-2026", [1.01, 1.05, 1.11, 1.24, 1.07, 1.01, 1.00, 1.00]),
        ("finagle", [1.01, 1.05, 1.11, 1.20, 1.20, 1.20, 1.20, 1.20]),
        ("linkerd-serviceprofile", [1.01, 1.05, 1.11, 1.20, 1.20, 1.20, 1.20, 1.20]),
        ("tenacity", [1.01, 1.05, 1.11, 1.25, 2.0, 10.0, 100.0, f64::INFINITY]),
    ];
    for (name, expected) in published {
        let policy = retry(&format!("\"{name}\""));
        for (f, want) in FAILURE_SHARES.iter().zip(expected) {
            let found = amplification(&policy, *f);
            assert!(found == *want || (found - want).abs() < 0.02, "{name} at {f}: {found} instead of {want}");
        }
    }
}

/// Throttle and bucket with calls that fail: request-level simulation of one process against the Markov chain.
#[test]
fn the_referee_has_the_amplification_of_the_chain() {
    for (policy, share) in [
        ("{ attempts = 4, budget = { kind = \"throttle\", size = 10, fill = 0.1 } }", 0.1),
        ("{ attempts = 3, budget = { kind = \"cost-bucket\", size = 50, cost = 5 } }", 0.5),
        ("{ attempts = 3, budget = { kind = \"token-bucket\", size = 5, fill = 0.1 } }", 0.2),
        ("{ attempts = \"unlimited\", budget = { kind = \"ratio\", share = 0.2, window = \"10 s\" } }", 0.5),
    ] {
        let text = format!(
            "[model]\nname = \"m\"\n[client.web]\ncalls = \"api\"\nload = \"20 req/s\"\nretry = {policy}\n\
             [service.api]\nservers = \"unlimited\"\nservice_time = \"0.1 ms\"\nerror_share = {share}\n"
        );
        let [_, _, found, _] = referee(&text, &[], 2000.0, 100.0, 5);
        let expected = amplification(&retry(policy), share);
        println!("{policy} at {share}: {found:.4}, chain {expected:.4}");
        assert!((found - expected).abs() < 0.01, "{policy}: {found} and {expected}");
    }
}

/// Three layers of four attempts make 64 calls of the lowest when everything fails, five of three make 243.
#[test]
fn layers_multiply() {
    for (layers, attempts, expected) in [(3_u32, 4_u32, 64), (5, 3, 243)] {
        assert_eq!(closed_forms::layered_attempts(attempts, layers), expected);
        let policy = format!("retry = {{ attempts = {attempts}, on = [\"error\"] }}\n");
        let mut text = format!("[model]\nname = \"m\"\n[client.web]\ncalls = \"s1\"\nload = \"10 req/s\"\n{policy}");
        for layer in 1..=layers {
            let bottom = layer == layers;
            let errors = f64::from(u8::from(bottom));
            text += &format!(
                "[service.s{layer}]\nservers = \"unlimited\"\nservice_time = \"1 us\"\nerror_share = {errors}\n"
            );
            if !bottom {
                text += &format!("[service.s{layer}.calls.s{}]\n{policy}", layer + 1);
            }
        }
        let system = system(&text, &[]);
        let plan = Plan { replications: 1, sample_every: 5.0, latencies: false, ..Plan::steady(20.0) };
        let runs = system.replicate(&plan).expect("runs");
        let end = runs[0].samples.last().expect("a sample");
        let tries = end.stations.last().expect("the lowest").offered as f64 / end.clients[0].requests as f64;
        close(tries, expected as f64, 1e-9);
        let lowest = format!("s{layers}.offered_req_per_s");
        close(fluid(&format!("layers{layers}"), &text, "2 s", &[&lowest])[0], 10.0 * expected as f64, 1e-3);
    }
}

/// M. Brooker, Fixing retries with token buckets and circuit breakers, 2022: attempts per request, and success, of a hundred
/// clients within ten seconds.
#[test]
fn retry_strategies_are_those_published() {
    let text = include_str!("../models/retry-strategies.toml");
    let file = model::load(text, "retry-strategies.toml", &[]).unwrap_or_else(|d| panic!("{d}"));
    let variant = |name: &str| {
        file.variants.iter().find(|v| v.name == name).expect("a variant").model.clone().expect("it is right")
    };
    let shares = [0.01, 0.05, 0.1, 0.2, 0.3, 0.5];
    let three = shares.map(|f| closed_forms::amplification(f, 3.0));
    let success = shares.map(|f| closed_forms::success(f, 3.0));
    let published = [
        ("three-attempts", three, success),
        ("token-bucket", [1.013, 1.049, 1.102, 1.134, 1.138, 1.142], [1.0, 1.0, 0.992, 0.908, 0.791, 0.571]),
        ("breaker", [1.009, 1.040, 1.031, 1.003, 1.001, 1.000], [0.999, 0.989, 0.928, 0.801, 0.697, 0.505]),
    ];
    for (name, attempts, success) in published {
        for (i, &share) in shares.iter().enumerate() {
            let mut model = variant(name);
            model.quantity_mut("service.api.error_share").expect("a number").value = share;
            let system = System::new(&model).expect("a system");
            let plan = Plan { replications: 5, sample_every: 1.0, latencies: false, ..Plan::steady(10.0) };
            let runs = system.replicate(&plan).expect("runs");
            let sum = |of: &dyn Fn(&Run) -> u64| runs.iter().map(|r| of(r) as f64).sum::<f64>();
            let end = |r: &Run| r.samples.last().map(|s| s.clients[0]).expect("a sample");
            let ended = sum(&|r| end(r).answered + end(r).failed);
            let tries = sum(&|r| end(r).attempts) / sum(&|r| end(r).requests);
            let well = sum(&|r| end(r).answered) / ended;
            println!("{name} at {share}: {tries:.3} ({:.3}), success {well:.3} ({:.3})", attempts[i], success[i]);
            assert!((tries - attempts[i]).abs() < 0.02, "{name} at {share}: {tries}");
            assert!((well - success[i]).abs() < 0.02, "{name} at {share}: {well}");
        }
    }
}

/// Budgets of each kind that bounds retries by load, strong enough to leave a collapse behind: client keys, budget, load.
const BUDGETS: [(&str, &str, &str, u32); 4] = [
    ("token", "", "kind = \"token-bucket\", fill = 1, size = 50", 60),
    ("concurrency", "", "kind = \"concurrency\", share = 0.5, minimum = 3", 75),
    ("ratio", "processes = 5", "kind = \"ratio\", share = 0.5, floor = \"2 req/s\", window = \"1 s\"", 72),
    ("rate", "", "kind = \"rate\", rate = \"30 req/s\", window = \"1 s\"", 80),
];

/// Recovery load within 5 % of where half of the collapsed systems heal within six minutes, goodput of the good state within
/// 3 %, critical duration of a burst within 8 %.
fn budget_holds(name: &str) {
    let &(_, client, budget, load) = BUDGETS.iter().find(|b| b.0 == name).expect("a budget");
    let text = storm(load, client, budget, 300, SPIKE);
    let analysis = findings(&study_of(&text, &[])).analysis;
    let recovery = analysis.recovery_load.as_ref().expect("a recovery load").value;
    // Collapsed by a loss of capacity, which leaves the windows of budgets as they are in the collapsed state.
    let healed = |load: f64| {
        let system = system(&text, &[&format!("client.web.load={load} req/s")]);
        let loss = TriggerRun { sets: vec![("service.api.servers".to_owned(), 2.0)], at: 0.0, duration: 30.0 };
        let plan =
            Plan { replications: 12, triggers: vec![loss], sample_every: 5.0, latencies: false, ..Plan::steady(390.0) };
        let runs = system.replicate(&plan).expect("runs");
        runs.iter().filter(|r| r.outcome(30.0) == Outcome::Good).count()
    };
    let (below, above) = (healed(0.95 * recovery), healed(1.05 * recovery));
    println!("{name}: recovery {recovery:.2}, healed of 12 at -5 %: {below}, at +5 %: {above}");
    assert!(below > 6 && above <= 6, "{name}: {below} and {above} of 12 healed");
    let good = analysis.states.iter().find(|s| s.name == "good").expect("a good state");
    let [goodput, ..] = referee(&text, &[], 60.0, 10.0, 6);
    close(good.goodput.expect("a goodput"), goodput, 0.03);
    let p50 = analysis.triggers[0].critical_duration.as_ref().and_then(|c| c.p50).expect("it tips");
    let experiment = Experiment { seed: 1, replications: 100, settle: 10.0, aftermath: 60.0, most: 5.0 };
    let odds = odds(&System::new(&loaded(&text, &[])).expect("a system"), "spike", Vary::Duration, experiment);
    let simulated = odds.expect("odds").quantiles.expect("it tips").p50;
    println!("{name}: critical duration {p50:.3}, simulated {:.3} ± {:.3}", simulated.0, simulated.1);
    close(p50, simulated.0, 0.08);
}

#[test]
fn token_bucket_against_the_referee() {
    budget_holds("token");
}

#[test]
fn concurrency_budget_against_the_referee() {
    budget_holds("concurrency");
}

#[test]
fn ratio_budget_against_the_referee() {
    budget_holds("ratio");
}

#[test]
fn rate_budget_against_the_referee() {
    budget_holds("rate");
}

/// A throttle and a cost bucket leave no collapse behind that lasts: nothing is earned where everything fails.
#[test]
fn buckets_filled_by_success_heal() {
    for (client, budget) in [
        ("processes = 5", "kind = \"throttle\", size = 10, fill = 0.1"),
        ("", "kind = \"cost-bucket\", size = 500, cost = 5, timeout_cost = 10"),
    ] {
        let text = storm(60, client, budget, 300, SPIKE);
        let analysis = findings(&study_of(&text, &[])).analysis;
        assert!(analysis.states.iter().all(|s| s.name != "collapsed"), "{budget}");
        assert_eq!(analysis.triggers[0].outcome, "heals", "{budget}");
        let system = system(&text, &[]);
        let burst = TriggerRun { sets: vec![("client.web.load".to_owned(), 400.0)], at: 10.0, duration: 10.0 };
        let plan =
            Plan { replications: 6, triggers: vec![burst], sample_every: 5.0, latencies: false, ..Plan::steady(120.0) };
        let runs = system.replicate(&plan).expect("runs");
        assert!(runs.iter().all(|r| r.outcome(30.0) == Outcome::Good), "{budget}");
    }
}

/// Overload of 150 req/s on a capacity of 100 with a queue that drains in time: goodput of the equations within 3 % of the
/// simulation.
#[test]
fn guards_in_overload_against_the_referee() {
    for (label, client) in [
        ("breaker", "processes = 20\nbreaker = { threshold = 0.5, window = \"10 s\", minimum = 20, open = \"5 s\" }"),
        ("retries", "processes = 20\nbreaker = { threshold = 0.2, window = \"5 s\", stops = \"retries\" }"),
        ("limit", "processes = 20\nrate_limit = { rate = \"4 req/s\", burst = 2 }"),
        ("accepts", "throttle = { kind = \"accepts\", window = \"10 s\" }"),
        ("success", "throttle = { kind = \"success-rate\", window = \"10 s\" }"),
    ] {
        let text = storm(150, client, "", 80, "");
        let [goodput, attempts, ..] = referee(&text, &[], 400.0, 50.0, 8);
        let found = fluid(label, &text, "150 s", &["goodput_req_per_s", "attempts_req_per_s"]);
        println!("{label}: goodput {:.2} and {goodput:.2}, attempts {:.1} and {attempts:.1}", found[0], found[1]);
        close(found[0], goodput, 0.03);
        close(found[1], attempts, 0.05);
    }
}

/// A deadline of 4 s over waits of 1 s and back-offs of 0.5 s leaves room for three attempts.
#[test]
fn a_deadline_ends_attempts() {
    let text = storm(150, "deadline = \"4 s\"", "", 100_000, "").replace("\"exponential\"", "\"none\"");
    let [_, _, simulated, _] = referee(&text, &[], 120.0, 60.0, 3);
    let found = fluid("deadline", &text, "120 s", &["amplification"])[0];
    println!("deadline: {found:.3}, simulated {simulated:.3}");
    close(found, 3.0, 0.02);
    close(simulated, 3.0, 0.02);
}

/// Attempts without end and without a wait, and 501 of them: (1 - f^N)/(1 - f).
#[test]
fn many_attempts_have_their_closed_form() {
    for (attempts, f) in [("\"unlimited\"", 0.5_f64), ("\"unlimited\"", 0.9), ("501", 0.5), ("501", 0.99), ("100", 1.0)]
    {
        let text = format!(
            "[model]\nname = \"m\"\n[client.web]\ncalls = \"api\"\nload = \"10 req/s\"\nretry = {{ attempts = {attempts} }}\n\
             [service.api]\nservers = \"unlimited\"\nservice_time = \"1 ms\"\nerror_share = {f}\n"
        );
        let n = attempts.parse().unwrap_or(f64::INFINITY);
        let expected = if f < 1.0 { closed_forms::amplification(f, n) } else { n };
        let found = fluid("many", &text, "60 s", &["amplification"])[0];
        println!("{attempts} at {f}: {found:.4} ({expected:.4})");
        close(found, expected, 1e-3);
        let [_, _, simulated, _] = referee(&text, &[], 200.0, 20.0, 2);
        close(simulated, expected, 0.06);
    }
}

/// Exponential service of mean S and a hedge after S: e^{-1} of the attempts have one, and the first of both answers takes
/// S (1 - e^{-1}) + S e^{-1}/2 in the mean.
#[test]
fn a_hedge_shortens_exponential_service() {
    let text = "[model]\nname = \"m\"\n[client.web]\ncalls = \"api\"\nload = \"50 req/s\"\nhedge = { after = \"100 ms\" }\n\
                [service.api]\nservers = \"unlimited\"\nservice_time = \"100 ms\"\n";
    let system = system(text, &[]);
    let plan = Plan { replications: 4, sample_every: 10.0, latencies: false, ..Plan::steady(1000.0) };
    let runs = system.replicate(&plan).expect("runs");
    let sum = |of: &dyn Fn(&Run) -> f64| runs.iter().map(of).sum::<f64>();
    let end = |r: &Run| r.samples.last().map(|s| s.clients[0]).expect("a sample");
    let share = sum(&|r| end(r).hedges as f64) / sum(&|r| end(r).requests as f64);
    let latency = sum(&|r| end(r).latency) / sum(&|r| end(r).answered as f64);
    let e = (-1.0_f64).exp();
    close(share, e, 0.01);
    close(latency, 0.1 * (1.0 - e + e / 2.0), 0.01);
    assert_eq!(sum(&|r| end(r).failed as f64), 0.0);
}

/// Mean wait of decorrelated back-off: 2 b before the first retry, then (b + 3 m)/2, cut at the cap.
#[test]
fn decorrelated_waits_have_their_mean() {
    let policy = retry("{ attempts = 4, backoff = \"1 s\", jitter = \"decorrelated\" }");
    assert_eq!([1, 2, 3].map(|k| policy.mean_pause(k)), [2.0, 3.5, 5.75]);
    let capped = retry("{ attempts = 4, backoff = \"1 s\", jitter = \"decorrelated\", cap = \"2 s\" }");
    // U uniform on 1..3, cut at 2: 3/2 for half of them, 2 for the others.
    close(capped.mean_pause(1), 1.75, 1e-12);
    let text = "[model]\nname = \"m\"\n[client.web]\ncalls = \"api\"\nload = \"10 req/s\"\n\
                retry = { attempts = 3, backoff = \"1 s\", jitter = \"decorrelated\" }\n\
                [service.api]\nservers = \"unlimited\"\nservice_time = \"1 ms\"\nerror_share = 1\n";
    let waiting = fluid("decorrelated", text, "120 s", &["web.in_backoff_req"])[0];
    // Little: the fixed part of the waits is a lag, the random one is counted.
    println!("in back-off {waiting:.3}");
    close(waiting, 10.0 * (2.0 - 1.0 + 3.5 - 1.0), 1e-3);
    let system = system(text, &[]);
    let plan = Plan { replications: 4, sample_every: 10.0, latencies: false, ..Plan::steady(500.0) };
    let runs = system.replicate(&plan).expect("runs");
    let simulated = Summary::after(&system, &plan, &runs, 50.0).clients[0].in_backoff.mean;
    close(simulated, 10.0 * (2.0 + 3.5), 0.03);
}

/// Availability of replicas: independent failures multiply, a common cause does not.
#[test]
fn a_common_cause_bounds_redundancy() {
    use closed_forms::unavailability;
    close(unavailability(0.01, 3, 0.0), 1e-6, 1e-12);
    for n in 1..20 {
        assert!(unavailability(0.01, n, 0.1) >= 0.1 * 0.01);
    }
    close(unavailability(0.01, 20, 0.1), 0.001, 1e-9);
    close(unavailability(0.01, 1, 0.1), 0.01, 0.01);
}
