//! Tests of missing, invalid and impossible times.

use super::*;

#[test]
fn an_end_before_the_start_is_set_to_the_start_and_recorded() {
    let (span, kinds) = repaired(|span| span.end = span.start.saturating_add(-5));
    assert_eq!(span.end, span.start);
    assert_eq!(kinds, ["end_before_start"]);
    let sent = span.start.get() - 5;
    assert_eq!(
        span.attributes.get(semconv::SENT_END_NS),
        Some(&sent.into())
    );
}

#[test]
fn a_missing_end_is_set_to_the_start_and_is_not_one_before_it() {
    let (span, kinds) = repaired(|span| span.end = UnixNanos::new(0));
    assert_eq!(span.end, span.start);
    assert_eq!(kinds, ["end_missing"], "no end was received");
    assert_eq!(span.attributes.get(semconv::SENT_END_NS), None);
}

#[test]
fn a_start_of_zero_is_set_to_the_end() {
    let (span, kinds) = repaired(|span| span.start = UnixNanos::new(0));
    assert_eq!((span.start, span.end), (clean_span().end, clean_span().end));
    assert_eq!(kinds, ["start_missing"]);
}

#[test]
fn a_long_span_keeps_its_end_and_is_not_late() {
    for days in [1, 2, 50] {
        let (span, kinds) = repaired(|span| {
            span.end = NOW;
            span.start = NOW.saturating_add(-days * UnixNanos::PER_DAY - 1);
        });
        assert_eq!((span.end, &kinds[..]), (NOW, &[][..] as &[&str]), "{days}");
        assert_eq!(span.attributes.get(semconv::SENT_END_NS), None);
    }
}

#[test]
fn a_span_that_ended_long_ago_is_late_and_its_clock_is_not_blamed() {
    for lasts in [0, 5, 10 * UnixNanos::PER_DAY] {
        let (span, kinds) = repaired(|span| {
            span.end = NOW.saturating_add(-2 * UnixNanos::PER_DAY - 1);
            span.start = span.end.saturating_add(-lasts);
        });
        assert_eq!(kinds, ["arrived_late"]);
        assert_eq!(span.duration_ns(), lasts);
    }
}

#[test]
fn an_end_far_ahead_is_moved_and_recorded() {
    let (span, kinds) = repaired(|span| span.end = UnixNanos::new(i64::MAX));
    assert_eq!(span.duration_ns(), UnixNanos::PER_DAY);
    assert_eq!(kinds, ["end_ahead"]);
    assert_eq!(
        span.attributes.get(semconv::SENT_END_NS),
        Some(&i64::MAX.into())
    );
}

#[test]
fn invalid_times_are_rejected() {
    for (start, end, reason) in [
        (-1, 5, "start_ns: is before 1970"),
        (5, -1, "end_ns: is before 1970"),
        (i64::MIN, i64::MIN, "start_ns: is before 1970"),
        (0, 0, "start_ns: is zero, and so is end_ns"),
    ] {
        let mut span = clean_span();
        (span.start, span.end) = (UnixNanos::new(start), UnixNanos::new(end));
        assert_eq!(check(span).expect_err("rejected").to_string(), reason);
    }
}

#[test]
fn a_time_ten_years_ahead_is_rejected_and_one_an_hour_ahead_is_marked() {
    let ahead = |by: i64| {
        let mut span = clean_span();
        span.start = NOW.saturating_add(by);
        span.end = span.start.saturating_add(1);
        check(span)
    };
    let error = ahead(3650 * UnixNanos::PER_DAY).expect_err("rejected");
    assert_eq!(
        error.to_string(),
        "start_ns: is 3650 days ahead of the server's clock, more than 24 h"
    );
    let error = ahead(2 * UnixNanos::PER_DAY).expect_err("rejected");
    assert_eq!(
        error.to_string(),
        "start_ns: is 48 h ahead of the server's clock, more than 24 h"
    );
    assert!(ahead(UnixNanos::PER_DAY + 1).is_err());
    for by in [UnixNanos::PER_DAY - 1, UnixNanos::PER_HOUR] {
        let span = ahead(by).expect("is kept");
        assert_eq!(span.start, NOW.saturating_add(by));
        let kinds = RepairSet::of(&span.attributes);
        assert_eq!(kinds, RepairSet::from_iter([Repair::ClockSkewed]));
    }
    for by in [UnixNanos::PER_MINUTE, -UnixNanos::PER_DAY] {
        let span = ahead(by).expect("is kept");
        assert!(RepairSet::of(&span.attributes).is_empty());
    }
}

#[test]
fn an_event_without_a_time_gets_the_start_of_its_span() {
    for time in [0, -5] {
        let (span, kinds) = repaired(|span| {
            span.events = vec![SpanEvent {
                time: UnixNanos::new(time),
                ..event(Attributes::EMPTY)
            }];
        });
        assert_eq!(span.events[0].time, span.start);
        assert_eq!(kinds, ["event_time_missing"]);
    }
}
