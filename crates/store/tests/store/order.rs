//! The spans of a trace have one order, wherever they are read.

use throughline_model::{TraceFilter, TraceTree, TreeItem};
use throughline_testkit::{Ids, Sent, order_of, span};
use throughline_wire::{Span, SpanId, TenantId};

use crate::support::{Fixture, lone};

/// A root and `count` children that begin with it: of few durations, with IDs of both halves.
fn started_together(fixture: &Fixture, ids: &mut Ids, count: usize) -> Vec<Span> {
    let root = lone("root", ids).starts(fixture.now).lasts(1_000).build();
    let mut spans = vec![root.clone()];
    for at in 0..count {
        let id = ids.span_id().to_i64() & i64::MAX;
        let id = if at % 2 == 0 { id } else { id | i64::MIN };
        let child = span("child").id(SpanId::from_i64(id).expect("is not zero"));
        let child = child.child_of(&root).starts(root.start);
        spans.push(child.lasts(ids.below(4) as i64 * 10).build());
    }
    spans
}

fn sent(spans: &[Span]) -> Vec<Sent> {
    let spans = spans.iter().cloned();
    spans.map(|span| Sent::by("shop", span)).collect()
}

#[tokio::test]
async fn spans_that_start_together_have_one_order_in_page_api_and_sql() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(330);
    let mut spans = started_together(&fixture, &mut ids, 5_600);
    // The root comes last, and every block has spans of every place.
    spans.reverse();
    for part in spans.chunks(2_000) {
        fixture.write(&sent(part)).await;
    }
    spans.sort_by_key(order_of);
    let expected: Vec<SpanId> = spans.iter().map(|span| span.span_id).collect();
    let trace_id = spans[0].trace_id;
    let reader = fixture.store.reader(TenantId::DEFAULT);

    let mut paged = Vec::new();
    let mut pages = 0;
    let mut after = None;
    loop {
        let page = reader.trace(trace_id, after).await;
        let page = page.expect("reads").expect("exists");
        paged.extend(page.spans.iter().map(|stored| stored.span.span_id));
        pages += 1;
        // A cursor goes through a URL.
        after = page.after.map(|cursor| {
            let text = cursor.to_string();
            text.parse().expect("reads back")
        });
        if after.is_none() {
            break;
        }
    }
    assert!(pages > 1);
    assert!(paged == expected, "the pages of the API");

    let skeleton = reader.trace_skeleton(trace_id).await;
    let skeleton = skeleton.expect("reads").expect("exists");
    let drawn: Vec<SpanId> = skeleton.spans.iter().map(|span| span.span_id).collect();
    assert!(drawn == expected, "the skeleton");
    let tree = TraceTree::of(&skeleton);
    let rows = tree.rows.iter().map(|row| match row.item {
        TreeItem::Span(at) => skeleton.spans[at].span_id,
        TreeItem::MissingParent(id) => id,
    });
    assert!(rows.eq(expected.iter().copied()), "the rows of the page");

    let mut connection = fixture.database.connection().await;
    let lines: Vec<String> = sqlx::query_scalar("SELECT span_id FROM trace_timeline($1)")
        .bind(trace_id.to_string())
        .fetch_all(&mut connection)
        .await
        .expect("answers");
    let texts: Vec<String> = expected.iter().map(ToString::to_string).collect();
    assert!(lines == texts, "trace_timeline");
}

#[tokio::test]
async fn of_roots_that_start_together_the_first_is_the_root_in_any_order_of_arrival() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(331);
    for turn in 0..4 {
        let mut spans = started_together(&fixture, &mut ids, 6);
        for span in &mut spans {
            span.parent_span_id = None;
        }
        spans.remove(0);
        spans.rotate_left(turn);
        for span in &spans {
            fixture.write(&sent(core::slice::from_ref(span))).await;
        }
        let first = spans.iter().min_by_key(|span| order_of(span));
        let first = first.expect("there are some");
        let trace = fixture.trace(first.trace_id).await;
        assert_eq!(trace.summary.root_duration_ns, first.duration_ns());
        assert_eq!(trace.spans[0].span.span_id, first.span_id);
        let all = fixture.list(&TraceFilter::default()).await;
        let row = all.iter().find(|row| row.trace_id == first.trace_id);
        assert_eq!(
            row.expect("is listed").root_duration_ns,
            first.duration_ns()
        );
    }
}
