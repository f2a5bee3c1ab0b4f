//! Tests of the completeness of traces with known sequence numbers.

use std::collections::BTreeSet;
use std::iter;

use proptest::prelude::*;
use throughline_wire::{ProcessId, SpanId, SpanKind, UnixNanos};

use super::*;

const NOW: UnixNanos = UnixNanos::new(1_700_000_000 * UnixNanos::PER_SECOND);

fn facts() -> ProcessFacts {
    ProcessFacts {
        process: ProcessId::from_i64(1).expect("is not zero"),
        in_trace: (5, 9),
        gaps: Vec::new(),
        rejected: Vec::new(),
        open: BTreeSet::new(),
        settled: 20,
        missing: 0,
        dropped: 0,
        drop_reasons: BTreeSet::new(),
        last_seen: NOW,
        ended: false,
        is_forgotten: false,
    }
}

fn completeness_of(process: ProcessFacts) -> Completeness {
    let trace = TraceFacts {
        spans: 4,
        ..TraceFacts::default()
    };
    Completeness::of(trace, &[process], &[], NOW)
}

fn open(fate: OpenFate) -> OpenSpan {
    OpenSpan {
        span_id: SpanId::from_i64(1).expect("is not zero"),
        parent_span_id: None,
        name: "send mail".to_owned(),
        kind: SpanKind::Client,
        service: "shop-worker".to_owned(),
        start: NOW,
        seen: NOW,
        fate,
    }
}

#[test]
fn nothing_missing_is_complete() {
    let completeness = completeness_of(facts());
    assert_eq!(completeness.state, CompletenessState::Complete);
    assert_eq!(completeness.to_string(), "4 of 4 spans, 0 bytes cut");
}

#[test]
fn a_number_between_or_beside_those_of_the_trace_is_lost_and_one_apart_is_not_its_own() {
    for (gap, lost) in [(6..7, 1), (3..5, 2), (10..12, 2), (2..4, 0), (11..13, 0)] {
        let completeness = completeness_of(ProcessFacts {
            gaps: vec![gap.clone()],
            missing: 2,
            ..facts()
        });
        assert_eq!(completeness.lost, lost, "{gap:?}");
        let state = if lost > 0 {
            CompletenessState::Missing
        } else {
            CompletenessState::Complete
        };
        assert_eq!(completeness.state, state, "{gap:?}");
    }
}

#[test]
fn a_number_that_is_not_settled_may_come_until_its_process_is_over() {
    let waiting = ProcessFacts {
        gaps: iter::once(7..8).collect(),
        settled: 7,
        ..facts()
    };
    let now = completeness_of(waiting.clone());
    assert_eq!((now.under_way, now.lost), (1, 0));
    assert_eq!(now.state, CompletenessState::Running);
    assert_eq!(now.to_string(), "1 span may be under way");
    for over in [
        ProcessFacts {
            ended: true,
            ..waiting.clone()
        },
        ProcessFacts {
            last_seen: NOW.saturating_add(-SILENCE_NS - 1),
            ..waiting
        },
    ] {
        let completeness = completeness_of(over);
        assert_eq!((completeness.under_way, completeness.lost), (0, 1));
    }
}

#[test]
fn dropped_spans_are_distinguished_from_lost_ones() {
    let gap = ProcessFacts {
        gaps: iter::once(6..8).collect(),
        missing: 2,
        dropped: 2,
        drop_reasons: ["queue_full".to_owned()].into(),
        ..facts()
    };
    let dropped = completeness_of(gap.clone());
    assert_eq!((dropped.dropped, dropped.lost), (2, 0));
    assert_eq!(
        dropped.to_string(),
        "2 spans dropped by the sender: queue full"
    );
    // One more span is missing than the process dropped. It may be one of these two.
    let lost = completeness_of(ProcessFacts { missing: 3, ..gap });
    assert_eq!((lost.dropped, lost.lost), (1, 1));
}

#[test]
fn refused_and_open_numbers_are_not_lost() {
    let completeness = completeness_of(ProcessFacts {
        gaps: iter::once(6..9).collect(),
        rejected: iter::once(6..7).collect(),
        open: [7, 8].into(),
        ..facts()
    });
    assert_eq!(
        (
            completeness.rejected,
            completeness.lost,
            completeness.under_way
        ),
        (1, 0, 0)
    );
    assert_eq!(completeness.to_string(), "1 span refused by the server");
}

#[test]
fn an_open_span_runs_until_its_process_does_not() {
    for (fate, state, words) in [
        (
            OpenFate::Running,
            CompletenessState::Running,
            "1 span still running in shop-worker",
        ),
        (
            OpenFate::ProcessDied,
            CompletenessState::Missing,
            "1 span did not end before shop-worker did",
        ),
        (
            OpenFate::ProcessEnded,
            CompletenessState::Missing,
            "1 span did not end before shop-worker did",
        ),
    ] {
        let completeness = Completeness::of(TraceFacts::default(), &[], &[open(fate)], NOW);
        assert_eq!(completeness.state, state);
        assert_eq!(completeness.to_string(), words);
    }
}

#[test]
fn a_sender_that_does_not_number_leaves_it_unknown() {
    let trace = TraceFacts {
        spans: 3,
        unnumbered: ["python-service".to_owned()].into(),
        ..TraceFacts::default()
    };
    let completeness = Completeness::of(trace, &[facts()], &[], NOW);
    assert_eq!(completeness.state, CompletenessState::Unknown);
    assert_eq!(
        completeness.to_string(),
        "unknown: python-service does not number its spans"
    );
}

#[test]
fn what_sampling_left_out_is_no_loss_and_other_reasons_stand_beside_it() {
    let left_out = |reasons: &[&str]| {
        completeness_of(ProcessFacts {
            gaps: iter::once(6..8).collect(),
            missing: 2,
            dropped: 2,
            drop_reasons: reasons.iter().map(|&reason| reason.to_owned()).collect(),
            ..facts()
        })
    };
    let sampled = left_out(&["unsampled"]);
    assert_eq!((sampled.sampled, sampled.dropped, sampled.lost), (2, 0, 0));
    assert_eq!(sampled.state, CompletenessState::Missing);
    assert_eq!(sampled.to_string(), "2 spans left out by sampling");
    let mixed = left_out(&["unsampled", "queue_full"]);
    assert_eq!((mixed.sampled, mixed.dropped), (0, 2));
}

#[test]
fn a_lost_span_does_not_make_the_dropped_ones_lost() {
    let of = |dropped, missing| {
        completeness_of(ProcessFacts {
            gaps: iter::once(1..101).collect(),
            settled: 200,
            in_trace: (0, 101),
            dropped,
            missing,
            drop_reasons: ["queue_full".to_owned()].into(),
            ..facts()
        })
    };
    for (dropped, missing, counts) in [
        (100, 100, (100, 0)),
        (51_454, 51_455, (99, 1)),
        (50, 100, (50, 50)),
        (51_454, 51_554, (0, 100)),
        (0, 100, (0, 100)),
    ] {
        let completeness = of(dropped, missing);
        let is = (completeness.dropped, completeness.lost);
        assert_eq!(is, counts, "{dropped} of {missing}");
    }
}

#[test]
fn absent_parents_are_explained_by_what_the_services_dropped_meanwhile() {
    let trace = TraceFacts {
        spans: 4,
        absent_parents: 1,
        dropped_meanwhile: vec![DroppedSpans {
            service: "shop".to_owned(),
            reason: "queue_full".to_owned(),
            span_count: 51_454,
        }],
        ..TraceFacts::default()
    };
    let completeness = Completeness::of(trace, &[facts()], &[], NOW);
    assert_eq!(
        completeness.to_string(),
        "1 span named as a parent and not received, meanwhile shop dropped 51454 spans: queue full"
    );
}

#[test]
fn of_gaps_that_are_forgotten_nobody_knows() {
    let completeness = completeness_of(ProcessFacts {
        is_forgotten: true,
        ..facts()
    });
    assert_eq!(completeness.state, CompletenessState::Unknown);
    assert!(
        completeness.to_string().contains("too many gaps"),
        "{completeness}"
    );
}

#[test]
fn what_a_trace_was_too_large_for_is_refused_whether_numbered_or_not() {
    let trace = TraceFacts {
        spans: 4,
        too_large: 7,
        ..TraceFacts::default()
    };
    let completeness = Completeness::of(trace, &[facts()], &[], NOW);
    assert_eq!((completeness.rejected, completeness.too_large), (7, 7));
    assert_eq!(completeness.state, CompletenessState::Missing);
}

#[test]
fn what_was_removed_for_lack_of_space_is_missing_and_no_sender_is_blamed() {
    let trace = TraceFacts {
        spans: 4,
        absent_parents: 1,
        pruned_before: Some(NOW),
        ..TraceFacts::default()
    };
    let completeness = Completeness::of(trace, &[facts()], &[], NOW);
    assert_eq!(completeness.state, CompletenessState::Missing);
    assert_eq!(
        completeness.to_string(),
        "what began before 2023-11-14 (UTC) was removed for lack of space"
    );
}

proptest! {
    #[test]
    fn the_order_of_what_is_known_does_not_matter(
        gaps in proptest::collection::vec((0_u64..40, 0_u64..5), 0..5),
        refused in proptest::collection::vec((0_u64..40, 0_u64..3), 0..3),
        settled in 0_u64..50,
        dropped in 0_u64..4,
        fates in proptest::collection::vec(0_usize..3, 0..4),
        ended: bool,
    ) {
        // Gaps of a multirange do not overlap.
        let numbers: BTreeSet<u64> = gaps.iter().flat_map(|(at, len)| *at..at + len).collect();
        let one = ProcessFacts {
            gaps: numbers.iter().map(|at| *at..at + 1).collect(),
            rejected: refused.iter().map(|(at, len)| *at..at + len).take(1).collect(),
            settled,
            dropped,
            missing: numbers.len() as u64,
            ended,
            ..facts()
        };
        let other = ProcessFacts { in_trace: (0, 3), ended: !ended, ..one.clone() };
        let mut open: Vec<_> = fates
            .into_iter()
            .map(|fate| open([OpenFate::Running, OpenFate::ProcessEnded, OpenFate::ProcessDied][fate]))
            .collect();
        let forth = Completeness::of(TraceFacts::default(), &[one.clone(), other.clone()], &open, NOW);
        open.reverse();
        let turned = |mut facts: ProcessFacts| {
            facts.gaps.reverse();
            facts.rejected.reverse();
            facts
        };
        let back = Completeness::of(TraceFacts::default(), &[turned(other), turned(one)], &open, NOW);
        prop_assert_eq!(&forth, &back);
        prop_assert!(!forth.to_string().is_empty());
    }
}
