//! Maps through the command line, against the analysis and single runs at their cells.

use serde_json::Value;
use std::path::Path;
use std::process::Command;
use tipping::answers::analysis::{Verdict, analyze_as_is};
use tipping::answers::study::Study;
use tipping::model::{Override, open};

fn map(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_tipping"))
        .arg("map")
        .args(arguments)
        .args(["--format", "json"])
        .output()
        .expect("runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["schema"].as_str(), Some("tipping.map/1"));
    found
}

/// Names of the regions of all cells, by row and column.
fn cells(found: &Value) -> Vec<Vec<String>> {
    let regions = found["regions"].as_array().expect("regions");
    let name = |letter: char| {
        let of = regions.iter().find(|r| r["letter"].as_str() == Some(&letter.to_string()));
        of.and_then(|r| r["name"].as_str()).expect("a region").to_owned()
    };
    let rows = found["rows"].as_array().expect("rows");
    rows.iter().map(|row| row.as_str().expect("a row").chars().map(name).collect()).collect()
}

fn values(side: &Value) -> Vec<f64> {
    side["values"].as_array().expect("values").iter().filter_map(Value::as_f64).collect()
}

/// Verdict of the full analysis, triggers aside.
fn analysed(model: &str, set: &[String]) -> String {
    let changes: Vec<Override> = set.iter().map(Override::new).collect();
    let mut study = Study::new(open(Path::new(model), &changes).expect("loads").model).expect("compiles");
    study.model.triggers.clear();
    let verdict = analyze_as_is(&study, "").map_or(Verdict::Inconclusive, |found| found.analysis.verdict);
    format!("{verdict:?}").to_lowercase()
}

/// Cells to check: some anywhere, and some just beside a change along their row.
fn chosen(cells: &[Vec<String>], anywhere: usize, beside: usize) -> Vec<(usize, usize)> {
    let (rows, columns) = (cells.len(), cells[0].len());
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below
    };
    let mut places: Vec<(usize, usize)> = (0..anywhere).map(|_| (random(columns), random(rows))).collect();
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for (y, row) in cells.iter().enumerate() {
        edges.extend((1..columns).filter(|&x| row[x] != row[x - 1]).flat_map(|x| [(x - 1, y), (x, y)]));
    }
    places.extend((0..beside.min(edges.len())).map(|_| edges[random(edges.len())]));
    places
}

#[test]
fn verdicts_of_load_and_attempts_are_those_of_the_analysis() {
    let load = ["--vary", "client.web.load=10..140 req/s:512"];
    let found =
        map(&[&["models/retry-storm.toml"], &load[..], &["--vary", "client.web.retry.attempts=1..6:48"]].concat());
    assert_eq!((found["y"]["whole"].as_bool(), found["made"]["lines"].as_u64()), (Some(true), Some(6)));
    let (cells, x, y) = (cells(&found), values(&found["x"]), values(&found["y"]));
    for (column, row) in chosen(&cells, 10, 14) {
        let set = [format!("client.web.load={} req/s", x[column]), format!("client.web.retry.attempts={}", y[row])];
        assert_eq!(cells[row][column], analysed("models/retry-storm.toml", &set), "{set:?}");
    }
    // A saturated service heals at its capacity over attempts, 100/s over 2 to 6.
    for (row, attempts) in cells.iter().zip(&y).filter(|(_, attempts)| **attempts > 1.0) {
        let first = row.iter().position(|name| name == "vulnerable").expect("a vulnerable stretch");
        assert!((x[first] / (100.0 / attempts) - 1.0).abs() < 0.03, "{attempts}: {}", x[first]);
    }
}

/// The curve is continued in both numbers, verdicts come from the analysis between lines of one.
#[test]
fn fold_curves_lie_where_verdicts_change() {
    let found = map(&[
        "models/retry-storm.toml",
        "--vary",
        "client.web.load=10..140 req/s:256",
        "--vary",
        "service.api.service_time=50..200 ms:96",
    ]);
    let (cells, x, y) = (cells(&found), values(&found["x"]), values(&found["y"]));
    for (column, row) in chosen(&cells, 6, 10) {
        let set = [format!("client.web.load={} req/s", x[column]), format!("service.api.service_time={} ms", y[row])];
        assert_eq!(cells[row][column], analysed("models/retry-storm.toml", &set), "{set:?}");
    }
    let curves = found["curves"].as_array().expect("curves");
    let folds: Vec<Vec<(f64, f64)>> = curves
        .iter()
        .filter(|curve| curve["kind"].as_str() == Some("fold"))
        .map(|curve| serde_json::from_value(curve["points"].clone()).expect("points"))
        .collect();
    assert_eq!(folds.len(), 2);
    let width = x[1] - x[0];
    let mut compared = 0;
    for (row, height) in cells.iter().zip(&y) {
        let mut changes: Vec<f64> =
            (1..x.len()).filter(|&i| row[i] != row[i - 1]).map(|i| 0.5 * (x[i] + x[i - 1])).collect();
        let mut passed: Vec<f64> = folds
            .iter()
            .flat_map(|curve| curve.windows(2))
            .filter(|pair| (pair[0].1 <= *height) != (pair[1].1 <= *height))
            .map(|pair| pair[0].0 + (height - pair[0].1) / (pair[1].1 - pair[0].1) * (pair[1].0 - pair[0].0))
            .filter(|load| (x[0]..x[x.len() - 1]).contains(load))
            .collect();
        changes.sort_by(f64::total_cmp);
        passed.sort_by(f64::total_cmp);
        assert_eq!(changes.len(), passed.len(), "{height} ms: {changes:?} {passed:?}");
        for (change, fold) in changes.iter().zip(&passed) {
            assert!((change - fold).abs() <= width, "{height} ms: {change} {fold}");
            compared += 1;
        }
    }
    assert!(compared > 96);
}

/// The reference problem has its cusp at load 998.8095, r = 3.8435e-4; above it there is a wedge in which both states exist.
#[test]
fn the_cusp_of_m1_is_on_its_map() {
    let found = map(&["models/m1.toml", "--vary", "load=200..1100 req/s:96", "--vary", "retry=0.0001..0.9:96:log"]);
    let cusps: Vec<(f64, f64)> = serde_json::from_value(found["cusps"].clone()).expect("cusps");
    let near =
        |c: &(f64, f64)| (c.0 / 998.809_503_226 - 1.0).abs() < 1e-8 && (c.1 / 3.843_456_75e-4 - 1.0).abs() < 1e-5;
    assert_eq!(cusps.iter().filter(|c| near(c)).count(), 1, "{cusps:?}");
}

#[test]
fn basins_are_those_of_single_runs_and_refinement_changes_nothing() {
    let sides =
        ["models/m1.toml", "--vary", "state.n.start=0..3000 req:128", "--vary", "state.o.start=0..3000 req:128"];
    let whole = map(&sides);
    let refined = map(&[&sides[..], &["--refine", "4"]].concat());
    assert_eq!(whole["rows"], refined["rows"]);
    let runs = |found: &Value| found["made"]["runs"].as_u64().expect("a number");
    assert_eq!(runs(&whole), 128 * 128);
    assert!(6 * runs(&refined) < runs(&whole), "{}", runs(&refined));
    // The separatrix passes through the saddle, within a small part of a cell.
    let curves = whole["curves"].as_array().expect("curves");
    assert_eq!(curves.len(), 1);
    let points: Vec<(f64, f64)> = serde_json::from_value(curves[0]["points"].clone()).expect("points");
    let places = whole["places"].as_array().expect("places");
    let saddle = places.iter().find(|p| p["name"].as_str() == Some("saddle")).expect("a saddle");
    let (sx, sy): (f64, f64) = serde_json::from_value(saddle["at"].clone()).expect("a place");
    let passes = points.windows(2).map(|pair| {
        let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
        let (dx, dy) = (bx - ax, by - ay);
        let share = (((sx - ax) * dx + (sy - ay) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
        (ax + share * dx - sx).hypot(ay + share * dy - sy)
    });
    let nearest = passes.fold(f64::INFINITY, f64::min);
    assert!(nearest < 0.1 * 3000.0 / 128.0, "{nearest}");
    // Each cell against a run of its own, by the integrator for single runs and a finer tolerance.
    let (cells, x, y) = (cells(&whole), values(&whole["x"]), values(&whole["y"]));
    let study = Study::new(open(Path::new("models/m1.toml"), &[]).expect("loads").model).expect("compiles");
    let findings = analyze_as_is(&study, "").expect("an analysis");
    let (judge, _) = findings.landscape.judge(&study.fluid);
    for (column, row) in chosen(&cells, 20, 60) {
        use tipping::dynamics::integrate::{History, Options, Segment};
        use tipping::dynamics::outcome::Outcome;
        let options = Options { rtol: 1e-9, retain: false, ..Options::default() };
        let segments = [Segment::new(1e8, &study.fluid.parameters())];
        let start = History::Constant(vec![x[column], y[row]]);
        let (outcome, _) = judge.follow(&study.fluid, &start, &segments, &options).expect("solvable");
        let name = if matches!(outcome, Outcome::Attractor { .. }) { "heals" } else { "grows without bound" };
        assert_eq!(cells[row][column], name, "{} {}", x[column], y[row]);
    }
}

#[test]
fn maps_without_the_load_are_refined_to_the_map_of_all_cells() {
    let sides = ["models/m1.toml", "--vary", "retry=0.1..0.95:24", "--vary", "capacity=300..1500 req/s:24", "--refine"];
    let (whole, refined) = (map(&[&sides[..], &["0"]].concat()), map(&[&sides[..], &["2"]].concat()));
    assert_eq!(whole["rows"], refined["rows"]);
    assert!(refined["made"]["analyses"].as_u64() < whole["made"]["analyses"].as_u64());
}

#[test]
fn what_is_no_map_is_said() {
    let refused = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tipping")).arg("map").args(arguments).output().expect("runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["m1", "--vary", "load=1..2 req/s"]).contains("two sides"));
    let twice = ["m1", "--vary", "load=1..2 req/s", "--vary", "load=1..2 req/s"];
    assert!(refused(&twice).contains("varied twice"));
    let huge = ["m1", "--vary", "load=1..2 req/s:5000", "--vary", "retry=0.1..0.5"];
    assert!(refused(&huge).contains("at most"));
    let other = ["m1", "--vary", "load=1..2 req/s", "--vary", "retry=0.1..0.5", "--out", "x.gif"];
    assert!(refused(&other).contains("neither an SVG nor a PNG"));
    assert!(
        refused(&["m1", "--vary", "state.x.start=0..1 req", "--vary", "retry=0.1..0.5"]).contains("states are n, o")
    );
}

/// On the curve half of the runs tip; what `triggers` says of one duration holds in the column of it.
#[test]
fn trigger_maps_hold_the_critical_sizes() {
    let found = map(&[
        "models/retry-storm.toml",
        "--trigger",
        "load-spike",
        "--vary",
        "duration=0.6..2.4 s:3",
        "--vary",
        "size=100..400 req/s:60",
    ]);
    let (cells, x, y) = (cells(&found), values(&found["x"]), values(&found["y"]));
    let half: Vec<(f64, f64)> = serde_json::from_value(found["curves"][0]["points"].clone()).expect("points");
    assert_eq!((half.len(), x.len()), (3, 3));
    for (column, (duration, size)) in half.iter().enumerate() {
        assert!((duration - x[column]).abs() < 1e-9);
        for (row, height) in y.iter().enumerate() {
            let name = cells[row][column].as_str();
            let low = ["under 1 % tip", "1 to 10 %", "10 to 50 %"].contains(&name);
            assert_eq!(low, height < size, "{duration} s, {height} req/s: {name}, half at {size}");
        }
    }
    // Longer spikes need not be as large.
    assert!(half.windows(2).all(|pair| pair[0].1 > pair[1].1));
    let study = Study::new(open(Path::new("models/retry-storm.toml"), &[]).expect("loads").model).expect("compiles");
    let findings = analyze_as_is(&study, "").expect("an analysis");
    let spike = findings.analysis.triggers.iter().find(|t| t.name == "load-spike").expect("a spike");
    let size = spike.critical_size.as_ref().and_then(|c| c.p50).expect("a size");
    // Stated for 1.2 s, between the first and the second column at 0.9 s and 1.5 s.
    assert!(half[0].1 > size && size > half[1].1, "{half:?} {size}");
}
