//! Tests that consecutive pages neither repeat nor lose a trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use throughline_model::{
    Cursor, Direction, Page, PageRequest, TraceFilter, TraceReader, TraceSummary,
};
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::{TenantId, UnixNanos};

use crate::support::{Fixture, batch, lone};

const SERVICE: &str = "shop";

/// Returns `count` traces that begin a microsecond apart, the first at `start`. Those that
/// `is_pair` selects have two spans.
fn traces(ids: &mut Ids, start: UnixNanos, count: i64, is_pair: impl Fn(i64) -> bool) -> Vec<Sent> {
    (0..count)
        .flat_map(|at| {
            let first = lone("work", ids).starts(start.saturating_add(at * 1_000));
            let first = first.build();
            let second = is_pair(at).then(|| {
                let second = span("step").in_trace(first.trace_id).id(ids.span_id());
                second.child_of(&first).starts(first.start).build()
            });
            [Some(first), second].into_iter().flatten()
        })
        .map(|span| Sent::by(SERVICE, span))
        .collect()
}

/// Returns a filter for traces of at least two spans. Such a search has a time limit.
fn pairs() -> TraceFilter {
    TraceFilter {
        service: Some(SERVICE.to_owned()),
        min_spans: Some(2),
        ..TraceFilter::default()
    }
}

async fn page(reader: &dyn TraceReader, from: Option<(Direction, Cursor)>) -> Page<TraceSummary> {
    let request = PageRequest {
        limit: PageRequest::MAX_LIMIT,
        from,
    };
    let page = reader.list_traces(&pairs(), request).await;
    page.expect("lists")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consecutive_pages_share_no_trace_while_spans_arrive() {
    let fixture = Arc::new(Fixture::new().await);
    let mut ids = Ids::seeded(270);
    let sent = traces(&mut ids, fixture.at_ms(-60_000), 6_000, |at| at % 10 == 0);
    // Two blocks, so that a search stops after the first one even without new spans.
    for half in sent.chunks(sent.len() / 2) {
        fixture.write(half).await;
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let arriving = tokio::spawn({
        let (fixture, is_over) = (Arc::clone(&fixture), Arc::clone(&is_over));
        async move {
            let mut at = 0;
            while !is_over.load(Ordering::Relaxed) {
                let start = fixture.at_ms(-50_000 + at);
                let sent = traces(&mut ids, start, 100, |at| at % 10 == 0);
                let stored = fixture.store.writer().submit(batch(&sent)).await;
                stored.expect("is stored");
                at += 1;
            }
        }
    });
    let hasty = fixture.hasty(500);
    let reader = hasty.reader(TenantId::DEFAULT);
    for _ in 0..40 {
        let first = page(&*reader, None).await;
        let searched_to = first.searched_to.expect("stops at a bound");
        let oldest = first.items.last().expect("some are found");
        assert!(oldest.start >= searched_to, "found beyond where it stopped");
        let after = first.after.expect("goes on");
        let second = page(&*reader, Some((Direction::After, after))).await;
        let is_again = |trace: &TraceSummary| {
            first
                .items
                .iter()
                .any(|known| known.trace_id == trace.trace_id)
        };
        assert_eq!(
            second.items.iter().filter(|trace| is_again(trace)).count(),
            0
        );
    }
    is_over.store(true, Ordering::Relaxed);
    arriving.await.expect("writes");
}

#[tokio::test]
async fn an_empty_page_has_a_cursor_back_to_the_previous_traces() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(271);
    // The one match is the oldest.
    let sent = traces(&mut ids, fixture.at_ms(-60_000), 100, |at| at == 0);
    fixture.write(&sent).await;
    let reader = fixture.reader();
    let found = page(&*reader, None).await.items;
    let at = Cursor {
        start: found[0].start,
        trace_id: found[0].trace_id,
    };
    let empty = page(&*reader, Some((Direction::After, at))).await;
    assert_eq!(empty.items, []);
    let back = empty.before.expect("leads back");
    let before = page(&*reader, Some((Direction::Before, back))).await;
    assert_eq!(before.items, found);
}
