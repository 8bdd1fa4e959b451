//! Dual numbers: a value with `W` partial derivatives, carried exactly through every operation (forward-mode
//! differentiation; Griewank & Walther, *Evaluating Derivatives*, 2008). The base may itself be an interval, which gives
//! rigorous enclosures of a Jacobian.

use super::katz;
use super::number::Number;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A value and its partial derivatives with respect to `W` independent variables.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dual<T, const W: usize> {
    /// The value.
    pub value: T,
    /// Its partial derivatives.
    pub partials: [T; W],
}

impl<T: Number, const W: usize> Dual<T, W> {
    /// The `k`-th independent variable.
    #[must_use]
    pub fn variable(value: T, k: usize) -> Self {
        let mut partials = [T::constant(0.0); W];
        partials[k] = T::constant(1.0);
        Self { value, partials }
    }

    /// A value that depends on none of the variables.
    #[must_use]
    pub fn fixed(value: T) -> Self {
        Self { value, partials: [T::constant(0.0); W] }
    }

    /// `f(self)` from its value and derivative there.
    #[inline(always)]
    fn chain(self, value: T, derivative: T) -> Self {
        let mut partials = self.partials;
        for p in &mut partials {
            *p = *p * derivative;
        }
        Self { value, partials }
    }

    #[inline(always)]
    fn zip(self, other: Self, value: T, f: impl Fn(T, T) -> T) -> Self {
        let mut partials = self.partials;
        for (p, q) in partials.iter_mut().zip(other.partials) {
            *p = f(*p, q);
        }
        Self { value, partials }
    }
}

impl<T: Number, const W: usize> Add for Dual<T, W> {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        self.zip(o, self.value + o.value, |p, q| p + q)
    }
}

impl<T: Number, const W: usize> Sub for Dual<T, W> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        self.zip(o, self.value - o.value, |p, q| p - q)
    }
}

impl<T: Number, const W: usize> Mul for Dual<T, W> {
    type Output = Self;
    #[inline(always)]
    #[expect(clippy::suspicious_arithmetic_impl, reason = "the product rule adds")]
    fn mul(self, o: Self) -> Self {
        self.zip(o, self.value * o.value, |p, q| p * o.value + self.value * q)
    }
}

impl<T: Number, const W: usize> Div for Dual<T, W> {
    type Output = Self;
    #[inline(always)]
    #[expect(clippy::suspicious_arithmetic_impl, reason = "the quotient rule multiplies and subtracts")]
    fn div(self, o: Self) -> Self {
        let value = self.value / o.value;
        self.zip(o, value, |p, q| (p - value * q) / o.value)
    }
}

impl<T: Number, const W: usize> Neg for Dual<T, W> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.chain(-self.value, T::constant(-1.0))
    }
}

impl<T: Number, const W: usize> Number for Dual<T, W> {
    #[inline(always)]
    fn constant(x: f64) -> Self {
        Self::fixed(T::constant(x))
    }
    #[inline(always)]
    fn exp(self) -> Self {
        let e = self.value.exp();
        self.chain(e, e)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.chain(self.value.ln(), T::constant(1.0) / self.value)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.chain(root, T::constant(0.5) / root)
    }
    #[inline(always)]
    fn power(self, exponent: f64) -> Self {
        let slope = self.value.power(exponent - 1.0) * T::constant(exponent);
        self.chain(self.value.power(exponent), slope)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        Self::fixed(self.value.floor())
    }
    #[inline(always)]
    fn abs(self) -> Self {
        let negative = self.value.less(T::constant(0.0));
        self.chain(self.value.abs(), T::select(negative, T::constant(-1.0), T::constant(1.0)))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        let other_wins = other.value.less(self.value);
        self.zip(other, self.value.min(other.value), |p, q| T::select(other_wins, q, p))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        let other_wins = self.value.less(other.value);
        self.zip(other, self.value.max(other.value), |p, q| T::select(other_wins, q, p))
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self {
        Self::fixed(self.value.less(other.value))
    }
    #[inline(always)]
    fn less_equal(self, other: Self) -> Self {
        Self::fixed(self.value.less_equal(other.value))
    }
    #[inline(always)]
    fn select(condition: Self, yes: Self, no: Self) -> Self {
        let c = condition.value;
        yes.zip(no, T::select(c, yes.value, no.value), |p, q| T::select(c, p, q))
    }
    fn normal_cdf(self) -> Self {
        // φ(x) = exp(-x²/2) / √(2π)
        let density = (self.value.power(2.0) * T::constant(-0.5)).exp() * T::constant(0.398_942_280_401_432_7);
        self.chain(self.value.normal_cdf(), density)
    }
    #[inline(always)]
    fn logistic(self) -> Self {
        let (value, other) = (self.value.logistic(), (-self.value).logistic());
        self.chain(value, value * other)
    }
    #[inline(always)]
    fn ratio(self, y: Self) -> Self {
        // d/dx = y/(x+y)², d/dy = -x/(x+y)²
        let value = self.value.ratio(y.value);
        let sum = self.value + y.value;
        let (by_x, by_y) = (y.value.ratio(self.value) / sum, -(value / sum));
        self.zip(y, value, |p, q| by_x * p + by_y * q)
    }
    fn gamma_q(a: Self, x: Self) -> Self {
        let (value, [by_a, by_x]) = T::gamma_q_gradient(a.value, x.value);
        a.zip(x, value, |p, q| by_a * p + by_x * q)
    }
    fn gamma_q_gradient(a: Self, x: Self) -> (Self, [Self; 2]) {
        // Second derivatives are not carried: a tape is differentiated once.
        let (_, [by_a, by_x]) = T::gamma_q_gradient(a.value, x.value);
        (Self::gamma_q(a, x), [Self::fixed(by_a), Self::fixed(by_x)])
    }
    fn station(mean: Self, variance: Self, servers: Self) -> [Self; katz::OUTPUTS] {
        let (values, gradients) = T::station_gradient(mean.value, variance.value, servers.value);
        std::array::from_fn(|i| {
            let [by_mean, by_variance, by_servers] = gradients[i];
            let partials = std::array::from_fn(|w| {
                by_mean * mean.partials[w] + by_variance * variance.partials[w] + by_servers * servers.partials[w]
            });
            Self { value: values[i], partials }
        })
    }
    fn station_gradient(
        mean: Self,
        variance: Self,
        servers: Self,
    ) -> ([Self; katz::OUTPUTS], [[Self; 3]; katz::OUTPUTS]) {
        let (_, gradients) = T::station_gradient(mean.value, variance.value, servers.value);
        (Self::station(mean, variance, servers), gradients.map(|row| row.map(Self::fixed)))
    }
}
