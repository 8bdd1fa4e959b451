//! `tipping branches`.

use crate::{json, scratch, tipping};

#[test]
fn folds_are_those_of_the_known_case() {
    let document = json(&tipping(&["branches", "models/m1.toml", "--format", "json"]).out);
    assert_eq!(document["schema"], "tipping.branches/1");
    let specials = document["branches"][0]["specials"].as_array().expect("a list");
    let folds: Vec<f64> =
        specials.iter().filter(|s| s["kind"] == "fold").map(|s| s["parameter"].as_f64().expect("a number")).collect();
    assert_eq!(folds.len(), 2);
    assert!((folds[0] / 996.0596 - 1.0).abs() < 1e-6 && (folds[1] / 249.890_99 - 1.0).abs() < 1e-6, "{folds:?}");
}

#[test]
fn hopf_points_have_a_frequency() {
    let document = json(&tipping(&["branches", "models/stale-throttle.toml", "--format", "json"]).out);
    let hopf = &document["branches"][0]["specials"][0];
    assert_eq!(hopf["kind"], "hopf");
    let (frequency, period) = (hopf["frequency"].as_f64().expect("1/s"), hopf["period"].as_f64().expect("s"));
    assert!((frequency * period - 1.0).abs() < 1e-12);
}

#[test]
fn any_number_can_be_varied_within_its_range() {
    let arguments = ["branches", "models/retry-storm.toml", "--vary", "service.api.service_time"];
    let range = ["--from", "80 ms", "--to", "200 ms", "--format", "csv"];
    let out = tipping(&[&arguments[..], &range].concat()).out;
    let head = out.lines().next().expect("a head");
    assert!(head.starts_with("branch,kind,unstable_roots,service.api.service_time_ms,api.queue_req"), "{head}");
    let values = out.lines().skip(1).map(|l| l.split(',').nth(3).expect("a cell").parse::<f64>().expect("a number"));
    assert!(values.clone().count() > 50 && values.clone().all(|v| (80.0..=200.0).contains(&v)));
    assert!(out.lines().any(|l| l.contains(",fold,")), "it tips when it gets slow");
}

#[test]
fn a_figure_can_be_drawn() {
    let file = scratch("branches").join("b.svg");
    let done = tipping(&["branches", "models/stale-throttle.toml", "--plot", &file.display().to_string()]);
    assert!(done.code == 0 && done.out.contains("Hopf point"), "{}", done.err);
    assert!(std::fs::read_to_string(file).expect("a file").contains("Hopf"));
}
