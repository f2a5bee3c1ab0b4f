//! Repairs the times of a span where the intended time is clear.

use throughline_wire::{Span, UnixNanos};

use super::{Limits, Notes, RejectReason, Repair};

/// Repairs the times of `span`. Returns the end as sent if it was set and had to be moved.
pub(super) fn repair(
    span: &mut Span,
    limits: &Limits,
    now: UnixNanos,
    notes: &mut Notes,
) -> Result<Option<UnixNanos>, RejectReason> {
    let missing = UnixNanos::default();
    for (field, time) in [("start_ns", span.start), ("end_ns", span.end)] {
        if time < missing {
            return Err(RejectReason::BeforeEpoch { field });
        }
    }
    if span.start == missing {
        if span.end == missing {
            return Err(RejectReason::NoTime);
        }
        span.start = span.end;
        notes.insert(Repair::StartMissing);
    }
    let ahead_ns = span.start.since(now);
    if ahead_ns > limits.ahead_ns {
        return Err(RejectReason::AheadOfClock {
            field: "start_ns",
            ahead_ns,
            limit_ns: limits.ahead_ns,
        });
    }
    if ahead_ns > limits.unmarked_ahead_ns {
        notes.insert(Repair::ClockSkewed);
    }
    let sent_end = span.end;
    if sent_end == missing {
        notes.insert(Repair::EndMissing);
        span.end = span.start;
    } else if sent_end < span.start {
        notes.insert(Repair::EndBeforeStart);
        span.end = span.start;
    } else if sent_end.since(now) > limits.ahead_ns {
        notes.insert(Repair::EndAhead);
        // The moved end does not depend on the clock, so that a span that is sent again is equal.
        span.end = span.start.saturating_add(limits.ahead_ns);
    }
    note_lateness(span.end, limits, now, notes);
    Ok((sent_end != span.end && sent_end != missing).then_some(sent_end))
}

/// Records a time that is long past. The clock of the sender need not be wrong: a span can be long,
/// and a batch can wait.
pub(super) fn note_lateness(time: UnixNanos, limits: &Limits, now: UnixNanos, notes: &mut Notes) {
    if now.since(time) > limits.unmarked_behind_ns {
        notes.insert(Repair::ArrivedLate);
    }
}
