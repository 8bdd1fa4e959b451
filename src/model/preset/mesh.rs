//! Proxies and meshes.

use super::{Part, Preset};

pub(super) static ENVOY: Preset = Preset {
    name: "envoy",
    about: "Envoy without a retry policy: one attempt, and a route timeout over everything",
    leaves_out: "connect timeout 5 s, stream idle timeout 5 min, idle timeout 1 h; at most 1024 connections, pending and \
                 active requests per cluster",
    version: "envoy at 040783c",
    source: "Envoy, router_filter.rst and faq/timeouts.rst",
    parts: &[
        Part { key: "retry", values: &[("attempts", "1")] },
        Part { key: "client", values: &[("deadline", "15 s")] },
    ],
};

pub(super) static ENVOY_RETRY: Preset = Preset {
    name: "envoy-retry",
    about: "Envoy with a retry policy: one retry, and at most 3 retries outstanding per proxy and cluster",
    leaves_out: "the back-off before retry N is uniform below (2^N - 1) times the base; 25, 50, 100 ms here for 25, 75, 175 ms",
    version: "envoy at 01c2c1f",
    source: "Envoy, router_filter.rst and circuit_breaker.proto",
    parts: &[
        Part {
            key: "retry",
            values: &[
                ("attempts", "2"),
                ("backoff", "25 ms"),
                ("growth", "2"),
                ("cap", "250 ms"),
                ("jitter", "full"),
                ("on", "timeout,reject,error"),
                ("budget.kind", "concurrency"),
                ("budget.share", "0"),
                ("budget.minimum", "3"),
            ],
        },
        Part { key: "client", values: &[("deadline", "15 s")] },
    ],
};

pub(super) static ENVOY_RETRY_BUDGET: Preset = Preset {
    name: "envoy-retry-budget",
    about: "Envoy with a retry policy and a retry budget: retries outstanding up to 20 % of the requests active and pending",
    leaves_out: "the budget is not on by default; back-off as for envoy-retry; retries in back-off were counted inconsistently \
                 (envoy issue 30205)",
    version: "envoy at 01c2c1f",
    source: "Envoy, circuit_breaker.proto",
    parts: &[
        Part {
            key: "retry",
            values: &[
                ("attempts", "2"),
                ("backoff", "25 ms"),
                ("growth", "2"),
                ("cap", "250 ms"),
                ("jitter", "full"),
                ("on", "timeout,reject,error"),
                ("budget.kind", "concurrency"),
                ("budget.share", "20 %"),
                ("budget.minimum", "3"),
            ],
        },
        Part { key: "client", values: &[("deadline", "15 s")] },
    ],
};

pub(super) static ENVOY_ADMISSION: Preset = Preset {
    name: "envoy-admission",
    about: "Envoy's admission control filter",
    leaves_out: "a request rate below which nothing is refused can be set and is 0",
    version: "envoy at 292030a",
    source: "Envoy, admission_control.proto",
    parts: &[Part {
        key: "throttle",
        values: &[
            ("kind", "success-rate"),
            ("threshold", "95 %"),
            ("window", "30 s"),
            ("aggression", "1"),
            ("most", "80 %"),
        ],
    }],
};

pub(super) static ISTIO: Preset = Preset {
    name: "istio",
    about: "Istio's default retry policy: two retries of failed connections, refused streams and 503 answers, not of timeouts",
    leaves_out: "a retry prefers another host (5 selections); requests have no timeout of their own",
    version: "istio at 126806a",
    source: "Istio, pilot, retry.go",
    parts: &[Part {
        key: "retry",
        values: &[
            ("attempts", "3"),
            ("backoff", "25 ms"),
            ("growth", "2"),
            ("cap", "250 ms"),
            ("jitter", "full"),
            ("on", "reject,error"),
        ],
    }],
};

pub(super) static LINKERD_SERVICEPROFILE: Preset = Preset {
    name: "linkerd-serviceprofile",
    about: "Linkerd's retry budget of a service profile: retries at once, without a bound on their number, up to 20 % of \
            the requests and 10 per second",
    leaves_out: "only routes marked as retryable are retried, without a body or with one of at most 64 KiB",
    version: "Linkerd service profiles, as quoted by gateway-api at 04c4b7b",
    source: "Linkerd documentation; Kubernetes Gateway API, GEP-3388",
    parts: &[Part {
        key: "retry",
        values: &[
            ("attempts", "unlimited"),
            ("backoff", "0 s"),
            ("on", "reject,error"),
            ("budget.kind", "ratio"),
            ("budget.share", "20 %"),
            ("budget.floor", "10 req/s"),
            ("budget.window", "10 s"),
        ],
    }],
};

pub(super) static GATEWAY_API: Preset = Preset {
    name: "gateway-api",
    about: "The retry constraint given as the example of Kubernetes' BackendTrafficPolicy: 20 % over 10 s, at least 10 per second",
    leaves_out: "experimental; how it is enforced is left to the implementation; attempts and back-off belong to the route",
    version: "gateway-api at 04c4b7b",
    source: "Kubernetes Gateway API, GEP-3388",
    parts: &[Part {
        key: "retry",
        values: &[
            ("attempts", "unlimited"),
            ("backoff", "0 s"),
            ("on", "reject,error"),
            ("budget.kind", "ratio"),
            ("budget.share", "20 %"),
            ("budget.floor", "10 req/s"),
            ("budget.window", "10 s"),
        ],
    }],
};
