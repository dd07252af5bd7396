//! Points in time as people write them on a command line.

use std::str::FromStr;

use crate::Timestamp;

/// A point in time, absolute or counted from a capture's start.
///
/// Three ways to write one:
/// - RFC 3339 with its offset from UTC: `2026-03-01T12:00:00Z`, `2026-03-01T13:00:00.25+01:00`; or a date alone,
///   which is its first moment in UTC: `2026-03-01`;
/// - seconds since 1970-01-01T00:00:00Z: `1772366400`, `1772366400.25`;
/// - from the capture's start: `+90s`, `+5m`, `+1h30m`, `+1.5s`, `-10s`, with the units `d`, `h`, `m`, `s`, `ms`, `us`
///   and `ns`.
///
/// ```
/// use pcapviz_capture::{TimeSpec, Timestamp};
///
/// let start = Timestamp::from_nanos(1_000_000_000);
/// let from: TimeSpec = "+1m30s".parse()?;
/// assert_eq!(from.resolve(start), Timestamp::from_nanos(91_000_000_000));
/// let until: TimeSpec = "1970-01-01T00:02:00Z".parse()?;
/// assert_eq!(until.resolve(start), Timestamp::from_nanos(120_000_000_000));
/// # Ok::<(), pcapviz_capture::ParseTimeSpecError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSpec(Spec);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spec {
    At(Timestamp),
    /// Nanoseconds after the capture's start.
    After(i64),
}

impl TimeSpec {
    /// The point in time, for a capture that starts then. Times beyond [`Timestamp`]'s years are clamped.
    pub fn resolve(self, capture_start: Timestamp) -> Timestamp {
        match self.0 {
            Spec::At(time) => time,
            Spec::After(nanos) => Timestamp::from_nanos(capture_start.as_nanos().saturating_add(nanos)),
        }
    }
}

/// The text was none of the forms of a [`TimeSpec`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no point in time: {reason}")]
#[non_exhaustive]
pub struct ParseTimeSpecError {
    /// What was given.
    pub text: String,
    reason: &'static str,
}

impl FromStr for TimeSpec {
    type Err = ParseTimeSpecError;

    fn from_str(text: &str) -> Result<Self, ParseTimeSpecError> {
        let spec = match text.as_bytes() {
            [b'+', ..] => duration(&text[1..]).map(Spec::After),
            [b'-', ..] => duration(&text[1..]).map(|nanos| Spec::After(-nanos)),
            [b'0'..=b'9', ..] if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
                let seconds = scaled(text, NANOS_PER_SECOND);
                let beyond = "seconds since 1970 end in the year 2262 here";
                seconds.ok_or(beyond).map(|nanos| Spec::At(Timestamp::from_nanos(nanos)))
            }
            _ => rfc3339(text).map(Spec::At),
        };
        spec.map(Self).map_err(|reason| ParseTimeSpecError { text: text.to_owned(), reason })
    }
}

const NANOS_PER_SECOND: i64 = 1_000_000_000;

fn rfc3339(text: &str) -> Result<Timestamp, &'static str> {
    let form = "write it as 2026-03-01T12:00:00Z, as seconds since 1970, or as +90s from the capture's start";
    let midnight = if text.len() == "2026-03-01".len() { "T00:00:00Z" } else { "" };
    let time: jiff::Timestamp = format!("{text}{midnight}").parse().map_err(|_| form)?;
    let nanos = i64::try_from(time.as_nanosecond()).map_err(|_| "the years 1677 to 2262 can be told")?;
    Ok(Timestamp::from_nanos(nanos))
}

/// `1h30m` and the like, in nanoseconds.
fn duration(text: &str) -> Result<i64, &'static str> {
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() || text.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let nanos_per_unit = match unit {
            "d" => 86_400 * NANOS_PER_SECOND,
            "h" => 3_600 * NANOS_PER_SECOND,
            "m" => 60 * NANOS_PER_SECOND,
            "s" => NANOS_PER_SECOND,
            "ms" => 1_000_000,
            "us" => 1_000,
            "ns" => 1,
            _ => return Err("each number needs a unit: d, h, m, s, ms, us or ns, as in +1h30m"),
        };
        let nanos = scaled(number, nanos_per_unit).ok_or("write numbers as 90 or 1.5, below 292 years")?;
        total = total.checked_add(nanos).ok_or("an offset is below 292 years")?;
        rest = tail;
    }
    Ok(total)
}

/// A decimal number times a unit; digits beyond a nanosecond are cut off.
fn scaled(number: &str, nanos_per_unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let mut nanos = whole.parse::<i64>().ok()?.checked_mul(nanos_per_unit)?;
    let (mut unit, mut part) = (1_i128, 0_i128);
    // 18 digits are finer than a nanosecond of a day.
    for digit in fraction.bytes().take(18) {
        unit *= 10;
        part = part * 10 + i128::from(digit - b'0');
    }
    nanos = nanos.checked_add(i64::try_from(part * i128::from(nanos_per_unit) / unit).ok()?)?;
    Some(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<i64, &str>) {
        let start = Timestamp::from_nanos(1_700_000_000_000_000_000);
        let found = text.parse::<TimeSpec>().map(|spec| spec.resolve(start).as_nanos());
        match expected {
            Ok(nanos) => assert_eq!(found, Ok(nanos), "{text}"),
            Err(part) => {
                let message = found.expect_err(text).to_string();
                assert!(message.contains(part) && message.contains(text), "{text}: {message}");
            }
        }
    }

    #[test]
    fn absolute() {
        check("2023-11-14T22:13:20Z", Ok(1_700_000_000_000_000_000));
        check("2023-11-14T23:13:20.5+01:00", Ok(1_700_000_000_500_000_000));
        check("1700000000", Ok(1_700_000_000_000_000_000));
        check("1700000000.000000001", Ok(1_700_000_000_000_000_001));
        check("0", Ok(0));
        check("99999999999999", Err("2262"));
        check("2023-11-14T22:13:20", Err("write it as"));
        check("2023-11-14", Ok(1_699_920_000_000_000_000));
        check("2023-11-31", Err("write it as"));
        check("9999-01-01T00:00:00Z", Err("1677"));
        check("yesterday", Err("write it as"));
        check("", Err("write it as"));
        check("1.2.3", Err("seconds"));
    }

    #[test]
    fn from_the_start() {
        let start = 1_700_000_000_000_000_000;
        check("+90s", Ok(start + 90_000_000_000));
        check("+1h30m", Ok(start + 5_400_000_000_000));
        check("+1.5s", Ok(start + 1_500_000_000));
        check("+1d250ms10us7ns", Ok(start + 86_400_250_010_007));
        check("-10s", Ok(start - 10_000_000_000));
        check("+0s", Ok(start));
        check("+90", Err("unit"));
        check("+", Err("unit"));
        check("+s", Err("numbers"));
        check("+1.s", Err("numbers"));
        check("+1y", Err("unit"));
        check("+1h 30m", Err("unit"));
        check("+99999999999999999999s", Err("292 years"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,20}") {
            let _ = text.parse::<TimeSpec>();
        }

        #[test]
        fn offsets_add_up(hours in 0_i64..1000, seconds in 0_i64..100_000) {
            let spec: TimeSpec = format!("+{hours}h{seconds}s").parse().unwrap();
            let nanos = (hours * 3600 + seconds) * NANOS_PER_SECOND;
            proptest::prop_assert_eq!(spec.resolve(Timestamp::from_nanos(7)), Timestamp::from_nanos(nanos + 7));
        }
    }
}
