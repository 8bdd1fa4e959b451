//! What is to be estimated: the least-squares problem
//!
//! ```text
//! minimise  S(θ) = Σ_i w_i r_i(θ)²,    lower ≤ θ ≤ upper
//! ```
//!
//! with residuals `r_i` (prediction minus observation, any units) and weights `w_i` proportional to one over the variance
//! of observation `i`.

use nalgebra::DMatrix;
use std::convert::Infallible;

/// In which coordinate a parameter is searched, bounded and stepped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// `u = θ`.
    Linear,
    /// `u = ln θ`: for rates, times and sizes, whose errors are factors. Start and bounds must be positive.
    Log,
}

/// A parameter: its name, where to start, and what it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name in reports.
    pub name: String,
    /// Starting value.
    pub start: f64,
    /// Smallest value allowed; `-∞` (or 0 on the logarithmic scale) if there is none.
    pub lower: f64,
    /// Largest value allowed; `∞` if there is none.
    pub upper: f64,
    /// The coordinate it is searched in.
    pub scale: Scale,
}

impl Parameter {
    /// An unbounded parameter on the linear scale.
    #[must_use]
    pub fn linear(name: impl Into<String>, start: f64) -> Self {
        let (lower, upper) = (f64::NEG_INFINITY, f64::INFINITY);
        Self { name: name.into(), start, lower, upper, scale: Scale::Linear }
    }

    /// A positive parameter on the logarithmic scale.
    #[must_use]
    pub fn log(name: impl Into<String>, start: f64) -> Self {
        Self { name: name.into(), start, lower: 0.0, upper: f64::INFINITY, scale: Scale::Log }
    }

    /// The same with bounds.
    #[must_use]
    pub fn within(self, lower: f64, upper: f64) -> Self {
        Self { lower, upper, ..self }
    }

    /// From the value to the search coordinate.
    #[must_use]
    pub fn coordinate(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.ln(),
        }
    }

    /// From the search coordinate to the value.
    #[must_use]
    pub fn value(&self, coordinate: f64) -> f64 {
        match self.scale {
            Scale::Linear => coordinate,
            Scale::Log => coordinate.exp(),
        }
    }

    /// One natural unit of the coordinate: a factor of e on the logarithmic scale, the starting value (1 if that is 0)
    /// on the linear one.
    #[must_use]
    pub fn unit(&self) -> f64 {
        match self.scale {
            Scale::Linear if self.start == 0.0 => 1.0,
            Scale::Linear => self.start.abs(),
            Scale::Log => 1.0,
        }
    }

    /// Why the start or the bounds cannot be used, if so.
    #[must_use]
    pub fn defect(&self) -> Option<String> {
        let Self { name, start, lower, upper, scale } = self;
        if !start.is_finite() {
            Some(format!("the starting value of `{name}` is {start}"))
        } else if lower.is_nan() || upper.is_nan() || lower > upper {
            Some(format!("the bounds of `{name}`, {lower} and {upper}, enclose nothing"))
        } else if start < lower || start > upper {
            Some(format!("the starting value {start} of `{name}` is outside its bounds {lower} and {upper}"))
        } else if *scale == Scale::Log && (*start <= 0.0 || *lower < 0.0) {
            Some(format!("`{name}` is on the logarithmic scale and must be positive, but starts at {start}"))
        } else {
            None
        }
    }
}

/// A nonlinear least-squares problem. `Sync`, since several starts are followed at once.
pub trait Problem: Sync {
    /// Why residuals cannot be computed at some parameters. Such parameters are avoided, except at the start.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The parameters.
    fn parameters(&self) -> &[Parameter];

    /// Number of residuals.
    fn residual_count(&self) -> usize;

    /// Writes the residuals, prediction minus observation, at these parameter values.
    ///
    /// # Errors
    ///
    /// Where the prediction does not exist.
    fn residuals(&self, parameters: &[f64], out: &mut [f64]) -> Result<(), Self::Error>;

    /// Writes `∂r_i/∂θ_j` (row `i`, column `j`) and returns true, or returns false if only differences are to be had.
    ///
    /// # Errors
    ///
    /// Where the derivatives do not exist.
    fn jacobian(&self, _parameters: &[f64], _out: &mut DMatrix<f64>) -> Result<bool, Self::Error> {
        Ok(false)
    }

    /// Relative error of the derivatives of [`jacobian`](Self::jacobian), if it has any: rounding for a formula, the
    /// tolerance of the integrator for a simulation. `None` if derivatives are differences, whose error follows from
    /// [`precision`](Self::precision).
    fn derivative_error(&self) -> Option<f64> {
        None
    }

    /// Covariance of the estimates that such data lead to, in search coordinates, where it is known from elsewhere, such as
    /// from simulated data. Intervals are at least as wide.
    fn spread(&self) -> Option<DMatrix<f64>> {
        None
    }

    /// Weights, one over the variance of each observation up to a common factor; all 1 if none.
    fn weights(&self) -> Option<&[f64]> {
        None
    }

    /// Lengths of the time series the residuals consist of, in order: autocorrelation is looked for within each. One
    /// series of all if not overridden.
    fn series(&self) -> Vec<usize> {
        vec![self.residual_count()]
    }

    /// The instant of each residual, by number: residuals of one instant may be correlated, as columns that count the same
    /// requests are, and instants with their neighbours. `None` if residuals of different series are independent.
    fn instants(&self) -> Option<Vec<usize>> {
        None
    }

    /// Relative precision of the residuals: rounding for a formula, the tolerance of the integrator for a simulation.
    /// Steps of differences depend on it.
    fn precision(&self) -> f64 {
        f64::EPSILON
    }
}

/// A curve through points: `r_i = model(θ, i) - y_i`.
pub struct Curve<'a, F: Fn(&[f64], usize) -> f64 + Sync> {
    /// The parameters of the model.
    pub parameters: Vec<Parameter>,
    /// The observations.
    pub y: &'a [f64],
    /// Weights of the observations, if not equal.
    pub weights: Option<&'a [f64]>,
    /// The prediction of observation `i`.
    pub model: F,
}

impl<F: Fn(&[f64], usize) -> f64 + Sync> Problem for Curve<'_, F> {
    type Error = Infallible;

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn residual_count(&self) -> usize {
        self.y.len()
    }

    fn residuals(&self, parameters: &[f64], out: &mut [f64]) -> Result<(), Infallible> {
        for (i, (r, y)) in out.iter_mut().zip(self.y).enumerate() {
            *r = (self.model)(parameters, i) - y;
        }
        Ok(())
    }

    fn weights(&self) -> Option<&[f64]> {
        self.weights
    }
}
