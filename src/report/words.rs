//! Numbers and names as people say them.

use crate::answers::study::Study;
use crate::model::unit::{self, number};
use crate::process::dimension::Dimension;

/// A computed value with its unit, to three digits.
pub(super) fn measured(value: f64, unit: &str) -> String {
    join(&number(value, 3), unit)
}

/// A value from the model file with its unit.
pub(super) fn given(value: f64, unit: &str) -> String {
    join(&number(value, 6), unit)
}

fn join(number: &str, unit: &str) -> String {
    if unit.is_empty() { number.to_owned() } else { format!("{number} {unit}") }
}

/// A time in a unit that people would choose.
pub(super) fn time(seconds: f64) -> String {
    unit::human(seconds, Dimension::TIME)
}

/// A share as a signed percentage: "+59 %", "-0.4 %".
pub(super) fn change(share: f64) -> String {
    let sign = if share > 0.0 { "+" } else { "" };
    format!("{sign}{}", percent(share))
}

/// A share as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", number(100.0 * share, 2))
}

/// A value in base units, in a unit as it is printed.
pub(super) fn in_unit(value: f64, unit: &str) -> f64 {
    value / factor(unit)
}

/// A probability in words that claim no more than normal tails can bear.
pub(super) fn chance(probability: f64) -> String {
    match probability {
        p if p < 0.001 => "< 0.1 %".to_owned(),
        p if p > 0.999 => "> 99.9 %".to_owned(),
        p if (0.01..=0.99).contains(&p) => format!("{:.0} %", 100.0 * p),
        p => format!("{:.1} %", 100.0 * p),
    }
}

/// Base units per unit; 1 for what is not a unit.
pub(super) fn factor(unit: &str) -> f64 {
    unit::parse_unit(unit).map_or(1.0, |(_, factor)| factor)
}

/// Unit for rates of requests: that of the load if the load is a rate, else (it may be a number of users, of sessions, of
/// anything) that of goodput in the equations.
pub(super) fn rate_unit(study: &Study) -> &str {
    let load = study.load.unit.as_str();
    if unit::parse_unit(load).is_ok_and(|(dimension, _)| dimension.time < 0) {
        return load;
    }
    let process = study.fluid.process();
    process.output_index("goodput").map_or("req/s", |index| process.outputs[index].unit.as_str())
}

/// Words with a capital at the begin.
pub(super) fn capitalised(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_a_sign_and_few_digits() {
        assert_eq!(change(0.5917), "+59 %");
        assert_eq!(change(-0.5789), "-58 %");
        assert_eq!(change(-0.0042), "-0.42 %");
        assert_eq!(change(0.0), "0 %");
    }

    #[test]
    fn units_without_a_factor_count_as_base_units() {
        assert_eq!(in_unit(0.25, "ms"), 250.0);
        assert_eq!((in_unit(3.0, ""), in_unit(3.0, "x stated")), (3.0, 3.0));
    }
}
