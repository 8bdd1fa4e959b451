//! Quantities as people write them: `820 req/s`, `250 ms`, `10 %`, `64 KiB`. A number, then a unit that is a product of
//! known names; the result is in base units (seconds, requests, bytes).
//!
//! `"unlimited"` is not a quantity: keys that allow it say so themselves.

mod format;
mod grammar;
mod table;

pub use format::{human, in_unit, number};

use crate::process::dimension::Dimension;
use std::ops::Range;

/// Largest magnitude accepted, in base units and as written.
const LARGEST: f64 = 1e300;
/// Smallest magnitude accepted apart from zero.
const SMALLEST: f64 = 1e-300;

/// A quantity as understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// Value in base units.
    pub value: f64,
    /// Its dimension.
    pub dimension: Dimension,
    /// The unit as written, empty for a plain number.
    pub unit: String,
    /// `value = written * factor`.
    pub factor: f64,
}

/// Why a text is not a quantity, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitError {
    /// What is wrong.
    pub kind: UnitErrorKind,
    /// Byte range within the text.
    pub range: Range<usize>,
}

/// What can be wrong with a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitErrorKind {
    /// Nothing there.
    #[error("a number with a unit is missing here")]
    Empty,
    /// It does not start with a number.
    #[error("this is not a number")]
    NotANumber,
    /// `1,000`.
    #[error("a comma cannot stand in a number")]
    Comma,
    /// `NaN` or `inf`.
    #[error("the number must be finite")]
    NotFinite,
    /// Beyond 1e300.
    #[error("the number is too large to compute with")]
    TooLarge,
    /// Below 1e-300 but not zero.
    #[error("the number is too small to compute with")]
    TooSmall,
    /// Not a unit.
    #[error("unknown unit `{name}`")]
    UnknownUnit {
        /// As written.
        name: String,
        /// The unit that was probably meant, or what to write.
        hint: Option<String>,
    },
    /// Not a product of units.
    #[error("this unit cannot be read")]
    BadUnit,
}

impl UnitErrorKind {
    /// Stable name of the mistake for diagnostics.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Self::Empty => "empty-value",
            Self::NotANumber | Self::Comma => "not-a-number",
            Self::NotFinite => "not-finite",
            Self::TooLarge | Self::TooSmall => "out-of-range",
            Self::UnknownUnit { .. } | Self::BadUnit => "unknown-unit",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Empty | Self::NotANumber => {
                Some("write a number and a unit, such as \"60 req/s\" or \"250 ms\"".to_owned())
            }
            Self::Comma => Some("write 1000 or 1_000 for a thousand, and 0.5 for a half".to_owned()),
            Self::NotFinite => None,
            Self::TooLarge => Some("magnitudes up to 1e300 are accepted".to_owned()),
            Self::TooSmall => Some("magnitudes from 1e-300 are accepted, or exactly 0".to_owned()),
            Self::UnknownUnit { hint, .. } => hint.clone(),
            Self::BadUnit => Some("write units as products and quotients, such as req/s, 1/s or B/(req*s)".to_owned()),
        }
    }
}

/// Reads a quantity.
///
/// # Errors
/// With the place in the text, if it is not a finite number followed by a known unit (or by none).
pub fn parse(text: &str) -> Result<Parsed, UnitError> {
    let start = text.len() - text.trim_start().len();
    let end = text.trim_end().len();
    let at = |kind, range| Err(UnitError { kind, range });
    if start >= end {
        return at(UnitErrorKind::Empty, 0..text.len());
    }
    let body = &text[start..end];
    let digits = number_length(body);
    let lowered = body.trim_start_matches(['+', '-']).to_ascii_lowercase();
    if ["nan", "inf", "infinity"].iter().any(|w| lowered.split([' ', '/']).next() == Some(w)) {
        return at(UnitErrorKind::NotFinite, start..end);
    }
    // "/s" and "req/s" alone: a rate without its number.
    if digits == 0 {
        let word = body.find(char::is_whitespace).unwrap_or(body.len());
        return at(UnitErrorKind::NotANumber, start..start + word);
    }
    let unit_start = start + digits + (body[digits..].len() - body[digits..].trim_start().len());
    let unit = &text[unit_start..end];
    if unit.starts_with(',') {
        return at(UnitErrorKind::Comma, start + digits..start + digits + 1);
    }
    let number_range = start..start + digits;
    let Ok(written) = body[..digits].replace('_', "").parse::<f64>() else {
        return at(UnitErrorKind::NotANumber, number_range);
    };
    let parsed_unit = grammar::parse(unit)
        .map_err(|e| UnitError { kind: e.kind, range: unit_start + e.range.start..unit_start + e.range.end })?;
    let value = written * parsed_unit.numerator / parsed_unit.denominator;
    if !value.is_finite() || value.abs() > LARGEST || written.abs() > LARGEST {
        return at(UnitErrorKind::TooLarge, number_range);
    }
    let nonzero =
        body[..digits].split(['e', 'E']).next().is_some_and(|m| m.contains(|c: char| ('1'..='9').contains(&c)));
    if nonzero && value.abs() < SMALLEST {
        return at(UnitErrorKind::TooSmall, number_range);
    }
    Ok(Parsed {
        value,
        dimension: parsed_unit.dimension,
        unit: unit.to_owned(),
        factor: parsed_unit.numerator / parsed_unit.denominator,
    })
}

/// Reads a unit alone, such as `req/s`: its dimension and its factor to base units.
///
/// # Errors
/// With the place in the text, if it is not a unit.
pub fn parse_unit(text: &str) -> Result<(Dimension, f64), UnitError> {
    let unit = grammar::parse(text)?;
    Ok((unit.dimension, unit.numerator / unit.denominator))
}

/// Length of the number that a text starts with.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(|b| b.is_ascii_digit() || *b == b'_') {
            at += 1;
        }
        at
    };
    let mantissa = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let mut end = digits(mantissa);
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    if !bytes[mantissa..end].iter().any(u8::is_ascii_digit) {
        return 0;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(sign).is_some_and(u8::is_ascii_digit) {
            end = digits(sign);
        }
    }
    end
}

/// How a dimension is called in messages: `a time`, `a rate of requests`.
#[must_use]
pub fn describe(dimension: Dimension) -> String {
    match dimension {
        Dimension::NONE => "a plain number".to_owned(),
        Dimension::TIME => "a time".to_owned(),
        Dimension::REQUEST => "a number of requests".to_owned(),
        Dimension::REQUEST_RATE => "a rate of requests (req/s)".to_owned(),
        Dimension::RATE => "a rate (1/s)".to_owned(),
        Dimension::BYTE => "an amount of data (bytes)".to_owned(),
        other => format!("a quantity in {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> (f64, Dimension) {
        let parsed = parse(text).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        (parsed.value, parsed.dimension)
    }

    #[test]
    fn quantities_come_out_in_base_units() {
        assert_eq!(value("820 req/s"), (820.0, Dimension::REQUEST_RATE));
        assert_eq!(value("820 rps"), (820.0, Dimension::REQUEST_RATE));
        assert_eq!(value("1.5e3 req/min"), (25.0, Dimension::REQUEST_RATE));
        assert_eq!(value("250ms"), (0.25, Dimension::TIME));
        assert_eq!(value("7 %"), (0.07, Dimension::NONE));
        assert_eq!(value("30 d"), (2_592_000.0, Dimension::TIME));
        assert_eq!(value("64 KiB"), (65536.0, Dimension::BYTE));
        assert_eq!(value("1 MB/s"), (1e6, Dimension::BYTE / Dimension::TIME));
        assert_eq!(value("5 µs").0, value("5 us").0);
        assert_eq!(value("2 /s"), (2.0, Dimension::RATE));
        assert_eq!(value("2 1/s"), (2.0, Dimension::RATE));
        assert_eq!(value("3 B/(req*s)").1, Dimension::BYTE / Dimension::REQUEST / Dimension::TIME);
        assert_eq!(value("3 s^-1").1, Dimension::RATE);
        assert_eq!(value("1_000"), (1000.0, Dimension::NONE));
        assert_eq!(value("-0.5"), (-0.5, Dimension::NONE));
        assert_eq!(value("0e999 s"), (0.0, Dimension::TIME));
    }

    #[test]
    fn mistakes_are_located() {
        let wrong = |text: &str| {
            let error = parse(text).expect_err(text);
            (error.kind.id(), error.range)
        };
        assert_eq!(wrong(""), ("empty-value", 0..0));
        assert_eq!(wrong("60 rqe/s"), ("unknown-unit", 3..6));
        assert_eq!(wrong("fast"), ("not-a-number", 0..4));
        assert_eq!(wrong("1,000 req/s"), ("not-a-number", 1..2));
        assert_eq!(wrong("NaN s"), ("not-finite", 0..5));
        assert_eq!(wrong("-inf"), ("not-finite", 0..4));
        assert_eq!(wrong("1e301 s"), ("out-of-range", 0..5));
        assert_eq!(wrong("1e299 d"), ("out-of-range", 0..5).clone());
        assert_eq!(wrong("1e-320 s"), ("out-of-range", 0..6));
        assert_eq!(wrong("5 s^99"), ("unknown-unit", 3..6));
        assert_eq!(wrong("5 ((s"), ("unknown-unit", 3..4));
    }
}
