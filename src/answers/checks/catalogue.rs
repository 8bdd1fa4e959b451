//! What the checks are called, what they mean and where they come from: the texts of `tipping explain`.

/// A check that an analysis makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Its name, as in `findings` of the JSON document and for `tipping explain`.
    pub id: &'static str,
    /// What it looks for, in a line.
    pub title: &'static str,
    /// Why it matters, with the condition in symbols.
    pub why: &'static str,
    /// What to do about it.
    pub cure: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

/// All checks, by name.
pub static CHECKS: &[Check] = &[
    Check {
        id: "averaged-percentiles",
        title: "an output averages percentiles",
        why: "The mean of the 99th percentiles of several machines, or of several minutes, is not a percentile of anything: one bad \
              machine in a hundred vanishes in it. It also moves the wrong way, because a machine that serves nearly nothing \
              counts as much as one that serves everything.",
        cure: "Add up histograms and take the percentile of the sum, or show the largest of the percentiles.",
        source: "Gil Tene, How NOT to measure latency (2015); Site Reliability Engineering (2016), chapter 4",
    },
    Check {
        id: "headroom-shrinks",
        title: "the load grows towards a limit",
        why: "At a growth rate g the load reaches a limit L after ln(L/load)/g. Below the recovery load every collapse heals by \
              itself; from there on the system is vulnerable, long before it is overloaded. The date on which that happens is seen on no \
              dashboard, because nothing looks different on it.",
        cure: "Plan capacity against the first of the two dates, and rehearse the way back before it.",
        source: "Bronson, Aghayev, Charapko & Zhu, Metastable failures in distributed systems (HotOS 2021)",
    },
    Check {
        id: "no-jitter",
        title: "retries come back in step",
        why: "Clients that failed together and wait exactly as long come back together: a burst is repeated as a burst, of the \
              same height, once for every attempt. Spread over a back-off b the same n retries arrive at a rate of n/b.",
        cure: "Randomise the wait: jitter = \"full\".",
        source: "M. Brooker, Exponential backoff and jitter (AWS Architecture Blog, 2015)",
    },
    Check {
        id: "queue-outlasts-timeout",
        title: "a full queue takes longer to drain than its clients wait",
        why: "With c slots of service time S and K requests inside, the last waits K S / c. If that is longer than the timeout, a full \
              queue serves nobody: work goes on at full throughput, and goodput is zero. Such a queue turns a short overload into a \
              long one, and with retries into one that does not end.",
        cure: "Hold the queue below timeout · c / S, serve the newest first, or drop what has expired.",
        source: "Site Reliability Engineering (2016), chapter 22; Bronson et al. (HotOS 2021)",
    },
    Check {
        id: "queue-slower-than-load",
        title: "a full queue takes longer to drain than the load takes to change",
        why: "A queue evens out what is faster than itself. If it needs K S / c to drain and the load changes within less than \
              that, it still serves the last peak when the next one arrives, and its delay adds to the outage instead of bridging it.",
        cure: "Keep the time a request can spend in all its queues below the time over which the load changes.",
        source: "Site Reliability Engineering (2016), chapter 22, on the management of queues",
    },
    Check {
        id: "retry-product",
        title: "several tiers retry",
        why: "If every tier on the way makes up to n_i attempts, one request becomes up to n_1 · n_2 · ... at the lowest tier, \
              when that tier fails: three tiers of four attempts are 64. The recovery load of the lowest tier is its capacity \
              divided by this product.",
        cure: "Retry in one tier only, and answer \"do not retry\" from the others; or give each a retry budget.",
        source: "Site Reliability Engineering (2016), chapter 22; Brooker, Timeouts, retries and backoff with jitter (Amazon Builders' Library)",
    },
    Check {
        id: "timeout-below-p99",
        title: "the timeout cuts off more than a hundredth of healthy requests",
        why: "If P(W > timeout) exceeds 1 % in the good state, the timeout lies below the 99th percentile of latency: on a good day one \
              request in a hundred is already given up and retried. There is no reserve for a bad day: a small rise in \
              latency makes many more.",
        cure: "Set the timeout above the 99.9th percentile of the healthy state, or make the service faster.",
        source: "Brooker, Timeouts, retries and backoff with jitter (Amazon Builders' Library)",
    },
    Check {
        id: "unbounded-queue",
        title: "a queue has no limit",
        why: "In overload an unbounded queue grows for as long as the overload lasts, and so does the wait of everybody behind it. When the \
              overload ends there is all that work still to do, for clients who have left.",
        cure: "Give the queue a limit below timeout · c / S, and reject beyond it.",
        source: "Site Reliability Engineering (2016), chapter 22; Bronson et al. (HotOS 2021)",
    },
    Check {
        id: "unlimited-attempts",
        title: "a client retries without end",
        why: "Without a bound on attempts or a budget, all of the load comes back for as long as the outage lasts: by theorem 2 of \
              Huang et al. the load at which a collapse surely heals is zero.",
        cure: "Bound the attempts, and give retries a budget.",
        source: "Huang et al., Metastable failures in the wild (OSDI 2022)",
    },
];

/// The check of that name.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|c| c.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_listed_by_name() {
        assert!(CHECKS.windows(2).all(|pair| pair[0].id < pair[1].id));
        assert_eq!(find("unbounded-queue").map(|c| c.title), Some("a queue has no limit"));
        assert_eq!(find("unbounded"), None);
    }
}
