//! Choosing between models of the same data.
//!
//! For normal errors of unknown variance, with `k = p + 1` parameters including that variance,
//!
//! ```text
//! -2 ln L = n ln(S/n) + const,  AIC = -2 ln L + 2k,  AICc = AIC + 2k(k+1)/(n-k-1),  BIC = -2 ln L + k ln n
//! ```
//!
//! (Akaike 1974; Hurvich & Tsai 1989; Schwarz 1978; Burnham & Anderson, *Model Selection and Multimodel Inference*,
//! 2nd ed. 2002). With autocorrelated residuals n stands for the effective number of residuals, in the likelihood too,
//! so that the same evidence is not counted several times.

use super::special::chi_squared_above;

/// Information criteria of a fit. Differences between models of the same data mean something, values do not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// `-2 ln L` up to a constant of the data.
    pub deviance: f64,
    /// Number of parameters with the variance.
    pub parameters: usize,
    /// Number of residuals that count.
    pub size: f64,
}

impl Score {
    /// The score of a fit with sum of squares `sum`, `n` residuals, effectively `effective`, and `p` parameters.
    #[must_use]
    pub fn new(sum: f64, n: usize, effective: f64, p: usize) -> Self {
        let deviance = effective * (sum / n as f64).max(f64::MIN_POSITIVE).ln();
        Self { deviance, parameters: p + 1, size: effective }
    }

    /// Akaike's criterion.
    #[must_use]
    pub fn aic(&self) -> f64 {
        self.deviance + 2.0 * self.parameters as f64
    }

    /// The same corrected for few data; infinite where there are too few.
    #[must_use]
    pub fn aicc(&self) -> f64 {
        let k = self.parameters as f64;
        let left = self.size - k - 1.0;
        if left > 0.0 { self.aic() + 2.0 * k * (k + 1.0) / left } else { f64::INFINITY }
    }

    /// Schwarz's criterion.
    #[must_use]
    pub fn bic(&self) -> f64 {
        self.deviance + self.parameters as f64 * self.size.ln()
    }

    /// P-value of the likelihood-ratio test of this model against one that contains it (chi-squared, Wilks 1938).
    /// `None` if that one does not have more parameters.
    #[must_use]
    pub fn against(&self, larger: &Self) -> Option<f64> {
        let degrees = larger.parameters.checked_sub(self.parameters).filter(|&d| d > 0)?;
        Some(chi_squared_above((self.deviance - larger.deviance).max(0.0), degrees as f64))
    }
}

/// Akaike weights by AICc: how probable each model is to be the best of those compared.
#[must_use]
pub fn akaike_weights(scores: &[Score]) -> Vec<f64> {
    akaike_weights_of(&scores.iter().map(Score::aicc).collect::<Vec<_>>())
}

/// The same from the criteria themselves.
#[must_use]
pub fn akaike_weights_of(criteria: &[f64]) -> Vec<f64> {
    let least = criteria.iter().copied().fold(f64::INFINITY, f64::min);
    let weights: Vec<f64> = criteria.iter().map(|c| ((least - c) / 2.0).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// n = 20, S/n = e^-1: -2 ln L = -20, and by hand AIC = -14, AICc = -14 + 24/16, BIC = -20 + 3 ln 20.
    #[test]
    fn criteria_by_hand() {
        let score = Score::new(20.0 * (-1.0_f64).exp(), 20, 20.0, 2);
        assert!((score.aic() + 14.0).abs() < 1e-12);
        assert!((score.aicc() + 12.5).abs() < 1e-12);
        assert!((score.bic() - (3.0 * 20.0_f64.ln() - 20.0)).abs() < 1e-12);
        let larger = Score { deviance: -23.841_458_821, parameters: 4, size: 20.0 };
        assert!((score.against(&larger).unwrap() - 0.05).abs() < 1e-9);
        assert_eq!(larger.against(&score), None);
    }

    #[test]
    fn weights_are_relative_likelihoods() {
        let at = |deviance| Score { deviance, parameters: 3, size: 100.0 };
        let w = akaike_weights(&[at(0.0), at(2.0)]);
        assert!((w[1] / w[0] - (-1.0_f64).exp()).abs() < 1e-12 && (w[0] + w[1] - 1.0).abs() < 1e-12);
    }
}
