//! What holds for every verb.

use crate::{command, tipping};
use std::io::Read;
use std::process::Stdio;

#[test]
fn help_and_version_are_results() {
    let version = tipping(&["--version"]);
    assert_eq!((version.code, version.out), (0, format!("tipping {}\n", env!("CARGO_PKG_VERSION"))));
    for arguments in [&["--help"][..], &["analyze", "--help"], &["simulate", "--help"], &["branches", "--help"]] {
        let help = tipping(arguments);
        assert_eq!((help.code, help.err.as_str()), (0, ""));
        assert!(help.out.contains("Examples:"), "{}", help.out);
    }
}

#[test]
fn colour_is_used_when_asked_for() {
    let has = |arguments: &[&str]| tipping(arguments).out.contains('\u{1b}');
    assert!(has(&["analyze", "models/m1.toml", "--color", "always"]));
    assert!(!has(&["analyze", "models/m1.toml"]));
    assert!(!has(&["analyze", "models/m1.toml", "--color", "always", "--format", "json"]));
    assert!(tipping(&["analyze", "--color=always"]).err.contains('\u{1b}'));
    assert!(!tipping(&["analyze", "--color", "never"]).err.contains('\u{1b}'));
}

#[test]
fn no_color_is_honoured() {
    let output = command(&["analyze", "models/m1.toml"]).env("NO_COLOR", "1").output().expect("it runs");
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn a_reader_who_stops_reading_is_no_error() {
    let mut child = command(&["simulate", "models/m1.toml", "--step", "1 ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut first = [0; 100];
    let mut out = child.stdout.take().expect("a pipe");
    out.read_exact(&mut first).expect("some bytes");
    drop(out);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn same_input_same_bytes() {
    for arguments in [
        &["analyze", "models/m1.toml", "--format", "json"][..],
        &["simulate", "models/m1.toml"],
        &["branches", "models/m1.toml", "--format", "csv"],
    ] {
        assert_eq!(tipping(arguments).out, tipping(arguments).out);
    }
}

#[test]
fn common_options_stand_anywhere() {
    let done = tipping(&["--set", "load=200 req/s", "--seed", "7", "analyze", "models/m1.toml", "--threads", "2"]);
    assert!(done.out.starts_with("m1 is STABLE at 200 req/s"), "{}{}", done.out, done.err);
}
