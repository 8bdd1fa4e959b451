//! Numbers as people write them: three digits, a k or M where that is shorter, a true minus sign.

/// `10^k`, correctly rounded on every platform.
pub(super) fn power_of_ten(k: i32) -> f64 {
    format!("1e{k}").parse().unwrap_or(f64::INFINITY)
}

/// The exponent of the leading digit of a positive number.
pub(super) fn exponent(v: f64) -> i32 {
    let guess = libm::floor(libm::log10(v)).clamp(-400.0, 400.0) as i32;
    if power_of_ten(guess + 1) <= v { guess + 1 } else { guess }
}

/// A number with `decimals` digits after the point, without "-0" and with a true minus sign.
pub(super) fn fixed(v: f64, decimals: usize) -> String {
    let text = format!("{v:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|c| c == '0' || c == '.') => digits.to_owned(),
        Some(digits) => format!("\u{2212}{digits}"),
        None => text,
    }
}

/// A computed value, to three significant digits: "95.5", "25.0", "12.3k", "2.50×10⁻⁶".
pub(super) fn measured(v: f64) -> String {
    significant(v, false)
}

/// A given value, to three significant digits without trailing zeros: "60", "0.5".
pub(super) fn given(v: f64) -> String {
    significant(v, true)
}

fn significant(v: f64, trim: bool) -> String {
    if v.is_nan() {
        return "unknown".to_owned();
    }
    if v.is_infinite() {
        return if v > 0.0 { "\u{221e}" } else { "\u{2212}\u{221e}" }.to_owned();
    }
    if v == 0.0 {
        return "0".to_owned();
    }
    let mut exp = exponent(v.abs());
    // 9.996 has three digits as 10.0.
    let unit = power_of_ten(exp - 2);
    if (v.abs() / unit).round() >= 1000.0 {
        exp += 1;
    }
    let (scale, suffix) = match exp {
        -3..=3 => (0, String::new()),
        4..=14 => (exp / 3 * 3, SUFFIXES[(exp / 3) as usize].to_owned()),
        _ => (exp, format!("\u{d7}10{}", superscript(exp))),
    };
    let decimals = (2 - (exp - scale)).max(0) as usize;
    let mut text = fixed(v / power_of_ten(scale), decimals);
    if trim && text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    text + &suffix
}

/// Suffix of each third power of ten.
pub(super) const SUFFIXES: [&str; 5] = ["", "k", "M", "G", "T"];

/// A small raised integer.
pub(super) fn superscript(n: i32) -> String {
    let raise = |c| match c {
        '-' => '\u{207b}',
        '1' => '\u{b9}',
        '2' => '\u{b2}',
        '3' => '\u{b3}',
        '0'..='9' => char::from_u32(0x2070 + c as u32 - '0' as u32).unwrap_or(c),
        other => other,
    };
    n.to_string().chars().map(raise).collect()
}

/// A span of time in seconds -> how many of them make the unit it is best read in, and that unit.
pub(super) fn time_unit(longest: f64) -> (f64, &'static str) {
    match longest {
        t if t >= 3.0 * 86_400.0 => (86_400.0, "d"),
        t if t >= 3.0 * 3_600.0 => (3_600.0, "h"),
        t if t >= 900.0 => (60.0, "min"),
        t if t >= 1.0 || t <= 0.0 || t.is_nan() => (1.0, "s"),
        t if t >= 1e-3 => (1e-3, "ms"),
        _ => (1e-6, "\u{b5}s"),
    }
}

/// "Goodput (req/s)", or just the name if there is no unit.
pub(super) fn with_unit(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") }
}

/// A number followed by its unit, if any.
pub(super) fn quantity(number: &str, unit: &str) -> String {
    if unit.is_empty() { number.to_owned() } else { format!("{number} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::{given, measured, time_unit};

    #[test]
    fn three_digits_and_a_suffix() {
        let cases = [
            (95.5, "95.5"),
            (25.0, "25.0"),
            (9.996, "10.0"),
            (0.0123, "0.0123"),
            (1234.0, "1234"),
            (12_345.0, "12.3k"),
            (999_999.0, "1.00M"),
            (-3.0, "\u{2212}3.00"),
            (1.2e-6, "1.20\u{d7}10\u{207b}\u{2076}"),
            (f64::NAN, "unknown"),
            (f64::INFINITY, "\u{221e}"),
            (0.0, "0"),
        ];
        for (value, text) in cases {
            assert_eq!(measured(value), text);
        }
        assert_eq!((given(60.0), given(1.2), given(100.0)), ("60".into(), "1.2".into(), "100".into()));
    }

    #[test]
    fn times_are_read_in_a_fitting_unit() {
        assert_eq!(time_unit(120.0).1, "s");
        assert_eq!(time_unit(0.25).1, "ms");
        assert_eq!(time_unit(3600.0).1, "min");
        assert_eq!(time_unit(864_000.0).1, "d");
        assert_eq!(time_unit(0.0).1, "s");
    }
}
