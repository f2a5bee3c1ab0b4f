//! The spans that both sides write: fixed and seeded.

use std::sync::Arc;

use throughline_store::{SpanGroup, WriteBatch};
use throughline_testkit::{Ids, span};
use throughline_wire::{
    InstrumentationScope, Resource, Span, SpanKind, TenantId, UnixNanos, binary,
};

const SPANS_OF_A_TRACE: u64 = 10;
const SPANS_OF_A_BATCH: usize = 500;

/// Spans of the middle shape: eleven attributes, about 450 bytes.
pub(super) fn batches(count: u64, now: UnixNanos) -> Vec<WriteBatch> {
    let mut ids = Ids::seeded(1);
    let resource = Arc::new(Resource::of_service("bench"));
    let scope = Arc::new(InstrumentationScope::default());
    let mut spans = Vec::new();
    let mut root: Option<Span> = None;
    for at in 0..count {
        let mut builder = span("GET /api/products/{id}")
            .id(ids.span_id())
            .kind(SpanKind::Server);
        builder = match (&root, at % SPANS_OF_A_TRACE) {
            (Some(root), 1..) => builder.child_of(root),
            _ => builder
                .in_trace(ids.trace_id())
                .session(format!("session {}", at / 100)),
        };
        let built = builder
            .starts(now.saturating_add(at as i64 * 1_000))
            .lasts(1_000_000 + ids.below(50_000_000) as i64)
            .with("http.request.method", "GET")
            .with("http.route", "/api/products/{id}")
            .with("http.response.status_code", 200_i64)
            .with("url.path", format!("/api/products/{}", ids.below(10_000)))
            .with("url.scheme", "https")
            .with("server.address", "shop.example.org")
            .with("server.port", 443_i64)
            .with(
                "client.address",
                format!("10.1.{}.{}", ids.below(256), ids.below(256)),
            )
            .with(
                "user_agent.original",
                "Mozilla/5.0 (X11; Linux x86_64; rv:143.0)",
            )
            .with("network.protocol.version", "2")
            .with("user.id", format!("user {}", ids.below(1_000)))
            .build();
        if at % SPANS_OF_A_TRACE == 0 {
            root = Some(built.clone());
        }
        spans.push(built);
    }
    spans
        .chunks(SPANS_OF_A_BATCH)
        .map(|spans| WriteBatch {
            tenant: TenantId::DEFAULT,
            groups: vec![SpanGroup {
                resource: Arc::clone(&resource),
                scope: Arc::clone(&scope),
                spans: spans.to_vec(),
                ..SpanGroup::default()
            }],
        })
        .collect()
}

/// Length of the spans as OTLP writes them: the fields that are always there, and the rest.
pub(super) fn protobuf_len(batch: &WriteBatch) -> usize {
    let spans = batch.groups.iter().flat_map(|group| &group.spans);
    spans
        .map(|span| {
            let mut attributes = Vec::new();
            binary::encode_attributes(&span.attributes, &mut attributes);
            let parent = span.parent_span_id.map_or(0, |_| 10);
            // Tag and length of the span, trace id, span id, start, end, kind, name.
            3 + 18 + 10 + parent + 9 + 9 + 2 + 2 + span.name.len() + attributes.len()
        })
        .sum()
}
