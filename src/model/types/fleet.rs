//! What stands around services: caches.

use super::{Quantity, Setting, Text};

/// `[cache.NAME]`: callers that call it by its name find their answer there, or go on to the service `of`.
#[derive(Debug, Clone)]
pub struct Cache {
    /// The NAME.
    pub name: Text,
    /// Service that misses go on to.
    pub of: Text,
    /// Distinct keys that are asked for; infinity for "unlimited", which needs an exponent above 1.
    pub keys: Quantity,
    /// Room, least recently used out first; infinity when everything fits (the default).
    pub entries: Quantity,
    /// Exponent a of the popularity of keys, the k-th most popular being asked for in proportion to k^-a; default 0.
    pub zipf: Quantity,
    /// Mean time until an entry expires, exponential; infinity for never (the default).
    pub ttl: Quantity,
    /// `stale_while_revalidate`: mean time, exponential, for which an expired entry is still given out while it is
    /// fetched anew; default 0 s.
    pub stale: Quantity,
    /// Time a hit takes; default 0 s.
    pub hit_time: Quantity,
    /// Rate at which each entry is lost for other reasons: writes, restarts, a flush; default 0 1/s.
    pub invalidate: Quantity,
    /// Attempts per second let through to the service, the others refused at once; infinity when not given.
    pub fetch_limit: Quantity,
    /// What an answer does that comes after its caller gave up.
    pub late: Setting<LateAnswer>,
    /// State at time 0.
    pub begins: Setting<Begins>,
}

/// `late_answer` of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LateAnswer {
    /// Thrown away: the caller fills the cache, and has gone (look-aside; the default).
    #[default]
    Lost,
    /// Fills the cache all the same (read-through).
    Fills,
}

/// `begins` of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begins {
    /// Full of the most popular keys (the default).
    #[default]
    Warm,
    /// Empty.
    Cold,
}
