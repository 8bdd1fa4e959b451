//! Bad input: code 2, the reason on stderr, nothing on stdout, nothing written.

use crate::{Done, scratch, tipping};
use std::fs;

fn refused(arguments: &[&str], reason: &str) {
    let Done { code, out, err } = tipping(arguments);
    assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
    assert!(err.contains(reason), "{arguments:?}: {err}");
}

#[test]
fn usage_is_explained() {
    refused(&[], "Usage");
    refused(&["analyse", "m1"], "similar subcommand");
    refused(&["analyze"], "<MODEL>");
    refused(&["analyze", "m1", "--format", "html"], "possible values");
    refused(&["analyze", "m1", "--threads", "0"], "--threads");
    refused(&["analyze", "no-such-model.toml"], "no-such-model.toml");
    refused(&["analyze", "m1", "--set", "load"], "path=value");
    refused(&["analyze", "m1", "--set", "laod=3 req/s"], "did you mean `load`?");
    refused(&["simulate", "m1", "--trigger", "x"], "burst");
    refused(&["simulate", "m1", "--until", "10"], "--until must be a time");
    refused(&["simulate", "m1", "--step", "1 ns"], "ten million");
    refused(&["simulate", "m1", "--plot", "x.pdf"], ".svg or .png");
    refused(&["branches", "retry-storm", "--vary", "client.web.laod"], "client.web.load");
    refused(&["branches", "retry-storm", "--vary", "client.web.retry.attempts"], "cannot be varied");
    refused(&["branches", "m1", "--from", "3 s"], "--from must be");
    refused(&["branches", "m1", "--from", "300 req/s", "--to", "200 req/s"], "--from must be below --to");
    refused(&["models", "m2"], "retry-storm");
}

#[test]
fn mistakes_are_shown_with_their_lines_and_nothing_is_written() {
    let folder = scratch("bad");
    let model = folder.join("bad.toml");
    let text = include_str!("../../models/m1.toml").replace("\"o / backoff\"", "\"o / bakoff\"");
    fs::write(&model, text).expect("written");
    let out = folder.join("out");
    let (model, out) = (model.display().to_string(), out.display().to_string());
    refused(&["analyze", &model, "--out", &out], "bakoff");
    refused(&["analyze", "m1", "--set", "load=fast", "--out", &out], "--set");
    assert!(!fs::exists(&out).expect("known"));
    let csv = folder.join("run.csv").display().to_string();
    refused(&["simulate", &model, "--csv", &csv], "^");
    assert!(!fs::exists(csv).expect("known"));
}

#[test]
fn what_cannot_be_written_is_said() {
    let folder = scratch("unwritable");
    let file = folder.join("file");
    fs::write(&file, "x").expect("written");
    refused(&["analyze", "m1", "--out", &file.display().to_string()], "cannot write");
    assert_eq!(fs::read(&file).expect("still there"), b"x");
}
