//! Tests that filters select the matching traces and that pages cover the list.

use throughline_model::{
    AttributeCondition, Cursor, Direction, OperationMatch, PageRequest, StatusFilter, TimeRange,
    Total, TraceFilter, TraceSummary,
};
use throughline_store::StoreOptions;
use throughline_testkit::{Ids, Sent, selected, span, summaries_of};
use throughline_wire::{SpanKind, TenantId, UnixNanos};

use crate::support::{Fixture, lone};

/// Stores sixty traces that differ in every property of a filter. Some begin at the same instant.
pub(crate) fn varied(ids: &mut Ids, fixture: &Fixture) -> Vec<Sent> {
    let mut sent = Vec::new();
    let names = [
        "GET /cart",
        "POST /orders",
        "100% done",
        "a_b\\c",
        "AÉRO check",
    ];
    for at in 0..60_u64 {
        let back_ms = (ids.below(50) * 60_000) as i64;
        let mut root = lone(names[ids.below(5) as usize], ids)
            .starts(fixture.at_ms(-back_ms))
            .lasts(1 + ids.below(3_000_000_000) as i64);
        if ids.below(3) == 0 {
            root = root.user(format!("user {}", ids.below(4)));
        }
        if ids.below(3) == 0 {
            root = root.session(format!("session {}", ids.below(4)));
        }
        if ids.below(4) == 0 {
            root = root.error("failed");
        }
        if ids.below(3) == 0 {
            root = root.kind(SpanKind::Server);
        }
        let root = root
            .with("http.response.status_code", 200 + (at % 4) as i64)
            .build();
        if ids.below(2) == 0 {
            let child = span("child")
                .id(ids.span_id())
                .child_of(&root)
                .with(
                    "db.system.name",
                    ["postgresql", "redis"][ids.below(2) as usize],
                )
                .with("cache.hit", at % 3 == 0)
                .starts(root.start)
                .lasts(at as i64 * 100_000_000);
            sent.push(Sent::by("database", child.build()));
        }
        sent.push(Sent::by(["shop", "cart"][ids.below(2) as usize], root));
    }
    sent
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn contains(part: &str) -> OperationMatch {
    OperationMatch::Contains(text(part))
}

fn attribute(key: &str, value: &str) -> AttributeCondition {
    AttributeCondition {
        key: text(key),
        value: text(value),
    }
}

#[tokio::test]
async fn every_filter_alone_and_combined_selects_the_matching_traces() {
    let fixture = Fixture::new().await;
    let sent = varied(&mut Ids::seeded(21), &fixture);
    fixture.write(&sent).await;
    let all = summaries_of(&sent);
    let minutes = |from: i64, to: i64| {
        TimeRange::Between(fixture.at_ms(-from * 60_000), fixture.at_ms(-to * 60_000))
    };
    let with = |edit: &dyn Fn(&mut TraceFilter)| {
        let mut filter = TraceFilter::default();
        edit(&mut filter);
        filter
    };
    let filters = [
        with(&|_| {}),
        with(&|filter| filter.range = TimeRange::Last(20 * UnixNanos::PER_MINUTE)),
        with(&|filter| filter.range = minutes(30, 10)),
        with(&|filter| filter.service = Some(text("database"))),
        with(&|filter| filter.service = Some(text("cart"))),
        with(&|filter| filter.operation = Some(contains("/ORDERS"))),
        with(&|filter| filter.operation = Some(contains("aéro"))),
        with(&|filter| filter.operation = Some(contains("%"))),
        with(&|filter| filter.operation = Some(contains("_b\\"))),
        with(&|filter| filter.operation = Some(OperationMatch::Prefix(text("get /")))),
        with(&|filter| filter.operation = Some(OperationMatch::Exact(text("GET /cart")))),
        with(&|filter| filter.kind = Some(SpanKind::Server)),
        with(&|filter| filter.max_duration_ns = Some(1_000_000_000)),
        with(&|filter| filter.min_spans = Some(2)),
        with(&|filter| filter.max_spans = Some(1)),
        with(&|filter| filter.attributes = vec![attribute("db.system.name", "redis")]),
        with(&|filter| filter.attributes = vec![attribute("http.response.status_code", "202")]),
        with(&|filter| {
            filter.attributes = vec![
                attribute("http.response.status_code", "200"),
                attribute("cache.hit", "true"),
            ];
        }),
        with(&|filter| filter.status = Some(StatusFilter::Error)),
        with(&|filter| filter.status = Some(StatusFilter::Ok)),
        with(&|filter| filter.min_duration_ns = Some(2_000_000_000)),
        with(&|filter| filter.user = Some(text("user 1"))),
        with(&|filter| filter.session = Some(text("session 2"))),
        with(&|filter| {
            filter.range = minutes(45, 0);
            filter.service = Some(text("database"));
            filter.operation = Some(contains("o"));
            filter.kind = Some(SpanKind::Internal);
            filter.max_duration_ns = Some(5_000_000_000);
            filter.min_spans = Some(2);
            filter.attributes = vec![attribute("db.system.name", "postgresql")];
            filter.status = Some(StatusFilter::Ok);
            filter.min_duration_ns = Some(500_000_000);
        }),
    ];
    for filter in filters {
        let expected = selected(&sent, &filter, fixture.now);
        assert!(
            !expected.is_empty(),
            "{filter:?} selects nothing: the test is blunt"
        );
        assert!(
            filter == TraceFilter::default() || expected.len() < all.len(),
            "{filter:?}"
        );
        assert_eq!(fixture.list(&filter).await, expected, "{filter:?}");
        // The live view asks for the traces of a commit.
        let some: Vec<_> = all.iter().rev().step_by(2).cloned().collect();
        let live = fixture.reader().select_traces(&filter, &some).await;
        let live = live.expect("reads");
        let of_some =
            |trace: &TraceSummary| some.iter().any(|some| some.trace_id == trace.trace_id);
        let mut expected = expected;
        expected.retain(of_some);
        assert_eq!(
            crate::support::unmatched(live.traces),
            expected,
            "{filter:?}"
        );
        assert!(!live.is_cut);
    }
}

#[tokio::test]
async fn a_filter_without_a_match_returns_an_empty_page() {
    let fixture = Fixture::new().await;
    fixture.write(&varied(&mut Ids::seeded(22), &fixture)).await;
    for filter in [
        TraceFilter {
            service: Some(text("nobody")),
            ..TraceFilter::default()
        },
        TraceFilter {
            operation: Some(contains("' OR 1=1 --")),
            ..TraceFilter::default()
        },
        TraceFilter {
            user: Some(text("%")),
            ..TraceFilter::default()
        },
        TraceFilter {
            range: TimeRange::Between(UnixNanos::new(i64::MIN), UnixNanos::new(-1)),
            ..TraceFilter::default()
        },
    ] {
        let page = fixture
            .reader()
            .list_traces(&filter, PageRequest::default())
            .await
            .expect("lists");
        assert_eq!(page.items, []);
        assert_eq!((page.before, page.after), (None, None));
        assert_eq!(page.total, Total::Exact(0));
    }
}

async fn walk(
    fixture: &Fixture,
    direction: Direction,
    mut from: Option<Cursor>,
) -> (Vec<Vec<TraceSummary>>, Option<Cursor>) {
    let mut pages = Vec::new();
    loop {
        let request = PageRequest {
            limit: 7,
            from: from.map(|cursor| (direction, cursor)),
        };
        let page = fixture
            .reader()
            .list_traces(&TraceFilter::default(), request)
            .await
            .expect("lists");
        assert_eq!(page.total, Total::Exact(60));
        let last = page.items.last().map(|trace| Cursor {
            start: trace.start,
            trace_id: trace.trace_id,
        });
        pages.push(page.items);
        from = match direction {
            Direction::After => page.after,
            Direction::Before => page.before,
        };
        if from.is_none() {
            return (pages, last);
        }
    }
}

#[tokio::test]
async fn pages_cover_every_row_once_in_both_directions() {
    let fixture = Fixture::new().await;
    let sent = varied(&mut Ids::seeded(23), &fixture);
    fixture.write(&sent).await;
    let all = summaries_of(&sent);

    let (down, last) = walk(&fixture, Direction::After, None).await;
    assert_eq!(down.len(), 9);
    assert_eq!(down.concat(), all);

    let (mut up, _) = walk(&fixture, Direction::Before, last).await;
    up.reverse();
    assert_eq!(up.concat(), all[..59]);
    assert!(up.last().expect("pages").len() == 7);
}

#[tokio::test]
async fn a_page_has_cursors_for_the_pages_before_and_after() {
    let fixture = Fixture::new().await;
    let sent = varied(&mut Ids::seeded(24), &fixture);
    fixture.write(&sent).await;
    let all = summaries_of(&sent);
    let reader = fixture.reader();
    let page = async |from| {
        reader
            .list_traces(&TraceFilter::default(), PageRequest { limit: 25, from })
            .await
            .expect("lists")
    };
    let first = page(None).await;
    assert_eq!(first.before, None);
    let second = page(first.after.map(|at| (Direction::After, at))).await;
    assert_eq!(second.items, all[25..50]);
    let third = page(second.after.map(|at| (Direction::After, at))).await;
    assert_eq!(third.items, all[50..]);
    assert_eq!(third.after, None);
    let back = page(third.before.map(|at| (Direction::Before, at))).await;
    assert_eq!(back.items, all[25..50]);
    assert_eq!(back.after, second.after);
    let top = page(back.before.map(|at| (Direction::Before, at))).await;
    assert_eq!(top.items, all[..25]);
    assert_eq!(top.before, None);
}

#[tokio::test]
async fn a_total_beyond_the_count_limit_is_a_lower_bound() {
    let fixture = Fixture::new().await;
    fixture.write(&varied(&mut Ids::seeded(25), &fixture)).await;
    let now = fixture.now;
    for (total_cap, expected) in [(59, None), (60, Some(Total::Exact(60)))] {
        let options = StoreOptions {
            total_cap,
            ..StoreOptions::new(move || now)
        };
        let store = fixture.database.store_with(options);
        let page = store
            .reader(TenantId::DEFAULT)
            .list_traces(&TraceFilter::default(), PageRequest::default())
            .await
            .expect("lists");
        match (expected, page.total) {
            (Some(expected), total) => assert_eq!(total, expected),
            // The page has 50 traces and a next page. Traces that begin at the same instant are not
            // counted twice.
            (None, Total::AtLeast(count)) => assert!((51..=59).contains(&count), "{count}"),
            (None, total) => panic!("{total:?}"),
        }
        store.close().await;
    }
}
