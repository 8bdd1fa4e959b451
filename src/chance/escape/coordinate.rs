//! The coordinate along which collapse is measured: 0 at the good state, 1 at the saddle.
//!
//! At the saddle the committor (the probability to collapse) changes fastest across the separatrix, whose normal is the left
//! eigenvector u of the unstable root λ, in the sense of the delayed equations (Hale 1977):
//!
//! ```text
//! u (λ - A_0 - Σ_j A_j e^{-λ L_j}) = 0
//! progress of a state and its history:   u · x + Σ_{on its way} e^{-λ · time to landing} u · jump
//! ```
//!
//! The discount is kept at its mean over a delay L, κ = (1 - e^{-λL})/(λL), so that the coordinate changes at events
//! only. Where the eigenvector does not exist or does not separate the states, the line from good to saddle in units of the
//! scales of the states takes its place. A coordinate changes the variance of an estimate, not what it estimates.

use crate::chance::paths::{Path, PathError};
use crate::process::event::Event;
use crate::process::field::{Field, Jacobian};
use nalgebra::DMatrix;

/// A linear coordinate, things on their way included.
#[derive(Debug, Clone, PartialEq)]
pub struct Coordinate {
    weights: Vec<f64>,
    discount: f64,
    reference: Vec<f64>,
    origin: f64,
}

impl Coordinate {
    /// The coordinate from `good` to `saddle`, whose unstable characteristic root is `root` (1/s) if it is known to be real.
    /// `path` is any path of the process.
    ///
    /// # Errors
    /// [`PathError::NotFinite`] if the states cannot be told apart.
    pub fn new<F: Field + ?Sized>(
        field: &F,
        path: &mut Path<'_>,
        events: &[Event],
        p: &[f64],
        (good, saddle): (&[f64], &[f64]),
        root: Option<f64>,
    ) -> Result<Self, PathError> {
        let along = || -> Vec<f64> {
            let parts = field.states().iter().zip(good).zip(saddle);
            parts.map(|((state, g), s)| (s - g) / (state.scale * state.scale)).collect()
        };
        let longest = field.lags(p).last().copied().unwrap_or(0.0);
        let root = root.filter(|r| *r > 0.0);
        let discount = root.map_or(1.0, |r| {
            let x = r * longest;
            if x > 1e-6 { (1.0 - (-x).exp()) / x } else { 1.0 }
        });
        let normal = root.and_then(|r| normal(field, p, saddle, r));
        for weights in normal.into_iter().chain([along()]) {
            path.set_gauge(&weights, discount, saddle);
            let (a, b) = (path.level_at_rest(events, good), path.level_at_rest(events, saddle));
            let span = b - a;
            let size: f64 = weights.iter().zip(good).zip(saddle).map(|((w, g), s)| (w * (s - g)).abs()).sum();
            if span.is_finite() && span.abs() > 0.1 * size && size > 0.0 {
                let weights: Vec<f64> = weights.iter().map(|w| w / span).collect();
                return Ok(Self { weights, discount, reference: saddle.to_vec(), origin: a / span });
            }
        }
        Err(PathError::NotFinite { event: "the way from the good state to the saddle".to_owned(), t: 0.0 })
    }

    /// A coordinate with given weights: `Σ w_i x_i - origin`, things on their way not counted.
    #[must_use]
    pub fn linear(weights: &[f64], origin: f64, reference: &[f64]) -> Self {
        Self { weights: weights.to_vec(), discount: 0.0, reference: reference.to_vec(), origin }
    }

    /// Makes a path keep the coordinate.
    pub(super) fn attach(&self, path: &mut Path<'_>) {
        path.set_gauge(&self.weights, self.discount, &self.reference);
    }

    /// Value for a path it is attached to.
    #[inline]
    pub(super) fn of(&self, path: &Path<'_>) -> f64 {
        path.level() - self.origin
    }

    /// Value of a state with nothing on its way.
    #[must_use]
    pub fn at(&self, x: &[f64]) -> f64 {
        x.iter().zip(&self.weights).map(|(x, w)| x * w).sum::<f64>() - self.origin
    }

    /// Value of a state at rest; `path` is any path of the process.
    #[must_use]
    pub fn at_rest(&self, path: &mut Path<'_>, events: &[Event], x: &[f64]) -> f64 {
        self.attach(path);
        path.level_at_rest(events, x) - self.origin
    }
}

/// The left null vector of the characteristic matrix at a root.
fn normal<F: Field + ?Sized>(field: &F, p: &[f64], x: &[f64], root: f64) -> Option<Vec<f64>> {
    let lags = field.lags(p);
    let mut jacobian = Jacobian::zeros(field.dim(), lags.len());
    field.jacobian(0.0, x, &x.repeat(lags.len()), p, &mut jacobian);
    let mut matrix = DMatrix::identity(field.dim(), field.dim()) * root - &jacobian.blocks[0];
    for (block, lag) in jacobian.blocks[1..].iter().zip(&lags) {
        matrix -= block * (-root * lag).exp();
    }
    if matrix.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let svd = matrix.svd(true, false);
    let smallest =
        (0..svd.singular_values.len()).min_by(|&a, &b| svd.singular_values[a].total_cmp(&svd.singular_values[b]))?;
    svd.u.map(|u| u.column(smallest).iter().copied().collect())
}
