//! Steady-state curves through scattered measurements: throughput over concurrency, latency over load.
//!
//! These need no model file and no time series; they say where a service saturates, and how surely the data say so.

mod latency;
mod scalability;

pub use latency::{LatencyFit, LatencyLaw, erlang_c, fit_latency, fit_pools};
pub use scalability::{Scalability, ScalabilityFit, fit_scalability};

/// Why a curve cannot be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScatterError {
    /// Not as many values of one kind as of the other.
    #[error("{loads} loads but {values} measurements")]
    Lengths {
        /// Number of loads.
        loads: usize,
        /// Number of measurements.
        values: usize,
    },
    /// A load or a measurement that is not a positive number.
    #[error("measurement {index} is not a pair of positive numbers")]
    NotPositive {
        /// Which, from 0.
        index: usize,
    },
    /// The fit failed.
    #[error("{0}")]
    Fit(String),
}

fn check(loads: &[f64], values: &[f64]) -> Result<(), ScatterError> {
    if loads.len() != values.len() {
        return Err(ScatterError::Lengths { loads: loads.len(), values: values.len() });
    }
    let fine = |x: &f64| x.is_finite() && *x > 0.0;
    match loads.iter().zip(values).position(|(n, x)| !fine(n) || !fine(x)) {
        Some(index) => Err(ScatterError::NotPositive { index }),
        None => Ok(()),
    }
}
