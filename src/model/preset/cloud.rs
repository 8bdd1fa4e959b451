//! Cloud software development kits, published rules, and an incident.

use super::{Part, Preset};

pub(super) static AWS_2026: Preset = Preset {
    name: "aws-2026",
    about: "AWS SDKs' standard mode since 2026: a bucket of 500, 14 for a retry of a transient error",
    leaves_out: "retries of throttled calls cost 5 and wait from 1 s; DynamoDB has 4 attempts and 25 ms; x-amz-retry-after; first \
                 attempts are never held back",
    version: "boto 1.44, smithy util-retry 4.6.2",
    source: "botocore, retries/standard.py; smithy-typescript, retries-2026-config",
    parts: &[Part {
        key: "retry",
        values: &[
            ("attempts", "3"),
            ("backoff", "50 ms"),
            ("growth", "2"),
            ("cap", "20 s"),
            ("jitter", "full"),
            ("on", "timeout,reject,error"),
            ("budget.kind", "cost-bucket"),
            ("budget.size", "500"),
            ("budget.cost", "14"),
            ("budget.fill", "1"),
        ],
    }],
};

pub(super) static AWS_STANDARD_2025: Preset = Preset {
    name: "aws-standard-2025",
    about: "AWS SDKs' standard mode until 2025, as in Python: a bucket of 500, 5 for a retry, 10 after a timeout",
    leaves_out: "other languages wait 100 ms, or 500 ms when throttled, where Python waits from 1 s",
    version: "botocore 1.34.100",
    source: "botocore, retries/standard.py",
    parts: &[Part {
        key: "retry",
        values: &[
            ("attempts", "3"),
            ("backoff", "1 s"),
            ("growth", "2"),
            ("cap", "20 s"),
            ("jitter", "full"),
            ("on", "timeout,reject,error"),
            ("budget.kind", "cost-bucket"),
            ("budget.size", "500"),
            ("budget.cost", "5"),
            ("budget.timeout_cost", "10"),
            ("budget.fill", "1"),
        ],
    }],
};

pub(super) static SQUARE_2017: Preset = Preset {
    name: "square-2017",
    about: "A transaction retried up to 500 times without a wait: the bound that Square lowered to end its outage",
    leaves_out: "everything else of that system",
    version: "incident of 16 March 2017",
    source: "Square, incident summary of 16 March 2017",
    parts: &[Part { key: "retry", values: &[("attempts", "501"), ("backoff", "0 s"), ("on", "timeout,reject,error")] }],
};

pub(super) static SRE_ADAPTIVE_THROTTLE: Preset = Preset {
    name: "sre-adaptive-throttle",
    about: "Google's adaptive throttling: the client refuses a share of its own attempts; at most three attempts",
    leaves_out: "retries are also held below 10 % of a client's attempts",
    version: "book of 2016",
    source: "Beyer et al., Site Reliability Engineering, chapter 21",
    parts: &[
        Part { key: "throttle", values: &[("kind", "accepts"), ("factor", "2"), ("window", "2 min")] },
        Part { key: "retry", values: &[("attempts", "3"), ("backoff", "0 s"), ("on", "timeout,reject,error")] },
    ],
};

pub(super) static SRE_RETRY_BUDGET: Preset = Preset {
    name: "sre-retry-budget",
    about: "At most 60 retries per minute in a process, and three attempts per request",
    leaves_out: "the book asks for exponential back-off with jitter and gives no numbers for it",
    version: "book of 2016",
    source: "Beyer et al., Site Reliability Engineering, chapters 21 and 22",
    parts: &[Part {
        key: "retry",
        values: &[
            ("attempts", "3"),
            ("backoff", "0 s"),
            ("on", "timeout,reject,error"),
            ("budget.kind", "rate"),
            ("budget.rate", "60 req/min"),
            ("budget.window", "1 min"),
        ],
    }],
};
