//! Stochastic paths against closed forms, and the events of the system layer against its fluid equations.

mod common;

use common::study_of;
use std::ops::ControlFlow;
use tipping::chance::paths::{Machine, Path, Run, Stop, bands, outcome};
use tipping::dynamics::integrate::Segment;
use tipping::dynamics::outcome::Outcome;
use tipping::model::expand;
use tipping::model::types::Closure;
use tipping::model::{self, Override};
use tipping::process::event::add_fired_rates;
use tipping::process::graph::Node;
use tipping::process::population::Process;
use tipping::process::tape::{Layout, Tape};
use tipping::random::stream;

fn shipped(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(format!("{name}.toml"));
    std::fs::read_to_string(path).expect("a shipped model")
}

fn fluid_process(text: &str, overrides: &[&str]) -> Process {
    let overrides: Vec<Override> = overrides.iter().map(|o| Override::new(*o)).collect();
    let loaded = model::load(text, "test", &overrides).unwrap_or_else(|d| panic!("{}", d.render(false)));
    expand::process(&loaded.model, Closure::Fluid).expect("equations")
}

/// Largest difference, over random states, between the drift of events at rest and that of transitions, relative to the
/// largest rate.
fn mismatch(text: &str, overrides: &[&str]) -> f64 {
    let mut process = fluid_process(text, overrides);
    let events = process.all_events();
    assert!(!process.events.is_empty(), "the system layer makes joint events");
    let mut nodes: Vec<Node> = process.transitions.iter().map(|t| t.rate).collect();
    let zero = process.graph.constant(0.0);
    nodes.extend(events.iter().map(|e| e.rate.unwrap_or(zero)));
    nodes.extend(events.iter().flat_map(|e| e.outcomes.iter().map(|o| o.probability)));
    let layout =
        Layout { parameters: process.parameters.len(), states: process.states.len(), lags: process.graph.lags().len() };
    let tape = Tape::compile(&process.graph, &nodes, layout);
    let mut random = stream(7, 0, 0);
    let mut worst: f64 = 0.0;
    for _ in 0..50 {
        use rand::RngExt;
        let mut inputs = vec![0.0; layout.len()];
        for (i, parameter) in process.parameters.iter().enumerate() {
            (0..=layout.lags).for_each(|j| inputs[layout.parameter(i, j)] = parameter.value);
        }
        for (i, state) in process.states.iter().enumerate() {
            let x = (6.0 * random.random::<f64>()).exp() - 1.0;
            let x = x.clamp(state.info.lower, state.info.upper);
            (0..=layout.lags).for_each(|j| inputs[layout.state(i, j)] = x);
        }
        let values = tape.evaluate(&inputs);
        let (transitions, rest) = values.split_at(process.transitions.len());
        let (own, probabilities) = rest.split_at(events.len());
        let mut offset = vec![0; events.len()];
        for k in 1..events.len() {
            offset[k] = offset[k - 1] + events[k - 1].outcomes.len();
        }
        let mut rates = own.to_vec();
        add_fired_rates(&events, &mut rates, |j, o| probabilities[offset[j] + o]);
        let mut by_events = vec![0.0; layout.states];
        for (k, event) in events.iter().enumerate() {
            event.jumps.iter().for_each(|&(i, jump)| by_events[i] += rates[k] * jump);
            for (o, outcome) in event.outcomes.iter().enumerate() {
                let p = probabilities[offset[k] + o];
                let later = outcome.later.iter().flat_map(|l| &l.jumps);
                outcome.jumps.iter().chain(later).for_each(|&(i, jump)| by_events[i] += rates[k] * p * jump);
            }
        }
        let mut by_transitions = vec![0.0; layout.states];
        for (transition, rate) in process.transitions.iter().zip(transitions) {
            transition.jumps.iter().for_each(|&(i, jump)| by_transitions[i] += rate * jump);
        }
        let size = transitions.iter().map(|r| r.abs()).fold(1e-300, f64::max);
        for (a, b) in by_events.iter().zip(&by_transitions) {
            worst = worst.max((a - b).abs() / size);
        }
    }
    worst
}

const NESTED: &str = r#"
[model]
name = "nested"
[client.web]
calls = "front"
load = "20 req/s"
timeout = "1 s"
retry = { attempts = 3, backoff = "200 ms", jitter = "full" }
[service.front]
servers = 30
service_time = "20 ms"
queue = { limit = 100 }
error_share = "2 %"
[service.front.calls.back]
count = 2
timeout = "300 ms"
retry = { attempts = 2, backoff = "0 s", jitter = "none" }
[service.back]
servers = 8
service_time = "50 ms"
variability = 0.5
"#;

const CLOSED: &str = r#"
[model]
name = "closed"
load = "client.people.users"
[client.people]
calls = "api"
users = 200
think = "4 s"
timeout = "1 s"
retry = { attempts = 3, backoff = "300 ms", jitter = "equal", on = ["timeout", "reject", "error"] }
[service.api]
servers = 4
service_time = "80 ms"
error_share = "1 %"
queue = { limit = 60 }
"#;

#[test]
fn events_have_the_drift_of_the_transitions() {
    let storm = shipped("retry-storm");
    let mut cases: Vec<(String, Vec<String>)> = vec![(NESTED.to_owned(), vec![]), (CLOSED.to_owned(), vec![])];
    for jitter in ["none", "full", "equal", "exponential"] {
        cases.push((storm.clone(), vec![format!("client.web.retry.jitter={jitter}")]));
        cases.push((CLOSED.to_owned(), vec![format!("client.people.retry.jitter={jitter}")]));
        let bucket = storm.replace(
            "jitter = \"exponential\"",
            &format!("jitter = \"{jitter}\", budget = {{ kind = \"token-bucket\", fill = 0.1, size = 10 }}"),
        );
        cases.push((bucket, vec![]));
    }
    cases.push((storm.clone(), vec!["client.web.retry.attempts=unlimited".to_owned()]));
    cases.push((storm.clone(), vec!["client.web.retry.backoff=0 s".to_owned()]));
    cases.push((storm, vec!["service.api.error_share=5 %".to_owned()]));
    for name in ["queue-timeout", "mm1-retry"] {
        cases.push((shipped(name), vec![]));
    }
    for (text, overrides) in cases {
        let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
        let worst = mismatch(&text, &overrides);
        assert!(worst < 1e-12, "{overrides:?}: {worst:e}\n{text}");
    }
}

/// A process of the equation layer, at fluid closure.
fn equations(text: &str) -> Process {
    study_of(text, &[]).median.process().clone()
}

const INFINITE: &str = r#"
[model]
name = "mm-infinity"
load = "lambda"
[param]
lambda = { value = "40 1/s" }
mu = { value = "2 1/s" }
[state]
n = { start = 20, min = 0 }
[[transition]]
name = "arrival"
rate = "lambda"
jump = { n = 1 }
[[transition]]
name = "departure"
rate = "mu * n"
jump = { n = -1 }
"#;

/// Time averages of x and x² of the first state over a path, after a warm-up.
fn time_moments(machine: &Machine, parameters: &[f64], start: f64, warm: f64, until: f64) -> (f64, f64) {
    let mut path = Path::new(machine, parameters, &[start], 11, 0).expect("a path");
    path.advance(warm, &mut |_| ControlFlow::Continue(())).expect("no failure");
    let (mut first, mut second) = (0.0, 0.0);
    let (mut x, mut t) = (path.state()[0], warm);
    let mut watch = |p: &Path<'_>| {
        first += x * (p.time() - t);
        second += x * x * (p.time() - t);
        (x, t) = (p.state()[0], p.time());
        ControlFlow::Continue(())
    };
    path.advance(until, &mut watch).expect("no failure");
    let span = until - warm;
    (first / span, second / span - (first / span).powi(2))
}

#[test]
fn infinite_servers_hold_a_poisson_number() {
    let process = equations(INFINITE);
    let p: Vec<f64> = process.parameters.iter().map(|p| p.value).collect();
    for (scale, spread) in [(1.0, 20.0), (4.0, 80.0)] {
        // At jump scale h the mean is the same and the variance h times as large.
        let machine = Machine::new(&process, scale).expect("a machine");
        let (mean, variance) = time_moments(&machine, &p, 20.0, 10.0, 20_000.0);
        // Relaxation time 1/2 s: 20,000 independent values.
        assert!((mean - 20.0).abs() < 4.0 * (spread / 20_000.0_f64).sqrt(), "{mean}");
        assert!((variance / spread - 1.0).abs() < 0.05, "{variance}");
    }
}

#[test]
fn one_server_has_a_geometric_queue() {
    let text = r#"
        [model]
        name = "mm1"
        [client.web]
        calls = "api"
        load = "7 req/s"
        [service.api]
        servers = 1
        service_time = "100 ms"
    "#;
    let process = fluid_process(text, &[]);
    let p: Vec<f64> = process.parameters.iter().map(|p| p.value).collect();
    let machine = Machine::new(&process, 1.0).expect("a machine");
    let (mean, variance) = time_moments(&machine, &p, 2.0, 100.0, 200_000.0);
    let rho: f64 = 0.7;
    assert!((mean / (rho / (1.0 - rho)) - 1.0).abs() < 0.02, "{mean}");
    assert!((variance / (rho / (1.0 - rho).powi(2)) - 1.0).abs() < 0.06, "{variance}");
}

const DELAYED: &str = r#"
[model]
name = "delayed-birth"
load = "k"
[param]
k = { value = "30 1/s" }
g = { value = "1 1/s" }
[state]
n = { start = 0, min = 0 }
[[transition]]
name = "birth"
rate = "k"
jump = { n = 1 }
delay = "2 s"
[[transition]]
name = "death"
rate = "g * n"
jump = { n = -1 }
"#;

#[test]
fn delayed_births_arrive_late_and_stay_poisson() {
    // From nothing on its way: n(t) is Poisson with mean k/g (1 - e^{-g (t - τ)}) for t > τ, 0 before.
    let process = equations(DELAYED);
    let p: Vec<f64> = process.parameters.iter().map(|p| p.value).collect();
    let machine = Machine::new(&process, 1.0).expect("a machine");
    let runs = 8_000;
    let (mut mean, mut square) = ([0.0; 2], [0.0; 2]);
    for replication in 0..runs {
        let mut path = Path::new(&machine, &p, &[0.0], 3, replication).expect("a path");
        for (k, t) in [1.99, 2.7].into_iter().enumerate() {
            path.advance(t, &mut |_| ControlFlow::Continue(())).expect("no failure");
            mean[k] += path.state()[0] / runs as f64;
            square[k] += path.state()[0].powi(2) / runs as f64;
        }
    }
    assert_eq!(mean[0], 0.0);
    let expected = 30.0 * (1.0 - (-0.7_f64).exp());
    assert!((mean[1] - expected).abs() < 4.0 * (expected / runs as f64).sqrt(), "{} {expected}", mean[1]);
    let variance = square[1] - mean[1] * mean[1];
    assert!((variance / expected - 1.0).abs() < 0.06, "{variance} {expected}");
    // At rest there are k τ = 60 on their way.
    let events = process.clone().all_events();
    let path = Path::at_rest(&machine, &events, &p, &[30.0], 3, 0).expect("a path");
    assert!((40..80).contains(&path.in_flight()), "{}", path.in_flight());
}

#[test]
fn a_lagged_state_in_a_rate_is_that_of_the_past() {
    // Deaths at the rate n had a second ago: the fluid n' = k - g n(t - 1); from 0, n = k t up to t = 1 and then
    // n(2) = 2k - g k/2. The mean of a linear rate is the fluid as long as n stays away from 0.
    let text = r#"
        [model]
        name = "lagged-death"
        load = "k"
        [param]
        k = { value = "400 1/s" }
        g = { value = "0.5 1/s" }
        [state]
        n = { start = 0, min = 0 }
        [[transition]]
        name = "birth"
        rate = "k"
        jump = { n = 1 }
        [[transition]]
        name = "death"
        rate = "g * delay(n, 1 s)"
        jump = { n = -1 }
    "#;
    let process = equations(text);
    let p: Vec<f64> = process.parameters.iter().map(|p| p.value).collect();
    let machine = Machine::new(&process, 1.0).expect("a machine");
    let runs = 400;
    let mut mean = 0.0;
    for replication in 0..runs {
        let mut path = Path::new(&machine, &p, &[0.0], 5, replication).expect("a path");
        path.advance(2.0, &mut |_| ControlFlow::Continue(())).expect("no failure");
        mean += path.state()[0] / runs as f64;
    }
    // Ticks of 1/20 s: the past is read up to a tick late.
    assert!((mean - 700.0).abs() < 4.0 * (900.0_f64 / runs as f64).sqrt() + 5.0, "{mean}");
}

#[test]
fn flows_follow_their_equation() {
    let text = r#"
        [model]
        name = "warming"
        load = "k"
        [param]
        k = { value = "100 1/s" }
        fill = { value = "3 s" }
        [state]
        warm = { start = 0, min = 0, max = 1 }
        n = { start = 0, min = 0 }
        [[transition]]
        name = "hit"
        rate = "k * warm"
        jump = { n = 1 }
        [flow]
        warm = "(1 - warm) / fill"
    "#;
    let process = equations(text);
    let p: Vec<f64> = process.parameters.iter().map(|p| p.value).collect();
    let machine = Machine::new(&process, 1.0).expect("a machine");
    let runs = 200;
    let mut hits = 0.0;
    for replication in 0..runs {
        let mut path = Path::new(&machine, &p, &[0.0, 0.0], 5, replication).expect("a path");
        path.advance(6.0, &mut |_| ControlFlow::Continue(())).expect("no failure");
        assert!((path.state()[0] - (1.0 - (-2.0_f64).exp())).abs() < 5e-3, "{}", path.state()[0]);
        hits += path.state()[1] / f64::from(runs as u32);
    }
    // ∫ k (1 - e^{-t/3}) over 6 s.
    let expected = 100.0 * (6.0 - 3.0 * (1.0 - (-2.0_f64).exp()));
    assert!((hits / expected - 1.0).abs() < 0.025, "{hits} {expected}");
}

#[test]
fn departures_keep_their_dispersion() {
    // A server that is never idle: departures of a renewal process with squared coefficient of variation 1/4.
    let text = r#"
        [model]
        name = "busy"
        [client.web]
        calls = "api"
        load = "1 req/s"
        [service.api]
        servers = 1
        service_time = "10 ms"
        variability = 0.25
    "#;
    let process = fluid_process(text, &[]);
    let p: Vec<f64> = process.parameters.iter().map(|p| p.value).collect();
    let machine = Machine::new(&process, 1.0).expect("a machine");
    let runs = 2_000;
    let counts: Vec<f64> = (0..runs)
        .map(|replication| {
            let mut path = Path::new(&machine, &p, &[5_000.0], 5, replication).expect("a path");
            path.advance(10.0, &mut |_| ControlFlow::Continue(())).expect("no failure");
            5_000.0 - path.state()[0]
        })
        .collect();
    let mean = counts.iter().sum::<f64>() / runs as f64;
    let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / runs as f64;
    // 1000 departures less 10 arrivals; variance 250 + 10.
    assert!((mean - 990.0).abs() < 2.0, "{mean}");
    assert!((variance / 260.0 - 1.0).abs() < 0.15, "{variance}");
}

/// The storm at rest in its good state, then a burst of 200 req/s for `burst` seconds.
fn storm(burst: f64, until: f64) -> (Process, Vec<f64>, Vec<Segment>) {
    let process = fluid_process(&shipped("retry-storm"), &[]);
    let p: Vec<f64> = process.parameters.iter().map(|p| p.value).collect();
    let load = process.parameter_index("client.web.load").expect("a load");
    let mut high = p.clone();
    high[load] = 200.0;
    let rest: Vec<f64> = process.states.iter().map(|s| if s.info.name == "api.queue" { 6.0 } else { 0.0 }).collect();
    let segments = vec![Segment::new(5.0, &p), Segment::new(5.0 + burst, &high), Segment::new(until, &p)];
    (process, rest, segments)
}

#[test]
fn a_burst_tips_some_paths_and_not_others() {
    let (mut process, rest, segments) = storm(1.13, 400.0);
    let machine = Machine::new(&process, 1.0).expect("a machine");
    let events = process.all_events();
    let run = Run { events: &events, start: &rest, segments: &segments, seed: 1 };
    let collapsed: Vec<f64> =
        process.states.iter().map(|s| if s.info.name == "api.queue" { 300.0 } else { 30.0 }).collect();
    let ends = outcome(&machine, &run, &[rest.clone(), collapsed], 200).expect("no failure");
    let count = |i: usize| ends.iter().filter(|e| matches!(e, Outcome::Attractor { index, .. } if *index == i)).count();
    assert_eq!(count(0) + count(1), 200, "all are decided");
    // The request-level simulation tips half of its runs at 1.15 s: within five standard errors.
    assert!((70..=130).contains(&count(1)), "{}", count(1));
}

#[test]
fn coupled_paths_coincide_until_their_triggers_differ() {
    let trace = |burst: f64| {
        let (mut process, rest, segments) = storm(burst, 60.0);
        let machine = Machine::new(&process, 1.0).expect("a machine");
        let events = process.all_events();
        let mut path = Path::at_rest(&machine, &events, &segments[0].parameters, &rest, 9, 4).expect("a path");
        let mut trace = Vec::new();
        let mut watch = |p: &Path<'_>| {
            trace.push((p.time(), p.state().to_vec()));
            ControlFlow::Continue(())
        };
        assert_eq!(path.follow(&segments, &mut watch).expect("no failure"), Stop::Until);
        trace
    };
    let (short, long) = (trace(0.5), trace(0.6));
    let differ = short.iter().zip(&long).position(|(a, b)| a != b).expect("they differ in the end");
    assert!(short[differ].0 > 5.5 && short[differ - 1].0 <= 5.52, "{:?}", short[differ]);
    assert!(differ > 600, "{differ}");
}

#[test]
fn threads_change_nothing() {
    let summary = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let (mut process, rest, segments) = storm(1.0, 20.0);
            let machine = Machine::new(&process, 1.0).expect("a machine");
            let events = process.all_events();
            let run = Run { events: &events, start: &rest, segments: &segments, seed: 2 };
            bands(&machine, &run, &[0.0, 5.0, 6.0, 10.0, 20.0], 40).expect("no failure")
        })
    };
    let (one, two) = (summary(1), summary(2));
    assert_eq!(format!("{one:?}"), format!("{two:?}"));
    let queue = 0;
    assert!(one.p10[queue][2] < one.p50[queue][2] && one.p50[queue][2] < one.p90[queue][2]);
    // After the second of overload about 6 + 100 requests are inside.
    assert!((90.0..125.0).contains(&one.mean[queue][2]), "{}", one.mean[queue][2]);
}

#[test]
fn a_rate_of_lagged_parameters_is_known_from_the_start() {
    // Attempts of this model are load and retries of 3 s and 6 s ago; at 20 req/s next to none are late, and with
    // latency 1 + n/100 the number in flight is n = 20 (1 + n/100) = 25.
    let study = common::study("usl-contention", &["load=20 req/s"]);
    let process = study.median.process().clone();
    let p: Vec<f64> = process.parameters.iter().map(|p| p.value).collect();
    let machine = Machine::new(&process, 1.0).expect("a machine");
    let (mean, _) = time_moments(&machine, &p, 25.0, 20.0, 4_000.0);
    assert!((mean - 25.0).abs() < 1.5, "{mean}");
}
