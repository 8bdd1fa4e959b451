//! Quantities on the command line: `"120 s"`, `"80 req/s"`.

use super::failure::Failure;
use crate::model::unit;
use crate::process::dimension::Dimension;

/// A quantity of a wanted dimension, in base units.
///
/// # Errors
/// [`Failure::Usage`] naming the option.
pub(super) fn read(option: &str, text: &str, wanted: Dimension) -> Result<f64, Failure> {
    let must = unit::describe(wanted);
    let parsed = unit::parse(text).map_err(|error| Failure::Usage {
        message: format!("{option}: {} in `{text}`", error.kind),
        hint: error.kind.hint(),
    })?;
    let count = |d: Dimension| d.is_none() || d == Dimension::REQUEST;
    if parsed.dimension != wanted && !(count(parsed.dimension) && count(wanted)) {
        let hint = format!("write for example {option} \"{} {wanted}\"", text.split(' ').next().unwrap_or(text));
        let hint = (!wanted.is_none()).then_some(hint);
        return Err(Failure::Usage { message: format!("{option} must be {must}, but is `{text}`"), hint });
    }
    Ok(parsed.value)
}

/// A positive duration in seconds.
///
/// # Errors
/// [`Failure::Usage`] naming the option.
pub(super) fn duration(option: &str, text: &str) -> Result<f64, Failure> {
    let seconds = read(option, text, Dimension::TIME)?;
    if seconds > 0.0 {
        return Ok(seconds);
    }
    Err(Failure::usage(
        format!("{option} must be more than zero, but is `{text}`"),
        format!("write {option} \"120 s\""),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_checked() {
        assert_eq!(duration("--until", "2 min").expect("a time"), 120.0);
        assert_eq!(read("--to", "4", Dimension::NONE).expect("a number"), 4.0);
        for wrong in ["120", "120 req/s", "soon", "0 s", "-1 s", ""] {
            assert!(duration("--until", wrong).is_err(), "{wrong}");
        }
    }
}
