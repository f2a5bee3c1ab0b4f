//! Why a span cannot be kept, in the words its sender reads.

use core::fmt;

use throughline_wire::UnixNanos;

/// Why a span is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// A time before 1970.
    BeforeEpoch {
        /// Which: `start_ns`, `end_ns`; of a log record `time_ns`, `observed_ns`.
        field: &'static str,
    },
    /// Neither start nor end was given.
    NoTime,
    /// The start, or the time of a log record, lies further ahead of the server's clock than the
    /// limit.
    AheadOfClock {
        /// Which: `start_ns` or `time_ns`.
        field: &'static str,
        /// How far, ns.
        ahead_ns: i64,
        /// How far it may, ns.
        limit_ns: i64,
    },
}

impl RejectReason {
    /// The word for metrics.
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

/// In hours, or in days when it is more than two.
fn long_time(ns: i64) -> String {
    if ns > 2 * UnixNanos::PER_DAY {
        format!("{} days", ns / UnixNanos::PER_DAY)
    } else {
        format!("{} h", ns / UnixNanos::PER_HOUR)
    }
}

impl core::error::Error for RejectReason {}
