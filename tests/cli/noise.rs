//! `tipping noise`.

use crate::{json, scratch, tipping};
use serde_json::Value;

const ORBIT: &str = "models/queue-orbit.toml";

fn number(document: &Value, path: &str) -> f64 {
    document.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path}"))
}

fn passage(document: &Value, from: &str, to: &str) -> Value {
    let all = document["passage_times"].as_array().expect("a list");
    all.iter().find(|p| p["from"] == from && p["to"] == to).expect("a pair").clone()
}

#[test]
fn json_has_the_fields_of_the_contract() {
    let done = tipping(&["noise", ORBIT, "--format", "json"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let document = json(&done.out);
    assert_eq!(document["schema"], "tipping.noise/1");
    assert_eq!(document["model"]["name"], "queue-orbit");
    assert_eq!(document["model"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(document["states"], 2000);
    assert!((number(&document, "/stationary/mean/queue") / 73.349629 - 1.0).abs() < 1e-8);
    assert!((number(&document, "/sets/long") - 0.59).abs() < 0.01);
    assert_eq!(document["passage_times"].as_array().map(Vec::len), Some(12), "every ordered pair of four sets");
    let back = passage(&document, "full", "empty");
    assert!((back["mean"].as_f64().expect("s") / 3964.668852 - 1.0).abs() < 1e-9 && back["unit"] == "s");
    assert_eq!(back["mean"], back["from_stationary"], "a set of one state");
    // Two wells: the slowest mode is about the sum of the rates of leaving them.
    let rates = 1.0 / number(&document, "/quasi_stationary/long/outside/stay")
        + 1.0 / number(&document, "/quasi_stationary/short/outside/stay");
    assert!((number(&document, "/spectral_gap") / rates - 1.0).abs() < 0.05);
}

#[test]
fn the_way_back_takes_millions_of_years() {
    let done = tipping(&["noise", ORBIT, "--set", "timeout=3 s", "--set", "retries=4", "--format", "csv"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let row = done.out.lines().find(|l| l.starts_with("full,empty,")).expect("a row");
    let mean: f64 = row.split(',').nth(2).expect("a cell").parse().expect("a number");
    assert!((mean / 8.5412408848e13 - 1.0).abs() < 1e-10, "{mean}");
    assert!(done.out.starts_with("from,to,mean_s,from_stationary_s,standard_deviation_s\n"));
}

#[test]
fn collapse_and_recovery_are_the_headline() {
    let text = tipping(&["noise", "models/retrial.toml"]).out;
    let first = text.lines().next().expect("a line");
    assert!(first.starts_with("retrial collapses by itself after 20.9 h on average; back after 13.7 h"), "{first}");
    assert!(text.contains("75096.4197466"), "exact seconds\n{text}");
    let arguments = ["noise", "models/retrial.toml", "--from", "empty", "--to", "middle", "--format", "json"];
    let document = json(&tipping(&arguments).out);
    assert!((number(&document, "/mean_time_to_collapse/value") / 76_365.030_793_8 - 1.0).abs() < 1e-9);
    assert_eq!(document["mean_time_to_recover"]["to"], "empty");
}

#[test]
fn threads_do_not_change_a_byte() {
    let sizes = ["limit=120", "state.n.max=120", "room=200", "state.o.max=200", "load=11 /s"];
    let run = |threads: &str| {
        let mut arguments = vec!["noise", "models/retrial.toml", "--format", "json", "--threads", threads];
        sizes.iter().for_each(|s| arguments.extend(["--set", s]));
        tipping(&arguments)
    };
    let (one, two) = (run("1"), run("2"));
    assert_eq!(one.code, 0, "{}", one.err);
    assert_eq!(one.out, two.out);
}

#[test]
fn bounds_from_the_command_line() {
    let unbounded = tipping(&["noise", "models/m1.toml"]);
    assert_eq!((unbounded.code, unbounded.out.as_str()), (2, ""));
    assert!(
        unbounded.err.contains("`n` has no bounds") && unbounded.err.contains("--bound n=0..500"),
        "{}",
        unbounded.err
    );
    let bounded = ["noise", "models/m1.toml", "--bound", "n=0..40", "--bound", "o=0 req..20 req", "--format", "json"];
    let done = tipping(&bounded);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(json(&done.out)["states"], 41 * 21);
    for (wrong, says) in
        [("n=0", "not understood"), ("m=0..4", "no state `m`"), ("n=0..4 s", "must be"), ("n=5..1", "from 5 to 1")]
    {
        let done = tipping(&["noise", "models/m1.toml", "--bound", wrong, "--bound", "o=0..4"]);
        assert!(done.code == 2 && done.err.contains(says), "{wrong}: {}", done.err);
    }
}

#[test]
fn what_cannot_be_is_refused_with_a_way_out() {
    for (arguments, says) in [
        (vec!["models/retry-storm.toml"], "has an effect that comes later"),
        (vec![ORBIT, "--to", "broken"], "its sets are empty, full, short, long"),
        (vec![ORBIT, "--memory", "100 kB"], "elimination needs"),
        (vec![ORBIT, "--memory", "3 s"], "--memory must be"),
    ] {
        let done = tipping(&[&["noise"], &arguments[..]].concat());
        assert!(done.code == 2 && done.out.is_empty() && done.err.contains(says), "{arguments:?}: {}", done.err);
    }
}

#[test]
fn two_ends_without_return_are_inconclusive() {
    let file = scratch("noise").join("ends.toml");
    let model = r#"
[model]
name = "ends"
load = "load"
[param]
load = "1 /s"
[state]
n = { start = 2, min = 0, max = 4 }
[[transition]]
name = "up"
rate = "if(n > 0, load, 0)"
jump = { n = 1 }
[[transition]]
name = "down"
rate = "if(n < 4, load, 0)"
jump = { n = -1 }
[set]
ruined = "n < 1"
middle = "n == 2"
"#;
    std::fs::write(&file, model).expect("written");
    let done = tipping(&["noise", &file.display().to_string(), "--format", "json"]);
    assert_eq!(done.code, 3, "{}", done.err);
    let document = json(&done.out);
    assert!(document["inconclusive"][0].as_str().expect("a reason").contains("2 sets of states that are never left"));
    assert_eq!(document["stationary"], Value::Null);
    assert_eq!(passage(&document, "middle", "ruined")["mean"], Value::Null, "it may never come");
}
