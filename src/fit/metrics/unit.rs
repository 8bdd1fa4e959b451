//! Units as dashboards write them: `req/s`, `ms`, `GiB`, `%`, `K req/s`, `1.23 Mil`.
//!
//! Grafana scales each cell by itself, so a unit belongs to a cell and not to a column. What is kept is the dimension;
//! values are converted to its base unit: seconds, events per second, bytes, bytes per second, shares of one.

use std::fmt;

/// Dimension of a column, with its base unit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A plain number.
    Plain,
    /// Seconds.
    Seconds,
    /// Events per second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// A share of one; written as a percentage.
    Share,
    /// Anything else, by its name; not converted.
    Other(String),
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "1",
            Self::Seconds => "s",
            Self::PerSecond => "/s",
            Self::Bytes => "B",
            Self::BytesPerSecond => "B/s",
            Self::Share => "share",
            Self::Other(name) => name,
        })
    }
}

impl serde::Serialize for Unit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A unit with the factor that takes a number of it to base units.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled {
    /// Dimension.
    pub unit: Unit,
    /// `base = written * factor`.
    pub factor: f64,
}

impl Scaled {
    /// A written number in base units. A factor below one is a division, so that 12.4 ms is 0.0124 s to the last bit.
    #[must_use]
    pub fn apply(&self, written: f64) -> f64 {
        scale(written, self.factor)
    }
}

/// `written * factor`, rounded once where the factor is one over a whole number.
#[must_use]
pub fn scale(written: f64, factor: f64) -> f64 {
    if factor == 1.0 {
        return written;
    }
    let parts = 1.0 / factor;
    if factor < 1.0 && (parts - parts.round()).abs() < 1e-6 * parts {
        written / parts.round()
    } else {
        written * factor
    }
}

/// What stands behind a number. `None` if it cannot be a unit at all.
///
/// A prefix may stand alone (`1.23 Mil`), or before a unit with or without a space (`K req/s`, `kB`, `Kreq/s`).
#[must_use]
pub fn parse(text: &str) -> Option<Scaled> {
    let text = text.trim();
    if text.is_empty() {
        return Some(Scaled { unit: Unit::Plain, factor: 1.0 });
    }
    if let Some((unit, factor)) = exact(text) {
        return Some(Scaled { unit, factor });
    }
    if let Some(factor) = multiplier(text) {
        return Some(Scaled { unit: Unit::Plain, factor });
    }
    for (prefix, factor) in MULTIPLIERS {
        let Some(rest) = text.strip_prefix(prefix) else { continue };
        if let Some((unit, own)) = exact(rest.trim_start()) {
            return Some(Scaled { unit, factor: factor * own });
        }
    }
    let other = text.len() <= 24 && text.chars().all(|c| c.is_alphabetic() || "/°²³·-_ .$€£".contains(c));
    other.then(|| Scaled { unit: Unit::Other(text.to_owned()), factor: 1.0 })
}

/// Multipliers of dashboards, longest first so that `Mil` is not `M` of `il`.
const MULTIPLIERS: [(&str, f64); 12] = [
    ("Quadr", 1e15),
    ("Mil", 1e6),
    ("Bil", 1e9),
    ("Tri", 1e12),
    ("mil", 1e6),
    ("k", 1e3),
    ("K", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("B", 1e9),
    ("T", 1e12),
    ("P", 1e15),
];

fn multiplier(text: &str) -> Option<f64> {
    // `B` alone is a byte, which `exact` has taken already.
    MULTIPLIERS.iter().find(|(name, _)| *name == text).map(|(_, factor)| *factor)
}

/// A unit without a multiplier of a dashboard.
fn exact(text: &str) -> Option<(Unit, f64)> {
    let known = match text {
        "ns" | "nanoseconds" => (Unit::Seconds, 1e-9),
        "µs" | "μs" | "us" | "microseconds" => (Unit::Seconds, 1e-6),
        "ms" | "milliseconds" => (Unit::Seconds, 1e-3),
        "s" | "sec" | "secs" | "second" | "seconds" => (Unit::Seconds, 1.0),
        "m" | "min" | "mins" | "minute" | "minutes" => (Unit::Seconds, 60.0),
        "h" | "hour" | "hours" => (Unit::Seconds, 3600.0),
        "d" | "day" | "days" => (Unit::Seconds, 86_400.0),
        "week" | "weeks" => (Unit::Seconds, 604_800.0),
        "year" | "years" => (Unit::Seconds, 31_557_600.0),
        "req/s" | "reqs/s" | "requests/s" | "rps" | "qps" | "ops/s" | "ops" | "cps" | "c/s" | "tps" | "io/s"
        | "iops" | "rd/s" | "wr/s" | "reads/s" | "writes/s" | "evt/s" | "events/s" | "msg/s" | "p/s" | "pps"
        | "rec/s" | "/s" | "1/s" | "hz" | "Hz" | "counts/s" => (Unit::PerSecond, 1.0),
        "req/m" | "req/min" | "reqs/min" | "rpm" | "opm" | "ops/m" | "ops/min" | "cpm" | "c/m" | "rd/m" | "wr/m"
        | "/min" | "1/min" | "counts/min" => (Unit::PerSecond, 1.0 / 60.0),
        "req/h" | "rph" | "/h" => (Unit::PerSecond, 1.0 / 3600.0),
        "B" | "byte" | "bytes" | "Byte" | "Bytes" => (Unit::Bytes, 1.0),
        "%" | "percent" => (Unit::Share, 0.01),
        _ => return bytes(text),
    };
    Some(known)
}

/// `KiB`, `MB/s`, `kbit/s` and their kin.
fn bytes(text: &str) -> Option<(Unit, f64)> {
    let (amount, unit) = match text.strip_suffix("/s").or_else(|| text.strip_suffix("ps")) {
        Some(amount) => (amount, Unit::BytesPerSecond),
        None => (text, Unit::Bytes),
    };
    let (prefix, size) = [("bits", 0.125), ("bit", 0.125), ("bytes", 1.0), ("B", 1.0), ("b", 0.125)]
        .into_iter()
        .find_map(|(name, size)| amount.strip_suffix(name).map(|prefix| (prefix, size)))?;
    if unit == Unit::Bytes && size < 1.0 && !amount.ends_with("bit") && !amount.ends_with("bits") {
        return None;
    }
    let factor = match prefix.trim_end() {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        _ => return None,
    };
    Some((unit, factor * size))
}

#[cfg(test)]
mod tests {
    use super::{Unit, parse};

    fn factor(text: &str) -> (Unit, f64) {
        let scaled = parse(text).expect(text);
        (scaled.unit, scaled.factor)
    }

    #[test]
    fn units_of_dashboards() {
        assert_eq!(factor("req/s"), (Unit::PerSecond, 1.0));
        assert_eq!(factor("K req/s"), (Unit::PerSecond, 1e3));
        assert_eq!(factor("Mil ops/s"), (Unit::PerSecond, 1e6));
        assert_eq!(factor("rpm"), (Unit::PerSecond, 1.0 / 60.0));
        assert_eq!(factor("mins"), (Unit::Seconds, 60.0));
        assert_eq!(factor("µs"), (Unit::Seconds, 1e-6));
        assert_eq!(factor("GiB"), (Unit::Bytes, 1_073_741_824.0));
        assert_eq!(factor("kB"), (Unit::Bytes, 1e3));
        assert_eq!(factor("B"), (Unit::Bytes, 1.0));
        assert_eq!(factor("MB/s"), (Unit::BytesPerSecond, 1e6));
        assert_eq!(factor("Mbit/s"), (Unit::BytesPerSecond, 125_000.0));
        assert_eq!(factor("%"), (Unit::Share, 0.01));
        assert_eq!(factor("Mil"), (Unit::Plain, 1e6));
        assert_eq!(factor("K"), (Unit::Plain, 1e3));
        assert_eq!(factor(""), (Unit::Plain, 1.0));
        assert_eq!(factor("°C"), (Unit::Other("°C".to_owned()), 1.0));
        assert_eq!(parse("12 ms"), None);
    }
}
