//! `tipping triggers`.

use crate::tipping;
use serde_json::Value;

#[test]
fn the_curve_falls_and_its_percentiles_are_in_order() {
    let run = tipping(&["triggers", "retry-storm", "--trigger", "load-spike", "--points", "4", "--format", "json"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let document: Value = serde_json::from_str(&run.out).expect("JSON");
    assert_eq!(document["schema"], "tipping.triggers/1");
    let curve = document["triggers"][0]["curve"].as_array().expect("a curve");
    let sizes = |name: &str| curve.iter().map(|p| p["critical_size"][name].as_f64()).collect::<Option<Vec<f64>>>();
    let [low, middle, high] = ["p10", "p50", "p90"].map(|name| sizes(name).expect("known"));
    assert!(middle.windows(2).all(|w| w[1] < w[0]), "{middle:?}");
    assert!((0..4).all(|i| low[i] < middle[i] && middle[i] < high[i]), "{low:?} {middle:?} {high:?}");
}

#[test]
fn odds_at_a_duration_are_told() {
    let arguments = ["triggers", "retry-storm", "--trigger", "load-spike", "--points", "2", "--probability-at", "5 s"];
    let run = tipping(&arguments);
    assert!(run.out.contains("For 5 s it tips > 99.9 %"), "{}", run.out);
}

#[test]
fn a_trigger_that_is_not_there_is_refused() {
    let run = tipping(&["triggers", "retry-storm", "--trigger", "load-spke"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("load-spike"), "{}", run.err);
}
