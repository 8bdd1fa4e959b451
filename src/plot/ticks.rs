//! Ticks: round values along an axis, and their labels.

use super::number::{SUFFIXES, exponent, fixed, power_of_ten, superscript};
use super::scale::{Kind, Mapping};

/// A tick; without a label it is a minor one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: Option<String>,
}

/// The ticks of an axis that has room for about `room` labels.
pub(super) fn ticks(axis: &Mapping, room: f64) -> Vec<Tick> {
    match axis.kind {
        Kind::Linear => linear(axis, room),
        Kind::Log if axis.high / axis.low < 4.0 => linear(axis, room),
        Kind::Log => log(axis, room),
        Kind::Symlog(threshold) => symlog(axis, threshold, room),
    }
}

fn linear(axis: &Mapping, room: f64) -> Vec<Tick> {
    let rough = (axis.high - axis.low) / room.max(1.0);
    let unit = power_of_ten(exponent(rough));
    let step = unit * [1.0, 2.0, 5.0, 10.0].into_iter().find(|m| m * unit >= rough * 0.75).unwrap_or(10.0);
    let slack = 1e-9 * (axis.high - axis.low);
    let first = ((axis.low - slack) / step).ceil();
    let largest = axis.low.abs().max(axis.high.abs());
    (0..64)
        .map(|i| (first + f64::from(i)) * step)
        .take_while(|&v| v <= axis.high + slack)
        .map(|value| Tick { value, label: Some(on_linear(value, step, largest)) })
        .collect()
}

/// A label that tells values `step` apart on an axis that reaches to `largest`.
fn on_linear(v: f64, step: f64, largest: f64) -> String {
    if v.abs() < step * 1e-6 {
        return "0".to_owned();
    }
    let top = exponent(largest);
    let (scale, suffix) = match top {
        -3..=3 => (0, String::new()),
        4..=14 => (top / 3 * 3, SUFFIXES[(top / 3) as usize].to_owned()),
        _ => (top, format!("\u{d7}10{}", superscript(top))),
    };
    let decimals = (scale - exponent(step * 1.000_001)).clamp(0, 12) as usize;
    fixed(v / power_of_ten(scale), decimals) + &suffix
}

fn log(axis: &Mapping, room: f64) -> Vec<Tick> {
    let (first, last) = (exponent(axis.low), exponent(axis.high));
    let decades = libm::log10(axis.high / axis.low);
    let stride = (decades / room.max(1.0)).ceil().max(1.0) as i32;
    let labelled: &[i32] = match room / decades {
        r if stride > 1 || r < 2.6 => &[1],
        r if r < 4.0 => &[1, 3],
        _ => &[1, 2, 5],
    };
    let mut all = Vec::new();
    for k in first..=last {
        for digit in 1..=9 {
            let value = f64::from(digit) * power_of_ten(k);
            if value < axis.low * (1.0 - 1e-9) || value > axis.high * (1.0 + 1e-9) || (digit > 1 && stride > 1) {
                continue;
            }
            let shown = labelled.contains(&digit) && k.rem_euclid(stride) == 0;
            all.push(Tick { value, label: shown.then(|| on_log(digit, k, is_plain(first, last))) });
        }
    }
    all
}

/// `digit * 10^k` as a label; `plain` if all of the axis can be read without powers.
fn on_log(digit: i32, k: i32, plain: bool) -> String {
    match k {
        0..=5 if plain => {
            let zeros = "0".repeat((if k < 4 { k } else { k - 3 }) as usize);
            format!("{digit}{zeros}{}", if k < 4 { "" } else { "k" })
        }
        _ if plain => fixed(f64::from(digit) * power_of_ten(k), (-k).max(0) as usize),
        0 => digit.to_string(),
        _ if digit == 1 => format!("10{}", superscript(k)),
        _ => format!("{digit}\u{d7}10{}", superscript(k)),
    }
}

/// Whether the decades from `first` to `last` can all be written without powers of ten.
fn is_plain(first: i32, last: i32) -> bool {
    first >= -4 && last <= 5
}

fn symlog(axis: &Mapping, threshold: f64, room: f64) -> Vec<Tick> {
    let first = exponent(threshold);
    let last = exponent(axis.high.abs().max(axis.low.abs()));
    let sides = if axis.low < 0.0 { 2.0 } else { 1.0 };
    let stride = (f64::from(last - first + 1) * sides / (room - 1.0).max(1.0)).ceil().max(1.0) as i32;
    let mut all = vec![Tick { value: 0.0, label: Some("0".to_owned()) }];
    // The decade next to the threshold is squeezed against zero: its label would touch the "0".
    for k in first..=last {
        let shown = (last - k) % stride == 0 && (k > first || last == first);
        let label = on_log(1, k, is_plain(first, last));
        for (value, label) in [(power_of_ten(k), label.clone()), (-power_of_ten(k), format!("\u{2212}{label}"))] {
            if value >= axis.low && value <= axis.high {
                all.push(Tick { value, label: shown.then_some(label) });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::scale::{Margin, Scale};
    use super::*;

    fn labels(scale: Scale, values: &[f64], room: f64) -> Vec<String> {
        let axis = Mapping::fit(scale, values.iter().copied(), Margin::Tight);
        ticks(&axis, room).into_iter().filter_map(|tick| tick.label).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(labels(Scale::Linear, &[0.0, 100.0], 5.0), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(Scale::Linear, &[0.0, 25_000.0], 5.0), ["0", "5k", "10k", "15k", "20k", "25k"]);
        assert_eq!(labels(Scale::Linear, &[0.0, 0.3], 3.0), ["0", "0.1", "0.2", "0.3"]);
        assert_eq!(labels(Scale::Linear, &[-1.0, 1.0], 4.0), ["\u{2212}1.0", "\u{2212}0.5", "0", "0.5", "1.0"]);
    }

    #[test]
    fn log_ticks_are_powers() {
        assert_eq!(labels(Scale::Log, &[0.1, 1000.0], 4.0), ["0.1", "1", "10", "100", "1000"]);
        assert_eq!(labels(Scale::Log, &[1.0, 1e5], 6.0), ["1", "10", "100", "1000", "10k", "100k"]);
        assert_eq!(labels(Scale::Log, &[1.0, 1e9], 3.0), ["1", "10\u{b3}", "10\u{2076}", "10\u{2079}"]);
    }

    #[test]
    fn a_wide_range_with_zero_has_a_zero() {
        assert_eq!(labels(Scale::Auto, &[0.0, 1.0, 10.0, 1000.0], 6.0), ["0", "10", "100", "1000"]);
    }

    #[test]
    fn ticks_are_few_whatever_the_range() {
        for high in [1e-280, 1e-5, 1.0, 7.0, 1e6, 1e280] {
            for scale in [Scale::Linear, Scale::Log, Scale::Auto] {
                let count = labels(scale, &[0.0, high * 1e-9, high], 5.0).len();
                assert!((2..=12).contains(&count), "{scale:?} {high}: {count}");
            }
        }
    }
}
