//! Tests of the state of rows in lists: errors, open spans and their cost, pins.

use std::sync::Arc;

use serde_json::Value;
use sqlx::AssertSqlSafe;
use throughline_model::{OpenFate, RetentionRules, StorageGauge, TraceFilter, TraceSummary};
use throughline_store::{Store, WriteBatch};
use throughline_testkit::{Ids, Sent, SpanBuilder, span};
use throughline_wire::{Attributes, BatchSequence, TenantId, semconv};

use crate::completeness::{batch_of_process, numbered, send, stands_at};
use crate::support::Fixture;

async fn listed(store: &Store) -> Option<OpenFate> {
    let filter = TraceFilter::default();
    let reader = store.reader(TenantId::DEFAULT);
    let list = reader.list_traces(&filter, <_>::default()).await;
    list.expect("lists").items[0].open
}

#[tokio::test]
async fn a_trace_row_says_whether_spans_are_running_abandoned_or_ended() {
    let fixture = Fixture::new().await;
    let spans = numbered(&fixture, &mut Ids::seeded(40), 2);
    let begun: WriteBatch = batch_of_process(stands_at(2, 2), &spans[1..], &[&spans[0]]);
    send(&fixture.store, begun).await;
    assert_eq!(listed(&fixture.store).await, Some(OpenFate::Running));

    let later = fixture.database.store(fixture.at_ms(31_000));
    assert_eq!(listed(&later).await, Some(OpenFate::ProcessDied));
    let final_report = BatchSequence {
        ended: true,
        ..stands_at(2, 2)
    };
    send(&fixture.store, batch_of_process(final_report, &[], &[])).await;
    assert_eq!(listed(&fixture.store).await, Some(OpenFate::ProcessEnded));

    send(
        &fixture.store,
        batch_of_process(stands_at(2, 2), &spans[..1], &[]),
    )
    .await;
    assert_eq!(listed(&fixture.store).await, None);
}

#[tokio::test]
async fn a_trace_row_has_the_last_error_that_has_a_message() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(41);
    let root = span("root").in_trace(ids.trace_id()).id(ids.span_id());
    let root = root.starts(fixture.at_ms(0)).error("").build();
    let child = |id, ms, message: &'static str| {
        let child = span("child").id(id).child_of(&root);
        Sent::by(
            "shop",
            child.starts(fixture.at_ms(ms)).error(message).build(),
        )
    };
    let sent = [
        child(ids.span_id(), 2, "the second"),
        child(ids.span_id(), 1, "the first"),
        Sent::by("shop", root.clone()),
    ];
    for one in sent {
        fixture.write(&[one]).await;
        let listed = fixture.list(&TraceFilter::default()).await.remove(0);
        assert_eq!(listed.error_count > 0, listed.error.is_some());
    }
    let listed = fixture.list(&TraceFilter::default()).await.remove(0);
    assert_eq!(
        (listed.error_count, listed.error.as_deref()),
        (3, Some("the second"))
    );
}

#[tokio::test]
async fn a_bare_error_status_takes_its_text_from_the_exception() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(43);
    let exception = |kind: &str, message: &str| -> Attributes {
        let texts = [
            (semconv::EXCEPTION_TYPE, kind.to_owned()),
            (semconv::EXCEPTION_MESSAGE, message.to_owned()),
        ];
        texts
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .collect()
    };
    let long = "no stock of ".repeat(1_000);
    let cases: [(&str, SpanBuilder, Option<&str>); 8] = [
        (
            "message",
            span("a").event(1, "exception", exception("Timeout", "Took Long")),
            Some("Took Long"),
        ),
        (
            "type alone",
            span("a").event(1, "exception", exception("TIMEOUT", "")),
            Some("TIMEOUT"),
        ),
        (
            "the last of two",
            span("a")
                .event(1, "exception", exception("A", "the first"))
                .event(2, "retry", Attributes::default())
                .event(3, "exception", exception("B", "the last")),
            Some("the last"),
        ),
        (
            "offloaded",
            span("a").event(1, "exception", exception("A", &long)),
            Some(&long[..256]),
        ),
        (
            "no event",
            span("a").with(semconv::ERROR_TYPE, "Connection Refused"),
            Some("Connection Refused"),
        ),
        (
            "a NUL",
            span("a").event(1, "exception", exception("A", "cut\0off")),
            Some("cut"),
        ),
        (
            "another event",
            span("a").event(1, "log", exception("A", "unrelated")),
            None,
        ),
        ("nothing", span("a"), None),
    ];
    for (case, builder, expected) in cases {
        let root = builder.in_trace(ids.trace_id()).id(ids.span_id());
        let root = root.starts(fixture.at_ms(0)).error("").build();
        let trace_id = root.trace_id;
        fixture.write(&[Sent::by("shop", root.clone())]).await;
        let row = fixture.list(&TraceFilter::default()).await;
        let row = row.into_iter().find(|row| row.trace_id == trace_id);
        assert_eq!(row.expect("is listed").error.as_deref(), expected, "{case}");
        let of_trace = fixture.trace(trace_id).await;
        assert_eq!(of_trace.summary.error.as_deref(), expected, "{case}");
        // What was sent comes back as it was sent.
        assert_eq!(of_trace.spans[0].span, root, "{case}");
        if let Some(text) = expected {
            let filter = TraceFilter {
                error: Some(text.to_uppercase()),
                ..TraceFilter::default()
            };
            let found = fixture.list(&filter).await;
            assert!(found.iter().any(|row| row.trace_id == trace_id), "{case}");
        }
    }
    // A status message comes first, and neither is the text of a span that did not fail.
    let with_message = span("b").event(1, "exception", exception("A", "from the event"));
    let fine = span("c").event(1, "exception", exception("A", "from the event"));
    let mut traces = Vec::new();
    for builder in [with_message.error("from the status"), fine] {
        let root = builder.in_trace(ids.trace_id()).id(ids.span_id());
        let root = root.starts(fixture.at_ms(1)).build();
        traces.push(root.trace_id);
        fixture.write(&[Sent::by("shop", root)]).await;
    }
    for (part, expected) in [("from the status", &traces[..1]), ("from the event", &[])] {
        let filter = TraceFilter {
            error: Some(part.to_owned()),
            ..TraceFilter::default()
        };
        let found = fixture.list(&filter).await;
        let found: Vec<_> = found.iter().map(|row| row.trace_id).collect();
        assert_eq!(found, expected, "{part}");
    }
}

/// Returns the plan nodes that read `open_spans`, and the number of pages that the plan touches.
fn reads_of_open_spans(plan: &Value, found: &mut Vec<String>) -> u64 {
    if plan["Relation Name"] == "open_spans" {
        found.push(format!("{} {}", plan["Node Type"], plan["Index Name"]));
    }
    for child in plan["Plans"].as_array().into_iter().flatten() {
        reads_of_open_spans(child, found);
    }
    plan["Shared Hit Blocks"].as_u64().unwrap_or_default()
        + plan["Shared Read Blocks"].as_u64().unwrap_or_default()
}

#[tokio::test]
async fn the_state_of_a_trace_row_costs_a_few_pages_for_any_number_of_open_spans() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(42);
    let sent: Vec<Sent> = (0..60)
        .map(|at| {
            let root = span("root").in_trace(ids.trace_id()).id(ids.span_id());
            Sent::by("shop", root.starts(fixture.at_ms(at)).build())
        })
        .collect();
    fixture.write(&sent).await;
    let mut connection = fixture.database.connection().await;
    sqlx::raw_sql(
        "INSERT INTO open_spans (tenant_id, trace_id, span_id, operation_id, resource_id, scope_id,
             start_ns, received_ns, process_id)
         SELECT tenant_id, trace_id, number, 0, 0, 0, start_ns, start_ns, 1
         FROM traces, generate_series(1, 2000) AS number;
         ANALYZE open_spans; ANALYZE traces;",
    )
    .execute(&mut connection)
    .await
    .expect("fills");
    let page = "SELECT * FROM traces AS t ORDER BY t.start_ns DESC, t.trace_id DESC LIMIT 51";
    let sql = format!(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}{page}{}",
        include_str!("../../src/reader/summary_head.sql"),
        include_str!("../../src/reader/summary_tail.sql"),
    );
    let mut pages = 0;
    // The second run is measured, because the first one fills the caches of the catalogue.
    for _ in 0..2 {
        let plan: Value = sqlx::query_scalar(AssertSqlSafe(sql.clone()))
            .fetch_one(&mut connection)
            .await
            .expect("explains");
        let mut found = Vec::new();
        pages = reads_of_open_spans(&plan[0]["Plan"], &mut found);
        assert!(
            found.iter().all(|read| read.contains("Index")),
            "{found:?} of {plan}"
        );
        assert_eq!(found.len(), 1, "{plan}");
    }
    // Of 2,000 spans of each trace, sixteen are read. Here each is on its own page.
    assert!(pages < 51 * 24, "{pages} pages");
}

#[tokio::test]
async fn a_pinned_trace_is_marked_and_a_filter_selects_it() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(43);
    let sent: Vec<Sent> = (0..3)
        .map(|at| {
            let root = span("root").in_trace(ids.trace_id()).id(ids.span_id());
            Sent::by("shop", root.starts(fixture.at_ms(at)).build())
        })
        .collect();
    fixture.write(&sent).await;
    let rules = RetentionRules::default();
    let retention_admin =
        fixture
            .store
            .retention_admin(TenantId::DEFAULT, rules, Arc::new(StorageGauge::default));
    let pinned = sent[1].span.trace_id;
    retention_admin
        .pin(pinned, String::new())
        .await
        .expect("pins");
    let marked = |traces: Vec<TraceSummary>| -> Vec<_> {
        let marked = traces.iter().filter(|trace| trace.is_pinned);
        marked.map(|trace| trace.trace_id).collect()
    };
    let all = fixture.list(&TraceFilter::default()).await;
    assert_eq!((all.len(), marked(all)), (3, vec![pinned]));
    let only = TraceFilter {
        is_pinned: true,
        ..TraceFilter::default()
    };
    let listed = fixture.list(&only).await;
    assert_eq!((listed.len(), marked(listed)), (1, vec![pinned]));
    let figures = fixture.reader().trace_statistics(&only).await;
    assert_eq!(figures.expect("counts").trace_count, 1);
    retention_admin.unpin(pinned).await.expect("unpins");
    assert_eq!(fixture.list(&only).await, []);
}
