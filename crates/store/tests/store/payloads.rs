//! Tests that large values are read back byte for byte, are stored once, and are read only on
//! request.

use serde_json::Value;
use sqlx::AssertSqlSafe;
use throughline_model::{PayloadPlace, TraceFilter};
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::{AttributeValue, Attributes, Span, TraceId};

use crate::support::{Fixture, both, lone, received};

const PAYLOADS: &str = "SELECT count(*) FROM payloads";

/// Returns a text of `bytes` bytes that is hardly compressible.
fn noise(bytes: usize, seed: u64) -> String {
    let mut ids = Ids::seeded(seed);
    (0..bytes)
        .map(|_| char::from(b' ' + ids.below(95) as u8))
        .collect()
}

fn with_payloads(fixture: &Fixture, trace_id: TraceId, count: u64) -> Vec<Sent> {
    let mut ids = Ids::seeded(71);
    (0..count)
        .map(|at| {
            let span = span("work")
                .in_trace(trace_id)
                .id(ids.span_id())
                .starts(fixture.at_ms(at as i64))
                .with("small", at as i64)
                .with("body", noise(900_000, at))
                .build();
            Sent::by("shop", span)
        })
        .collect()
}

#[tokio::test]
async fn ten_values_of_900_kilobytes_are_read_back_byte_for_byte() {
    let fixture = Fixture::new().await;
    let sent = with_payloads(&fixture, Ids::seeded(70).trace_id(), 10);
    assert_eq!(fixture.write(&sent).await, received(10));
    assert_eq!(fixture.count(PAYLOADS).await, 10);
    for Sent { span, .. } in &sent {
        let details = fixture
            .reader()
            .span_details(span.trace_id, span.span_id)
            .await
            .expect("reads")
            .spans
            .remove(0);
        let preview = details.span.attributes.get_str("body").expect("a text");
        assert!(preview.len() < 2_000, "{}", preview.len());
        let [reference] = details.payloads.as_slice() else {
            panic!("{:?}", details.payloads)
        };
        assert_eq!(reference.byte_count, 900_000);
        let key = "body".to_owned();
        assert_eq!(reference.place, PayloadPlace::Attribute { key });
        let payload = fixture
            .reader()
            .span_payload(span.trace_id, span.span_id, &reference.hash)
            .await
            .expect("reads")
            .expect("is there");
        assert_eq!(span.attributes.get("body"), Some(&payload.value));
    }
    let trace = fixture.trace(sent[0].span.trace_id).await;
    assert!(
        trace
            .spans
            .iter()
            .zip(&sent)
            .all(|(stored, sent)| stored.span == sent.span)
    );
    // A retry adds nothing.
    assert_eq!(fixture.write(&sent).await, both(0, 10));
    assert_eq!(fixture.count(PAYLOADS).await, 10);
}

#[tokio::test]
async fn large_values_of_every_kind_and_owner_are_restored() {
    let fixture = Fixture::new().await;
    let list: Vec<AttributeValue> = (0..3_000_i64).map(AttributeValue::from).collect();
    let map: Attributes = [("key", noise(9_000, 1))].into_iter().collect();
    let mut rich = lone("rich", &mut Ids::seeded(72))
        .starts(fixture.now)
        .with("bytes", vec![0_u8; 10_000])
        .with("list", list)
        .with("map", AttributeValue::Map(map.clone()))
        .event(5, "event", map.clone())
        .linked_to(&span("other").build())
        .build();
    rich.links[0].attributes = map;
    let sent = [Sent::by("shop", rich.clone())];
    assert_eq!(fixture.write(&sent).await, received(1));
    assert_eq!(fixture.trace(rich.trace_id).await.spans[0].span, rich);
    let details = fixture
        .reader()
        .span_details(rich.trace_id, rich.span_id)
        .await
        .expect("reads")
        .spans
        .remove(0);
    assert_eq!(details.payloads.len(), 5);
    let bytes = details.span.attributes.get_str("bytes");
    assert_eq!(bytes, Some("[binary, 10000 bytes]"));
}

#[tokio::test]
async fn equal_values_of_several_spans_and_batches_are_stored_once() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(73);
    let text = noise(50_000, 9);
    for _ in 0..3 {
        let sent: Vec<Sent> = (0..3)
            .map(|_| {
                let span = lone("same", &mut ids).starts(fixture.now);
                Sent::by("shop", span.with("body", text.clone()).build())
            })
            .collect();
        assert_eq!(fixture.write(&sent).await, received(3));
    }
    assert_eq!(fixture.count(PAYLOADS).await, 1);
}

#[tokio::test]
async fn spans_that_differ_only_in_a_large_value_are_different() {
    let fixture = Fixture::new().await;
    let base = lone("call", &mut Ids::seeded(74)).starts(fixture.now);
    let prefix = noise(20_000, 1);
    let spans = ["a", "b"].map(|end| base.clone().with("body", format!("{prefix}{end}")).build());
    let sent = spans.map(|span| Sent::by("shop", span));
    assert_eq!(fixture.write(&sent).await, received(2));
    assert_eq!(fixture.write(&sent).await, both(0, 2));
}

#[tokio::test]
async fn a_payload_is_not_found_by_the_hash_of_another_span_or_tenant() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(75);
    let owner = lone("owner", &mut ids)
        .starts(fixture.now)
        .with("body", noise(20_000, 1))
        .build();
    // A sent text that looks like a preview is not a reference.
    let other = span("other")
        .id(ids.span_id())
        .child_of(&owner)
        .starts(fixture.now)
        .with("body", "… [20000 bytes]")
        .build();
    let sent = [&owner, &other].map(|span| Sent::by("shop", span.clone()));
    fixture.write(&sent).await;
    let reader = fixture.reader();
    let details = reader.span_details(owner.trace_id, owner.span_id).await;
    let hash = details
        .expect("reads")
        .spans
        .remove(0)
        .payloads
        .remove(0)
        .hash;
    for (span, hash) in [(&other, hash.as_str()), (&owner, "x"), (&owner, "")] {
        let found = reader.span_payload(span.trace_id, span.span_id, hash).await;
        assert_eq!(found, Ok(None));
    }
    let stranger = throughline_wire::TenantId::from_bytes([9; 16]);
    let reader = fixture.store.reader(stranger);
    let found = reader
        .span_payload(owner.trace_id, owner.span_id, &hash)
        .await;
    assert_eq!(found, Ok(None));
}

/// Returns every relation that a plan scans, and the total number of buffers that it touched.
fn relations_and_buffers(plan: &Value, relations: &mut Vec<String>) -> i64 {
    if let Some(name) = plan["Relation Name"].as_str() {
        relations.push(name.to_owned());
    }
    for child in plan["Plans"].as_array().into_iter().flatten() {
        relations_and_buffers(child, relations);
    }
    let buffers = |key: &str| plan[key].as_i64().unwrap_or_default();
    buffers("Shared Hit Blocks") + buffers("Shared Read Blocks")
}

/// Returns the relations and buffers that reading the skeleton of the trace of `span` touches.
async fn explain_skeleton(fixture: &Fixture, span: &Span) -> (Vec<String>, i64) {
    let mut connection = fixture.database.connection().await;
    // The second run is measured, because the first one fills the caches of the catalogue.
    let mut answer = (Vec::new(), 0);
    for _ in 0..2 {
        let parts = include_str!("../../src/block/parts_of_trace.sql");
        let sql = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {parts}");
        let plan: Value = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(uuid::Uuid::from_bytes(
                throughline_wire::TenantId::DEFAULT.to_bytes(),
            ))
            .bind(uuid::Uuid::from_bytes(span.trace_id.to_bytes()))
            .bind(0_i64)
            .bind(span.start.get() - 1)
            .bind(span.start.get() + 1_000_000_000)
            .bind(false)
            .bind(None::<i64>)
            .fetch_one(&mut connection)
            .await
            .expect("explains");
        let mut relations = Vec::new();
        let buffers = relations_and_buffers(&plan[0]["Plan"], &mut relations);
        answer = (relations, buffers);
    }
    answer
}

#[tokio::test]
async fn a_skeleton_reads_no_payload_and_the_same_pages_for_any_size_of_values() {
    let mut buffers = Vec::new();
    for (size, trace) in [(10, 80), (900_000, 81)] {
        let fixture = Fixture::new().await;
        let mut ids = Ids::seeded(trace);
        let trace_id = ids.trace_id();
        let sent: Vec<Sent> = (0..10)
            .map(|at| {
                let span = span("work").in_trace(trace_id).id(ids.span_id());
                let span = span.starts(fixture.at_ms(at)).with("body", noise(size, 1));
                Sent::by("shop", span.build())
            })
            .collect();
        fixture.write(&sent).await;
        let (relations, touched) = explain_skeleton(&fixture, &sent[0].span).await;
        assert!(
            relations.iter().all(|name| name.ends_with("_blocks")),
            "{relations:?}"
        );
        buffers.push(touched);
        let listed = fixture.list(&TraceFilter::default()).await;
        assert_eq!(listed[0].span_count, 10);
    }
    assert!(buffers[1] <= buffers[0] + 3, "{buffers:?}");
}

#[tokio::test]
async fn a_skeleton_reads_the_arrays_of_its_block_once_for_any_number_of_messages() {
    let mut buffers = Vec::new();
    for messages in [1, 800] {
        let fixture = Fixture::new().await;
        let mut ids = Ids::seeded(82);
        // A block with so many traces that Postgres stores their ids in TOAST.
        let sent: Vec<Sent> = (0..1_600)
            .map(|at| {
                let one = lone("work", &mut ids).starts(fixture.at_ms(at));
                let one = if at < messages { one.error("no") } else { one };
                Sent::by("shop", one.build())
            })
            .collect();
        fixture.write(&sent).await;
        let (_, touched) = explain_skeleton(&fixture, &sent[0].span).await;
        buffers.push(touched);
    }
    // The limit does not include the messages themselves.
    assert!(buffers[1] <= buffers[0] + 60, "{buffers:?}");
}

#[tokio::test]
async fn the_original_size_of_a_truncated_value_is_stored_with_the_span() {
    let fixture = Fixture::new().await;
    let sent = lone("cut", &mut Ids::seeded(76))
        .starts(fixture.now)
        .with("body", "x".repeat((1 << 20) + 1_000))
        .build();
    let limits = throughline_wire::Limits::default();
    let repairs = throughline_codec::context::Repairs::NONE;
    let kept = throughline_codec::validate::validate(sent, &limits, fixture.now, repairs);
    let span = kept.expect("is kept");
    let cut = span.attributes.get(throughline_wire::semconv::CUT_BYTES);
    let cut = cut
        .and_then(AttributeValue::as_int)
        .expect("the original size is stored");
    assert!((1_000..1_100).contains(&cut), "{cut}");
    let trace_id = span.trace_id;
    fixture
        .write(&[Sent {
            span,
            ..Sent::by("shop", lone("x", &mut Ids::seeded(1)).build())
        }])
        .await;
    let skeleton = fixture.reader().trace_skeleton(trace_id).await;
    let skeleton = skeleton.expect("reads").expect("is there");
    assert_eq!(skeleton.completeness.cut_bytes as i64, cut);
}

#[tokio::test]
async fn large_status_messages_are_offloaded_and_read_back_whole() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(75);
    let trace_id = ids.trace_id();
    let sent: Vec<_> = (0..12)
        .map(|at| {
            let message = format!("failed in step {at}: {}", noise(1_000_000, at));
            let span = span("work")
                .in_trace(trace_id)
                .id(ids.span_id())
                .starts(fixture.at_ms(at as i64))
                .error(message);
            Sent::by("shop", span.build())
        })
        .collect();
    assert_eq!(fixture.write(&sent).await, received(12));
    assert_eq!(fixture.count(PAYLOADS).await, 12);
    let reader = fixture.reader();
    for Sent { span, .. } in &sent {
        let details = reader.span_details(trace_id, span.span_id).await;
        let details = details.expect("reads").spans.remove(0);
        let message = &details.span.status.message;
        assert_eq!(message.len(), 8 << 10);
        assert!(span.status.message.starts_with(&**message));
        let [reference] = details.payloads.as_slice() else {
            panic!("{:?}", details.payloads)
        };
        assert_eq!(reference.place, PayloadPlace::StatusMessage);
        let payload = reader
            .span_payload(trace_id, span.span_id, &reference.hash)
            .await;
        let payload = payload.expect("reads").expect("is there");
        assert_eq!(payload.value.as_str(), Some(&*span.status.message));
    }
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let page = reader.trace(trace_id, after).await.expect("reads");
        let page = page.expect("is there");
        assert!(page.spans.len() < 12, "a page has at most 11 MiB");
        read.extend(page.spans.into_iter().map(|stored| stored.span));
        after = page.after;
        if after.is_none() {
            break;
        }
    }
    read.sort_by_key(|span| span.start);
    assert!(read.iter().eq(sent.iter().map(|sent| &sent.span)));
    let found = fixture
        .list(&TraceFilter {
            error: Some("IN STEP 7".to_owned()),
            ..TraceFilter::default()
        })
        .await;
    assert_eq!(found.len(), 1);
    // A retry adds nothing.
    assert_eq!(fixture.write(&sent).await, both(0, 12));
}
