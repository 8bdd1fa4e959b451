//! The equilibrium equations in the coordinates of continuation.
//!
//! ```text
//! y = (u_1, ..., u_n, s),    x_i = scale_i sinh(u_i),    p_k = κ s,    F(y) = W f(x(u), ..., x(u); p(s))
//! ```
//!
//! `asinh` is linear below the scale of a state and logarithmic above, so that a step of given length means a fixed change
//! below and a fixed ratio above; states over five decades then cost ten points instead of thousands. The diagonal `W`
//! scales each equation by its own derivatives.

use crate::dynamics::linear::Lu;
use crate::dynamics::newton::Equations;
use crate::process::field::Field;

/// Newton iterations of one corrector.
const ITERATIONS: usize = 8;

/// A correction this small is the last one needed: the next would be its square.
const LAST: f64 = 3e-8;

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
    pub(super) lu: Lu,
    step: Vec<f64>,
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
            step: vec![0.0; dim + 1],
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

    /// Writes `F(y)`; returns whether it is finite.
    pub(super) fn residual(&mut self, y: &[f64], out: &mut [f64]) -> bool {
        self.go(y);
        let finite = self.equations.residual(&self.x, out);
        out.iter_mut().zip(&self.weight).for_each(|(r, w)| *r *= w);
        finite
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

    /// Rescales the equations so that the rows of the derivative at `y` have norm one.
    pub(super) fn reweigh(&mut self, y: &[f64]) {
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

    /// Factors the derivative at `y` bordered by `row`; returns whether it is regular.
    pub(super) fn factor(&mut self, y: &[f64], row: &[f64]) -> bool {
        if !self.differentiate(y) {
            return false;
        }
        let matrix = self.lu.matrix_mut();
        matrix[..self.slope.len()].copy_from_slice(&self.slope);
        matrix[self.slope.len()..].copy_from_slice(row);
        self.lu.factor()
    }

    /// Solves `F(y) = 0, row · y = value` from `y`; returns the number of iterations.
    pub(super) fn correct(&mut self, y: &mut [f64], row: &[f64], value: f64) -> Option<usize> {
        let mut before = f64::INFINITY;
        for iteration in 1..=ITERATIONS {
            let mut step = std::mem::take(&mut self.step);
            let regular = self.residual(y, &mut step[..self.dim]) && self.factor(y, row);
            if regular {
                step[self.dim] = dot(row, y) - value;
                self.lu.solve(&mut step);
            }
            let size = dot(&step, &step).sqrt();
            if regular && size.is_finite() {
                y.iter_mut().zip(&step).for_each(|(y, d)| *y -= d);
            }
            self.step = step;
            if !regular || !size.is_finite() || size > 2.0 * before {
                return None;
            }
            if size < LAST {
                return Some(iteration);
            }
            before = size;
        }
        None
    }

    /// Unit tangent at `y` that continues `along`, and the sign of the bordered determinant.
    pub(super) fn tangent(&mut self, y: &[f64], along: &[f64], out: &mut Vec<f64>) -> Option<f64> {
        if !self.factor(y, along) {
            return None;
        }
        out.clear();
        out.resize(self.dim + 1, 0.0);
        out[self.dim] = 1.0;
        self.lu.solve(out);
        let norm = dot(out, out).sqrt();
        if !(norm > 0.0 && norm.is_finite()) {
            return None;
        }
        out.iter_mut().for_each(|v| *v /= norm);
        Some(self.lu.determinant_sign())
    }

    /// The point of the branch between `a` and `b` at the fraction `theta` of their chord.
    pub(super) fn between(&mut self, a: &[f64], b: &[f64], theta: f64) -> Option<Vec<f64>> {
        let row: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
        let norm = dot(&row, &row).sqrt();
        let row: Vec<f64> = row.iter().map(|v| v / norm).collect();
        let mut y: Vec<f64> = a.iter().zip(b).map(|(a, b)| a + theta * (b - a)).collect();
        let value = dot(&row, &y);
        self.correct(&mut y, &row, value).map(|_| y)
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}
