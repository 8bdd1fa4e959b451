//! The policy of a caller: timeout, deadline, retries and their budget, breaker, hedge, limits.

use crate::model::diagnostic::Diagnostic;
use crate::model::reader::Reader;
use crate::model::types::{
    Breaker, Budget, CallPolicy, GivesUp, Hedge, Jitter, Patience, Per, RateLimit, Retry, RetryOn, Setting, Stops,
    Throttle,
};
use crate::process::dimension::Dimension;

pub(super) fn policy(table: &Reader<'_>) -> CallPolicy {
    CallPolicy {
        through: None,
        timeout: table.quantity("timeout"),
        retry: table.table("retry").map(|r| retry(&r)),
        patience: setting(table, "timeout_jitter", |word| match word {
            "exponential" => Patience::Exponential,
            _ => Patience::Fixed,
        }),
        gives_up: setting(table, "gives_up", |word| match word {
            "at-answer" => GivesUp::AtAnswer,
            _ => GivesUp::AtTimeout,
        }),
        deadline: table.quantity("deadline"),
        propagate: Setting {
            value: table.flag("propagate"),
            span: table.node("propagate").map_or(0..0, |node| node.span.clone()),
        },
        processes: table.quantity_or_nan("processes"),
        breaker: table.table("breaker").map(|t| breaker(&t)),
        hedge: table
            .table("hedge")
            .map(|t| Hedge { after: t.quantity_or_nan("after"), most: t.quantity_or_nan("most") }),
        rate_limit: table
            .table("rate_limit")
            .map(|t| RateLimit { rate: t.quantity_or_nan("rate"), burst: t.quantity_or_nan("burst") }),
        throttle: table.table("throttle").map(|t| throttle(&t)),
    }
}

/// The word chosen for a key, with its place.
pub(super) fn setting<T>(table: &Reader<'_>, key: &str, meaning: impl Fn(&str) -> T) -> Setting<T> {
    let span = table.node(key).map_or(0..0, |node| node.span.clone());
    Setting { value: meaning(table.choice(key)), span }
}

fn retry(table: &Reader<'_>) -> Retry {
    let on = table.choices("on");
    let (backoff, cap) = (table.quantity_or_nan("backoff"), table.quantity_or_nan("cap"));
    if cap.value < backoff.value && !cap.span.is_empty() {
        let diagnostic = Diagnostic::warning("cap-below-backoff", "the `cap` is shorter than the first `backoff`")
            .at(cap.span.clone(), "every wait is this long")
            .also(backoff.span.clone(), "never reached");
        table.sink().push(diagnostic);
    }
    Retry {
        attempts: table.quantity_or_nan("attempts"),
        backoff,
        growth: table.quantity_or_nan("growth"),
        cap,
        jitter: match table.choice("jitter") {
            "full" => Jitter::Full,
            "equal" => Jitter::Equal,
            "exponential" => Jitter::Exponential,
            "decorrelated" => Jitter::Decorrelated,
            _ => Jitter::None,
        },
        on: RetryOn { timeout: on.contains(&"timeout"), reject: on.contains(&"reject"), error: on.contains(&"error") },
        probability: table.quantity_or_nan("probability"),
        budget: budget(table),
    }
}

/// Says which keys do not belong to the kind chosen, and which are missing.
fn only(table: &Reader<'_>, kind: &str, needed: &[(&str, &str)], also: &[&str]) {
    const ALL: [&str; 13] = [
        "fill",
        "size",
        "share",
        "floor",
        "minimum",
        "window",
        "cost",
        "timeout_cost",
        "rate",
        "factor",
        "threshold",
        "aggression",
        "most",
    ];
    for key in ALL {
        if table.node(key).is_some() && !needed.iter().any(|n| n.0 == key) && !also.contains(&key) {
            let message = format!("`{key}` is no key of {} of kind \"{kind}\"", table.title());
            let all: Vec<&str> = needed.iter().map(|n| n.0).chain(also.iter().copied()).collect();
            let hint = format!("its keys are kind, {}", all.join(", "));
            table.sink().push(Diagnostic::error("unknown-key", message).at(table.key_span(key), "").hint(hint));
        }
    }
    for (key, example) in needed {
        if table.node(key).is_none() {
            let message = format!("{} of kind \"{kind}\" needs `{key}`", table.title());
            let hint = format!("write {key} = {example}");
            let diagnostic = Diagnostic::error("missing-key", message);
            table.sink().push(diagnostic.at(table.key_span("kind"), format!("`{key}` is missing")).hint(hint));
        }
    }
}

fn budget(retry: &Reader<'_>) -> Option<Budget> {
    let table = retry.table("budget")?;
    let kind = table.choice("kind");
    let number = |key| table.quantity_or_nan(key);
    match kind {
        "token-bucket" => {
            only(&table, kind, &[("fill", "0.1"), ("size", "10")], &[]);
            Some(Budget::TokenBucket { fill: number("fill"), size: number("size") })
        }
        "ratio" => {
            only(&table, kind, &[("share", "\"20 %\"")], &["floor", "window"]);
            let window = table.quantity_or("window", "10 s");
            Some(Budget::Ratio { share: number("share"), floor: number("floor"), window })
        }
        "concurrency" => {
            only(&table, kind, &[("share", "\"20 %\"")], &["minimum"]);
            Some(Budget::Concurrency { share: number("share"), minimum: number("minimum") })
        }
        "throttle" => {
            only(&table, kind, &[("fill", "0.1"), ("size", "10")], &[]);
            Some(Budget::Throttle { fill: number("fill"), size: number("size") })
        }
        "cost-bucket" => {
            only(&table, kind, &[("size", "500"), ("cost", "5")], &["fill", "timeout_cost"]);
            let timeout_cost = table.quantity("timeout_cost");
            let fill = table.quantity_or("fill", "1");
            Some(Budget::CostBucket { fill, size: number("size"), cost: number("cost"), timeout_cost })
        }
        "rate" => {
            only(&table, kind, &[("rate", "\"60 req/min\"")], &["window"]);
            Some(Budget::Rate { rate: number("rate"), window: table.quantity_or("window", "1 min") })
        }
        _ => {
            // The word was wrong, which has been reported; what else is wrong is found by reading.
            for key in ["fill", "size", "share", "floor", "minimum", "window", "cost", "timeout_cost", "rate"] {
                let _ = table.quantity(key);
            }
            None
        }
    }
}

fn breaker(table: &Reader<'_>) -> Breaker {
    let window = table.quantity_or_nan("window");
    let known = [Dimension::TIME, Dimension::NONE, Dimension::REQUEST].contains(&window.dimension);
    if !window.value.is_nan() && (!known || window.value <= 0.0) {
        let message = "`window` of a breaker must be a time, or a number of attempts, more than zero";
        let hint = "write window = \"10 s\", window = 100, or window = \"unlimited\"";
        table.sink().push(Diagnostic::error("out-of-range", message).at(window.span.clone(), "").hint(hint));
    }
    let stops = setting(table, "stops", |word| if word == "retries" { Stops::Retries } else { Stops::Calls });
    let open = table.quantity_or_nan("open");
    if stops.value == Stops::Calls && open.value == 0.0 {
        let message = "a breaker that stops all calls needs `open`: how long it stays open";
        let hint = "write open = \"5 s\", or stops = \"retries\"";
        let place = if open.span.is_empty() { table.key_span("threshold") } else { open.span.clone() };
        table.sink().push(Diagnostic::error("missing-key", message).at(place, "").hint(hint));
    }
    Breaker {
        window,
        threshold: table.quantity_or_nan("threshold"),
        minimum: table.quantity_or_nan("minimum"),
        open,
        probes: table.quantity_or_nan("probes"),
        stops,
        per: setting(table, "per", |word| if word == "request" { Per::Request } else { Per::Attempt }),
    }
}

fn throttle(table: &Reader<'_>) -> Throttle {
    let kind = table.choice("kind");
    if kind == "success-rate" {
        only(table, kind, &[], &["threshold", "aggression", "most", "window"]);
        Throttle::SuccessRate {
            threshold: table.quantity_or_nan("threshold"),
            window: table.quantity_or("window", "30 s"),
            aggression: table.quantity_or_nan("aggression"),
            most: table.quantity_or_nan("most"),
        }
    } else {
        only(table, "accepts", &[], &["factor", "window"]);
        Throttle::Accepts { factor: table.quantity_or_nan("factor"), window: table.quantity_or("window", "2 min") }
    }
}
