//! Times of documents: ISO 8601 text or Unix seconds, and the cuts between sides.

use serde::Deserialize;

use super::{Left, Side};

/// How times decide. Times are microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRule {
    /// Column with the times.
    pub column: String,
    /// From when on a document is validation; none for no such side.
    pub validation_from: Option<i64>,
    /// From when on a document is test; none for no such side.
    pub test_from: Option<i64>,
    /// So long before each cut documents are left out.
    pub embargo: i64,
    /// Whether documents without a time are trained on; otherwise they are left out.
    pub train_on_undated: bool,
}

impl TimeRule {
    /// The byte of a document with that time: its side, or why it is on none.
    pub fn byte_of(&self, time: Option<i64>) -> u8 {
        let Some(time) = time else {
            return if self.train_on_undated {
                Side::Train as u8
            } else {
                Left::Undated as u8
            };
        };
        let mut side = Side::Train;
        for (cut, behind) in [
            (self.validation_from, Side::Validation),
            (self.test_from, Side::Test),
        ] {
            let Some(cut) = cut else { continue };
            if time >= cut {
                side = behind;
            } else if time >= cut.saturating_sub(self.embargo) {
                return Left::Embargo as u8;
            }
        }
        side as u8
    }
}

/// Microseconds of so many seconds; nothing for what is no time.
pub fn from_seconds(seconds: f64) -> Option<i64> {
    let microseconds = seconds * 1e6;
    (microseconds.abs() < 9e18).then_some(microseconds.round() as i64)
}

/// Reads `2024-05-01`, `2024-05-01T12:30`, `2024-05-01 12:30:15.25Z` or `...+02:00`; without an offset it is UTC.
///
/// A number is taken as Unix seconds. Nothing for anything else.
///
/// ```
/// use gristmill_engine::split::time::parse;
/// assert_eq!(parse("1970-01-02"), Some(86_400_000_000));
/// assert_eq!(parse("1970-01-01T01:00:00+01:00"), Some(0));
/// assert_eq!(parse("12.5"), Some(12_500_000));
/// assert_eq!(parse("yesterday"), None);
/// assert_eq!(parse("2023-02-29"), None);
/// ```
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.len() < 10 || text.as_bytes().get(4) != Some(&b'-') {
        let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        return is_number
            .then(|| text.parse::<f64>().ok())
            .flatten()
            .and_then(from_seconds);
    }
    let (date, rest) = text.split_at_checked(10)?;
    let days = days_of(date)?;
    let (clock, offset_minutes) = split_offset(rest)?;
    let microseconds = clock_of(clock)?;
    Some((days * 86_400 - offset_minutes * 60) * 1_000_000 + microseconds)
}

fn number(digits: &str) -> Option<i64> {
    let all_digits =
        !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

/// Days since 1970-01-01 of `YYYY-MM-DD` (Hinnant, chrono-compatible low-level date algorithms).
fn days_of(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) = (
        number(parts.next()?)?,
        number(parts.next()?)?,
        number(parts.next()?)?,
    );
    if parts.next().is_some() || !(1..=12).contains(&month) {
        return None;
    }
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Takes the offset off, in minutes east of UTC.
fn split_offset(rest: &str) -> Option<(&str, i64)> {
    if let Some(clock) = rest.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = rest.rfind(['+', '-']) else {
        return Some((rest, 0));
    };
    let (clock, offset) = rest.split_at(at);
    let digits = offset.get(1..)?.replace(':', "");
    if digits.len() != 4 && digits.len() != 2 {
        return None;
    }
    let hours = number(digits.get(..2)?)?;
    let minutes = digits
        .get(2..)
        .filter(|rest| !rest.is_empty())
        .map_or(Some(0), number)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    (hours < 24 && minutes < 60).then_some((clock, sign * (60 * hours + minutes)))
}

/// Microseconds of `Thh:mm[:ss[.fraction]]`, or of nothing.
fn clock_of(clock: &str) -> Option<i64> {
    if clock.is_empty() {
        return Some(0);
    }
    let clock = clock.strip_prefix(['T', 't', ' '])?;
    let mut parts = clock.split(':');
    let (hours, minutes) = (number(parts.next()?)?, number(parts.next()?)?);
    let seconds = parts.next().unwrap_or("0");
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !is_fraction || hours > 24 || minutes > 59 {
        return None;
    }
    let whole = number(whole).filter(|&seconds| seconds <= 60)?;
    let micros = number(&format!("{fraction:0<6}")[..6])?;
    Some((hours * 3600 + minutes * 60 + whole) * 1_000_000 + micros)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times_are_read() {
        for (text, seconds) in [
            ("2024-02-29", 1_709_164_800),
            ("2000-01-01T00:00:00Z", 946_684_800),
            ("1969-12-31", -86_400),
            ("2024-05-01 12:30:15", 1_714_566_615),
            ("2024-05-01T12:30:15+0230", 1_714_557_615),
            ("2024-05-01T12:30-05", 1_714_584_600),
            ("1714566615", 1_714_566_615),
        ] {
            assert_eq!(parse(text), Some(seconds * 1_000_000), "{text}");
        }
        assert_eq!(parse("2024-05-01T00:00:00.1234567Z"), Some(1_714_521_600_123_456));
        for text in [
            "",
            "-",
            "2024-13-01",
            "2024-04-31",
            "2024-05-01T25:99",
            "2024-05-01X",
            "nan",
            "é024-05-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_days_ascend(text in "[0-9T:+. Zé-]{0,30}", day in 0_i64..40_000) {
            parse(&text);
            // The inverse, by counting.
            let (mut year, mut rest) = (1970, day);
            loop {
                let length = if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 366 } else { 365 };
                if rest < length { break; }
                rest -= length;
                year += 1;
            }
            let first = parse(&format!("{year:04}-01-01")).unwrap();
            prop_assert_eq!(first / 86_400_000_000 + rest, day);
        }
    }

    #[test]
    fn cuts_and_embargo_are_half_open() {
        let rule = TimeRule {
            column: "date".to_owned(),
            validation_from: Some(100),
            test_from: Some(200),
            embargo: 10,
            train_on_undated: false,
        };
        let bytes: Vec<u8> = [89, 90, 99, 100, 189, 190, 199, 200]
            .into_iter()
            .map(|time| rule.byte_of(Some(time)))
            .collect();
        assert_eq!(bytes, [0, 3, 3, 1, 1, 3, 3, 2]);
        assert_eq!(rule.byte_of(None), Left::Undated as u8);
        let rule = TimeRule {
            validation_from: None,
            train_on_undated: true,
            ..rule
        };
        assert_eq!((rule.byte_of(Some(150)), rule.byte_of(None)), (0, 0));
    }
}
