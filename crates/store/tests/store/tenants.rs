//! Tenants never see each other.

use throughline_model::{PageRequest, Total, TraceFilter};
use throughline_store::WriteBatch;
use throughline_testkit::{Ids, Sent};
use throughline_wire::TenantId;

use crate::support::{Fixture, batch, lone, received};

#[tokio::test]
async fn the_same_spans_of_two_tenants_are_apart_in_every_read() {
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
            .expect("reads");
        assert_eq!(details.len() as u64, spans);
        assert_eq!(reader.list_services().await.expect("lists"), services);
    }

    let reader = fixture.store.reader(nobody);
    assert_eq!(reader.trace(span.trace_id, None).await, Ok(None));
    assert_eq!(reader.trace_skeleton(span.trace_id).await, Ok(None));
    assert_eq!(
        reader.span_details(span.trace_id, span.span_id).await,
        Ok(vec![])
    );
    assert_eq!(reader.list_services().await, Ok(vec![]));
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
