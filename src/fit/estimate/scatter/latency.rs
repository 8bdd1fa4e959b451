//! Latency over load.
//!
//! ```text
//! single:     W(λ) = S / (1 - λ/C)                             C the saturation load; M/M/1 if C = 1/S
//! pool of c:  W(λ) = S + P(c, λS) S / (c - λS)                 M/M/c (Erlang 1917)
//! P(c, a) = B / (1 - (a/c)(1 - B)),   B(0) = 1,  B(k) = a B(k-1)/(k + a B(k-1))
//! ```
//!
//! P is the probability of waiting (Erlang's C formula), B of loss. Errors of latencies are factors: the residuals are
//! differences of logarithms.

use super::super::problem::{Curve, Parameter};
use super::super::selection::akaike_weights;
use super::super::{Estimate, Options, estimate};
use super::{ScatterError, check};

/// A law of latency over load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LatencyLaw {
    /// One server of its own speed: service time in the unit of the latencies, saturation load in that of the loads.
    Single {
        /// Latency without load.
        service_time: f64,
        /// Load at which latency diverges.
        capacity: f64,
    },
    /// A pool of servers; loads per unit of the service time.
    Pool {
        /// Mean service time.
        service_time: f64,
        /// Number of servers.
        servers: u32,
    },
}

impl LatencyLaw {
    /// Mean latency at a load; infinite from saturation on.
    #[must_use]
    pub fn latency(&self, load: f64) -> f64 {
        match *self {
            Self::Single { service_time, capacity } if load < capacity => service_time / (1.0 - load / capacity),
            Self::Pool { service_time, servers } if load * service_time < f64::from(servers) => {
                let offered = load * service_time;
                service_time * (1.0 + erlang_c(servers, offered) / (f64::from(servers) - offered))
            }
            _ => f64::INFINITY,
        }
    }

    /// Load at which latency diverges.
    #[must_use]
    pub fn saturation(&self) -> f64 {
        match *self {
            Self::Single { capacity, .. } => capacity,
            Self::Pool { service_time, servers } => f64::from(servers) / service_time,
        }
    }
}

/// Probability that a request waits in M/M/c with `servers` and this offered load in Erlangs, below saturation.
#[must_use]
pub fn erlang_c(servers: u32, offered: f64) -> f64 {
    let mut loss = 1.0;
    for k in 1..=servers {
        loss = offered * loss / (f64::from(k) + offered * loss);
    }
    let busy = offered / f64::from(servers);
    loss / (1.0 - busy * (1.0 - loss))
}

/// A law fitted.
#[derive(Debug, Clone)]
pub struct LatencyFit {
    /// The law.
    pub law: LatencyLaw,
    /// The estimate of its continuous parameters: service time, and for a single server the saturation load.
    pub estimate: Estimate,
    /// Probability by AICc among the laws it was compared with.
    pub weight: f64,
}

/// Fits the single-server law to latencies at loads.
///
/// # Errors
///
/// Fewer than two measurements, or some that are not positive.
pub fn fit_latency(load: &[f64], latency: &[f64], options: &Options<'_>) -> Result<LatencyFit, ScatterError> {
    check(load, latency)?;
    let largest = load.iter().copied().fold(0.0, f64::max);
    let least = latency.iter().copied().fold(f64::INFINITY, f64::min);
    let parameters = vec![
        Parameter::log("service time", least),
        Parameter::log("capacity", 1.5 * largest).within(largest * (1.0 + 1e-6), f64::INFINITY),
    ];
    let law = |p: &[f64]| LatencyLaw::Single { service_time: p[0], capacity: p[1] };
    let estimate = fit(load, latency, parameters, &law, options)?;
    Ok(LatencyFit { law: law(&estimate.values), estimate, weight: 1.0 })
}

/// Fits pools of one to `most` servers, each with its service time; the most probable first.
///
/// # Errors
///
/// No measurements, some that are not positive, or `most` of zero.
pub fn fit_pools(
    load: &[f64],
    latency: &[f64],
    most: u32,
    options: &Options<'_>,
) -> Result<Vec<LatencyFit>, ScatterError> {
    check(load, latency)?;
    let largest = load.iter().copied().fold(0.0, f64::max);
    let least = latency.iter().copied().fold(f64::INFINITY, f64::min);
    let mut fits = Vec::new();
    for servers in 1..=most {
        let limit = f64::from(servers) / largest;
        let bound = limit * (1.0 - 1e-6);
        let parameters = vec![Parameter::log("service time", least.min(0.9 * limit)).within(0.0, bound)];
        let law = |p: &[f64]| LatencyLaw::Pool { service_time: p[0], servers };
        let estimate = fit(load, latency, parameters, &law, options)?;
        fits.push(LatencyFit { law: law(&estimate.values), estimate, weight: 0.0 });
    }
    if fits.is_empty() {
        return Err(ScatterError::Fit("a pool has at least one server".into()));
    }
    // The number of servers is a parameter too, the same for all.
    let weights = akaike_weights(&fits.iter().map(|f| f.estimate.score).collect::<Vec<_>>());
    fits.iter_mut().zip(weights).for_each(|(fit, weight)| fit.weight = weight);
    fits.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    Ok(fits)
}

fn fit(
    load: &[f64],
    latency: &[f64],
    parameters: Vec<Parameter>,
    law: &(dyn Fn(&[f64]) -> LatencyLaw + Sync),
    options: &Options<'_>,
) -> Result<Estimate, ScatterError> {
    let y: Vec<f64> = latency.iter().map(|w| w.ln()).collect();
    let curve = Curve { parameters, y: &y, weights: None, model: |p: &[f64], i: usize| law(p).latency(load[i]).ln() };
    let options = Options { ordered: false, ..*options };
    estimate(&curve, &options).map_err(|e| ScatterError::Fit(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    /// One server waits with probability a; two with a = 1 with probability 1/3 (a²/(2+a) by hand); ten with 8 Erlangs
    /// with 0.409 (any table of Erlang's C formula).
    #[test]
    fn probabilities_of_waiting() {
        assert!((erlang_c(1, 0.7) - 0.7).abs() < 1e-15);
        assert!((erlang_c(2, 1.0) - 1.0 / 3.0).abs() < 1e-15);
        assert!((erlang_c(10, 8.0) - 0.409).abs() < 5e-4);
    }

    fn measured(law: LatencyLaw, loads: &[f64], error: f64) -> Vec<f64> {
        let mut random = chacha20::ChaCha8Rng::seed_from_u64(5);
        let mut draw = || -> f64 { StandardNormal.sample(&mut random) };
        loads.iter().map(|&l| law.latency(l) * (error * draw()).exp()).collect()
    }

    #[test]
    fn a_single_server_is_recovered() {
        let loads: Vec<f64> = (1..=30).map(|i| f64::from(i) * 3.0).collect();
        let law = LatencyLaw::Single { service_time: 0.02, capacity: 100.0 };
        let fit = fit_latency(&loads, &measured(law, &loads, 0.05), &Options::default()).unwrap();
        let capacity = fit.estimate.intervals[1];
        assert!(capacity.lower.value() < 100.0 && capacity.upper.value() > 100.0, "{capacity:?}");
        assert!(capacity.upper.value() / capacity.lower.value() < 1.03, "{capacity:?}");
    }

    /// Loads that stay far below saturation do not bound the capacity from above.
    #[test]
    fn light_load_leaves_the_capacity_open() {
        let loads: Vec<f64> = (1..=30).map(|i| f64::from(i) * 0.1).collect();
        let law = LatencyLaw::Single { service_time: 0.02, capacity: 100.0 };
        let fit = fit_latency(&loads, &measured(law, &loads, 0.05), &Options::default()).unwrap();
        assert!(!fit.estimate.intervals[1].upper.closed(), "{:?}", fit.estimate.intervals);
    }

    #[test]
    fn the_number_of_servers_is_recovered() {
        let loads: Vec<f64> = (1..=40).map(f64::from).collect();
        let law = LatencyLaw::Pool { service_time: 0.095, servers: 4 };
        let fits = fit_pools(&loads, &measured(law, &loads, 0.04), 12, &Options::default()).unwrap();
        assert!(matches!(fits[0].law, LatencyLaw::Pool { servers: 4, .. }), "{:?}", fits[0].law);
        assert!(fits[0].weight > 0.99);
        let service = fits[0].estimate.intervals[0];
        assert!(service.lower.value() < 0.095 && service.upper.value() > 0.095, "{service:?}");
    }
}
