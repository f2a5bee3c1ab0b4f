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
    if ahead_ns > limits.unmarked_ahead_ns || ahead_ns < limits.unmarked_behind_ns.saturating_neg()
    {
        notes.insert(Repair::ClockSkewed);
    }
    let sent_end = span.end;
    if sent_end < span.start {
        notes.insert(Repair::EndBeforeStart);
        span.end = span.start;
    } else if sent_end.since(span.start) > limits.duration_ns {
        notes.insert(Repair::DurationCut);
        span.end = span.start.saturating_add(limits.duration_ns);
    }
    Ok((sent_end != span.end && sent_end != missing).then_some(sent_end))
}
