//! FILETIME: points in time ([MS-DTYP] 2.3.3).

use core::fmt;
use core::time::Duration;

/// A point in time: the number of 100-nanosecond ticks since 1601-01-01 00:00:00 UTC ([MS-DTYP]
/// 2.3.3).
///
/// On the wire it has 8 bytes, least significant first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "FILETIME")]
pub struct FileTime(u64);

/// Seconds from 1601-01-01 to 1970-01-01.
const UNIX_EPOCH_SECONDS: u64 = 11_644_473_600;
const TICKS_PER_SECOND: u64 = 10_000_000;

impl FileTime {
    /// Creates the time from the ticks since the start of 1601.
    #[must_use]
    pub const fn from_ticks(ticks: u64) -> Self {
        Self(ticks)
    }

    /// Creates the time from the duration since the start of 1970. A time that is too late for the
    /// type becomes the last one that it can represent.
    #[must_use]
    pub fn from_unix(since_1970: Duration) -> Self {
        let seconds = since_1970.as_secs().saturating_add(UNIX_EPOCH_SECONDS);
        let ticks = u64::from(since_1970.subsec_nanos() / 100);
        Self(seconds.saturating_mul(TICKS_PER_SECOND).saturating_add(ticks))
    }

    /// Returns the ticks since the start of 1601.
    #[must_use]
    pub const fn ticks(self) -> u64 {
        self.0
    }

    /// Returns the difference between two times, in any order.
    pub(crate) fn abs_diff(self, other: Self) -> Duration {
        let ticks = self.0.abs_diff(other.0);
        let nanoseconds = (ticks % TICKS_PER_SECOND) * 100;
        Duration::from_secs(ticks / TICKS_PER_SECOND) + Duration::from_nanos(nanoseconds)
    }
}

impl fmt::Display for FileTime {
    /// Prints the date and time in UTC, such as `2026-11-22 09:30:00.1234567`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ticks, seconds) = (self.0 % TICKS_PER_SECOND, self.0 / TICKS_PER_SECOND);
        let (year, month, day) = civil_date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{ticks:07}")
    }
}

/// Returns year, month (from 1) and day (from 1) of the Gregorian calendar for a number of days
/// since 1601-01-01.
///
/// 1601 is the first year of a 400-year cycle of 146 097 days, which makes the arithmetic simple.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (cycles, rest) = (days / 146_097, days % 146_097);
    // `min(3)`: the last day of a cycle, or of a leap year, belongs to the year that it ends.
    let centuries = (rest / 36_524).min(3);
    let rest = rest - centuries * 36_524;
    let fours = rest / 1461;
    let rest = rest - fours * 1461;
    let years = (rest / 365).min(3);
    let mut day = rest - years * 365;
    let year = 1601 + cycles * 400 + centuries * 100 + fours * 4 + years;
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn unix_epoch_has_the_published_ticks() {
        let epoch = FileTime::from_unix(Duration::ZERO);
        // [MS-DTYP] and the Davenport paper: 0x019db1ded53e8000.
        assert_eq!(epoch.ticks(), 0x019d_b1de_d53e_8000);
        assert_eq!(epoch.to_string(), "1970-01-01 00:00:00.0000000");
    }

    #[test]
    fn fraction_of_a_second_is_printed() {
        let time = FileTime::from_unix(Duration::new(0, 123_456_789));
        assert_eq!(time.to_string(), "1970-01-01 00:00:00.1234567");
    }

    #[test]
    fn leap_years_and_centuries_are_printed_correctly() {
        let show = |days: u64| FileTime::from_ticks(days * 86_400 * TICKS_PER_SECOND).to_string();
        for (days, date) in [
            (0, "1601-01-01"),
            (31, "1601-02-01"),
            (59, "1601-03-01"),
            (1154, "1604-02-29"),
            (1460, "1604-12-31"),
            (36_523, "1700-12-31"),
            (36_524, "1701-01-01"),
            (145_790, "2000-02-29"),
            (146_096, "2000-12-31"),
            (155_489, "2026-09-19"),
        ] {
            assert!(show(days).starts_with(date), "{days}: {}", show(days));
        }
        assert_eq!(FileTime::from_ticks(u64::MAX).to_string(), "60056-05-28 05:36:10.9551615");
    }

    #[test]
    fn time_beyond_the_range_becomes_the_last_one() {
        assert_eq!(FileTime::from_unix(Duration::MAX).ticks(), u64::MAX);
        let apart = FileTime::from_ticks(0).abs_diff(FileTime::from_ticks(u64::MAX));
        assert_eq!(apart.as_nanos(), u128::from(u64::MAX) * 100);
    }
}
