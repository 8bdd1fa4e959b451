//! Libraries.

use super::{Part, Preset};

pub(super) static FINAGLE: Preset = Preset {
    name: "finagle",
    about: "Finagle's retry budget: at once, without a bound on their number, up to 20 % of the requests and 10 per second",
    leaves_out: "hosts are taken out after 5 failures in a row or below 80 % success; only what is known not to have been \
                 processed is sent again unless the application says more",
    version: "finagle at 4feb34c",
    source: "Finagle, RetryBudget.scala and Clients.rst",
    parts: &[Part {
        key: "retry",
        values: &[
            ("attempts", "unlimited"),
            ("backoff", "0 s"),
            ("on", "reject"),
            ("budget.kind", "ratio"),
            ("budget.share", "20 %"),
            ("budget.floor", "10 req/s"),
            ("budget.window", "10 s"),
        ],
    }],
};

pub(super) static GO_NETHTTP: Preset = Preset {
    name: "go-nethttp",
    about: "Go's HTTP client: one attempt and no timeout",
    leaves_out: "an idempotent request on a reused connection that is found dead is sent once more; dial 30 s, TLS 10 s, 2 idle \
                 connections per host",
    version: "go 1.19",
    source: "Go, net/http, client.go and transport.go",
    parts: &[Part { key: "retry", values: &[("attempts", "1")] }],
};

pub(super) static GRPC: Preset = Preset {
    name: "grpc",
    about: "gRPC without a service config: one attempt",
    leaves_out: "transparent retries of calls that never left the client",
    version: "grpc proposal A6 at 1fd061a",
    source: "gRPC proposal A6, client retries",
    parts: &[Part { key: "retry", values: &[("attempts", "1")] }],
};

pub(super) static GRPC_EXAMPLE: Preset = Preset {
    name: "grpc-example",
    about: "The retry policy given as the example of gRPC's proposal: four attempts, of UNAVAILABLE only",
    leaves_out: "a jitter of 20 % both ways; the deadline of a call spans all attempts",
    version: "grpc proposal A6 at 1fd061a",
    source: "gRPC proposal A6, client retries",
    parts: &[Part {
        key: "retry",
        values: &[
            ("attempts", "4"),
            ("backoff", "100 ms"),
            ("growth", "2"),
            ("cap", "1 s"),
            ("jitter", "none"),
            ("on", "reject,error"),
        ],
    }],
};

pub(super) static GRPC_THROTTLED: Preset = Preset {
    name: "grpc-throttled",
    about: "The same with the throttle of the proposal's example: 10 tokens, a tenth for an answer, retries above 5",
    leaves_out: "a jitter of 20 % both ways; one bucket for each server name of a channel, here for each process",
    version: "grpc proposal A6 at 1fd061a",
    source: "gRPC proposal A6, client retries",
    parts: &[Part {
        key: "retry",
        values: &[
            ("attempts", "4"),
            ("backoff", "100 ms"),
            ("growth", "2"),
            ("cap", "1 s"),
            ("jitter", "none"),
            ("on", "reject,error"),
            ("budget.kind", "throttle"),
            ("budget.size", "10"),
            ("budget.fill", "0.1"),
        ],
    }],
};

pub(super) static GRPC_XDS: Preset = Preset {
    name: "grpc-xds",
    about: "gRPC configured by a control plane that asks for retries: one retry unless more are asked for",
    leaves_out: "a jitter of 20 % both ways; at most 1024 requests per cluster",
    version: "grpc proposals A44 and A32",
    source: "gRPC proposals A44, xDS retry support, and A32, xDS circuit breaking",
    parts: &[Part {
        key: "retry",
        values: &[
            ("attempts", "2"),
            ("backoff", "25 ms"),
            ("growth", "2"),
            ("cap", "250 ms"),
            ("jitter", "none"),
            ("on", "reject,error"),
            ("budget.kind", "concurrency"),
            ("budget.share", "0"),
            ("budget.minimum", "3"),
        ],
    }],
};

pub(super) static HIKARI: Preset = Preset {
    name: "hikari",
    about: "HikariCP's connection pool: 10 connections, 30 s to get one",
    leaves_out: "connections live 30 min and idle 10 min",
    version: "HikariCP README of 2025",
    source: "HikariCP, README",
    parts: &[
        Part { key: "service", values: &[("servers", "10")] },
        Part { key: "client", values: &[("timeout", "30 s")] },
    ],
};

pub(super) static HYSTRIX: Preset = Preset {
    name: "hystrix",
    about: "Hystrix: a timeout of 1 s, no retries, a breaker at 50 % of at least 20 requests within 10 s",
    leaves_out: "10 threads per command group and no queue in front of them, or 10 concurrent calls",
    version: "hystrix at 7c03baf",
    source: "Hystrix, HystrixCommandProperties.java",
    parts: &[
        Part {
            key: "breaker",
            values: &[("threshold", "50 %"), ("window", "10 s"), ("minimum", "20"), ("open", "5 s"), ("probes", "1")],
        },
        Part { key: "client", values: &[("timeout", "1 s")] },
    ],
};

pub(super) static PGBOUNCER: Preset = Preset {
    name: "pgbouncer",
    about: "PgBouncer's pool: 20 connections, 100 clients, 120 s to get a connection",
    leaves_out: "a pool for each pair of user and database",
    version: "PgBouncer 1.18",
    source: "PgBouncer, pgbouncer.ini",
    parts: &[
        Part { key: "service", values: &[("servers", "20"), ("queue.limit", "100")] },
        Part { key: "client", values: &[("timeout", "120 s")] },
    ],
};

pub(super) static POLLY_V8: Preset = Preset {
    name: "polly-v8",
    about: "Polly's default strategies: three retries two seconds apart; a breaker at 10 % of at least 100 within 30 s",
    leaves_out: "a hedge after 2 s where hedging is used: hedge = { after = \"2 s\", most = 1 }",
    version: "Polly 8, docs at 173d6d1",
    source: "Polly documentation, defaults of the strategies",
    parts: &[
        Part {
            key: "retry",
            values: &[("attempts", "4"), ("backoff", "2 s"), ("jitter", "none"), ("on", "timeout,reject,error")],
        },
        Part {
            key: "breaker",
            values: &[("threshold", "10 %"), ("window", "30 s"), ("minimum", "100"), ("open", "5 s"), ("probes", "1")],
        },
        Part { key: "client", values: &[("timeout", "30 s")] },
    ],
};

pub(super) static REQUESTS: Preset = Preset {
    name: "requests",
    about: "Python requests: one attempt and no timeout",
    leaves_out: "",
    version: "requests with urllib3 2.8.0",
    source: "requests, adapters.py (DEFAULT_RETRIES = 0)",
    parts: &[Part { key: "retry", values: &[("attempts", "1")] }],
};

pub(super) static RESILIENCE4J: Preset = Preset {
    name: "resilience4j",
    about: "Resilience4j's defaults: three attempts, half a second apart, no retry budget; a breaker at 50 % of the last 100",
    leaves_out: "the breaker also opens when all calls take longer than 60 s; a bulkhead of 25; a rate limiter of 50 per 500 ns",
    version: "resilience4j at af9e7c9",
    source: "resilience4j, RetryConfig.java, CircuitBreakerConfig.java, TimeLimiterConfig.java",
    parts: &[
        Part {
            key: "retry",
            values: &[("attempts", "3"), ("backoff", "500 ms"), ("jitter", "none"), ("on", "timeout,reject,error")],
        },
        Part {
            key: "breaker",
            values: &[("threshold", "50 %"), ("window", "100"), ("minimum", "100"), ("open", "60 s"), ("probes", "10")],
        },
        Part { key: "client", values: &[("timeout", "1 s")] },
    ],
};

pub(super) static TENACITY: Preset = Preset {
    name: "tenacity",
    about: "Tenacity's bare decorator: it tries for ever and never waits",
    leaves_out: "",
    version: "tenacity 9.2.1",
    source: "tenacity, stop_never and wait_none",
    parts: &[Part {
        key: "retry",
        values: &[("attempts", "unlimited"), ("backoff", "0 s"), ("on", "timeout,reject,error")],
    }],
};

pub(super) static URLLIB3: Preset = Preset {
    name: "urllib3",
    about: "urllib3's Retry.DEFAULT: three retries with a back-off factor of zero",
    leaves_out: "Retry-After is honoured up to 6 h; the class alone retries ten times",
    version: "urllib3 2.8.0",
    source: "urllib3, util/retry.py",
    parts: &[Part {
        key: "retry",
        values: &[
            ("attempts", "4"),
            ("backoff", "0 s"),
            ("cap", "120 s"),
            ("jitter", "none"),
            ("on", "timeout,reject,error"),
        ],
    }],
};
