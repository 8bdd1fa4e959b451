//! The kinds of number a tape can be evaluated over. One set of equations, many number types: `f64` for values, dual
//! numbers for exact derivatives, lanes for many points at once, intervals for proofs.

use super::graph::{Binary, Unary};
use super::{katz, special};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number the tape can compute with.
///
/// Truth values are numbers: 1 is true, 0 is false; an interval `[0, 1]` means "either".
pub trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The number that represents a constant.
    fn constant(x: f64) -> Self;
    /// eˣ.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Power with a constant exponent.
    fn power(self, exponent: f64) -> Self;
    /// Largest integer not above.
    fn floor(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Smaller of two.
    fn min(self, other: Self) -> Self;
    /// Larger of two.
    fn max(self, other: Self) -> Self;
    /// 1 where `self < other`, else 0.
    fn less(self, other: Self) -> Self;
    /// 1 where `self <= other`, else 0.
    fn less_equal(self, other: Self) -> Self;
    /// `yes` where `condition` is not 0, else `no`.
    fn select(condition: Self, yes: Self, no: Self) -> Self;
    /// Standard normal distribution function Φ(x).
    fn normal_cdf(self) -> Self;
    /// 1/(1 + e^{-x}), without overflow in value or derivative.
    fn logistic(self) -> Self;
    /// x/(x + y).
    fn ratio(self, y: Self) -> Self {
        self / (self + y)
    }
    /// Writes f(x).
    #[inline(always)]
    fn unary(f: Unary, x: &Self, to: &mut Self) {
        let x = *x;
        *to = match f {
            Unary::Neg => -x,
            Unary::Exp => x.exp(),
            Unary::Ln => x.ln(),
            Unary::Sqrt => x.sqrt(),
            Unary::Floor => x.floor(),
            Unary::Abs => x.abs(),
            Unary::NormalCdf => x.normal_cdf(),
            Unary::Logistic => x.logistic(),
        };
    }
    /// Writes f(x, y).
    #[inline(always)]
    fn binary(f: Binary, x: &Self, y: &Self, to: &mut Self) {
        let (x, y) = (*x, *y);
        *to = match f {
            Binary::Add => x + y,
            Binary::Sub => x - y,
            Binary::Mul => x * y,
            Binary::Div => x / y,
            Binary::Min => x.min(y),
            Binary::Max => x.max(y),
            Binary::Less => x.less(y),
            Binary::LessEqual => x.less_equal(y),
            Binary::GammaQ => Self::gamma_q(x, y),
            Binary::GammaQByShape => Self::gamma_q_gradient(x, y).1[0],
            Binary::GammaQByPoint => Self::gamma_q_gradient(x, y).1[1],
            Binary::Ratio => x.ratio(y),
        };
    }
    /// Regularised upper incomplete gamma function Q(a, x), for a > 0; 1 for x <= 0.
    fn gamma_q(a: Self, x: Self) -> Self;
    /// Q(a, x) with its partial derivatives by a and by x.
    fn gamma_q_gradient(a: Self, x: Self) -> (Self, [Self; 2]);
    /// The station expectations of [`katz::station`] for mean, variance and servers.
    fn station(mean: Self, variance: Self, servers: Self) -> [Self; katz::OUTPUTS];
    /// The same with partial derivatives by mean, variance and servers.
    fn station_gradient(
        mean: Self,
        variance: Self,
        servers: Self,
    ) -> ([Self; katz::OUTPUTS], [[Self; 3]; katz::OUTPUTS]);
}

impl Number for f64 {
    #[inline(always)]
    fn constant(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn exp(self) -> Self {
        f64::exp(self)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        f64::ln(self)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    #[inline(always)]
    fn power(self, exponent: f64) -> Self {
        if exponent == 2.0 {
            self * self
        } else if exponent.fract() == 0.0 && exponent.abs() <= 64.0 {
            f64::powi(self, exponent as i32)
        } else {
            f64::powf(self, exponent)
        }
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f64::floor(self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // NaN must not vanish here: a point outside the domain has to stay visible.
        if other < self || other.is_nan() { other } else { self }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if other > self || other.is_nan() { other } else { self }
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self {
        if self < other { 1.0 } else { 0.0 }
    }
    #[inline(always)]
    fn less_equal(self, other: Self) -> Self {
        if self <= other { 1.0 } else { 0.0 }
    }
    #[inline(always)]
    fn select(condition: Self, yes: Self, no: Self) -> Self {
        if condition != 0.0 { yes } else { no }
    }
    fn normal_cdf(self) -> Self {
        special::normal_cdf(self)
    }
    #[inline(always)]
    fn logistic(self) -> Self {
        let e = f64::exp(-f64::abs(self));
        let small = e / (1.0 + e);
        if self < 0.0 { small } else { 1.0 - small }
    }
    fn gamma_q(a: Self, x: Self) -> Self {
        special::gamma_q(a, x)
    }
    fn gamma_q_gradient(a: Self, x: Self) -> (Self, [Self; 2]) {
        special::gamma_q_gradient(a, x)
    }
    fn station(mean: Self, variance: Self, servers: Self) -> [Self; katz::OUTPUTS] {
        katz::station(mean, variance, servers)
    }
    fn station_gradient(
        mean: Self,
        variance: Self,
        servers: Self,
    ) -> ([Self; katz::OUTPUTS], [[Self; 3]; katz::OUTPUTS]) {
        katz::station_gradient(mean, variance, servers)
    }
}
