//! Values back into text, with as many digits as a reader can use.

use crate::process::dimension::Dimension;

/// A number with so many significant digits, without trailing zeros; whole digits are never rounded away below a million.
#[must_use]
pub fn number(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "not a number".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "unlimited" } else { "-unlimited" }.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = digits.clamp(1, 17);
    // The exponent after rounding: 9.996 with three digits is 10.0.
    let scientific = format!("{value:.*e}", digits - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

/// A value in the unit it was written in: `in_unit(0.25, "ms", 0.001)` is `250 ms`.
#[must_use]
pub fn in_unit(value: f64, unit: &str, factor: f64) -> String {
    if value.is_infinite() {
        return number(value, 6);
    }
    // Divide by the reciprocal where that is the exact one of the two (ms, us, %).
    let written = if factor < 1.0 { value * (1.0 / factor) } else { value / factor };
    joined(&number(written, 6), unit)
}

/// A value in a unit that people would choose, with three significant digits: `0.113 s`, `2.1 min`, `95.5 req/s`.
#[must_use]
pub fn human(value: f64, dimension: Dimension) -> String {
    let (unit, factor) = match dimension {
        Dimension::TIME => time_unit(value.abs()),
        Dimension::BYTE => byte_unit(value.abs()),
        other if other.is_none() => return number(value, 3),
        other => return joined(&number(value, 3), &other.to_string()),
    };
    if value.is_infinite() { number(value, 3) } else { joined(&number(value / factor, 3), unit) }
}

fn time_unit(seconds: f64) -> (&'static str, f64) {
    match seconds {
        0.0 => ("s", 1.0),
        s if s < 1e-6 => ("ns", 1e-9),
        s if s < 1e-3 => ("us", 1e-6),
        s if s < 0.1 => ("ms", 1e-3),
        s if s < 100.0 => ("s", 1.0),
        s if s < 6000.0 => ("min", 60.0),
        s if s < 172_800.0 => ("h", 3600.0),
        s if s < 63_115_200.0 => ("d", 86_400.0),
        _ => ("y", 31_557_600.0),
    }
}

fn byte_unit(bytes: f64) -> (&'static str, f64) {
    match bytes {
        b if b < 1e3 => ("B", 1.0),
        b if b < 1e6 => ("kB", 1e3),
        b if b < 1e9 => ("MB", 1e6),
        b if b < 1e12 => ("GB", 1e9),
        _ => ("TB", 1e12),
    }
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn joined(number: &str, unit: &str) -> String {
    if unit.is_empty() { number.to_owned() } else { format!("{number} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_people_write_them() {
        assert_eq!(human(0.113, Dimension::TIME), "0.113 s");
        assert_eq!(human(63.0, Dimension::TIME), "63 s");
        assert_eq!(human(126.0, Dimension::TIME), "2.1 min");
        assert_eq!(human(0.05, Dimension::TIME), "50 ms");
        assert_eq!(human(1e13, Dimension::TIME), "316881 y");
        assert_eq!(human(95.4999, Dimension::REQUEST_RATE), "95.5 req/s");
        assert_eq!(human(f64::INFINITY, Dimension::TIME), "unlimited");
        assert_eq!(in_unit(0.25, "ms", 1e-3), "250 ms");
        assert_eq!(in_unit(0.07, "%", 0.01), "7 %");
        assert_eq!(number(1234.6, 3), "1235");
        assert_eq!(number(1.2e-9, 3), "1.2e-9");
        assert_eq!(number(-9.996, 3), "-10");
    }
}
