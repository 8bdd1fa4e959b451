//! Retry policies by name. Each is dated, because defaults change, and says where its numbers are from. Attempts count
//! the first try, whatever the library's own word counts.

use super::diagnostic::Diagnostic;
use super::render::quoted;
use super::tree::{Node, Table, Value};
use super::types::Text;
use crate::process::suggest;

/// A named retry policy.
#[derive(Debug)]
pub struct Preset {
    /// What is written in the file.
    pub name: &'static str,
    /// What it is, and what of the original it leaves out.
    pub about: &'static str,
    /// Version or date for which the numbers hold.
    pub version: &'static str,
    /// Where the numbers are from.
    pub source: &'static str,
    /// The keys of `retry`, as they would be written.
    pub retry: &'static [(&'static str, &'static str)],
}

/// All presets, by name.
pub static PRESETS: &[Preset] = &[
    Preset {
        name: "envoy-retry",
        about: "Envoy with a retry policy and its default of one retry; the cluster's bound of 3 concurrent retries is \
                not part of it",
        version: "envoy at 01c2c1f",
        source: "Envoy, router_filter.rst and circuit_breaker.proto",
        retry: &[
            ("attempts", "2"),
            ("backoff", "25 ms"),
            ("growth", "2"),
            ("cap", "250 ms"),
            ("jitter", "full"),
            ("on", "timeout,reject,error"),
        ],
    },
    Preset {
        name: "polly-v8",
        about: "Polly's default retry strategy: three retries, two seconds apart",
        version: "Polly 8, docs at 173d6d1",
        source: "Polly documentation, retry strategy defaults",
        retry: &[("attempts", "4"), ("backoff", "2 s"), ("jitter", "none"), ("on", "timeout,reject,error")],
    },
    Preset {
        name: "resilience4j",
        about: "Resilience4j's default RetryConfig: three attempts, half a second apart; it has no retry budget",
        version: "resilience4j at af9e7c9",
        source: "resilience4j, RetryConfig.java",
        retry: &[("attempts", "3"), ("backoff", "500 ms"), ("jitter", "none"), ("on", "timeout,reject,error")],
    },
    Preset {
        name: "urllib3",
        about: "urllib3's Retry.DEFAULT: three retries with a back-off factor of zero",
        version: "urllib3 2.8.0",
        source: "urllib3, util/retry.py",
        retry: &[
            ("attempts", "4"),
            ("backoff", "0 s"),
            ("cap", "120 s"),
            ("jitter", "none"),
            ("on", "timeout,reject,error"),
        ],
    },
];

/// Policies that are known but need something that is not built yet.
const PLANNED: &[(&str, &str)] = &[
    ("aws-2026", "a cost bucket"),
    ("aws-standard-2025", "a cost bucket"),
    ("aws-adaptive", "a client-side rate limit"),
    ("envoy-retry-budget", "a budget on concurrent retries"),
    ("finagle", "a ratio budget with a floor"),
    ("linkerd-serviceprofile", "a ratio budget with a floor"),
    ("grpc", "a retry throttle"),
    ("square-2017", "equations for 501 attempts"),
    ("tenacity", "equations for attempts without end and without a wait"),
];

/// The preset of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|p| p.name == name)
}

/// The table that a preset stands for; all its places are that of the preset's name.
pub(crate) fn expand(text: &Text) -> Option<Table> {
    let preset = find(&text.value)?;
    let place = |value: &str| Text { value: value.to_owned(), span: text.span.clone() };
    let node = |value| Node { span: text.span.clone(), value };
    let entry = |&(key, written): &(&str, &str)| {
        let value = match written.parse::<f64>() {
            Ok(value) => Value::Number { value, raw: written.to_owned() },
            Err(_) if key == "on" => Value::Array(written.split(',').map(|w| node(Value::Text(place(w)))).collect()),
            Err(_) => Value::Text(place(written)),
        };
        (place(key), node(value))
    };
    Some(Table { entries: preset.retry.iter().map(entry).collect() })
}

/// What to say about a name that is no preset.
pub(crate) fn unknown(text: &Text) -> Diagnostic {
    let names = || PRESETS.iter().map(|p| p.name);
    let all = || format!("presets: {}", names().collect::<Vec<_>>().join(", "));
    if let Some((name, need)) = PLANNED.iter().find(|p| p.0 == text.value) {
        let message = format!("the retry preset `{name}` is not supported yet");
        return Diagnostic::error("not-supported", message).at(text.span.clone(), format!("needs {need}")).hint(all());
    }
    let message = format!("unknown retry preset {}", quoted(&text.value));
    let known = names().chain(PLANNED.iter().map(|p| p.0));
    Diagnostic::error("unknown-preset", message)
        .at(text.span.clone(), "")
        .hint(suggest::did_you_mean(&text.value, known).unwrap_or_else(all))
}
