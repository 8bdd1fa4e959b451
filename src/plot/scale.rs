//! Axes as maps: a value to its share of the axis.

use super::number::{exponent, power_of_ten};

/// How values are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By powers of ten; values that are not positive leave a gap.
    Log,
    /// Logarithmic if the positive values span more than two decades, with a linear stretch around zero if there are
    /// others; linear otherwise.
    Auto,
}

/// Values beyond this are treated as not finite: differences of smaller ones cannot overflow.
const LARGEST: f64 = 1e290;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Linear,
    Log,
    /// Linear below the threshold, logarithmic above it, either side of zero.
    Symlog(f64),
}

/// A fitted axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mapping {
    pub(super) kind: Kind,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// How much room an axis leaves around its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Margin {
    /// A little beyond the largest value, and from zero if that is not far.
    Loose,
    /// From the smallest to the largest value.
    Tight,
    /// As `Tight`, but from zero if that is not far.
    FromZero,
    /// A little beyond both ends.
    Padded,
}

/// Whether a value can be drawn at all.
pub(super) fn drawable(v: f64) -> bool {
    v.is_finite() && v.abs() < LARGEST
}

impl Mapping {
    /// The axis that shows all `values`.
    pub(super) fn fit(scale: Scale, values: impl Iterator<Item = f64>, margin: Margin) -> Mapping {
        let (mut low, mut high, mut least) = (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY);
        for v in values.filter(|&v| drawable(v)) {
            (low, high) = (low.min(v), high.max(v));
            if v > 1e-290 {
                least = least.min(v);
            }
        }
        let wide = least.is_finite() && high / least > 100.0;
        match scale {
            Scale::Log if least.is_finite() => Mapping::log(least, high, margin),
            Scale::Auto if wide && low > 0.0 => Mapping::log(least, high, margin),
            Scale::Auto if wide => Mapping::symlog(low, high, least, margin),
            Scale::Log => Mapping { kind: Kind::Log, low: 0.1, high: 10.0 },
            _ if low > high => Mapping { kind: Kind::Linear, low: 0.0, high: 1.0 },
            _ => Mapping::linear(low, high, margin),
        }
    }

    fn linear(low: f64, high: f64, margin: Margin) -> Mapping {
        let largest = low.abs().max(high.abs());
        let (mut low, mut high) = (low, high);
        if high - low <= 1e-9 * largest || largest == 0.0 {
            let pad = if largest == 0.0 { 1.0 } else { 0.5 * largest };
            (low, high) = (if low == 0.0 { 0.0 } else { low - pad }, high + pad);
        }
        let near_zero = low >= 0.0 && low < 0.6 * high;
        let from_zero = matches!(margin, Margin::Loose | Margin::FromZero) && near_zero;
        if from_zero {
            low = 0.0;
        }
        if margin == Margin::Loose {
            let pad = 0.07 * (high - low);
            high += pad;
            if !from_zero {
                low -= pad;
            }
        }
        if margin == Margin::Padded {
            let pad = 0.03 * (high - low);
            (low, high) = (low - pad, high + pad);
        }
        Mapping { kind: Kind::Linear, low, high }
    }

    fn log(low: f64, high: f64, margin: Margin) -> Mapping {
        let pad = match margin {
            _ if high / low < 1.0 + 1e-9 => 3.0,
            Margin::Loose | Margin::Padded => libm::pow(high / low, 0.05),
            Margin::Tight | Margin::FromZero => 1.0,
        };
        Mapping { kind: Kind::Log, low: low / pad, high: high * pad }
    }

    fn symlog(low: f64, high: f64, least: f64, margin: Margin) -> Mapping {
        let threshold = power_of_ten(exponent(least).max(exponent(high) - 6).min(0));
        let grow = if margin == Margin::Loose { 1.6 } else { 1.0 };
        Mapping { kind: Kind::Symlog(threshold), low: if low < 0.0 { low * grow } else { 0.0 }, high: high * grow }
    }

    /// Where a value lies: 0 at the low end, 1 at the high end; nothing if it has no place on this axis.
    pub(super) fn share(&self, v: f64) -> Option<f64> {
        if !drawable(v) || (self.kind == Kind::Log && v <= 0.0) {
            return None;
        }
        let (low, high) = (self.forward(self.low), self.forward(self.high));
        Some((self.forward(v) - low) / (high - low))
    }

    fn forward(&self, v: f64) -> f64 {
        match self.kind {
            Kind::Linear => v,
            Kind::Log => libm::log10(v),
            Kind::Symlog(threshold) => libm::copysign(libm::log10(1.0 + v.abs() / threshold), v),
        }
    }
}
