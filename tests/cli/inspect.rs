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
    assert_eq!(file["time"]["step"], 30.0);
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
