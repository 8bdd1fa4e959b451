//! Distributions of uncertain numbers, by their quantiles.
//!
//! ```text
//! normal(m, s)         m + s Φ⁻¹(u)
//! lognormal(m, s)      exp(μ + σ Φ⁻¹(u)),  σ² = ln(1 + s²/m²),  μ = ln m - σ²/2:  the mean is m, the standard deviation s
//! uniform(a, b)        a + (b - a) u
//! loguniform(a, b)     a (b/a)^u
//! triangular(a, c, b)  from a to b with its peak at c:  a + √(u (b - a)(c - a)) below the peak, b - √((1 - u)(b - a)(b - c)) above
//! ```

use statrs::distribution::{ContinuousCDF, Normal};

/// A distribution; all numbers in one unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// Mean and standard deviation.
    Normal(f64, f64),
    /// Mean and standard deviation of the number itself, not of its logarithm.
    LogNormal(f64, f64),
    /// Ends.
    Uniform(f64, f64),
    /// Ends.
    LogUniform(f64, f64),
    /// Lowest, most likely, highest.
    Triangular(f64, f64, f64),
}

/// Shares beyond these have no finite quantile: half the spacing of shares that are drawn.
const LEAST: f64 = 1.0 / (1_u64 << 54) as f64;

impl Distribution {
    /// The distribution of this name with these numbers; a message if there is none.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn new(name: &str, numbers: &[f64]) -> Result<Self, String> {
        let (found, right) = match (name, numbers) {
            ("normal", &[m, s]) => (Self::Normal(m, s), s > 0.0),
            ("lognormal", &[m, s]) => (Self::LogNormal(m, s), m > 0.0 && s > 0.0),
            ("uniform", &[a, b]) => (Self::Uniform(a, b), a < b),
            ("loguniform", &[a, b]) => (Self::LogUniform(a, b), 0.0 < a && a < b),
            ("triangular", &[a, c, b]) => (Self::Triangular(a, c, b), a <= c && c <= b && a < b),
            ("normal" | "lognormal", _) => return Err(format!("{name} has a mean and a standard deviation")),
            ("uniform" | "loguniform", _) => return Err(format!("{name} has a lower and an upper end")),
            ("triangular", _) => return Err("triangular has a lowest, a most likely and a highest value".to_owned()),
            _ => {
                return Err(format!(
                    "there is no distribution `{name}`: they are normal, lognormal, uniform, loguniform, triangular"
                ));
            }
        };
        let order = "ends must rise, standard deviations be positive, and logarithms need values above zero";
        if right && numbers.iter().all(|v| v.is_finite()) { Ok(found) } else { Err(format!("{name}: {order}")) }
    }

    /// The value below which the number lies with probability `share`; where that is not finite, one just inside.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        let u = share.clamp(LEAST, 1.0 - f64::EPSILON / 2.0);
        let standard = || Normal::standard().inverse_cdf(u);
        match *self {
            Self::Normal(m, s) => m + s * standard(),
            Self::LogNormal(m, s) => {
                let variance = libm::log1p((s / m) * (s / m));
                libm::exp(libm::log(m) - 0.5 * variance + variance.sqrt() * standard())
            }
            Self::Uniform(a, b) => a + (b - a) * share.clamp(0.0, 1.0),
            Self::LogUniform(a, b) => a * libm::exp(share.clamp(0.0, 1.0) * libm::log(b / a)),
            Self::Triangular(a, c, b) => {
                let u = share.clamp(0.0, 1.0);
                if u * (b - a) < c - a {
                    a + (u * (b - a) * (c - a)).sqrt()
                } else {
                    b - ((1.0 - u) * (b - a) * (b - c)).sqrt()
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and standard deviation from many quantiles, against those of the distribution.
    #[test]
    fn quantiles_have_the_moments_of_their_distribution() {
        let cases = [
            (Distribution::Normal(100.0, 10.0), 100.0, 10.0),
            (Distribution::LogNormal(100.0, 50.0), 100.0, 50.0),
            (Distribution::Uniform(2.0, 8.0), 5.0, 6.0 / 12.0_f64.sqrt()),
            (Distribution::LogUniform(1.0, 10.0), 9.0 / 10.0_f64.ln(), {
                let mean = 9.0 / 10.0_f64.ln();
                (99.0 / (2.0 * 10.0_f64.ln()) - mean * mean).sqrt()
            }),
            (Distribution::Triangular(1.0, 2.0, 6.0), 3.0, ((1.0 + 4.0 + 36.0 - 2.0 - 6.0 - 12.0) / 18.0_f64).sqrt()),
        ];
        for (distribution, mean, deviation) in cases {
            let n = 200_000;
            let values: Vec<f64> = (0..n).map(|i| distribution.quantile((i as f64 + 0.5) / n as f64)).collect();
            let m = values.iter().sum::<f64>() / n as f64;
            let s = (values.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / n as f64).sqrt();
            assert!((m / mean - 1.0).abs() < 1e-4 && (s / deviation - 1.0).abs() < 1e-3, "{distribution:?}: {m} {s}");
            assert!(distribution.quantile(0.0).is_finite() && distribution.quantile(1.0).is_finite());
        }
        // Φ⁻¹(0.975) = 1.959963984540054.
        assert!((Distribution::Normal(0.0, 1.0).quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_distribution_is_said() {
        for (name, numbers) in [
            ("normal", &[1.0][..]),
            ("normal", &[1.0, 0.0]),
            ("lognormal", &[-1.0, 1.0]),
            ("uniform", &[2.0, 1.0]),
            ("cauchy", &[0.0, 1.0]),
        ] {
            assert!(Distribution::new(name, numbers).is_err(), "{name}");
        }
    }
}
