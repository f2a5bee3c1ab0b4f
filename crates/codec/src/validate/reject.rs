//! The reasons for rejected spans, in words for their sender.

use core::fmt;

use throughline_wire::UnixNanos;

/// The reason why a span or a log record is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// A time is before 1970.
    BeforeEpoch {
        /// The field: `start_ns`, `end_ns`; for a log record `time_ns`, `observed_ns`.
        field: &'static str,
    },
    /// The span has neither start nor end.
    NoTime,
    /// The start of a span, or the time of a log record, is too far ahead of the server's clock.
    AheadOfClock {
        /// The field: `start_ns` or `time_ns`.
        field: &'static str,
        /// The time ahead of the server's clock, in ns.
        ahead_ns: i64,
        /// The limit, in ns.
        limit_ns: i64,
    },
}

impl RejectReason {
    /// Returns the name used as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeEpoch { .. } => "before_epoch",
            Self::NoTime => "no_time",
            Self::AheadOfClock { .. } => "ahead_of_clock",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeEpoch { field } => write!(f, "{field}: is before 1970"),
            Self::NoTime => f.write_str("start_ns: is zero, and so is end_ns"),
            Self::AheadOfClock {
                field,
                ahead_ns,
                limit_ns,
            } => write!(
                f,
                "{field}: is {} ahead of the server's clock, more than {}",
                long_time(*ahead_ns),
                long_time(*limit_ns)
            ),
        }
    }
}

/// Formats a duration in hours, or in days if it is longer than two days.
fn long_time(ns: i64) -> String {
    if ns > 2 * UnixNanos::PER_DAY {
        format!("{} days", ns / UnixNanos::PER_DAY)
    } else {
        format!("{} h", ns / UnixNanos::PER_HOUR)
    }
}

impl core::error::Error for RejectReason {}
