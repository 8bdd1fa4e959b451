//! The recorded testbed: numbers fitted to the ramp alone, and what follows for everything else that was measured.
//!
//! `cargo test --release --test fit_testbed -- --nocapture` prints the table of docs/testbed.md.

#![expect(clippy::print_stdout, reason = "the deviations are what the test is for")]

use serde_json::Value;
use std::process::Command;

fn tipping(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tipping")).args(arguments).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Value of a row of the summary.
fn measured(quantity: &str, of: &str) -> f64 {
    let text = include_str!("../data/testbed-summary.csv");
    let row =
        text.lines().map(|line| line.split(',').collect::<Vec<_>>()).find(|row| row[1] == quantity && row[2] == of);
    row.and_then(|row| row[3].parse().ok()).unwrap_or_else(|| panic!("{quantity} of {of}"))
}

#[test]
fn the_ramp_predicts_spikes_and_recovery() {
    let fitted = std::env::temp_dir().join(format!("tipping-testbed-{}.toml", std::process::id()));
    let path = fitted.display().to_string();
    // But for the load all columns are of one target: Prometheus reads different targets at different times of each second.
    let mapping = "offered=client_requests_total,attempts=server_requests_total,served=server_served_total,\
                   goodput=server_served_total - server_abandoned_total,\
                   retries=server_requests_total - client_requests_total,\
                   inflight=server_inflight + server_queue_length";
    let free = ["service.api.service_time", "client.web.timeout", "client.web.retry.backoff"];
    let mut arguments =
        vec!["fit", "models/testbed.toml", "data/testbed-ramp.json", "--starts", "0", "--map", mapping, "-o", &path];
    free.iter().for_each(|path| arguments.extend(["--free", path]));
    print!("{}", tipping(&arguments));
    let analysis = |load: &str| -> Value {
        let set = format!("client.web.load={load} req/s");
        serde_json::from_str(&tipping(&["analyze", &path, "--set", &set, "--format", "json"])).expect("JSON")
    };
    let mut worst = 0.0_f64;
    let mut row = |what: &str, measured: f64, predicted: f64| {
        let deviation = predicted / measured - 1.0;
        worst = worst.max(deviation.abs());
        println!("{what:<36} measured {measured:.4}  predicted {predicted:.4}  {:+.1} %", 100.0 * deviation);
    };
    // Not exactly 300: there the search for the critical durations of this fitted model ends undecided.
    let at: Vec<(&str, Value)> =
        [("300", "300.1"), ("250", "250"), ("350", "350")].map(|(load, near)| (load, analysis(near))).into();
    row(
        "recovery load",
        measured("recovery load", "4 descents: median and range"),
        at[0].1["recovery_load"]["value"].as_f64().expect("a fold"),
    );
    let spikes = [
        (0, "twice-full", "load 1000"),
        (1, "twice-full", "load 1000"),
        (2, "twice-full", "load 1000"),
        (0, "three-times-full", "load 1500"),
        (0, "half-more-than-full", "load 750"),
        (0, "lost-slots", "slots 3"),
    ];
    for (case, trigger, spike) in spikes {
        let (load, answer) = &at[case];
        let triggers = answer["triggers"].as_array().expect("triggers");
        let found = triggers.iter().find(|t| t["name"] == trigger).expect("the trigger");
        let of = format!("load {load} req/s; {spike}");
        row(&of, measured("critical duration p50", &of), found["critical_duration"]["p50"].as_f64().expect("it tips"));
    }
    let _ = std::fs::remove_file(&fitted);
    assert!(worst < 0.15, "{worst}");
}
