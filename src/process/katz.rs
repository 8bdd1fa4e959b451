//! Expectations over the number inside a station, given only its mean m and variance v.
//!
//! For v > m the number inside is taken as negative binomial (Rothkopf & Oren 1979). The negative binomial, Poisson and
//! binomial distributions are one analytic family (Katz 1965; Panjer's class (a, b, 0)):
//!
//! ```text
//! pmf(k+1) / pmf(k) = (m²/v + k (v-m)/v) / (k+1),     pmf(0) = exp(-m ln(1+z)/z),   z = (v-m)/m
//! ```
//!
//! so the closure is smooth across v = m. Below v = m the family is a binomial with a fractional number of trials, whose
//! series has terms of both signs and needs v > m/2; between v = 0.95 m and 0.6 m it is blended (C¹) into the normal
//! distribution, which is used below.
//!
//! For c servers, with n the number inside and X = (n - c + 1)⁺ the number a new arrival waits for:
//!
//! ```text
//! E min(n,c)        = c - Σ_{k<c} (c-k) pmf(k)
//! Cov(n, min(n,c))  = Σ_{k<c} k (k-c) pmf(k) + c m - m E min(n,c)
//! E X               = m - c + 1 + Σ_{k<c-1} (c-1-k) pmf(k)
//! E X²              = v + (m-c+1)² - Σ_{k<c-1} (k-c+1)² pmf(k)
//! P(all c busy)     = 1 - Σ_{k<c} min(1, c-k) pmf(k)
//! ```
//!
//! min(n, c) is linear in c between integers for integer n, so fractional c is exact interpolation, not a new model.
//! For the normal distribution with σ² = v: E min = c - ((c-m)Φ(u) + σφ(u)) with u = (c-m)/σ, and Cov = v Φ(u) (Stein).

use super::dual::Dual;
use super::number::Number;

/// Number of expectations returned by [`station`].
pub const OUTPUTS: usize = 5;

/// Index of E min(n, c), the mean number of busy servers.
pub const BUSY: usize = 0;
/// Index of Cov(n, min(n, c)).
pub const BUSY_COVARIANCE: usize = 1;
/// Index of E (n-c+1)⁺, the mean number an arrival waits for.
pub const AHEAD: usize = 2;
/// Index of Var (n-c+1)⁺.
pub const AHEAD_VARIANCE: usize = 3;
/// Index of P(n >= c), the probability that all servers are busy.
pub const ALL_BUSY: usize = 4;

/// Dispersion v/m above which the Katz family is used alone.
const KATZ_FROM: f64 = 0.95;
/// Dispersion v/m below which the normal distribution is used alone.
const NORMAL_UPTO: f64 = 0.6;
/// Below this mean or variance the state counts as empty: keeps quotients of vanishing moments finite.
const FLOOR: f64 = 1e-12;

/// A number whose plain value can be looked at, so that loops and branches follow the value.
trait Scalar: Number {
    fn plain(self) -> f64;
}

impl Scalar for f64 {
    fn plain(self) -> f64 {
        self
    }
}

impl<const W: usize> Scalar for Dual<f64, W> {
    fn plain(self) -> f64 {
        self.value
    }
}

/// The five expectations (see the constants for their order) for mean `m`, variance `v` and `c` servers.
///
/// NaN for NaN or infinite arguments.
#[must_use]
pub fn station(m: f64, v: f64, c: f64) -> [f64; OUTPUTS] {
    evaluate(m, v, c)
}

/// The same with the gradient of each by (m, v, c).
#[must_use]
pub fn station_gradient(m: f64, v: f64, c: f64) -> ([f64; OUTPUTS], [[f64; 3]; OUTPUTS]) {
    let outputs = evaluate(Dual::<f64, 3>::variable(m, 0), Dual::variable(v, 1), Dual::variable(c, 2));
    (outputs.map(|o| o.value), outputs.map(|o| o.partials))
}

fn evaluate<S: Scalar>(m: S, v: S, c: S) -> [S; OUTPUTS] {
    let number = S::constant;
    if !(m.plain().is_finite() && v.plain().is_finite() && c.plain().is_finite()) {
        return [number(f64::NAN); OUTPUTS];
    }
    let m = m.max(number(FLOOR));
    let v = v.max(number(FLOOR));
    let dispersion = v / m;
    let d = dispersion.plain();
    if d >= KATZ_FROM {
        return katz(m, v, c);
    }
    let normal = normal(m, v, c);
    if d <= NORMAL_UPTO {
        return normal;
    }
    let katz = katz(m, v, c);
    let s = (dispersion - number(NORMAL_UPTO)) * number(1.0 / (KATZ_FROM - NORMAL_UPTO));
    let weight = s * s * (number(3.0) - number(2.0) * s);
    std::array::from_fn(|i| normal[i] + weight * (katz[i] - normal[i]))
}

/// ln(1+z)/z, by its series near z = 0.
fn log1p_over<S: Scalar>(z: S) -> S {
    let number = S::constant;
    if z.plain().abs() > 1e-3 {
        return (number(1.0) + z).ln() / z;
    }
    let coefficients = [1.0 / 7.0, -1.0 / 6.0, 0.2, -0.25, 1.0 / 3.0, -0.5, 1.0];
    coefficients.into_iter().fold(number(0.0), |sum, a| sum * z + number(a))
}

fn katz<S: Scalar>(m: S, v: S, c: S) -> [S; OUTPUTS] {
    let number = S::constant;
    let z = (v - m) / m;
    let mut log_scale = -(m * log1p_over(z));
    let mut pmf = number(1.0);
    let (first, slope) = (m * m / v, (v - m) / v);
    let mut short = number(0.0); // Σ (c-k) pmf
    let mut cross = number(0.0); // Σ k (k-c) pmf
    let mut idle = number(0.0); // Σ min(1, c-k) pmf
    let mut ahead = number(0.0); // Σ_{k<c-1} (c-1-k) pmf
    let mut ahead_square = number(0.0);
    let servers = c.plain();
    let mut k = 0.0;
    while k < servers {
        let left = c - number(k);
        let weighted = left * pmf;
        short = short + weighted;
        cross = cross - number(k) * weighted;
        if servers - k > 1.0 {
            idle = idle + pmf;
            let before = left - number(1.0);
            let weighted = before * pmf;
            ahead = ahead + weighted;
            ahead_square = ahead_square + before * weighted;
        } else {
            idle = idle + weighted;
        }
        // Beyond the bulk, terms too small to change any of the sums end the loop: the cost follows the number inside,
        // not the number of servers.
        if k > m.plain() && pmf.plain().abs() * servers * (1.0 + k) < 1e-22 * short.plain().abs() {
            break;
        }
        pmf = pmf * (first + number(k) * slope) / number(k + 1.0);
        k += 1.0;
        if pmf.plain().abs() > 1e200 {
            let shrink = number(1e-200);
            log_scale = log_scale + number(200.0 * std::f64::consts::LN_10);
            for sum in [&mut pmf, &mut short, &mut cross, &mut idle, &mut ahead, &mut ahead_square] {
                *sum = *sum * shrink;
            }
        }
    }
    let scale = log_scale.exp();
    let busy = c - scale * short;
    let excess = m - c + number(1.0);
    let mean_ahead = excess + scale * ahead;
    let square_ahead = v + excess * excess - scale * ahead_square;
    [
        busy,
        scale * cross + c * m - m * busy,
        mean_ahead,
        square_ahead - mean_ahead * mean_ahead,
        number(1.0) - scale * idle,
    ]
}

fn normal<S: Scalar>(m: S, v: S, c: S) -> [S; OUTPUTS] {
    let number = S::constant;
    let sd = v.sqrt();
    // E (Y)⁺ and E (Y⁺)² for Y normal with mean y and variance v
    let positive_part = |y: S| {
        let u = y / sd;
        let below = u.normal_cdf();
        let density = sd * (u * u * number(-0.5)).exp() * number(0.398_942_280_401_432_7);
        (y * below + density, (y * y + v) * below + y * density, below)
    };
    let (short, _, below) = positive_part(c - m);
    let (ahead, ahead_square, _) = positive_part(m - c + number(1.0));
    [c - short, v * below, ahead, ahead_square - ahead * ahead, number(1.0) - below]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same expectations from an explicit probability vector.
    fn direct(pmf: &[f64], c: f64) -> [f64; OUTPUTS] {
        let mean = |f: &dyn Fn(f64) -> f64| pmf.iter().enumerate().map(|(k, p)| p * f(k as f64)).sum::<f64>();
        let m = mean(&|n| n);
        let busy = mean(&|n| n.min(c));
        let ahead = mean(&|n| (n - c + 1.0).max(0.0));
        [
            busy,
            mean(&|n| n * n.min(c)) - m * busy,
            ahead,
            mean(&|n| (n - c + 1.0).max(0.0).powi(2)) - ahead * ahead,
            mean(&|n| if n >= c { 1.0 } else { 0.0 }),
        ]
    }

    fn assert_close(a: [f64; OUTPUTS], b: [f64; OUTPUTS], tolerance: f64) {
        for i in 0..OUTPUTS {
            assert!((a[i] - b[i]).abs() < tolerance * (1.0 + b[i].abs()), "output {i}: {} is not {}", a[i], b[i]);
        }
    }

    #[test]
    fn poisson_is_the_middle_of_the_family() {
        let m = 7.3_f64;
        let mut pmf = vec![(-m).exp()];
        for k in 1..200 {
            pmf.push(pmf[k - 1] * m / k as f64);
        }
        assert_close(station(m, m, 10.0), direct(&pmf, 10.0), 1e-12);
    }

    #[test]
    fn geometric_is_negative_binomial_with_shape_one() {
        // M/M/1 at rho: variance = m (m + 1)
        let rho = 0.8_f64;
        let m = rho / (1.0 - rho);
        let pmf: Vec<f64> = (0..2000).map(|k| (1.0 - rho) * rho.powi(k)).collect();
        assert_close(station(m, m * (m + 1.0), 1.0), direct(&pmf, 1.0), 1e-11);
        assert_close(station(m, m * (m + 1.0), 7.0), direct(&pmf, 7.0), 1e-11);
    }

    #[test]
    fn binomial_below_the_poisson_line() {
        // 100 trials of 0.04: m = 4, v = 3.84 = 0.96 m, in the pure Katz range
        let (n, p) = (100, 0.04_f64);
        let mut pmf = vec![(1.0 - p).powi(n)];
        for k in 0..n {
            pmf.push(pmf[k as usize] * f64::from(n - k) / f64::from(k + 1) * p / (1.0 - p));
        }
        assert_close(station(4.0, 3.84, 6.0), direct(&pmf, 6.0), 1e-12);
    }

    #[test]
    fn smooth_across_the_poisson_line_and_the_blend() {
        for d in [1.0, KATZ_FROM, NORMAL_UPTO] {
            let (m, h) = (8.0, 1e-7);
            let (below, above) = (station_gradient(m, m * (d - h), 10.0), station_gradient(m, m * (d + h), 10.0));
            for i in 0..OUTPUTS {
                assert!((below.0[i] - above.0[i]).abs() < 1e-5, "value {i} jumps at v = {d} m");
                for j in 0..3 {
                    assert!((below.1[i][j] - above.1[i][j]).abs() < 1e-4, "slope {i}/{j} jumps at v = {d} m");
                }
            }
        }
    }

    #[test]
    fn many_servers_do_not_underflow() {
        // Poisson with mean 5000 and 5100 servers: nearly all arrivals find a free one
        let [busy, _, ahead, _, full] = station(5000.0, 5000.0, 5100.0);
        assert!((busy - 5000.0).abs() < 5.0 && busy < 5000.0, "{busy}");
        assert!(ahead > 0.0 && ahead < 10.0, "{ahead}");
        // P(Poisson(5000) >= 5100): normal with continuity correction and skewness gives 0.0798
        assert!((full - 0.0798).abs() < 0.002, "{full}");
    }

    #[test]
    fn fractional_servers_interpolate() {
        let at = |c: f64| station(9.0, 20.0, c)[BUSY];
        assert!((at(10.3) - (0.7 * at(10.0) + 0.3 * at(11.0))).abs() < 1e-12);
    }

    #[test]
    fn empty_and_saturated_limits() {
        let empty = station(0.0, 0.0, 10.0);
        assert!(empty[BUSY].abs() < 1e-6 && empty[AHEAD].abs() < 1e-6 && empty[ALL_BUSY].abs() < 1e-6);
        let full = station(1e6, 1e6, 10.0);
        assert!((full[BUSY] - 10.0).abs() < 1e-9 && (full[AHEAD] - (1e6 - 9.0)).abs() < 1e-3);
        assert!(station(f64::NAN, 1.0, 1.0)[0].is_nan());
    }

    #[test]
    fn gradient_agrees_with_central_differences() {
        for (m, v, c) in [(6.0, 7.0, 10.0), (60.0, 900.0, 10.0), (8.0, 6.5, 10.0), (30.0, 4.0, 10.0), (0.3, 0.3, 4.0)] {
            let (_, gradient) = station_gradient(m, v, c);
            let step = |i: usize| -> [f64; OUTPUTS] {
                let h = 1e-5;
                let shift = |s: f64| {
                    let mut at = [m, v, c];
                    at[i] += s * h;
                    // c kinks at integers: one-sided difference of the linear interpolation
                    station(at[0], at[1], at[2])
                };
                let (a, b) = (shift(1.0), shift(if i == 2 { 0.0 } else { -1.0 }));
                std::array::from_fn(|o| (a[o] - b[o]) / (if i == 2 { h } else { 2.0 * h }))
            };
            for j in 0..2 {
                let reference = step(j);
                for (o, row) in gradient.iter().enumerate() {
                    let tolerance = 1e-5 * (1.0 + reference[o].abs());
                    assert!((row[j] - reference[o]).abs() < tolerance, "{o} by {j}: {} {}", row[j], reference[o]);
                }
            }
        }
    }
}
