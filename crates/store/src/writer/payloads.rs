//! Large values: taken out of spans and events before they are encoded, compressed in the task of
//! whoever submits them, and written in the transaction of their rows, once a day.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use throughline_wire::{AttributeValue, Attributes, LogRecord, Span, binary};
use uuid::Uuid;

use super::batch::WriteBatch;
use super::row::day_ns;
use crate::ids;
use crate::payload_refs::{Place, Reference};

/// How much of a text stays in the place of the whole.
const PREVIEW_BYTES: usize = 1024;
/// zstd's fastest ordinary level: higher ones cost more than they save at ingest.
const COMPRESSION_LEVEL: i32 = 1;
/// Compressed bytes of one statement; a single value may exceed it.
const STATEMENT_BYTES: usize = 4 << 20;
/// A batch with more bytes of large values than this is worked on where it holds nobody up.
const INLINE_BYTES: usize = 128 << 10;

/// A row of `payloads` apart from the tenant.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    hash: [u8; 16],
    day_ns: i64,
    /// Size of the encoded value before compression.
    byte_count: i64,
    content: Vec<u8>,
}

/// What was taken out of a batch.
#[derive(Debug, Default)]
pub(super) struct Detached {
    /// Each distinct value, once a day.
    pub payloads: Vec<Payload>,
    /// The references of a span, by its place in the batch; most have none.
    pub spans: HashMap<usize, Vec<u8>>,
    /// The references of an event, by its place in the batch.
    pub events: HashMap<usize, Vec<u8>>,
}

impl Detached {
    /// The references of the span at `index`; empty when it has none.
    pub(super) fn of_span(&self, index: usize) -> &[u8] {
        self.spans.get(&index).map_or(&[], Vec::as_slice)
    }

    /// The references of the event at `index`; empty when it has none.
    pub(super) fn of_event(&self, index: usize) -> &[u8] {
        self.events.get(&index).map_or(&[], Vec::as_slice)
    }
}

/// Bytes of memory that payloads take.
pub(super) fn weight(payloads: &[Payload]) -> usize {
    payloads
        .iter()
        .map(|payload| payload.content.capacity() + size_of::<Payload>())
        .sum()
}

/// Takes values of more than `threshold` bytes out of `batch`; previews are left in their places.
pub(super) async fn detach(mut batch: WriteBatch, threshold: usize) -> (WriteBatch, Detached) {
    let large = large_bytes(&batch, threshold);
    if large == 0 {
        return (batch, Detached::default());
    }
    let work = move || {
        let detached = Detacher::new(threshold).run(&mut batch);
        (batch, detached)
    };
    if large <= INLINE_BYTES {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Bytes of all values over the threshold: one look at every value.
fn large_bytes(batch: &WriteBatch, threshold: usize) -> usize {
    let of_all = |attributes: &Attributes| -> usize {
        attributes
            .iter()
            .map(|(_, value)| large_size(value, threshold))
            .sum()
    };
    let mut bytes = 0;
    for group in &batch.groups {
        for span in &group.spans {
            bytes += of_all(&span.attributes);
            for event in &span.events {
                bytes += of_all(&event.attributes);
            }
            for link in &span.links {
                bytes += of_all(&link.attributes);
            }
        }
        for event in &group.events {
            bytes += of_all(&event.attributes) + large_size(&event.body, threshold);
        }
    }
    bytes
}

/// The size of the value when it exceeds `threshold`, else nothing.
fn large_size(value: &AttributeValue, threshold: usize) -> usize {
    let size = match value {
        AttributeValue::Str(text) => text.len(),
        AttributeValue::Bytes(bytes) => bytes.len(),
        AttributeValue::Array(_) | AttributeValue::Map(_) => size(value),
        _ => 0,
    };
    if size > threshold { size } else { 0 }
}

/// The size of a value, nearly; validation bounds its depth.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Str(text) => text.len(),
        AttributeValue::Bytes(bytes) => bytes.len(),
        AttributeValue::Array(values) => values.iter().map(|value| 2 + size(value)).sum(),
        AttributeValue::Map(attributes) => attributes
            .iter()
            .map(|(key, value)| 4 + key.len() + size(value))
            .sum(),
        _ => 8,
    }
}

struct Detacher {
    threshold: usize,
    known: HashSet<([u8; 16], i64)>,
    detached: Detached,
    encoded: Vec<u8>,
}

impl Detacher {
    fn new(threshold: usize) -> Self {
        Self {
            threshold,
            known: HashSet::new(),
            detached: Detached::default(),
            encoded: Vec::new(),
        }
    }

    fn run(mut self, batch: &mut WriteBatch) -> Detached {
        let (mut span_index, mut event_index) = (0, 0);
        for group in &mut batch.groups {
            for span in &mut group.spans {
                let references = self.span(span);
                if !references.is_empty() {
                    self.detached.spans.insert(span_index, references);
                }
                span_index += 1;
            }
            // Those have no large values, and count after the others.
            span_index += group.packed.len();
            for event in &mut group.events {
                let references = self.event(event);
                if !references.is_empty() {
                    self.detached.events.insert(event_index, references);
                }
                event_index += 1;
            }
        }
        self.detached
    }

    fn span(&mut self, span: &mut Span) -> Vec<u8> {
        let day = day_ns(span.start.get());
        let mut references = Vec::new();
        let refs = &mut references;
        self.attributes(&mut span.attributes, day, refs, Place::Attribute);
        for (at, event) in (0..).zip(&mut span.events) {
            self.attributes(&mut event.attributes, day, refs, |attribute| Place::Event {
                at,
                attribute,
            });
        }
        for (at, link) in (0..).zip(&mut span.links) {
            self.attributes(&mut link.attributes, day, refs, |attribute| Place::Link {
                at,
                attribute,
            });
        }
        references
    }

    fn event(&mut self, event: &mut LogRecord) -> Vec<u8> {
        let day = day_ns(event.time.get());
        let mut references = Vec::new();
        self.value(&mut event.body, day, &mut references, Place::Body);
        self.attributes(
            &mut event.attributes,
            day,
            &mut references,
            Place::Attribute,
        );
        references
    }

    fn attributes(
        &mut self,
        attributes: &mut Attributes,
        day_ns: i64,
        references: &mut Vec<u8>,
        place: impl Fn(u32) -> Place,
    ) {
        for (at, (_, value)) in (0..).zip(attributes.entries_mut()) {
            self.value(value, day_ns, references, place(at));
        }
    }

    fn value(
        &mut self,
        value: &mut AttributeValue,
        day_ns: i64,
        references: &mut Vec<u8>,
        place: Place,
    ) {
        if large_size(value, self.threshold) == 0 {
            return;
        }
        self.encoded.clear();
        binary::any_value::encode(value, 1, &mut self.encoded);
        let hash = ids::payload(&self.encoded);
        let byte_count = match value {
            AttributeValue::Str(text) => text.len(),
            AttributeValue::Bytes(bytes) => bytes.len(),
            _ => self.encoded.len(),
        };
        if !self.known.contains(&(hash, day_ns)) {
            let content = match zstd::bulk::compress(&self.encoded, COMPRESSION_LEVEL) {
                Ok(mut content) => {
                    // It has room for bytes that do not compress.
                    content.shrink_to_fit();
                    content
                }
                Err(error) => {
                    // Not known to happen; then the value stays where it is, whole.
                    tracing::error!(%error, "a large value could not be compressed");
                    return;
                }
            };
            self.known.insert((hash, day_ns));
            self.detached.payloads.push(Payload {
                hash,
                day_ns,
                byte_count: self.encoded.len() as i64,
                content,
            });
        }
        Reference {
            place,
            byte_count: byte_count as u64,
            hash,
        }
        .append(references);
        *value = preview(value, byte_count);
    }
}

/// What stays in the place of a value: the beginning of a text, else what it was.
fn preview(value: &AttributeValue, byte_count: usize) -> AttributeValue {
    let text = match value {
        AttributeValue::Str(text) => {
            let end = text.floor_char_boundary(PREVIEW_BYTES);
            format!("{}… [{byte_count} bytes]", &text[..end])
        }
        AttributeValue::Bytes(_) => format!("[binary, {byte_count} bytes]"),
        AttributeValue::Array(values) => {
            format!("[list of {} values, {byte_count} bytes]", values.len())
        }
        AttributeValue::Map(attributes) => {
            format!("[map of {} values, {byte_count} bytes]", attributes.len())
        }
        _ => format!("[{byte_count} bytes]"),
    };
    AttributeValue::from(text)
}

/// Writes payloads, each with the tenant whose it is, in the transaction `connection` is in;
/// sorted by key, so that servers that store the same bytes wait for each other in the same order.
pub(super) async fn write(
    connection: &mut PgConnection,
    mut payloads: Vec<([u8; 16], &Payload)>,
) -> Result<(), sqlx::Error> {
    let key = |(tenant, payload): &([u8; 16], &Payload)| (*tenant, payload.hash, payload.day_ns);
    payloads.sort_unstable_by_key(key);
    payloads.dedup_by_key(|entry| key(entry));
    let mut rest = payloads.as_slice();
    while !rest.is_empty() {
        let mut bytes = 0;
        let count = rest
            .iter()
            .take_while(|(_, payload)| {
                let fits = bytes == 0 || bytes + payload.content.len() <= STATEMENT_BYTES;
                bytes += payload.content.len();
                fits
            })
            .count();
        let (now, later) = rest.split_at(count);
        insert(connection, now).await?;
        rest = later;
    }
    Ok(())
}

async fn insert(
    connection: &mut PgConnection,
    payloads: &[([u8; 16], &Payload)],
) -> Result<(), sqlx::Error> {
    let column =
        |of: fn(&([u8; 16], &Payload)) -> Uuid| payloads.iter().map(of).collect::<Vec<_>>();
    let tenants = column(|(tenant, _)| Uuid::from_bytes(*tenant));
    let hashes = column(|(_, payload)| Uuid::from_bytes(payload.hash));
    let days: Vec<i64> = payloads.iter().map(|(_, payload)| payload.day_ns).collect();
    let counts: Vec<i64> = payloads
        .iter()
        .map(|(_, payload)| payload.byte_count)
        .collect();
    let contents: Vec<&[u8]> = payloads
        .iter()
        .map(|(_, payload)| payload.content.as_slice())
        .collect();
    sqlx::query(
        "INSERT INTO payloads (tenant_id, hash, day_ns, byte_count, content)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bytea[])
         ON CONFLICT DO NOTHING",
    )
    .bind(tenants)
    .bind(hashes)
    .bind(days)
    .bind(counts)
    .bind(contents)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use throughline_wire::TenantId;

    use super::*;
    use crate::SpanGroup;

    fn batch_of(spans: Vec<Span>) -> WriteBatch {
        WriteBatch {
            tenant: TenantId::DEFAULT,
            groups: vec![SpanGroup {
                resource: Arc::default(),
                scope: Arc::default(),
                spans,
                ..SpanGroup::default()
            }],
        }
    }

    #[tokio::test]
    async fn a_value_at_the_threshold_stays_and_one_over_it_leaves_a_preview() {
        let span = throughline_testkit::span("s")
            .with("at", "x".repeat(100))
            .with("over", "é".repeat(5_000))
            .build();
        let (batch, detached) = detach(batch_of(vec![span]), 100).await;
        let kept = &batch.groups[0].spans[0].attributes;
        assert_eq!(kept.get_str("at"), Some("x".repeat(100).as_str()));
        let preview = kept.get_str("over").expect("a text");
        assert!(preview.starts_with(&"é".repeat(512)), "{preview}");
        assert!(preview.ends_with("… [10000 bytes]"), "{preview}");
        assert_eq!(detached.payloads.len(), 1);
        let references = crate::payload_refs::decode(detached.of_span(0)).expect("reads");
        assert_eq!(references[0].place, Place::Attribute(1));
        assert_eq!(references[0].byte_count, 10_000);
    }

    #[tokio::test]
    async fn equal_values_of_a_batch_are_compressed_once_and_a_clean_batch_is_not_touched() {
        let large = || "y".repeat(10_000);
        let one = throughline_testkit::span("a").with("k", large()).build();
        let other = throughline_testkit::span("b")
            .with("z", 1_i64)
            .with("other", large())
            .build();
        let clean = throughline_testkit::span("c").with("k", "small").build();
        let (batch, detached) = detach(batch_of(vec![one, other, clean.clone()]), 8 << 10).await;
        assert_eq!(detached.payloads.len(), 1);
        assert!(weight(&detached.payloads) < 1_000);
        assert_eq!(detached.spans.len(), 2);
        assert_eq!(detached.of_span(2), &[] as &[u8]);
        assert_eq!(batch.groups[0].spans[2], clean);
    }
}
