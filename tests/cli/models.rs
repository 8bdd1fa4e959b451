//! `tipping models`, and models by name.

use crate::{command, json, tipping};

#[test]
fn the_list_has_every_file() {
    let out = tipping(&["models"]).out;
    let document = json(&tipping(&["models", "--format", "json"]).out);
    assert_eq!(document["schema"], "tipping.models/1");
    for model in document["models"].as_array().expect("a list") {
        let name = model["name"].as_str().expect("a name");
        assert!(out.contains(name) && std::fs::exists(format!("models/{name}.toml")).expect("known"));
        assert!(!model["title"].as_str().expect("a title").is_empty());
    }
}

#[test]
fn a_name_prints_the_file() {
    assert_eq!(tipping(&["models", "m1"]).out, include_str!("../../models/m1.toml"));
}

#[test]
fn a_shipped_model_needs_no_file() {
    let folder = crate::scratch("elsewhere");
    let output = command(&["analyze", "m1", "--format", "json"]).current_dir(folder).output().expect("it runs");
    let by_file = tipping(&["analyze", "models/m1.toml", "--format", "json"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), by_file.out);
    assert!(String::from_utf8_lossy(&output.stderr).contains("shipped model models/m1.toml"));
}
