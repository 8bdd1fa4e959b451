//! `tipping fit`: structures compared, figures, interruption, the same bytes for any number of threads.

use crate::{command, json, scratch, tipping};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// x' = load - k x, whose solution under a load in steps is a chain of exponentials.
const LINEAR: &str = r#"
[model]
name = "linear"
load = "load"
goodput = "served"
[param]
load = "10 req/s"
k = "0.3 /s"
[state]
x = { start = "20 req", min = "0 req" }
[output]
served = "k * x"
[flow]
x = "load - k * x"
[fit]
free = ["param.k"]
"#;

const K: f64 = 0.5;

/// Readings of x every second with small noise, while the load goes 10, 20, 5 req/s.
fn readings() -> String {
    let mut text = "elapsed,load,x\n".to_owned();
    let (mut x, mut seed) = (10.0 / K, 1_u64);
    for second in 0..60 {
        let load = [10.0, 20.0, 5.0][second / 20];
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let noise = 0.2 * ((seed >> 40) as f64 / (1_u64 << 24) as f64 - 0.5);
        writeln!(text, "{second},{load},{:.6}", x + noise).expect("text");
        x = load / K + (x - load / K) * (-K).exp();
    }
    text
}

struct Files {
    folder: PathBuf,
    model: String,
    data: String,
}

fn files(name: &str) -> Files {
    let folder = scratch(&format!("fit-{name}"));
    let write = |file: &str, text: &str| {
        let path = folder.join(file);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let (model, data) = (write("linear.toml", LINEAR), write("data.csv", &readings()));
    Files { folder, model, data }
}

const MAP: [&str; 2] = ["--map", "offered=load,x=x"];

#[test]
fn structures_are_compared_by_akaike_weights() {
    let Files { folder, model, data } = files("against");
    let square = folder.join("square.toml");
    let text = LINEAR.replace("\"linear\"", "\"square\"").replace("k * x\"", "k * x * x / (20 req)\"");
    std::fs::write(&square, text).expect("written");
    let square = square.display().to_string();
    let arguments = ["fit", &model, &data, "--against", &square, "--follow", "nothing"];
    let done = tipping(&[&arguments[..], &MAP, &["--format", "json"]].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    let document = json(&done.out);
    let k = &document["parameters"][0];
    assert!((k["value"].as_f64().expect("k") / K - 1.0).abs() < 0.01, "{k}");
    let rivals = document["against"].as_array().expect("two structures");
    assert_eq!(rivals.iter().map(|r| r["name"].as_str()).collect::<Vec<_>>(), [Some("linear"), Some("square")]);
    let number = |index: usize, key: &str| rivals[index][key].as_f64().expect(key);
    assert_eq!(number(0, "aicc"), document["score"]["aicc"].as_f64().expect("aicc"));
    let behind = number(1, "aicc") - number(0, "aicc");
    assert!(behind > 50.0, "the square law is far off: {behind}");
    assert!((number(0, "weight") - 1.0 / (1.0 + (-behind / 2.0).exp())).abs() < 1e-9);
    assert!((number(0, "weight") + number(1, "weight") - 1.0).abs() < 1e-9);
    let other = tipping(&[&["fit", &square, &data, "--follow", "nothing"], &MAP[..], &["--format", "json"]].concat());
    assert_eq!(json(&other.out)["score"]["aicc"], rivals[1]["aicc"], "the same as when it is fitted alone");
    let shown = tipping(&[&arguments[..], &MAP].concat()).out;
    assert!(shown.contains("square") && shown.contains("+0.0"), "{shown}");
}

#[test]
fn same_bytes_for_any_number_of_threads() {
    let Files { folder, model, data } = files("threads");
    let run = |threads: &str| {
        let out = |name: &str| folder.join(format!("{name}-{threads}")).display().to_string();
        let (fitted, csv, plot) = (out("fitted.toml"), out("csv"), out("plot") + ".svg");
        let arguments = ["fit", &model, &data, "--format", "json", "--threads", threads];
        let outputs = ["-o", &fitted, "--csv", &csv, "--plot", &plot];
        let done = tipping(&[&arguments[..], &MAP, &outputs].concat());
        assert_eq!(done.code, 0, "{}", done.err);
        (done.out, [fitted, csv, plot].map(|path| std::fs::read(path).expect("written")))
    };
    assert!(run("1") == run("2"));
}

#[test]
fn readings_model_and_residuals_are_drawn() {
    let Files { folder, model, data } = files("plot");
    for name in ["fit.svg", "fit.png"] {
        let path = folder.join(name).display().to_string();
        let done = tipping(&[&["fit", &model, &data, "--plot", &path], &MAP[..]].concat());
        assert_eq!(done.code, 0, "{}", done.err);
    }
    let svg = std::fs::read_to_string(folder.join("fit.svg")).expect("an SVG");
    for words in ["x (req)", "Residuals of x (standard errors)", "Time (s)", "measured", "fitted model", "linear"] {
        assert!(svg.contains(words), "{words}");
    }
    assert!(std::fs::read(folder.join("fit.png")).expect("a PNG").starts_with(b"\x89PNG"));
    let wrong = folder.join("fit.pdf").display().to_string();
    let done = tipping(&[&["fit", &model, &data, "--plot", &wrong], &MAP[..]].concat());
    assert!(done.code == 2 && done.err.contains(".svg or .png") && !Path::new(&wrong).exists(), "{}", done.err);
}

/// Users of Locust wait for answers: an open model is not fitted to what they sent, unless somebody knows better.
#[test]
fn an_open_model_is_not_fitted_to_a_closed_loop() {
    let folder = scratch("fit-loops");
    let mut text = "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,99%\r\n".to_owned();
    for k in 0..60 {
        let rate = 20 + k % 7;
        write!(text, "{},10,,Aggregated,{rate}.0,0.0,110,450\r\n", 1_714_557_600 + k).expect("text");
    }
    let data = folder.join("stats_history.csv");
    std::fs::write(&data, text).expect("written");
    let data = data.display().to_string();
    let fit = |more: &[&str]| {
        let arguments =
            ["fit", "models/retry-storm.toml", &data, "--map", "offered=Requests/s,served=Requests/s", "--starts", "0"];
        tipping(&[&arguments[..], &["--free", "service.api.service_time"], more].concat())
    };
    let refused = fit(&[]);
    assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{}", refused.err);
    assert!(refused.err.contains("closed loop") && refused.err.contains("--open-loop"), "{}", refused.err);
    let told = fit(&["--open-loop"]);
    assert!(matches!(told.code, 0 | 3) && !told.err.contains("closed"), "{}", told.err);
    assert_eq!(fit(&["--open-loop", "--closed-loop"]).code, 2);
    // What was said is kept with the columns.
    let kept = folder.join("mapping.toml").display().to_string();
    assert_eq!(tipping(&["inspect", &data, "--open-loop", "--save-mapping", &kept]).code, 0);
    let again = json(&tipping(&["inspect", &data, "--mapping", &kept, "--format", "json"]).out);
    assert_eq!(again["files"][0]["closed_loop"], false);
    let shown = tipping(&["inspect", &data]).out;
    let plain = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(plain.contains("Load: closed loop (the users of Locust wait for each answer)"), "{plain}");
}

/// Ctrl-C in the middle of a search.
#[cfg(target_os = "linux")]
#[test]
fn an_interruption_stops_at_once_and_leaves_nothing_behind() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};
    let folder = scratch("fit-interrupt");
    let (fitted, csv) =
        (folder.join("fitted.toml").display().to_string(), folder.join("out.csv").display().to_string());
    let map = "offered=client_requests_total,served=server_served_total,inflight=server_inflight + server_queue_length";
    let mut long = command(&["fit", "models/testbed.toml", "data/testbed-ramp.json", "--map", map, "--starts", "4096"]);
    for path in ["service.api.service_time", "client.web.timeout", "client.web.retry.backoff"] {
        long.args(["--free", path]);
    }
    let mut child = long
        .args(["-o", &fitted, "--csv", &csv])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Until it listens (bit 1 of the caught signals is SIGINT), and then into the search.
    let listens = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
        u64::from_str_radix(caught.trim(), 16).is_ok_and(|bits| bits & 2 != 0)
    };
    let begun = Instant::now();
    while !listens() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_secs(1));
    assert!(child.try_wait().expect("a child").is_none(), "it still searches");
    let asked = Instant::now();
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("interrupted") && output.stdout.is_empty(), "{err}");
    assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 0, "nothing is left");
}
