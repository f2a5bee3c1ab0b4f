//! Tests that tenants are separate in every read and write.

use std::sync::Arc;
use std::time::Duration;

use throughline_model::{PageRequest, ServiceList, SpansOfId, Total, TraceFilter};
use throughline_store::{EventOutcome, SpanGroup, WriteBatch, WriteOutcome};
use throughline_testkit::{Ids, Sent};
use throughline_wire::{LogRecord, Resource, TenantId};

use crate::support::{Fixture, batch, both, lone, received};

#[tokio::test]
async fn equal_spans_of_two_tenants_are_separate_in_every_read() {
    let fixture = Fixture::new().await;
    let other = TenantId::from_bytes([7; 16]);
    let nobody = TenantId::from_bytes([8; 16]);
    let span = lone("secret", &mut Ids::seeded(51))
        .user("ada")
        .starts(fixture.now)
        .build();
    let mine = [Sent::by("shop", span.clone())];
    let mut theirs = span.clone();
    theirs.attributes.insert("whose", "theirs");
    let theirs = [
        Sent::by("shop", span.clone()),
        Sent::by("their service", theirs),
    ];
    assert_eq!(fixture.write(&mine).await, received(1));
    let outcome = fixture
        .store
        .writer()
        .submit(WriteBatch {
            tenant: other,
            ..batch(&theirs)
        })
        .await;
    assert_eq!(outcome, Ok(received(2)));

    for (tenant, spans, services) in [
        (TenantId::DEFAULT, 1, vec!["shop"]),
        (other, 2, vec!["shop", "their service"]),
    ] {
        let reader = fixture.store.reader(tenant);
        let page = reader
            .list_traces(&TraceFilter::default(), PageRequest::default())
            .await
            .expect("lists");
        assert_eq!(page.total, Total::Exact(1));
        assert_eq!(page.items[0].span_count, spans);
        assert_eq!(page.items[0].services, services);
        let trace = reader
            .trace(span.trace_id, None)
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(trace.spans.len() as u64, spans);
        let details = reader
            .span_details(span.trace_id, span.span_id)
            .await
            .expect("reads")
            .spans;
        assert_eq!(details.len() as u64, spans);
        let listed = reader.list_services("").await.expect("lists");
        assert_eq!(listed.names, services);
    }

    let reader = fixture.store.reader(nobody);
    assert_eq!(reader.trace(span.trace_id, None).await, Ok(None));
    assert_eq!(reader.trace_skeleton(span.trace_id).await, Ok(None));
    assert_eq!(
        reader.span_details(span.trace_id, span.span_id).await,
        Ok(SpansOfId::default())
    );
    assert_eq!(reader.list_services("").await, Ok(ServiceList::default()));
    let statistics = reader
        .trace_statistics(&TraceFilter::default())
        .await
        .expect("computes");
    assert_eq!(statistics.trace_count, 0);
    assert_eq!(
        (statistics.by_operation, statistics.by_user),
        (vec![], vec![])
    );
}

/// Submits the batches while a commit waits for a lock, so that the next commit has all of them.
async fn submit_as_one_group(fixture: &Fixture, batches: Vec<WriteBatch>) -> Vec<WriteOutcome> {
    let mut holder = fixture.database.connection().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE traces IN ACCESS EXCLUSIVE MODE;")
        .execute(&mut holder)
        .await
        .expect("locks");
    let first = lone("first", &mut Ids::seeded(90)).starts(fixture.now);
    let first = batch(&[Sent::by("shop", first.build())]);
    let mut submitted: Vec<_> = Vec::new();
    for batch in core::iter::once(first).chain(batches) {
        let writer = fixture.store.writer();
        submitted.push(tokio::spawn(async move { writer.submit(batch).await }));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut holder)
        .await
        .expect("unlocks");
    let mut outcomes = Vec::new();
    for submitted in submitted.drain(..) {
        outcomes.push(submitted.await.expect("runs").expect("is stored"));
    }
    outcomes.split_off(1)
}

#[tokio::test]
async fn a_duplicate_span_is_stored_once_per_tenant_of_a_group() {
    let fixture = Fixture::new().await;
    let span = lone("same", &mut Ids::seeded(91)).starts(fixture.now);
    let sent = [Sent::by("shop", span.build())];
    let by = |tenant| WriteBatch {
        tenant,
        ..batch(&sent)
    };
    let tenants = [TenantId::DEFAULT, TenantId::from_bytes([7; 16])];
    let batches = [0, 1, 0, 1, 1].map(|at: usize| by(tenants[at]));
    let outcomes = submit_as_one_group(&fixture, batches.into()).await;
    let (new, known) = (received(1), both(0, 1));
    assert_eq!(
        outcomes,
        [new.clone(), new, known.clone(), known.clone(), known]
    );
    let stored = "SELECT count(*) FROM spans WHERE trace_id IN
                  (SELECT trace_id FROM traces WHERE span_count = 1)";
    assert_eq!(fixture.count(stored).await, 3);
}

#[tokio::test]
async fn an_event_stored_for_one_tenant_is_new_for_another_one() {
    let fixture = Fixture::new().await;
    let event = LogRecord {
        time: fixture.now,
        body: "same".into(),
        ..LogRecord::default()
    };
    let by = |tenant| WriteBatch {
        tenant,
        groups: vec![SpanGroup {
            resource: Arc::new(Resource::of_service("shop")),
            events: vec![event.clone()],
            ..SpanGroup::default()
        }],
    };
    let other = TenantId::from_bytes([7; 16]);
    let writer = fixture.store.writer();
    writer
        .submit(by(TenantId::DEFAULT))
        .await
        .expect("is stored");
    let batches = vec![by(TenantId::DEFAULT), by(other)];
    let outcomes = submit_as_one_group(&fixture, batches).await;
    let counts = |received, duplicate| WriteOutcome {
        events: EventOutcome {
            received,
            duplicate,
            ..EventOutcome::default()
        },
        ..WriteOutcome::default()
    };
    assert_eq!(outcomes, [counts(0, 1), counts(1, 0)]);
    assert_eq!(fixture.count("SELECT count(*) FROM events").await, 2);
}
