//! The equilibrium equations in the coordinates of continuation.
//!
//! ```text
//! y = (u_1, ..., u_n, s),    x_i = scale_i sinh(u_i),    p_k = κ s,    F(y) = W f(x(u), ..., x(u); p(s))
//! ```
//!
//! `asinh` is linear below the scale of a state and logarithmic above, so that a step of given length means a fixed
//! change below and a fixed ratio above; states over five decades then cost ten points instead of thousands. The
//! diagonal `W` scales each equation by its own derivatives.

use super::curve::Curve;
use crate::dynamics::linear::Lu;
use crate::dynamics::newton::Equations;
use crate::process::field::Field;

/// Equations, coordinates and workspace for one branch.
pub(super) struct System<'a, F: Field + ?Sized> {
    pub(super) equations: Equations<'a, F>,
    pub(super) k: usize,
    pub(super) dim: usize,
    /// Scale κ of the parameter.
    pub(super) unit: f64,
    pub(super) x: Vec<f64>,
    stretch: Vec<f64>,
    weight: Vec<f64>,
    column: Vec<f64>,
    /// Derivative of `F`, by rows of length n + 1.
    pub(super) slope: Vec<f64>,
    lu: Lu,
}

impl<'a, F: Field + ?Sized> System<'a, F> {
    pub(super) fn new(field: &'a F, p: &[f64], k: usize, unit: f64) -> Self {
        let dim = field.dim();
        Self {
            equations: Equations::new(field, p),
            k,
            dim,
            unit,
            x: vec![0.0; dim],
            stretch: vec![0.0; dim],
            weight: vec![1.0; dim],
            column: vec![0.0; dim],
            slope: vec![0.0; dim * (dim + 1)],
            lu: Lu::new(dim + 1),
        }
    }

    /// Coordinates of a state and parameter.
    pub(super) fn coordinates(&self, x: &[f64], parameter: f64) -> Vec<f64> {
        let states = self.equations.field.states();
        x.iter().zip(states).map(|(x, s)| (x / s.scale).asinh()).chain([parameter / self.unit]).collect()
    }

    /// Moves to `y`: sets the states, their stretch and the parameter.
    pub(super) fn go(&mut self, y: &[f64]) {
        for (i, s) in self.equations.field.states().iter().enumerate() {
            self.x[i] = s.scale * y[i].sinh();
            self.stretch[i] = self.x[i].hypot(s.scale);
        }
        self.equations.p[self.k] = self.unit * y[self.dim];
    }

    /// States at `y`.
    pub(super) fn states(&mut self, y: &[f64]) -> Vec<f64> {
        self.go(y);
        self.x.clone()
    }

    /// Fills `slope` with the derivative of `F` at `y`; returns whether it is finite.
    pub(super) fn differentiate(&mut self, y: &[f64]) -> bool {
        self.go(y);
        let (n, width) = (self.dim, self.dim + 1);
        let mut finite = self.equations.jacobian(&self.x, width, &mut self.slope);
        finite &= self.equations.by_parameter(&self.x, self.k, &mut self.column);
        for i in 0..n {
            let row = &mut self.slope[i * width..(i + 1) * width];
            for (r, s) in row.iter_mut().zip(&self.stretch) {
                *r *= s * self.weight[i];
            }
            row[n] = self.column[i] * self.unit * self.weight[i];
        }
        finite
    }

    /// Writes the derivative of `F` with respect to parameter `k`, in units of `unit`, at the point of the last call.
    pub(super) fn by_other_parameter(&mut self, k: usize, unit: f64, out: &mut [f64]) -> bool {
        let finite = self.equations.by_parameter(&self.x, k, out);
        out.iter_mut().zip(&self.weight).for_each(|(o, w)| *o *= unit * w);
        finite
    }
}

impl<F: Field + ?Sized> Curve for System<'_, F> {
    fn unknowns(&self) -> usize {
        self.dim + 1
    }

    fn residual(&mut self, y: &[f64], out: &mut [f64]) -> bool {
        self.go(y);
        let finite = self.equations.residual(&self.x, out);
        out.iter_mut().zip(&self.weight).for_each(|(r, w)| *r *= w);
        finite
    }

    fn differentiate_into_border(&mut self, y: &[f64]) -> bool {
        let finite = self.differentiate(y);
        self.lu.matrix_mut()[..self.slope.len()].copy_from_slice(&self.slope);
        finite
    }

    fn border(&mut self) -> &mut Lu {
        &mut self.lu
    }

    fn reweigh(&mut self, y: &[f64]) {
        self.weight.fill(1.0);
        if !self.differentiate(y) {
            return;
        }
        let width = self.dim + 1;
        for (w, row) in self.weight.iter_mut().zip(self.slope.chunks_exact(width)) {
            let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            if norm > 0.0 && norm.is_finite() {
                *w = 1.0 / norm;
            }
        }
    }
}
