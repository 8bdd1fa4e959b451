//! Closed real intervals with outward rounding: every operation returns an interval that contains all results of the
//! operation on members of its operands, whatever the rounding of the machine. Used to prove that a box holds no
//! equilibrium, or exactly one. After Moore, *Interval Analysis* (1966); rounding outward by one unit in the last place
//! of a correctly rounded operation, by `SLACK` units for library functions.

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
