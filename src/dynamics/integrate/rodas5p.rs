//! One step of Rodas5P, a stiffly accurate, L-stable Rosenbrock method of order 5 with an embedded method of order 4
//! and a dense output of order 4.
//!
//! ```text
//! (I/(γh) - J) k_i = f(t + c_i h, x + Σ_{j<i} a_ij k_j) + h d_i f_t + (1/h) Σ_{j<i} C_ij k_j,      i = 1..8
//! x(t + h) = x + Σ_{j<=5} a_6j k_j + k_6 + k_7 + k_8,        local error ≈ k_8
//! x(t + θh) = (1-θ) x(t) + θ (x(t+h) + (1-θ)(K_1 + θ (K_2 + θ K_3))),      K_m = Σ_j H_mj k_j
//! ```
//!
//! With constant lags and `h` no larger than the smallest of them the delayed states are known functions of time, so
//! the system is an ordinary one whose total time derivative is `f_t = ∂f/∂t + Σ_j ∂f/∂x(t-L_j) x'(t-L_j)`; leaving
//! out the second term would cost the method its order.
//!
//! G. Steinebach, *Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within the Julia
//! Differential Equations package*, BIT Numer. Math. 63, 27 (2023). General theory: Hairer & Wanner, *Solving Ordinary
//! Differential Equations II*, section IV.7.

use super::tableau::{A, C, GAMMA, H, NODES, STAGES, TIME};
use crate::dynamics::linear::Lu;
use crate::process::field::{Field, Jacobian};

/// Why a step produced no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breakdown {
    /// The right-hand side was not finite at some stage.
    NotFinite,
    /// The matrix `I/(γh) - J` was singular.
    Singular,
}

/// Supplies delayed states inside the current step.
pub(super) trait Past {
    /// Writes `x(t - L_j)` for every lag, row by row; `opening` is true at the left end of a step, where the limit from
    /// the right is meant.
    fn states(&self, t: f64, opening: bool, out: &mut [f64]);
    /// Writes `x'(t - L_j)`, the limit from the right, for every lag.
    fn slopes(&self, t: f64, out: &mut [f64]);
}

/// Workspace of the method for one system.
pub(super) struct Rodas5p {
    dim: usize,
    k: Vec<f64>,
    stage: Vec<f64>,
    clamped: Vec<f64>,
    past: Vec<f64>,
    slope: Vec<f64>,
    time: Vec<f64>,
    defect: Vec<f64>,
    jacobian: Jacobian,
    lu: Lu,
    /// State at the end of the step.
    pub(super) next: Vec<f64>,
    /// Right-hand side at the start of the step, filled by [`Rodas5p::open`].
    pub(super) drift: Vec<f64>,
}

impl Rodas5p {
    pub(super) fn new(dim: usize, lags: usize) -> Self {
        Self {
            dim,
            k: vec![0.0; STAGES * dim],
            stage: vec![0.0; dim],
            clamped: vec![0.0; dim],
            past: vec![0.0; lags * dim],
            slope: vec![0.0; lags * dim],
            time: vec![0.0; dim],
            defect: vec![0.0; dim],
            jacobian: Jacobian::zeros(dim, lags),
            lu: Lu::new(dim),
            next: vec![0.0; dim],
            drift: vec![0.0; dim],
        }
    }

    /// Evaluates everything that depends on the start of the step only: once per accepted step, whatever is rejected.
    pub(super) fn open<F: Field + ?Sized>(
        &mut self,
        field: &F,
        p: &[f64],
        t: f64,
        x: &[f64],
        past: &dyn Past,
    ) -> Result<(), Breakdown> {
        let dim = self.dim;
        if !self.past.is_empty() {
            past.states(t, true, &mut self.past);
            past.slopes(t, &mut self.slope);
        }
        field.rhs(t, x, &self.past, p, &mut self.drift);
        field.jacobian(t, x, &self.past, p, &mut self.jacobian);
        self.time.copy_from_slice(&self.jacobian.time);
        for (j, block) in self.jacobian.blocks.iter().skip(1).enumerate() {
            for i in 0..dim {
                for c in 0..dim {
                    let entry = block[(i, c)];
                    if entry != 0.0 {
                        self.time[i] += entry * self.slope[j * dim + c];
                    }
                }
            }
        }
        // A derivative that is infinite at the edge of the domain (a square root at zero) is left out: the method then
        // has a lower order there, which its error estimate sees.
        for v in &mut self.time {
            if !v.is_finite() {
                *v = 0.0;
            }
        }
        for v in self.jacobian.blocks[0].iter_mut() {
            if !v.is_finite() {
                *v = 0.0;
            }
        }
        if self.drift.iter().all(|v| v.is_finite()) { Ok(()) } else { Err(Breakdown::NotFinite) }
    }

    /// Attempts a step of length `h` from the point given to [`Rodas5p::open`]; fills `next`.
    pub(super) fn attempt<F: Field + ?Sized>(
        &mut self,
        field: &F,
        p: &[f64],
        t: f64,
        x: &[f64],
        h: f64,
        past: &dyn Past,
    ) -> Result<(), Breakdown> {
        let dim = self.dim;
        let diagonal = 1.0 / (GAMMA * h);
        let block = &self.jacobian.blocks[0];
        let w = self.lu.matrix_mut();
        for i in 0..dim {
            for j in 0..dim {
                w[i * dim + j] = -block[(i, j)];
            }
            w[i * dim + i] += diagonal;
        }
        if !self.lu.factor() {
            return Err(Breakdown::Singular);
        }
        let inverse = 1.0 / h;
        for s in 0..STAGES {
            let (done, rest) = self.k.split_at_mut(s * dim);
            let k = &mut rest[..dim];
            if s == 0 {
                k.copy_from_slice(&self.drift);
            } else {
                if s < A.len() {
                    self.stage.copy_from_slice(x);
                    for (a, earlier) in A[s].iter().zip(done.chunks_exact(dim)) {
                        for (u, e) in self.stage.iter_mut().zip(earlier) {
                            *u += a * e;
                        }
                    }
                } else {
                    for (u, e) in self.stage.iter_mut().zip(&done[(s - 1) * dim..]) {
                        *u += e;
                    }
                }
                if !self.past.is_empty() && s < A.len() {
                    past.states(t + NODES[s] * h, false, &mut self.past);
                }
                field.rhs(t + NODES[s] * h, &self.stage, &self.past, p, k);
                if !k.iter().all(|v| v.is_finite()) {
                    // A stage may fall outside the domain although both ends of the step lie in it.
                    for ((c, u), info) in self.clamped.iter_mut().zip(&self.stage).zip(field.states()) {
                        *c = u.max(info.lower).min(info.upper);
                    }
                    field.rhs(t + NODES[s] * h, &self.clamped, &self.past, p, k);
                    if !k.iter().all(|v| v.is_finite()) {
                        return Err(Breakdown::NotFinite);
                    }
                }
            }
            for (c, earlier) in C[s].iter().zip(done.chunks_exact(dim)) {
                let factor = c * inverse;
                for (r, e) in k.iter_mut().zip(earlier) {
                    *r += factor * e;
                }
            }
            if TIME[s] != 0.0 {
                for (r, d) in k.iter_mut().zip(&self.time) {
                    *r += h * TIME[s] * d;
                }
            }
            self.lu.solve(k);
        }
        for i in 0..dim {
            self.next[i] = self.stage[i] + self.k[(STAGES - 1) * dim + i];
        }
        if self.next.iter().all(|v| v.is_finite()) { Ok(()) } else { Err(Breakdown::NotFinite) }
    }

    /// Estimate of the local error of the last attempt.
    pub(super) fn error(&self) -> &[f64] {
        &self.k[(STAGES - 1) * self.dim..]
    }

    /// How far the dense output of the last attempt is from satisfying the equation at the fraction `theta` of the
    /// step: `(I/(γh) - J)⁻¹ (x' - f)`, which has the size of an error of `x` whether the equation is stiff or not.
    /// Step ends and stages can all miss a pulse that this sees.
    pub(super) fn defect<F: Field + ?Sized>(
        &mut self,
        field: &F,
        p: &[f64],
        step: (f64, &[f64], f64),
        theta: f64,
        past: &dyn Past,
    ) -> &[f64] {
        let ((t, x, h), dim) = (step, self.dim);
        let at = t + theta * h;
        let rest = 1.0 - theta;
        let (point, slope) = (&mut self.stage, &mut self.clamped);
        for i in 0..dim {
            let row = |m: usize| -> f64 { H[m].iter().enumerate().map(|(s, w)| w * self.k[s * dim + i]).sum() };
            let (k1, k2, k3) = (row(0), row(1), row(2));
            point[i] = rest * x[i] + theta * (self.next[i] + rest * (k1 + theta * (k2 + theta * k3)));
            let linear = self.next[i] - x[i] + k1;
            slope[i] = (linear + theta * (2.0 * (k2 - k1) + theta * (3.0 * (k3 - k2) - 4.0 * theta * k3))) / h;
        }
        for (v, info) in point.iter_mut().zip(field.states()) {
            // The interpolant may undershoot a bound by less than the tolerance.
            *v = v.max(info.lower).min(info.upper);
        }
        if !self.past.is_empty() {
            past.states(at, false, &mut self.past);
        }
        field.rhs(at, point, &self.past, p, &mut self.defect);
        for (r, s) in self.defect.iter_mut().zip(slope.iter()) {
            *r = s - *r;
        }
        self.lu.solve(&mut self.defect);
        &self.defect
    }

    /// Appends the coefficients `K_1, K_2, K_3` of the dense output of the last attempt to `out`.
    pub(super) fn dense(&self, out: &mut Vec<f64>) {
        for row in &H {
            for i in 0..self.dim {
                out.push(row.iter().enumerate().map(|(s, h)| h * self.k[s * self.dim + i]).sum());
            }
        }
    }
}
