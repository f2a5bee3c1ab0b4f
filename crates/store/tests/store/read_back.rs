//! Tests that every written field is read back unchanged.

use std::sync::Arc;

use throughline_model::{SpansOfId, TraceFilter};
use throughline_testkit::{
    Ids, Sent, every_attribute_kind, rich_span, shop_trace, span, summaries_of,
};
use throughline_wire::{AttributeValue, InstrumentationScope, Resource, TraceId};

use crate::support::{Fixture, received};

#[tokio::test]
async fn every_field_and_every_kind_of_attribute_is_read_back_unchanged() {
    let fixture = Fixture::new().await;
    let mut attributes = every_attribute_kind();
    attributes.insert("service.name", "everything");
    let resource = Resource {
        attributes,
        dropped_attributes_count: 7,
        schema_url: "https://opentelemetry.io/schemas/1.42.0".into(),
    };
    let scope = InstrumentationScope {
        name: "scope".into(),
        version: "1.2.3".into(),
        attributes: every_attribute_kind(),
        dropped_attributes_count: u32::MAX,
        schema_url: "urn:x".into(),
    };
    let mut span = rich_span();
    span.start = fixture.now;
    span.end = fixture.at_ms(5);
    let sent = Sent {
        resource: Arc::new(resource.clone()),
        scope: Arc::new(scope.clone()),
        span: span.clone(),
    };
    assert_eq!(fixture.write(&[sent]).await, received(1));

    let trace = fixture.trace(span.trace_id).await;
    assert_eq!(trace.spans.len(), 1);
    assert_eq!(trace.spans[0].span, span);
    assert_eq!(trace.spans[0].received, fixture.now);
    assert_eq!(trace.resources, std::slice::from_ref(&resource));
    assert_eq!(trace.scopes, std::slice::from_ref(&scope));

    let details = fixture
        .reader()
        .span_details(span.trace_id, span.span_id)
        .await
        .expect("reads")
        .spans;
    assert_eq!(details.len(), 1);
    assert_eq!(details[0].span, span);
    assert_eq!(details[0].resource, resource);
    assert_eq!(details[0].scope, scope);
}

#[tokio::test]
async fn not_a_number_and_minus_zero_keep_their_bits() {
    let fixture = Fixture::new().await;
    let span = span("numbers")
        .starts(fixture.now)
        .with("nan", f64::NAN)
        .with("minus zero", -0.0_f64)
        .build();
    fixture.write(&[Sent::by("shop", span.clone())]).await;
    let read = fixture.trace(span.trace_id).await.spans.remove(0).span;
    let double = |key| match read.attributes.get(key) {
        Some(AttributeValue::Double(number)) => *number,
        other => panic!("{key} is {other:?}"),
    };
    assert!(double("nan").is_nan());
    assert!(double("minus zero").is_sign_negative());
}

#[tokio::test]
async fn a_trace_of_several_services_is_read_back_as_skeleton_and_whole() {
    let fixture = Fixture::new().await;
    let mut sent = shop_trace(&mut Ids::seeded(3));
    let moved = fixture.now.since(throughline_testkit::NOW);
    for sent in &mut sent {
        sent.span.start = sent.span.start.saturating_add(moved);
        sent.span.end = sent.span.end.saturating_add(moved);
    }
    assert_eq!(fixture.write(&sent).await, received(5));
    let trace_id = sent[0].span.trace_id;

    let expected = summaries_of(&sent).remove(0);
    assert_eq!(expected.user.as_deref(), Some("ada"));
    assert_eq!(expected.session.as_deref(), Some("s-1"));
    assert_eq!(
        fixture.list(&TraceFilter::default()).await,
        std::slice::from_ref(&expected)
    );

    let trace = fixture.trace(trace_id).await;
    assert_eq!(trace.summary, expected);
    let skeleton = fixture
        .reader()
        .trace_skeleton(trace_id)
        .await
        .expect("reads")
        .expect("is there");
    assert_eq!(skeleton.summary, expected);
    assert_eq!(skeleton.services, ["shop-front", "shop", "shop-worker"]);
    for ((sent, whole), bone) in sent.iter().zip(&trace.spans).zip(&skeleton.spans) {
        assert_eq!(whole.span, sent.span);
        assert_eq!(trace.resources[whole.resource as usize], *sent.resource);
        assert_eq!(bone.span_id, sent.span.span_id);
        assert_eq!(bone.parent_span_id, sent.span.parent_span_id);
        assert_eq!(bone.name, sent.span.name);
        assert_eq!(bone.kind, sent.span.kind);
        assert_eq!(bone.start, sent.span.start);
        assert_eq!(bone.duration_ns, sent.span.duration_ns());
        assert_eq!(bone.status, sent.span.status.code);
        assert_eq!(skeleton.service_of(bone), sent.resource.service_name());
    }
    assert_eq!(
        fixture
            .reader()
            .list_services("")
            .await
            .expect("lists")
            .names,
        ["shop", "shop-front", "shop-worker"]
    );
}

#[tokio::test]
async fn an_unknown_trace_is_none_and_has_no_spans() {
    let fixture = Fixture::new().await;
    let unknown: TraceId = Ids::seeded(9).trace_id();
    let reader = fixture.reader();
    assert_eq!(reader.trace(unknown, None).await, Ok(None));
    assert_eq!(reader.trace_skeleton(unknown).await, Ok(None));
    assert_eq!(
        reader.span_details(unknown, Ids::seeded(9).span_id()).await,
        Ok(SpansOfId::default())
    );
}

#[tokio::test]
async fn an_attribute_of_a_megabyte_is_read_back_whole() {
    let fixture = Fixture::new().await;
    let text: String = ('a'..='z').cycle().take(1 << 20).collect();
    let span = span("large")
        .starts(fixture.now)
        .with("body", text.clone())
        .build();
    fixture.write(&[Sent::by("shop", span.clone())]).await;
    let read = fixture.trace(span.trace_id).await.spans.remove(0).span;
    assert_eq!(read.attributes.get_str("body"), Some(text.as_str()));
}

#[tokio::test]
async fn a_second_migration_changes_and_reports_nothing() {
    let fixture = Fixture::new().await;
    let report = fixture.store.migrate().await.expect("migrates");
    assert_eq!(report.applied, Vec::<String>::new());
    let newest = fixture
        .count("SELECT max(version) FROM _sqlx_migrations")
        .await;
    assert_eq!(report.version, newest);
}
