//! Time as it is stored and signed: UTC milliseconds, and calendar periods. No clock: `now` is always an argument.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z, between 1970 and 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A time outside 1970 to 9999, or text that is not RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a time must be RFC 3339 in UTC between 1970 and 9999, for example 2026-11-21T18:00:00Z, not {0:?}")]
pub struct BadTime(pub String);

impl Timestamp {
    /// 9999-12-31T23:59:59.999Z
    pub const MAX: Self = Self(253_402_300_799_999);

    /// From the wire.
    pub fn from_ms(ms: i64) -> Result<Self, BadTime> {
        if (0..=Self::MAX.0).contains(&ms) { Ok(Self(ms)) } else { Err(BadTime(ms.to_string())) }
    }

    /// Milliseconds since 1970.
    pub fn ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0 / 1000
    }

    /// This long after; stops at the end of 9999.
    pub fn after(self, span: std::time::Duration) -> Self {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(ms).min(Self::MAX.0))
    }

    /// How long after `earlier`; zero when it is not after.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// Cut to the minute (60,000 ms).
    pub fn to_minute(self) -> Self {
        Self(self.0 - self.0 % 60_000)
    }

    /// Cut to the UTC day.
    pub fn to_day(self) -> Self {
        Self(self.0 - self.0 % 86_400_000)
    }

    /// Reads RFC 3339 with `Z` or an offset of zero.
    pub fn parse(text: &str) -> Result<Self, BadTime> {
        let wrong = || BadTime(text.chars().take(40).collect());
        if !(text.ends_with('Z') || text.ends_with("+00:00")) {
            return Err(wrong());
        }
        let time: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
        Self::from_ms(time.as_millisecond()).map_err(|_| wrong())
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, to the second, or to the millisecond where that is not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// A calendar period of registration or observation: a year, half-year, quarter or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// `2026`
    Year(u16),
    /// `2026-H1`
    Half(u16, u8),
    /// `2026-Q3`
    Quarter(u16, u8),
    /// `2026-07`
    Month(u16, u8),
}

/// Text that is not a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a period must be 2026, 2026-H1, 2026-Q3 or 2026-07 (years 1990 to 2199), not {0:?}")]
pub struct BadPeriod(pub String);

impl Period {
    /// Reads the one spelling of a period.
    pub fn parse(text: &str) -> Result<Self, BadPeriod> {
        let wrong = || BadPeriod(text.chars().take(20).collect());
        let number = |t: &str, lowest: u16, highest: u16| {
            let fits = t.bytes().all(|b| b.is_ascii_digit());
            t.parse::<u16>().ok().filter(|n| fits && (lowest..=highest).contains(n)).ok_or_else(wrong)
        };
        if !text.is_ascii() || text.len() < 4 {
            return Err(wrong());
        }
        let year = number(&text[..4], 1990, 2199)?;
        let part = |t: &str, highest: u16| number(t, 1, highest).map(|n| n as u8);
        match (&text[4..], text.len()) {
            ("", _) => Ok(Self::Year(year)),
            (rest, 7) if rest.starts_with("-H") => Ok(Self::Half(year, part(&rest[2..], 2)?)),
            (rest, 7) if rest.starts_with("-Q") => Ok(Self::Quarter(year, part(&rest[2..], 4)?)),
            (rest, 7) if rest.starts_with('-') => Ok(Self::Month(year, part(&rest[1..], 12)?)),
            _ => Err(wrong()),
        }
    }

    /// The year in which it lies.
    pub fn year(self) -> u16 {
        match self {
            Self::Year(y) | Self::Half(y, _) | Self::Quarter(y, _) | Self::Month(y, _) => y,
        }
    }

    /// First month (1 to 12) and how many months it lasts.
    pub fn months(self) -> (u8, u8) {
        match self {
            Self::Year(_) => (1, 12),
            Self::Half(_, n) => (n * 6 - 5, 6),
            Self::Quarter(_, n) => (n * 3 - 2, 3),
            Self::Month(_, n) => (n, 1),
        }
    }

    /// The quarter in which `time` lies.
    pub fn quarter_of(time: Timestamp) -> Self {
        let (year, month) = year_and_month(time);
        Self::Quarter(year, (month - 1) / 3 + 1)
    }

    /// Whether `time` lies in this period (UTC).
    pub fn contains(self, time: Timestamp) -> bool {
        let (year, month) = year_and_month(time);
        let (first, count) = self.months();
        year == self.year() && (first..first + count).contains(&month)
    }
}

impl Period {
    /// Whether the two share a month.
    pub fn overlaps(self, other: Self) -> bool {
        let (first, count) = self.months();
        let (first_other, count_other) = other.months();
        self.year() == other.year() && first < first_other + count_other && first_other < first + count
    }

    /// Whether its first month has begun at `time` (UTC).
    pub fn has_begun(self, time: Timestamp) -> bool {
        year_and_month(time) >= (self.year(), self.months().0)
    }

    /// Whether its last month is over at `time` (UTC).
    pub fn is_over(self, time: Timestamp) -> bool {
        let (first, count) = self.months();
        year_and_month(time) > (self.year(), first + count - 1)
    }
}

/// The UTC year and month (1 to 12) of a time.
pub fn year_and_month(time: Timestamp) -> (u16, u8) {
    match jiff::Timestamp::from_millisecond(time.ms()) {
        Ok(t) => {
            let date = t.to_zoned(jiff::tz::TimeZone::UTC).date();
            (date.year().unsigned_abs(), date.month().unsigned_abs())
        }
        Err(_) => (1970, 1),
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Year(y) => write!(f, "{y}"),
            Self::Half(y, n) => write!(f, "{y}-H{n}"),
            Self::Quarter(y, n) => write!(f, "{y}-Q{n}"),
            Self::Month(y, n) => write!(f, "{y}-{n:02}"),
        }
    }
}

/// A week of ISO 8601, as `2026-W48`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Week {
    year: u16,
    week: u8,
}

impl Week {
    /// Reads `2026-W48`; a year has 52 or 53 weeks.
    pub fn parse(text: &str) -> Result<Self, BadPeriod> {
        let bad = || BadPeriod(text.chars().take(80).collect());
        let (year, week) = text.split_once("-W").ok_or_else(bad)?;
        let digits = |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(week, 2) {
            return Err(bad());
        }
        let (year, week): (u16, u8) = (year.parse().map_err(|_| bad())?, week.parse().map_err(|_| bad())?);
        // The day of the week of 31 December: on a Thursday, or on a Friday of the year after a Wednesday, there is a 53rd week.
        let last = |year: u32| (year + year / 4 - year / 100 + year / 400) % 7;
        let long = last(year.into()) == 4 || last(u32::from(year).saturating_sub(1)) == 3;
        let most = if long { 53 } else { 52 };
        if (1970..=9999).contains(&year) && (1..=most).contains(&week) { Ok(Self { year, week }) } else { Err(bad()) }
    }
}

impl Week {
    /// Midnight UTC of its Monday.
    pub fn begins(self) -> Timestamp {
        // 4 January always lies in the first week; 1 January 1970 was a Thursday.
        let fourth = Timestamp::parse(&format!("{:04}-01-04T00:00:00Z", self.year)).unwrap_or_default();
        let (day, ms) = (24 * 60 * 60, 1000);
        let days = fourth.seconds() / day;
        let monday = days - (days + 3).rem_euclid(7) + (i64::from(self.week) - 1) * 7;
        Timestamp::from_ms(monday * day * ms).unwrap_or_default()
    }

    /// The week of a time.
    pub fn of(time: Timestamp) -> Option<Self> {
        let year = i32::from(year_and_month(time).0);
        let near = (year - 1..=year + 1).flat_map(|year| (1..=53).map(move |week| format!("{year:04}-W{week:02}")));
        near.filter_map(|text| Self::parse(&text).ok()).rfind(|week| week.begins() <= time)
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-W{:02}", self.year, self.week)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_period_has_one_spelling() {
        for text in ["2026", "2026-H2", "2026-Q3", "2026-07"] {
            assert_eq!(Period::parse(text).map(|p| p.to_string()).as_deref(), Ok(text));
        }
        for wrong in
            ["26", "2026-Q5", "2026-7", "2026-13", "2026-H3", "2026-q1", "1026", "2026-+1", "2026-00", "２０２６"]
        {
            assert!(Period::parse(wrong).is_err(), "{wrong} was accepted");
        }
    }

    #[test]
    fn periods_overlap_where_they_share_a_month() {
        let year = Period::Year(2026);
        assert!(year.overlaps(Period::Quarter(2026, 3)) && Period::Quarter(2026, 3).overlaps(year));
        assert!(Period::Half(2026, 2).overlaps(Period::Month(2026, 7)));
        assert!(!Period::Half(2026, 1).overlaps(Period::Month(2026, 7)));
        assert!(!year.overlaps(Period::Year(2025)));
    }

    #[test]
    fn a_period_begins_with_its_first_month_and_ends_with_its_last() {
        let at = |text| Timestamp::parse(text).unwrap_or_default();
        let quarter = Period::Quarter(2026, 3);
        let (before, first) = (at("2026-06-30T23:59:59Z"), at("2026-07-01T00:00:00Z"));
        assert!(!quarter.has_begun(before) && quarter.has_begun(first));
        let (last, after) = (at("2026-09-30T23:59:59Z"), at("2026-10-01T00:00:00Z"));
        assert!(!quarter.is_over(last) && quarter.is_over(after));
        assert!(
            !Period::Year(2026).is_over(at("2026-12-31T00:00:00Z"))
                && Period::Year(2026).is_over(at("2027-01-01T00:00:00Z"))
        );
    }

    #[test]
    fn a_time_is_utc() {
        let time = Timestamp::parse("2026-11-21T18:00:00Z").map(Timestamp::ms);
        assert_eq!(time, Ok(1_795_284_000_000));
        assert!(Timestamp::parse("2026-11-21T18:00:00+01:00").is_err());
        assert!(Timestamp::from_ms(-1).is_err());
        let november = Timestamp::from_ms(1_795_284_000_000).unwrap_or_default();
        assert!(Period::Quarter(2026, 4).contains(november) && !Period::Quarter(2026, 3).contains(november));
    }

    #[test]
    fn a_week_is_one_that_its_year_has() {
        for week in ["2026-W01", "2026-W53", "2020-W53", "2025-W52", "1970-W01"] {
            assert_eq!(Week::parse(week).unwrap().to_string(), week);
        }
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let begins = |text: &str| Week::parse(text).unwrap().begins();
        assert_eq!(begins("2026-W01"), at("2025-12-29T00:00:00Z"));
        assert_eq!(begins("2026-W48"), at("2026-11-23T00:00:00Z"));
        assert_eq!(begins("2026-W53"), at("2026-12-28T00:00:00Z"));
        assert_eq!(Week::of(at("2027-01-01T12:00:00Z")).unwrap().to_string(), "2026-W53");
        assert_eq!(Week::of(at("2026-11-23T00:00:00Z")).unwrap().to_string(), "2026-W48");
        for wrong in ["2025-W53", "2026-W00", "2026-W54", "2026-W1", "2026-48", "26-W01", "2026-w48", "1969-W52", ""] {
            assert!(Week::parse(wrong).is_err(), "{wrong}");
        }
    }
}
