//! What stands around services: caches, autoscalers, balancers, the cost of errors. Reference values are closed forms,
//! published simulations, and the request-level simulation.

mod common;

use common::{analysis, close, study};
use tipping::answers::analysis::Verdict;
use tipping::answers::study::Study;
use tipping::dynamics::integrate::{History, Options, Segment, integrate};
use tipping::referee::{Plan, System, TriggerRun};

/// Outputs of the middle run of a study at times, under changes of numbers: until when, and what is different.
fn outputs(study: &Study, names: &[&str], phases: &[(f64, &[(&str, f64)])], times: &[f64]) -> Vec<Vec<f64>> {
    let fluid = &study.median;
    let p = fluid.parameters();
    let segments: Vec<Segment> = phases
        .iter()
        .map(|(until, sets)| {
            let mut changed = p.clone();
            for (path, value) in *sets {
                changed[fluid.process().parameter_index(path).expect("a parameter")] = *value;
            }
            Segment::new(*until, &changed)
        })
        .collect();
    let options = Options { max_steps: 200_000, ..Options::default() };
    let path =
        integrate(fluid, 0.0, &History::Constant(fluid.start()), &segments, &options).expect("it can be followed");
    let index = |name: &str| fluid.process().output_index(name).unwrap_or_else(|| panic!("no output {name}"));
    let values = |t: f64| {
        let x = path.at(t);
        let all = fluid.outputs_at_rest(&x, &p);
        names.iter().map(|n| all[index(n)]).collect()
    };
    times.iter().map(|&t| values(t)).collect()
}
