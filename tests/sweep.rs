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

/// x(∞) = a + b with a, b independent: the variance of a over that of both, and no interaction.
#[test]
fn indices_of_a_sum_are_the_shares_of_its_terms() {
    let folder = Folder::new("sum");
    let model = r#"
        [model]
        name = "sum"
        load = "a"
        [param]
        a = "3"
        b = "2"
        tau = "1 s"
        [state]
        x = { start = 0, min = 0, max = 100 }
        [flow]
        x = "(a + b - x) / tau"
    "#;
    fs::write(folder.0.join("sum.toml"), model).expect("written");
    let out = folder.file("sum.csv");
    fine(&[
        "sweep",
        &folder.file("sum.toml"),
        "--vary",
        "a~normal(30, 3)",
        "--vary",
        "b~uniform(10, 20)",
        "--sample",
        "saltelli",
        "--points",
        "2048",
        "--measure",
        "x",
        "--until",
        "60 s",
        "--out",
        &out,
    ]);
    let found: Value = serde_json::from_str(&fine(&["summarize", &out, "--format", "json"])).expect("JSON");
    assert_eq!((found["schema"].as_str(), found["rows"].as_u64()), (Some("tipping.summarize/1"), Some(4096)));
    let answer = &found["answers"][0];
    let (a, b) = (9.0, 100.0 / 12.0);
    assert!((answer["spread"]["mean"].as_f64().expect("a mean") - 45.0).abs() < 0.02, "{answer}");
    assert!((answer["spread"]["deviation"].as_f64().expect("a deviation") / f64::sqrt(a + b) - 1.0).abs() < 0.01);
    for (i, share) in [a / (a + b), b / (a + b)].into_iter().enumerate() {
        for which in ["first", "total"] {
            let estimate = answer["indices"][i][which]["value"].as_f64().expect("an index");
            assert!((estimate - share).abs() < 0.02, "{which} {i}: {estimate} {share}");
        }
    }
}

/// Both limits of a saturated service are rates of service: they hang on the service time alone, not on the load.
#[test]
fn limits_hang_on_the_service_time_alone() {
    let folder = Folder::new("uncertain");
    let out = folder.file("uncertain.csv");
    fine(&[
        "sweep",
        "retry-storm",
        "--vary",
        "service.api.service_time~lognormal(100 ms, 20 ms)",
        "--vary",
        "client.web.load~uniform(20, 120 req/s)",
        "--sample",
        "saltelli",
        "--points",
        "16",
        "--out",
        &out,
    ]);
    let found: Value = serde_json::from_str(&fine(&["summarize", &out, "--format", "json"])).expect("JSON");
    let answers = found["answers"].as_array().expect("answers");
    let named = |name: &str| answers.iter().find(|a| a["name"].as_str() == Some(name)).expect("an answer");
    let limit = named("recovery_load_req_per_s");
    assert!(limit["indices"][1]["total"]["value"].as_f64().expect("an index").abs() < 1e-3, "{limit}");
    let shares: f64 = answers
        .iter()
        .filter(|a| a["name"].as_str().is_some_and(|n| n.starts_with("verdict:") && n != "verdict:collapsed"))
        .filter_map(|a| a["share"]["value"].as_f64())
        .sum();
    assert!((shares - 1.0).abs() < 1e-12);
    assert!(named("verdict:vulnerable")["share"]["interval"][0].as_f64().expect("a bound") > 0.3);
}

/// What triggers do at a point is what `analyze` says there.
#[test]
fn measures_of_triggers_are_those_of_the_analysis() {
    let text = fine(&[
        "sweep",
        "retry-storm",
        "--vary",
        "client.web.load=40..60 req/s:2",
        "--measure",
        "outcome,recovery_time,trigger.load-spike.size,trigger.load-spike.duration,trigger.load-spike.probability,trigger.lost-slots.outcome",
    ]);
    for line in text.lines().skip(2) {
        let cells: Vec<&str> = line.split(',').collect();
        let set = format!("client.web.load={} req/s", cells[1]);
        let analysis: Value =
            serde_json::from_str(&fine(&["analyze", "retry-storm", "--set", &set, "--format", "json"])).expect("JSON");
        let triggers = analysis["triggers"].as_array().expect("triggers");
        let spike = &triggers[0];
        let near = |cell: &str, value: &Value| {
            let (cell, value) = (cell.parse::<f64>().expect("a number"), value.as_f64().expect("a number"));
            (cell - value).abs() <= 1e-4 * value.abs().max(1e-3)
        };
        assert!(near(cells[4], &spike["critical_size"]["p50"]), "{line} {spike}");
        assert!(near(cells[5], &spike["critical_duration"]["p50"]), "{line} {spike}");
        assert!(near(cells[6], &spike["probability"]), "{line} {spike}");
        let tips = triggers.iter().any(|t| t["outcome"].as_str() == Some("tips"));
        assert_eq!(cells[2], if tips { "collapsed" } else { "healthy" });
        assert_eq!(cells[3].is_empty(), tips, "{line}");
        assert_eq!(cells[7] == "collapsed", triggers[1]["outcome"].as_str() == Some("tips"));
    }
}

#[test]
fn the_recipe_for_processes_ends_with_the_bytes_of_one_machine() {
    let folder = Folder::new("recipe");
    let (whole, joined) = (folder.file("whole.csv"), folder.file("joined.csv"));
    fine(&words(&m1(&["--out", &whole])));
    let recipe = |joined: &str| {
        let output = Command::new("bash")
            .args(["examples/cluster/processes.sh", "5", joined])
            .args(&M1[1..])
            .env("TIPPING", env!("CARGO_BIN_EXE_tipping"))
            .env("JOBS", "2")
            .output()
            .expect("bash");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    recipe(&joined);
    assert_eq!(fs::read(&whole).expect("written"), fs::read(&joined).expect("joined"));
    // A shard that was lost is made again, those that are there are not.
    fs::remove_file(&joined).expect("there");
    fs::remove_file(folder.0.join("joined.csv.shards/3.csv")).expect("there");
    let kept = fs::metadata(folder.0.join("joined.csv.shards/2.csv")).and_then(|m| m.modified()).expect("there");
    recipe(&joined);
    assert_eq!(fs::read(&whole).expect("written"), fs::read(&joined).expect("joined"));
    let still = fs::metadata(folder.0.join("joined.csv.shards/2.csv")).and_then(|m| m.modified()).expect("there");
    assert_eq!(kept, still);
}

#[test]
fn the_recipes_for_clusters_give_every_shard_its_number() {
    let read = |name: &str| fs::read_to_string(Path::new("examples/cluster").join(name)).expect("a recipe");
    let job = yaml_rust2::YamlLoader::load_from_str(&read("kubernetes.yaml")).expect("YAML");
    let spec = &job[0]["spec"];
    assert_eq!((job[0]["kind"].as_str(), spec["completionMode"].as_str()), (Some("Job"), Some("Indexed")));
    let command = spec["template"]["spec"]["containers"][0]["args"][0].as_str().expect("a command");
    let shards = spec["completions"].as_i64().expect("a number");
    assert!(
        command.contains("--resume")
            && command.contains(&format!("--shard \"$((JOB_COMPLETION_INDEX + 1))/{shards}\""))
    );
    // The Slurm script, with its array played by a loop.
    let folder = Folder::new("slurm");
    let (whole, joined) = (folder.file("whole.csv"), folder.file("joined.csv"));
    fine(&words(&m1(&["--out", &whole])));
    for task in 1..=3 {
        let output = Command::new("bash")
            .args(["examples/cluster/slurm.sh", &folder.file("parts")])
            .args(&M1[1..])
            .env("TIPPING", env!("CARGO_BIN_EXE_tipping"))
            .env("SLURM_ARRAY_TASK_ID", task.to_string())
            .env("SLURM_ARRAY_TASK_COUNT", "3")
            .env("SLURM_CPUS_PER_TASK", "1")
            .output()
            .expect("bash");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let parts: Vec<String> = (1..=3).map(|task| folder.file(&format!("parts/{task}.csv"))).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    fine(&[&["merge"], &parts[..], &["--out", &joined]].concat());
    assert_eq!(fs::read(&whole).expect("written"), fs::read(&joined).expect("joined"));
}

/// The same rows as CSV, the same bytes however they came about, and the provenance with them.
#[cfg(feature = "parquet")]
#[test]
fn parquet_has_the_rows_of_the_csv_and_the_same_bytes_every_time() {
    use parquet::file::reader::FileReader;
    use parquet::file::serialized_reader::SerializedFileReader;
    use parquet::record::RowAccessor;
    let folder = Folder::new("parquet");
    let (csv, one, two, merged) = (
        folder.file("rows.csv"),
        folder.file("one.parquet"),
        folder.file("two.parquet"),
        folder.file("merged.parquet"),
    );
    fine(&words(&m1(&["--out", &csv])));
    fine(&words(&m1(&["--out", &one])));
    // Cut off in the middle, then resumed; and from shards.
    let text = fs::read(&csv).expect("written");
    fs::write(format!("{two}.part"), &text[..text.len() / 2]).expect("written");
    fine(&words(&m1(&["--out", &two, "--resume"])));
    let shards: Vec<String> = (1..=2).map(|k| folder.file(&format!("{k}.csv"))).collect();
    for (k, shard) in shards.iter().enumerate() {
        fine(&words(&m1(&["--shard", &format!("{}/2", k + 1), "--out", shard])));
    }
    fine(&["merge", &shards[0], &shards[1], "--out", &merged]);
    let bytes = fs::read(&one).expect("written");
    assert!(bytes == fs::read(&two).expect("written") && bytes == fs::read(&merged).expect("written"));
    assert!(!Path::new(&format!("{two}.part")).exists());
    let again = run(&words(&m1(&["--out", &one, "--resume"])));
    assert!(String::from_utf8_lossy(&again.stderr).contains("complete already"));
    let reader = SerializedFileReader::new(fs::File::open(&one).expect("there")).expect("Parquet");
    let provenance = reader.metadata().file_metadata().key_value_metadata().expect("metadata");
    let first = text.split(|b| *b == b'\n').next().expect("a line");
    assert_eq!(provenance[0].value.as_deref().map(str::as_bytes), Some(&first[2..]));
    let expected = rows(&String::from_utf8(text).expect("text"));
    for (row, expected) in reader.get_row_iter(None).expect("rows").zip(&expected) {
        let row = row.expect("a row");
        assert_eq!(
            (row.get_long(0).expect("a number") as f64, row.get_double(3).expect("n")),
            (expected[0], expected[3])
        );
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_is_refused_where_it_is_not_built_in() {
    let output = run(&words(&m1(&["--out", "nowhere.parquet"])));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--features parquet"));
}
