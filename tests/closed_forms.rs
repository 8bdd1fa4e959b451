//! The whole tool against closed forms and published values.

mod common;

use common::{analysis, close, findings, study, study_of};
use tipping::answers::analysis::Verdict;
use tipping::answers::closed_forms::mm1_retry_tip_over;
use tipping::answers::limits::LimitKind;

/// Bronson et al., HotOS 2021: 300 req/s of capacity, clients wait 1 s and try twice.
const HOTOS: &str = r#"
[model]
name = "hotos"

[client.web]
calls = "api"
load = "280 req/s"
timeout = "1 s"
retry = { attempts = 2, backoff = "500 ms", jitter = "exponential" }

[service.api]
servers = 30
service_time = "100 ms"
queue = { limit = 3000 }
"#;

#[test]
fn a_saturated_service_recovers_at_capacity_over_attempts() {
    let a = findings(&study_of(HOTOS, &[])).analysis;
    assert_eq!(a.verdict, Verdict::Vulnerable);
    close(a.recovery_load.expect("a recovery load").value, 150.0, 0.005);
    let collapsed = a.states.iter().find(|s| s.name == "collapsed").expect("a collapsed state");
    // 560 attempts are offered, none is answered in time
    close(collapsed.amplification.expect("an amplification") * 280.0, 560.0, 1e-6);
    assert!(collapsed.goodput.expect("a goodput") < 1e-6);
}

#[test]
fn a_token_bucket_recovers_at_capacity_over_one_plus_fill() {
    for fill in [0.1, 0.2, 0.5] {
        let budget = format!("budget = {{ kind = \"token-bucket\", fill = {fill}, size = 10 }}, attempts = 4,");
        let text = HOTOS.replace("attempts = 2,", &budget);
        let a = findings(&study_of(&text, &[])).analysis;
        close(a.recovery_load.expect("a recovery load").value, 300.0 / (1.0 + fill), 0.01);
    }
}

#[test]
fn without_retries_nothing_is_metastable() {
    let a = analysis("queue-timeout", &[]);
    assert_eq!(a.verdict, Verdict::Stable);
    assert!(a.recovery_load.is_none());
    let tip_over = a.tip_over_load.expect("goodput has a peak");
    assert_eq!(tip_over.kind, LimitKind::Peak);
    assert!((90.0..100.0).contains(&tip_over.value));
    assert_eq!(a.triggers[0].outcome, "heals");
    assert_eq!(a.triggers[0].critical_duration, None);
}

#[test]
fn mm1_with_retries_tips_over_at_the_maximum_of_the_closed_form() {
    let cases = [
        (2.0, "3", 0.379_892),
        (2.0, "4", 0.348_616),
        (2.0, "unlimited", 0.330_425),
        (5.0, "2", 0.585_254),
        (5.0, "4", 0.545_207),
        (5.0, "unlimited", 0.543_810),
        (10.0, "2", 0.704_735),
        (10.0, "unlimited", 0.693_602),
        (40.0, "2", 0.885_809),
        (40.0, "unlimited", 0.885_141),
    ];
    for (theta, attempts, published) in cases {
        let timeout = format!("client.web.timeout={} ms", 100.0 * theta);
        let attempts = format!("client.web.retry.attempts={attempts}");
        let study = study("mm1-retry", &[&timeout, &attempts, "client.web.load=1 req/s"]);
        let found = findings(&study);
        let limit = found.limits.tip_over.as_ref().expect("a tip-over load");
        assert_eq!(limit.kind, LimitKind::Fold, "{timeout} {attempts}");
        close(limit.load / 10.0, published, 1e-5);
    }
}

#[test]
fn mm1_with_little_retrying_is_not_bistable() {
    // (R - 1) theta = 2: the closed form rises to mu/R = 0.5 and has no maximum before
    assert_eq!(mm1_retry_tip_over(2.0, 2.0), None);
    let settings = ["client.web.timeout=200 ms", "client.web.retry.attempts=2", "client.web.load=3 req/s"];
    let found = findings(&study("mm1-retry", &settings));
    let limit = found.limits.tip_over.expect("where the queue grows without bound");
    assert_eq!(limit.kind, LimitKind::Escape);
    close(limit.load, 5.0, 0.003);
    assert!(found.limits.recovery.is_none());
    assert_eq!(found.analysis.verdict, Verdict::Stable);
}

#[test]
fn mm1_recovers_at_capacity_over_attempts() {
    for attempts in [2.0, 4.0] {
        let setting = format!("client.web.retry.attempts={attempts}");
        let found = findings(&study("mm1-retry", &[&setting]));
        let limit = found.limits.recovery.expect("a recovery load");
        assert_eq!(limit.kind, LimitKind::Escape);
        close(limit.load, 10.0 / attempts, 0.003);
    }
    let found = findings(&study("mm1-retry", &["client.web.retry.attempts=unlimited"]));
    assert!(found.limits.recovery.is_none_or(|l| l.load < 0.05), "unlimited attempts never recover");
}

/// A service with all the room in the world that answers a share of attempts with an error.
fn failing(share: f64, attempts: usize) -> String {
    format!(
        r#"
[model]
name = "failing"

[client.web]
calls = "api"
load = "10 req/s"
timeout = "10 s"
retry = {{ attempts = {attempts}, backoff = "100 ms", jitter = "exponential" }}

[service.api]
servers = 1000
service_time = "10 ms"
error_share = {share}
"#
    )
}

#[test]
fn independent_failures_amplify_geometrically() {
    for (f, n) in [(0.1, 3), (0.5, 3), (0.9, 4), (0.5, 1), (1.0, 4)] {
        let a = findings(&study_of(&failing(f, n), &[])).analysis;
        let state = &a.states[0];
        let amplification = if f == 1.0 { n as f64 } else { (1.0 - f64::powi(f, n as i32)) / (1.0 - f) };
        close(state.amplification.expect("an amplification"), amplification, 1e-9);
        let success = 1.0 - f64::powi(f, n as i32);
        assert!((state.yield_.expect("a yield") - success).abs() < 1e-9);
    }
}

/// `layers` services in a row, each call tried `attempts` times, the last one failing always.
fn tower(layers: usize, attempts: usize) -> String {
    let retry = format!("retry = {{ attempts = {attempts}, backoff = \"1 ms\", jitter = \"exponential\" }}");
    let mut text = format!("[model]\nname = \"tower\"\n[client.web]\ncalls = \"s1\"\nload = \"1 req/s\"\n{retry}\n");
    for layer in 1..=layers {
        text += &format!("[service.s{layer}]\nservers = \"unlimited\"\nservice_time = \"1 ms\"\n");
        if layer < layers {
            text += &format!("[service.s{layer}.calls.s{}]\n{retry}\n", layer + 1);
        } else {
            text += "error_share = 1\n";
        }
    }
    text
}

#[test]
fn attempts_multiply_across_layers() {
    for (layers, attempts, tries) in [(3, 4, 64.0), (5, 3, 243.0)] {
        let study = study_of(&tower(layers, attempts), &[]);
        let found = findings(&study);
        let fluid = &study.fluid;
        let outputs = fluid.outputs_at_rest(&found.landscape.states[0].x, &fluid.parameters());
        let offered = fluid.process().output_index(&format!("s{layers}.offered")).expect("the lowest layer");
        close(outputs[offered], tries, 1e-6);
    }
}

/// A smooth retry model with known equilibria and fold.
const SMOOTH: &str = r#"
[model]
name = "smooth"
load = "load"
goodput = "served * (1 - late)"

[param]
load = "80 req/s"
mu = "100 req/s"
tau = "500 ms"
p = 0.9
a = "0.5 /s"

[state]
q = { start = 0, min = 0, unit = "req", scale = 10 }
r = { start = 0, min = 0, unit = "req", scale = 10 }

[output]
wait = "(1 + q) / mu"
late = "logistic((wait - tau) / (0.1 * tau))"
served = "mu * q / (1 + q)"

[flow]
q = "load + a * r - served"
r = "p * late * served - a * r"
"#;

#[test]
fn the_smooth_retry_model_has_its_equilibria_and_fold() {
    let found = findings(&study_of(SMOOTH, &[]));
    let q = |name: &str| {
        let state = found.analysis.states.iter().find(|s| s.name == name).expect("the state");
        state.state["q"].as_f64().expect("a number")
    };
    assert!((q("good") - 4.00).abs() < 0.005, "{}", q("good"));
    assert!((q("saddle") - 42.10).abs() < 0.005, "{}", q("saddle"));
    let tip = found.limits.tip_over.as_ref().expect("a fold");
    assert!((tip.load - 95.45).abs() < 0.005, "{}", tip.load);
    assert!((tip.x.as_ref().expect("a state")[0] - 25.2).abs() < 0.05);
    // The lower fold lies just below mu (1 - p) = 10, which the collapsed branch approaches as q grows for ever.
    let recovery = found.limits.recovery.expect("a fold");
    assert_eq!(recovery.kind, LimitKind::Fold);
    close(recovery.load, 10.0, 0.01);
    let end = found.landscape.branch.points.last().expect("a point");
    close(end.parameter, 10.0, 1e-4);
}

#[test]
fn concurrency_dependent_latency() {
    let found = findings(&study("usl-contention", &[]));
    let good = &found.analysis.states[0];
    close(good.state["n"].as_f64().expect("a number"), 66.7, 0.05);
    close(found.limits.tip_over.expect("a fold").load, 64.3, 0.05);
    close(found.limits.recovery.expect("a fold").load, 21.4, 0.05);
}

/// Site Reliability Engineering, chapter 22: ten servers of a hundred threads take 1000 req/s of 100 ms with a tenth of their
/// threads, until a twentieth of the requests hangs to a deadline of 100 s. By Little's law these alone need
/// 0.05 · 1000 · 100 = 5000 threads; the thousand there are serve 1000/(0.1 + 0.05 · 100) = 196 req/s: 19.6 %.
const HANGING: &str = r#"
[model]
name = "hanging"

[client.users]
calls = "frontend"
load = "1000 req/s"

[service.frontend]
servers = 1000
service_time = "100 ms"
queue = { limit = 1000 }

[service.frontend.calls.backend]
count = 0.05

[service.backend]
servers = "unlimited"
service_time = "100 s"
variability = 0
"#;

#[test]
fn requests_that_hang_use_up_all_threads() {
    let served = |overrides: &[&str]| {
        let found = findings(&study_of(HANGING, overrides));
        let state = found.analysis.states.iter().find(|s| s.stable).expect("a state").clone();
        (state.goodput.expect("goodput") / 1000.0, state.state["frontend.queue"].as_f64().expect("a number"))
    };
    close(served(&[]).0, 0.196, 0.002);
    let (all, threads) = served(&["service.frontend.servers=8000", "service.frontend.queue.limit=8000"]);
    close(all, 1.0, 1e-6);
    close(threads, 5000.0 + 100.0, 1e-3);
    let (all, threads) = served(&["service.frontend.calls.backend.count=0"]);
    close(all, 1.0, 1e-6);
    close(threads, 100.0, 1e-3);
}
