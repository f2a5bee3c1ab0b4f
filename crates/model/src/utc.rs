//! Converts instants to and from UTC calendar dates and times of day.

use core::fmt;

use throughline_wire::UnixNanos;

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
    /// Uses the method `civil_from_days` of <https://howardhinnant.github.io/date_algorithms.html>.
    fn from(instant: UnixNanos) -> Self {
        let days = instant.get().div_euclid(UnixNanos::PER_DAY);
        let in_day = instant.get().rem_euclid(UnixNanos::PER_DAY);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = (month_from_march + 2) % 12 + 1;
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            hour: in_day / UnixNanos::PER_HOUR,
            minute: in_day / UnixNanos::PER_MINUTE % 60,
            second: in_day / UnixNanos::PER_SECOND % 60,
            nanosecond: in_day % UnixNanos::PER_SECOND,
        }
    }
}

impl Utc {
    /// Returns the instant, or `None` if a field is out of range or the year is outside 1678 to
    /// 2261.
    pub fn to_instant(self) -> Option<UnixNanos> {
        let fields = [
            (self.year, 1_678, 2_261),
            (self.month, 1, 12),
            (self.day, 1, 31),
            (self.hour, 0, 23),
            (self.minute, 0, 59),
            (self.second, 0, 59),
            (self.nanosecond, 0, UnixNanos::PER_SECOND - 1),
        ];
        if fields
            .iter()
            .any(|(field, least, most)| field < least || field > most)
        {
            return None;
        }
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        let instant = UnixNanos::new(
            days * UnixNanos::PER_DAY
                + self.hour * UnixNanos::PER_HOUR
                + self.minute * UnixNanos::PER_MINUTE
                + self.second * UnixNanos::PER_SECOND
                + self.nanosecond,
        );
        // The formula accepts a 31st of a shorter month and returns a day of the next month.
        // Converting back detects that.
        (Self::from(instant) == self).then_some(instant)
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
            ns in -9_214_000_000_000_000_000_i64..9_214_000_000_000_000_000,
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
            "2026-11-21T10:00:00.1234567890",
            "2026-11-21T10:00+02:00",
            "é-1-1T1:1",
        ];
        for text in wrong {
            assert_eq!(Utc::parse(text), None, "{text:?}");
        }
    }
}
