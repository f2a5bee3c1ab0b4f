//! Converts instants to and from UTC calendar dates and times of day.

use core::fmt;

use throughline_wire::UnixNanos;
use time::{Date, Duration, Month, Time, UtcDateTime};

/// An instant split into the fields of the Gregorian calendar, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utc {
    /// The year, 1677 to 2262.
    pub year: i64,
    /// The month, 1 to 12.
    pub month: i64,
    /// The day of the month, 1 to 31.
    pub day: i64,
    /// The hour, 0 to 23.
    pub hour: i64,
    /// The minute, 0 to 59.
    pub minute: i64,
    /// The second, 0 to 59.
    pub second: i64,
    /// Nanoseconds within the second.
    pub nanosecond: i64,
}

impl From<UnixNanos> for Utc {
    fn from(instant: UnixNanos) -> Self {
        // Saturation never happens: the years of `time` reach further than those of `UnixNanos`.
        let utc = UtcDateTime::UNIX_EPOCH.saturating_add(Duration::nanoseconds(instant.get()));
        Self {
            year: utc.year().into(),
            month: u8::from(utc.month()).into(),
            day: utc.day().into(),
            hour: utc.hour().into(),
            minute: utc.minute().into(),
            second: utc.second().into(),
            nanosecond: utc.nanosecond().into(),
        }
    }
}

impl Utc {
    /// Returns the instant, or `None` if a field is out of range or the instant is out of the range
    /// of [`UnixNanos`].
    pub fn to_instant(self) -> Option<UnixNanos> {
        let month = Month::try_from(u8::try_from(self.month).ok()?).ok()?;
        let (year, day) = (self.year.try_into().ok()?, self.day.try_into().ok()?);
        let date = Date::from_calendar_date(year, month, day).ok()?;
        let (hour, minute) = (self.hour.try_into().ok()?, self.minute.try_into().ok()?);
        let (second, nanosecond) = (
            self.second.try_into().ok()?,
            self.nanosecond.try_into().ok()?,
        );
        let time = Time::from_hms_nano(hour, minute, second, nanosecond).ok()?;
        let ns = UtcDateTime::new(date, time).unix_timestamp_nanos();
        i64::try_from(ns).ok().map(UnixNanos::new)
    }

    /// Formats the date: `2026-11-21`.
    pub fn date(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// Formats the time of day, truncated to the millisecond: `14:02:11.482`.
    pub fn time_of_day(self) -> String {
        let millis = self.nanosecond / UnixNanos::PER_MILLI;
        format!(
            "{:02}:{:02}:{:02}.{millis:03}",
            self.hour, self.minute, self.second
        )
    }

    /// Formats the instant for a `datetime-local` field, truncated to the minute:
    /// `2026-11-21T14:02`.
    pub fn to_minutes(self) -> String {
        format!("{}T{:02}:{:02}", self.date(), self.hour, self.minute)
    }

    /// Parses `YYYY-MM-DDTHH:MM` as UTC. Seconds (`:SS`) with or without a fraction, a space in
    /// place of the `T` and a `Z` at the end are optional.
    pub fn parse(text: &str) -> Option<UnixNanos> {
        let text = text.trim();
        let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
        let (date, time) = text.split_once(['T', 't', ' '])?;
        let mut date = date.splitn(3, '-').map(number);
        let mut time = time.splitn(3, ':');
        let (hour, minute) = (number(time.next()?)?, number(time.next()?)?);
        let (second, fraction) = match time.next() {
            None => ("0", ""),
            Some(seconds) => seconds.split_once('.').unwrap_or((seconds, "")),
        };
        if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Self {
            year: date.next()??,
            month: date.next()??,
            day: date.next()??,
            hour,
            minute,
            second: number(second)?,
            nanosecond: format!("{fraction:0<9}").parse().ok()?,
        }
        .to_instant()
    }
}

fn number(text: &str) -> Option<i64> {
    (text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Formats the instant exactly: `2026-11-21 14:02:11.482193044 UTC`.
impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            hour,
            minute,
            second,
            nanosecond,
            ..
        } = self;
        write!(
            f,
            "{} {hour:02}:{minute:02}:{second:02}.{nanosecond:09} UTC",
            self.date()
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_instant_reads_back_from_its_fields(
            ns: i64,
        ) {
            let instant = UnixNanos::new(ns);
            let utc = Utc::from(instant);
            prop_assert_eq!(utc.to_instant(), Some(instant));
            let text = utc.to_string();
            prop_assert_eq!(Utc::parse(text.trim_end_matches(" UTC")), Some(instant));
        }

        #[test]
        fn any_text_is_a_time_or_none(text in "\\PC{0,30}") {
            let _ = Utc::parse(&text);
        }
    }

    #[test]
    fn known_dates_come_out_right() {
        let text =
            |seconds| Utc::from(UnixNanos::new(seconds * UnixNanos::PER_SECOND)).to_minutes();
        assert_eq!(text(0), "1970-01-01T00:00");
        assert_eq!(text(951_782_400), "2000-02-29T00:00");
        assert_eq!(text(1_795_249_331), "2026-11-21T08:22");
        assert_eq!(text(-1), "1969-12-31T23:59");
        let limits = [i64::MIN, i64::MAX].map(|ns| Utc::from(UnixNanos::new(ns)).to_string());
        assert_eq!(limits[0], "1677-09-21 00:12:43.145224192 UTC");
        assert_eq!(limits[1], "2262-04-11 23:47:16.854775807 UTC");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let wrong = [
            "",
            "T",
            "2026-02-30T10:00",
            "2026-11-21",
            "2026-11-21T25:00",
            "1066-01-01T00:00",
            "1677-09-21T00:12:43.145224191",
            "2262-04-11T23:47:16.854775808",
            "2026-11-21T10:00:00.1234567890",
            "2026-11-21T10:00+02:00",
            "é-1-1T1:1",
        ];
        for text in wrong {
            assert_eq!(Utc::parse(text), None, "{text:?}");
        }
    }
}
