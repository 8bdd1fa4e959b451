//! One cell of a table: a number with its unit, or a sign for "missing".

pub(super) mod decimal;

use super::unit::{self, Unit};

/// Bytes from the first of a number on that are looked at together, whether they belong to it or not.
pub(super) const MARGIN: usize = 25;

/// What a cell says.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A number in base units, with the dimension if a unit was written.
    Number {
        /// In base units.
        value: f64,
        /// Dimension, where a unit stands in the cell.
        unit: Option<Unit>,
    },
    /// A sign for "no value".
    Missing,
    /// An infinite number: nothing that can be measured, so missing as well, but counted by itself.
    Infinite,
    /// Neither.
    Text,
}

/// How numbers are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notation {
    /// `1,5` is one and a half.
    pub decimal_comma: bool,
}

/// Largest magnitude of a measurement; beyond it a sum of squares overflows.
pub const LARGEST: f64 = 1e150;

/// Reads a cell.
#[must_use]
pub fn parse(bytes: &[u8], notation: Notation) -> Cell {
    if let Some(value) = plain(bytes) {
        return Cell::Number { value, unit: None };
    }
    if let Some(value) = long(bytes) {
        return Cell::Number { value, unit: None };
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Cell::Text };
    slow(text.trim(), notation)
}

/// The number at `text[from..end]`, if it is a short decimal number without anything around it: as [`plain`], but fast
/// where at least [`MARGIN`] bytes follow `from` in `text`.
#[inline]
pub(super) fn number_at(text: &[u8], from: usize, end: usize) -> Option<f64> {
    decimal::read(text, from, end)
}

/// A short decimal number without anything around it: at most sixteen digits, a minus and a point. `None` for everything
/// else, which the general way then reads.
#[inline]
#[must_use]
pub fn plain(bytes: &[u8]) -> Option<f64> {
    if bytes.len() > MARGIN - 6 {
        return None;
    }
    let mut text = [0; 2 * MARGIN];
    text[..bytes.len()].copy_from_slice(bytes);
    decimal::read(&text, 0, bytes.len())
}

/// A decimal number in all its digits, or with an exponent.
fn long(bytes: &[u8]) -> Option<f64> {
    if !bytes.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E')) {
        return None;
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn slow(text: &str, notation: Notation) -> Cell {
    if missing(text) {
        return Cell::Missing;
    }
    if infinite(text) {
        return Cell::Infinite;
    }
    let cut = numeric_part(text);
    if cut == 0 {
        return Cell::Text;
    }
    let (written, rest) = text.split_at(cut);
    let Some(digits) = digits(written, notation) else { return Cell::Text };
    let Ok(number) = digits.parse::<f64>() else { return Cell::Text };
    if rest.trim().is_empty() {
        return Cell::Number { value: number, unit: None };
    }
    match unit::parse(rest) {
        Some(scaled) => {
            let value = shifted(&digits, scaled.factor).unwrap_or_else(|| scaled.apply(number));
            Cell::Number { value, unit: Some(scaled.unit) }
        }
        None => Cell::Text,
    }
}

/// A decimal number times a power of ten, rounded once: 12.3 % is the number closest to 0.123.
fn shifted(digits: &str, factor: f64) -> Option<f64> {
    let power = factor.log10().round();
    let exact = (factor / 10_f64.powf(power) - 1.0).abs() < 1e-12 && !digits.contains(['e', 'E']);
    exact.then(|| format!("{digits}e{power}").parse().ok())?
}

/// Signs for "no value", in any case of letters.
fn missing(text: &str) -> bool {
    const SIGNS: [&str; 12] =
        ["nan", "null", "n/a", "na", "-", "--", "undefined", "no data", "none", "nil", "<nil>", "_"];
    text.is_empty() || SIGNS.iter().any(|sign| text.eq_ignore_ascii_case(sign))
}

/// `Infinity`, `+Inf`, and `∞undefined req/s`, which a dashboard makes of it.
fn infinite(text: &str) -> bool {
    let body = text.trim_start_matches(['+', '-']);
    body.starts_with('∞') || ["inf", "infinity"].iter().any(|sign| body.eq_ignore_ascii_case(sign))
}

/// Length of what may be the number at the start of a cell.
fn numeric_part(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits_from = at;
    while at < bytes.len() && (bytes[at].is_ascii_digit() || matches!(bytes[at], b'.' | b',')) {
        at += 1;
    }
    if at == digits_from || !bytes[digits_from..at].iter().any(u8::is_ascii_digit) {
        return 0;
    }
    // An exponent counts only if digits follow it: `3 E` would be a unit.
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let from = at + 1 + sign;
        let digits = bytes[from.min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 {
            at = from + digits;
        }
    }
    at
}

/// A number with a decimal comma or groups of thousands as one with a decimal point and without groups.
fn digits(written: &str, notation: Notation) -> Option<String> {
    if !written.contains(',') {
        return Some(written.to_owned());
    }
    if notation.decimal_comma {
        let plain = written.replace('.', "");
        return (plain.matches(',').count() == 1).then(|| plain.replace(',', "."));
    }
    grouped(written).then(|| written.replace(',', ""))
}

/// `1,234,567.8`: groups of three after the first.
fn grouped(written: &str) -> bool {
    let whole = written.trim_start_matches(['+', '-']).split('.').next().unwrap_or_default();
    let mut groups = whole.split(',');
    groups.next().is_some_and(|first| (1..=3).contains(&first.len()) && first != "0")
        && groups.all(|group| group.len() == 3)
}

/// Whether a cell can only be read with a decimal comma: `1,5` or `0,1234`, but not `1,234`.
#[must_use]
pub fn shows_decimal_comma(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let text = text.trim();
    let written = &text[..numeric_part(text)];
    written.matches(',').count() == 1 && !written.contains('.') && !grouped(written)
}

#[cfg(test)]
mod tests {
    use super::super::unit::Unit;
    use super::{Cell, Notation, parse, plain, shows_decimal_comma};
    use proptest::prelude::*;

    fn cell(text: &str) -> Cell {
        parse(text.as_bytes(), Notation::default())
    }

    fn value(text: &str) -> f64 {
        match cell(text) {
            Cell::Number { value, .. } => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn numbers() {
        for text in [
            "0",
            "1",
            "-1.5",
            "950.5",
            "1234.567",
            "0.9999",
            "9007199254740991",
            "1e-7",
            "1.199760047990402",
            "+3",
            "123456789012345678",
            "0.0000001",
            "1714557600000",
        ] {
            let expected: f64 = text.parse().expect("a number");
            assert_eq!(value(text).to_bits(), expected.to_bits(), "{text}");
        }
        assert_eq!(plain(b"1."), None);
        assert_eq!(plain(b"."), None);
        assert_eq!(plain(b"1.2.3"), None);
        assert_eq!(cell("12abc3"), Cell::Text);
        assert_eq!(cell("abc"), Cell::Text);
        assert_eq!(cell("1-2"), Cell::Text);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// A number in whatever way is read as the standard library reads it, to the last bit.
        #[test]
        fn numbers_are_rounded_once(
            text in prop_oneof![
                "[-+]?[0-9]{1,40}",
                "[-+]?[0-9]{1,20}\\.[0-9]{0,25}",
                "[-+]?\\.[0-9]{1,25}",
                "[-+]?[0-9]{1,20}(\\.[0-9]{1,5})?[eE][-+]?[0-9]{1,3}",
                any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| n.to_string()),
                any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
            ],
            spaces in "[ \t]{0,2}",
        ) {
            let expected: f64 = text.parse().expect("a number");
            prop_assert_eq!(value(&format!("{spaces}{text}{spaces}")).to_bits(), expected.to_bits());
        }

        /// Words for what is no number are never one.
        #[test]
        fn words_are_no_numbers(text in "[-+]?(nan|NaN|NAN|inf|Inf|INF|infinity|Infinity)") {
            let infinite = text.to_ascii_lowercase().contains("inf");
            let expected = match (infinite, text.starts_with(['-', '+'])) {
                (true, _) => Cell::Infinite,
                (false, false) => Cell::Missing,
                (false, true) => Cell::Text,
            };
            prop_assert_eq!(cell(&text), expected);
        }
    }

    #[test]
    fn units_are_of_the_cell() {
        assert_eq!(cell("951 req/s"), Cell::Number { value: 951.0, unit: Some(Unit::PerSecond) });
        assert_eq!(cell("1.23K req/s"), Cell::Number { value: 1230.0, unit: Some(Unit::PerSecond) });
        assert_eq!(cell("1.25 mins"), Cell::Number { value: 75.0, unit: Some(Unit::Seconds) });
        assert_eq!(cell("500 ms"), Cell::Number { value: 0.5, unit: Some(Unit::Seconds) });
        assert_eq!(cell("1 KiB"), Cell::Number { value: 1024.0, unit: Some(Unit::Bytes) });
        assert_eq!(cell("1.23 Mil"), Cell::Number { value: 1.23e6, unit: Some(Unit::Plain) });
        assert_eq!(cell("12.3%"), Cell::Number { value: 0.123, unit: Some(Unit::Share) });
        assert_eq!(cell("12.4 ms"), Cell::Number { value: 0.0124, unit: Some(Unit::Seconds) });
        assert_eq!(cell("1e-7 req/s"), Cell::Number { value: 1e-7, unit: Some(Unit::PerSecond) });
    }

    #[test]
    fn missing_is_never_zero() {
        for text in ["", " ", "NaN", "null", "N/A", "-", "undefined", "No data", "nan"] {
            assert_eq!(cell(text), Cell::Missing, "{text}");
        }
        for text in ["Infinity", "+Inf", "-Inf", "∞undefined req/s", "∞"] {
            assert_eq!(cell(text), Cell::Infinite, "{text}");
        }
    }

    #[test]
    fn commas() {
        assert_eq!(value("1,234.5"), 1234.5);
        assert_eq!(cell("1,23"), Cell::Text);
        let comma = Notation { decimal_comma: true };
        assert_eq!(parse(b"1,23 ms", comma), Cell::Number { value: 1.23e-3, unit: Some(Unit::Seconds) });
        assert_eq!(parse(b"1.234,5", comma), Cell::Number { value: 1234.5, unit: None });
        assert!(shows_decimal_comma(b"1,5"));
        assert!(shows_decimal_comma(b"0,1234"));
        assert!(shows_decimal_comma(b"0,123"));
        assert!(!shows_decimal_comma(b"1,234"));
        assert!(!shows_decimal_comma(b"1.5"));
    }
}
