use super::super::analysis::analyze;
use super::*;
use crate::model;

fn found(text: &str) -> Vec<Finding> {
    let loaded = model::load(text, "test", &[]).unwrap_or_else(|d| panic!("{}", d.render(false)));
    let study = Study::new(loaded.model).expect("equations");
    analyze(&study, "").expect("a branch").analysis.findings
}

fn ids(text: &str) -> Vec<&'static str> {
    found(text).into_iter().map(|f| f.id).collect()
}

/// Ten slots of 100 ms with a queue of 80 for clients who wait a second: drained in 0.8 s.
fn model(meta: &str, client: &str, service: &str, rest: &str) -> String {
    format!(
        "[model]\nname = \"m\"\n{meta}\n[client.web]\ncalls = \"api\"\nload = \"60 req/s\"\n{client}\n\
         [service.api]\nservers = 10\nservice_time = \"100 ms\"\n{service}\n{rest}\n"
    )
}

const PATIENT: &str = "timeout = \"1 s\"";
const SHORT: &str = "queue = { limit = 80 }";

#[test]
fn a_sound_model_has_no_findings() {
    assert_eq!(ids(&model("", PATIENT, SHORT, "")), [""; 0]);
}

#[test]
fn queues_are_compared_with_timeouts_and_with_the_load() {
    assert_eq!(ids(&model("", PATIENT, "queue = { limit = 101 }", "")), ["queue-outlasts-timeout"]);
    assert_eq!(ids(&model("", PATIENT, "queue = { limit = 99 }", "")), [""; 0]);
    assert_eq!(ids(&model("", PATIENT, "", "")), ["unbounded-queue"]);
    let spike =
        |length| format!("[[trigger]]\nname = \"s\"\nset = {{ \"client.web.load\" = \"x2\" }}\nfor = \"{length}\"");
    assert_eq!(ids(&model("", PATIENT, SHORT, &spike("700 ms"))), ["queue-slower-than-load"]);
    assert_eq!(ids(&model("", PATIENT, SHORT, &spike("900 ms"))), [""; 0]);
}

#[test]
fn timeouts_are_compared_with_healthy_latency() {
    // Without a queue to speak of W is exponential with mean 100 ms: P(W > 400 ms) is 1.8 %, P(W > 1 s) 0.005 %.
    let client = "timeout = \"400 ms\"";
    let findings = found(&model("", client, "queue = { limit = 35 }", ""));
    assert_eq!(findings.iter().map(|f| f.id).collect::<Vec<_>>(), ["timeout-below-p99"]);
    assert!(findings[0].message.contains("gives up after 0.4 s, and "), "{}", findings[0].message);
}

#[test]
fn policies_are_looked_at() {
    let retry = |keys: &str| model("", &format!("{PATIENT}\nretry = {{ {keys} }}"), SHORT, "");
    assert_eq!(ids(&retry("attempts = 2, backoff = \"1 s\"")), ["no-jitter"]);
    assert_eq!(ids(&retry("attempts = 2, backoff = \"1 s\", jitter = \"full\"")), [""; 0]);
    let ids = ids(&retry("attempts = \"unlimited\", backoff = \"1 s\", jitter = \"exponential\""));
    assert_eq!(ids, ["unlimited-attempts"]);
}

#[test]
fn retries_of_tiers_multiply() {
    let tier =
        |name: &str| format!("[service.{name}]\nservers = 10\nservice_time = \"10 ms\"\nqueue = {{ limit = 50 }}\n");
    let retry = "timeout = \"1 s\"\nretry = { attempts = 4, backoff = \"100 ms\", jitter = \"exponential\" }\n";
    let text = format!(
        "[model]\nname = \"m\"\n[client.web]\ncalls = \"a\"\nload = \"6 req/s\"\n{retry}{}[service.a.calls.b]\n{retry}{}[service.b.calls.c]\n{retry}{}",
        tier("a"),
        tier("b"),
        tier("c")
    );
    let findings = found(&text);
    let product: Vec<&Finding> = findings.iter().filter(|f| f.id == "retry-product").collect();
    assert_eq!(product.len(), 1, "{findings:?}");
    assert!(product[0].message.contains("web > a > b > c: up to 64 attempts"), "{}", product[0].message);
}

#[test]
fn growth_is_turned_into_dates() {
    let retry = format!("{PATIENT}\nretry = {{ attempts = 4, backoff = \"500 ms\", jitter = \"exponential\" }}");
    let grown =
        |load: &str| model("growth = \"30 %/y\"", &retry, "queue = { limit = 300 }", "").replace("60 req/s", load);
    let message = |load: &str| {
        let findings = found(&grown(load));
        findings.into_iter().find(|f| f.id == "headroom-shrinks").expect("a date").message
    };
    // ln(25.26/20)/0.3 = 0.78 y, ln(95.17/20)/0.3 = 5.2 y
    let early = message("20 req/s");
    assert!(
        early.starts_with("at this growth the system is vulnerable in ") && early.contains("falls over in 5.2 y"),
        "{early}"
    );
    // ln(95.17/60)/0.3 = 1.54 y
    let late = message("60 req/s");
    assert_eq!(late, "the system is vulnerable already; at this growth it falls over in 562 d");
}

#[test]
fn percentiles_must_not_be_averaged() {
    for (name, is) in
        [("p99", true), ("east.p999", true), ("p99_east", true), ("p", false), ("p9", false), ("prior", false)]
    {
        assert_eq!(is_percentile(name), is, "{name}");
    }
    let outputs = "[output]\np99_east = \"0.2\"\np99_west = \"0.4\"\nboth = \"(p99_east + p99_west) / 2\"\nworst = \"max(p99_east, p99_west)\"";
    let findings = found(&model("", PATIENT, SHORT, outputs));
    assert_eq!(
        findings.iter().map(|f| (f.id, f.path.as_str())).collect::<Vec<_>>(),
        [("averaged-percentiles", "output.both")]
    );
}
