//! `tipping watch`: recordings of a service that collapsed, and loads with a known answer.

use crate::{json, scratch, tipping};
use serde_json::Value;
use std::f64::consts::TAU;
use std::fmt::Write;

const BOTH: &str = "inflight=inflight + queue length";

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Standard normal numbers, near enough: sums of twelve from a linear congruence (Knuth's MMIX).
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

fn file(name: &str, text: &str) -> String {
    let path = scratch(&format!("watch-{name}")).join("metrics.csv");
    std::fs::write(&path, text).expect("written");
    path.to_str().expect("a path").to_owned()
}

/// When goodput of a recording was less than half of the load, by the file itself: first and last second since 1970.
fn starved(csv: &str) -> (f64, f64) {
    let mut times = csv.lines().skip(1).filter_map(|line| {
        let cells: Vec<f64> = line.split(',').take(5).map(|c| c.parse().unwrap_or(f64::NAN)).collect();
        (cells[4] < 0.5 * cells[1]).then_some(cells[0] / 1000.0)
    });
    let first = times.next().expect("it collapsed");
    (first, times.last().expect("it stayed"))
}

fn epoch(value: &Value) -> f64 {
    let text = value.as_str().expect("a time");
    // All on one day: 2026-11-21.
    let clock: Vec<f64> =
        text[11..].trim_end_matches('Z').split(':').map(|part| part.parse().expect("a number")).collect();
    1_795_219_200.0 + clock[0] * 3600.0 + clock[1] * 60.0 + clock[2]
}

#[test]
fn a_recorded_collapse_is_beyond_the_boundary_from_its_begin_to_its_end() {
    let done = tipping(&["watch", "models/testbed.toml", "data/testbed-ramp.csv", "--map", BOTH, "--format", "json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let document = json(&done.out);
    assert_eq!((&document["schema"], &document["state"]), (&"tipping.watch/1".into(), &"stable".into()), "{document}");
    let (first, last) = starved(&std::fs::read_to_string("data/testbed-ramp.csv").expect("the recording"));
    let excursions = document["characteristic_metric"]["excursions"].as_array().expect("excursions");
    let length = |e: &&Value| epoch(&e["to"]) - epoch(&e["from"]);
    let longest = excursions.iter().max_by(|a, b| length(a).total_cmp(&length(b))).expect("an excursion");
    // Rates are means of five seconds, so that starvation is seen late.
    assert!((epoch(&longest["from"]) - first).abs() < 15.0, "{longest} but {first}");
    assert!((epoch(&longest["to"]) - last).abs() < 15.0, "{longest} but {last}");
    let slowing = &document["slowing_down"];
    assert!(epoch(&slowing["to"]) <= epoch(&longest["from"]), "fluctuations around the good state only: {slowing}");
    assert!((0.0..=1.0).contains(&number(&slowing["p"])));
    assert_eq!(document["forecast"], Value::Null);
    assert!(done.out.contains("5 days"), "{document}");
}

#[test]
fn in_the_middle_of_a_collapse_it_says_to_what_load_to_shed() {
    let csv = std::fs::read_to_string("data/testbed-ramp.csv").expect("the recording");
    let (_, last) = starved(&csv);
    let before = |line: &&str| {
        line.split(',').next().and_then(|t| t.parse::<f64>().ok()).is_none_or(|t| t / 1000.0 < last - 25.0)
    };
    let cut: Vec<&str> = csv.lines().filter(before).collect();
    let path = file("collapsed", &(cut.join("\n") + "\n"));
    let done = tipping(&["watch", "models/testbed.toml", &path, "--map", BOTH]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("PAST THE BOUNDARY"), "{}", done.out);
    assert!(done.out.contains("Shed load to 120 req/s."), "{}", done.out);
    let slots_only = tipping(&["watch", "models/testbed.toml", &path]);
    assert!(slots_only.out.contains("never exceeds the number of slots"), "{}", slots_only.out);
}

/// Four weeks of a growing load with day and week, every half hour, and noise.
fn weeks(slope: f64, seed: u64) -> (String, impl Fn(f64) -> f64) {
    let pattern = |t: f64| 4.0 * (TAU * t).sin() + 1.5 * (TAU * t / 7.0).cos();
    let mut noise = Noise(seed);
    let mut text = "time,offered\n".to_owned();
    for step in 0..28 * 48 {
        let t = f64::from(step) / 48.0;
        let load = 12.0 + slope * t + pattern(t) + 0.8 * noise.normal();
        writeln!(text, "{},{load:.4}", 1_714_521_600_u64 + step as u64 * 1800).expect("text");
    }
    (text, pattern)
}

#[test]
fn days_until_the_limits_of_a_growing_load() {
    let (csv, pattern) = weeks(0.15, 7);
    let path = file("weeks", &csv);
    let done = tipping(&["watch", "models/retry-storm.toml", &path, "--format", "json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let document = json(&done.out);
    assert_eq!(document["state"], "stable");
    let highest = (0..7 * 1440).map(|m| pattern(f64::from(m) / 1440.0)).fold(f64::NEG_INFINITY, f64::max);
    let limits = document["forecast"]["limits"].as_array().expect("limits");
    assert_eq!(limits.iter().map(|l| l["limit"].as_str()).collect::<Vec<_>>(), [Some("recovery"), Some("tip-over")]);
    for limit in limits {
        let truth = (number(&limit["value"]) - 12.0 - highest) / 0.15 - 28.0;
        let (earliest, latest) = (number(&limit["earliest"]), number(&limit["latest"]));
        assert!(truth > 10.0 && earliest < truth && truth < latest, "{limit} but {truth}");
        assert!((number(&limit["days"]) / truth - 1.0).abs() < 0.15, "{limit} but {truth}");
        assert_eq!(limit["share_of_week"], 0.0);
    }
    // The load alone cannot show whether the service recovers more slowly.
    assert_eq!(document["slowing_down"], Value::Null);
    let text = tipping(&["watch", "models/retry-storm.toml", &path]).out;
    assert!(text.contains("recovery load: vulnerable") && text.contains("Over 28 days"), "{text}");
}

#[test]
fn a_load_that_does_not_grow_has_no_last_day() {
    let (csv, _) = weeks(-0.1, 3);
    let path = file("falling", &csv);
    let document = json(&tipping(&["watch", "models/retry-storm.toml", &path, "--format", "json"]).out);
    let limit = &document["forecast"]["limits"][0];
    assert_eq!((&limit["days"], &limit["latest"]), (&Value::Null, &Value::Null), "{limit}");
}

/// Number inside and load, once per ten seconds: an autoregressive process whose memory is `rho` at each share of the time.
fn fluctuating(rho: impl Fn(f64) -> f64, count: usize) -> String {
    let mut noise = Noise(11);
    let (mut x, mut text) = (0.0, "time,offered,inflight\n".to_owned());
    for step in 0..count {
        let keep = rho(step as f64 / count as f64);
        x = keep * x + noise.normal();
        let load = 60.0 + 0.5 * noise.normal();
        writeln!(text, "{},{load:.3},{:.4}", 1_714_521_600 + 10 * step, 20.0 + x).expect("text");
    }
    text
}

#[test]
fn critical_slowing_down_is_found_and_its_absence_too() {
    let read = |name: &str, csv: &str| {
        let path = file(name, csv);
        json(&tipping(&["watch", "models/retry-storm.toml", &path, "--format", "json"]).out)
    };
    let slowing = read("slowing", &fluctuating(|share| 0.95 * share, 600));
    assert_eq!(
        (&slowing["slowing_down"]["is_slowing"], &slowing["state"]),
        (&true.into(), &"vulnerable".into()),
        "{slowing}"
    );
    assert!(number(&slowing["slowing_down"]["autocorrelation"]["tau"]) > 0.5, "{slowing}");
    let steady = read("steady", &fluctuating(|_| 0.5, 600));
    assert_eq!(steady["slowing_down"]["is_slowing"], false, "{steady}");
    // The boundary of the model at 60 req/s, with 100 inside, and the good state, with 6.
    let margin = number(&steady["characteristic_metric"]["margin"]);
    assert!((margin - 0.15).abs() < 0.05, "{margin}");
}

#[test]
fn too_little_is_inconclusive_and_wrong_names_are_bad_usage() {
    let short = file("short", &fluctuating(|_| 0.5, 20));
    let done = tipping(&["watch", "models/retry-storm.toml", &short]);
    assert_eq!(done.code, 3, "{}", done.err);
    assert!(done.out.contains("20 values are too few") && done.out.contains("VULNERABLE"), "{}", done.out);
    let nothing = file("nothing", "time,temperature\n1714521600,3\n1714521610,4\n1714521620,5\n");
    let done = tipping(&["watch", "models/retry-storm.toml", &nothing, "--format", "json"]);
    assert_eq!((done.code, &json(&done.out)["state"]), (3, &"unknown".into()));
    let inconclusive = tipping(&["watch", "models/queue-orbit.toml", &short]);
    assert_eq!((inconclusive.code, inconclusive.out.as_str()), (3, ""), "{}", inconclusive.err);
    for arguments in [&["--map", "temperature=inflight"][..], &["--map", "inflight=nothing"], &["--tz", "Mars/Olympus"]]
    {
        let done = tipping(&[&["watch", "models/retry-storm.toml", short.as_str()], arguments].concat());
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{arguments:?}: {}", done.err);
    }
}

#[test]
fn gates_stop_at_a_state() {
    let steady = file("gates", &fluctuating(|_| 0.5, 600));
    let watch = |path: &str, gates: &[&str]| {
        let gates: Vec<&str> = gates.iter().flat_map(|gate| ["--fail-on", gate]).collect();
        tipping(&[&["watch", "models/retry-storm.toml", path], &gates[..]].concat())
    };
    assert_eq!(watch(&steady, &["overloaded", "past-boundary"]).code, 0);
    let failed = watch(&steady, &["overloaded", "vulnerable"]);
    assert!(failed.code == 1 && failed.err.contains("the gate `vulnerable` failed"), "{}", failed.err);
    assert!(failed.out.contains("VULNERABLE"), "the answer is printed all the same");
    let nothing = file("gates-unknown", "time,temperature\n1714521600,3\n1714521610,4\n1714521620,5\n");
    let undecided = watch(&nothing, &["overloaded"]);
    assert!(undecided.code == 3 && undecided.err.contains("cannot be decided"), "{}", undecided.err);
    assert_eq!(watch(&nothing, &["unknown"]).code, 1);
    let wrong = watch(&steady, &["metastable"]);
    assert!(wrong.code == 2 && wrong.err.contains("past-boundary"), "{}", wrong.err);
}

#[test]
fn json_follows_the_schema() {
    let schema = json(include_str!("../../docs/watch.schema.json"));
    let (weeks, _) = weeks(0.15, 7);
    let rows = [
        ("retry-storm", file("schema-weeks", &weeks)),
        ("retry-storm", file("schema-slowing", &fluctuating(|share| 0.95 * share, 600))),
        ("retry-storm", file("schema-nothing", "time,temperature\n1714521600,3\n1714521610,4\n1714521620,5\n")),
        ("usl-contention", file("schema-short", &fluctuating(|_| 0.5, 20))),
        ("testbed", "data/testbed-ramp.csv".to_owned()),
    ];
    for (model, path) in rows {
        let model = format!("models/{model}.toml");
        let document = json(&tipping(&["watch", &model, &path, "--format", "json"]).out);
        let violations = crate::schema::violations(&schema, &document);
        assert!(violations.is_empty(), "{model} {path}: {violations:#?}");
        let unknown = crate::schema::unnamed(&schema, &document);
        assert!(unknown.is_empty(), "{model} {path}: the schema does not name {unknown:?}");
    }
}

#[test]
fn states_and_outputs_of_the_model_are_named() {
    let csv = fluctuating(|_| 0.5, 100).replace("inflight", "jobs");
    let path = file("named", &csv);
    let done =
        tipping(&["watch", "models/usl-contention.toml", &path, "--map", "load=offered,n=jobs", "--format", "json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let document = json(&done.out);
    assert_eq!(document["characteristic_metric"]["name"], "n", "{document}");
    assert_eq!(document["slowing_down"]["values"], 100);
}
