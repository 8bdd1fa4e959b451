//! `tipping referee`: request-level simulation.

use crate::{json, scratch, tipping};

const SHORT: &[&str] = &["referee", "models/retry-storm.toml", "--for", "60 s", "--replications", "6"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    SHORT.iter().copied().chain(more.iter().copied()).collect()
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let on = |threads: &str| tipping(&with(&["--format", "json", "--threads", threads, "--seed", "5"]));
    let (one, two) = (on("1"), on("2"));
    assert_eq!(one.code, 0, "{}", one.err);
    assert!(one.out == two.out, "one and two threads differ");
    assert!(tipping(&with(&["--format", "json", "--seed", "6"])).out != one.out, "the seed has no effect");
}

#[test]
fn the_document_for_programs_has_what_it_promises() {
    let done = tipping(&with(&["--no-triggers", "--format", "json"]));
    let document = json(&done.out);
    assert_eq!(document["schema"], "tipping.referee/1");
    assert_eq!(document["outcomes"]["good"]["runs"], 6);
    let inside = document["services"][0]["inside"]["mean"].as_f64().expect("a mean");
    assert!((5.5..7.0).contains(&inside), "{inside}");
    let rows = document["fluid_against_referee"]["rows"].as_array().expect("rows");
    let row = rows.iter().find(|r| r["quantity"] == "api.inside").expect("a row");
    assert!(row["relative"].as_f64().expect("a share").abs() < 0.1, "{row}");
    let names = document["series"]["quantities"].as_array().expect("names").len();
    for point in document["series"]["points"].as_array().expect("points") {
        assert_eq!(point[1].as_array().expect("bands").len(), names);
    }
}

#[test]
fn people_read_outcomes_means_and_the_comparison() {
    let out = tipping(SHORT).out;
    for words in ["of 6 runs", "Clients", "Services", "p99.9", "Fluid against referee"] {
        assert!(out.contains(words), "no {words} in\n{out}");
    }
}

#[test]
fn series_and_figure_are_written() {
    let folder = scratch("referee");
    let (csv, plot) = (folder.join("runs.csv"), folder.join("runs.svg"));
    let done = tipping(&with(&["--csv", &csv.display().to_string(), "--plot", &plot.display().to_string()]));
    assert_eq!(done.code, 0, "{}", done.err);
    let text = std::fs::read_to_string(csv).expect("written");
    let head = text.lines().next().expect("a head");
    assert!(head.starts_with("time_s,web.load.mean_req_per_s,web.load.p10_req_per_s"), "{head}");
    assert!(text.lines().all(|line| line.split(',').count() == head.split(',').count()));
    assert!(std::fs::read_to_string(plot).expect("drawn").contains("</svg>"));
}

#[test]
fn what_has_no_equations_is_simulated_and_refused_elsewhere() {
    let model = "models/retry-storm.toml";
    let without = ["--set", "service.api.queue.order=lifo", "--set", "service.api.expired=drop"];
    let refused = tipping(&[&["analyze", model], &without[..]].concat());
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("are not supported yet") && refused.err.contains("tipping referee"),
        "{}",
        refused.err
    );
    let done = tipping(&[&["referee", model, "--for", "20 s", "--replications", "2"], &without[..]].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("no equations"), "{}", done.err);
}

#[test]
fn models_without_requests_are_refused() {
    let done = tipping(&["referee", "models/m1.toml"]);
    assert!(done.code == 2 && done.err.contains("no client"), "{}", done.err);
    let done = tipping(&with(&["--warm-up", "2 min"]));
    assert!(done.code == 2 && done.err.contains("--warm-up"), "{}", done.err);
}
