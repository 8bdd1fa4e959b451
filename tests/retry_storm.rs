//! The founding example: ten slots of 100 ms, a queue of 300, clients that wait 1 s and try four times. The reference
//! values are those of a request-level simulation of the same system.

mod common;

use common::{analysis, close};
use tipping::answers::analysis::Verdict;
use tipping::answers::limits::LimitKind;

#[test]
fn it_is_vulnerable_between_recovery_and_tip_over() {
    let a = analysis("retry-storm", &[]);
    assert_eq!(a.verdict, Verdict::Vulnerable);
    let tip_over = a.tip_over_load.expect("a tip-over load");
    assert_eq!(tip_over.kind, LimitKind::Fold);
    assert!((94.0..97.0).contains(&tip_over.value), "{}", tip_over.value);
    let recovery = a.recovery_load.expect("a recovery load");
    assert!((recovery.value - 25.0).abs() <= 0.5, "{}", recovery.value);
    let names: Vec<&str> = a.states.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["good", "saddle", "collapsed"]);
    assert_eq!(a.bounds.expect("one client, one service").osdi22_stable_capacity, 25.0);
}

#[test]
fn the_verdict_follows_the_load() {
    assert_eq!(analysis("retry-storm", &["client.web.load=20 req/s"]).verdict, Verdict::Stable);
    assert_eq!(analysis("retry-storm", &["client.web.load=30 req/s"]).verdict, Verdict::Vulnerable);
    assert_eq!(analysis("retry-storm", &["client.web.load=120 req/s"]).verdict, Verdict::Overloaded);
}

#[test]
fn number_inside_is_that_of_the_simulation() {
    for (load, simulated) in [(60, 6.1), (80, 9.6), (90, 15.0)] {
        let a = analysis("retry-storm", &[&format!("client.web.load={load} req/s")]);
        let good = a.states.iter().find(|s| s.name == "good").expect("a good state");
        close(good.state["api.queue"].as_f64().expect("a number"), simulated, 0.06);
    }
}

#[test]
fn critical_durations_are_those_of_the_simulation() {
    for (load, simulated) in [(40, 1.31), (60, 1.15), (75, 0.98)] {
        let a = analysis("retry-storm", &[&format!("client.web.load={load} req/s")]);
        let trigger = a.triggers.iter().find(|t| t.name == "load-spike").expect("the trigger of the file");
        let critical = trigger.critical_duration.as_ref().and_then(|c| c.p50).expect("a critical duration");
        close(critical, simulated, 0.05);
    }
}

#[test]
fn collapsed_means_full_throughput_and_no_goodput() {
    let a = analysis("retry-storm", &[]);
    let collapsed = a.states.iter().find(|s| s.name == "collapsed").expect("a collapsed state");
    assert!(collapsed.stable);
    assert!(collapsed.goodput.expect("a goodput") < 1e-6);
    close(collapsed.amplification.expect("an amplification"), 4.0, 1e-9);
}

#[test]
fn fewer_attempts_recover_at_higher_load() {
    let recovery = |attempts: usize| {
        let a = analysis("retry-storm", &[&format!("client.web.retry.attempts={attempts}")]);
        a.recovery_load.map(|l| l.value)
    };
    let loads: Vec<f64> = (2..=5).filter_map(recovery).collect();
    assert_eq!(loads.len(), 4);
    for (attempts, load) in (2..=5).zip(&loads) {
        // capacity / attempts, less what the queue's own fluctuations let through
        close(*load, 100.0 / attempts as f64, 0.02);
    }
}

#[test]
fn every_jitter_has_the_same_limits() {
    // How a wait is spread changes no equilibrium; lags of 0.5, 1 and 1.5 s coincide without jitter.
    let limits = |jitter: &str| {
        let a = analysis("retry-storm", &[&format!("client.web.retry.jitter={jitter}")]);
        assert_eq!(a.verdict, Verdict::Vulnerable, "{jitter}");
        (a.tip_over_load.expect("a tip-over load").value, a.recovery_load.expect("a recovery load").value)
    };
    let (tip_over, recovery) = limits("exponential");
    for jitter in ["none", "full", "equal"] {
        let (other_tip_over, other_recovery) = limits(jitter);
        close(other_tip_over, tip_over, 1e-8);
        close(other_recovery, recovery, 1e-8);
    }
}

#[test]
fn a_load_far_beyond_the_tip_over_point_is_overload() {
    let tip_over = |load: &str| {
        let a = analysis("retry-storm", &[load]);
        (a.verdict, a.tip_over_load.expect("a tip-over load").value)
    };
    let (verdict, far) = tip_over("client.web.load=5000 req/s");
    assert_eq!(verdict, Verdict::Overloaded);
    close(far, tip_over("client.web.load=60 req/s").1, 1e-8);
}

/// Columns `time_s` and `goodput_req_per_s` of a run printed as CSV.
fn goodput_over_time(arguments: &[&str]) -> Vec<(f64, f64)> {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_tipping")).args(arguments).output().expect("runs");
    let text = String::from_utf8(done.stdout).expect("text");
    let mut rows = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(',').collect::<Vec<_>>());
    let head = rows.next().expect("a head");
    let column = |name: &str| head.iter().position(|h| h.contains(name)).expect("a column");
    let (time, goodput) = (column("time"), column("web.goodput"));
    rows.map(|row| (row[time].parse().expect("a time"), row[goodput].parse().expect("a rate"))).collect()
}

/// An answer counts when it is given. The burst of 200/s from 30 s on fills the queue to 100 within 1.06 s; who arrives later waits
/// for more than the timeout, but those ahead are still answered in time for about a second.
#[test]
fn goodput_ends_when_answers_come_late_and_not_when_requests_do() {
    let burst = ["--set", "trigger.load-spike.for=3 s", "--trigger", "load-spike"];
    let mut simulate = vec!["simulate", "retry-storm", "--closure", "moments", "--until", "34 s", "--step", "0.05 s"];
    simulate.extend(burst);
    let equations = goodput_over_time(&simulate);
    let mut referee = vec!["referee", "retry-storm", "--for", "34 s", "--replications", "200", "--step", "0.25 s"];
    referee.extend(["--format", "csv"]);
    referee.extend(burst);
    let played = goodput_over_time(&referee);
    let mean = |rows: &[(f64, f64)], from: f64, to: f64| {
        let inside: Vec<f64> = rows.iter().filter(|r| r.0 > from + 1e-9 && r.0 <= to + 1e-9).map(|r| r.1).collect();
        assert!(!inside.is_empty(), "{from}");
        inside.iter().sum::<f64>() / inside.len() as f64
    };
    for (from, to) in [(30.0, 31.0), (31.0, 31.5), (31.5, 32.0), (32.5, 34.0)] {
        let (equations, played) = (mean(&equations, from, to), mean(&played, from, to));
        assert!((equations - played).abs() < 8.0, "{from}: {equations} for {played}");
    }
    assert!(mean(&played, 31.0, 31.5) > 90.0 && mean(&played, 32.5, 34.0) < 5.0);
}

/// Closer to the fold than the continuation steps: the good state, its saddle and the collapsed one are told apart all the way.
#[test]
fn the_good_state_is_called_good_up_to_the_fold() {
    let fold = analysis("retry-storm", &["client.web.retry.attempts=6"]).tip_over_load.expect("a fold").value;
    for share in [0.99, 0.995, 0.997, 0.9985, 0.9995] {
        let load = format!("client.web.load={} req/s", share * fold);
        let found = analysis("retry-storm", &["client.web.retry.attempts=6", &load]);
        let names: Vec<&str> = found.states.iter().map(|s| s.name.as_str()).collect();
        assert_eq!((found.verdict, names), (Verdict::Vulnerable, vec!["good", "saddle", "collapsed"]), "{share}");
    }
}
