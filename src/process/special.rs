//! Special functions the closures need, on `f64`, with the derivatives that have no elementary form.
//!
//! - Φ(x) = erfc(-x/√2)/2 (erfc from the `libm` crate, accurate to one unit in the last place in both tails).
//! - P(a, x) = x^a e^{-x} / Γ(a+1) · Σ_n x^n / ((a+1)...(a+n)) for x < a + 1, and
//!   Q(a, x) = x^a e^{-x} / Γ(a) · 1/(x+1-a- 1(1-a)/(x+3-a- ...)) otherwise (Legendre's continued fraction, evaluated by
//!   the modified Lentz method). DLMF 8.11.4 and 8.9.2. The derivative by a is that of the same series, term by term.

use std::f64::consts::FRAC_1_SQRT_2;

/// Standard normal distribution function.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Logarithm of the gamma function for x > 0.
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Digamma function ψ(x) = d ln Γ(x) / dx for x > 0: recurrence up to 10, then the asymptotic series (DLMF 5.11.2).
#[must_use]
pub fn digamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 10.0 {
        if x.is_nan() || x <= 0.0 {
            return f64::NAN;
        }
        shift -= 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r
        * (1.0 / 12.0
            - r * (1.0 / 120.0 - r * (1.0 / 252.0 - r * (1.0 / 240.0 - r * (1.0 / 132.0 - r * (691.0 / 32_760.0))))));
    shift + x.ln() - 0.5 / x - series
}

/// Regularised upper incomplete gamma function Q(a, x) for a > 0; 1 for x <= 0; NaN if it did not converge.
#[must_use]
pub fn gamma_q(a: f64, x: f64) -> f64 {
    if let Some(edge) = edge(a, x) {
        return edge;
    }
    let front = front(a, x);
    // A factor of zero outweighs whatever it multiplies.
    if front == 0.0 {
        return if x < a + 1.0 { 1.0 } else { 0.0 };
    }
    let value = if x < a + 1.0 { 1.0 - front * series_value(a, x) } else { front * fraction_value(a, x) };
    value.clamp(0.0, 1.0)
}

/// Q(a, x) where it has no use for series or fractions.
fn edge(a: f64, x: f64) -> Option<f64> {
    if a.is_nan() || x.is_nan() || a <= 0.0 {
        Some(f64::NAN)
    } else if x <= 0.0 {
        Some(1.0)
    } else if x == f64::INFINITY {
        Some(0.0)
    } else {
        None
    }
}

/// x^a e^{-x} / Γ(a).
fn front(a: f64, x: f64) -> f64 {
    (a * x.ln() - x - ln_gamma(a)).exp()
}

/// Iterations after which the series or fraction is given up; about 10 √a are needed near x = a.
const MAX_ITERATIONS: usize = 200_000;

/// Q(a, x) and its partial derivatives by a and by x.
#[must_use]
pub fn gamma_q_gradient(a: f64, x: f64) -> (f64, [f64; 2]) {
    if let Some(edge) = edge(a, x) {
        return (edge, [if edge.is_nan() { f64::NAN } else { 0.0 }; 2]);
    }
    // The logarithmic derivative of the front by a; the density of the gamma distribution is the front over x.
    let front = front(a, x);
    if front == 0.0 {
        return (gamma_q(a, x), [0.0, 0.0]);
    }
    let front_by_a = x.ln() - digamma(a);
    let by_x = -front / x;
    let (value, by_a) = if x < a + 1.0 {
        let (sum, sum_by_a) = lower_series(a, x);
        (1.0 - front * sum, -front * (front_by_a * sum + sum_by_a))
    } else {
        let (fraction, fraction_by_a) = upper_fraction(a, x);
        (front * fraction, front * (front_by_a * fraction + fraction_by_a))
    };
    (value.clamp(0.0, 1.0), [by_a, by_x])
}

/// Σ_{n>=0} x^n / (a (a+1) ... (a+n)) and its derivative by a.
fn lower_series(a: f64, x: f64) -> (f64, f64) {
    let mut term = 1.0 / a;
    let mut log_slope = -1.0 / a; // d ln(term) / da
    let (mut sum, mut slope) = (term, term * log_slope);
    for n in 1..MAX_ITERATIONS {
        let k = a + n as f64;
        term *= x / k;
        log_slope -= 1.0 / k;
        sum += term;
        slope += term * log_slope;
        if term < sum * 1e-17 && (term * log_slope).abs() <= slope.abs() * 1e-16 {
            return (sum, slope);
        }
    }
    (f64::NAN, f64::NAN)
}

/// Σ_{n>=0} x^n / (a (a+1) ... (a+n)).
fn series_value(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    for n in 1..MAX_ITERATIONS {
        term *= x / (a + n as f64);
        sum += term;
        if term < sum * 1e-17 {
            return sum;
        }
    }
    f64::NAN
}

/// Legendre's continued fraction for Γ(a, x) e^x x^{-a} by the modified Lentz recurrences.
fn fraction_value(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut h = d;
    for n in 1..MAX_ITERATIONS {
        let n = n as f64;
        let numerator = -n * (n - a);
        b += 2.0;
        d = 1.0 / (numerator * d + b);
        c = b + numerator / c;
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < 1e-16 {
            return h;
        }
    }
    f64::NAN
}

/// Legendre's continued fraction for Γ(a, x) e^x x^{-a}, and its derivative by a, by the modified Lentz recurrences
/// carried with their derivatives.
fn upper_fraction(a: f64, x: f64) -> (f64, f64) {
    const TINY: f64 = 1e-300;
    let (mut b, b_by_a) = (x + 1.0 - a, -1.0);
    let (mut c, mut dc) = (1.0 / TINY, 0.0);
    let mut d = 1.0 / b;
    let mut dd = -b_by_a * d * d;
    let (mut h, mut dh) = (d, dd);
    for n in 1..MAX_ITERATIONS {
        let n = n as f64;
        let (numerator, numerator_by_a) = (-n * (n - a), n);
        b += 2.0;
        let under = numerator * d + b;
        let under_by_a = numerator_by_a * d + numerator * dd + b_by_a;
        d = 1.0 / under;
        dd = -under_by_a * d * d;
        let over = b + numerator / c;
        let over_by_a = b_by_a + numerator_by_a / c - numerator * dc / (c * c);
        (c, dc) = (over, over_by_a);
        let step = d * c;
        let step_by_a = dd * c + d * dc;
        dh = dh * step + h * step_by_a;
        h *= step;
        if (step - 1.0).abs() < 1e-16 && step_by_a.abs() * h.abs() <= 1e-15 * (dh.abs() + h.abs()) {
            return (h, dh);
        }
    }
    (f64::NAN, f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance * b.abs().max(1e-300), "{a} is not {b}");
    }

    #[test]
    fn gamma_q_of_an_integer_shape_is_a_poisson_sum() {
        for a in [1_u32, 2, 5, 20, 100] {
            for x in [0.1, 1.0, 4.0, 20.0, 97.0, 130.0] {
                let mut term = f64::exp(-x);
                let mut sum = term;
                for k in 1..a {
                    term *= x / f64::from(k);
                    sum += term;
                }
                assert!((gamma_q(f64::from(a), x) - sum).abs() < 1e-13, "a {a} x {x}");
            }
        }
    }

    #[test]
    fn gamma_q_agrees_with_a_second_library() {
        for a in [0.3, 1.7, 12.5, 80.0, 900.0] {
            for share in [0.2, 0.9, 1.0, 1.1, 2.5] {
                let (ours, theirs) = (gamma_q(a, share * a), statrs::function::gamma::gamma_ur(a, share * a));
                assert!((ours - theirs).abs() < 1e-11, "a {a} x {}: {ours}, {theirs}", share * a);
            }
        }
    }

    #[test]
    fn gamma_q_of_one_half_is_the_error_function() {
        for x in [0.01, 0.3, 1.0, 2.5, 9.0] {
            close(gamma_q(0.5, x), libm::erfc(f64::sqrt(x)), 1e-12);
        }
    }

    #[test]
    fn gamma_q_far_in_the_tail_keeps_its_digits() {
        // Q(1, x) = e^{-x}
        close(gamma_q(1.0, 300.0), f64::exp(-300.0), 1e-12);
    }

    #[test]
    fn gradient_agrees_with_central_differences() {
        for (a, x) in [(0.7, 0.2), (3.3, 3.0), (3.3, 9.0), (150.0, 140.0), (150.0, 170.0), (4000.0, 4010.0)] {
            let (_, [by_a, by_x]) = gamma_q_gradient(a, x);
            let h = 1e-5 * a;
            let reference = (gamma_q(a + h, x) - gamma_q(a - h, x)) / (2.0 * h);
            assert!((by_a - reference).abs() < 1e-6 * reference.abs() + 1e-10, "by a at {a}, {x}: {by_a} {reference}");
            let h = 1e-5 * x;
            let reference = (gamma_q(a, x + h) - gamma_q(a, x - h)) / (2.0 * h);
            assert!((by_x - reference).abs() < 1e-6 * reference.abs() + 1e-10, "by x at {a}, {x}");
        }
    }

    #[test]
    fn value_alone_is_the_value_beside_the_gradient() {
        for a in [1e-3, 0.3, 1.0, 2.7, 30.0, 400.0, 4000.0] {
            for share in [1e-6, 0.1, 0.7, 0.95, 1.0, 1.05, 1.5, 4.0, 60.0] {
                let (value, (beside, _)) = (gamma_q(a, a * share), gamma_q_gradient(a, a * share));
                assert!((value - beside).abs() <= 4e-15 * beside.abs(), "{a} {share}: {value} {beside}");
            }
        }
    }

    #[test]
    fn digamma_matches_known_values() {
        close(digamma(1.0), -0.577_215_664_901_532_9, 1e-14);
        close(digamma(0.5), -1.963_510_026_021_423_5, 1e-14);
        close(digamma(100.0), 4.600_161_852_738_087, 1e-14);
    }

    #[test]
    fn outside_the_domain_is_nan_or_a_limit() {
        assert!(gamma_q(-1.0, 1.0).is_nan());
        assert!(gamma_q(f64::NAN, 1.0).is_nan());
        assert_eq!(gamma_q(2.0, -1.0), 1.0);
        assert_eq!(gamma_q(2.0, f64::INFINITY), 0.0);
    }
}
