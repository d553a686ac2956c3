//! A date as exactly as a source gives it: a year, a month or a day. No clock, and no time of day.

use std::fmt;
use varde_proto::time::{Period, Timestamp};

/// A year (1900 to 2199), with its month and day where they are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatedDate {
    year: u16,
    /// 0: not known.
    month: u8,
    /// 0: not known.
    day: u8,
}

impl StatedDate {
    /// From its parts, 0 for a month or day that is not known; `None` if there is no such day, or a day without a month.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let exists = |month: u8, day: u8| {
            let (Ok(year), Ok(month), Ok(day)) = (year.try_into(), month.try_into(), day.try_into()) else {
                return false;
            };
            jiff::civil::Date::new(year, month, day).is_ok()
        };
        let fits = (1900..=2199).contains(&year) && exists(month.max(1), day.max(1)) && (month > 0 || day == 0);
        fits.then_some(Self { year, month, day })
    }

    /// The UTC day of a time; `None` outside 1900 to 2199.
    pub fn of(time: Timestamp) -> Option<Self> {
        let date = jiff::Timestamp::from_millisecond(time.ms()).ok()?.to_zoned(jiff::tz::TimeZone::UTC).date();
        Self::new(date.year().try_into().ok()?, date.month().try_into().ok()?, date.day().try_into().ok()?)
    }

    /// Reads `2026`, `2026-07` or `2026-07-31`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse::<u16>().ok()).flatten();
        let part = |t: &str| number(t).filter(|n| *n > 0 && t.len() == 2).and_then(|n| u8::try_from(n).ok());
        let mut parts = text.split('-');
        let year = parts.next().filter(|t| t.len() == 4).and_then(number)?;
        let month = parts.next().map_or(Some(0), part)?;
        let day = parts.next().map_or(Some(0), part)?;
        if parts.next().is_some() { None } else { Self::new(year, month, day) }
    }

    /// The year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12, where it is known.
    pub fn month(self) -> Option<u8> {
        (self.month > 0).then_some(self.month)
    }

    /// The day of the month where it is known.
    pub fn day(self) -> Option<u8> {
        (self.day > 0).then_some(self.day)
    }

    /// Whether it lies in the period for certain: a date of which only the year is known lies in no quarter.
    pub fn lies_in(self, period: Period) -> bool {
        let (first, count) = period.months();
        let whole_year = count == 12;
        self.year == period.year() && (whole_year || (first..first + count).contains(&self.month))
    }

    /// Whether its first day lies after `today`.
    pub(super) fn is_after(self, today: Self) -> bool {
        (self.year, self.month.max(1), self.day.max(1)) > (today.year, today.month, today.day)
    }

    /// Whether its last day lies before `today`.
    pub(super) fn is_over(self, today: Self) -> bool {
        let last = |part: u8| if part == 0 { u8::MAX } else { part };
        (self.year, last(self.month), last(self.day)) < (today.year, today.month, today.day)
    }
}

impl fmt::Display for StatedDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if self.month > 0 {
            write!(f, "-{:02}", self.month)?;
        }
        if self.day > 0 {
            write!(f, "-{:02}", self.day)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_one_spelling_and_must_exist() {
        for text in ["2026", "2026-07", "2024-02-29"] {
            assert_eq!(StatedDate::parse(text).map(|d| d.to_string()).as_deref(), Some(text));
        }
        for wrong in
            ["", "26", "2026-7", "2026-00", "2026-13", "2025-02-29", "2026-04-31", "2026-01-01-01", "+026", "1899"]
        {
            assert_eq!(StatedDate::parse(wrong), None, "{wrong} was accepted");
        }
        assert_eq!(StatedDate::new(2026, 0, 3), None);
    }

    #[test]
    fn a_year_alone_lies_in_its_year_and_in_no_quarter() {
        let year =
            StatedDate::new(2026, 0, 0).map(|d| (d.lies_in(Period::Year(2026)), d.lies_in(Period::Quarter(2026, 1))));
        assert_eq!(year, Some((true, false)));
        let month =
            StatedDate::new(2026, 3, 0).map(|d| (d.lies_in(Period::Half(2026, 1)), d.lies_in(Period::Month(2026, 4))));
        assert_eq!(month, Some((true, false)));
    }

    #[test]
    fn a_coarse_date_is_neither_in_the_future_nor_over_while_it_may_be_today() {
        let date = |text| StatedDate::parse(text).unwrap();
        let today = date("2026-11-21");
        for now in ["2026", "2026-11", "2026-11-21"] {
            assert!(!date(now).is_after(today) && !date(now).is_over(today), "{now}");
        }
        for later in ["2027", "2026-12", "2026-11-22"] {
            assert!(date(later).is_after(today) && !date(later).is_over(today), "{later}");
        }
        for earlier in ["2025", "2026-10", "2026-11-20"] {
            assert!(date(earlier).is_over(today) && !date(earlier).is_after(today), "{earlier}");
        }
    }
}
