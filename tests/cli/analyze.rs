//! `tipping analyze`.

use crate::{Done, json, schema, scratch, tipping};
use std::fs;

const STORM: &str = "models/retry-storm.toml";
const FIELDS: [&str; 18] = [
    "schema",
    "tool",
    "model",
    "verdict",
    "load",
    "tip_over_load",
    "recovery_load",
    "headroom",
    "states",
    "completeness",
    "bounds",
    "triggers",
    "recovery",
    "characteristic_metric",
    "mean_time_to_collapse",
    "advice",
    "findings",
    "warnings",
];

#[test]
fn the_first_line_is_the_verdict() {
    let Done { code, out, err } = tipping(&["analyze", STORM]);
    assert_eq!((code, err.as_str()), (0, ""));
    let first = out.lines().next().expect("a line");
    assert_eq!(first, "retry-storm is VULNERABLE at 60 req/s: it works today, but a collapsed state also exists.");
    for words in ["tip-over load (upper fold)", "recovery load (lower fold)", "OSDI'22", "load-spike", "shed 58 %"] {
        assert!(out.contains(words), "{words}\n{out}");
    }
    assert!(!out.contains('\u{1b}'), "no colour in a pipe");
}

#[test]
fn json_of_every_shipped_model_follows_the_schema() {
    let schema = json(include_str!("../../docs/analyze.schema.json"));
    for entry in fs::read_dir("models").expect("models").flatten() {
        let path = entry.path().display().to_string();
        let done = tipping(&["analyze", &path, "--format", "json"]);
        assert!(matches!(done.code, 0 | 3), "{path}: {}", done.err);
        assert!(done.out.ends_with("}\n"), "{path}");
        let document = json(&done.out);
        let violations = schema::violations(&schema, &document);
        assert!(violations.is_empty(), "{path}: {violations:#?}");
        let fields: Vec<&str> = document.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(fields, FIELDS, "{path}");
    }
}

#[test]
fn the_numbers_are_those_of_the_known_case() {
    let document = json(&tipping(&["analyze", "models/m1.toml", "--format", "json"]).out);
    let close = |path: &str, wanted: f64| {
        let found = document.pointer(path).and_then(serde_json::Value::as_f64).expect(path);
        assert!((found / wanted - 1.0).abs() < 1e-6, "{path}: {found}");
    };
    close("/tip_over_load/value", 996.0596);
    close("/recovery_load/value", 249.890_99);
    assert_eq!(document["verdict"], "vulnerable");
}

#[test]
fn set_changes_the_model_but_not_the_hash() {
    let plain = json(&tipping(&["analyze", STORM, "--format", "json"]).out);
    let changed = json(&tipping(&["analyze", STORM, "--format", "json", "--set", "client.web.load=20 req/s"]).out);
    assert_eq!(changed["verdict"], "stable");
    assert_eq!(changed["load"]["value"], 20.0);
    assert_eq!(changed["model"]["sha256"], plain["model"]["sha256"]);
}

#[test]
fn gates_decide_the_exit_code() {
    let with = |gates: &[&str]| {
        let mut arguments = vec!["analyze", STORM];
        gates.iter().for_each(|gate| arguments.extend(["--fail-on", gate]));
        tipping(&arguments)
    };
    assert_eq!(with(&["headroom<20%", "verdict=overloaded"]).code, 0);
    let closed = with(&["headroom<20%", "headroom<80%"]);
    assert_eq!(closed.code, 1);
    assert!(closed.err.contains("headroom<80%") && !closed.err.contains("headroom<20%"), "{}", closed.err);
    assert!(closed.out.starts_with("retry-storm is"), "the answer is printed all the same");
    let wrong = with(&["headrom<80%"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (2, ""));
}

#[test]
fn never_metastable_is_said() {
    let done = tipping(&["analyze", "models/queue-timeout.toml"]);
    assert!(done.out.contains("Never metastable: no collapsed state at any load below"), "{}", done.out);
}

#[test]
fn markdown_has_tables() {
    let done = tipping(&["analyze", STORM, "--format", "md"]);
    assert!(done.out.contains("| tip-over load (upper fold) |"), "{}", done.out);
    assert!(done.out.contains("| --- |"), "{}", done.out);
}

#[test]
fn out_holds_figures_and_reports_and_nothing_else() {
    let folder = scratch("out").join("new/report");
    let done = tipping(&["analyze", STORM, "--out", &folder.display().to_string()]);
    assert_eq!(done.code, 0, "{}", done.err);
    let mut names: Vec<String> =
        fs::read_dir(&folder).expect("made").flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let expected = [
        "analysis.json",
        "hysteresis.png",
        "hysteresis.svg",
        "report.md",
        "trigger-load-spike-curve.png",
        "trigger-load-spike-curve.svg",
        "trigger-load-spike-series.png",
        "trigger-load-spike-series.svg",
        "trigger-lost-slots-curve.png",
        "trigger-lost-slots-curve.svg",
        "trigger-lost-slots-series.png",
        "trigger-lost-slots-series.svg",
    ];
    assert_eq!(names, expected);
    for name in names {
        let bytes = fs::read(folder.join(&name)).expect("readable");
        match name.rsplit('.').next() {
            Some("png") => opens(&bytes),
            Some("svg") => assert!(bytes.starts_with(b"<") && bytes.ends_with(b"</svg>\n"), "{name}"),
            _ => assert!(!bytes.is_empty()),
        }
    }
    let report = fs::read_to_string(folder.join("report.md")).expect("text");
    assert!(report.contains("(hysteresis.svg)"), "{report}");
}

/// A PNG whose chunks are all there, with a fitting size.
fn opens(bytes: &[u8]) {
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.ends_with(b"IEND\xaeB`\x82"));
    let size = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(size(16), 1728);
    assert!((600..4000).contains(&size(20)));
}

#[test]
fn same_bytes_whatever_the_number_of_threads() {
    let folder = scratch("threads");
    let run = |threads: &str| {
        let out = folder.join(threads);
        let arguments =
            ["analyze", STORM, "--threads", threads, "--format", "json", "--out", &out.display().to_string()];
        let text = tipping(&arguments).out;
        let curve = fs::read(out.join("trigger-load-spike-curve.svg")).expect("a curve");
        let report = fs::read(out.join("report.md")).expect("a report");
        (text, curve, report)
    };
    assert!(run("1") == run("3"));
}

#[test]
fn the_referee_is_asked() {
    let quick = ["--set", "trigger.lost-slots.for=1s", "--referee", "40", "--format", "json"];
    let done = tipping(&[&["analyze", "models/retry-storm.toml"], &quick[..]].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    let document = json(&done.out);
    let known = json(include_str!("../../docs/analyze.schema.json"));
    let violations = schema::violations(&known, &document);
    assert!(violations.is_empty(), "{violations:#?}");
    let rows = document["referee"]["rows"].as_array().expect("rows");
    let row = |name: &str| rows.iter().find(|r| r["quantity"] == name).expect("a row");
    assert!(row("web.goodput")["deviation"].as_f64().expect("a number").abs() < 4.0);
    let critical = row("load-spike: critical duration");
    assert!(critical["relative"].as_f64().expect("a number").abs() < 0.1, "{critical}");
}
