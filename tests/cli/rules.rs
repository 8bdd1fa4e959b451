//! `tipping rules`: what is in the files. That Prometheus understands them is checked by its own tool in `.ci/run`.

use crate::{json, scratch, tipping};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

fn yaml(text: &str) -> Yaml {
    YamlLoader::load_from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}")).remove(0)
}

fn list(value: &Yaml) -> &[Yaml] {
    value.as_vec().map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(value: &'a Yaml, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value:?}"))
}

/// The value of a vector constant among the rules.
fn constant(rules: &Yaml, name: &str) -> f64 {
    let rule = list(&rules["groups"][0]["rules"]).iter().find(|r| r["record"].as_str() == Some(name)).expect(name);
    let expr = text(rule, "expr");
    expr.strip_prefix("vector(").and_then(|e| e.strip_suffix(')')).expect(expr).parse().expect(expr)
}

fn alerts(rules: &Yaml) -> Vec<&Yaml> {
    list(&rules["groups"][0]["rules"]).iter().filter(|r| !r["alert"].is_badvalue()).collect()
}

#[test]
fn the_numbers_are_those_of_analyze_rounded_down() {
    let done = tipping(&["rules", "models/retry-storm.toml"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let rules = yaml(&done.out);
    let analysis = json(&tipping(&["analyze", "models/retry-storm.toml", "--format", "json"]).out);
    for (name, limit) in [("tipping:recovery_load", "recovery_load"), ("tipping:tip_over_load", "tip_over_load")] {
        let (stated, exact) = (constant(&rules, name), analysis[limit]["value"].as_f64().expect(limit));
        assert!(stated <= exact && stated > 0.999 * exact, "{name}: {stated} of {exact}");
    }
    let shed = constant(&rules, "tipping:shed_to_load") / constant(&rules, "tipping:recovery_load");
    assert!((0.94..0.951).contains(&shed), "{shed}");
    let near = analysis["tip_over_load"]["with_noise"].as_f64().expect("with noise");
    let found = alerts(&rules);
    let names: Vec<&str> = found.iter().map(|a| text(a, "alert")).collect();
    assert_eq!(names, ["TippingVulnerable", "TippingNearTipOver", "TippingPastBoundary", "TippingCollapsed"]);
    let threshold: f64 = text(found[1], "expr").rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    assert!(threshold <= near && threshold > 0.999 * near, "{threshold} of {near}");
    for alert in found {
        assert!(["info", "warning", "critical"].contains(&text(&alert["labels"], "severity")));
        assert_eq!(text(&alert["labels"], "model"), "retry-storm");
        assert!(!text(alert, "for").is_empty());
        for words in ["summary", "description", "shed_to"] {
            assert!(!text(&alert["annotations"], words).is_empty(), "{words}");
        }
        assert!(text(&alert["annotations"], "description").contains("shed load to 23.9 req/s"), "{alert:?}");
    }
}

#[test]
fn json_follows_the_schema() {
    let schema = json(include_str!("../../docs/rules.schema.json"));
    for model in ["retry-storm", "m1", "usl-contention", "testbed", "thread-pool"] {
        let done = tipping(&["rules", &format!("models/{model}.toml"), "--format", "json"]);
        assert_eq!(done.code, 0, "{model}: {}", done.err);
        let document = json(&done.out);
        let violations = crate::schema::violations(&schema, &document);
        assert!(violations.is_empty(), "{model}: {violations:#?}");
        let unknown = crate::schema::unnamed(&schema, &document);
        assert!(unknown.is_empty(), "{model}: the schema does not name {unknown:?}");
    }
}

#[test]
fn every_alarm_has_cases_in_which_it_stands_and_in_which_it_does_not() {
    for (model, expected) in [("retry-storm", 4), ("usl-contention", 4), ("queue-timeout", 2)] {
        let folder = scratch(&format!("rules-{model}"));
        let path = folder.to_str().expect("a path");
        let done = tipping(&["rules", &format!("models/{model}.toml"), "-o", path]);
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(done.out.contains("promtool test rules"), "{}", done.out);
        let read = |name: &str| yaml(&std::fs::read_to_string(folder.join(name)).expect("written"));
        let (rules, tests) = (read("rules.yml"), read("rules_test.yml"));
        assert_eq!(tests["rule_files"][0].as_str(), Some("rules.yml"));
        assert_eq!(alerts(&rules).len(), expected, "{model}");
        for alert in alerts(&rules) {
            let name = text(alert, "alert");
            let cases = || list(&tests["tests"]).iter().flat_map(|t| list(&t["alert_rule_test"]));
            let of = |stands: bool| {
                cases().filter(|c| text(c, "alertname") == name && list(&c["exp_alerts"]).is_empty() != stands).count()
            };
            assert!(of(true) >= 1 && of(false) >= 3, "{model} {name}: {} and {}", of(true), of(false));
        }
    }
}

#[test]
fn without_a_collapsed_state_only_what_makes_sense_and_that_is_said() {
    let done = tipping(&["rules", "models/queue-timeout.toml", "--format", "json"]);
    let document = json(&done.out);
    assert_eq!((done.code, &document["schema"]), (0, &"tipping.rules/1".into()), "{}", done.err);
    let names: Vec<&Value> = document["alerts"].as_array().expect("alerts").iter().map(|a| &a["alert"]).collect();
    assert_eq!(names, ["TippingNearTipOver", "TippingStarved"]);
    assert_eq!((&document["recovery_load"], &document["characteristic_metric"]), (&Value::Null, &Value::Null));
    let remarks = document["remarks"].as_array().expect("remarks");
    assert!(remarks.iter().any(|r| r.as_str().is_some_and(|r| r.contains("no collapsed state"))), "{document}");
}

#[test]
fn expressions_of_the_user_stand_in_the_rules_and_their_cases_begin_behind_them() {
    let folder = scratch("rules-map");
    let path = folder.join("storm.yml");
    let offered = "sum by (dc) (rate(http_requests_total{code!~\"5..\", try='1'}[1m]))";
    let map = format!("offered={offered},inflight=sum(active)");
    let done = tipping(&["rules", "models/retry-storm.toml", "-o", path.to_str().expect("a path"), "--map", &map]);
    assert_eq!(done.code, 0, "{}", done.err);
    let rules = yaml(&std::fs::read_to_string(&path).expect("written"));
    assert_eq!(text(&rules["groups"][0]["rules"][0], "expr"), format!("sum({offered})"));
    let tests = yaml(&std::fs::read_to_string(folder.join("storm_test.yml")).expect("written"));
    assert_eq!(tests["rule_files"][0].as_str(), Some("storm.yml"));
    let series: Vec<&str> = list(&tests["tests"][0]["input_series"]).iter().map(|s| text(s, "series")).collect();
    assert_eq!(series[0], "tipping:offered{model=\"retry-storm\"}");
    assert_eq!(series[1], "tipping_goodput{instance=\"a\"}");
    assert!(done.out.contains("must be provided") && !done.out.contains("tipping_offered,"), "{}", done.out);
}

#[test]
fn what_cannot_be_used_is_refused_and_nothing_is_written() {
    let folder = scratch("rules-refused");
    let path = folder.join("out");
    let out = path.to_str().expect("a path");
    for (map, word) in [
        ("offerd=x", "there are offered"),
        ("offered=sum(x", "brackets"),
        ("offered=", "empty"),
        ("offered", "INPUT=PROMQL"),
        ("goodput=x # y", "comment"),
    ] {
        let done = tipping(&["rules", "models/retry-storm.toml", "-o", out, "--map", map]);
        assert_eq!(done.code, 2, "{map}: {}", done.err);
        assert!(done.err.contains(word), "{map}: {}", done.err);
    }
    let inconclusive = tipping(&["rules", "models/queue-orbit.toml", "-o", out]);
    assert_eq!((inconclusive.code, inconclusive.out.as_str()), (3, ""), "{}", inconclusive.err);
    assert!(inconclusive.err.contains("inconclusive"), "{}", inconclusive.err);
    assert!(!path.exists());
}

#[test]
fn same_bytes_for_any_number_of_threads() {
    let one = tipping(&["rules", "models/mm1-retry.toml", "--threads", "1"]);
    assert_eq!((one.code, one.out), (0, tipping(&["rules", "models/mm1-retry.toml", "--threads", "3"]).out));
}
