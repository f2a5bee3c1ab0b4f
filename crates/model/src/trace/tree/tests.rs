//! Tests of trees of odd, broken and very large traces.

use proptest::prelude::*;
use throughline_wire::{SpanKind, StatusCode, TraceId, UnixNanos};

use super::*;
use crate::{Completeness, TraceSummary};

fn span(id: i64, parent: Option<i64>, start: i64) -> SkeletonSpan {
    SkeletonSpan {
        span_id: SpanId::from_i64(id).expect("not zero"),
        parent_span_id: parent.map(|id| SpanId::from_i64(id).expect("not zero")),
        name: format!("span {id}"),
        kind: SpanKind::Internal,
        service: 0,
        start: UnixNanos::new(start),
        duration_ns: 10,
        status: StatusCode::Unset,
        events: Vec::new(),
    }
}

fn trace(spans: Vec<SkeletonSpan>) -> TraceSkeleton {
    TraceSkeleton {
        unmarked_spans: 0,
        summary: TraceSummary {
            trace_id: TraceId::from_bytes([1; 16]).expect("not zero"),
            start: UnixNanos::new(0),
            duration_ns: 10,
            root_name: "root".to_owned(),
            root_service: "shop".to_owned(),
            root_kind: SpanKind::Server,
            root_duration_ns: 10,
            has_root: true,
            services: vec!["shop".to_owned()],
            has_more_services: false,
            span_count: spans.len() as u64,
            error_count: 0,
            error: None,
            open: None,
            is_pinned: false,
            user: None,
            session: None,
            matched_span: None,
        },
        services: vec!["shop".to_owned()],
        spans,
        completeness: Completeness::default(),
        open: Vec::new(),
    }
}

/// Returns `(depth, id)` of each row. The id of a missing parent is negated.
fn outline(skeleton: &TraceSkeleton) -> Vec<(u32, i64)> {
    let rows = TraceTree::of(skeleton).rows;
    rows.iter()
        .map(|row| match row.item {
            TreeItem::Span(at) => (row.depth, skeleton.spans[at].span_id.to_i64()),
            TreeItem::MissingParent(id) => (row.depth, -id.to_i64()),
        })
        .collect()
}

#[test]
fn children_stand_below_their_parents_by_start() {
    let skeleton = trace(vec![
        span(1, None, 0),
        span(2, Some(1), 50),
        span(3, Some(1), 10),
        span(4, Some(3), 20),
        span(5, None, 5),
    ]);
    assert_eq!(outline(&skeleton), [(0, 1), (1, 3), (2, 4), (1, 2), (0, 5)]);
    let sizes: Vec<u32> = TraceTree::of(&skeleton)
        .rows
        .iter()
        .map(|row| row.size)
        .collect();
    assert_eq!(sizes, [4, 2, 1, 1, 1]);
}

#[test]
fn spans_whose_parent_has_not_come_stand_under_one_marker() {
    let skeleton = trace(vec![
        span(1, None, 0),
        span(2, Some(9), 1),
        span(3, Some(9), 2),
        span(4, Some(2), 3),
    ]);
    assert_eq!(
        outline(&skeleton),
        [(0, 1), (0, -9), (1, 2), (2, 4), (1, 3)]
    );
    let tree = TraceTree::of(&skeleton);
    let orphans: Vec<bool> = tree.rows.iter().map(|row| row.oddity.orphan).collect();
    assert_eq!(orphans, [false, false, true, false, true]);
}

#[test]
fn a_span_that_is_its_own_parent_is_a_marked_root() {
    let tree = TraceTree::of(&trace(vec![span(1, Some(1), 0), span(2, Some(1), 1)]));
    assert!(tree.rows[0].oddity.cycle_cut);
    assert_eq!((tree.rows[0].size, tree.rows[1].depth), (2, 1));
}

#[test]
fn a_cycle_is_cut_above_its_earliest_span() {
    // Span 4 is a child of the cycle 1 -> 3 -> 2 -> 1. Span 2 is the earliest of the cycle.
    let skeleton = trace(vec![
        span(1, Some(2), 30),
        span(2, Some(3), 10),
        span(3, Some(1), 20),
        span(4, Some(1), 5),
    ]);
    assert_eq!(outline(&skeleton), [(0, 2), (1, 1), (2, 4), (2, 3)]);
    let tree = TraceTree::of(&skeleton);
    let cut = tree.rows.iter().filter(|row| row.oddity.cycle_cut).count();
    assert_eq!((cut, tree.rows[0].oddity.cycle_cut), (1, true));
}

#[test]
fn a_cycle_of_a_thousand_is_cut_once() {
    let spans = (1..=1000)
        .map(|id| span(id, Some(id % 1000 + 1), id))
        .collect();
    let tree = TraceTree::of(&trace(spans));
    let cut: Vec<&TreeRow> = tree
        .rows
        .iter()
        .filter(|row| row.oddity.cycle_cut)
        .collect();
    assert_eq!((tree.rows.len(), cut.len()), (1000, 1));
    assert_eq!(cut[0].item, TreeItem::Span(0));
}

#[test]
fn a_chain_of_a_hundred_thousand_is_a_tree() {
    let spans = (1..=100_000)
        .map(|id| span(id, (id > 1).then_some(id - 1), id))
        .collect();
    let tree = TraceTree::of(&trace(spans));
    assert_eq!(tree.rows.len(), 100_000);
    assert_eq!(tree.rows[0].size, 100_000);
    assert_eq!(tree.rows[99_999].depth, 99_999);
}

#[test]
fn a_child_belongs_to_the_half_of_a_shared_span_in_its_own_service() {
    let mut server_half = span(2, Some(1), 2);
    server_half.service = 1;
    let mut child = span(3, Some(2), 3);
    child.service = 1;
    let skeleton = trace(vec![
        span(1, None, 0),
        span(2, Some(1), 1),
        server_half,
        child,
    ]);
    let tree = TraceTree::of(&skeleton);
    let items: Vec<TreeItem> = tree.rows.iter().map(|row| row.item).collect();
    assert_eq!(items, [0, 1, 2, 3].map(TreeItem::Span));
    assert_eq!((tree.rows[2].size, tree.rows[3].depth), (2, 2));
    assert!(tree.rows[1].oddity.duplicate_id && tree.rows[2].oddity.duplicate_id);
}

/// Returns the spans of a call whose halves share the id 2, with a child of each half, and a span
/// of a service without a half.
fn shared_call() -> Vec<SkeletonSpan> {
    let of = |id, parent, start, kind, service| SkeletonSpan {
        kind,
        service,
        ..span(id, parent, start)
    };
    vec![
        of(1, None, 0, SpanKind::Server, 0),
        of(2, Some(1), 1, SpanKind::Client, 0),
        of(2, Some(1), 2, SpanKind::Server, 1),
        of(3, Some(2), 3, SpanKind::Internal, 1),
        of(4, Some(2), 4, SpanKind::Internal, 0),
        of(5, Some(2), 5, SpanKind::Internal, 2),
    ]
}

#[test]
fn a_server_that_shares_its_callers_id_is_its_child_in_any_order() {
    let spans = shared_call();
    for first in 0..spans.len() {
        for sent_parent in [Some(1), None, Some(2)] {
            let mut spans = spans.clone();
            spans[2].parent_span_id = sent_parent.and_then(|id| SpanId::from_i64(id).ok());
            spans.rotate_left(first);
            for skeleton in [trace(spans.clone()), {
                spans.reverse();
                trace(spans)
            }] {
                let rows = TraceTree::of(&skeleton).rows;
                let outline = outline(&skeleton);
                let expected = [(0, 1), (1, 2), (2, 2), (3, 3), (3, 5), (2, 4)];
                assert_eq!(outline, expected, "{first} {sent_parent:?}");
                assert!(rows.iter().all(|row| row.oddity == Oddity::default()));
            }
        }
    }
}

#[test]
fn a_half_alone_and_a_server_with_another_parent_stay_as_sent() {
    // The caller's half has not come, or the server's is the root.
    for parent in [Some(1), None] {
        let mut spans = shared_call();
        spans.remove(1);
        spans[1].parent_span_id = parent.and_then(|id| SpanId::from_i64(id).ok());
        let depth = u32::from(parent.is_some());
        let outline = outline(&trace(spans));
        assert_eq!(outline[..3], [(0, 1), (depth, 2), (depth + 1, 3)]);
    }
    let mut spans = shared_call();
    spans[2].parent_span_id = SpanId::from_i64(9).ok();
    spans.push(span(9, Some(1), 0));
    let outline = outline(&trace(spans));
    assert!(
        outline.starts_with(&[(0, 1), (1, 9), (2, 2), (3, 3)]),
        "{outline:?}"
    );
}

#[test]
fn several_consumers_of_one_message_are_children_of_its_producer() {
    let mut spans = shared_call();
    spans[1].kind = SpanKind::Producer;
    spans[2].kind = SpanKind::Consumer;
    spans.truncate(3);
    spans.push(SkeletonSpan {
        service: 3,
        start: UnixNanos::new(9),
        ..spans[2].clone()
    });
    let skeleton = trace(spans);
    assert_eq!(outline(&skeleton), [(0, 1), (1, 2), (2, 2), (2, 2)]);
}

#[test]
fn a_collapsed_row_hides_its_subtree_only() {
    let skeleton = trace(vec![
        span(1, None, 0),
        span(2, Some(1), 1),
        span(3, Some(2), 2),
        span(4, Some(1), 3),
    ]);
    let visible = TraceTree::of(&skeleton).visible(|row| row == 1);
    assert_eq!(visible, [true, true, false, true]);
}

proptest! {
    #[test]
    fn every_span_stands_on_one_row_below_its_parent(
        // Few ids, so that cycles, duplicates and missing parents are common.
        drafts in prop::collection::vec(
            (1_i64..40, prop::option::of(1_i64..60), 0_i64..100), 0..80,
        )
    ) {
        let skeleton = trace(
            drafts.into_iter().map(|(id, parent, start)| span(id, parent, start)).collect(),
        );
        let rows = TraceTree::of(&skeleton).rows;
        let mut seen = vec![0; skeleton.spans.len()];
        let mut path: Vec<TreeItem> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            prop_assert!(row.depth as usize <= path.len(), "no level is skipped");
            path.truncate(row.depth as usize);
            let end = at + row.size as usize;
            prop_assert!(end <= rows.len());
            prop_assert!(rows[at + 1..end].iter().all(|below| below.depth > row.depth));
            prop_assert!(rows.get(end).is_none_or(|next| next.depth <= row.depth));
            if let TreeItem::Span(index) = row.item {
                seen[index] += 1;
                let span = &skeleton.spans[index];
                match path.last() {
                    None => prop_assert!(span.parent_span_id.is_none() || row.oddity.cycle_cut),
                    Some(TreeItem::MissingParent(id)) => {
                        prop_assert_eq!(span.parent_span_id, Some(*id));
                        prop_assert!(row.oddity.orphan);
                    }
                    Some(TreeItem::Span(parent)) => {
                        prop_assert_eq!(span.parent_span_id, Some(skeleton.spans[*parent].span_id));
                    }
                }
            }
            path.push(row.item);
        }
        prop_assert!(seen.iter().all(|count| *count == 1));
    }
}
