//! The tables themselves.

mod caller;

pub(crate) use caller::{BREAKER, BUDGET, HEDGE, RATE_LIMIT, THROTTLE};

use super::fleet::{AUTOSCALER, BALANCER, CACHE};
use super::{Choice, Key, Kind, Need, Number, Range, Shorthand, Table, Want};
use crate::process::dimension::Dimension;
use Need::{Default, Optional, Required};

pub(super) const fn key(name: &'static str, need: Need, kind: Kind, about: &'static str) -> Key {
    Key { name, need, kind, about }
}

pub(super) const fn number(dimension: Dimension, range: Range) -> Kind {
    Kind::Number(Number { want: Want::Is(dimension), range, unlimited: false, whole: false })
}

pub(super) const fn unlimited(dimension: Dimension, range: Range) -> Kind {
    Kind::Number(Number { want: Want::Is(dimension), range, unlimited: true, whole: false })
}

pub(super) const fn count(range: Range, unlimited: bool) -> Kind {
    Kind::Number(Number { want: Want::Count, range, unlimited, whole: false })
}

/// A whole number from 1.
pub(super) const fn whole() -> Kind {
    Kind::Number(Number { want: Want::Is(NONE), range: Range::AtLeastOne, unlimited: false, whole: true })
}

pub(super) const fn any(unlimited: bool) -> Kind {
    Kind::Number(Number { want: Want::Any, range: Range::Any, unlimited, whole: false })
}

pub(super) const fn choice(name: &'static str, about: &'static str) -> Choice {
    Choice { name, about, supported: true }
}

pub(super) const TIME: Dimension = Dimension::TIME;
pub(super) const NONE: Dimension = Dimension::NONE;
const SLOWNESS: Dimension = Dimension {
    time: Dimension::TIME.time - Dimension::REQUEST.time,
    request: Dimension::TIME.request - Dimension::REQUEST.request,
    byte: 0,
};

/// The whole file.
pub(crate) static ROOT: Table = Table {
    title: "a model file",
    about: "A model of a distributed system for tipping",
    shorthand: Shorthand::None,
    keys: &[
        key("model", Required, Kind::Table(&META), "What the model is, and how it is to be analysed"),
        key("client", Optional, Kind::Map(&Kind::Table(&CLIENT)), "Where requests come from"),
        key("service", Optional, Kind::Map(&Kind::Table(&SERVICE)), "What serves them"),
        key("cache", Optional, Kind::Map(&Kind::Table(&CACHE)), "Caches in front of services"),
        key("autoscaler", Optional, Kind::Map(&Kind::Table(&AUTOSCALER)), "What scales services with their load"),
        key("balancer", Optional, Kind::Map(&Kind::Table(&BALANCER)), "What spreads attempts over replicas"),
        key("param", Optional, Kind::Map(&Kind::Table(&PARAM)), "Constants for expressions"),
        key("state", Optional, Kind::Map(&Kind::Table(&STATE)), "State variables of the equation layer"),
        key("transition", Optional, Kind::List(&TRANSITION), "Something countable that happens at a rate"),
        key("flow", Optional, Kind::Map(&Kind::Expression), "Continuous drift of a state, per second"),
        key("output", Optional, Kind::Map(&Kind::Expression), "Named expressions to report"),
        key("set", Optional, Kind::Map(&Kind::Expression), "Named regions, as conditions on the state"),
        key("trigger", Optional, Kind::List(&TRIGGER), "Something that pushes the system, for a while or at once"),
        key("fit", Optional, Kind::Table(&FIT), "What `tipping fit` estimates"),
        key("variant", Optional, Kind::Map(&Kind::Table(&VARIANT)), "Another design, as changes to this one"),
    ],
};

/// `[fit]`.
pub(crate) static FIT: Table = Table {
    title: "[fit]",
    about: "What `tipping fit` estimates",
    shorthand: Shorthand::None,
    keys: &[key(
        "free",
        Required,
        Kind::Paths,
        "Paths of the numbers to estimate, each perhaps with bounds: path=LOW..HIGH",
    )],
};

/// `[model]`.
pub(crate) static META: Table = Table {
    title: "[model]",
    about: "What the model is, and how it is to be analysed",
    shorthand: Shorthand::None,
    keys: &[
        key("name", Required, Kind::Label, "Short name"),
        key("title", Default(""), Kind::Text, "One line for people"),
        key("about", Default(""), Kind::Text, "Longer text"),
        key("source", Default(""), Kind::Text, "A citation, \"fitted: FILE\", or \"assumed\""),
        key("horizon", Default("30 d"), number(TIME, Range::Positive), "How long the good state must survive noise"),
        key("load", Optional, Kind::Path, "Path of the number that is the load; the first client's by default"),
        key("closure", Default("moments"), Kind::Choice(CLOSURES), "How stations become equations"),
        key("goodput", Optional, Kind::Expression, "The useful output, for models of the equation layer alone"),
        key("apdex", Optional, number(TIME, Range::Positive), "Target of the Apdex of clients that give none"),
        key("growth", Optional, number(Dimension::RATE, Range::NotNegative), "Growth of the load, such as \"30 %/y\""),
    ],
};

/// `closure`.
pub(crate) static CLOSURES: &[Choice] =
    &[choice("moments", "mean and variance of each station"), choice("fluid", "mean only: the fast path")];

/// `[client.NAME]`.
pub(crate) static CLIENT: Table = Table {
    title: "[client.NAME]",
    about: "A population of callers with one policy",
    shorthand: Shorthand::None,
    keys: &[
        key("calls", Required, Kind::Service, "The service called"),
        key("load", Optional, number(Dimension::REQUEST_RATE, Range::NotNegative), "Open loop: a Poisson stream"),
        key("arrivals", Default("poisson"), Kind::Choice(SPACINGS), "Open loop: how requests follow each other"),
        key("users", Optional, count(Range::Positive, false), "Closed loop: the number of users"),
        key("think", Optional, number(TIME, Range::NotNegative), "Closed loop: mean think time of a user"),
        key("timeout", Optional, number(TIME, Range::Positive), "Per attempt; without it the caller waits for ever"),
        key("timeout_jitter", Default("none"), Kind::Choice(PATIENCES), "How the timeout is randomised"),
        key("gives_up", Default("at-timeout"), Kind::Choice(GIVES_UP), "When a timeout is felt"),
        key("retry", Optional, Kind::Table(&RETRY), "Retry policy, or the name of a preset"),
        key("deadline", Optional, number(TIME, Range::Positive), "Over all attempts of a request, waits included"),
        key(
            "propagate",
            Default("false"),
            Kind::Flag,
            "Whether its deadline travels with the request, through nested calls",
        ),
        key("processes", Default("1"), number(NONE, Range::AtLeastOne), "Client processes, each with its own budget"),
        key("breaker", Optional, Kind::Table(&BREAKER), "Circuit breaker, or the name of a preset"),
        key("hedge", Optional, Kind::Table(&HEDGE), "A second attempt beside one that takes long"),
        key("rate_limit", Optional, Kind::Table(&RATE_LIMIT), "Attempts per second a process sends at most"),
        key("throttle", Optional, Kind::Table(&THROTTLE), "Share of attempts the client refuses itself"),
        key("priority", Default("0"), number(NONE, Range::Any), "Smaller goes first where the order is by priority"),
        key("work", Default("1"), number(NONE, Range::NotNegative), "Work of a request, in units of the service time"),
        key("network", Default("0 s"), number(TIME, Range::NotNegative), "Mean of one exponential leg each way"),
        key("apdex", Optional, number(TIME, Range::Positive), "Target of the Apdex: satisfied within it"),
    ],
};

/// `arrivals`.
static SPACINGS: &[Choice] =
    &[choice("poisson", "a Poisson stream"), choice("regular", "at equal distances, as many load generators send")];

/// `gives_up`.
static GIVES_UP: &[Choice] = &[
    choice("at-timeout", "when the timeout runs out"),
    choice("at-answer", "when the answer comes and is found to be late"),
];

/// `timeout_jitter`.
static PATIENCES: &[Choice] =
    &[choice("none", "exactly the timeout"), choice("exponential", "exponential with the timeout as its mean")];

/// `retry`.
pub(crate) static RETRY: Table = Table {
    title: "`retry`",
    about: "Retry policy",
    shorthand: Shorthand::Preset("retry"),
    keys: &[
        key(
            "attempts",
            Required,
            Kind::Number(Number { want: Want::Is(NONE), range: Range::AtLeastOne, unlimited: true, whole: true }),
            "Attempts in all, the first included",
        ),
        key("backoff", Default("0 s"), number(TIME, Range::NotNegative), "Wait before the first retry"),
        key("growth", Default("1"), number(NONE, Range::Positive), "Factor of the wait from each retry to the next"),
        key("cap", Default("unlimited"), unlimited(TIME, Range::NotNegative), "Longest wait"),
        key("jitter", Default("none"), Kind::Choice(JITTERS), "How a wait is randomised"),
        key("on", Default("timeout,reject,error"), Kind::Choices(FAILURES), "Which failures are retried"),
        key("probability", Default("1"), number(NONE, Range::Share), "That a failed attempt is retried at all"),
        key("budget", Optional, Kind::Table(&BUDGET), "Bound on retries relative to first attempts"),
    ],
};

/// `jitter`.
pub(crate) static JITTERS: &[Choice] = &[
    choice("none", "exactly the back-off"),
    choice("full", "uniform on 0 to the back-off"),
    choice("equal", "half fixed, half uniform"),
    choice("exponential", "exponential with the back-off as its mean"),
    choice("decorrelated", "uniform between the base and three times the last wait, at most the cap"),
];

/// `on`.
pub(crate) static FAILURES: &[Choice] = &[
    choice("timeout", "the attempt timed out"),
    choice("reject", "the queue was full"),
    choice("error", "the service answered with an error"),
];

/// `[service.NAME]`.
pub(crate) static SERVICE: Table = Table {
    title: "[service.NAME]",
    about: "A station: slots with a queue in front",
    shorthand: Shorthand::None,
    keys: &[
        key("servers", Required, count(Range::AtLeastOne, true), "Slots: threads, workers, connections"),
        key("service_time", Optional, number(TIME, Range::Positive), "Mean time in a slot, without its own calls"),
        key(
            "variability",
            Default("1"),
            number(NONE, Range::NotNegative),
            "Squared coefficient of variation of the service time",
        ),
        key("distribution", Default("by-variability"), Kind::Choice(DISTRIBUTIONS), "Shape of the service time"),
        key("samples", Optional, Kind::Text, "File of measured service times in seconds, one on a line"),
        key("slowdown", Default("0 s/req"), number(SLOWNESS, Range::NotNegative), "Extra time per request inside"),
        key("contention", Default("0"), number(NONE, Range::NotNegative), "Scalability law: growth per other inside"),
        key("coherence", Default("0"), number(NONE, Range::NotNegative), "Scalability law: growth per pair inside"),
        key("shed", Optional, Kind::Table(&SHED), "Attempts refused above a level"),
        key("rate_limit", Optional, Kind::Table(&ADMITTED_RATE), "Attempts let in per second, by a token bucket"),
        key(
            "concurrency",
            Optional,
            Kind::Table(&CONCURRENCY),
            "A limit of those inside that adapts itself, or a preset",
        ),
        key("queue", Optional, Kind::Table(&QUEUE), "The queue; unbounded and first in, first out by default"),
        key("expired", Default("serve"), Kind::Choice(EXPIRED), "What happens to work whose client stopped waiting"),
        key(
            "error_share",
            Default("0"),
            number(NONE, Range::Share),
            "Share of attempts answered with an error although served",
        ),
        key(
            "error_time",
            Default("0 s"),
            number(TIME, Range::NotNegative),
            "Extra time in the slot of an error or a late answer",
        ),
        key(
            "reject_time",
            Default("0 s"),
            number(TIME, Range::NotNegative),
            "Time of a slot that refusing an attempt takes",
        ),
        key("calls", Optional, Kind::Calls(&CALL), "Calls made while holding a slot: a service, a list, or tables"),
    ],
};

/// `queue`.
pub(crate) static QUEUE: Table = Table {
    title: "`queue`",
    about: "The queue of a service",
    shorthand: Shorthand::None,
    keys: &[
        key("limit", Default("unlimited"), count(Range::AtLeastOne, true), "Waiting plus in service"),
        key("order", Default("fifo"), Kind::Choice(ORDERS), "Order of service"),
        key("pickup", Default("0 s"), number(TIME, Range::NotNegative), "Until a free slot looks into the queue"),
        key("switch", Optional, count(Range::NotNegative, false), "Number waiting above which adaptive-lifo is LIFO"),
        key("codel", Optional, Kind::Table(&CODEL), "Controlled delay: who has waited too long is refused"),
    ],
};

/// `shed`.
pub(crate) static SHED: Table = Table {
    title: "`shed`",
    about: "Attempts refused above a level",
    shorthand: Shorthand::None,
    keys: &[
        key("inside", Optional, count(Range::AtLeastOne, false), "Number inside from which on they are refused"),
        key("wait", Optional, number(TIME, Range::NotNegative), "Estimated wait for a slot above which they are"),
        key("share", Default("1"), number(NONE, Range::Share), "Share of them that is refused"),
    ],
};

/// `rate_limit`.
pub(crate) static ADMITTED_RATE: Table = Table {
    title: "`rate_limit`",
    about: "Attempts let in per second, by a token bucket",
    shorthand: Shorthand::None,
    keys: &[
        key("rate", Required, number(Dimension::REQUEST_RATE, Range::Positive), "Attempts let in per second"),
        key("burst", Default("10"), count(Range::AtLeastOne, false), "Attempts let in at once after a pause"),
    ],
};

/// `concurrency`.
pub(crate) static CONCURRENCY: Table = Table {
    title: "`concurrency`",
    about: "A limit of those inside that adapts itself, after Netflix' concurrency-limits",
    shorthand: Shorthand::Preset("concurrency"),
    keys: &[
        key("kind", Required, Kind::Choice(CONCURRENCIES), "The algorithm"),
        key("initial", Default("20"), count(Range::AtLeastOne, false), "Limit at the beginning"),
        key("min", Optional, count(Range::AtLeastOne, false), "Least limit: 20, for vegas 1"),
        key("max", Optional, count(Range::AtLeastOne, false), "Greatest limit: 200, for vegas 1000"),
        key("smoothing", Optional, number(NONE, Range::Share), "Weight of a new limit: vegas 1, gradient 0.2"),
        key("backoff", Default("0.9"), number(NONE, Range::Share), "aimd: factor of a decrease"),
        key("timeout", Default("5 s"), number(TIME, Range::Positive), "aimd: mean time above which it decreases"),
        key("window", Default("1 s"), number(TIME, Range::Positive), "aimd: time between changes"),
        key("queue", Default("4"), count(Range::NotNegative, false), "gradient: room for a queue"),
        key("long_window", Default("600"), number(NONE, Range::AtLeastOne), "gradient: answers of the long-term mean"),
        key("tolerance", Default("1.5"), number(NONE, Range::AtLeastOne), "gradient: ratio of times tolerated"),
        key("probe", Default("30"), number(NONE, Range::AtLeastOne), "vegas: answers per unit of limit between probes"),
    ],
};

/// `kind` of a concurrency limit.
static CONCURRENCIES: &[Choice] = &[
    choice("aimd", "additive increase, multiplicative decrease"),
    choice("vegas", "by the queue estimated from the shortest time"),
    choice("gradient", "by the ratio of the long-term mean to the present time"),
];

/// `codel`.
pub(crate) static CODEL: Table = Table {
    title: "`codel`",
    about: "Controlled delay: who has waited too long is refused",
    shorthand: Shorthand::None,
    keys: &[
        key("law", Default("servers"), Kind::Choice(CODEL_LAWS), "Which form of it"),
        key(
            "target",
            Default("5 ms"),
            number(TIME, Range::Positive),
            "Longest wait while a queue stands, or the wait aimed at",
        ),
        key(
            "interval",
            Default("100 ms"),
            number(TIME, Range::Positive),
            "After which a queue stands; longest wait else, or pace of the drops",
        ),
    ],
};

/// `law` of `codel`.
static CODEL_LAWS: &[Choice] = &[
    choice("servers", "waits of a target while a queue stands, of an interval else (Maurer 2015)"),
    choice("rfc8289", "drops spaced by interval/sqrt(count) while waits stay above the target (RFC 8289)"),
];

/// `order`.
pub(crate) static ORDERS: &[Choice] = &[
    choice("fifo", "first in, first out"),
    choice("lifo", "last in, first out"),
    choice("adaptive-lifo", "first in, first out while few wait, last in, first out while many do"),
    choice("priority", "by the priority of the client, first in, first out within one"),
];

/// `distribution`.
static DISTRIBUTIONS: &[Choice] = &[
    choice("by-variability", "0: fixed; below 1: gamma; 1: exponential; above 1: hyper-exponential"),
    choice("lognormal", "lognormal"),
    choice("normal", "normal, negative draws counted as 0"),
    choice("empirical", "drawn from the file of samples"),
];

/// `expired`.
pub(crate) static EXPIRED: &[Choice] = &[
    choice("serve", "done all the same"),
    choice("drop", "thrown away when a slot takes it"),
    choice("cancel", "leaves queue or slot at the timeout"),
];

/// `[service.NAME.calls.TARGET]`.
pub(crate) static CALL: Table = Table {
    title: "[service.NAME.calls.TARGET]",
    about: "Calls of one service by another",
    shorthand: Shorthand::None,
    keys: &[
        key("count", Default("1"), number(NONE, Range::NotNegative), "Calls per request, one after the other"),
        key("parallel", Default("1"), whole(), "Calls made at once in place of each"),
        key("wait_for", Optional, whole(), "Good answers of them that are waited for; all by default"),
        key("timeout", Optional, number(TIME, Range::Positive), "Per attempt; without it the caller waits for ever"),
        key("timeout_jitter", Default("none"), Kind::Choice(PATIENCES), "How the timeout is randomised"),
        key("gives_up", Default("at-timeout"), Kind::Choice(GIVES_UP), "When a timeout is felt"),
        key("retry", Optional, Kind::Table(&RETRY), "Retry policy, or the name of a preset"),
        key("deadline", Optional, number(TIME, Range::Positive), "Over all attempts of a request, waits included"),
        key(
            "propagate",
            Default("false"),
            Kind::Flag,
            "Whether its deadline travels with the request, through nested calls",
        ),
        key("processes", Default("1"), number(NONE, Range::AtLeastOne), "Client processes, each with its own budget"),
        key("breaker", Optional, Kind::Table(&BREAKER), "Circuit breaker, or the name of a preset"),
        key("hedge", Optional, Kind::Table(&HEDGE), "A second attempt beside one that takes long"),
        key("rate_limit", Optional, Kind::Table(&RATE_LIMIT), "Attempts per second a process sends at most"),
        key("throttle", Optional, Kind::Table(&THROTTLE), "Share of attempts the client refuses itself"),
    ],
};

/// `[param]` entry.
pub(crate) static PARAM: Table = Table {
    title: "[param.NAME]",
    about: "A constant for expressions: its value alone, or a table",
    shorthand: Shorthand::Value,
    keys: &[
        key("value", Required, any(false), "The value, with a unit unless it is a plain number"),
        key("about", Default(""), Kind::Text, "What it means"),
    ],
};

/// `[state]` entry.
pub(crate) static STATE: Table = Table {
    title: "[state.NAME]",
    about: "A state variable",
    shorthand: Shorthand::None,
    keys: &[
        key("start", Default("0"), any(false), "Value at time 0"),
        key("min", Default("-unlimited"), any(true), "Least value it can have"),
        key("max", Default("unlimited"), any(true), "Greatest value it can have"),
        key("scale", Optional, any(false), "Typical size, for tolerances"),
        key("unit", Optional, Kind::Text, "Unit, where `start` does not show it"),
        key("about", Default(""), Kind::Text, "What it means"),
    ],
};

/// `[[transition]]`.
pub(crate) static TRANSITION: Table = Table {
    title: "[[transition]]",
    about: "Something countable that happens at a rate",
    shorthand: Shorthand::None,
    keys: &[
        key("name", Required, Kind::Label, "Name, for messages and reports"),
        key("rate", Required, Kind::Expression, "Events per second"),
        key("jump", Required, Kind::Map(&any(false)), "Change of each state per event"),
        key("delay", Optional, Kind::Expression, "The jump lands this much later"),
    ],
};

/// `[[trigger]]`.
pub(crate) static TRIGGER: Table = Table {
    title: "[[trigger]]",
    about: "Something that pushes the system",
    shorthand: Shorthand::None,
    keys: &[
        key("name", Required, Kind::Label, "Name, for messages and reports"),
        key("set", Optional, Kind::Changes, "Paths and what they become: a value, \"x2\" or \"+50 %\""),
        key("kick", Optional, Kind::Changes, "States and the jump they make at once"),
        key("at", Default("0 s"), number(TIME, Range::NotNegative), "When it begins"),
        key("for", Optional, number(TIME, Range::Positive), "How long it lasts; required with `set`"),
    ],
};

/// `[variant.NAME]`.
pub(crate) static VARIANT: Table = Table {
    title: "[variant.NAME]",
    about: "Another design, as changes to this one: a cure, a policy, a size",
    shorthand: Shorthand::None,
    keys: &[
        key("about", Default(""), Kind::Text, "What it is"),
        key("set", Required, Kind::Overrides, "Paths and the values they get, as with --set"),
    ],
};
