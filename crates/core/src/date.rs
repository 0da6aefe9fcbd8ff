//! Dates of HTTP headers (RFC 9110 section 5.6.7) and of responses (RFC 3339).

use std::time::UNIX_EPOCH;

use der::DateTime;
use toml::value::{Datetime, Offset};

/// Parses a date of an HTTP header, such as `Sun, 06 Nov 1994 08:49:37 GMT`. Returns seconds since
/// 1970.
///
/// # Example
///
/// ```
/// let unix_s = countersign_core::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT");
/// assert_eq!(unix_s, Some(784_111_777));
/// ```
pub fn parse_http_date(text: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(text.trim()).ok()?;
    let since_1970 = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_1970.as_secs()).ok()
}

/// Parses a date such as `1994-11-06T08:49:37Z` or `1994-11-06 08:49:37.5+01:00` (RFC 3339
/// section 5.6). Returns seconds since 1970.
pub(crate) fn parse_rfc3339(text: &str) -> Option<i64> {
    // TOML's dates are those of RFC 3339.
    let Datetime {
        date: Some(date),
        time: Some(time),
        offset: Some(offset),
    } = text.trim().parse().ok()?
    else {
        return None;
    };
    let second = time.second.unwrap_or(0);
    let (year, month, day) = (date.year, date.month, date.day);
    let local = DateTime::new(year, month, day, time.hour, time.minute, second).ok()?;
    let minutes_ahead = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    Some(i64::try_from(local.unix_duration().as_secs()).ok()? - 60 * minutes_ahead)
}

/// Formats the day of a time since 1970 for people, such as `1994-11-06`.
#[cfg(feature = "tls")]
pub(crate) fn iso_date(unix_s: u64) -> String {
    let since_1970 = std::time::Duration::from_secs(unix_s);
    let time = DateTime::from_unix_duration(since_1970).unwrap_or(DateTime::INFINITY);
    format!("{:04}-{:02}-{:02}", time.year(), time.month(), time.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "tls")]
    #[test]
    fn writes_dates() {
        for (unix_s, expected) in [
            (0, "1970-01-01"),
            (784_111_777, "1994-11-06"),
            (951_782_400, "2000-02-29"),
            (1_835_481_599, "2028-02-29"),
            (1_835_481_600, "2028-03-01"),
            (4_102_444_799, "2099-12-31"),
            (u64::MAX, "9999-12-31"),
        ] {
            assert_eq!(iso_date(unix_s), expected);
        }
    }

    #[test]
    fn reads_dates() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Tue, 29 Feb 2028 23:59:59 GMT", Some(1_835_481_599)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1950 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
            ("7", None),
            ("", None),
        ] {
            assert_eq!(parse_http_date(text), expected, "{text}");
        }
    }

    #[test]
    fn reads_dates_of_rfc_3339() {
        for (text, expected) in [
            ("1994-11-06T08:49:37Z", Some(784_111_777)),
            ("1994-11-06t08:49:37.123456z", Some(784_111_777)),
            ("1994-11-06 09:49:37+01:00", Some(784_111_777)),
            ("1994-11-05T22:49:37-10:00", Some(784_111_777)),
            ("1994-11-06T08:49:37", None),
            ("1994-11-06", None),
            ("1994-13-06T08:49:37Z", None),
            ("1994-02-29T08:49:37Z", None),
            ("0000-01-01T00:00:00Z", None),
            ("1994-11-06T08:49:3xZ", None),
            ("1994-11-06T08:49:37+1", None),
            ("1994é11-06T08:49:37Z", None),
            ("", None),
        ] {
            assert_eq!(parse_rfc3339(text), expected, "{text}");
        }
    }
}
