//! Damped Newton iteration for equilibria, `f(x, x, ..., x; p) = 0`.
//!
//! ```text
//! J(x) δ = -f(x),   J = Σ_j ∂f/∂x(t-L_j),   x ← x + λ δ
//! ```
//!
//! The damping `λ` is chosen by the natural monotonicity test `‖J(x)⁻¹ f(x + λδ)‖ <= (1 - λ/4) ‖δ‖`, which does not
//! depend on how the equations are scaled (Deuflhard, *Newton Methods for Nonlinear Problems*, 2004, section 3.3).
//! Norms weigh state `i` by `1/(|x_i| + scale_i)`. Iterates are kept in the domain of the states. A converged
//! iteration is followed by undamped steps as long as they help, so that roots are right to rounding.

use super::linear::Lu;
use crate::process::field::{Field, Jacobian};

/// The equilibrium equations of a field at fixed parameters, with the workspace to evaluate them.
pub struct Equations<'a, F: Field + ?Sized> {
    /// The field.
    pub field: &'a F,
    /// The parameters.
    pub p: Vec<f64>,
    lags: usize,
    past: Vec<f64>,
    jacobian: Jacobian,
}

impl<'a, F: Field + ?Sized> Equations<'a, F> {
    /// The equations of `field` at `p`.
    #[must_use]
    pub fn new(field: &'a F, p: &[f64]) -> Self {
        let (dim, lags) = (field.dim(), field.lags(p).len());
        Self { field, p: p.to_vec(), lags, past: vec![0.0; lags * dim], jacobian: Jacobian::zeros(dim, lags) }
    }

    /// Number of lags of the field.
    #[must_use]
    pub fn lags(&self) -> usize {
        self.lags
    }

    fn repeat(&mut self, x: &[f64]) {
        for row in self.past.chunks_exact_mut(x.len()) {
            row.copy_from_slice(x);
        }
    }

    /// Writes `f` at `x`; returns whether it is finite.
    pub fn residual(&mut self, x: &[f64], out: &mut [f64]) -> bool {
        self.repeat(x);
        self.field.rhs(0.0, x, &self.past, &self.p, out);
        out.iter().all(|v| v.is_finite())
    }

    /// The derivatives at `x`, block by block.
    pub fn blocks(&mut self, x: &[f64]) -> &Jacobian {
        self.repeat(x);
        self.field.jacobian(0.0, x, &self.past, &self.p, &mut self.jacobian);
        &self.jacobian
    }

    /// Writes the Jacobian at `x`, by rows of length `stride`, summed over all lags; returns whether it is finite.
    pub fn jacobian(&mut self, x: &[f64], stride: usize, out: &mut [f64]) -> bool {
        let dim = x.len();
        let blocks = &self.blocks(x).blocks;
        let mut finite = true;
        for i in 0..dim {
            for j in 0..dim {
                let sum = blocks.iter().map(|b| b[(i, j)]).sum::<f64>();
                finite &= sum.is_finite();
                out[i * stride + j] = sum;
            }
        }
        finite
    }

    /// Writes ∂f/∂p_k at `x`; returns whether it is finite.
    pub fn by_parameter(&mut self, x: &[f64], k: usize, out: &mut [f64]) -> bool {
        self.repeat(x);
        self.field.parameter_derivative(0.0, x, &self.past, &self.p, k, out);
        out.iter().all(|v| v.is_finite())
    }
}

/// A root found by [`newton`].
#[derive(Debug, Clone, PartialEq)]
pub struct Root {
    /// The equilibrium.
    pub x: Vec<f64>,
    /// Largest `|f_i|` there.
    pub residual: f64,
    /// Weighted size of the last Newton correction: an estimate of the relative error.
    pub correction: f64,
    /// Iterations used.
    pub iterations: usize,
}

/// Why [`newton`] found no root.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NewtonError {
    /// The guess has the wrong number of states.
    #[error("expected {expected} states, found {found}")]
    Dimension {
        /// Number of states of the field.
        expected: usize,
        /// Number of states of the guess.
        found: usize,
    },
    /// The Jacobian is singular or not finite.
    #[error("the Jacobian is singular or not finite")]
    Singular,
    /// The right-hand side is not finite at the start.
    #[error("the right-hand side is not finite at the start")]
    NotFinite,
    /// The iteration stalled or ran out of steps.
    #[error("no convergence: last correction {correction:e}")]
    NoConvergence {
        /// Weighted size of the last correction.
        correction: f64,
    },
}

const ITERATIONS: usize = 60;
const DAMPING_FLOOR: f64 = 1e-4;
const CLOSE: f64 = 1e-9;

/// Finds an equilibrium of `field` at `p` from the guess `start`.
///
/// # Errors
///
/// [`NewtonError`] if the iteration does not converge to a point inside the domain.
pub fn newton<F: Field + ?Sized>(field: &F, p: &[f64], start: &[f64]) -> Result<Root, NewtonError> {
    iterate(field, p, start, &|_, _| 1.0)
}

/// As [`newton`], with each correction multiplied by `stretch(x, δ)`: how deflation enters (see
/// `equilibria::deflation`).
pub(super) fn iterate<F: Field + ?Sized>(
    field: &F,
    p: &[f64],
    start: &[f64],
    stretch: &dyn Fn(&[f64], &[f64]) -> f64,
) -> Result<Root, NewtonError> {
    let dim = field.dim();
    if start.len() != dim {
        return Err(NewtonError::Dimension { expected: dim, found: start.len() });
    }
    let mut equations = Equations::new(field, p);
    let mut lu = Lu::new(dim);
    let mut x = start.to_vec();
    clamp(field, &mut x);
    let (mut f, mut trial, mut delta) = (vec![0.0; dim], vec![0.0; dim], vec![0.0; dim]);
    if !equations.residual(&x, &mut f) {
        return Err(NewtonError::NotFinite);
    }
    let mut size = f64::INFINITY;
    for iteration in 1..=ITERATIONS {
        if !equations.jacobian(&x, dim, lu.matrix_mut()) || !lu.factor() {
            return Err(NewtonError::Singular);
        }
        delta.copy_from_slice(&f);
        lu.solve(&mut delta);
        delta.iter_mut().for_each(|d| *d = -*d);
        size = norm(field, &x, &delta);
        if size <= CLOSE {
            return polish(&mut equations, &mut lu, x, iteration);
        }
        let longer = stretch(&x, &delta);
        delta.iter_mut().for_each(|d| *d *= longer);
        let mut damping = 1.0;
        loop {
            for i in 0..dim {
                trial[i] = x[i] + damping * delta[i];
            }
            clamp(field, &mut trial);
            if equations.residual(&trial, &mut f) {
                let mut next = f.clone();
                lu.solve(&mut next);
                // With deflation the merit function is another one: take the step if it is finite.
                if longer != 1.0 || norm(field, &x, &next) <= (1.0 - 0.25 * damping) * size {
                    break;
                }
            }
            damping *= 0.5;
            if damping < DAMPING_FLOOR {
                return Err(NewtonError::NoConvergence { correction: size });
            }
        }
        std::mem::swap(&mut x, &mut trial);
    }
    Err(NewtonError::NoConvergence { correction: size })
}

/// Undamped steps as long as the correction shrinks.
fn polish<F: Field + ?Sized>(
    eq: &mut Equations<'_, F>,
    lu: &mut Lu,
    start: Vec<f64>,
    iterations: usize,
) -> Result<Root, NewtonError> {
    let dim = start.len();
    let mut x = start;
    let mut f = vec![0.0; dim];
    let mut best: Option<Root> = None;
    for _ in 0..6 {
        if !eq.residual(&x, &mut f) || !eq.jacobian(&x, dim, lu.matrix_mut()) || !lu.factor() {
            break;
        }
        let residual = f.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        lu.solve(&mut f);
        let correction = norm(eq.field, &x, &f);
        if best.as_ref().is_some_and(|b| correction >= b.correction) {
            break;
        }
        best = Some(Root { x: x.clone(), residual, correction, iterations });
        for (v, d) in x.iter_mut().zip(&f) {
            *v -= d;
        }
        clamp(eq.field, &mut x);
    }
    best.ok_or(NewtonError::Singular)
}

/// Moves a point to the nearest one in the domain.
pub(super) fn clamp<F: Field + ?Sized>(field: &F, x: &mut [f64]) {
    for (v, info) in x.iter_mut().zip(field.states()) {
        *v = v.max(info.lower).min(info.upper);
    }
}

/// Largest entry of `d` relative to the state it belongs to.
pub(super) fn norm<F: Field + ?Sized>(field: &F, x: &[f64], d: &[f64]) -> f64 {
    x.iter().zip(d).zip(field.states()).fold(0.0, |m, ((x, d), s)| {
        let e = (d / (x.abs() + s.scale)).abs();
        if e.is_nan() { f64::INFINITY } else { m.max(e) }
    })
}

#[cfg(test)]
mod tests {
    use super::{NewtonError, newton};
    use crate::dynamics::testing::{Plain, hutchinson, m1, state};

    #[test]
    fn healthy_state_of_m1_is_right_to_rounding_from_a_far_guess() {
        let root = newton(&m1(), &[400.0, 0.75], &[50.0, 10.0]).unwrap();
        assert!((root.x[0] - 0.666_704_753).abs() < 1e-9 && root.correction < 1e-15, "{root:?}");
    }

    #[test]
    fn delayed_states_count_in_the_jacobian() {
        let root = newton(&hutchinson(), &[1.3, 2.0], &[0.7]).unwrap();
        assert!((root.x[0] - 1.0).abs() < 1e-15);
    }

    #[test]
    fn no_root_is_an_error_not_a_number() {
        let field = Plain::new(
            1,
            |_| Vec::new(),
            |_, x, _, _, dx| dx[0] = 1.0 + x[0] * x[0],
            |_, x, _, _, out| out.blocks[0][(0, 0)] = 2.0 * x[0],
        );
        assert!(newton(&field, &[], &[3.0]).is_err());
    }

    #[test]
    fn a_root_outside_the_domain_is_not_returned() {
        let mut field = Plain::new(
            1,
            |_| Vec::new(),
            |_, x, _, _, dx| dx[0] = x[0] + 1.0,
            |_, _, _, _, out| out.blocks[0][(0, 0)] = 1.0,
        );
        field.states = vec![state("x", 0.0, f64::INFINITY, 1.0)];
        assert!(matches!(newton(&field, &[], &[3.0]), Err(NewtonError::NoConvergence { .. })));
    }
}
