//! Tables of what stands around services.

use super::tables::{NONE, TIME, choice, count, key, number, unlimited};
use super::Need::{Default, Required};
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
