//! `tipping presets`.

use crate::{json, tipping};

#[test]
fn every_preset_is_listed_with_date_and_source() {
    let (list, document) = (tipping(&["presets"]), json(&tipping(&["presets", "--format", "json"]).out));
    assert_eq!((list.code, &document["schema"]), (0, &"tipping.presets/1".into()));
    for preset in document["presets"].as_array().expect("a list") {
        let text = |key: &str| preset[key].as_str().unwrap_or_default();
        assert!(list.out.contains(text("name")), "{preset}");
        assert!(!text("version").is_empty() && !text("source").is_empty(), "{preset}");
    }
}

/// Four attempts without a budget: (1 - f⁴)/(1 - f).
#[test]
fn amplification_is_printed_for_all_and_for_one() {
    let row = "polly-v8 1.01 1.05 1.11 1.25 1.88 3.44 3.94 4.00";
    for arguments in [&["presets", "--amplification"][..], &["presets", "polly-v8"]] {
        let out = tipping(arguments).out;
        let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.lines().any(|line| squeezed(line) == row), "{out}");
    }
}

#[test]
fn an_unknown_preset_is_bad_usage() {
    let done = tipping(&["presets", "nope"]);
    assert_eq!((done.code, done.out.as_str()), (2, ""));
    assert!(done.err.contains("polly-v8"), "{}", done.err);
}
