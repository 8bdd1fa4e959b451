//! Many trajectories at once against one at a time: the same numbers to the tolerance, the same ends, the same bits however
//! the work is split.

use rayon::ThreadPoolBuilder;
use std::path::Path;
use std::sync::Arc;
use tipping::dynamics::ensemble::{Ended, Ensemble, Job, Unsupported};
use tipping::dynamics::equilibria::{Effort, equilibria};
use tipping::dynamics::integrate::{History, IntegrateError, Options, Segment, integrate};
use tipping::dynamics::outcome::{Judge, Outcome};
use tipping::dynamics::spectrum::{SpectrumOptions, spectrum};
use tipping::model::{expand, load, open};
use tipping::process::batch::Kernel;
use tipping::process::field::Field;
use tipping::process::fluid::Fluid;

/// Points per side of the grid.
const SIDE: usize = 100;
/// The absolute tolerance is the relative one, in the units of the states, whose scale is 100.
const AS_PEERS: f64 = 1e-2;

fn m1() -> Fluid {
    let model = open(Path::new("models/m1.toml"), &[]).expect("shipped").model;
    Fluid::new(expand::process(&model, model.meta.closure).expect("expands"))
}

/// Load from 100 to 1000 requests per second, and from 0 to 3000 requests inside at the start.
fn point(i: usize) -> (f64, f64) {
    let share = |k: usize| k as f64 / (SIDE - 1) as f64;
    (100.0 + 900.0 * share(i % SIDE), 3000.0 * share(i / SIDE))
}

fn options(rtol: f64) -> Options {
    Options { rtol, atol_factor: AS_PEERS, retain: false, ..Options::default() }
}

fn at(fluid: &Fluid, load: f64) -> Vec<f64> {
    let mut p = fluid.parameters();
    p[fluid.process().parameter_index("load").expect("a load")] = load;
    p
}

fn fill(job: &mut Job, start: &[f64], until: f64, p: &[f64]) {
    job.start = start.to_vec();
    job.segments = vec![Segment::new(until, p)];
}

fn bits(ended: &[Ended]) -> Vec<u64> {
    ended.iter().flat_map(|e| e.x.iter().chain([&e.t])).map(|v| v.to_bits()).collect()
}

#[test]
fn ten_thousand_trajectories_are_right() {
    let fluid = m1();
    let parameters: Vec<Vec<f64>> = (0..SIDE).map(|i| at(&fluid, point(i).0)).collect();
    let ended = Ensemble::new(&fluid).expect("no lags").run(SIDE * SIDE, &options(1e-6), &|i, job| {
        fill(job, &[point(i).1, 0.0], 120.0, &parameters[i % SIDE]);
    });
    assert_eq!(ended.len(), SIDE * SIDE);
    let mut worst: f64 = 0.0;
    for (i, ended) in ended.iter().enumerate() {
        assert_eq!((ended.error.clone(), ended.t), (None, 120.0));
        let history = History::Constant(vec![point(i).1, 0.0]);
        let segments = [Segment::new(120.0, &parameters[i % SIDE])];
        let reference = integrate(&fluid, 0.0, &history, &segments, &options(1e-11)).expect("solvable");
        for (x, y) in ended.x.iter().zip(reference.final_state()) {
            worst = worst.max((x - y).abs() / (1.0 + y.abs()));
        }
    }
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn ten_thousand_outcomes_are_right() {
    let fluid = m1();
    let judges: Vec<(Vec<f64>, Arc<Judge>)> = (0..SIDE)
        .map(|i| {
            let p = at(&fluid, point(i).0);
            let found = equilibria(&fluid, &p, &[], &Effort::default());
            let (stable, others): (Vec<_>, Vec<_>) = found
                .points
                .into_iter()
                .map(|e| e.x)
                .partition(|x| spectrum(&fluid, &p, x, &SpectrumOptions::default()).expect("a spectrum").stable);
            let judge = Judge::new(&fluid, &p, stable, &others);
            (p, Arc::new(judge))
        })
        .collect();
    let ended = Ensemble::new(&fluid).expect("no lags").run(SIDE * SIDE, &options(1e-6), &|i, job| {
        let (p, judge) = &judges[i % SIDE];
        fill(job, &[point(i).1, 0.0], 1e8, p);
        job.judge = Some(Arc::clone(judge));
    });
    let (mut heal, mut escape) = (0, 0);
    for (i, ended) in ended.iter().enumerate() {
        let (p, judge) = &judges[i % SIDE];
        let history = History::Constant(vec![point(i).1, 0.0]);
        let (expected, _) = judge.follow(&fluid, &history, &[Segment::new(1e8, p)], &options(1e-9)).expect("solvable");
        match (ended.outcome, expected) {
            (Outcome::Attractor { index: a, .. }, Outcome::Attractor { index: b, .. }) if a == b => heal += 1,
            (Outcome::Escape { state: a, .. }, Outcome::Escape { state: b, .. }) if a == b => escape += 1,
            pair => panic!("{:?}: {pair:?}", point(i)),
        }
    }
    assert!(heal > 3000 && escape > 3000, "{heal} {escape}");
}

#[test]
fn neighbours_threads_and_kernels_change_no_bit() {
    let fluid = m1();
    let ensemble = Ensemble::new(&fluid).expect("no lags");
    let numbers: Vec<usize> = (0..SIDE * SIDE).step_by(37).collect();
    let run = |ensemble: &Ensemble, numbers: &[usize], threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let job = |i: usize, job: &mut Job| {
            let (load, n) = point(numbers[i]);
            fill(job, &[n, 0.0], 120.0, &at(&m1(), load));
        };
        pool.install(|| ensemble.run(numbers.len(), &options(1e-6), &job))
    };
    let together = run(&ensemble, &numbers, 1);
    assert_eq!(bits(&together), bits(&run(&ensemble, &numbers, 2)));
    for kernel in Kernel::ALL {
        assert_eq!(bits(&together), bits(&run(&ensemble.clone().on(kernel), &numbers, 2)), "{kernel:?}");
    }
    let backwards: Vec<usize> = numbers.iter().rev().copied().collect();
    let mut turned = run(&ensemble, &backwards, 1);
    turned.reverse();
    assert_eq!(bits(&together), bits(&turned));
    let (left, right) = numbers.split_at(71);
    let mut joined = run(&ensemble, left, 2);
    joined.extend(run(&ensemble, right, 1));
    assert_eq!(bits(&together), bits(&joined));
}

#[test]
fn all_models_without_lags_go_as_one_by_one() {
    let mut files: Vec<_> = std::fs::read_dir("models").expect("models").map(|e| e.expect("readable").path()).collect();
    files.sort();
    let mut covered = Vec::new();
    // Runs that lanes give up and single steps come through: shocks to the edge of what the equations allow.
    let mut given_up = 0;
    for path in files.iter().filter(|p| p.extension().is_some_and(|e| e == "toml")) {
        let model = open(path, &[]).expect("shipped").model;
        let fluid = Fluid::new(expand::process(&model, model.meta.closure).expect("expands"));
        let Ok(ensemble) = Ensemble::new(&fluid) else { continue };
        let (p, name) = (fluid.parameters(), path.display());
        let states = fluid.states();
        // Shocks of different sizes, then a kick in the other direction.
        let start = |i: usize| -> Vec<f64> {
            states.iter().map(|s| (s.start + 0.4 * i as f64 * s.scale).max(s.lower).min(s.upper)).collect()
        };
        let segments = |i: usize| {
            let set = if i.is_multiple_of(3) { vec![(0, states[0].start)] } else { Vec::new() };
            let kick = vec![(i % states.len(), -0.3 * states[i % states.len()].scale)];
            vec![Segment::new(3.0, &p), Segment { kick, set, ..Segment::new(20.0, &p) }]
        };
        // A few shocks make equations chatter at a switch: those are given up alike.
        let options = Options { rtol: 1e-7, max_steps: 3000, retain: false, ..Options::default() };
        let ended = ensemble.run(20, &options, &|i, job| (job.start, job.segments) = (start(i), segments(i)));
        for (i, ended) in ended.iter().enumerate() {
            let history = History::Constant(start(i));
            let alone = match (integrate(&fluid, 0.0, &history, &segments(i), &options), &ended.error) {
                (Ok(alone), None) => alone,
                (Err(_), Some(_)) => continue,
                (Err(IntegrateError::TooManySteps { .. }), _) | (_, Some(IntegrateError::TooManySteps { .. })) => {
                    continue;
                }
                (Ok(_), Some(IntegrateError::StepUnderflow { .. })) => {
                    given_up += 1;
                    continue;
                }
                (alone, error) => panic!("{name} {i}: {error:?}, but alone {:?}", alone.map(|a| a.end())),
            };
            for ((x, y), state) in ended.x.iter().zip(alone.final_state()).zip(states) {
                let size = state.scale + y.abs();
                assert!((x - y).abs() < 1e-5 * size, "{name} {i} {}: {x}, not {y}", state.name);
            }
        }
        covered.push(name.to_string());
    }
    assert!(covered.len() >= 5 && given_up * 50 <= covered.len() * 20, "{given_up} of {covered:?}");
}

#[test]
fn what_cannot_be_followed_says_why_and_spoils_nothing() {
    let text = "[model]\nname = \"drain\"\nload = \"pull\"\n[param]\npull = \"1 1/s\"\n[state]\nx = { start = 3, min = 0 }\n\
                [flow]\nx = \"-pull\"\n";
    let model = load(text, "drain", &[]).expect("a model").model;
    let fluid = Fluid::new(expand::process(&model, model.meta.closure).expect("expands"));
    let p = fluid.parameters();
    let ended = Ensemble::new(&fluid).expect("no lags").run(5, &Options::default(), &|i, job| {
        fill(job, &[3.0], 2.0, &p);
        match i {
            1 => job.start[0] = -1.0,
            2 => job.segments[0].until = 9.0,
            3 => job.segments.clear(),
            _ => {}
        }
    });
    assert!((ended[0].x[0] - 1.0).abs() < 1e-12 && ended[0].error.is_none());
    assert!(matches!(ended[1].error, Some(IntegrateError::StartOutsideDomain { .. })), "{:?}", ended[1]);
    assert!(matches!(ended[2].error, Some(IntegrateError::StepUnderflow { .. })), "{:?}", ended[2]);
    assert!((ended[2].t - 3.0).abs() < 1e-5);
    assert_eq!(ended[3].error, Some(IntegrateError::NoSegments));
    assert_eq!(bits(&ended[4..]), bits(&ended[..1]));
}

#[test]
fn lags_are_refused() {
    let model = open(Path::new("models/retry-storm.toml"), &[]).expect("shipped").model;
    let fluid = Fluid::new(expand::process(&model, model.meta.closure).expect("expands"));
    assert_eq!(Ensemble::new(&fluid).err(), Some(Unsupported::Lags));
}
