//! Postgres is killed in the middle of a retention run. The next run finishes it, and the kept
//! traces are complete.

use std::collections::BTreeSet;
use std::time::Duration;

use throughline_model::{PageRequest, RetentionRules, TimeRange, TraceFilter};
use throughline_server::clock::Clock;
use throughline_store::testing::no_limit;
use throughline_store::{Retain, Rewrite, SpanGroup, Store, StoreOptions, WriteBatch};
use throughline_testkit::{Ids, span};
use throughline_wire::{Span, TenantId, TraceId, UnixNanos};
use tokio::time::sleep;

use crate::program::{Program, data_dir};

const DAY: i64 = UnixNanos::PER_DAY;
/// The traces of each day. Half of them are kept.
const TRACES: usize = 160;

/// Returns noon of today: the partitions depend on the database's clock.
fn noon() -> UnixNanos {
    let now = Clock::system().now().get();
    UnixNanos::new(now - now.rem_euclid(DAY) + DAY / 2)
}

fn connect(url: &str, now: UnixNanos) -> Store {
    Store::connect_lazy(url, StoreOptions::new(move || now)).expect("an address")
}

/// Returns spans of three days with a large value each. The failed ones are kept.
fn spans(noon: UnixNanos) -> Vec<Span> {
    let mut ids = Ids::seeded(31);
    let mut spans = Vec::new();
    for days_ago in [8, 9, 12] {
        for at in 0..TRACES {
            let start = noon.saturating_add(-days_ago * DAY);
            let mut span = span("work")
                .in_trace(ids.trace_id())
                .id(ids.span_id())
                .starts(start)
                .with("body", format!("{at} of {days_ago} ").repeat(2_000));
            if at % 2 == 0 {
                span = span.error("broken");
            }
            spans.push(span.build());
        }
    }
    spans
}

async fn write(url: &str, noon: UnixNanos, spans: &[Span]) {
    for days_ago in [8, 9, 12] {
        // The spans of each day arrive on that day.
        let day = noon.saturating_add(-days_ago * DAY);
        let of_day = spans.iter().filter(|span| span.start == day);
        let group = SpanGroup {
            spans: of_day.cloned().collect(),
            ..SpanGroup::default()
        };
        let batch = WriteBatch {
            tenant: TenantId::DEFAULT,
            groups: vec![group],
        };
        let store = connect(url, day);
        let outcome = store.writer().submit(batch).await.expect("is stored");
        assert_eq!(outcome.received, TRACES as u64);
        store.close().await;
    }
}

/// Returns the store as soon as Postgres, which restarts by itself, responds.
async fn back(url: &str, noon: UnixNanos) -> Store {
    let store = connect(url, noon);
    for _ in 0..300 {
        if store.migrate().await.is_ok() {
            return store;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("Postgres is not back within half a minute");
}

async fn listed(store: &Store, noon: UnixNanos) -> BTreeSet<TraceId> {
    let reader = store.reader(TenantId::DEFAULT);
    let filter = TraceFilter {
        range: TimeRange::Between(UnixNanos::new(0), noon),
        ..TraceFilter::default()
    };
    let mut listed = BTreeSet::new();
    let mut from = None;
    loop {
        let limit = PageRequest::MAX_LIMIT;
        let page = reader.list_traces(&filter, PageRequest { limit, from });
        let page = page.await.expect("lists");
        listed.extend(page.items.iter().map(|trace| trace.trace_id));
        match page.after {
            Some(after) => from = Some((throughline_model::Direction::After, after)),
            None => return listed,
        }
    }
}

async fn assert_whole(store: &Store, kept: &[&Span]) {
    let reader = store.reader(TenantId::DEFAULT);
    for span in kept {
        let trace = reader.trace(span.trace_id, None).await.expect("reads");
        let trace = trace.expect("is there");
        assert_eq!(trace.spans.len(), 1);
        assert_eq!(trace.spans[0].span, **span);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_postgres_during_a_retention_run_loses_no_kept_trace() {
    let noon = noon();
    let folder = data_dir();
    let (postgres, url) = Program::postgres(folder.path()).await;
    let store = connect(&url, noon);
    store.migrate().await.expect("migrates");
    let spans = spans(noon);
    write(&url, noon, &spans).await;
    store.close().await;
    let is_kept = |span: &&Span| span.status.code == throughline_wire::StatusCode::Error;
    let kept: Vec<&Span> = spans.iter().filter(is_kept).collect();
    let retain = Retain {
        rules: RetentionRules::default(),
        now: noon,
        trusts_clock: true,
        rewrite: Rewrite::Now,
        is_dry_run: false,
    };
    // The duration of a run is unknown. Each kill comes later than the one before, until a run ends
    // before it.
    let mut killed = 0;
    let mut delay = Duration::from_millis(20);
    let report = loop {
        let store = connect(&url, noon);
        let gauge = no_limit();
        let run = store.retain_once(retain, &gauge);
        tokio::pin!(run);
        tokio::select! {
            report = &mut run => break report.expect("nothing is in its way"),
            () = sleep(delay) => {}
        }
        postgres.kill_postgres();
        // The run may have ended just before the kill.
        killed += usize::from(run.await.is_err());
        let store = back(&url, noon).await;
        let left = listed(&store, noon).await;
        assert!(kept.iter().all(|span| left.contains(&span.trace_id)));
        assert_whole(&store, &kept[..10]).await;
        store.close().await;
        delay *= 3;
    };
    assert!(killed > 0, "a run ended within {delay:?}");
    let store = connect(&url, noon);
    assert_eq!(report.postponed_days, 0);
    let expected: BTreeSet<_> = kept.iter().map(|span| span.trace_id).collect();
    assert_eq!(listed(&store, noon).await, expected);
    assert_whole(&store, &kept).await;
    let count = async |sql| throughline_store::testing::count(&url, sql).await;
    assert_eq!(
        throughline_store::testing::count_spans(&url).await,
        kept.len() as i64
    );
    assert_eq!(
        count("SELECT count(*) FROM payloads").await,
        kept.len() as i64
    );
    let copies = "SELECT count(*) FROM pg_class WHERE relname LIKE '%kept'";
    assert_eq!(count(copies).await, 0);
    store.close().await;
    assert!(postgres.stop().await.success());
}
