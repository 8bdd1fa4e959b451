//! Lanes: `W` numbers side by side, for evaluating a tape at many points at once.
//!
//! The loops are plain, so that the compiler turns them into vector instructions; [`exp`](Number::exp) is our own,
//! because a call into the mathematical library would be made lane by lane. Logarithm and powers are those of the
//! `libm` crate, so that their last bits are the same on every machine.

use super::graph::{Binary, Unary};
use super::katz;
use super::number::Number;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// `W` independent numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub struct Lanes<const W: usize>(pub [f64; W]);

impl<const W: usize> Lanes<W> {
    #[inline(always)]
    fn map(mut self, f: impl Fn(f64) -> f64) -> Self {
        for x in &mut self.0 {
            *x = f(*x);
        }
        self
    }

    #[inline(always)]
    fn zip(mut self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        for (x, y) in self.0.iter_mut().zip(other.0) {
            *x = f(*x, y);
        }
        self
    }

    /// Writes `f` of every lane: what a tape does, without a copy in between. (Counted loops: over zipped iterators the
    /// compiler peels the first lane off and the vectors straddle cache lines.)
    #[inline(always)]
    fn map_into(&self, to: &mut Self, f: impl Fn(f64) -> f64) {
        for i in 0..W {
            to.0[i] = f(self.0[i]);
        }
    }

    #[inline(always)]
    fn zip_into(&self, other: &Self, to: &mut Self, f: impl Fn(f64, f64) -> f64) {
        for i in 0..W {
            to.0[i] = f(self.0[i], other.0[i]);
        }
    }
}

/// 1/(1 + e^{-x}), without branches or overflow.
#[inline(always)]
fn logistic(x: f64) -> f64 {
    let e = exp(-f64::abs(x));
    let small = e / (1.0 + e);
    if x < 0.0 { small } else { 1.0 - small }
}

/// eˣ to within one unit in the last place, without branches: x = k ln 2 + r, |r| <= ln 2 / 2, Taylor polynomial of
/// degree 13 in r (remainder below 2e-17), scaled by 2ᵏ in two halves so that subnormal results and overflow come out
/// right. Below -746 the result is 0, above 710 it is infinite, NaN stays NaN.
#[inline(always)]
#[must_use]
pub fn exp(x: f64) -> f64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52: adding it rounds to an integer in the low bits
    const LN2_HI: f64 = 6.931_471_803_691_238e-1;
    const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
    let clamped = if x > 746.0 { 746.0 } else { x };
    let clamped = if clamped < -746.0 { -746.0 } else { clamped };
    let shifted = clamped * std::f64::consts::LOG2_E + SHIFT;
    let k = shifted - SHIFT;
    let r = (clamped - k * LN2_HI) - k * LN2_LO;
    // Σ r^k/k! in pairs (Estrin's scheme): short chains of dependent operations keep the vector units busy.
    let (r2, r4) = (r * r, (r * r) * (r * r));
    let low = (0.5 + 1.0 / 6.0 * r) + (1.0 / 24.0 + 1.0 / 120.0 * r) * r2;
    let middle = (1.0 / 720.0 + 1.0 / 5_040.0 * r) + (1.0 / 40_320.0 + 1.0 / 362_880.0 * r) * r2;
    let high = (1.0 / 3_628_800.0 + 1.0 / 39_916_800.0 * r) + (1.0 / 479_001_600.0 + 1.0 / 6_227_020_800.0 * r) * r2;
    let p = 1.0 + (r + r2 * ((low + middle * r4) + high * (r4 * r4)));
    // 2^k = 2^(k1) * 2^(k - k1), each made by moving the integer in the low bits into the exponent field
    let half_shifted = k * 0.5 + SHIFT;
    let half = half_shifted - SHIFT;
    let power = |shifted: f64| f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    p * power(half_shifted) * power((k - half) + SHIFT)
}

impl<const W: usize> Add for Lanes<W> {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        self.zip(o, |x, y| x + y)
    }
}

impl<const W: usize> Sub for Lanes<W> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        self.zip(o, |x, y| x - y)
    }
}

impl<const W: usize> Mul for Lanes<W> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        self.zip(o, |x, y| x * y)
    }
}

impl<const W: usize> Div for Lanes<W> {
    type Output = Self;
    #[inline(always)]
    fn div(self, o: Self) -> Self {
        self.zip(o, |x, y| x / y)
    }
}

impl<const W: usize> Neg for Lanes<W> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(|x| -x)
    }
}

impl<const W: usize> Number for Lanes<W> {
    #[inline(always)]
    fn constant(x: f64) -> Self {
        Self([x; W])
    }
    #[inline(always)]
    fn exp(self) -> Self {
        self.map(exp)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.map(libm::log)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(f64::sqrt)
    }
    #[inline(always)]
    fn power(self, exponent: f64) -> Self {
        if exponent == 2.0 {
            return self * self;
        }
        if exponent.fract() != 0.0 || exponent.abs() > 64.0 {
            return self.map(|x| libm::pow(x, exponent));
        }
        // Repeated squaring, all lanes alike.
        let (mut left, mut square, mut product) = (exponent.abs() as u32, self, Self::constant(1.0));
        loop {
            if left % 2 == 1 {
                product = product * square;
            }
            left /= 2;
            if left == 0 {
                break;
            }
            square = square * square;
        }
        if exponent < 0.0 { Self::constant(1.0) / product } else { product }
    }
    #[inline(always)]
    fn floor(self) -> Self {
        self.map(f64::floor)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.map(f64::abs)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, Number::min)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, Number::max)
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self {
        self.zip(other, Number::less)
    }
    #[inline(always)]
    fn less_equal(self, other: Self) -> Self {
        self.zip(other, Number::less_equal)
    }
    #[inline(always)]
    fn select(condition: Self, yes: Self, no: Self) -> Self {
        let mut out = no;
        for i in 0..W {
            out.0[i] = if condition.0[i] != 0.0 { yes.0[i] } else { no.0[i] };
        }
        out
    }
    fn normal_cdf(self) -> Self {
        self.map(Number::normal_cdf)
    }
    #[inline(always)]
    fn logistic(self) -> Self {
        self.map(logistic)
    }
    #[inline(always)]
    fn unary(f: Unary, x: &Self, to: &mut Self) {
        match f {
            Unary::Neg => x.map_into(to, |x| -x),
            Unary::Exp => x.map_into(to, exp),
            Unary::Ln => x.map_into(to, libm::log),
            Unary::Sqrt => x.map_into(to, f64::sqrt),
            Unary::Floor => x.map_into(to, f64::floor),
            Unary::Abs => x.map_into(to, f64::abs),
            Unary::NormalCdf => x.map_into(to, Number::normal_cdf),
            Unary::Logistic => x.map_into(to, logistic),
        }
    }
    #[inline(always)]
    fn binary(f: Binary, x: &Self, y: &Self, to: &mut Self) {
        match f {
            Binary::Add => x.zip_into(y, to, |x, y| x + y),
            Binary::Sub => x.zip_into(y, to, |x, y| x - y),
            Binary::Mul => x.zip_into(y, to, |x, y| x * y),
            Binary::Div => x.zip_into(y, to, |x, y| x / y),
            Binary::Min => x.zip_into(y, to, Number::min),
            Binary::Max => x.zip_into(y, to, Number::max),
            Binary::Less => x.zip_into(y, to, Number::less),
            Binary::LessEqual => x.zip_into(y, to, Number::less_equal),
            Binary::GammaQ => x.zip_into(y, to, Number::gamma_q),
            Binary::GammaQByShape => x.zip_into(y, to, |x, y| f64::gamma_q_gradient(x, y).1[0]),
            Binary::GammaQByPoint => x.zip_into(y, to, |x, y| f64::gamma_q_gradient(x, y).1[1]),
            Binary::Ratio => x.zip_into(y, to, |x, y| x / (x + y)),
        }
    }
    fn gamma_q(a: Self, x: Self) -> Self {
        a.zip(x, Number::gamma_q)
    }
    fn gamma_q_gradient(a: Self, x: Self) -> (Self, [Self; 2]) {
        let rows: [_; W] = std::array::from_fn(|i| f64::gamma_q_gradient(a.0[i], x.0[i]));
        let value = Self(std::array::from_fn(|i| rows[i].0));
        (value, std::array::from_fn(|j| Self(std::array::from_fn(|i| rows[i].1[j]))))
    }
    fn station(mean: Self, variance: Self, servers: Self) -> [Self; katz::OUTPUTS] {
        let rows: [_; W] = std::array::from_fn(|i| katz::station(mean.0[i], variance.0[i], servers.0[i]));
        std::array::from_fn(|o| Self(std::array::from_fn(|i| rows[i][o])))
    }
    fn station_gradient(
        mean: Self,
        variance: Self,
        servers: Self,
    ) -> ([Self; katz::OUTPUTS], [[Self; 3]; katz::OUTPUTS]) {
        let rows: [_; W] = std::array::from_fn(|i| katz::station_gradient(mean.0[i], variance.0[i], servers.0[i]));
        let values = std::array::from_fn(|o| Self(std::array::from_fn(|i| rows[i].0[o])));
        let slopes = std::array::from_fn(|o| std::array::from_fn(|j| Self(std::array::from_fn(|i| rows[i].1[o][j]))));
        (values, slopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_right_to_the_last_place() {
        let mut x = -745.0;
        while x < 709.7 {
            let (ours, reference) = (exp(x), f64::exp(x));
            let ulp = (reference.next_up() - reference).max(f64::from_bits(1));
            assert!((ours - reference).abs() <= 1.5 * ulp, "exp({x}) = {ours}, not {reference}");
            x += 0.377;
        }
    }

    #[test]
    fn exp_limits() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e9), 0.0);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
        assert_eq!(exp(1e9), f64::INFINITY);
        assert!(exp(f64::NAN).is_nan());
    }
}
