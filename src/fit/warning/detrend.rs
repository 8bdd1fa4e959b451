//! Trends to be taken out before fluctuations are looked at.
//!
//! ```text
//! trend(t) = Σ_s K((t-s)/h) x(s) / Σ_s K((t-s)/h),    K(z) = exp(-z²/2)
//! ```
//!
//! the kernel smoother of Nadaraya (1964) and Watson (1964), as in Dakos et al. (2012, *PLoS ONE* 7: e41010).

/// The Gaussian kernel smooth of equally spaced values, `bandwidth` the standard deviation of the kernel in samples.
#[must_use]
pub fn gaussian_smooth(values: &[f64], bandwidth: f64) -> Vec<f64> {
    if bandwidth <= 0.0 || bandwidth.is_nan() {
        return values.to_vec();
    }
    let reach = (4.0 * bandwidth).ceil() as usize;
    let kernel: Vec<f64> = (0..=reach).map(|k| (-0.5 * (k as f64 / bandwidth).powi(2)).exp()).collect();
    (0..values.len())
        .map(|t| {
            let (from, to) = (t.saturating_sub(reach), (t + reach + 1).min(values.len()));
            let (mut sum, mut weight) = (0.0, 0.0);
            for (s, value) in values[from..to].iter().enumerate() {
                let w = kernel[(from + s).abs_diff(t)];
                sum += w * value;
                weight += w;
            }
            sum / weight
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_its_own_smooth_away_from_the_ends() {
        let line: Vec<f64> = (0..101).map(|t| 3.0 + 0.5 * f64::from(t)).collect();
        let smooth = gaussian_smooth(&line, 5.0);
        assert!((smooth[50] - line[50]).abs() < 1e-12);
        assert!(gaussian_smooth(&[2.0; 30], 4.0).iter().all(|s| (s - 2.0).abs() < 1e-12));
    }

    /// A sine of period T keeps exp(-(2πh/T)²/2) of its amplitude.
    #[test]
    fn a_sine_keeps_the_share_that_the_kernel_lets_through() {
        let omega = std::f64::consts::TAU / 40.0;
        let sine: Vec<f64> = (0..401).map(|t| (omega * f64::from(t)).cos()).collect();
        let kept = gaussian_smooth(&sine, 6.0)[200] / sine[200];
        assert!((kept - (-0.5 * (6.0 * omega).powi(2)).exp()).abs() < 1e-3, "{kept}");
    }
}
