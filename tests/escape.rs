//! Mean times to collapse against exact Markov chains.

#![allow(clippy::print_stdout, reason = "the ignored tests print tables")]

mod common;

use common::study_of;
use nalgebra::{DMatrix, DVector};
use tipping::answers::collapse::Collapse;
use tipping::answers::landscape::landscape;
use tipping::chance::escape::{Answer, Coordinate, Effort, Method, Question, mean_time};
use tipping::chance::paths::Machine;
use tipping::process::population::Process;

fn ask(process: &Process, good: &[f64], coordinate: &Coordinate, target: f64, effort: &Effort) -> Answer {
    let mut process = process.clone();
    let machine = Machine::new(&process, 1.0).expect("a machine");
    let events = process.all_events();
    let parameters: Vec<f64> = process.parameters.iter().map(|p| p.value).collect();
    let question = Question { machine: &machine, events: &events, parameters: &parameters, good, coordinate, target };
    mean_time(&question, effort).expect("no failure")
}

/// A birth-death process with two wells: births 6 + 40 n⁴/(k⁴ + n⁴), deaths n, per second.
fn wells(k: f64) -> Process {
    let text = format!(
        r#"
        [model]
        name = "two-wells"
        load = "base"
        [param]
        base = {{ value = "6 1/s" }}
        boost = {{ value = "40 1/s" }}
        half = {{ value = {k} }}
        [state]
        n = {{ start = 6, min = 0 }}
        [[transition]]
        name = "birth"
        rate = "base + boost * n^4 / (half^4 + n^4)"
        jump = {{ n = 1 }}
        [[transition]]
        name = "death"
        rate = "n / 1 s"
        jump = {{ n = -1 }}
        "#
    );
    study_of(&text, &[]).median.process().clone()
}

/// Mean time from `from` to `to` of that process: Σ_{n=from}^{to-1} Σ_{m<=n} π_m / (π_n b_n), π the reversible measure.
fn exact_wells(k: f64, from: usize, to: usize) -> f64 {
    let birth = |n: usize| 6.0 + 40.0 * (n as f64).powi(4) / (k.powi(4) + (n as f64).powi(4));
    // ratio_n = Σ_{m<=n} π_m / π_n follows ratio_n = 1 + ratio_{n-1} d_n / b_{n-1}.
    let (mut ratio, mut total) = (1.0, 0.0);
    for n in 0..to {
        if n > 0 {
            ratio = 1.0 + ratio * n as f64 / birth(n - 1);
        }
        if n >= from {
            total += ratio / birth(n);
        }
    }
    total
}

#[test]
fn splitting_finds_the_mean_passage_time_of_two_wells() {
    for k in [26.0, 32.0] {
        let exact = exact_wells(k, 6, 32);
        let coordinate = Coordinate::linear(&[1.0], 0.0, &[20.0]);
        let effort = Effort { events: 4_000_000, seed: 1, ..Effort::default() };
        let Answer::Time(found) = ask(&wells(k), &[6.0], &coordinate, 32.0, &effort) else { panic!("no time for {k}") };
        assert_eq!(found.method, Method::Splitting);
        assert!((found.interval[0]..found.interval[1]).contains(&exact), "{k}: {exact:e} {found:?}");
        assert!(found.interval[1] / found.interval[0] < 3.0, "{found:?}");
    }
}

#[test]
fn intervals_cover_as_often_as_they_say() {
    let exact = exact_wells(22.0, 6, 32);
    let coordinate = Coordinate::linear(&[1.0], 0.0, &[20.0]);
    let process = wells(22.0);
    let runs = 20;
    let covered = (0..runs)
        .filter(|&seed| {
            let effort = Effort { events: 1_000_000, trials: 64, seed: 100 + seed, ..Effort::default() };
            match ask(&process, &[6.0], &coordinate, 32.0, &effort) {
                Answer::Time(found) => (found.interval[0]..found.interval[1]).contains(&exact),
                _ => false,
            }
        })
        .count();
    // 19 of 20 on average; 15 or fewer have a probability of 3e-4.
    assert!(covered >= 16, "{covered} of {runs}");
}

#[test]
fn frequent_collapse_is_counted() {
    let exact = exact_wells(16.0, 6, 32);
    let coordinate = Coordinate::linear(&[1.0], 0.0, &[20.0]);
    let effort = Effort { events: 2_000_000, ..Effort::default() };
    let Answer::Time(found) = ask(&wells(16.0), &[6.0], &coordinate, 32.0, &effort) else { panic!("no time") };
    assert_eq!(found.method, Method::Simulation);
    assert!((found.interval[0]..found.interval[1]).contains(&exact), "{exact:e} {found:?}");
}

/// Queue with blocking and an orbit of retries: n inside (at most 12), o in orbit.
const ORBIT: &str = r#"
[model]
name = "orbit"
load = "lambda"
[param]
lambda = { value = "2.6 1/s" }
mu = { value = "1 1/s" }
theta = { value = "0.5 1/s" }
[state]
n = { start = 0, min = 0, max = 12 }
o = { start = 0, min = 0 }
[[transition]]
name = "arrival"
rate = "lambda * if(n < 12, 1, 0)"
jump = { n = 1 }
[[transition]]
name = "blocked"
rate = "lambda * if(n < 12, 0, 1)"
jump = { o = 1 }
[[transition]]
name = "retry"
rate = "theta * o * if(n < 12, 1, 0)"
jump = { n = 1, o = -1 }
[[transition]]
name = "service"
rate = "mu * min(n, 4)"
jump = { n = -1 }
"#;

/// Mean time from (2, 0) to n + o >= `target`, by solving for all states at once.
fn exact_orbit(target: usize) -> f64 {
    let states: Vec<(usize, usize)> =
        (0..=12).flat_map(|n| (0..target).map(move |o| (n, o))).filter(|s| s.0 + s.1 < target).collect();
    let index = |n: usize, o: usize| states.iter().position(|&s| s == (n, o));
    let mut matrix = DMatrix::zeros(states.len(), states.len());
    for (i, &(n, o)) in states.iter().enumerate() {
        let mut moves = vec![];
        if n < 12 {
            moves.push((2.6, (n + 1, o)));
            if o > 0 {
                moves.push((0.5 * o as f64, (n + 1, o - 1)));
            }
        } else {
            moves.push((2.6, (n, o + 1)));
        }
        if n > 0 {
            moves.push((n.min(4) as f64, (n - 1, o)));
        }
        for (rate, (n, o)) in moves {
            matrix[(i, i)] += rate;
            if let Some(j) = index(n, o) {
                matrix[(i, j)] -= rate;
            }
        }
    }
    let times = matrix.lu().solve(&DVector::from_element(states.len(), 1.0)).expect("regular");
    times[index(2, 0).expect("a state")]
}

#[test]
fn splitting_finds_the_mean_passage_time_of_a_queue_with_orbit() {
    let process = study_of(ORBIT, &[]).median.process().clone();
    for target in [24, 30] {
        let exact = exact_orbit(target);
        let coordinate = Coordinate::linear(&[1.0, 1.0], 0.0, &[12.0, 5.0]);
        let effort = Effort { events: 4_000_000, seed: 3, ..Effort::default() };
        let Answer::Time(found) = ask(&process, &[2.0, 0.0], &coordinate, target as f64, &effort) else {
            panic!("no time for {target}")
        };
        assert!((found.interval[0]..found.interval[1]).contains(&exact), "{target}: {exact:e} {found:?}");
    }
}

#[test]
fn the_storm_breaks_out_within_an_hour_where_the_simulation_says() {
    // The request-level simulation of the same file collapses by itself within an hour between 91 and 94 req/s.
    let study = common::study("retry-storm", &[]);
    let found = landscape(&study.median, study.load_index(&study.median)).expect("a landscape");
    let collapse = Collapse::new(&study, &study.median, &found).expect("a machine");
    let load = collapse.load_with_noise(3600.0, 0).expect("no failure").expect("a load");
    assert!((91.0..94.0).contains(&load), "{load}");
}

/// `cargo test --release --test escape -- --ignored --nocapture no_bias`
#[test]
#[ignore = "half a minute: a third of the interval of the tests above"]
fn no_bias_shows_with_ten_times_the_effort() {
    let effort = Effort { events: 400_000_000, trials: 1024, seed: 5, ..Effort::default() };
    let queue = study_of(ORBIT, &[]).median.process().clone();
    let cases = [
        (wells(26.0), vec![6.0], Coordinate::linear(&[1.0], 0.0, &[20.0]), 32.0, exact_wells(26.0, 6, 32)),
        (wells(32.0), vec![6.0], Coordinate::linear(&[1.0], 0.0, &[20.0]), 32.0, exact_wells(32.0, 6, 32)),
        (queue, vec![2.0, 0.0], Coordinate::linear(&[1.0, 1.0], 0.0, &[12.0, 5.0]), 30.0, exact_orbit(30)),
    ];
    for (process, good, coordinate, target, exact) in cases {
        let Answer::Time(found) = ask(&process, &good, &coordinate, target, &effort) else { panic!("no time") };
        println!("exact {exact:.5e}: found {:.5e} in {:?}", found.mean, found.interval);
        assert!((found.interval[0]..found.interval[1]).contains(&exact), "{exact:e} {found:?}");
        assert!(found.interval[1] / found.interval[0] < 1.6, "{found:?}");
    }
}

#[test]
fn the_bound_is_told_when_the_effort_ends() {
    let coordinate = Coordinate::linear(&[1.0], 0.0, &[20.0]);
    let effort = Effort { events: 60_000, ..Effort::default() };
    let exact = exact_wells(26.0, 6, 32);
    match ask(&wells(26.0), &[6.0], &coordinate, 32.0, &effort) {
        Answer::LongerThan(bound) => assert!(bound > 0.0 && bound < 2.0 * exact, "{bound:e} {exact:e}"),
        Answer::Unknown => {}
        Answer::Time(found) => panic!("{found:?}"),
    }
}

#[test]
fn threads_change_nothing() {
    let coordinate = Coordinate::linear(&[1.0], 0.0, &[20.0]);
    let process = wells(22.0);
    let answer = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let effort = Effort { events: 500_000, ..Effort::default() };
        pool.install(|| ask(&process, &[6.0], &coordinate, 32.0, &effort))
    };
    assert_eq!(format!("{:?}", answer(1)), format!("{:?}", answer(2)));
}

/// `cargo test --release --test escape -- --ignored --nocapture`
#[test]
#[ignore = "a table for comparison with the request-level simulation"]
fn retry_storm_by_load() {
    let study = common::study("retry-storm", &[]);
    let found = landscape(&study.median, study.load_index(&study.median)).expect("a landscape");
    let collapse = Collapse::new(&study, &study.median, &found).expect("a machine");
    for load in [60.0, 80.0, 85.0, 88.0, 91.0, 92.0, 93.0, 94.0] {
        let Some(wells) = collapse.wells(load) else {
            println!("{load}: no saddle");
            continue;
        };
        for (events, trials) in [(12_000_000, 64), (24_000_000, 128), (400_000_000, 512)] {
            let clock = std::time::Instant::now();
            let answer =
                collapse.mean_time(&wells, &Effort { events, trials, ..Effort::default() }).expect("no failure");
            println!("{load} req/s, {trials} trials: {answer:?} in {:.2} s", clock.elapsed().as_secs_f64());
        }
    }
    let wells = collapse.wells(60.0).expect("wells");
    println!("60 req/s: {:?}", collapse.extrapolate(&wells, &Effort { events: 24_000_000, ..Effort::default() }));
    let clock = std::time::Instant::now();
    for (what, horizon) in [("an hour", 3600.0), ("30 d", 30.0 * 86_400.0)] {
        println!("{what}: {:?}", collapse.load_with_noise(horizon, 0));
    }
    println!("both in {:.2} s", clock.elapsed().as_secs_f64());
}
