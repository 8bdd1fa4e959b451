//! What a column probably is, from its name: a counter or a level, and which quantity of a model it shows.
//!
//! Names of Prometheus exporters, service meshes, client libraries and load generators are known by their own
//! documentation (Envoy cluster statistics, Istio standard metrics, Linkerd, gRPC OpenTelemetry metrics A66 and A96,
//! Finagle, resilience4j, Hystrix, HikariCP, k6, Locust). A guess has a confidence and a reason, and is never applied
//! without being printed.

use super::sink::{About, Kind};
use super::unit::Unit;
use std::fmt;

/// A quantity that a model can be held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Requests per second that users begin (first attempts).
    Offered,
    /// Attempts per second that reach the service, retries included.
    Attempts,
    /// Answers per second, wanted or not (throughput).
    Served,
    /// Answers per second that a client still waited for (goodput).
    Goodput,
    /// Failed requests per second.
    Errors,
    /// Timeouts per second.
    Timeouts,
    /// Retries per second.
    Retries,
    /// Refused attempts per second.
    Rejected,
    /// Mean time of a request, in seconds.
    Latency,
    /// Median time, in seconds.
    P50,
    /// 90 % quantile of the time.
    P90,
    /// 95 % quantile of the time.
    P95,
    /// 99 % quantile of the time.
    P99,
    /// Requests inside: waiting and in service.
    Inflight,
    /// Requests that wait.
    Queue,
    /// Share of the slots that are busy.
    Utilization,
    /// Share of requests that a cache answers.
    HitRatio,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Offered,
        Self::Attempts,
        Self::Served,
        Self::Goodput,
        Self::Errors,
        Self::Timeouts,
        Self::Retries,
        Self::Rejected,
        Self::Latency,
        Self::P50,
        Self::P90,
        Self::P95,
        Self::P99,
        Self::Inflight,
        Self::Queue,
        Self::Utilization,
        Self::HitRatio,
    ];

    /// The name that `--map` uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Attempts => "attempts",
            Self::Served => "served",
            Self::Goodput => "goodput",
            Self::Errors => "errors",
            Self::Timeouts => "timeouts",
            Self::Retries => "retries",
            Self::Rejected => "rejected",
            Self::Latency => "latency",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Inflight => "inflight",
            Self::Queue => "queue",
            Self::Utilization => "utilization",
            Self::HitRatio => "hit-ratio",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase().replace('_', "-");
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether it counts events per second.
    #[must_use]
    pub fn is_rate(self) -> bool {
        matches!(
            self,
            Self::Offered
                | Self::Attempts
                | Self::Served
                | Self::Goodput
                | Self::Errors
                | Self::Timeouts
                | Self::Retries
                | Self::Rejected
        )
    }

    /// Whether it is a quantile.
    #[must_use]
    pub fn is_quantile(self) -> bool {
        matches!(self, Self::P50 | Self::P90 | Self::P95 | Self::P99)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a series probably shows.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Guess {
    /// The quantity.
    pub role: Role,
    /// From 0 to 1. Above 0.8 it is taken unless another column competes; below 0.5 it is only mentioned.
    pub confidence: f64,
    /// Why.
    pub because: &'static str,
}

/// Counter, quantile or level, by its name.
#[must_use]
pub fn kind_of(name: &str) -> Kind {
    let lower = name.to_ascii_lowercase();
    let word = lower.split(['{', ' ', '(']).next().unwrap_or_default();
    if quantile(&lower).is_some() {
        return Kind::Quantile;
    }
    let counter = word.ends_with("_total") || word.ends_with("_bucket") || word.ends_with("_sum");
    let counts = word.ends_with("_count") && !word.contains("thread") && !word.contains("user");
    if lower.starts_with("total ") && lower.ends_with(" count") || counter || counts {
        return Kind::Counter;
    }
    Kind::Gauge
}

/// The quantile that a name speaks of: `p99`, `95%`, `0.99`, `99th percentile`, `median`.
#[must_use]
pub fn quantile(lower: &str) -> Option<f64> {
    if lower.contains("median") {
        return Some(0.5);
    }
    let words = lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '%'));
    for word in words {
        let (digits, percent) = if let Some(rest) = word.strip_prefix('p') {
            (rest, false)
        } else if let Some(rest) = word.strip_suffix("th").or_else(|| word.strip_suffix('%')) {
            (rest, true)
        } else {
            continue;
        };
        let shaped = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let Some(number) = shaped.then(|| digits.parse::<f64>().ok()).flatten() else { continue };
        let share = match number {
            n if n <= 0.0 => continue,
            n if n <= 1.0 && digits.contains('.') => n,
            n if n < 100.0 => n / 100.0,
            _ if percent => continue,
            n if n < 1000.0 && digits.len() == 3 => n / 1000.0,
            n if n < 10_000.0 && digits.len() == 4 => n / 10_000.0,
            _ => continue,
        };
        return Some(share);
    }
    None
}

/// A piece of a name and what it says. Earlier ones win.
struct Hint {
    parts: &'static [&'static str],
    not: &'static [&'static str],
    role: Role,
    confidence: f64,
    because: &'static str,
}

const fn hint(parts: &'static [&'static str], role: Role, confidence: f64, because: &'static str) -> Hint {
    Hint { parts, not: &[], role, confidence, because }
}

const HINTS: &[Hint] = &[
    // Envoy and Istio.
    hint(&["upstream_rq_retry_"], Role::Rejected, 0.2, "Envoy: part of the retry statistics"),
    hint(&["upstream_rq_retry"], Role::Retries, 0.95, "Envoy: retries sent"),
    hint(&["upstream_rq_per_try_timeout"], Role::Timeouts, 0.9, "Envoy: attempts that timed out"),
    hint(&["upstream_rq_timeout"], Role::Timeouts, 0.95, "Envoy: requests that timed out"),
    hint(&["upstream_rq_pending_overflow"], Role::Rejected, 0.9, "Envoy: refused by the circuit breaker"),
    hint(&["upstream_rq_pending_active"], Role::Queue, 0.9, "Envoy: requests that wait for a connection"),
    hint(&["upstream_rq_active"], Role::Inflight, 0.95, "Envoy: active requests"),
    hint(&["upstream_rq_5xx"], Role::Errors, 0.9, "Envoy: answers with status 5xx"),
    hint(&["upstream_rq_2xx"], Role::Served, 0.85, "Envoy: answers with status 2xx"),
    hint(&["upstream_rq_total"], Role::Attempts, 0.95, "Envoy counts attempts, retries included"),
    hint(&["upstream_rq_time"], Role::Latency, 0.8, "Envoy: time of a request"),
    hint(&["istio_requests_total"], Role::Attempts, 0.6, "Istio: attempts at the destination, requests at the source"),
    hint(&["istio_request_duration"], Role::Latency, 0.7, "Istio: time of a request"),
    // Linkerd, gRPC, Finagle.
    hint(&["route_actual_request"], Role::Attempts, 0.9, "Linkerd: actual requests include retries"),
    hint(&["route_request_total"], Role::Offered, 0.85, "Linkerd: effective requests"),
    hint(&["grpc.client.attempt.started"], Role::Attempts, 0.95, "gRPC: attempts"),
    hint(&["grpc_client_attempt_started"], Role::Attempts, 0.95, "gRPC: attempts"),
    hint(&["grpc.client.call.retries"], Role::Retries, 0.9, "gRPC: retries"),
    hint(&["budget_exhausted"], Role::Rejected, 0.3, "Finagle: retries that the budget refused"),
    hint(&["request_concurrency"], Role::Inflight, 0.9, "Finagle: requests inside"),
    hint(&["request_queue_size"], Role::Queue, 0.9, "Finagle: requests that wait"),
    hint(&["pool_waiters"], Role::Queue, 0.8, "Finagle: waiting for a connection"),
    // JVM and pools.
    hint(&["hikaricp_connections_pending"], Role::Queue, 0.9, "HikariCP: threads that wait for a connection"),
    hint(&["hikaricp_connections_active"], Role::Inflight, 0.85, "HikariCP: connections in use"),
    hint(&["countthreadpoolrejected"], Role::Rejected, 0.9, "Hystrix: refused by the thread pool"),
    hint(&["counttimeout"], Role::Timeouts, 0.9, "Hystrix: timeouts"),
    hint(&["not_permitted_calls"], Role::Rejected, 0.85, "resilience4j: refused by the circuit breaker"),
    hint(&["cl_waiting"], Role::Queue, 0.9, "PgBouncer: clients that wait"),
    hint(&["keyspace_hits"], Role::HitRatio, 0.3, "Redis: hits; the ratio needs the misses as well"),
    hint(&["rejectedconnectioncount"], Role::Rejected, 0.85, "load balancer: refused connections"),
    hint(&["surgequeuelength"], Role::Queue, 0.9, "load balancer: requests that wait"),
    hint(&["spillovercount"], Role::Rejected, 0.9, "load balancer: refused because the queue was full"),
    hint(&["targetresponsetime"], Role::Latency, 0.85, "load balancer: time of the target"),
    hint(&["httpcode_target_5xx"], Role::Errors, 0.85, "load balancer: status 5xx of the target"),
    hint(&["httpcode_elb_5xx"], Role::Errors, 0.7, "load balancer: status 5xx of its own"),
    hint(&["requestcount"], Role::Attempts, 0.7, "load balancer: requests that reached a target, retries included"),
    // Load generators.
    hint(&["dropped"], Role::Offered, 0.2, "load that was not sent: add it to what was begun"),
    hint(&["requests/s"], Role::Attempts, 0.6, "Locust: requests per second"),
    hint(&["failures/s"], Role::Errors, 0.9, "Locust: failures per second"),
    hint(&["begun"], Role::Attempts, 0.8, "requests begun per second, from a log of requests"),
    // General words.
    hint(&["retries"], Role::Retries, 0.85, "the name says retries"),
    hint(&["retry"], Role::Retries, 0.8, "the name says retry"),
    hint(&["timeout"], Role::Timeouts, 0.8, "the name says timeout"),
    hint(&["timed_out"], Role::Timeouts, 0.8, "the name says timed out"),
    hint(&["goodput"], Role::Goodput, 0.95, "the name says goodput"),
    hint(&["reject"], Role::Rejected, 0.85, "the name says rejected"),
    hint(&["shed"], Role::Rejected, 0.75, "the name says shed"),
    hint(&["overflow"], Role::Rejected, 0.7, "the name says overflow"),
    hint(&["5xx"], Role::Errors, 0.85, "status 5xx"),
    hint(&["fail"], Role::Errors, 0.8, "the name says failed"),
    hint(&["error"], Role::Errors, 0.8, "the name says error"),
    hint(&["offered"], Role::Offered, 0.95, "the name says offered"),
    hint(&["first_attempt"], Role::Offered, 0.9, "first attempts"),
    hint(&["attempt"], Role::Attempts, 0.85, "the name says attempts"),
    hint(&["inflight"], Role::Inflight, 0.95, "the name says in flight"),
    hint(&["in_flight"], Role::Inflight, 0.95, "the name says in flight"),
    hint(&["in-flight"], Role::Inflight, 0.95, "the name says in flight"),
    hint(&["concurren"], Role::Inflight, 0.85, "the name says concurrency"),
    hint(&["queue"], Role::Queue, 0.8, "the name says queue"),
    hint(&["backlog"], Role::Queue, 0.7, "the name says backlog"),
    hint(&["waiting"], Role::Queue, 0.7, "the name says waiting"),
    hint(&["pending"], Role::Queue, 0.7, "the name says pending"),
    hint(&["hit_ratio"], Role::HitRatio, 0.9, "the name says hit ratio"),
    hint(&["hit_rate"], Role::HitRatio, 0.85, "the name says hit rate"),
    hint(&["utili"], Role::Utilization, 0.85, "the name says utilization"),
    hint(&["throughput"], Role::Served, 0.9, "the name says throughput"),
    hint(&["served"], Role::Served, 0.95, "the name says served"),
    hint(&["success"], Role::Served, 0.75, "the name says success"),
    hint(&["completed"], Role::Served, 0.8, "the name says completed"),
    hint(&["rate_ok"], Role::Served, 0.8, "the name says ok"),
    Hint {
        parts: &["latency"],
        not: &["bucket", "_sum", "_count"],
        role: Role::Latency,
        confidence: 0.8,
        because: "the name says latency",
    },
    Hint {
        parts: &["response_time"],
        not: &[],
        role: Role::Latency,
        confidence: 0.8,
        because: "the name says response time",
    },
    Hint {
        parts: &["duration"],
        not: &["bucket", "_sum", "_count"],
        role: Role::Latency,
        confidence: 0.65,
        because: "the name says duration",
    },
    hint(&["arrival"], Role::Offered, 0.7, "the name says arrivals"),
    hint(&["rate_in"], Role::Offered, 0.7, "the name says rate in"),
    hint(&["incoming"], Role::Offered, 0.7, "the name says incoming"),
    hint(&["load"], Role::Offered, 0.5, "the name says load"),
    hint(&["active"], Role::Inflight, 0.55, "the name says active"),
    hint(&["rps"], Role::Attempts, 0.5, "requests per second of some kind"),
    hint(&["qps"], Role::Attempts, 0.5, "requests per second of some kind"),
    hint(&["requests"], Role::Attempts, 0.5, "requests of some kind; retries may be among them"),
    hint(&["rq_total"], Role::Attempts, 0.6, "requests; retries may be among them"),
];

/// What a series probably shows; none if its name says nothing.
#[must_use]
pub fn guess(about: &About) -> Option<Guess> {
    let lower = about.name.to_ascii_lowercase();
    // Parts of a histogram are no quantity by themselves.
    let bare = lower.split('{').next().unwrap_or_default();
    if bare.ends_with("_sum") || bare.ends_with("_bucket") {
        return None;
    }
    // Locust's totals since the start say nothing of an interval, except for the counts.
    if lower.starts_with("total ") && about.kind != Kind::Counter {
        return None;
    }
    if let Some(share) = quantile(&lower) {
        let role = [(0.5, Role::P50), (0.9, Role::P90), (0.95, Role::P95), (0.99, Role::P99)]
            .into_iter()
            .find(|(q, _)| (q - share).abs() < 1e-9)
            .map(|(_, role)| role)?;
        let timed =
            matches!(about.unit, Some(Unit::Seconds)) || ["lat", "time", "dur"].iter().any(|w| lower.contains(w));
        let confidence = if timed { 0.95 } else { 0.7 };
        return Some(Guess { role, confidence, because: "a quantile, by its name" });
    }
    let failing = about.labels.iter().any(|(name, value)| {
        let status = ["code", "status", "response_code", "status_code"].contains(&name.as_str());
        status && value.starts_with('5') || name == "classification" && value == "failure"
    });
    if failing && about.unit != Some(Unit::Seconds) {
        return Some(Guess { role: Role::Errors, confidence: 0.8, because: "a label says that these failed" });
    }
    let found = HINTS.iter().find(|hint| {
        hint.parts.iter().all(|part| lower.contains(part)) && !hint.not.iter().any(|part| lower.contains(part))
    })?;
    let mut confidence = found.confidence;
    // A unit that contradicts the role makes the name worth little.
    let fits = match about.unit {
        None | Some(Unit::Plain | Unit::Other(_)) => true,
        Some(Unit::PerSecond) => found.role.is_rate(),
        Some(Unit::Seconds) => found.role == Role::Latency || found.role.is_quantile(),
        Some(Unit::Share) => matches!(found.role, Role::Utilization | Role::HitRatio),
        Some(Unit::Bytes | Unit::BytesPerSecond) => false,
    };
    if !fits {
        confidence *= 0.3;
    }
    (confidence >= 0.15).then_some(Guess { role: found.role, confidence, because: found.because })
}

#[cfg(test)]
mod tests {
    use super::super::sink::{About, Kind};
    use super::super::unit::Unit;
    use super::{Role, guess, kind_of, quantile};

    fn role(name: &str) -> Option<(Role, f64)> {
        guess(&About::named(name)).map(|g| (g.role, g.confidence))
    }

    #[test]
    fn names_of_exporters() {
        assert_eq!(role("envoy_cluster_upstream_rq_total"), Some((Role::Attempts, 0.95)));
        assert_eq!(role("envoy_cluster_upstream_rq_retry"), Some((Role::Retries, 0.95)));
        assert_eq!(role("hikaricp_connections_pending"), Some((Role::Queue, 0.9)));
        assert_eq!(role("rate_in").map(|r| r.0), Some(Role::Offered));
        assert_eq!(role("p99").map(|r| r.0), Some(Role::P99));
        assert_eq!(role("latency 95%").map(|r| r.0), Some(Role::P95));
        assert_eq!(role("temperature"), None);
        let mut bytes = About::named("queue_bytes");
        bytes.unit = Some(Unit::Bytes);
        assert!(guess(&bytes).is_none_or(|g| g.confidence < 0.5));
    }

    #[test]
    fn quantiles() {
        for (name, share) in [
            ("p99", 0.99),
            ("p999", 0.999),
            ("95%", 0.95),
            ("99.9%", 0.999),
            ("latency_p50_ms", 0.5),
            ("50th percentile", 0.5),
            ("median", 0.5),
            ("p0.99", 0.99),
        ] {
            let found = quantile(name).expect(name);
            assert!((found - share).abs() < 1e-12, "{name}: {found}");
        }
        for name in ["pods", "p", "cpu %", "requests", "100%", "month"] {
            assert_eq!(quantile(name), None, "{name}");
        }
    }

    #[test]
    fn counters() {
        assert_eq!(kind_of("http_requests_total"), Kind::Counter);
        assert_eq!(kind_of("latency_seconds_sum"), Kind::Counter);
        assert_eq!(kind_of("Total Request Count"), Kind::Counter);
        assert_eq!(kind_of("thread_count"), Kind::Gauge);
        assert_eq!(kind_of("p99"), Kind::Quantile);
    }

    #[test]
    fn roles_have_names() {
        for role in Role::ALL {
            assert_eq!(Role::named(role.name()), Some(role));
        }
        assert_eq!(Role::named("HIT_RATIO"), Some(Role::HitRatio));
    }
}
