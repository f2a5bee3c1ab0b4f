//! Tests that the rows of traces do not depend on the order and the batches of the spans.

use throughline_model::TraceFilter;
use throughline_testkit::{Ids, Sent, summaries_of};
use throughline_wire::{Span, UnixNanos};

use crate::support::{Fixture, lone};

/// Returns conflicting spans of one trace: several roots or none, equal starts, several users and
/// sessions, errors, overlapping ends, reused ids.
fn contentious(ids: &mut Ids, now: UnixNanos) -> Vec<Sent> {
    let trace_id = ids.trace_id();
    let count = 2 + ids.below(12);
    let shared_id = ids.span_id();
    (0..count)
        .map(|at| {
            let mut span: Span = lone("work", ids)
                .in_trace(trace_id)
                .starts(now.saturating_add(ids.below(4) as i64 * 1_000))
                .lasts(ids.below(5) as i64 * 700)
                .build();
            span.name = format!("work {}", ids.below(4)).into();
            if ids.below(4) != 0 {
                span.parent_span_id = Some(ids.span_id());
            }
            if ids.below(3) == 0 {
                span.span_id = shared_id;
                span.attributes.insert("which", at as i64);
            }
            if ids.below(3) == 0 {
                span.status = throughline_wire::Status::error(format!("no {}", ids.below(3)));
            }
            let user = format!("user {}", ids.below(3));
            match ids.below(4) {
                0 => span.attributes.insert("user.id", user),
                1 => span.attributes.insert("enduser.id", user),
                _ => {}
            }
            if ids.below(2) == 0 {
                span.attributes
                    .insert("session.id", format!("session {}", ids.below(3)));
            }
            Sent::by(["shop", "cart", "jobs"][ids.below(3) as usize], span)
        })
        .collect()
}

fn shuffled(sent: &[Sent], ids: &mut Ids) -> Vec<Sent> {
    let mut shuffled = sent.to_vec();
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, ids.below(at as u64 + 1) as usize);
    }
    shuffled
}

/// Writes the spans in batches of random sizes, one commit each.
async fn write_in_pieces(fixture: &Fixture, mut sent: &[Sent], ids: &mut Ids) {
    while !sent.is_empty() {
        let (piece, rest) = sent.split_at(1 + ids.below(sent.len() as u64) as usize);
        fixture.write(piece).await;
        sent = rest;
    }
}

#[tokio::test]
async fn trace_rows_do_not_depend_on_the_order_or_the_batches_of_the_spans() {
    let (one, other) = (Fixture::new().await, Fixture::new().await);
    let mut ids = Ids::seeded(11);
    let mut all: Vec<Sent> = Vec::new();
    for _ in 0..12 {
        all.extend(contentious(&mut ids, one.now));
    }
    one.write(&all).await;
    write_in_pieces(&other, &shuffled(&all, &mut ids), &mut ids).await;
    let filter = TraceFilter {
        range: throughline_model::TimeRange::Between(one.now, one.at_ms(1_000)),
        ..TraceFilter::default()
    };
    let (at_once, in_pieces) = (one.list(&filter).await, other.list(&filter).await);
    assert_eq!(at_once.len(), 12);
    let causes =
        "SELECT coalesce(sum(hashtextextended(error_message, 0)::numeric % 1000003), 0)::bigint
        FROM traces";
    assert_ne!(one.count(causes).await, 0);
    assert_eq!(one.count(causes).await, other.count(causes).await);
    assert_eq!(at_once, in_pieces);
    // If two spans have the same parent, start and id, the plain computation may choose the other
    // one. Everything else must be equal.
    for (stored, plain) in at_once.iter().zip(summaries_of(&all)) {
        assert_eq!(stored.trace_id, plain.trace_id);
        assert_eq!(stored.start, plain.start);
        assert_eq!(stored.duration_ns, plain.duration_ns);
        assert_eq!(stored.has_root, plain.has_root);
        assert_eq!(stored.services, plain.services);
        assert_eq!(stored.span_count, plain.span_count);
        assert_eq!(stored.error_count, plain.error_count);
        assert_eq!(stored.user.is_some(), plain.user.is_some());
        assert_eq!(stored.session.is_some(), plain.session.is_some());
    }
}

#[tokio::test]
async fn a_trace_without_root_is_listed_as_such_until_the_root_arrives() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(12);
    let root = lone("click", &mut ids)
        .starts(fixture.at_ms(0))
        .lasts(50_000_000)
        .build();
    let child = throughline_testkit::span("late child")
        .id(ids.span_id())
        .child_of(&root)
        .user("grace")
        .starts(fixture.at_ms(5))
        .build();

    fixture.write(&[Sent::by("shop", child)]).await;
    let before = fixture.list(&TraceFilter::default()).await.remove(0);
    assert!(!before.has_root);
    assert_eq!(
        (before.root_name.as_str(), before.root_service.as_str()),
        ("late child", "shop")
    );

    fixture.write(&[Sent::by("front", root.clone())]).await;
    let after = fixture.list(&TraceFilter::default()).await.remove(0);
    assert!(after.has_root);
    assert_eq!(
        (after.root_name.as_str(), after.root_service.as_str()),
        ("click", "front")
    );
    assert_eq!(after.root_duration_ns, 50_000_000);
    assert_eq!(after.start, root.start);
    assert_eq!(after.user.as_deref(), Some("grace"));
    assert_eq!(after.services, ["front", "shop"]);
}

#[tokio::test]
async fn the_user_of_the_root_wins_over_the_user_of_an_earlier_span() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(13);
    let root = lone("root", &mut ids)
        .user("root")
        .starts(fixture.at_ms(10))
        .build();
    let early = throughline_testkit::span("early")
        .id(ids.span_id())
        .child_of(&root)
        .user("early")
        .session("early")
        .starts(fixture.at_ms(0))
        .build();
    fixture.write(&[Sent::by("shop", early)]).await;
    fixture.write(&[Sent::by("shop", root)]).await;
    let trace = fixture.list(&TraceFilter::default()).await.remove(0);
    assert_eq!(trace.user.as_deref(), Some("root"));
    assert_eq!(trace.session.as_deref(), Some("early"));
    assert_eq!(trace.root_name, "root");
    assert_eq!(trace.start, fixture.at_ms(0));
}

#[tokio::test]
async fn every_error_of_a_trace_is_found_by_its_text_and_the_last_one_is_listed() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(12);
    let trace_id = ids.trace_id();
    let failed = |ids: &mut Ids, after_ns: i64, message: String| {
        let span = lone("work", ids).in_trace(trace_id);
        let mut span = span.starts(fixture.now.saturating_add(after_ns)).build();
        span.status = throughline_wire::Status::error(message);
        Sent::by("shop", span)
    };
    let last = failed(&mut ids, 1_000, format!("Card REFUSED{}", "!".repeat(400)));
    let first = failed(&mut ids, 0, "the queue is full".to_owned());
    fixture.write(&[last]).await;
    fixture.write(&[first]).await;
    let found = async |text: &str| {
        let filter = TraceFilter {
            error: Some(text.to_owned()),
            ..TraceFilter::default()
        };
        fixture.list(&filter).await.len()
    };
    assert_eq!(found("card refused").await, 1);
    assert_eq!(found("queue").await, 1);
    let kept = fixture
        .count("SELECT max(length(error_message))::bigint FROM traces")
        .await;
    assert_eq!(kept, 256);
}
