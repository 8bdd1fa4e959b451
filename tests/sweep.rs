//! Sweeps through the command line: rows that are right, and the same bytes however they came about.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use tipping::dynamics::integrate::{History, Options, Segment, integrate};
use tipping::model::{expand, open};
use tipping::process::fluid::Fluid;

fn tipping(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tipping"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    tipping(arguments).output().expect("runs")
}

fn fine(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tipping-sweep-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Rows of a CSV sweep as numbers; what is no number is NaN.
fn rows(text: &str) -> Vec<Vec<f64>> {
    let body = text.lines().skip(2);
    body.map(|line| line.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN)).collect()).collect()
}

const M1: [&str; 8] = [
    "sweep",
    "m1",
    "--vary",
    "load=100..1000 req/s:40",
    "--vary",
    "state.n.start=0..3000 req:30",
    "--measure",
    "n,goodput,o",
];

fn m1(more: &[&str]) -> Vec<String> {
    M1.iter().chain(more).map(|s| (*s).to_owned()).collect()
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn values_are_those_of_single_runs() {
    let text = fine(&words(&m1(&[])));
    let mut lines = text.lines();
    let provenance: Value = serde_json::from_str(&lines.next().expect("a first line")[2..]).expect("JSON");
    assert_eq!((provenance["schema"].as_str(), provenance["points"].as_u64()), (Some("tipping.sweep/1"), Some(1200)));
    assert_eq!(lines.next(), Some("row,load_req_per_s,state.n.start_req,n_req,goodput_req_per_s,o_req,error"));
    let rows = rows(&text);
    assert_eq!(rows.len(), 1200);
    let model = open(Path::new("models/m1.toml"), &[]).expect("shipped").model;
    let fluid = Fluid::new(expand::process(&model, model.meta.closure).expect("expands"));
    for (i, row) in rows.iter().enumerate().step_by(97) {
        let (load, start) = (100.0 + 900.0 * (i / 30) as f64 / 39.0, 3000.0 * (i % 30) as f64 / 29.0);
        assert_eq!(row[0], i as f64);
        assert!((row[1] - load).abs() < 1e-12 * load && (row[2] - start).abs() <= 1e-12 * start, "{row:?}");
        let mut p = fluid.parameters();
        p[fluid.process().parameter_index("load").expect("a load")] = row[1];
        let options = Options { rtol: 1e-10, ..Options::default() };
        let history = History::Constant(vec![row[2], 0.0]);
        let path = integrate(&fluid, 0.0, &history, &[Segment::new(120.0, &p)], &options).expect("solvable");
        let x = path.final_state();
        assert!((row[3] - x[0]).abs() < 1e-5 * (1.0 + x[0]) && (row[5] - x[1]).abs() < 1e-5 * (1.0 + x[1]), "{row:?}");
        let goodput = fluid.process().output_index("goodput").map_or(f64::NAN, |i| fluid.outputs_at_rest(x, &p)[i]);
        let named = fluid.process().outputs.iter().any(|o| o.name == "goodput");
        assert!(!named || (row[4] - goodput).abs() < 1e-4 * (1.0 + goodput), "{row:?} {goodput}");
    }
}

/// A saturated service heals at capacity over attempts: 100/s over 2, 3 and 4. The attempts shape the equations.
#[test]
fn answers_follow_numbers_that_shape_the_equations() {
    let text = fine(&[
        "sweep",
        "retry-storm",
        "--vary",
        "client.web.retry.attempts=2..4:3",
        "--measure",
        "verdict,tip_over_load,recovery_load",
    ]);
    for (row, attempts) in rows(&text).iter().zip([2.0, 3.0, 4.0]) {
        assert_eq!(row[1], attempts);
        assert!((row[4] / (100.0 / attempts) - 1.0).abs() < 0.02, "{row:?}");
        assert!(row[3] > row[4], "{row:?}");
    }
    let set = ["analyze", "retry-storm", "--set", "client.web.retry.attempts=3", "--format", "json"];
    let analysis: Value = serde_json::from_str(&fine(&set)).expect("JSON");
    let line = text.lines().nth(3).expect("three rows");
    assert_eq!(line.split(',').nth(2), analysis["verdict"].as_str());
    let limit = analysis["tip_over_load"]["value"].as_f64().expect("a limit");
    assert!((rows(&text)[1][3] / limit - 1.0).abs() < 1e-9);
}

#[test]
fn values_of_equations_with_lags_are_those_of_single_runs() {
    let sweep =
        ["sweep", "retry-storm", "--vary", "client.web.load=20..90 req/s:3", "--until", "20 s", "--measure", "goodput"];
    let found = rows(&fine(&sweep));
    let again = rows(&fine(&[&sweep[..], &["--tolerance", "1e-8"]].concat()));
    for ((row, finer), load) in found.iter().zip(&again).zip([20.0, 55.0, 90.0]) {
        assert_eq!(row[1], load);
        assert!((row[2] - finer[2]).abs() < 1e-3 * load && row[2] > 0.5 * load, "{row:?} {finer:?}");
    }
}

#[test]
fn threads_and_shards_change_no_byte() {
    let folder = Folder::new("shards");
    for (ending, sampling) in [("csv", &["--sample", "grid"][..]), ("jsonl", &["--sample", "sobol", "--points", "777"])]
    {
        let file = |name: &str| folder.file(&format!("{name}.{ending}"));
        let sweep = |more: &[&str]| fine(&words(&m1(&[sampling, more].concat())));
        sweep(&["--threads", "1", "--out", &file("one")]);
        sweep(&["--threads", "2", "--out", &file("two")]);
        let whole = fs::read(file("one")).expect("written");
        assert_eq!(whole, fs::read(file("two")).expect("written"));
        let parts: Vec<String> = (1..=3).map(|k| file(&format!("part-{k}"))).collect();
        for (k, part) in parts.iter().enumerate() {
            sweep(&["--shard", &format!("{}/3", k + 1), "--out", part]);
        }
        let joined = file("joined");
        fine(&["merge", &parts[2], &parts[0], &parts[1], "--out", &joined]);
        assert_eq!(whole, fs::read(&joined).expect("written"));
        let lacking = run(&["merge", &parts[2], &parts[0], "--out", &file("lacking")]);
        assert_eq!(lacking.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&lacking.stderr).contains("shard 2 of 3 is missing"));
        let mut text = fs::read_to_string(&parts[1]).expect("written");
        text.truncate(text.len() - 20);
        fs::write(&parts[1], text).expect("written");
        assert_eq!(run(&["merge", &parts[0], &parts[1], &parts[2], "--out", &file("cut")]).status.code(), Some(2));
        assert!(!Path::new(&file("cut")).exists() && !Path::new(&file("lacking")).exists());
    }
}

/// Killed at twenty moments and resumed every time: the bytes of a sweep that was left in peace.
#[test]
fn a_killed_sweep_resumes_to_the_same_bytes() {
    let folder = Folder::new("killed");
    let sweep = ["sweep", "m1", "--vary", "load=200..1100 req/s:400", "--measure", "verdict,recovery_load,n"];
    let with = |more: &[&str]| sweep.iter().chain(more).map(|s| (*s).to_owned()).collect::<Vec<String>>();
    let (whole, killed) = (folder.file("whole.csv"), folder.file("killed.csv"));
    let begun = std::time::Instant::now();
    fine(&words(&with(&["--out", &whole])));
    let long = begun.elapsed();
    let mut kills = 0;
    for round in 0..20_u32 {
        let mut child = tipping(&words(&with(&["--out", &killed, "--resume"]))).spawn().expect("runs");
        // Different moments, together about as long as the whole takes.
        std::thread::sleep(long / 14 + Duration::from_millis(u64::from(round * 7 % 11)));
        kills += u32::from(child.try_wait().expect("known").is_none());
        let _ = child.kill();
        let _ = child.wait();
    }
    assert!(kills >= 10, "{kills}");
    if !Path::new(&killed).exists() {
        fine(&words(&with(&["--out", &killed, "--resume"])));
    }
    assert_eq!(fs::read(&whole).expect("written"), fs::read(&killed).expect("written"));
}

#[test]
fn what_is_unfinished_or_foreign_is_not_written_over() {
    let folder = Folder::new("foreign");
    let file = folder.file("rows.csv");
    fs::write(format!("{file}.part"), "# {\"schema\":\"tipping.sweep/1\"}\n").expect("written");
    for (more, hint) in [(&["--out", &file][..], "--resume"), (&["--out", &file, "--resume"], "another sweep")] {
        let output = run(&words(&m1(more)));
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(hint), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn mistakes_are_said_before_anything_is_written() {
    for (arguments, said) in [
        (&["--vary", "laod=1..2 req/s"][..], "did you mean `load`"),
        (&["--vary", "load=2..1 req/s"], "exchange"),
        (&["--vary", "load=1 s..2 s"], "req/s"),
        (&["--vary", "load=0..2 req/s:9:log"], "above zero"),
        (&["--vary", "load=1..2 req/s", "--vary", "param.load=1..2 req/s"], "twice"),
        (&["--vary", "load=1..2 req/s", "--measure", "godput"], "no measure"),
        (&["--vary", "load=1..2 req/s", "--sample", "sobol"], "--points"),
        (&["--vary", "load=1..2 req/s", "--shard", "3/2"], "--shard"),
        (&["--vary", "load=1..2 req/s", "--tolerance", "0"], "--tolerance"),
    ] {
        let output = run(&[&["sweep", "m1"], arguments].concat());
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(said) && output.stdout.is_empty(), "{arguments:?}: {message}");
    }
}

/// A point that has no answer says so in its row and spoils no other.
#[test]
fn rows_without_result_say_why() {
    let text = fine(&["sweep", "retry-storm", "--vary", "client.web.retry.attempts=1..2:3", "--measure", "verdict"]);
    let lines: Vec<&str> = text.lines().skip(2).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].ends_with(',') && lines[2].ends_with(','), "{text}");
    assert!(lines[1].starts_with("1,1.5,,") && lines[1].len() > 10, "{text}");
}
