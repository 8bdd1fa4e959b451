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
    let step = unit * [1.0, 2.0, 5.0, 10.0].into_iter().find(|m| m * unit >= rough * 0.999).unwrap_or(10.0);
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
            all.push(Tick { value, label: shown.then(|| on_log(digit, k)) });
        }
    }
    all
}

/// `digit * 10^k` as a label.
fn on_log(digit: i32, k: i32) -> String {
    match k {
        -3..=-1 => fixed(f64::from(digit) * power_of_ten(k), (-k) as usize),
        0..=14 => {
            let zeros = "0".repeat((if k < 4 { k } else { k % 3 }) as usize);
            format!("{digit}{zeros}{}", if k < 4 { "" } else { SUFFIXES[(k / 3) as usize] })
        }
        _ if digit == 1 => format!("10{}", superscript(k)),
        _ => format!("{digit}\u{d7}10{}", superscript(k)),
    }
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
        let label = on_log(1, k);
        for (value, label) in [(power_of_ten(k), label.clone()), (-power_of_ten(k), format!("\u{2212}{label}"))] {
            if value >= axis.low && value <= axis.high {
                all.push(Tick { value, label: shown.then_some(label) });
            }
        }
    }
    all
}
