//! Markov chains of models in files, against published exact values and closed forms.

mod common;

use common::study_of;
use tipping::chance::chain::build::{Bound, ProcessChain};
use tipping::chance::chain::error::ChainError;

const ROOM: u64 = 1 << 32;

fn shipped(name: &str) -> String {
    std::fs::read_to_string(format!("{}/models/{name}.toml", env!("CARGO_MANIFEST_DIR"))).expect("a shipped model")
}

/// The chain of a model with some of its numbers changed.
fn chain_of(text: &str, set: &[&str]) -> ProcessChain {
    ProcessChain::new(study_of(text, set).fluid.process(), &[]).expect("a chain")
}

/// Membership in a named set.
fn set<'a>(built: &'a ProcessChain, name: &str) -> &'a [bool] {
    &built.sets.iter().find(|s| s.0 == name).expect("a set").1
}

/// Smallest mean time from one set to another.
fn time(built: &ProcessChain, from: &[bool], to: &[bool]) -> f64 {
    let passage = built.chain.passage(to, ROOM).expect("solved");
    let from = passage.mean.iter().zip(from).filter(|(_, inside)| **inside);
    from.map(|(mean, _)| *mean).fold(f64::INFINITY, f64::min)
}

fn mean(built: &ProcessChain, stationary: &[f64], axis: usize) -> f64 {
    (0..stationary.len()).map(|i| stationary[i] * built.chain.lattice().value(i, axis)).sum()
}

#[track_caller]
fn close(found: f64, wanted: f64, tolerance: f64) {
    assert!((found / wanted - 1.0).abs() <= tolerance, "{found:.15e} instead of {wanted:.15e}");
}

#[test]
fn queue_and_orbit_of_a_server_with_a_long_timeout() {
    let built = chain_of(&shipped("queue-orbit"), &[]);
    assert_eq!(built.chain.len(), 2000);
    let stationary = built.chain.stationary(ROOM).expect("solved");
    close(mean(&built, &stationary, 0), 73.349629, 1e-8);
    close(mean(&built, &stationary, 1), 13.247986, 4e-8);
    let [empty, full, short, long] = ["empty", "full", "short", "long"].map(|name| set(&built, name));
    close(time(&built, full, empty), 3964.668852, 1e-9);
    close(time(&built, full, short), 3861.289188, 1e-9);
    close(time(&built, empty, long), 1295.264527, 1e-9);
}

#[test]
fn queue_and_orbit_where_other_solvers_lose_all_digits() {
    let built = chain_of(&shipped("queue-orbit"), &["timeout=3 s", "retries=4"]);
    let [empty, full, long] = ["empty", "full", "long"].map(|name| set(&built, name));
    close(time(&built, full, empty), 8.5412408848e13, 1e-10);
    close(time(&built, empty, long), 61.168776, 1e-8);
}

#[test]
fn retrial_queue() {
    let built = chain_of(&shipped("retrial"), &[]);
    let stationary = built.chain.stationary(ROOM).expect("solved");
    close(mean(&built, &stationary, 0), 17.07645947773, 1e-12);
    close(mean(&built, &stationary, 1), 38.34340335642, 1e-12);
    close(stationary[0], 1.663046394916e-2, 1e-12);
    let [empty, good, middle, collapsed] = ["empty", "good", "middle", "collapsed"].map(|name| set(&built, name));
    close(time(&built, empty, collapsed), 7.509745827458e4, 1e-12);
    close(time(&built, middle, good), 4.926063442766e4, 1e-12);
}

#[test]
fn retrial_queue_of_eighty_thousand_states() {
    let sizes = ["limit=200", "state.n.max=200", "room=400", "state.o.max=400", "load=11 /s"];
    let built = chain_of(&shipped("retrial"), &sizes);
    let lattice = built.chain.lattice();
    assert_eq!(lattice.len(), 80_601);
    let far: Vec<bool> = (0..lattice.len()).map(|i| lattice.coordinate(i, 0) >= 150).collect();
    close(time(&built, set(&built, "empty"), &far), 3.672350354193e9, 1e-12);
    let stationary = built.chain.stationary(ROOM).expect("solved");
    let balance = |i: usize| {
        let out: f64 = built.chain.generator().row(i).map(|r| r.1).sum();
        out * stationary[i]
    };
    let mut inflow = vec![0.0; lattice.len()];
    for (i, p) in stationary.iter().enumerate() {
        built.chain.generator().row(i).for_each(|(j, rate)| inflow[j] += p * rate);
    }
    (0..lattice.len()).for_each(|i| close(inflow[i], balance(i), 1e-14));
}

/// A single server with a bounded queue that serves in pairs, in another unit than one.
const BULK: &str = r#"
[model]
name = "bulk"
load = "load"
[param]
load = "3 req/s"
[state]
queue = { start = 0, min = 0, max = 40, unit = "req" }
[[transition]]
name = "arrival"
rate = "load"
jump = { queue = 2 }
[[transition]]
name = "departure"
rate = "if(queue > 0 req, 4 req / 1 s, 0 req / 1 s)"
jump = { queue = -2 }
[set]
empty = "queue < 1 req"
"#;

#[test]
fn the_lattice_has_the_step_of_the_jumps() {
    let built = chain_of(BULK, &[]);
    assert_eq!(built.chain.len(), 21);
    let stationary = built.chain.stationary(ROOM).expect("solved");
    (1..21).for_each(|n| close(stationary[n], stationary[n - 1] * 0.75, 1e-13));
}

#[test]
fn bounds_can_be_given_and_must_make_sense() {
    let study = study_of(BULK, &[]);
    let build = |state: &str, low, high| {
        ProcessChain::new(study.fluid.process(), &[Bound { state: state.to_owned(), low, high }])
    };
    assert_eq!(build("queue", 0.0, 10.0).expect("a chain").chain.len(), 6);
    assert_eq!(build("quue", 0.0, 10.0).err(), Some(ChainError::NoSuchState("quue".to_owned())));
    assert!(matches!(build("queue", 10.0, 0.0).err(), Some(ChainError::BadBound { .. })));
    assert_eq!(build("queue", 0.0, f64::INFINITY).err(), Some(ChainError::Unbounded("queue".to_owned())));
}

#[test]
fn what_has_no_chain_is_named() {
    let refused = |text: &str| ProcessChain::new(study_of(text, &[]).fluid.process(), &[]).err();
    let delayed = BULK.replace("jump = { queue = 2 }", "jump = { queue = 2 }\ndelay = \"1 s\"");
    assert_eq!(refused(&delayed), Some(ChainError::Delayed("arrival".to_owned())));
    let timed = BULK.replace("rate = \"load\"", "rate = \"load * step(t - 1 s)\"");
    assert!(timed.contains("step"));
    assert_eq!(refused(&timed), Some(ChainError::TimeDependent("arrival".to_owned())));
    let late = BULK.replace("rate = \"load\"", "rate = \"delay(load * queue / (1 req), 1 s)\"");
    assert_eq!(refused(&late), Some(ChainError::TimeDependent("arrival".to_owned())));
    let negative = BULK.replace("rate = \"load\"", "rate = \"load * (1 - queue / (10 req))\"");
    let Some(ChainError::BadRate { event, rate, state }) = refused(&negative) else { panic!("a bad rate") };
    assert_eq!((event.as_str(), state.as_str()), ("arrival", "queue = 12"));
    close(rate, -0.6, 1e-12);
    let flowing = format!("{BULK}\n[flow]\nqueue = \"1 req / 1 s\"\n");
    assert_eq!(refused(&flowing), Some(ChainError::Flowing("queue".to_owned())));
    let walled = build_memory();
    assert!(matches!(walled, Err(ChainError::Memory { needed, allowed: 1000 }) if needed > 1000));
}

fn build_memory() -> Result<Vec<f64>, ChainError> {
    chain_of(&shipped("retrial"), &[]).chain.stationary(1000)
}

/// Peak memory of this process in GiB, where the system tells.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / f64::from(1 << 20))
}

/// A million states: `cargo test --release --test chains -- --ignored --nocapture million`.
#[test]
#[ignore = "takes half a minute and several GiB; run with --release"]
#[expect(clippy::print_stderr, reason = "the figures are what it is run for")]
fn a_million_states() {
    let sizes = ["limit=999", "state.n.max=999", "room=999", "state.o.max=999", "load=11 /s"];
    let started = std::time::Instant::now();
    let built = chain_of(&shipped("retrial"), &sizes);
    assert_eq!(built.chain.len(), 1_000_000);
    let ready = started.elapsed();
    let room = 12 << 30;
    let stationary = built.chain.stationary(room).expect("solved");
    let solved = started.elapsed();
    let lattice = built.chain.lattice();
    let far: Vec<bool> = (0..lattice.len()).map(|i| lattice.coordinate(i, 0) >= 150).collect();
    let passage = built.chain.passage(&far, room).expect("solved");
    let all = started.elapsed();
    eprintln!("built {ready:?}, stationary {solved:?}, passage {all:?}, peak {:?} GiB", peak_memory());
    close(stationary.iter().sum(), 1.0, 1e-12);
    // From the good state it is as if the queue ended at 200.
    close(passage.mean[0], 3.672350354193e9, 1e-8);
    assert!(all.as_secs() < 120 && peak_memory().is_none_or(|gib| gib < 12.0));
}
