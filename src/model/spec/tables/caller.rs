//! What keeps a caller from sending. Which keys a kind of budget or throttle has is checked when it is read.

use super::{NONE, TIME, any, choice, count, key, number};
use crate::model::spec::Need::{Default, Optional, Required};
use crate::model::spec::{Choice, Kind, Range, Shorthand, Table};
use crate::process::dimension::Dimension;

/// `budget`.
pub(crate) static BUDGET: Table = Table {
    title: "`budget`",
    about: "Retry budget, one for each client process",
    shorthand: Shorthand::None,
    keys: &[
        key("kind", Required, Kind::Choice(BUDGETS), "Which mechanism"),
        key("fill", Optional, number(NONE, Range::NotNegative), "Tokens per first attempt, or per success"),
        key("size", Optional, number(NONE, Range::AtLeastOne), "Capacity of the bucket, in tokens"),
        key("share", Optional, number(NONE, Range::NotNegative), "Retries per request, or per attempt in flight"),
        key("floor", Default("0 req/s"), number(Dimension::REQUEST_RATE, Range::NotNegative), "Retries always allowed"),
        key("minimum", Default("0"), count(Range::NotNegative, false), "Retries outstanding that are always allowed"),
        key("window", Optional, number(TIME, Range::Positive), "Length of the sliding window: 10 s, for `rate` 1 min"),
        key("cost", Optional, number(NONE, Range::Positive), "Tokens a retry costs"),
        key("timeout_cost", Optional, number(NONE, Range::Positive), "Tokens a retry after a timeout costs"),
        key("rate", Optional, number(Dimension::REQUEST_RATE, Range::NotNegative), "Retries per time"),
    ],
};

/// `kind` of a budget.
static BUDGETS: &[Choice] = &[
    choice("token-bucket", "each first attempt adds `fill` tokens up to `size`; a retry takes one"),
    choice("ratio", "retries up to a share of requests, with a floor per second (Finagle, Linkerd)"),
    choice("concurrency", "retries outstanding up to a share of those in flight, with a minimum (Envoy)"),
    choice("throttle", "no retries while fewer than half of the tokens are left (gRPC)"),
    choice("cost-bucket", "retries cost several tokens and successes refund them (AWS SDKs)"),
    choice("rate", "so many retries per minute in a process"),
];

/// `breaker`.
pub(crate) static BREAKER: Table = Table {
    title: "`breaker`",
    about: "Circuit breaker, one for each client process",
    shorthand: Shorthand::Preset("breaker"),
    keys: &[
        key("threshold", Required, number(NONE, Range::Share), "Failure share from which on it opens"),
        key("window", Required, any(true), "What that is measured over: a time, or a number of attempts"),
        key(
            "minimum",
            Default("1"),
            count(Range::AtLeastOne, false),
            "Attempts in the window below which it stays closed",
        ),
        key("open", Default("0 s"), number(TIME, Range::NotNegative), "How long it stays open"),
        key("probes", Default("1"), count(Range::AtLeastOne, false), "Attempts that decide about closing it again"),
        key("stops", Default("calls"), Kind::Choice(STOPS), "What it stops when open"),
        key("per", Default("attempt"), Kind::Choice(PERS), "What failures are divided by"),
    ],
};

/// `stops`.
static STOPS: &[Choice] = &[choice("calls", "every attempt"), choice("retries", "retries only")];

/// `per`.
static PERS: &[Choice] =
    &[choice("attempt", "failed attempts per attempt"), choice("request", "failed attempts per request")];

/// `hedge`.
pub(crate) static HEDGE: Table = Table {
    title: "`hedge`",
    about: "Another attempt beside one that takes long; the first answer counts",
    shorthand: Shorthand::None,
    keys: &[
        key("after", Required, number(TIME, Range::NotNegative), "How long an attempt takes before another is sent"),
        key("most", Default("1"), count(Range::AtLeastOne, false), "Most further attempts beside one"),
    ],
};

/// `rate_limit`.
pub(crate) static RATE_LIMIT: Table = Table {
    title: "`rate_limit`",
    about: "Attempts a client process sends at most",
    shorthand: Shorthand::None,
    keys: &[
        key("rate", Required, number(Dimension::REQUEST_RATE, Range::Positive), "Attempts per second"),
        key("burst", Default("1"), count(Range::AtLeastOne, false), "Most attempts at once"),
    ],
};

/// `throttle`.
pub(crate) static THROTTLE: Table = Table {
    title: "`throttle`",
    about: "Share of attempts that a client process refuses itself",
    shorthand: Shorthand::Preset("throttle"),
    keys: &[
        key("kind", Required, Kind::Choice(THROTTLES), "Which mechanism"),
        key("factor", Default("2"), number(NONE, Range::Positive), "Attempts let through per accepted one"),
        key("threshold", Default("95 %"), number(NONE, Range::Share), "Success rate from which on nothing is refused"),
        key("aggression", Default("1"), number(NONE, Range::Positive), "How soon much is refused"),
        key("most", Default("80 %"), number(NONE, Range::Share), "Largest share refused"),
        key("window", Optional, number(TIME, Range::Positive), "Length of the window: 2 min, or 30 s"),
    ],
};

/// `kind` of a throttle.
static THROTTLES: &[Choice] = &[
    choice("accepts", "by attempts wanted and attempts accepted (SRE book)"),
    choice("success-rate", "by attempts sent and attempts answered (Envoy)"),
];
