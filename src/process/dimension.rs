//! Physical dimensions of quantities: products of powers of time, requests and bytes.
//!
//! Exponents are kept in twelfths so that square and cube roots stay exact.

use std::fmt;
use std::ops::{Div, Mul};

/// A dimension: exponents of second, request and byte, each in twelfths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Dimension {
    /// Exponent of time (seconds), in twelfths.
    pub time: i16,
    /// Exponent of requests, in twelfths.
    pub request: i16,
    /// Exponent of bytes, in twelfths.
    pub byte: i16,
}

const UNIT: i16 = 12;

impl Dimension {
    /// A plain number.
    pub const NONE: Self = Self { time: 0, request: 0, byte: 0 };
    /// A duration, in seconds.
    pub const TIME: Self = Self { time: UNIT, request: 0, byte: 0 };
    /// A number of requests.
    pub const REQUEST: Self = Self { time: 0, request: UNIT, byte: 0 };
    /// An amount of data, in bytes.
    pub const BYTE: Self = Self { time: 0, request: 0, byte: UNIT };
    /// Requests per second.
    pub const REQUEST_RATE: Self = Self { time: -UNIT, request: UNIT, byte: 0 };
    /// Per second.
    pub const RATE: Self = Self { time: -UNIT, request: 0, byte: 0 };

    /// This dimension raised to a power, or `None` if the exponent is not a multiple of a twelfth in range.
    #[must_use]
    pub fn power(self, exponent: f64) -> Option<Self> {
        let scale = |e: i16| {
            let scaled = f64::from(e) * exponent;
            let rounded = scaled.round();
            ((scaled - rounded).abs() < 1e-9 && rounded.abs() < 1e4).then_some(rounded as i16)
        };
        Some(Self { time: scale(self.time)?, request: scale(self.request)?, byte: scale(self.byte)? })
    }

    /// Whether this is a plain number.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Whether this is a power of requests alone: something countable, or a plain number.
    #[must_use]
    pub fn is_count(self) -> bool {
        self.time == 0 && self.byte == 0
    }
}

impl Mul for Dimension {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        Self { time: self.time + o.time, request: self.request + o.request, byte: self.byte + o.byte }
    }
}

impl Div for Dimension {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        Self { time: self.time - o.time, request: self.request - o.request, byte: self.byte - o.byte }
    }
}

/// The base unit of the dimension in words: `req/s`, `1/s`, `s`, `plain number`.
impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return write!(f, "plain number");
        }
        let units = [("req", self.request), ("B", self.byte), ("s", self.time)];
        let part = |name: &str, exponent: i16| match (exponent / UNIT, exponent % UNIT) {
            (1, 0) => name.to_owned(),
            (whole, 0) => format!("{name}^{whole}"),
            _ => format!("{name}^({exponent}/{UNIT})"),
        };
        let top: Vec<String> = units.iter().filter(|u| u.1 > 0).map(|u| part(u.0, u.1)).collect();
        let bottom: Vec<String> = units.iter().filter(|u| u.1 < 0).map(|u| part(u.0, -u.1)).collect();
        let top = if top.is_empty() { "1".to_owned() } else { top.join("*") };
        match bottom.len() {
            0 => write!(f, "{top}"),
            1 => write!(f, "{top}/{}", bottom[0]),
            _ => write!(f, "{top}/({})", bottom.join("*")),
        }
    }
}
