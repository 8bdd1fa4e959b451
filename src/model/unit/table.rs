//! The units that are known.

use crate::process::dimension::Dimension;

/// A named unit: `1 name = numerator / denominator` base units. Two numbers, because 1/1000 is exact only that way.
pub(super) struct Unit {
    pub(super) names: &'static [&'static str],
    pub(super) numerator: f64,
    pub(super) denominator: f64,
    pub(super) dimension: Dimension,
}

const fn unit(names: &'static [&'static str], numerator: f64, denominator: f64, dimension: Dimension) -> Unit {
    Unit { names, numerator, denominator, dimension }
}

const NONE: Dimension = Dimension::NONE;
const TIME: Dimension = Dimension::TIME;
const REQUEST: Dimension = Dimension::REQUEST;
const BYTE: Dimension = Dimension::BYTE;

/// All units; the first name of each is the one to suggest.
pub(super) const UNITS: &[Unit] = &[
    unit(&["%", "percent"], 1.0, 100.0, NONE),
    unit(&["1"], 1.0, 1.0, NONE),
    unit(&["ns"], 1.0, 1e9, TIME),
    unit(&["us", "µs", "μs"], 1.0, 1e6, TIME),
    unit(&["ms"], 1.0, 1e3, TIME),
    unit(&["s", "sec", "second", "seconds"], 1.0, 1.0, TIME),
    unit(&["min", "minute", "minutes"], 60.0, 1.0, TIME),
    unit(&["h", "hour", "hours"], 3600.0, 1.0, TIME),
    unit(&["d", "day", "days"], 86_400.0, 1.0, TIME),
    unit(&["y", "year", "years"], 31_557_600.0, 1.0, TIME),
    unit(&["req", "reqs", "request", "requests"], 1.0, 1.0, REQUEST),
    unit(&["kreq"], 1e3, 1.0, REQUEST),
    unit(&["Mreq"], 1e6, 1.0, REQUEST),
    unit(&["rps"], 1.0, 1.0, Dimension::REQUEST_RATE),
    unit(&["krps"], 1e3, 1.0, Dimension::REQUEST_RATE),
    unit(&["B", "byte", "bytes"], 1.0, 1.0, BYTE),
    unit(&["kB"], 1e3, 1.0, BYTE),
    unit(&["MB"], 1e6, 1.0, BYTE),
    unit(&["GB"], 1e9, 1.0, BYTE),
    unit(&["TB"], 1e12, 1.0, BYTE),
    unit(&["KiB"], 1024.0, 1.0, BYTE),
    unit(&["MiB"], 1_048_576.0, 1.0, BYTE),
    unit(&["GiB"], 1_073_741_824.0, 1.0, BYTE),
    unit(&["TiB"], 1_099_511_627_776.0, 1.0, BYTE),
    unit(&["bit", "bits"], 1.0, 8.0, BYTE),
    unit(&["kbit"], 1e3, 8.0, BYTE),
    unit(&["Mbit"], 1e6, 8.0, BYTE),
    unit(&["Gbit"], 1e9, 8.0, BYTE),
];

/// Units that several people write and that mean different things to each.
const AMBIGUOUS: &[(&str, &str)] = &[
    ("m", "write min for minutes or ms for milliseconds"),
    ("M", "write min for minutes, or MB for megabytes"),
    ("b", "write B for bytes or bit for bits"),
    ("KB", "write kB for 1000 bytes or KiB for 1024 bytes"),
    ("K", "write kB for 1000 bytes or KiB for 1024 bytes"),
    ("k", "write the thousands as digits: 5000, or 5e3"),
    ("hz", "write 1/s, or req/s for requests"),
    ("Hz", "write 1/s, or req/s for requests"),
    ("qps", "write req/s"),
    ("QPS", "write req/s"),
    ("w", "write the weeks as days: 7 d"),
    ("week", "write the weeks as days: 7 d"),
    ("weeks", "write the weeks as days: 7 d"),
];

/// The unit of a name.
pub(super) fn find(name: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|u| u.names.contains(&name))
}

/// What to write instead of an unknown name.
pub(super) fn advice(name: &str) -> Option<String> {
    if let Some((_, advice)) = AMBIGUOUS.iter().find(|a| a.0 == name) {
        return Some((*advice).to_owned());
    }
    let all = || UNITS.iter().flat_map(|u| u.names.iter().copied());
    let same_letters = all().find(|n| n.eq_ignore_ascii_case(name));
    // Two letters are too few to tell a slip from another unit.
    let near = || crate::process::suggest::nearest(name, all().filter(|n| n.len() > 2));
    let meant = same_letters.or_else(|| if name.chars().count() > 2 { near() } else { None });
    Some(match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "known units: req, rps, ns, us, ms, s, min, h, d, y, B, kB, MB, GB, KiB, MiB, GiB, bit, %".to_owned(),
    })
}
