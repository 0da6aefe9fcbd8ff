//! Dates of HTTP headers (RFC 9110 section 5.6.7) and of responses (RFC 3339).

/// Parses an IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT`. Returns seconds since 1970.
///
/// # Example
///
/// ```
/// let unix_s = countersign_core::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT");
/// assert_eq!(unix_s, Some(784_111_777));
/// ```
pub fn parse_http_date(text: &str) -> Option<i64> {
    let (_, rest) = text.trim().split_once(", ")?;
    let mut words = rest.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let year: i64 = words.next()?.parse().ok()?;
    let mut time = words.next()?.split(':').map(str::parse::<i64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    if words.next() != Some("GMT") || words.next().is_some() {
        return None;
    }
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let in_range = (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !in_range || !(1970..=9999).contains(&year) || hour < 0 || minute < 0 || second < 0 {
        return None;
    }
    Some(days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Parses a date such as `1994-11-06T08:49:37Z` or `1994-11-06 08:49:37.5+01:00` (RFC 3339
/// section 5.6). Returns seconds since 1970.
pub(crate) fn parse_rfc3339(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, rest) = (text.get(..10)?, text.get(11..)?);
    if !matches!(text.as_bytes()[10], b'T' | b't' | b' ') {
        return None;
    }
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<i64>().ok()).flatten()
    };
    let three = |text: &str, between: char| {
        let mut parts = text.split(between).map(number);
        let all = (parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(all)
    };
    let (year, month, day) = three(date, '-')?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (hour, minute, second) = three(rest[..zone].split('.').next()?, ':')?;
    let offset = match &rest[zone..] {
        "Z" | "z" => 0,
        zone => {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let seconds = number(hours)? * 3600 + number(minutes)? * 60;
            if zone.starts_with('-') {
                -seconds
            } else {
                seconds
            }
        }
    };
    let in_range = (1970..=9999).contains(&year) && (1..=12).contains(&month);
    if !in_range || !(1..=31).contains(&day) || hour >= 24 || minute >= 60 || second > 60 {
        return None;
    }
    let days = days_since_1970(year, month, day);
    Some(days * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

/// Converts a date of the Gregorian calendar to days since 1970. Counts years from March, so that
/// leap days come last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// Formats the day of a time since 1970 for people, such as `1994-11-06`.
#[cfg(feature = "tls")]
pub(crate) fn iso_date(unix_s: u64) -> String {
    // Counts in eras of 400 years that start in March.
    let days = unix_s / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
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
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
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
            ("1994-11-06T08:49:3xZ", None),
            ("1994-11-06T08:49:37+1", None),
            ("1994é11-06T08:49:37Z", None),
            ("", None),
        ] {
            assert_eq!(parse_rfc3339(text), expected, "{text}");
        }
    }
}
