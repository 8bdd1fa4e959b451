//! Times as files write them, as nanoseconds since 1970-01-01 UTC.
//!
//! A number is an epoch time; its unit follows from its size, because 1e9 seconds, 1e12 milliseconds, 1e15 microseconds
//! and 1e18 nanoseconds are all in this century. The way times are written is decided once per column, by the first
//! one: a later time of another kind is an error, not a new guess. Local times need a zone; without one they are
//! counted as if they were UTC, marked as [`Axis::Local`], and good for differences only.

use super::cell::decimal;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use std::fmt;

/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;

/// How times are written.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// No time read yet.
    Unknown,
    /// Seconds since 1970.
    EpochSeconds,
    /// Milliseconds since 1970.
    EpochMillis,
    /// Microseconds since 1970.
    EpochMicros,
    /// Nanoseconds since 1970.
    EpochNanos,
    /// Seconds since the start of the measurement.
    Elapsed,
    /// Date and time with an offset from UTC.
    Absolute,
    /// Local date and time, in the zone that was given; if none was, good for differences only.
    Local(Option<ZoneName>),
}

impl Axis {
    /// Whether the times of this axis can be compared with those of another file.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        !matches!(self, Self::Unknown | Self::Elapsed | Self::Local(None))
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::EpochSeconds => f.write_str("epoch seconds"),
            Self::EpochMillis => f.write_str("epoch milliseconds"),
            Self::EpochMicros => f.write_str("epoch microseconds"),
            Self::EpochNanos => f.write_str("epoch nanoseconds"),
            Self::Elapsed => f.write_str("seconds since the start"),
            Self::Absolute => f.write_str("date and time with offset"),
            Self::Local(Some(zone)) => write!(f, "local time in {zone}"),
            Self::Local(None) => f.write_str("local time, no zone"),
        }
    }
}

/// A time zone by name: IANA (`Europe/Berlin`), `UTC`, or an offset (`+02:00`).
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneName {
    name: String,
    zone: TimeZone,
}

impl ZoneName {
    /// Looks a zone up. `None` if it is not known.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        let zone = match name {
            "UTC" | "Z" | "utc" => TimeZone::UTC,
            _ => match offset(name.as_bytes()) {
                Some(seconds) => TimeZone::fixed(Offset::from_seconds(seconds).ok()?),
                None => TimeZone::get(name).ok()?,
            },
        };
        Some(Self { name: name.to_owned(), zone })
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Why a text is no time of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StampError {
    /// Not a time at all.
    NotATime,
    /// A time, but not of the kind that the column began with.
    Other {
        /// The kind the column began with.
        before: String,
    },
}

/// Order of day and month in dates with slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlashOrder {
    /// `05/31/2024`.
    #[default]
    MonthFirst,
    /// `31/05/2024`.
    DayFirst,
}

/// Reads the times of one column.
#[derive(Debug, Clone)]
pub struct Stamps {
    axis: Axis,
    zone: Option<ZoneName>,
    slashes: SlashOrder,
    last: Option<i64>,
    /// Local times that the zone skipped (start of daylight saving).
    pub skipped: u64,
    /// Local times that the zone has twice (end of daylight saving).
    pub doubled: u64,
}

impl Stamps {
    /// For a column whose kind is not known yet; `zone` is that of local times.
    #[must_use]
    pub fn new(zone: Option<ZoneName>) -> Self {
        Self { axis: Axis::Unknown, zone, slashes: SlashOrder::default(), last: None, skipped: 0, doubled: 0 }
    }

    /// For a column whose kind the format fixes.
    #[must_use]
    pub fn of(axis: Axis) -> Self {
        Self { axis, ..Self::new(None) }
    }

    /// With the order of day and month.
    #[must_use]
    pub fn with_slashes(mut self, slashes: SlashOrder) -> Self {
        self.slashes = slashes;
        self
    }

    /// How the times read so far are written.
    #[must_use]
    pub fn axis(&self) -> &Axis {
        &self.axis
    }

    /// Forgets the last time: the next one belongs to another series.
    pub fn rewind(&mut self) {
        self.last = None;
    }

    /// Reads one time.
    ///
    /// # Errors
    /// If it is none, or of another kind than those before.
    pub fn read(&mut self, text: &[u8]) -> Result<i64, StampError> {
        let text = text.trim_ascii();
        let at = match self.axis {
            Axis::EpochSeconds => epoch(text, SECOND).ok_or_else(|| self.other(text))?,
            Axis::EpochMillis => epoch(text, 1_000_000).ok_or_else(|| self.other(text))?,
            Axis::EpochMicros => epoch(text, 1_000).ok_or_else(|| self.other(text))?,
            Axis::EpochNanos => epoch(text, 1).ok_or_else(|| self.other(text))?,
            Axis::Elapsed => epoch(text, SECOND).ok_or_else(|| self.other(text))?,
            Axis::Absolute => match written(text, self.slashes) {
                Some(Written { local, offset: Some(offset) }) => {
                    at_offset(local, offset).ok_or(StampError::NotATime)?
                }
                _ => return Err(self.other(text)),
            },
            Axis::Local(_) => match written(text, self.slashes) {
                Some(Written { local, offset: None }) => self.local(local)?,
                _ => return Err(self.other(text)),
            },
            Axis::Unknown => {
                self.axis = kind_of(text, self.slashes).ok_or(StampError::NotATime)?;
                if self.axis == Axis::Local(None) {
                    self.axis = Axis::Local(self.zone.clone());
                }
                return self.read(text);
            }
        };
        // A time of another magnitude is of another unit.
        if self.axis != Axis::Elapsed && epoch_like(&self.axis) && !(SPAN.0..=SPAN.1).contains(&at) {
            return Err(self.other(text));
        }
        self.last = Some(at);
        Ok(at)
    }

    fn other(&self, text: &[u8]) -> StampError {
        match kind_of(text, self.slashes) {
            Some(_) => StampError::Other { before: self.axis.to_string() },
            None => StampError::NotATime,
        }
    }

    /// A local time in the zone. Of a doubled hour the earlier reading counts unless the clock would run back by it; a
    /// skipped hour is read with the offset before the change.
    fn local(&mut self, local: DateTime) -> Result<i64, StampError> {
        let Some(zone) = &self.zone else {
            return at_offset(local, 0).ok_or(StampError::NotATime);
        };
        let ambiguous = zone.zone.to_ambiguous_timestamp(local);
        let kind = ambiguous.offset();
        let nanos = |offset: Offset| at_offset(local, offset.seconds()).ok_or(StampError::NotATime);
        match kind {
            AmbiguousOffset::Unambiguous { offset } => nanos(offset),
            AmbiguousOffset::Gap { before, .. } => {
                self.skipped += 1;
                nanos(before)
            }
            AmbiguousOffset::Fold { before, after } => {
                self.doubled += 1;
                let (earlier, later) = (nanos(before)?, nanos(after)?);
                let back = self.last.is_some_and(|last| earlier <= last && later > last);
                Ok(if back { later } else { earlier })
            }
        }
    }
}

/// From 1990 to 2100, in nanoseconds: outside of it an epoch time was read in the wrong unit.
const SPAN: (i64, i64) = (631_152_000 * SECOND, 4_102_444_800 * SECOND);

fn epoch_like(axis: &Axis) -> bool {
    matches!(axis, Axis::EpochSeconds | Axis::EpochMillis | Axis::EpochMicros | Axis::EpochNanos)
}

/// How a time is written. `None` if the text is no time.
#[must_use]
pub fn kind_of(text: &[u8], slashes: SlashOrder) -> Option<Axis> {
    let text = text.trim_ascii();
    if let Some(number) = decimal(text) {
        return Some(match number.abs() {
            size if size < 3e8 => Axis::Elapsed,
            size if size < 3e11 => Axis::EpochSeconds,
            size if size < 3e14 => Axis::EpochMillis,
            size if size < 3e17 => Axis::EpochMicros,
            size if size < 9.2e18 => Axis::EpochNanos,
            _ => return None,
        });
    }
    let found = written(text, slashes)?;
    Some(if found.offset.is_some() { Axis::Absolute } else { Axis::Local(None) })
}

/// A decimal number (no names such as `inf`).
fn decimal(text: &[u8]) -> Option<f64> {
    let shaped = !text.is_empty()
        && text.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
        && text.iter().any(u8::is_ascii_digit);
    if !shaped {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok().filter(|n: &f64| n.is_finite())
}

/// A count of units of `nanos` nanoseconds since 1970. Whole numbers are exact.
fn epoch(text: &[u8], nanos: i64) -> Option<i64> {
    if let Some(whole) = decimal::count(text) {
        return i64::try_from(whole).ok()?.checked_mul(nanos);
    }
    let mut whole = 0_i64;
    let plain = !text.is_empty() && text.len() <= 19 && text.iter().all(u8::is_ascii_digit);
    if plain {
        for byte in text {
            whole = whole.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
        }
        return whole.checked_mul(nanos);
    }
    #[expect(clippy::cast_precision_loss, reason = "a unit of time in nanoseconds is a small power of ten")]
    let at = decimal(text)? * nanos as f64;
    #[expect(clippy::cast_possible_truncation, reason = "the guard before it")]
    (at.abs() < 9.2e18).then(|| at.round() as i64)
}

/// A date and time as written.
struct Written {
    local: DateTime,
    /// Seconds east of UTC, where written.
    offset: Option<i32>,
}

/// Reads `2024-05-01T10:00:00.123Z`, `2024-05-01 10:00:00`, `05/01/2024 10:00`, with or without an offset.
fn written(text: &[u8], slashes: SlashOrder) -> Option<Written> {
    let (year, month, day, rest) = match text {
        [a, b, c, d, b'-' | b'/', e, f, b'-' | b'/', g, h, rest @ ..] => {
            (number(&[*a, *b, *c, *d])?, number(&[*e, *f])?, number(&[*g, *h])?, rest)
        }
        _ => slashed(text, slashes)?,
    };
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    if rest.is_empty() {
        return Some(Written { local: date.to_datetime(Time::midnight()), offset: None });
    }
    let rest = match rest {
        [b'T' | b't' | b' ', rest @ ..] => rest,
        [b',', b' ', rest @ ..] => rest,
        _ => return None,
    };
    let (time, rest) = time_of_day(rest)?;
    let offset = match rest.trim_ascii() {
        [] => None,
        zone => Some(offset(zone)?),
    };
    Some(Written { local: date.to_datetime(time), offset })
}

/// `5/31/2024` or `31/5/2024`.
fn slashed(text: &[u8], order: SlashOrder) -> Option<(i32, i32, i32, &[u8])> {
    let (first, text) = digits(text, 2)?;
    let text = text.strip_prefix(b"/")?;
    let (second, text) = digits(text, 2)?;
    let text = text.strip_prefix(b"/")?;
    let (year, rest) = digits(text, 4)?;
    let year = if year < 100 { year + 2000 } else { year };
    Some(match order {
        SlashOrder::MonthFirst => (year, first, second, rest),
        SlashOrder::DayFirst => (year, second, first, rest),
    })
}

/// The two first numbers of a date with slashes, to find out which of them is the month.
#[must_use]
pub fn slash_parts(text: &[u8]) -> Option<(i32, i32)> {
    let text = text.trim_ascii();
    let (first, rest) = digits(text, 2)?;
    let (second, rest) = digits(rest.strip_prefix(b"/")?, 2)?;
    rest.first().filter(|b| **b == b'/').map(|_| (first, second))
}

/// `10:00`, `10:00:00`, `10:00:00.123456789`, `10:00:00 PM`.
fn time_of_day(text: &[u8]) -> Option<(Time, &[u8])> {
    let (mut hour, text) = digits(text, 2)?;
    let text = text.strip_prefix(b":")?;
    let (minute, mut text) = digits(text, 2)?;
    let (mut second, mut nanos) = (0, 0);
    if let Some(rest) = text.strip_prefix(b":") {
        (second, text) = digits(rest, 2)?;
        if let [b'.' | b',', rest @ ..] = text {
            let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            if count == 0 {
                return None;
            }
            for place in 0..9 {
                nanos = nanos * 10 + rest[..count].get(place).map_or(0, |b| i32::from(b - b'0'));
            }
            text = &rest[count..];
        }
    }
    let half = text.trim_ascii_start();
    for (word, noon) in [(b"AM", false), (b"PM", true), (b"am", false), (b"pm", true)] {
        if let Some(rest) = half.strip_prefix(word.as_slice()) {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + if noon { 12 } else { 0 };
            text = rest;
            break;
        }
    }
    // A leap second is the last nanosecond of its minute.
    if second == 60 {
        (second, nanos) = (59, 999_999_999);
    }
    let part = |n: i32| i8::try_from(n).ok();
    Some((Time::new(part(hour)?, part(minute)?, part(second)?, nanos).ok()?, text))
}

/// `Z`, `UTC`, `+02:00`, `+0200`, `+02`; seconds east of UTC.
fn offset(text: &[u8]) -> Option<i32> {
    match text {
        b"Z" | b"z" | b"UTC" | b"GMT" => return Some(0),
        _ => {}
    }
    let (sign, text) = match text {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match text {
        [a, b] => (number(&[*a, *b])?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (number(&[*a, *b])?, number(&[*c, *d])?),
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn at_offset(local: DateTime, offset: i32) -> Option<i64> {
    let zone = Offset::from_seconds(offset).ok()?;
    i64::try_from(zone.to_timestamp(local).ok()?.as_nanosecond()).ok()
}

fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i32::from(byte - b'0')))
}

/// One to `most` digits at the start.
fn digits(text: &[u8], most: usize) -> Option<(i32, &[u8])> {
    let count = text.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
    (count > 0).then(|| number(&text[..count]).map(|n| (n, &text[count..])))?
}

/// A time as people read it: `2024-05-01 10:00:00.123Z`.
#[must_use]
pub fn show(nanos: i64) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(nanos)) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{nanos} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, SECOND, StampError, Stamps, ZoneName, show};

    const TEN: i64 = 1_714_557_600 * SECOND;

    fn one(text: &str) -> (Axis, i64) {
        let mut stamps = Stamps::new(None);
        let at = stamps.read(text.as_bytes()).expect(text);
        (stamps.axis().clone(), at)
    }

    #[test]
    fn every_way_to_write_ten_o_clock() {
        assert_eq!(one("1714557600"), (Axis::EpochSeconds, TEN));
        assert_eq!(one("1714557600.000"), (Axis::EpochSeconds, TEN));
        assert_eq!(one("1714557600000"), (Axis::EpochMillis, TEN));
        assert_eq!(one("1714557600000000"), (Axis::EpochMicros, TEN));
        assert_eq!(one("1714557600000000000"), (Axis::EpochNanos, TEN));
        assert_eq!(one("2024-05-01T10:00:00Z"), (Axis::Absolute, TEN));
        assert_eq!(one("2024-05-01T12:00:00+02:00"), (Axis::Absolute, TEN));
        assert_eq!(one("2024-05-01T10:00:00.250Z"), (Axis::Absolute, TEN + SECOND / 4));
        assert_eq!(one("2024-05-01 10:00:00 UTC"), (Axis::Absolute, TEN));
        assert_eq!(one("2024-05-01 10:00:00"), (Axis::Local(None), TEN));
        assert_eq!(one("05/01/2024 10:00"), (Axis::Local(None), TEN));
        assert_eq!(one("05/01/2024, 10:00:00 AM"), (Axis::Local(None), TEN));
        assert_eq!(one("2024-05-01"), (Axis::Local(None), TEN - 36_000 * SECOND));
        assert_eq!(one("0.5"), (Axis::Elapsed, SECOND / 2));
        assert_eq!(show(TEN), "2024-05-01T10:00:00Z");
        for text in ["", "abc", "2024-13-01", "2024-05-01 25:00", "12:30", "1e300", "NaN", "99999999999999999999"] {
            assert_eq!(Stamps::new(None).read(text.as_bytes()), Err(StampError::NotATime), "{text}");
        }
    }

    #[test]
    fn a_column_keeps_its_kind() {
        let mut stamps = Stamps::new(None);
        stamps.read(b"1714557600").expect("seconds");
        assert!(matches!(stamps.read(b"1714557615000"), Err(StampError::Other { .. })));
        assert!(matches!(stamps.read(b"2024-05-01T10:00:00Z"), Err(StampError::Other { .. })));
        assert_eq!(stamps.read(b"Time"), Err(StampError::NotATime));
    }

    #[test]
    fn a_zone_resolves_the_doubled_hour() {
        // On 2024-10-27 clocks in Berlin went from 03:00 CEST back to 02:00 CET, which is 01:00 UTC.
        let mut stamps = Stamps::new(ZoneName::find("Europe/Berlin"));
        let one_utc = 1_729_990_800 * SECOND;
        let half = 1800 * SECOND;
        let read: Vec<i64> = ["01:30:00", "02:00:00", "02:30:00", "02:00:00", "02:30:00", "03:00:00"]
            .iter()
            .map(|t| stamps.read(format!("2024-10-27 {t}").as_bytes()).expect("a time"))
            .collect();
        assert_eq!(read, (0..6).map(|k| one_utc + (k - 3) * half).collect::<Vec<_>>());
        assert_eq!(stamps.doubled, 4);
    }

    #[test]
    fn zones() {
        let read = |zone: &str, text: &str| Stamps::new(ZoneName::find(zone)).read(text.as_bytes()).expect("a time");
        assert_eq!(read("America/New_York", "2024-05-01 06:00:00"), TEN);
        assert_eq!(read("+02:00", "2024-05-01 12:00:00"), TEN);
        assert_eq!(read("UTC", "2024-05-01 10:00:00"), TEN);
        assert_eq!(ZoneName::find("Europe/Nowhere"), None);
        // 02:30 did not exist on the day clocks went forward.
        let mut stamps = Stamps::new(ZoneName::find("Europe/Berlin"));
        stamps.read(b"2024-03-31 02:30:00").expect("a time");
        assert_eq!(stamps.skipped, 1);
    }
}
