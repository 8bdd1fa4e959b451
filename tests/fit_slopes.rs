//! Derivatives of a trajectory by parameters: the variational equations held to differences.

use nalgebra::DMatrix;
use tipping::answers::study::Study;
use tipping::fit::data::{Series, Steps};
use tipping::fit::estimate::problem::{Parameter, Problem};
use tipping::fit::observe::Observable;
use tipping::fit::trajectory::{Beginning, Measured, Observation};
use tipping::model;

fn study(text: &str) -> Study {
    Study::new(model::load(text, "model.toml", &[]).expect("a model").model).expect("equations")
}

/// Samples and means of some outputs, with values of no importance.
fn observations(study: &Study, outputs: &[&str], times: &[f64], span: f64) -> Vec<Observation> {
    let process = study.fluid.process();
    outputs
        .iter()
        .map(|name| {
            let observable = match process.state_index(name) {
                Some(state) => Observable::State(state),
                None => Observable::Outputs(vec![(process.output_index(name).expect("an output"), 1.0)]),
            };
            let spans = vec![if process.state_index(name).is_some() { 0.0 } else { span }; times.len()];
            let values: Vec<f64> = (0..times.len()).map(|k| 20.0 + 3.0 * f64::from(k as u32 % 4)).collect();
            let series = Series { title: (*name).into(), times: times.to_vec(), spans, values };
            Observation {
                name: (*name).into(),
                observable,
                precision: vec![1.0; times.len()],
                grains: Vec::new(),
                series,
            }
        })
        .collect()
}

/// Largest disagreement of a column of the Jacobian with differences, relative to the column.
fn disagreement(measured: &Measured, values: &[f64]) -> f64 {
    let count = measured.residual_count();
    let mut slopes = DMatrix::zeros(count, values.len());
    assert!(measured.jacobian(values, &mut slopes).expect("derivatives"), "exact derivatives");
    let at = |k: usize, by: f64| {
        let mut moved = values.to_vec();
        moved[k] *= 1.0 + by;
        let mut out = vec![0.0; count];
        measured.residuals(&moved, &mut out).expect("residuals");
        (moved[k], out)
    };
    let mut worst = 0.0_f64;
    for k in 0..values.len() {
        // Extrapolated from two steps: what is left is the noise of the integration.
        let central = |by: f64| {
            let ((above, up), (below, down)) = (at(k, by), at(k, -by));
            up.iter().zip(&down).map(|(up, down)| (up - down) / (above - below)).collect::<Vec<f64>>()
        };
        let (wide, near) = (central(2e-4), central(1e-4));
        let difference = |i: usize| (4.0 * near[i] - wide[i]) / 3.0;
        let size = (0..count).map(|i| difference(i).powi(2)).sum::<f64>().sqrt();
        let miss = (0..count).map(|i| (difference(i) - slopes[(i, k)]).powi(2)).sum::<f64>().sqrt();
        assert!(size > 0.0, "parameter {k} matters");
        worst = worst.max(miss / size);
    }
    worst
}

fn measured(study: &Study, paths: &[&str], load: Steps, observations: Vec<Observation>) -> (Measured, Vec<f64>) {
    let process = study.fluid.process();
    let free: Vec<(usize, Parameter)> = paths
        .iter()
        .map(|path| {
            let index = process.parameter_index(path).expect("a parameter");
            (index, Parameter::log(*path, process.parameters[index].value))
        })
        .collect();
    let values = free.iter().map(|(_, q)| q.start).collect();
    let load = Some((study.load_index(&study.fluid), load));
    let mut measured = Measured::new(&study.fluid, free, load, Beginning::Rest, observations);
    // As fine as it gets, so that differences can be trusted.
    measured.refine(&[1e-8]);
    (measured, values)
}

fn pieces() -> Steps {
    // No reading falls on the arrival of a change, where it has two derivatives. A burst that nearly tips the service, and ends of pieces that are no multiples of the timeout.
    let until = vec![1.0, 1.15, 2.0, 3.07, 4.0];
    Steps { until, values: vec![300.0, 1000.0, 250.0, 420.0, 350.0], bridged: 0.0 }
}

/// The timeout is a lag: the load that arrived before it, and the moments at which its changes are felt, move with it.
#[test]
fn derivatives_through_a_lag_that_is_estimated() {
    let study = study(include_str!("../models/testbed.toml"));
    let times: Vec<f64> = (1..=13).map(|k| 0.301 * f64::from(k)).collect();
    let seen = observations(&study, &["goodput", "attempts", "api.queue", "web.backoff_2"], &times, 0.25);
    let paths = ["service.api.service_time", "client.web.timeout", "client.web.retry.backoff"];
    let (measured, values) = measured(&study, &paths, pieces(), seen);
    let worst = disagreement(&measured, &values);
    assert!(worst < 1e-6, "{worst:e}");
}

/// A state that is set does not depend on anything; its jump arrives after the lag.
#[test]
fn derivatives_where_a_state_is_followed() {
    let study = study(include_str!("../models/testbed.toml"));
    let times: Vec<f64> = (1..=13).map(|k| 0.301 * f64::from(k)).collect();
    let seen = observations(&study, &["goodput", "attempts", "api.queue", "web.backoff_3"], &times, 0.25);
    let process = study.fluid.process();
    let queue = process.state_index("api.queue").expect("a queue");
    let variance = process.state_index("api.queue_variance").expect("its variance");
    let paths = ["service.api.service_time", "client.web.timeout", "client.web.retry.backoff"];
    let (measured, values) = measured(&study, &paths, pieces(), seen);
    let measured = measured.following(&[(2, queue, vec![variance])]);
    let worst = disagreement(&measured, &values);
    assert!(worst < 1e-6, "{worst:e}");
}

/// What an output reads after a lag jumps within its interval.
#[test]
fn means_of_outputs_that_jump_after_a_lag() {
    let study = study(
        r#"
[model]
name = "pipe"
load = "load"
[param]
load = "10 req/s"
pipe = "700 ms"
leak = "0.4 /s"
[state]
q = { start = "0 req", min = "0 req" }
[transition]
"#
        .replace("[transition]\n", "[[transition]]\nname = \"come\"\nrate = \"load\"\njump = { q = 1 }\ndelay = \"pipe\"\n[flow]\nq = \"-leak * q\"\n[output]\nleaving = \"leak * q\"\n")
        .as_str(),
    );
    let times: Vec<f64> = (1..=9).map(|k| 0.5 * f64::from(k)).collect();
    let seen = observations(&study, &["leaving", "q"], &times, 0.5);
    let load = Steps { until: vec![1.0, 2.2, 5.0], values: vec![10.0, 30.0, 5.0], bridged: 0.0 };
    let (measured, values) = measured(&study, &["pipe", "leak"], load, seen);
    let worst = disagreement(&measured, &values);
    assert!(worst < 1e-6, "{worst:e}");
}
