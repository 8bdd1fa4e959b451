//! What is printed is the mathematics that is computed.

use super::*;
use crate::model::types::Closure;
use crate::process::dimension::Dimension;
use crate::process::expr::{Expr, Kind, Operator, parse};
use crate::process::graph::Node;
use crate::process::lower::{Scope, Type, lower};
use crate::process::tape::{Layout, Tape};
use std::collections::BTreeMap;

fn process_of(text: &str, closure: Closure) -> Process {
    let loaded = crate::model::load(text, "test.toml", &[]).unwrap_or_else(|d| panic!("{d}"));
    crate::model::expand::process(&loaded.model, closure).unwrap_or_else(|p| panic!("{p:?}"))
}

fn shipped() -> Vec<(String, String)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
    let mut found: Vec<(String, String)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .filter(|(_, text)| has_equations(text))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Whether a model has equations; one without mistakes may still be for the request-level simulation alone.
fn has_equations(text: &str) -> bool {
    let model = crate::model::load(text, "test.toml", &[]).unwrap_or_else(|d| panic!("{d}")).model;
    let mistakes = crate::model::expand::check(&model, Closure::Moments).is_err();
    mistakes || crate::model::expand::process(&model, Closure::Moments).is_ok()
}

/// Names without dimensions are given to the parser, which asks for a time as a lag.
fn seconds(e: Expr) -> Expr {
    let span = e.span.clone();
    let deep = |x: Box<Expr>| Box::new(seconds(*x));
    let kind = match e.kind {
        Kind::Negate(x) => Kind::Negate(deep(x)),
        Kind::Not(x) => Kind::Not(deep(x)),
        Kind::Binary(o, l, r) => Kind::Binary(o, deep(l), deep(r)),
        Kind::Call(name, at, arguments) => {
            let mut arguments: Vec<Expr> = arguments.into_iter().map(seconds).collect();
            if name == "delay" {
                let second = Expr { kind: Kind::Number(1.0, Some(Dimension::TIME)), span: span.clone() };
                let lag = arguments.remove(1);
                let kind = Kind::Binary(Operator::Mul, Box::new(lag), Box::new(second));
                arguments.push(Expr { kind, span: span.clone() });
            }
            Kind::Call(name, at, arguments)
        }
        other => other,
    };
    Expr { kind, span }
}

/// `name = expression` of a section of the text, continued lines joined.
fn section(text: &str, title: &str) -> Vec<(String, String)> {
    let mut lines: Vec<String> = Vec::new();
    let body = text.lines().skip_while(|l| !l.starts_with(&format!("# {title}"))).skip(1);
    for line in body.take_while(|l| !l.starts_with('#') && !l.is_empty()) {
        match lines.last_mut() {
            Some(last) if line.starts_with(' ') => *last += line,
            _ => lines.push(line.to_owned()),
        }
    }
    let split = |line: String| {
        let (name, body) = line.split_once(" = ").unwrap();
        (name.trim().to_owned(), body.split("  # ").next().unwrap_or_default().to_owned())
    };
    lines.into_iter().map(split).collect()
}

/// Reads the printed text back and compares every right-hand side with the process it was printed from.
fn check(label: &str, process: &Process) {
    let printed = text(process);
    let mut own = process.clone();
    let drift = own.drift();
    let mut graph = own.graph.clone();
    let mut scope = Scope::default();
    let plain = Type::Quantity(Dimension::NONE);
    for (i, p) in own.parameters.iter().enumerate() {
        let node = graph.parameter(i);
        scope.define(p.path.clone(), node, plain);
    }
    for (i, s) in own.states.iter().enumerate() {
        let node = graph.state(i);
        scope.define(s.info.name.clone(), node, plain);
    }
    let time = graph.time();
    scope.define("t", time, plain);
    let mut read = |text: &str, scope: &Scope| -> (Node, Type) {
        let tree = seconds(parse(text).unwrap_or_else(|e| panic!("{label}: {text}: {e:?}")));
        lower(&tree, scope, &mut graph).unwrap_or_else(|e| panic!("{label}: {text}: {e:?}"))
    };
    let mut again = BTreeMap::new();
    for (name, body) in section(&printed, "Quantities") {
        let (node, _) = read(&body, &scope);
        scope.define(name.clone(), node, plain);
        assert!(again.insert(name.clone(), node).is_none(), "{label}: {name} is printed twice");
    }
    let mut pairs: Vec<(String, Node, Node)> = Vec::new();
    for (name, node) in own.definitions.iter().map(|d| (&d.0, d.1)).chain(own.outputs.iter().map(|o| (&o.name, o.node)))
    {
        let read = again.get(name).copied().or_else(|| scope.get(name).map(|v| v.0));
        pairs.push((name.clone(), node, read.unwrap_or_else(|| panic!("{label}: {name} is not printed"))));
    }
    let equations = section(&printed, "Equations");
    assert_eq!(equations.len(), own.states.len(), "{label}");
    for ((name, body), (state, node)) in equations.iter().zip(own.states.iter().zip(&drift)) {
        assert_eq!(*name, format!("d/dt {}", state.info.name));
        pairs.push((name.clone(), *node, read(body, &scope).0));
    }
    for ((name, body), (_, node)) in section(&printed, "Sets").iter().zip(&own.sets) {
        let (read, kind) = read(body, &scope);
        assert_eq!(kind, Type::Condition);
        pairs.push((name.clone(), *node, read));
    }
    let lags = graph.lags().len();
    assert_eq!(lags, own.graph.lags().len(), "{label}: reading back made lags that the equations do not have");
    let layout = Layout { parameters: own.parameters.len(), states: own.states.len(), lags };
    let (left, right): (Vec<Node>, Vec<Node>) = pairs.iter().map(|p| (p.1, p.2)).unzip();
    let (left, right) = (Tape::compile(&graph, &left, layout), Tape::compile(&graph, &right, layout));
    for point in 0..5 {
        let mut inputs: Vec<f64> = own.parameters.iter().map(|p| p.value).collect();
        for lag in 0..=lags {
            for (i, s) in own.states.iter().enumerate() {
                let size = 0.3 + ((7 * i + 3 * lag + 5 * point) % 11) as f64 / 5.0;
                inputs.push((s.info.start + s.info.scale * size).clamp(s.info.lower, s.info.upper));
            }
        }
        inputs.extend((0..=lags).map(|j| 20.0 - j as f64 + point as f64));
        for lag in 1..=lags {
            inputs.extend(own.parameters.iter().map(|p| p.value * (1.0 + 0.01 * lag as f64)));
        }
        for ((a, b), pair) in left.evaluate(&inputs).into_iter().zip(right.evaluate(&inputs)).zip(&pairs) {
            let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
            assert!(same, "{label}: {}: {a} is printed as {b}", pair.0);
        }
    }
}

#[test]
fn what_is_printed_is_what_is_computed() {
    for (name, text) in shipped() {
        for closure in [Closure::Moments, Closure::Fluid] {
            check(&name, &process_of(&text, closure));
        }
    }
}

const SYSTEM: &str = r#"
[model]
name = "tiers"
[client.web]
calls = "front"
load = "30 req/s"
timeout = "1 s"
retry = { attempts = 4, backoff = "200 ms", growth = 2, cap = "600 ms", jitter = "JITTER", BUDGET }
[service.front]
servers = 20
service_time = "50 ms"
variability = 2
error_share = 0.01
queue = { limit = 100 }
[service.front.calls.back]
count = 2
timeout = "300 ms"
retry = { attempts = 2, backoff = "50 ms" }
[service.back]
servers = 10
service_time = "20 ms"
queue = { limit = 50 }
"#;

#[test]
fn policies_and_tiers_are_printed_right() {
    for jitter in ["none", "full", "equal", "exponential"] {
        for budget in ["", r#"budget = { kind = "token-bucket", fill = 0.1, size = 10 }"#] {
            let text = SYSTEM.replace("JITTER", jitter).replace(", BUDGET", &format!(", {budget}"));
            let text = text.replace(",  }", " }");
            for closure in [Closure::Moments, Closure::Fluid] {
                check(&format!("{jitter} {budget}"), &process_of(&text, closure));
            }
        }
    }
    let closed = SYSTEM.replace("JITTER", "exponential").replace(", BUDGET", "");
    let closed = closed.replace("load = \"30 req/s\"", "users = 200\nthink = \"7 s\"");
    check("closed", &process_of(&closed, Closure::Moments));
}

const LANGUAGE: &str = r#"
[model]
name = "language"
load = "a"
[param]
a = "2 req/s"
tau = "3 s"
k = 1.5
[state]
x = { start = 1, min = 0 }
y = { start = 2 }
[output]
sums = "x - (y - 1) - -x + 3 * (x + y) - (-(x - y))"
products = "-x * y / (2 * k) / (x / y) * -(k + 1)"
powers = "(-x) ^ 2 + 2 ^ -x ^ 2 - (x * y) ^ -1.5 + (x ^ k) ^ 2 + (x + 1) ^ k"
chosen = "if(x < y && !(y >= 3 || x == 1), min(x, y, k), max(x - 1, y, k) * step(y - 2))"
smooth = "logistic((y - x) / k) * erf(x) + normal_pdf(x - y) + gamma_p(k, x) - normal_cdf(-y) + abs(x - y)"
station = "busy(x, y, 3) + busy_covariance(x, y, 3) + ahead(x, y, 3) + ahead_variance(x, y, 3) + all_busy(x, y, 3)"
past = "delay(chosen + x * y, tau) + delay(delay(smooth, tau) * y, 2 * tau) + delay(x, tau)"
pulse = "if(t > 10 s && t <= 30 s, 1, 0) + delay(step(t - 15 s), tau) + exp(-x) * sqrt(y) + floor(y) + ln(y)"
tiny = "1e-20 * x + 1e20 + pi"
[[transition]]
name = "up"
rate = "a / (1 req) * (past + pulse) / (sums + 1000)"
jump = { x = 2, y = -0.5 }
delay = "tau + 1 s"
[flow]
x = "-x / tau"
y = "(x - y) / tau - 0 / (1 s)"
[set]
low = "x < 1 || y <= 2 && x != 0.5"
all = "!(x < y) && (y > 1 || x > 1)"
"#;

#[test]
fn every_part_of_the_language_is_printed_right() {
    let process = process_of(LANGUAGE, Closure::Moments);
    check("language", &process);
    let printed = text(&process);
    for expected in [
        "delay(chosen, tau)",
        "delay(y, 2 * tau) * delay(smooth, tau + 2 * tau)",
        "logistic((y - x) / k)",
        "gamma_p(k, x)",
        "(x + 1) ^ k",
        "x != 0.5",
    ] {
        assert!(printed.contains(expected), "{expected} is not in\n{printed}");
    }
}

#[test]
fn names_are_used_and_not_repeated() {
    let storm = process_of(include_str!("../../../models/retry-storm.toml"), Closure::Moments);
    let printed = text(&storm);
    assert!(printed.contains("d/dt api.queue = api.offered * (1 - api.blocked) - api.throughput\n"), "{printed}");
    assert!(printed.contains("api.busy = busy(api.queue, api.queue_variance, service.api.servers)"), "{printed}");
    assert_eq!(printed.matches("gamma_q(").count(), 1, "{printed}");
}

#[test]
fn long_chains_neither_overflow_nor_grow_beyond_the_parser() {
    let mut model = String::from(
        "[model]\nname = \"chain\"\nload = \"a\"\n[param]\na = 1\n[state]\nx = { start = 1 }\n[flow]\nx = \"-x / (1 s)\"\n[output]\nq0 = \"x\"\n",
    );
    for i in 1..600 {
        model.push_str(&format!("q{i} = \"sqrt(a + q{})\"\n", i - 1));
    }
    let nested = (0..150).fold("x".to_owned(), |inner, _| format!("sqrt(1 + {inner})"));
    model.push_str(&format!("nested = \"{nested}\"\nsum = \"{}x\"\n", "x * a + ".repeat(1500)));
    check("chain", &process_of(&model, Closure::Moments));
}

#[test]
fn latex_is_balanced_and_escaped() {
    let mut all: Vec<Process> = shipped().iter().map(|(_, text)| process_of(text, Closure::Moments)).collect();
    all.push(process_of(LANGUAGE, Closure::Moments));
    for process in all {
        let printed = latex(&process);
        let mut depth = 0_i32;
        let mut escape = false;
        for c in printed.chars() {
            match c {
                '{' if !escape => depth += 1,
                '}' if !escape => depth -= 1,
                _ => {}
            }
            assert!(depth >= 0, "{printed}");
            escape = c == '\\' && !escape;
        }
        assert_eq!(depth, 0, "{printed}");
        assert_eq!(printed.matches("\\left").count(), printed.matches("\\right").count(), "{printed}");
        assert_eq!(printed.matches("\\begin{").count(), printed.matches("\\end{").count());
        assert_eq!(printed.matches('$').count() % 2, 0, "{printed}");
        for (i, _) in printed.match_indices('_') {
            let index = printed[i + 1..].starts_with('{');
            assert!(index || printed[..i].ends_with('\\'), "unescaped: {}", &printed[i.saturating_sub(20)..i + 5]);
        }
    }
}
