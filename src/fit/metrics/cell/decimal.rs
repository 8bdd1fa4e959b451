//! Short decimal numbers, eight digits at a time.
//!
//! Eight digits are one word of 64 bits: a digit is told by a range check on all bytes at once, and three products
//! gather the word pairwise to one number (SIMD within a register; Lamport 1975, *CACM* 18: 471-475). A number of up to
//! sixteen digits below 2^53 is exact in double precision, and so is the power of ten of its decimals: one division
//! rounds once and gives what any correct reader gives (Clinger 1990, *PLDI*: 92-101).

/// Powers of ten that are exact.
const POWERS: [f64; 17] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16];
/// The same as whole numbers.
const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/// A one in every byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
/// Most characters after the sign: sixteen digits and the point.
const LONGEST: usize = 17;
/// Bytes after the sign that are looked at, whether they belong to the number or not.
const WINDOW: usize = super::MARGIN - 1;

/// The number at `text[from..end]`: an optional minus, digits, and a point among or before them.
///
/// What stands in `text` after `end` does not matter, but has to be there: with fewer than [`super::MARGIN`] bytes from
/// `from` on, or for any other way to write a number, the answer is `None`.
#[inline]
pub(in super::super) fn read(text: &[u8], from: usize, end: usize) -> Option<f64> {
    let negative = *text.get(from)? == b'-';
    let from = from + usize::from(negative);
    let length = end.checked_sub(from)?;
    let window: &[u8; WINDOW] = text.get(from..)?.first_chunk()?;
    let (mantissa, decimals) = if length <= 8 { short(word(window, 0), length)? } else { long(window, length)? };
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "below 2^53; signed is faster")]
    let value = (mantissa as i64) as f64 / POWERS.get(decimals)?;
    Some(if negative { -value } else { value })
}

/// Digits and number of decimals of the first `length` bytes (at most 8) of a word.
#[inline]
fn short(word: u64, length: usize) -> Option<(u64, usize)> {
    if length == 0 {
        return None;
    }
    let point = points(word);
    let digits = last(word, length);
    if point >= length {
        return Some((number(digits)?, 0));
    }
    let decimals = length - 1 - point;
    // `3.` is a number in few languages only.
    if decimals == 0 {
        return None;
    }
    // What stands before the point moves up by one byte, over it.
    let after = u64::MAX << (64 - 8 * decimals);
    let digits = (digits & after) | ((digits << 8) & !after);
    Some((number(digits)?, decimals))
}

/// The same for at most [`LONGEST`] bytes.
fn long(window: &[u8; WINDOW], length: usize) -> Option<(u64, usize)> {
    if length > LONGEST {
        return None;
    }
    let point = match points(word(window, 0)) {
        8 => 8 + points(word(window, 8)),
        point => point,
    };
    let (mantissa, decimals) = if point >= length {
        (whole(window, 0, length)?, 0)
    } else {
        let decimals = length - 1 - point;
        if decimals == 0 {
            return None;
        }
        let (before, after) = (whole(window, 0, point)?, whole(window, point + 1, decimals)?);
        let power = if decimals <= 8 { TENS[decimals] } else { TENS[8] * TENS[decimals - 8] };
        (before * power + after, decimals)
    };
    (mantissa < 1 << 53).then_some((mantissa, decimals))
}

/// A whole number of at most 16 digits at `window[from..from + length]`; zero without any.
fn whole(window: &[u8; WINDOW], from: usize, length: usize) -> Option<u64> {
    match length {
        0 => Some(0),
        1..=8 => number(last(word(window, from), length)),
        9..=16 => {
            let (high, low) = (number(last(word(window, from), 8))?, number(last(word(window, from + 8), length - 8))?);
            Some(high * TENS[length - 8] + low)
        }
        _ => None,
    }
}

/// The first `length` bytes (1 to 8) of a word at its end, as values of digits, with zeros before them.
#[inline]
fn last(word: u64, length: usize) -> u64 {
    (word ^ (ONES * u64::from(b'0'))) << (64 - 8 * length)
}

/// The number of eight values of digits; none if one of them is no digit.
#[inline]
fn number(digits: u64) -> Option<u64> {
    /// Every fourth byte.
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    if (digits.wrapping_add(ONES * 0x76) | digits) & (ONES * 0x80) != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & PAIRS).wrapping_mul(0x000f_4240_0000_0064);
    let low = ((pairs >> 16) & PAIRS).wrapping_mul(0x0000_2710_0000_0001);
    Some(high.wrapping_add(low) >> 32)
}

/// Bytes of a word before its first point; 8 without one.
#[inline]
fn points(word: u64) -> usize {
    let others = word ^ (ONES * u64::from(b'.'));
    ((others.wrapping_sub(ONES) & !others & (ONES * 0x80)).trailing_zeros() / 8) as usize
}

/// Eight bytes, the first of them lowest. Those beyond the window are zero.
#[inline]
fn word(window: &[u8; WINDOW], from: usize) -> u64 {
    window.get(from..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// A whole number of 8 to 16 digits and nothing else.
#[inline]
pub(in super::super) fn count(text: &[u8]) -> Option<u64> {
    let rest = text.len().checked_sub(8).filter(|rest| *rest <= 8)?;
    let head = number(last(u64::from_le_bytes(*text.first_chunk()?), 8))?;
    if rest == 0 {
        return Some(head);
    }
    // The last eight bytes, of which those that are in the head count nothing.
    let tail = last(u64::from_le_bytes(*text.last_chunk()?), 8) & (u64::MAX << (64 - 8 * rest));
    Some(head * TENS[rest] + number(tail)?)
}

#[cfg(test)]
mod tests {
    use super::super::{MARGIN, plain};
    use super::{count, read};
    use proptest::prelude::*;

    /// Numbers as exporters write them, and what is nearly one.
    fn written() -> impl Strategy<Value = String> {
        prop_oneof![
            "-?[0-9]{1,17}",
            "-?[0-9]{0,9}\\.[0-9]{0,9}",
            "-?[0-9]{0,17}\\.[0-9]{0,17}",
            "[-+0-9.eE,:;/ ]{1,18}",
            any::<f64>().prop_map(|number| number.to_string()),
            (0.0..1e6).prop_map(|number: f64| format!("{number:.3}")),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// Whatever is read is what the standard library reads, to the last bit, whatever stands around it.
        #[test]
        fn as_the_standard_library_reads_it(number in written(), before in "[0-9.,-]{0,9}", after in "[0-9.,-]{25}") {
            let text = format!("{before}{number}{after}");
            let found = read(text.as_bytes(), before.len(), before.len() + number.len());
            prop_assert_eq!(found.map(f64::to_bits), plain(number.as_bytes()).map(f64::to_bits));
            if let Some(found) = found {
                let expected: f64 = number.parse().expect("a number");
                prop_assert_eq!(found.to_bits(), expected.to_bits());
            }
        }

        #[test]
        fn counts_are_exact(number in "[0-9]{8,16}", other in "[-+0-9.]{0,20}") {
            prop_assert_eq!(count(number.as_bytes()), number.parse().ok());
            let digits = other.bytes().all(|b| b.is_ascii_digit()) && (8..=16).contains(&other.len());
            prop_assert_eq!(count(other.as_bytes()).is_some(), digits);
        }
    }

    #[test]
    fn what_is_short_is_read_and_the_rest_left_to_others() {
        let read = |number: &str| read(format!("{number}{}", "9".repeat(MARGIN)).as_bytes(), 0, number.len());
        for number in
            ["0", "-0", "7", "950.5", ".5", "12345678", "123456789.5", "9007199254740991", "9.007199254740991"]
        {
            assert_eq!(read(number).map(f64::to_bits), number.parse().ok().map(f64::to_bits), "{number}");
        }
        for number in
            ["", "-", ".", "-.", "1.", "+1", "1e5", "1.2.3", "9007199254740992", "0.90071992547409911", "inf", "1-2"]
        {
            assert_eq!(read(number), None, "{number}");
        }
    }
}
