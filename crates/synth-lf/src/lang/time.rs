//! Dates and times in text.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Microseconds since 1970 UTC of `2024-01-31`, `2024-01-31 12:00`, `2024-01-31T12:00:00Z` or with an offset;
/// without an offset it is read as UTC.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_microsecond());
    }
    // A date alone is its midnight.
    let civil = text.parse::<DateTime>().ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_dates_and_times() {
        const DAY: i64 = 86_400_000_000;
        assert_eq!(parse_time("1970-01-02"), Some(DAY));
        assert_eq!(parse_time("1970-01-02T00:00:00Z"), Some(DAY));
        assert_eq!(parse_time("1970-01-02 00:00:01"), Some(DAY + 1_000_000));
        assert_eq!(parse_time("1970-01-02T01:00:00+01:00"), Some(DAY));
        assert_eq!(parse_time("1969-12-31"), Some(-DAY));
        for bad in ["", "yesterday", "2024-13-01", "2024-02-30", "12", "2024-01-31 and more"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }
}
