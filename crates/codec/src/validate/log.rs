//! Validates log records with the same repairs.

use throughline_wire::{LogRecord, UnixNanos};

use super::{Limits, Notes, RejectReason, Repair, repair_attributes, text, times, value};
use crate::context::Repairs;

/// Validates and repairs `record`; `now` and `repairs` as in [`validate`](super::validate).
///
/// A record without a time gets its observed time, or `now`.
///
/// # Errors
/// Fails if the time is before 1970 or too far ahead; see [`RejectReason`].
pub fn validate_log(
    mut record: LogRecord,
    limits: &Limits,
    now: UnixNanos,
    repairs: Repairs,
) -> Result<LogRecord, RejectReason> {
    let mut notes = Notes::take(repairs, &mut record.attributes, limits);
    repair_times(&mut record, limits, now, &mut notes)?;
    if record.severity_number > LogRecord::MAX_SEVERITY {
        record.severity_number = 0;
    }
    text::repair_name(&mut record.severity_text, limits, &mut notes);
    text::repair_name(&mut record.event_name, limits, &mut notes);
    value::repair(&mut record.body, limits, &mut notes);
    repair_attributes(
        &mut record.attributes,
        &mut record.dropped_attributes_count,
        limits,
        &mut notes,
    );
    notes.put(&mut record.attributes);
    Ok(record)
}

fn repair_times(
    record: &mut LogRecord,
    limits: &Limits,
    now: UnixNanos,
    notes: &mut Notes,
) -> Result<(), RejectReason> {
    let missing = UnixNanos::default();
    for (field, time) in [("time_ns", record.time), ("observed_ns", record.observed)] {
        if time < missing {
            return Err(RejectReason::BeforeEpoch { field });
        }
    }
    if record.time == missing {
        record.time = if record.observed == missing {
            now
        } else {
            record.observed
        };
    }
    let ahead_ns = record.time.since(now);
    if ahead_ns > limits.ahead_ns {
        return Err(RejectReason::AheadOfClock {
            field: "time_ns",
            ahead_ns,
            limit_ns: limits.ahead_ns,
        });
    }
    if ahead_ns > limits.unmarked_ahead_ns {
        notes.insert(Repair::ClockSkewed);
    }
    times::note_lateness(record.time, limits, now, notes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use throughline_wire::{AttributeValue, RepairSet};

    use super::*;

    const NOW: UnixNanos = UnixNanos::new(1_700_000_000 * UnixNanos::PER_SECOND);

    fn check(record: LogRecord) -> Result<LogRecord, RejectReason> {
        validate_log(record, &Limits::default(), NOW, Repairs::NONE)
    }

    fn at(time: UnixNanos) -> LogRecord {
        LogRecord {
            time,
            body: "hello".into(),
            ..LogRecord::default()
        }
    }

    #[test]
    fn validation_does_not_change_a_valid_record() {
        assert_eq!(check(at(NOW)), Ok(at(NOW)));
    }

    #[test]
    fn a_missing_time_becomes_the_observed_time_or_now() {
        let seen = NOW.saturating_add(-5);
        let mut record = at(UnixNanos::default());
        assert_eq!(check(record.clone()).expect("is kept").time, NOW);
        record.observed = seen;
        assert_eq!(check(record).expect("is kept").time, seen);
    }

    #[test]
    fn a_time_before_1970_or_days_ahead_is_rejected_with_the_name_of_its_field() {
        let reason = check(at(UnixNanos::new(-1))).expect_err("is rejected");
        assert_eq!(reason.to_string(), "time_ns: is before 1970");
        let far = NOW.saturating_add(3 * UnixNanos::PER_DAY);
        let reason = check(at(far)).expect_err("is rejected");
        assert_eq!(
            reason.to_string(),
            "time_ns: is 3 days ahead of the server's clock, more than 24 h"
        );
    }

    #[test]
    fn a_body_over_the_limit_is_truncated_and_nul_is_replaced() {
        let mut record = at(NOW);
        record.body = "x".repeat((1 << 20) + 1).into();
        record.event_name = "a\0b".into();
        record.severity_number = 200;
        let record = check(record).expect("is kept");
        let body = record.body.as_str().expect("a text");
        assert!(body.ends_with("… [cut: 1048577 bytes]"), "{}", body.len());
        assert_eq!(record.event_name, "a\u{2400}b");
        assert_eq!(record.severity_number, 0);
        let kinds = RepairSet::of(&record.attributes);
        assert!(kinds.contains(Repair::ValueCut));
        assert!(kinds.contains(Repair::ControlCharacters));
    }

    #[test]
    fn validation_is_idempotent() {
        let mut record = at(NOW.saturating_add(-3 * UnixNanos::PER_DAY));
        record.body = AttributeValue::Bytes(vec![7; 2 << 20]);
        let once = check(record).expect("is kept");
        assert_eq!(check(once.clone()), Ok(once));
    }
}
