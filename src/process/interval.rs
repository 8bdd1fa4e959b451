//! Closed real intervals with outward rounding: every operation returns an interval that contains all results of the
//! operation on members of its operands, whatever the rounding of the machine. Used to prove that a box holds no
//! equilibrium, or exactly one. After Moore, *Interval Analysis* (1966); rounding outward by one unit in the last place
//! of a correctly rounded operation, by `SLACK` units for library functions.

use super::katz;
use super::number::Number;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A closed interval `[lo, hi]`; `lo <= hi`, either end may be infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

/// Units in the last place by which results of library functions (exp, ln, powers) are widened: the platform's
/// mathematical library is accurate to about one; four leaves room.
const SLACK: u32 = 4;

fn down(x: f64, ulps: u32) -> f64 {
    (0..ulps).fold(x, |x, _| x.next_down())
}

fn up(x: f64, ulps: u32) -> f64 {
    (0..ulps).fold(x, |x, _| x.next_up())
}

impl Interval {
    /// The whole real line: what is returned where nothing can be said.
    pub const WHOLE: Self = Self { lo: f64::NEG_INFINITY, hi: f64::INFINITY };

    /// The interval between two numbers, in either order; the whole line if either is NaN.
    #[must_use]
    pub fn new(a: f64, b: f64) -> Self {
        if a.is_nan() || b.is_nan() {
            return Self::WHOLE;
        }
        Self { lo: a.min(b), hi: a.max(b) }
    }

    /// The interval that holds one number only.
    #[must_use]
    pub fn point(x: f64) -> Self {
        Self::new(x, x)
    }

    /// `[lo, hi]` widened outward by `ulps` units in the last place, the whole line if either end is NaN.
    #[must_use]
    pub fn outward(lo: f64, hi: f64, ulps: u32) -> Self {
        if lo.is_nan() || hi.is_nan() {
            return Self::WHOLE;
        }
        Self { lo: down(lo, ulps), hi: up(hi, ulps) }
    }

    /// Image under an increasing library function.
    #[must_use]
    pub fn increasing(self, f: impl Fn(f64) -> f64) -> Self {
        Self::outward(f(self.lo), f(self.hi), SLACK)
    }

    /// Middle of the interval (finite for finite ends).
    #[must_use]
    pub fn mid(self) -> f64 {
        0.5 * self.lo + 0.5 * self.hi
    }

    /// Width `hi - lo`.
    #[must_use]
    pub fn width(self) -> f64 {
        self.hi - self.lo
    }

    /// Largest absolute value in the interval.
    #[must_use]
    pub fn magnitude(self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }

    /// Whether `x` lies in the interval.
    #[must_use]
    pub fn contains(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }

    /// Whether `self` lies strictly inside `other`.
    #[must_use]
    pub fn strictly_inside(self, other: Self) -> bool {
        other.lo < self.lo && self.hi < other.hi
    }

    /// Common part of two intervals, or `None` if they are disjoint.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        (lo <= hi).then_some(Self { lo, hi })
    }

    /// Smallest interval that holds both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }
}

impl Add for Interval {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self::outward(self.lo + o.lo, self.hi + o.hi, 1)
    }
}

impl Sub for Interval {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self::outward(self.lo - o.hi, self.hi - o.lo, 1)
    }
}

impl Neg for Interval {
    type Output = Self;
    fn neg(self) -> Self {
        Self { lo: -self.hi, hi: -self.lo }
    }
}

/// 0 times infinity counts as 0: the infinite end of an interval is a limit, never a member.
fn times(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { a * b }
}

impl Mul for Interval {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        let products = [times(self.lo, o.lo), times(self.lo, o.hi), times(self.hi, o.lo), times(self.hi, o.hi)];
        let lo = products.iter().copied().fold(f64::INFINITY, f64::min);
        let hi = products.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self::outward(lo, hi, 1)
    }
}

impl Div for Interval {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        if o.lo <= 0.0 && o.hi >= 0.0 {
            return Self::WHOLE;
        }
        let inverse = Self::outward(1.0 / o.hi, 1.0 / o.lo, 1);
        self * inverse
    }
}

/// The truth value of a comparison that may go either way.
const EITHER: Interval = Interval { lo: 0.0, hi: 1.0 };

fn truth(always: bool, never: bool) -> Interval {
    match (always, never) {
        (true, _) => Interval { lo: 1.0, hi: 1.0 },
        (_, true) => Interval { lo: 0.0, hi: 0.0 },
        _ => EITHER,
    }
}

impl Number for Interval {
    fn constant(x: f64) -> Self {
        Self::point(x)
    }
    fn exp(self) -> Self {
        let image = self.increasing(f64::exp);
        Self { lo: image.lo.max(0.0), hi: image.hi }
    }
    fn ln(self) -> Self {
        if self.lo < 0.0 { Self::WHOLE } else { self.increasing(f64::ln) }
    }
    fn sqrt(self) -> Self {
        if self.lo < 0.0 {
            return Self::WHOLE;
        }
        let image = Self::outward(self.lo.sqrt(), self.hi.sqrt(), 1);
        Self { lo: image.lo.max(0.0), hi: image.hi }
    }
    fn power(self, exponent: f64) -> Self {
        let f = |x: f64| Number::power(x, exponent);
        if exponent == 0.0 {
            return Self::point(1.0);
        }
        let whole_number = exponent.fract() == 0.0;
        if self.lo >= 0.0 {
            if exponent < 0.0 && self.lo == 0.0 {
                return Self::WHOLE;
            }
            let (a, b) = (f(self.lo), f(self.hi));
            let image = Self::outward(a.min(b), a.max(b), SLACK + exponent.abs().min(64.0) as u32);
            return Self { lo: image.lo.max(0.0), hi: image.hi };
        }
        if !whole_number || (exponent < 0.0 && self.hi >= 0.0) {
            return Self::WHOLE;
        }
        let even = exponent % 2.0 == 0.0;
        let (a, b) = (f(self.lo), f(self.hi));
        let lo = if even && self.hi > 0.0 { 0.0 } else { a.min(b) };
        let image = Self::outward(lo, a.max(b), SLACK + exponent.abs().min(64.0) as u32);
        Self { lo: if even { image.lo.max(0.0) } else { image.lo }, hi: image.hi }
    }
    fn floor(self) -> Self {
        Self { lo: self.lo.floor(), hi: self.hi.floor() }
    }
    fn abs(self) -> Self {
        if self.lo >= 0.0 {
            self
        } else if self.hi <= 0.0 {
            -self
        } else {
            Self { lo: 0.0, hi: self.magnitude() }
        }
    }
    fn min(self, o: Self) -> Self {
        Self { lo: self.lo.min(o.lo), hi: self.hi.min(o.hi) }
    }
    fn max(self, o: Self) -> Self {
        Self { lo: self.lo.max(o.lo), hi: self.hi.max(o.hi) }
    }
    fn less(self, o: Self) -> Self {
        truth(self.hi < o.lo, self.lo >= o.hi)
    }
    fn less_equal(self, o: Self) -> Self {
        truth(self.hi <= o.lo, self.lo > o.hi)
    }
    fn select(condition: Self, yes: Self, no: Self) -> Self {
        if !condition.contains(0.0) {
            yes
        } else if condition.lo == 0.0 && condition.hi == 0.0 {
            no
        } else {
            yes.hull(no)
        }
    }
    fn normal_cdf(self) -> Self {
        let image = Self::outward(super::special::normal_cdf(self.lo), super::special::normal_cdf(self.hi), SLACK);
        Self { lo: image.lo.max(0.0), hi: image.hi.min(1.0) }
    }
    fn logistic(self) -> Self {
        let image = self.increasing(Number::logistic);
        Self { lo: image.lo.max(0.0), hi: image.hi.min(1.0) }
    }
    fn ratio(self, y: Self) -> Self {
        if self.lo < 0.0 || y.lo < 0.0 || self.lo + y.lo <= 0.0 {
            return self / (self + y);
        }
        // rises in x and falls in y where both are positive
        let at = |x: f64, y: f64| match (x.is_infinite(), y.is_infinite()) {
            (true, false) => 1.0,
            (_, true) => 0.0,
            _ => x / (x + y),
        };
        let image = Self::outward(at(self.lo, y.hi), at(self.hi, y.lo), 2);
        Self { lo: image.lo.max(0.0), hi: image.hi.min(1.0) }
    }
    fn gamma_q(_: Self, _: Self) -> Self {
        Self::WHOLE
    }
    fn gamma_q_gradient(_: Self, _: Self) -> (Self, [Self; 2]) {
        (Self::WHOLE, [Self::WHOLE; 2])
    }
    fn station(_: Self, _: Self, _: Self) -> [Self; katz::OUTPUTS] {
        [Self::WHOLE; katz::OUTPUTS]
    }
    fn station_gradient(_: Self, _: Self, _: Self) -> ([Self; katz::OUTPUTS], [[Self; 3]; katz::OUTPUTS]) {
        ([Self::WHOLE; katz::OUTPUTS], [[Self::WHOLE; 3]; katz::OUTPUTS])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(i: Interval, share: f64) -> f64 {
        (i.lo + share * (i.hi - i.lo)).clamp(i.lo, i.hi)
    }

    fn interval() -> impl Strategy<Value = Interval> {
        (-20.0..20.0_f64, 0.0..5.0_f64).prop_map(|(lo, width)| Interval::new(lo, lo + width))
    }

    proptest! {
        #[test]
        fn every_operation_contains_its_members(a in interval(), b in interval(), s in 0.0..1.0_f64, t in 0.0..1.0_f64) {
            let (x, y) = (member(a, s), member(b, t));
            prop_assert!((a + b).contains(x + y));
            prop_assert!((a - b).contains(x - y));
            prop_assert!((a * b).contains(x * y));
            prop_assert!((a / b).contains(x / y));
            prop_assert!(Number::exp(a).contains(x.exp()));
            prop_assert!(Number::abs(a).contains(x.abs()));
            prop_assert!(Number::floor(a).contains(x.floor()));
            prop_assert!(Number::min(a, b).contains(x.min(y)));
            prop_assert!(Number::max(a, b).contains(x.max(y)));
            prop_assert!(Number::logistic(a).contains(Number::logistic(x)));
            prop_assert!(Number::normal_cdf(a).contains(super::super::special::normal_cdf(x)));
            for e in [2.0, 3.0, -1.0, -2.0] {
                prop_assert!(Number::power(a, e).contains(Number::power(x, e)));
            }
            let positive = Interval::new(a.lo + 20.0, a.hi + 20.0);
            let z = member(positive, s);
            prop_assert!(Number::ln(positive).contains(z.ln()));
            prop_assert!(Number::sqrt(positive).contains(z.sqrt()));
            let other = Interval::new(b.lo + 20.5, b.hi + 20.5);
            let w = member(other, t);
            prop_assert!(positive.ratio(other).contains(z / (z + w)));
            prop_assert!(Number::power(positive, 1.7).contains(z.powf(1.7)));
        }
    }

    #[test]
    fn division_by_an_interval_with_zero_is_the_whole_line() {
        assert_eq!(Interval::point(1.0) / Interval::new(-1.0, 1.0), Interval::WHOLE);
    }

    #[test]
    fn infinite_ends_stay_finite_where_they_can() {
        let x = Interval { lo: 0.0, hi: f64::INFINITY };
        assert_eq!((x * Interval::point(0.0)).lo.abs(), f64::from_bits(1));
        assert!((Interval::point(1.0) / (x + Interval::point(1.0))).hi < 1.0 + 1e-15);
    }
}
