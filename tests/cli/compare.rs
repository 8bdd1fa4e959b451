//! `tipping compare`.

use crate::{json, tipping};

#[test]
fn variants_of_the_file_are_compared() {
    let done = tipping(&["compare", "models/retry-storm.toml", "--format", "json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let document = json(&done.out);
    assert_eq!(document["schema"], "tipping.compare/1");
    let designs = document["designs"].as_array().expect("a list");
    let of = |name: &str| designs.iter().find(|d| d["name"] == name).expect("a design");
    assert_eq!(designs[0]["name"], "as it stands");
    assert_eq!(of("short-queue")["verdict"], "stable");
    // Capacity over (1 + fill) is where retries limited to a tenth can still keep a full queue up.
    let recovery = of("budget")["recovery_load"].as_f64().expect("a load");
    assert!((recovery / (100.0 / 1.1) - 1.0).abs() < 0.03, "{recovery}");
    assert_eq!(of("two-attempts")["better"], serde_json::json!(["recovery load", "worst trigger"]));
}

#[test]
fn designs_can_be_typed() {
    let with = "small:service.api.servers=8,client.web.retry.on=[timeout,reject]";
    let done = tipping(&["compare", "models/retry-storm.toml", "--with", with]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("small: worse: tip-over load, recovery load"), "{}", done.out);
    assert!(!done.out.contains("half-more"), "only what was asked for: {}", done.out);
}

#[test]
fn what_cannot_be_compared_is_said() {
    let done = tipping(&["compare", "models/m1.toml"]);
    assert!(done.code == 2 && done.err.contains("has no variants") && done.out.is_empty(), "{}", done.err);
    let done = tipping(&["compare", "models/m1.toml", "--with", "load=80"]);
    assert!(done.code == 2 && done.err.contains("has no name"), "{}", done.err);
    let done = tipping(&["compare", "models/m1.toml", "--with", "x:lode=80"]);
    assert!(done.code == 2 && done.err.contains("no value of this model has the path `lode`"), "{}", done.err);
}

#[test]
fn a_variant_that_no_longer_fits_stands_in_nobodys_way() {
    // short-queue holds 80 requests: fewer than there would be slots.
    let slots = ["--set", "service.api.servers=100"];
    let done = tipping(&[&["branches", "models/retry-storm.toml"], &slots[..]].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    let done = tipping(&[&["compare", "models/retry-storm.toml", "--variants"], &slots[..]].concat());
    assert!(done.code == 2 && done.err.contains("variant `short-queue`"), "{}", done.err);
}
