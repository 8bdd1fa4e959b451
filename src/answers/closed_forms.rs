//! Published formulas: printed beside the answers, and what tests hold the numerics to.

/// Recovery load of a saturated service whose queue outlasts the timeout, when every request is tried `attempts` times:
/// capacity / attempts (Bronson et al., HotOS 2021).
#[must_use]
pub fn recovery_by_attempts(capacity: f64, attempts: f64) -> f64 {
    capacity / attempts
}

/// The same under a token bucket that earns `fill` retries per request: capacity / (1 + fill).
#[must_use]
pub fn recovery_by_budget(capacity: f64, fill: f64) -> f64 {
    capacity / (1.0 + fill)
}

/// A cache with this hit ratio in front of a back end: (advertised capacity, hidden capacity when the cache is empty,
/// amplification of back-end load on its loss) (Bronson et al., HotOS 2021).
#[must_use]
pub fn lookaside_cache(backend: f64, hit_ratio: f64) -> (f64, f64, f64) {
    let amplification = 1.0 / (1.0 - hit_ratio);
    (backend * amplification, backend, amplification)
}

/// Largest load at which no trigger can leave the system collapsed: C / (wL* · wC*), where the load may be amplified
/// wL* times and capacity degraded wC* times by the sustaining effect (Huang et al., OSDI 2022, theorem 2). 0 if the
/// amplification is unlimited.
#[must_use]
pub fn stable_capacity(capacity: f64, load_amplification: f64, capacity_degradation: f64) -> f64 {
    if load_amplification.is_infinite() || capacity_degradation.is_infinite() {
        return 0.0;
    }
    capacity / (load_amplification * capacity_degradation)
}

/// Whether an amplification reached so far is safe at load L: wL · wC < C/L (Huang et al., OSDI 2022, theorem 3).
#[must_use]
pub fn amplification_is_safe(load: f64, capacity: f64, load_amplification: f64, capacity_degradation: f64) -> bool {
    load_amplification * capacity_degradation < capacity / load
}

/// Whether a trigger can start a metastable failure at all: only if it overloads, load · wL · wC > capacity at its peak
/// (Huang et al., OSDI 2022, theorem 1).
#[must_use]
pub fn trigger_overloads(load: f64, capacity: f64, trigger_load: f64, trigger_degradation: f64) -> bool {
    load * trigger_load > capacity / trigger_degradation
}

/// Attempts per request when each attempt fails independently with probability f and N are allowed:
/// (1 - f^N)/(1 - f), N at f = 1.
#[must_use]
pub fn amplification(f: f64, attempts: f64) -> f64 {
    if f == 1.0 { attempts } else { (1.0 - f.powf(attempts)) / (1.0 - f) }
}

/// Probability that one of N independent attempts succeeds: 1 - f^N.
#[must_use]
pub fn success(f: f64, attempts: f64) -> f64 {
    1.0 - f.powf(attempts)
}

/// Tries on the lowest of several layers, each making `attempts` of every call from above, when all fail.
#[must_use]
pub fn layered_attempts(attempts: u32, layers: u32) -> u64 {
    u64::from(attempts).pow(layers)
}

/// Load (per service rate μ) that keeps an M/M/1 queue busy a share ρ of the time when work is never cancelled, clients
/// give up after θ mean service times and try R times with independent delays: ρ (1-q)/(1-q^R), q = e^{-θ(1-ρ)}.
/// R may be infinite.
#[must_use]
pub fn mm1_retry_load(rho: f64, theta: f64, attempts: f64) -> f64 {
    let q = (-theta * (1.0 - rho)).exp();
    if attempts.is_infinite() {
        return rho * (1.0 - q);
    }
    let sum: f64 = (0..attempts as u32).map(|k| q.powi(k as i32)).sum();
    rho / sum
}

/// Tip-over load of that queue: the maximum of [`mm1_retry_load`] over ρ in 0..1, `None` if it only rises, which it does
/// unless (R - 1) θ > 2.
#[must_use]
pub fn mm1_retry_tip_over(theta: f64, attempts: f64) -> Option<f64> {
    if (attempts - 1.0) * theta <= 2.0 {
        return None;
    }
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut a, mut b) = (0.0, 1.0);
    for _ in 0..200 {
        let (left, right) = (b - GOLDEN * (b - a), a + GOLDEN * (b - a));
        if mm1_retry_load(left, theta, attempts) < mm1_retry_load(right, theta, attempts) {
            a = left;
        } else {
            b = right;
        }
    }
    Some(mm1_retry_load(0.5 * (a + b), theta, attempts))
}

/// Pods an autoscaler asks for when each round multiplies what it asked for before by a signal that has meanwhile grown by
/// `growth` targets, because none of the new pods serves yet: N_k = ⌈N_(k-1) · growth · k⌉, `rounds` of them from one pod.
///
/// The signal of a backlog grows so: with load L, one pod of rate μ ready, rounds of T seconds and a target of Q requests,
/// growth = (L - μ) T/Q, and the backlog is divided by the pods that are ready but multiplied by all that were asked for.
#[must_use]
pub fn lagged_scale_up(growth: f64, rounds: u32) -> Vec<f64> {
    let mut pods = vec![1.0];
    for round in 1..=rounds {
        let before = pods[pods.len() - 1];
        // 1e-9 keeps products that are whole numbers from being rounded up once more.
        pods.push((before * growth * f64::from(round) - 1e-9).ceil());
    }
    pods
}

/// Probability that all of `replicas` replicas are down, each with probability p, a share `beta` of whose failures is common to
/// all (the beta-factor model, Fleming 1975): beta p + ((1 - beta) p)^N. Without a common cause p^N; never below beta p.
#[must_use]
pub fn unavailability(p: f64, replicas: u32, beta: f64) -> f64 {
    beta * p + ((1.0 - beta) * p).powi(replicas as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hotos_2021_examples() {
        assert_eq!(recovery_by_attempts(300.0, 2.0), 150.0);
        assert!((recovery_by_budget(110.0, 0.1) - 100.0).abs() < 1e-12);
        let (advertised, hidden, amplification) = lookaside_cache(300.0, 0.9);
        assert!((advertised - 3000.0).abs() < 1e-9 && hidden == 300.0 && (amplification - 10.0).abs() < 1e-12);
    }

    #[test]
    fn osdi_2022_theorems() {
        // At most two retries: amplification 3; unlimited retries: nothing is safe.
        assert!((stable_capacity(300.0, 3.0, 1.0) - 100.0).abs() < 1e-12);
        assert_eq!(stable_capacity(300.0, f64::INFINITY, 1.0), 0.0);
        assert!(amplification_is_safe(100.0, 300.0, 2.9, 1.0) && !amplification_is_safe(100.0, 300.0, 3.1, 1.0));
        assert!(!trigger_overloads(100.0, 300.0, 2.9, 1.0) && trigger_overloads(100.0, 300.0, 2.0, 2.0));
    }

    #[test]
    fn independent_failures() {
        assert!((amplification(0.5, 4.0) - 1.875).abs() < 1e-12);
        assert_eq!(amplification(1.0, 4.0), 4.0);
        assert!((success(0.1, 3.0) - 0.999).abs() < 1e-12);
        // Published values for three attempts (envoy, istio and resilience4j defaults), rounded to 0.01
        for (f, published) in [(0.1, 1.11), (0.2, 1.24), (0.5, 1.75), (0.9, 2.71), (0.99, 2.97)] {
            assert!((amplification(f, 3.0) - published).abs() < 0.0051);
        }
    }

    #[test]
    fn lag_makes_an_autoscaler_overshoot() {
        // Reported for 100 req/s on pods of 10 req/s that need 45 s to start. (100 - 10) req/s over 45 s + 15 s between two
        // decisions are 5400 requests; that a target of 1000 divides them is inferred from the figures, not reported.
        let growth = (100.0 - 10.0) * (45.0 + 15.0) / 1000.0;
        assert_eq!(lagged_scale_up(growth, 4), [1.0, 6.0, 65.0, 1053.0, 22_745.0]);
    }

    #[test]
    fn layers_multiply() {
        assert_eq!(layered_attempts(4, 3), 64);
        assert_eq!(layered_attempts(3, 5), 243);
    }

    #[test]
    fn mm1_with_retries() {
        let cases = [
            (2.0, 3.0, 0.379_892),
            (2.0, 4.0, 0.348_616),
            (2.0, f64::INFINITY, 0.330_425),
            (5.0, 2.0, 0.585_254),
            (5.0, 4.0, 0.545_207),
            (5.0, f64::INFINITY, 0.543_810),
            (10.0, 2.0, 0.704_735),
            (10.0, f64::INFINITY, 0.693_602),
            (40.0, 2.0, 0.885_809),
            (40.0, f64::INFINITY, 0.885_141),
        ];
        for (theta, attempts, published) in cases {
            let value = mm1_retry_tip_over(theta, attempts).unwrap();
            assert!((value - published).abs() < 1e-6, "theta {theta}, R {attempts}: {value}");
        }
        assert_eq!(mm1_retry_tip_over(2.0, 2.0), None);
    }
}
