//! What a service turns away: `shed`, `rate_limit`, `concurrency`.

use crate::model::diagnostic::Diagnostic;
use crate::model::quantity;
use crate::model::reader::Reader;
use crate::model::types::{Admission, Concurrency, ConcurrencyKind, Quantity, RateLimit, Shed, Span};

pub(super) fn admission(service: &Reader<'_>) -> Admission {
    Admission {
        shed: service.table("shed").map(|table| shed(&table, service.key_span("shed"))),
        rate_limit: service
            .table("rate_limit")
            .map(|table| RateLimit { rate: table.quantity_or_nan("rate"), burst: table.quantity_or_nan("burst") }),
        concurrency: service.table("concurrency").map(|table| concurrency(&table)),
    }
}

fn shed(table: &Reader<'_>, span: Span) -> Shed {
    let shed =
        Shed { inside: table.quantity("inside"), wait: table.quantity("wait"), share: table.quantity_or_nan("share") };
    if table.node("inside").is_none() && table.node("wait").is_none() {
        let message = format!("{} has neither `inside` nor `wait`", table.title());
        let hint = "write shed = { inside = 80 } or shed = { wait = \"500 ms\" }";
        table.sink().push(Diagnostic::error("missing-key", message).at(span, "").hint(hint));
    }
    shed
}

fn concurrency(table: &Reader<'_>) -> Concurrency {
    let kind = match table.choice("kind") {
        "vegas" => ConcurrencyKind::Vegas,
        "gradient" => ConcurrencyKind::Gradient,
        _ => ConcurrencyKind::Aimd,
    };
    let vegas = kind == ConcurrencyKind::Vegas;
    let or = |key: &str, value: f64| {
        table.quantity(key).unwrap_or_else(|| Quantity { value, ..quantity::unknown(&table.path_of(key)) })
    };
    Concurrency {
        kind,
        initial: table.quantity_or_nan("initial"),
        min: or("min", if vegas { 1.0 } else { 20.0 }),
        max: or("max", if vegas { 1000.0 } else { 200.0 }),
        smoothing: or("smoothing", if vegas { 1.0 } else { 0.2 }),
        backoff: table.quantity_or_nan("backoff"),
        timeout: table.quantity_or_nan("timeout"),
        window: table.quantity_or_nan("window"),
        queue: table.quantity_or_nan("queue"),
        long_window: table.quantity_or_nan("long_window"),
        tolerance: table.quantity_or_nan("tolerance"),
        probe: table.quantity_or_nan("probe"),
    }
}
