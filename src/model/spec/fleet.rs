//! Tables of what stands around services.

use super::Need::{Default, Optional, Required};
use super::tables::{NONE, TIME, any, choice, count, key, number, unlimited};
use super::{Choice, Kind, Range, Shorthand, Table};
use crate::process::dimension::Dimension;

/// `[cache.NAME]`.
pub(crate) static CACHE: Table = Table {
    title: "[cache.NAME]",
    about: "A cache in front of a service: who calls it by its name finds the answer there or goes on to the service",
    shorthand: Shorthand::None,
    keys: &[
        key("of", Required, Kind::Service, "The service that misses go on to"),
        key("keys", Required, count(Range::AtLeastOne, true), "Distinct keys that are asked for"),
        key("entries", Default("unlimited"), count(Range::AtLeastOne, true), "Room, least recently used out first"),
        key("zipf", Default("0"), number(NONE, Range::NotNegative), "Exponent of the popularity of keys; 0: all alike"),
        key("ttl", Default("unlimited"), unlimited(TIME, Range::Positive), "Mean time until an entry expires"),
        key(
            "stale_while_revalidate",
            Default("0 s"),
            number(TIME, Range::NotNegative),
            "Mean time for which an expired entry is given out while it is fetched anew",
        ),
        key("hit_time", Default("0 s"), number(TIME, Range::NotNegative), "Time a hit takes"),
        key(
            "invalidate",
            Default("0 1/s"),
            number(Dimension::RATE, Range::NotNegative),
            "Rate at which each entry is lost for other reasons: writes, a restart, a flush",
        ),
        key(
            "fetch_limit",
            Default("unlimited"),
            unlimited(Dimension::REQUEST_RATE, Range::Positive),
            "Attempts per second let through to the service, the others refused at once",
        ),
        key("late_answer", Default("lost"), Kind::Choice(LATE), "What an answer does whose caller has given up"),
        key("begins", Default("warm"), Kind::Choice(BEGINS), "State at time 0"),
    ],
};

/// `late_answer`.
static LATE: &[Choice] = &[
    choice("lost", "it is thrown away: the caller would have filled the cache (look-aside)"),
    choice("fills", "it fills the cache all the same (read-through)"),
];

/// `begins`.
static BEGINS: &[Choice] = &[choice("warm", "full of the most popular keys"), choice("cold", "empty")];

/// `[autoscaler.NAME]`.
pub(crate) static AUTOSCALER: Table = Table {
    title: "[autoscaler.NAME]",
    about: "The number of nodes of a service follows a signal",
    shorthand: Shorthand::None,
    keys: &[
        key("of", Required, Kind::Service, "The service; its `servers` are what it has at time 0"),
        key("node", Default("1"), count(Range::Positive, false), "Slots of a node"),
        key("signal", Default("utilisation"), Kind::Choice(SIGNALS), "What is looked at"),
        key("target", Required, any(false), "What the signal should be"),
        key("window", Default("1 min"), number(TIME, Range::Positive), "Mean age of the signal"),
        key("sync", Default("15 s"), number(TIME, Range::Positive), "Time between decisions"),
        key("tolerance", Default("0.1"), number(NONE, Range::NotNegative), "Relative deviations that lead to nothing"),
        key("start_up", Default("0 s"), number(TIME, Range::NotNegative), "Mean time until a new node serves"),
        key("start_up_cost", Default("0"), count(Range::NotNegative, false), "Slots that a starting node takes"),
        key("start_up_needs", Default("nothing"), Kind::Choice(NEEDS), "What the last third of a start needs"),
        key(
            "killed_after",
            Default("unlimited"),
            unlimited(TIME, Range::Positive),
            "Mean time until a node that answers nobody in time is restarted",
        ),
        key("min", Default("1"), count(Range::NotNegative, false), "Fewest nodes"),
        key("max", Default("unlimited"), count(Range::Positive, true), "Most nodes"),
        key(
            "step",
            Default("unlimited"),
            unlimited(NONE, Range::AtLeastOne),
            "Most growth in one decision, as a factor",
        ),
        key("cool_down", Default("5 min"), number(TIME, Range::Positive), "Time constant of scaling down"),
        key("counts", Default("ready"), Kind::Choice(COUNTS), "Which nodes a decision multiplies"),
    ],
};

/// `signal`.
static SIGNALS: &[Choice] = &[
    choice("utilisation", "share of the slots busy"),
    choice("queue", "requests waiting, per node"),
    choice("concurrency", "requests inside, per node"),
    choice("rate", "attempts per second, per node"),
    choice("goodput", "answers per second that come in time, per node"),
];

/// `start_up_needs`.
static NEEDS: &[Choice] = &[
    choice("nothing", "time only"),
    choice("answer", "an answer of the service itself, well and in time, else the last third begins again"),
];

/// `counts`.
static COUNTS: &[Choice] = &[choice("ready", "nodes that serve"), choice("all", "those that are still starting, too")];

/// `[balancer.NAME]`.
pub(crate) static BALANCER: Table = Table {
    title: "[balancer.NAME]",
    about: "What spreads the attempts of a service over replicas, and takes bad ones out",
    shorthand: Shorthand::None,
    keys: &[
        key("of", Required, Kind::Service, "The service, whose servers the replicas share"),
        key("replicas", Required, count(Range::AtLeastOne, false), "Number of replicas"),
        key("policy", Default("round-robin"), Kind::Choice(ROUTINGS), "How a replica is chosen"),
        key("queues", Default("shared"), Kind::Choice(QUEUES), "Where requests wait"),
        key("choices", Default("unlimited"), count(Range::AtLeastOne, true), "Replicas least-requests looks at"),
        key("failures", Default("unlimited"), count(Range::AtLeastOne, true), "Failures in a row that take one out"),
        key("eject_for", Default("30 s"), number(TIME, Range::Positive), "Mean time for which it is out"),
        key("most_ejected", Default("1"), number(NONE, Range::Share), "Largest share that may be out at once"),
        key("panic", Default("0"), number(NONE, Range::Share), "Share in rotation below which all are used again"),
        key("broken", Default("0"), count(Range::NotNegative, false), "Replicas that refuse every attempt at once"),
        key("check", Optional, Kind::Table(&CHECK), "Active health checks: every replica is probed"),
    ],
};

/// `check`.
pub(crate) static CHECK: Table = Table {
    title: "`check`",
    about: "Active health checks: every replica is probed",
    shorthand: Shorthand::None,
    keys: &[
        key("interval", Default("5 s"), number(TIME, Range::Positive), "Time between the probes of a replica"),
        key("timeout", Default("1 s"), number(TIME, Range::Positive), "Time allowed for the answer to a probe"),
        key("unhealthy", Default("3"), count(Range::AtLeastOne, false), "Failed probes in a row that take it out"),
        key("healthy", Default("2"), count(Range::AtLeastOne, false), "Good probes in a row that bring it back"),
    ],
};

/// `policy`.
static ROUTINGS: &[Choice] = &[
    choice("round-robin", "one after the other"),
    choice("random", "any"),
    choice("least-requests", "a free slot of any, else the one with the fewest requests"),
];

/// `queues` of a balancer.
static QUEUES: &[Choice] = &[
    choice("shared", "in one queue for all replicas"),
    choice("per-replica", "at the replica they were sent to, which has an equal part of the slots and of the limit"),
];
