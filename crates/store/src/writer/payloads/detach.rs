//! Takes large values out of a batch and leaves previews in their positions.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use throughline_codec::binary;
use throughline_wire::{AttributeValue, Attributes, LogRecord, Span};

use super::Payload;
use crate::block::FilterEntry;
use crate::day::day_ns;
use crate::ids;
use crate::payload_refs::{Reference, ValuePath};
use crate::writer::batch::WriteBatch;

/// The size of the preview of a text, in bytes.
const PREVIEW_BYTES: usize = 1024;
/// The zstd level of payloads: the fastest ordinary one. Higher levels cost more CPU at ingest than
/// they save.
const COMPRESSION_LEVEL: i32 = 1;
/// The size of large values in bytes above which a batch is processed on a blocking thread, so that
/// it does not delay other tasks.
const INLINE_BYTES: usize = 128 << 10;

/// The values that were taken out of a batch.
#[derive(Debug, Default)]
pub(in crate::writer) struct Detached {
    /// Each distinct value, once for each day.
    pub payloads: Vec<Payload>,
    /// The references of a span, by its position in the batch; most spans have none.
    pub spans: HashMap<usize, Vec<u8>>,
    /// The references of an event, by its position in the batch.
    pub events: HashMap<usize, Vec<u8>>,
}

impl Detached {
    /// Returns the references of the span at `index`; empty when it has none.
    pub(in crate::writer) fn of_span(&self, index: usize) -> &[u8] {
        self.spans.get(&index).map_or(&[], Vec::as_slice)
    }

    /// Returns the references of the event at `index`; empty when it has none.
    pub(in crate::writer) fn of_event(&self, index: usize) -> &[u8] {
        self.events.get(&index).map_or(&[], Vec::as_slice)
    }
}

/// Takes values of more than `threshold` bytes out of `batch` and leaves previews in their
/// positions.
pub(in crate::writer) async fn detach(
    mut batch: WriteBatch,
    threshold: usize,
) -> (WriteBatch, Detached) {
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

/// Returns the size in bytes of all values above the threshold; visits every value once.
fn large_bytes(batch: &WriteBatch, threshold: usize) -> usize {
    let spans = batch.groups.iter().flat_map(|group| &group.spans);
    let events = batch.groups.iter().flat_map(|group| &group.events);
    spans
        .map(|span| large_bytes_of_span(span, threshold))
        .chain(events.map(|event| large_bytes_of_event(event, threshold)))
        .sum()
}

fn large_bytes_of_span(span: &Span, threshold: usize) -> usize {
    let events = span.events.iter().map(|event| &event.attributes);
    let links = span.links.iter().map(|link| &link.attributes);
    core::iter::once(&span.attributes)
        .chain(events)
        .chain(links)
        .map(|attributes| large_bytes_in(attributes, threshold))
        .chain(
            [span.status.message.len()]
                .into_iter()
                .filter(|len| *len > threshold),
        )
        .sum()
}

fn large_bytes_of_event(event: &LogRecord, threshold: usize) -> usize {
    large_bytes_in(&event.attributes, threshold) + large_size(&event.body, threshold)
}

fn large_bytes_in(attributes: &Attributes, threshold: usize) -> usize {
    attributes
        .iter()
        .map(|(_, value)| large_size(value, threshold))
        .sum()
}

/// Returns the size of the value when it exceeds `threshold`, else 0.
fn large_size(value: &AttributeValue, threshold: usize) -> usize {
    let size = match value {
        AttributeValue::Str(text) => text.len(),
        AttributeValue::Bytes(bytes) => bytes.len(),
        AttributeValue::Array(_) | AttributeValue::Map(_) => binary::approximate_size(value),
        _ => 0,
    };
    if size > threshold { size } else { 0 }
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
            // Packed spans have no large values, and their indexes come after the others.
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
        self.attributes(&mut span.attributes, day, refs, ValuePath::Attribute);
        self.status_message(&mut span.status.message, day, refs);
        for (at, event) in (0..).zip(&mut span.events) {
            self.attributes(&mut event.attributes, day, refs, |attribute| {
                ValuePath::Event { at, attribute }
            });
        }
        for (at, link) in (0..).zip(&mut span.links) {
            self.attributes(&mut link.attributes, day, refs, |attribute| {
                ValuePath::Link { at, attribute }
            });
        }
        references
    }

    /// Leaves as much of the message as a message may have without a payload, so that a search by
    /// error text covers it.
    fn status_message(
        &mut self,
        message: &mut Cow<'static, str>,
        day_ns: i64,
        references: &mut Vec<u8>,
    ) {
        if message.len() <= self.threshold {
            return;
        }
        let begin = message[..message.floor_char_boundary(self.threshold)].to_owned();
        let count_before = references.len();
        let mut value = AttributeValue::Str(core::mem::take(message));
        let path = (ValuePath::StatusMessage, 0);
        self.value(&mut value, day_ns, references, path);
        *message = match value {
            // The message could not be compressed and stays whole.
            AttributeValue::Str(whole) if references.len() == count_before => whole,
            _ => begin.into(),
        };
    }

    fn event(&mut self, event: &mut LogRecord) -> Vec<u8> {
        let day = day_ns(event.time.get());
        let mut references = Vec::new();
        self.value(&mut event.body, day, &mut references, (ValuePath::Body, 0));
        self.attributes(
            &mut event.attributes,
            day,
            &mut references,
            ValuePath::Attribute,
        );
        references
    }

    fn attributes(
        &mut self,
        attributes: &mut Attributes,
        day_ns: i64,
        references: &mut Vec<u8>,
        path: impl Fn(u32) -> ValuePath,
    ) {
        for (at, (key, value)) in (0..).zip(attributes.entries_mut()) {
            let filter_entry = match value {
                AttributeValue::Str(text) => {
                    FilterEntry::attribute(key.as_bytes(), text.as_bytes()).to_bits()
                }
                AttributeValue::Array(_) => FilterEntry::offloaded_array().to_bits(),
                _ => 0,
            };
            self.value(value, day_ns, references, (path(at), filter_entry));
        }
    }

    fn value(
        &mut self,
        value: &mut AttributeValue,
        day_ns: i64,
        references: &mut Vec<u8>,
        (path, filter_entry): (ValuePath, u64),
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
                    // The buffer was allocated for bytes that do not compress.
                    content.shrink_to_fit();
                    content
                }
                Err(error) => {
                    // This is not known to happen. The whole value stays in its span then.
                    tracing::error!(%error, "cannot compress a payload");
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
            path,
            byte_count: byte_count as u64,
            filter_entry,
            hash,
        }
        .append(references);
        *value = preview(value, byte_count);
    }
}

/// Returns the preview of a value: the beginning of a text, else the type of the value.
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
