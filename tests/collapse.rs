//! Mean time to collapse as `analyze` answers it: exactly where there is a chain, and from paths beside it.

mod common;

use common::{close, findings, study};
use tipping::answers::analysis::analyze_with_noise;
use tipping::answers::collapse::Collapse;
use tipping::answers::landscape::landscape;
use tipping::answers::study::Study;
use tipping::chance::escape::{Answer, Effort, Method};

fn with_collapse<T>(study: &Study, ask: impl FnOnce(&Collapse<'_>) -> T) -> T {
    let found = landscape(&study.median, study.load_index(&study.median)).expect("a landscape");
    ask(&Collapse::new(study, &study.median, &found).expect("a machine"))
}

/// From the empty system to 28 inside the retrial chain takes 7.509745827458e4 s (subtraction-free elimination); the good
/// state lies a relaxation time of about a second from the empty one.
#[test]
fn a_bounded_model_is_answered_exactly() {
    let study = study("retrial", &[]);
    let found = analyze_with_noise(&study, "", 1).expect("the branch begins");
    let time = found.analysis.mean_time_to_collapse.expect("an answer");
    assert_eq!((time.method, time.interval), (Method::MarkovChain, [time.value; 2]));
    close(time.value, 7.509_745_827_458e4, 1e-4);
    let tip = found.analysis.tip_over_load.expect("a fold");
    let load = tip.with_noise.flatten().expect("found");
    // At that load the chain's mean time is the horizon of 30 d.
    let there = common::study("retrial", &[&format!("load={load} /s")]);
    let time = with_collapse(&there, |collapse| {
        let wells = collapse.wells(load).expect("a good state");
        collapse.mean_time(&wells, &Effort::default()).expect("no failure")
    });
    let Answer::Time(time) = time else { panic!("{time:?}") };
    close(time.mean, 30.0 * 86_400.0, 1e-4);
}

/// The region that counts as collapsed is then given by the coordinate alone, for the chain as for the paths.
#[test]
fn paths_agree_with_the_chain_about_the_same_region() {
    let study = study("queue-orbit", &[]);
    let found = findings(&study);
    let collapse = Collapse::new(&study, &study.median, &found.landscape).expect("a machine");
    let wells = collapse.wells(study.load.value).expect("wells");
    let exact = collapse.mean_time(&wells, &Effort::default()).expect("a chain");
    let Answer::Time(exact) = exact else { panic!("{exact:?}") };
    assert_eq!(exact.method, Method::MarkovChain);
    let effort = Effort { events: 20_000_000, trials: 128, seed: 3, ..Effort::default() };
    let Answer::Time(paths) = collapse.simulated(&wells, &effort).expect("paths") else { panic!("no time") };
    let [low, high] = paths.interval;
    assert!(low < exact.mean && exact.mean < high, "{exact:?} {paths:?}");
    assert!(high / low < 2.0, "too vague to say anything: {paths:?}");
}
