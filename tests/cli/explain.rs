//! `tipping explain`.

use crate::{json, tipping};

#[test]
fn every_finding_of_an_analysis_can_be_explained() {
    let document = json(&tipping(&["analyze", "models/retry-storm.toml", "--format", "json"]).out);
    let findings = document["findings"].as_array().expect("a list");
    assert!(!findings.is_empty());
    for finding in findings {
        let id = finding["id"].as_str().expect("a name");
        let done = tipping(&["explain", id]);
        assert_eq!((done.code, done.err.as_str()), (0, ""));
        assert!(done.out.contains(id) && done.out.contains("Source"), "{}", done.out);
    }
}

#[test]
fn all_checks_are_listed_in_every_format() {
    let document = json(&tipping(&["explain", "--format", "json"]).out);
    assert_eq!(document["schema"], "tipping.explain/1");
    let (text, markdown) = (tipping(&["explain"]).out, tipping(&["explain", "--format", "md"]).out);
    let checks = document["checks"].as_array().expect("a list");
    assert!(checks.len() >= 7);
    for check in checks {
        let id = check["id"].as_str().expect("a name");
        assert!(text.contains(id) && markdown.contains(id), "{id}");
    }
}

#[test]
fn an_unknown_check_is_bad_usage() {
    let done = tipping(&["explain", "unbounded-que"]);
    assert_eq!((done.code, done.out.as_str()), (2, ""));
    assert!(done.err.contains("unbounded-queue"), "{}", done.err);
}
