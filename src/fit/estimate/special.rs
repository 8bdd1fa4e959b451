//! Distribution functions, with the ends of their ranges handled.

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal, StudentsT};

/// P(X > x) for chi-squared with `degrees` degrees of freedom.
pub(crate) fn chi_squared_above(x: f64, degrees: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    ChiSquared::new(degrees).map_or(f64::NAN, |d| d.sf(x))
}

/// P(|Z| > |z|) for a standard normal Z.
pub(crate) fn normal_two_sided(z: f64) -> f64 {
    2.0 * Normal::standard().sf(z.abs())
}

/// Φ(z).
pub(crate) fn normal_below(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// The point a standard normal variable stays below with probability `p`.
#[cfg(test)]
pub(crate) fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// P(|T| > |t|) for Student's distribution.
pub(crate) fn student_two_sided(t: f64, degrees: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees).map_or(f64::NAN, |d| 2.0 * d.sf(t.abs()))
}

/// The point a Student variable stays below with probability `p`, polished by Newton's iteration.
pub(crate) fn student_quantile(p: f64, degrees: f64) -> f64 {
    use statrs::distribution::Continuous;
    let Ok(student) = StudentsT::new(0.0, 1.0, degrees) else { return f64::NAN };
    let mut t = student.inverse_cdf(p);
    for _ in 0..3 {
        let density = student.pdf(t);
        if density > 0.0 && t.is_finite() {
            t -= (student.cdf(t) - p) / density;
        }
    }
    t
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables of Abramowitz & Stegun (1972), chapter 26.
    #[test]
    fn quantiles_and_tails_of_the_tables() {
        assert!((student_quantile(0.975, 10.0) - 2.228_138_852).abs() < 1e-8);
        assert!((student_quantile(0.975, 1.0) - 12.706_204_736).abs() < 1e-7);
        assert!((normal_quantile(0.975) - 1.959_963_985).abs() < 1e-8);
        assert!((chi_squared_above(3.841_458_821, 1.0) - 0.05).abs() < 1e-9);
        assert!((normal_two_sided(1.959_963_985) - 0.05).abs() < 1e-9);
    }
}
