//! The Gauss-Newton model of the objective around a point, in a basis in which every step is a division.
//!
//! ```text
//! S(u + d) ≈ |r + J d|²,    J D⁻¹ = Q R,    R = U Σ Vᵀ,    q = Uᵀ Qᵀ r
//! d = -D⁻¹ V diag(σ/(σ² + λ)) q    minimises |r + J d|² + λ |D d|²
//! ```
//!
//! D holds the norms of the columns, so that nothing depends on the units of the parameters (Moré 1978). One QR
//! decomposition and one small singular value decomposition serve all λ, the rank, the null directions and the
//! covariance.

use nalgebra::{DMatrix, DVector};

/// The floor of exact derivatives.
const ROUNDING: f64 = 1e-14;

pub(super) struct Quadratic {
    /// The parameters that may move.
    pub(super) free: Vec<usize>,
    /// D of those.
    pub(super) scaling: Vec<f64>,
    /// Singular values, largest first.
    pub(super) sigma: DVector<f64>,
    /// Right singular vectors as rows.
    pub(super) v_t: DMatrix<f64>,
    /// The residuals in the basis of the left singular vectors.
    pub(super) q: DVector<f64>,
    /// Number of parameters, free or not.
    dim: usize,
    /// Singular values up to this part of the largest are errors of the derivatives.
    floor: f64,
}

impl Quadratic {
    /// The model for Jacobian and residuals (weights and loss applied) with these parameters free. `None` if the
    /// decomposition fails, which takes entries that are not finite.
    pub(super) fn new(
        jacobian: &DMatrix<f64>,
        residuals: &DVector<f64>,
        free: Vec<usize>,
        scaling: &[f64],
    ) -> Option<Self> {
        let dim = jacobian.ncols();
        let scaling: Vec<f64> = free.iter().map(|&j| scaling[j]).collect();
        if free.is_empty() || residuals.is_empty() {
            let empty = DVector::zeros(0);
            return Some(Self {
                free,
                scaling,
                sigma: empty.clone(),
                v_t: DMatrix::zeros(0, 0),
                q: empty,
                dim,
                floor: ROUNDING,
            });
        }
        let mut scaled = DMatrix::zeros(residuals.len(), free.len());
        for (k, (&j, d)) in free.iter().zip(&scaling).enumerate() {
            scaled.set_column(k, &(jacobian.column(j) / *d));
        }
        if scaled.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let qr = scaled.qr();
        let mut rotated = residuals.clone();
        qr.q_tr_mul(&mut rotated);
        let r = qr.r();
        let rows = r.nrows();
        let svd = r.try_svd(true, true, f64::EPSILON, 10_000)?;
        let (u, v_t) = (svd.u?, svd.v_t?);
        let q = u.transpose() * rotated.rows(0, rows);
        Some(Self { free, scaling, sigma: svd.singular_values, v_t, q, dim, floor: ROUNDING })
    }

    /// The same for derivatives with relative errors of this size: no step is made and nothing is promised in directions
    /// that they cannot tell from none.
    pub(super) fn resolving(self, floor: f64) -> Self {
        Self { floor: floor.max(ROUNDING), ..self }
    }

    /// Number of directions that matter.
    pub(super) fn resolved(&self) -> usize {
        self.live().count()
    }

    /// Number of singular values above `relative` times the largest.
    pub(super) fn rank(&self, relative: f64) -> usize {
        let largest = self.sigma.iter().copied().fold(0.0, f64::max);
        self.sigma.iter().filter(|&&s| s > relative * largest && s > 0.0).count()
    }

    fn live(&self) -> impl Iterator<Item = usize> + '_ {
        let largest = self.sigma.iter().copied().fold(0.0, f64::max);
        (0..self.sigma.len()).filter(move |&k| self.sigma[k] > self.floor * largest && self.sigma[k] > 0.0)
    }

    /// The reduction of S that the model promises for the undamped step.
    pub(super) fn attainable(&self) -> f64 {
        self.live().map(|k| self.q[k] * self.q[k]).sum()
    }

    /// The step whose scaled length |D d| is at most `radius`, with the λ that makes it so (Hebden's iteration, which is
    /// Newton's on the reciprocal length).
    pub(super) fn step(&self, radius: f64) -> (DVector<f64>, f64) {
        let z = |lambda: f64| {
            let mut z = DVector::zeros(self.sigma.len());
            for k in self.live() {
                z[k] = -self.q[k] * self.sigma[k] / (self.sigma[k].powi(2) + lambda);
            }
            z
        };
        let mut lambda = 0.0;
        let mut best = z(lambda);
        for _ in 0..60 {
            let length = best.norm();
            if length <= 1.1 * radius {
                break;
            }
            let slope: f64 = self.live().map(|k| best[k].powi(2) / (self.sigma[k].powi(2) + lambda)).sum();
            lambda += (length - radius) / radius * length.powi(2) / slope;
            best = z(lambda);
        }
        (self.expand(&best), lambda)
    }

    /// `d = D⁻¹ V z` over all parameters, zero for those that are not free.
    fn expand(&self, z: &DVector<f64>) -> DVector<f64> {
        let mut d = DVector::zeros(self.dim);
        if !z.is_empty() {
            let scaled = self.v_t.transpose() * z;
            for (k, &j) in self.free.iter().enumerate() {
                d[j] = scaled[k] / self.scaling[k];
            }
        }
        d
    }

    /// A covector over all parameters in the basis of the right singular vectors: `Vᵀ D⁻¹ c`.
    pub(super) fn covector(&self, c: &DVector<f64>) -> DVector<f64> {
        let scaled =
            DVector::from_iterator(self.free.len(), self.free.iter().zip(&self.scaling).map(|(&j, d)| c[j] / d));
        if scaled.is_empty() { scaled } else { &self.v_t * scaled }
    }

    /// The step to the largest value of `c · d` on the model's region `|r + J d|² <= level`, from
    ///
    /// ```text
    /// c = (JᵀJ d + Jᵀr)/κ,    κ = sqrt((level - |r|² + attainable)/(cᵀ(JᵀJ)⁻¹c))
    /// ```
    ///
    /// Directions that the data do not resolve are as good as free: they are followed as far as they change the target.
    /// Where the model does not reach the level at all, κ = 0: back to its minimum.
    pub(super) fn ascent(&self, c: &DVector<f64>, cost: f64, level: f64) -> DVector<f64> {
        let mut c = self.covector(c);
        let largest = self.sigma.iter().copied().fold(0.0, f64::max);
        let floor = (self.floor * largest).max(f64::MIN_POSITIVE.sqrt());
        let live: Vec<bool> = self.sigma.iter().map(|s| *s > floor).collect();
        let noise = 1e-6 * c.norm();
        for k in 0..c.len() {
            if !live[k] && c[k].abs() < noise {
                c[k] = 0.0;
            }
        }
        let square = |k: usize| if live[k] { self.sigma[k].powi(2) } else { floor * floor };
        let spread: f64 = (0..c.len()).map(|k| c[k] * c[k] / square(k)).sum();
        let room = level - cost + self.attainable();
        let kappa = if room > 0.0 && spread > 0.0 { (room / spread).sqrt() } else { 0.0 };
        let back = |k: usize| if live[k] { self.sigma[k] * self.q[k] } else { 0.0 };
        let z = DVector::from_fn(c.len(), |k, _| (kappa * c[k] - back(k)) / square(k));
        self.expand(&z)
    }

    /// The acceleration of a path along which the residuals have second derivative `r''`, given `Jᵀ r''`: the `a` that
    /// minimises `|J a + r''|² + λ |D a|²` (geodesic acceleration, Transtrum & Sethna 2012), if asked with `c · a = 0`.
    pub(super) fn acceleration(&self, curvature: &DVector<f64>, lambda: f64, c: Option<&DVector<f64>>) -> DVector<f64> {
        let t = self.covector(curvature);
        let c = c.map_or_else(|| DVector::zeros(t.len()), |c| self.covector(c));
        let square = |k: usize| self.sigma[k].powi(2) + lambda;
        let mut z = DVector::zeros(self.sigma.len());
        let (mut along, mut norm) = (0.0, 0.0);
        for k in self.live() {
            z[k] = -t[k] / square(k);
            along += c[k] * z[k];
            norm += c[k] * c[k] / square(k);
        }
        if norm > 0.0 {
            for k in self.live() {
                z[k] -= along / norm * c[k] / square(k);
            }
        }
        self.expand(&z)
    }

    /// The reduction the model promises while `c · d = 0`: how far the point is from the profile.
    pub(super) fn attainable_within(&self, c: &DVector<f64>) -> f64 {
        let c = self.covector(c);
        let (mut along, mut norm) = (0.0, 0.0);
        for k in self.live() {
            along += c[k] * self.q[k] / self.sigma[k];
            norm += (c[k] / self.sigma[k]).powi(2);
        }
        let total = self.attainable();
        if norm > 0.0 { (total - along * along / norm).max(0.0) } else { total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (DMatrix<f64>, DVector<f64>) {
        let j = DMatrix::from_row_slice(4, 2, &[1.0, 100.0, 2.0, 50.0, 0.5, -30.0, -1.0, 80.0]);
        (j, DVector::from_column_slice(&[1.0, -2.0, 0.5, 3.0]))
    }

    #[test]
    fn the_undamped_step_solves_the_normal_equations() {
        let (j, r) = example();
        let model = Quadratic::new(&j, &r, vec![0, 1], &[1.0, 100.0]).unwrap();
        let (d, lambda) = model.step(1e9);
        assert_eq!(lambda, 0.0);
        let gradient = j.transpose() * (&r + &j * &d);
        assert!(gradient.norm() < 1e-10, "{gradient}");
        let reduction = r.norm_squared() - (&r + &j * &d).norm_squared();
        assert!((reduction - model.attainable()).abs() < 1e-12);
    }

    #[test]
    fn a_damped_step_has_the_length_asked_for_and_its_lambda_is_the_multiplier() {
        let (j, r) = example();
        let scaling = [2.0, 100.0];
        let model = Quadratic::new(&j, &r, vec![0, 1], &scaling).unwrap();
        let (d, lambda) = model.step(0.2);
        let scaled = DVector::from_fn(2, |k, _| scaling[k] * d[k]);
        assert!(scaled.norm() < 0.221 && scaled.norm() > 0.17, "{}", scaled.norm());
        let gradient = j.transpose() * (&r + &j * &d);
        let pull = DVector::from_fn(2, |k, _| lambda * scaling[k] * scaling[k] * d[k]);
        assert!((gradient + pull).norm() < 1e-10);
    }

    #[test]
    fn the_ascent_step_ends_on_the_level_with_parallel_gradients() {
        let (j, r) = example();
        let model = Quadratic::new(&j, &r, vec![0, 1], &[1.0, 1.0]).unwrap();
        let c = DVector::from_column_slice(&[1.0, 0.0]);
        let level = r.norm_squared() + 1.0;
        let d = model.ascent(&c, r.norm_squared(), level);
        let end = &r + &j * &d;
        assert!((end.norm_squared() - level).abs() < 1e-9);
        let gradient = j.transpose() * end;
        assert!(gradient[0] > 0.0 && gradient[1].abs() < 1e-9 * gradient[0].abs(), "{gradient}");
    }
}
