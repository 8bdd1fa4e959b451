//! `tipping inspect`.

use crate::{json, tipping};
use std::path::PathBuf;

fn write(name: &str, text: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tipping-inspect-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

const FORMATTED: &str = "\"Time\",\"rate_in\",\"served\",\"p99\"\r\n2024-05-01 06:00:00,951 req/s,950 req/s,12.4 ms\r\n\
                         2024-05-01 06:00:15,1.23K req/s,,500 ms\r\n2024-05-01 06:00:45,1.5K req/s,1 req/s,1.25 mins\r\n";

#[test]
fn it_says_what_it_understood_and_what_is_doubtful() {
    let path = write("formatted.csv", FORMATTED);
    let done = tipping(&["inspect", path.to_str().expect("a path")]);
    assert_eq!(done.code, 0, "{}", done.err);
    for expected in
        ["Grafana (formatted)", "local time, no zone", "give --tz", "offered", "rate_in", "p99", "1500", "75"]
    {
        assert!(done.out.contains(expected), "{expected} in\n{}", done.out);
    }
}

#[test]
fn json_has_values_in_base_units_and_times_in_utc() {
    let path = write("zoned.csv", FORMATTED);
    let done = tipping(&["inspect", path.to_str().expect("a path"), "--tz", "America/New_York", "--format", "json"]);
    let document = json(&done.out);
    assert_eq!(document["schema"], "tipping.inspect/1");
    let file = &document["files"][0];
    assert_eq!(file["time"]["first"], "2024-05-01T10:00:00Z");
    assert_eq!((&file["time"]["step"], &file["time"]["gaps"]), (&15.0.into(), &1.into()));
    let series = file["series"].as_array().expect("series");
    assert_eq!((&series[2]["unit"], &series[2]["max"]), (&"s".into(), &75.0.into()));
    assert_eq!((&series[1]["values"], &series[1]["missing"]), (&2.into(), &1.into()));
    assert_eq!(document["mapping"]["p99"]["column"], "p99");
}

#[test]
fn a_saved_mapping_makes_the_next_run_the_same() {
    let path = write("mapped.csv", "time,in,out\n1714557600,1,2\n1714557601,1,2\n");
    let path = path.to_str().expect("a path");
    let kept = write("mapping.toml", "");
    let kept = kept.to_str().expect("a path");
    let map = ["inspect", path, "--map", "offered=in,served=out", "--save-mapping", kept];
    assert_eq!(tipping(&map).code, 0);
    let first = json(&tipping(&["inspect", path, "--mapping", kept, "--format", "json"]).out);
    assert_eq!(first["mapping"]["offered"]["column"], "in");
    assert_eq!(first["mapping"]["served"]["confidence"], 1.0);
}

/// Whatever is wrong with a file: exit code 2, the file is named, and nothing is written by any verb.
#[test]
fn nothing_is_written_when_a_file_is_wrong() {
    let rows: [(&str, &str, &[&str]); 9] = [
        ("empty", "", &[]),
        ("header-only", "time,a\n", &[]),
        ("cut", "time,a,b\n1714557600,1,2\n1714557601,1,2\n1714557602\n", &[]),
        ("mixed", "time,a\n1714557600,1\n1714557601,2\n{\"a\":1}\n", &[]),
        ("huge", "time,a\n1714557600,1\n1714557601,1e308\n1714557602,1\n", &[]),
        ("two-headers", "time,a\n1714557600,1\n1714557601,1\ntime,b\n1714557602,1\n", &[]),
        ("binary", "time,a\n\u{1}\u{2}\u{0}\n", &[]),
        ("zone", "time,a\n2024-05-01 10:00:00,1\n2024-05-01 10:00:01,2\n", &["--tz", "Europe/Belin"]),
        ("column", "time,a\n1714557600,1\n1714557601,2\n", &["--map", "offered=b"]),
    ];
    for (name, text, options) in rows {
        let file = write(&format!("wrong-{name}.csv"), text);
        let folder = crate::scratch(&format!("wrong-{name}"));
        let (file, out) = (file.to_str().expect("a path"), |name: &str| folder.join(name).display().to_string());
        let (kept, fitted, csv, plot) = (out("mapping.toml"), out("fitted.toml"), out("out.csv"), out("plot.svg"));
        let verbs: [&[&str]; 3] = [
            &["inspect", file, "--save-mapping", &kept],
            &[
                "fit",
                "models/retry-storm.toml",
                file,
                "-o",
                &fitted,
                "--csv",
                &csv,
                "--plot",
                &plot,
                "--free",
                "client.web.timeout",
            ],
            &["watch", "models/retry-storm.toml", file],
        ];
        for verb in verbs {
            let done = tipping(&[verb, options].concat());
            assert_eq!((done.code, done.out.as_str()), (2, ""), "{name}: {verb:?}: {}", done.err);
            let named = options.is_empty() && !done.err.contains(&format!("wrong-{name}.csv"));
            assert!(done.err.contains("error") && !named, "{name}: {verb:?}: {}", done.err);
            assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 0, "{name}: {verb:?} wrote something");
        }
    }
}

/// A million columns are refused in a moment and in little memory.
#[cfg(target_os = "linux")]
#[test]
fn a_million_columns_take_neither_time_nor_memory() {
    let cells = |from: &str| (0..1_000_000).map(|k| format!("{from}{k}")).collect::<Vec<_>>().join(",");
    let path = write("wide.csv", &format!("time,{}\n1714557600,{}\n", cells("c"), cells("")));
    let begun = std::time::Instant::now();
    // The limit is on the address space, program and libraries included.
    let line = format!("ulimit -v 400000; exec '{}' inspect '{}'", env!("CARGO_BIN_EXE_tipping"), path.display());
    let output = std::process::Command::new("sh").args(["-c", &line]).output().expect("it runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("columns are more than") && err.contains("wide.csv:1"), "{err}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn bad_files_show_the_line_and_a_caret() {
    let path = write(
        "bad.csv",
        "time,a\n1714557600,1\n1714557601,2\n1714557602,3\n1714557603,x1\n1714557604,5\n1714557605,5\n",
    );
    let done = tipping(&["inspect", path.to_str().expect("a path")]);
    assert_eq!((done.code, done.out.as_str()), (2, ""));
    assert!(done.err.contains("bad.csv:5"), "{}", done.err);
    assert!(done.err.contains("5 | 1714557603,x1"), "{}", done.err);
    assert!(done.err.contains("|            ^^"), "{}", done.err);
    let wrong = tipping(&["inspect", path.to_str().expect("a path"), "--tz", "Mars/Olympus"]);
    assert_eq!(wrong.code, 2);
    let wrong = tipping(&["inspect", path.to_str().expect("a path"), "--map", "nonsense=a"]);
    assert!(wrong.code == 2 && wrong.err.contains("offered"), "{}", wrong.err);
}
