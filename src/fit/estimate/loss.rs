//! Robust losses: how much a large residual may pull.
//!
//! With the residual in units of its scale, `z = r/s`, the objective is `S = Σ 2 s² ρ(z)`, where ρ(z) = z²/2 for least
//! squares. `ψ = ρ'` is the influence of a residual and `ψ(z)/z` its weight in iteratively reweighted least squares
//! (Holland & Welsch 1977). Tuning constants give 95 % efficiency under normal errors (Huber & Ronchetti, *Robust
//! Statistics*, 2nd ed. 2009, section 4.8; Tukey's in Holland & Welsch).

/// A loss function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Loss {
    /// Least squares, `z²/2`.
    #[default]
    Square,
    /// Quadratic up to 1.345, linear beyond (Huber 1964).
    Huber,
    /// `k² (sqrt(1 + (z/k)²) - 1)` with k = 1.345: Huber's with a smooth bend.
    SoftL1,
    /// Tukey's biweight with 4.685: residuals beyond do not count. Not convex, so it needs a start from a robust fit.
    Tukey,
}

const BEND: f64 = 1.345;
const CUT: f64 = 4.685;

impl Loss {
    /// ρ(z).
    #[must_use]
    pub fn rho(self, z: f64) -> f64 {
        match self {
            Self::Square => z * z / 2.0,
            Self::Huber if z.abs() <= BEND => z * z / 2.0,
            Self::Huber => BEND * (z.abs() - BEND / 2.0),
            Self::SoftL1 => BEND * BEND * ((z / BEND).hypot(1.0) - 1.0),
            Self::Tukey if z.abs() >= CUT => CUT * CUT / 6.0,
            Self::Tukey => CUT * CUT / 6.0 * (1.0 - (1.0 - (z / CUT).powi(2)).powi(3)),
        }
    }

    /// The weight ψ(z)/z.
    #[must_use]
    pub fn weight(self, z: f64) -> f64 {
        match self {
            Self::Square => 1.0,
            Self::Huber => BEND / z.abs().max(BEND),
            Self::SoftL1 => 1.0 / (z / BEND).hypot(1.0),
            Self::Tukey => (1.0 - (z / CUT).powi(2)).max(0.0).powi(2),
        }
    }

    /// ψ'(z).
    #[must_use]
    pub fn curvature(self, z: f64) -> f64 {
        match self {
            Self::Square => 1.0,
            Self::Huber => f64::from(z.abs() <= BEND),
            Self::SoftL1 => (z / BEND).hypot(1.0).powi(-3),
            Self::Tukey if z.abs() >= CUT => 0.0,
            Self::Tukey => {
                let q = (z / CUT).powi(2);
                (1.0 - q) * (1.0 - 5.0 * q)
            }
        }
    }
}

/// Scale of residuals by the median absolute deviation from zero, 1.4826 med|r|, consistent with the standard deviation
/// under normal errors. Residuals of exactly zero count; 0 for none.
#[must_use]
pub fn mad_scale(residuals: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    1.482_602_218_505_602 * median(&mut sizes)
}

/// The median; sorts its argument. 0 for nothing.
#[must_use]
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len();
    match (n, n % 2) {
        (0, _) => 0.0,
        (_, 1) => values[n / 2],
        _ => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_curvatures_are_derivatives_of_the_loss() {
        for loss in [Loss::Square, Loss::Huber, Loss::SoftL1, Loss::Tukey] {
            for z in [-6.0, -3.0, -1.0, -0.2, 0.3, 1.2, 2.0, 4.0, 8.0] {
                let h = 1e-5;
                let psi = (loss.rho(z + h) - loss.rho(z - h)) / (2.0 * h);
                assert!((psi - loss.weight(z) * z).abs() < 1e-8, "{loss:?} at {z}");
                let slope = (loss.weight(z + h) * (z + h) - loss.weight(z - h) * (z - h)) / (2.0 * h);
                assert!((slope - loss.curvature(z)).abs() < 1e-8, "{loss:?} at {z}");
            }
        }
    }

    #[test]
    fn the_scale_of_normal_quantiles_is_one() {
        // Quartiles of the standard normal distribution are ±0.6744898.
        assert!((mad_scale(&[-0.674_489_8, 0.674_489_8, 0.1, -3.0]) - 1.0).abs() < 1e-6);
    }
}
