//! The objective in search coordinates: residuals with weights and loss applied, their derivatives, and a count of what
//! they cost.

use super::loss::Loss;
use super::problem::{Parameter, Problem};
use nalgebra::{DMatrix, DVector};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How derivatives are approximated where the problem has none of its own. Steps are the relative precision ε of the
/// residuals to the power of 1/2, 1/3 and 1/5, errors of the order ε^(1/2), ε^(2/3) and ε^(4/5) (Dennis & Schnabel,
/// *Numerical Methods for Unconstrained Optimization*, 1983, section 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Differences {
    /// One evaluation per parameter.
    Forward,
    /// Two evaluations per parameter.
    #[default]
    Central,
    /// Four evaluations per parameter.
    FivePoint,
}

impl Differences {
    /// Relative size of the errors of derivatives for residuals of this relative precision, ten times the order above.
    pub(super) fn error(self, precision: f64) -> f64 {
        let power = match self {
            Self::Forward => 1.0 / 2.0,
            Self::Central => 2.0 / 3.0,
            Self::FivePoint => 4.0 / 5.0,
        };
        10.0 * precision.max(f64::EPSILON).powf(power)
    }
}

/// Why residuals or derivatives are missing.
#[derive(Debug, thiserror::Error)]
pub enum Trouble<E: std::error::Error + 'static> {
    /// The problem says so.
    #[error(transparent)]
    Problem(E),
    /// A residual is infinite or not a number.
    #[error("residual {index} is not finite")]
    NotFinite {
        /// Which residual.
        index: usize,
    },
}

/// A point of the search.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// Search coordinates.
    pub(super) u: DVector<f64>,
    /// Residuals times the square roots of their weights.
    pub(super) residuals: DVector<f64>,
    /// The objective.
    pub(super) cost: f64,
}

/// The objective.
pub(super) struct Objective<'a, P: Problem> {
    pub(super) problem: &'a P,
    pub(super) parameters: &'a [Parameter],
    /// Bounds in search coordinates; equal for a parameter that is held.
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    pub(super) loss: Loss,
    /// Scale of the residuals for the loss.
    pub(super) scale: f64,
    root_weights: Option<Vec<f64>>,
    evaluations: &'a AtomicUsize,
}

impl<'a, P: Problem> Objective<'a, P> {
    pub(super) fn new(problem: &'a P, loss: Loss, scale: f64, evaluations: &'a AtomicUsize) -> Self {
        let parameters = problem.parameters();
        let lower = parameters.iter().map(|q| q.coordinate(q.lower)).collect();
        let upper = parameters.iter().map(|q| q.coordinate(q.upper)).collect();
        let root_weights = problem.weights().map(|w| w.iter().map(|w| w.sqrt()).collect());
        Self { problem, parameters, lower, upper, loss, scale, root_weights, evaluations }
    }

    /// The same with parameter `index` held at `u`.
    pub(super) fn holding(&self, index: usize, u: f64) -> Self {
        let mut held = Self {
            lower: self.lower.clone(),
            upper: self.upper.clone(),
            root_weights: self.root_weights.clone(),
            ..*self
        };
        held.lower[index] = u;
        held.upper[index] = u;
        held
    }

    /// Relative error of the derivatives.
    pub(super) fn derivative_error(&self, by: Differences) -> f64 {
        self.problem.derivative_error().unwrap_or_else(|| by.error(self.problem.precision()))
    }

    pub(super) fn held(&self, index: usize) -> bool {
        self.lower[index] >= self.upper[index]
    }

    pub(super) fn values(&self, u: &DVector<f64>) -> Vec<f64> {
        (0..u.len()).map(|j| self.value(j, u[j])).collect()
    }

    /// The value of parameter `j` at coordinate `u`, exact on its bounds.
    pub(super) fn value(&self, j: usize, u: f64) -> f64 {
        let q = &self.parameters[j];
        if u <= q.coordinate(q.lower) {
            q.lower
        } else if u >= q.coordinate(q.upper) {
            q.upper
        } else {
            q.value(u).clamp(q.lower, q.upper)
        }
    }

    pub(super) fn coordinates(&self, values: &[f64]) -> DVector<f64> {
        DVector::from_iterator(values.len(), self.parameters.iter().zip(values).map(|(q, &v)| q.coordinate(v)))
    }

    /// Residuals and objective at `u`.
    pub(super) fn point(&self, u: DVector<f64>) -> Result<Point, Trouble<P::Error>> {
        let residuals = self.residuals(&u)?;
        let cost = self.cost(&residuals);
        Ok(Point { u, residuals, cost })
    }

    pub(super) fn cost(&self, residuals: &DVector<f64>) -> f64 {
        match self.loss {
            Loss::Square => residuals.norm_squared(),
            loss => {
                let s = self.scale;
                2.0 * s * s * residuals.iter().map(|r| loss.rho(r / s)).sum::<f64>()
            }
        }
    }

    fn residuals(&self, u: &DVector<f64>) -> Result<DVector<f64>, Trouble<P::Error>> {
        let mut out = DVector::zeros(self.problem.residual_count());
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        self.problem.residuals(&self.values(u), out.as_mut_slice()).map_err(Trouble::Problem)?;
        if let Some(weights) = &self.root_weights {
            out.iter_mut().zip(weights).for_each(|(r, w)| *r *= w);
        }
        match out.iter().position(|r| !r.is_finite()) {
            Some(index) => Err(Trouble::NotFinite { index }),
            None => Ok(out),
        }
    }

    /// Square roots of the weights of the loss at these residuals, or nothing for least squares. Residuals and Jacobian
    /// times them have the gradient of the objective and a positive semidefinite approximation of its Hessian.
    pub(super) fn emphasis(&self, residuals: &DVector<f64>) -> Option<DVector<f64>> {
        (self.loss != Loss::Square).then(|| residuals.map(|r| self.loss.weight(r / self.scale).sqrt()))
    }

    /// `∂(√w_i r_i)/∂u_j`, zero for held parameters.
    pub(super) fn jacobian(&self, at: &Point, by: Differences) -> Result<DMatrix<f64>, Trouble<P::Error>> {
        let (n, p) = (at.residuals.len(), at.u.len());
        let mut jacobian = DMatrix::zeros(n, p);
        if self.problem.jacobian(&self.values(&at.u), &mut jacobian).map_err(Trouble::Problem)? {
            for (j, mut column) in jacobian.column_iter_mut().enumerate() {
                let factor = match self.parameters[j].scale {
                    super::problem::Scale::Linear => 1.0,
                    super::problem::Scale::Log => self.parameters[j].value(at.u[j]),
                };
                column *= if self.held(j) { 0.0 } else { factor };
                if let Some(weights) = &self.root_weights {
                    column.iter_mut().zip(weights).for_each(|(d, w)| *d *= w);
                }
            }
            return match jacobian.as_slice().iter().position(|d| !d.is_finite()) {
                Some(k) => Err(Trouble::NotFinite { index: k % n.max(1) }),
                None => Ok(jacobian),
            };
        }
        for j in (0..p).filter(|&j| !self.held(j)) {
            jacobian.set_column(j, &self.derivative(at, j, by)?);
        }
        Ok(jacobian)
    }

    fn derivative(&self, at: &Point, j: usize, by: Differences) -> Result<DVector<f64>, Trouble<P::Error>> {
        let shifted = |by: f64| {
            let mut u = at.u.clone();
            u[j] += by;
            // The step that was really made, after rounding.
            let made = u[j] - at.u[j];
            self.residuals(&u).map(|r| (r, made))
        };
        let allowed = |step: f64| (self.lower[j]..=self.upper[j]).contains(&(at.u[j] + step));
        let step = self.step(at.u[j], j, by);
        let reach = if by == Differences::FivePoint { 2.0 * step } else { step };
        if by != Differences::Forward && allowed(reach) && allowed(-reach) {
            let two_sided = |step: f64| -> Result<DVector<f64>, Trouble<P::Error>> {
                let ((above, up), (below, down)) = (shifted(step)?, shifted(-step)?);
                Ok((above - below) / (up - down))
            };
            let near = two_sided(step);
            let slope = match by {
                Differences::FivePoint => near.and_then(|near| Ok((near * 4.0 - two_sided(2.0 * step)?) / 3.0)),
                _ => near,
            };
            if slope.is_ok() {
                return slope;
            }
        }
        // One-sided, away from the nearer bound; the other side if that one does not exist.
        let step = self.step(at.u[j], j, Differences::Forward);
        let one_sided = |step: f64| shifted(step).map(|(r, made)| (r - &at.residuals) / made);
        if !allowed(step) {
            return one_sided(-step);
        }
        one_sided(step).or_else(|e| if allowed(-step) { one_sided(-step) } else { Err(e) })
    }

    fn step(&self, u: f64, j: usize, by: Differences) -> f64 {
        let precision = self.problem.precision().max(f64::EPSILON);
        let relative = match by {
            Differences::Forward => precision.sqrt(),
            Differences::Central => precision.cbrt(),
            Differences::FivePoint => precision.powf(0.2),
        };
        let unit = self.parameters[j].unit();
        let size = match self.parameters[j].scale {
            super::problem::Scale::Linear => u.abs().max(1e-3 * unit),
            super::problem::Scale::Log => unit,
        };
        // A parameter confined to a narrow interval is stepped within it.
        let room = self.upper[j] - self.lower[j];
        if room.is_finite() { (relative * size).min(room / 8.0) } else { relative * size }
    }
}
