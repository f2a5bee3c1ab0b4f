//! Copies OTLP spans that can be stored unchanged, in one pass.

use throughline_wire::Limits;
use throughline_wire::{SpanId, SpanKind, StatusCode, TraceId, UnixNanos};

use super::canonical::{self, Keys};
use super::{Head, MAX_VALUE_BYTES, PackedSpans};
use crate::binary::{Reader, writer};

impl PackedSpans {
    /// Adds the OTLP span in the bytes `span` and returns true, if it can be stored unchanged. Else
    /// adds nothing and returns false: the caller must decode and validate the span, which may
    /// repair or reject it.
    ///
    /// `limits` and `now` are those of [`validate`](crate::validate::validate).
    pub fn push_otlp(&mut self, span: &[u8], limits: &Limits, now: UnixNanos) -> bool {
        let (texts, bytes) = (self.texts.len(), self.bytes.len());
        let head = scan(self, span, limits).filter(|head| is_in_time(head, limits, now));
        if let Some(head) = head {
            self.spans.push(head);
            true
        } else {
            self.texts.truncate(texts);
            self.bytes.truncate(bytes);
            false
        }
    }

    /// Reserves memory for spans with a total of `bytes` bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }
}

/// Returns true if validation would neither reject the span for its times nor repair them.
fn is_in_time(head: &Head, limits: &Limits, now: UnixNanos) -> bool {
    head.start > UnixNanos::default()
        && head.start <= head.end
        && head.start.since(now) <= limits.unmarked_ahead_ns.min(limits.ahead_ns)
        && head.end.since(now) <= limits.ahead_ns
        && now.since(head.end) <= limits.unmarked_behind_ns
}

/// The lists of a span, in the order in which senders write them. The stored form holds each list
/// in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Attributes,
    Events,
    Links,
}

/// A writer that copies the lists of one span.
struct Lists<'a> {
    bytes: &'a mut Vec<u8>,
    keys: &'a mut Keys,
    limits: &'a Limits,
    /// The list being copied, and its start in `bytes`.
    current: List,
    begin: usize,
    lengths: [usize; 3],
    counts: [usize; 3],
}

impl<'a> Lists<'a> {
    fn new(bytes: &'a mut Vec<u8>, keys: &'a mut Keys, limits: &'a Limits) -> Self {
        keys.clear();
        Self {
            begin: bytes.len(),
            bytes,
            keys,
            limits,
            current: List::Attributes,
            lengths: [0; 3],
            counts: [0; 3],
        }
    }

    fn push(&mut self, list: List, item: &[u8]) -> Option<()> {
        if list != self.current {
            // A list that continues after another one would be stored in two pieces.
            if list < self.current {
                return None;
            }
            self.end_current();
            self.current = list;
        }
        let (limits, keys) = (self.limits, &mut *self.keys);
        let limit = match list {
            List::Attributes => {
                canonical::key_value(item, limits, keys)?;
                limits.attributes
            }
            List::Events => {
                canonical::event(item, limits, keys)?;
                limits.events
            }
            List::Links => {
                canonical::link(item, limits, keys)?;
                limits.links
            }
        };
        self.counts[list as usize] += 1;
        if self.counts[list as usize] > limit {
            return None;
        }
        writer::bytes(1, item, self.bytes);
        Some(())
    }

    fn end_current(&mut self) {
        self.lengths[self.current as usize] = self.bytes.len() - self.begin;
        self.begin = self.bytes.len();
    }
}

fn scan(out: &mut PackedSpans, span: &[u8], limits: &Limits) -> Option<Head> {
    let (mut trace_id, mut span_id, mut parent): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    let (mut name, mut trace_state, mut message): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    let (mut start, mut end) = (0, 0);
    let (mut kind, mut status) = (SpanKind::Unspecified, StatusCode::Unset);
    let mut flags = 0;
    let (mut dropped_attributes_count, mut dropped_events_count) = (0, 0);
    let mut dropped_links_count: u32 = 0;
    let mut lists = Lists::new(&mut out.bytes, &mut out.keys, limits);
    let mut reader = Reader::new(span);
    while let Some(field) = reader.next_field().ok()? {
        match field.number() {
            1 => trace_id = field.bytes().ok()?,
            2 => span_id = field.bytes().ok()?,
            3 => trace_state = field.bytes().ok()?,
            4 => parent = field.bytes().ok()?,
            5 => name = field.bytes().ok()?,
            6 => kind = SpanKind::from_code(field.varint().ok()? as i64),
            7 => start = field.fixed64().ok()?,
            8 => end = field.fixed64().ok()?,
            9 => lists.push(List::Attributes, field.bytes().ok()?)?,
            10 => dropped_attributes_count = field.uint32().ok()?,
            11 => lists.push(List::Events, field.bytes().ok()?)?,
            12 => dropped_events_count = field.uint32().ok()?,
            13 => lists.push(List::Links, field.bytes().ok()?)?,
            // The general decoder adds up repeated counts, so this one does too.
            14 => dropped_links_count = dropped_links_count.saturating_add(field.uint32().ok()?),
            15 => (status, message) = read_status(field.message().ok()?)?,
            16 => flags = field.fixed32().ok()?,
            _ => {}
        }
    }
    lists.end_current();
    let [attributes_len, events_len, links_len] = lists.lengths.map(|len| u32::try_from(len).ok());
    if name.len() > limits.name_chars
        || trace_state.len() > limits.trace_state_bytes
        || message.len() > limits.value_bytes.min(MAX_VALUE_BYTES)
    {
        return None;
    }
    for text in [name, trace_state, message] {
        out.texts.push_str(canonical::clean_text(text)?);
    }
    let span_id = SpanId::from_slice(span_id).ok()?;
    let parent_span_id = match parent {
        [] | [0, 0, 0, 0, 0, 0, 0, 0] => None,
        id => Some(SpanId::from_slice(id).ok()?),
    };
    if parent_span_id == Some(span_id) {
        return None;
    }
    Some(Head {
        trace_id: TraceId::from_slice(trace_id).ok()?,
        span_id,
        parent_span_id,
        start: UnixNanos::from_u64(start)?,
        end: UnixNanos::from_u64(end)?,
        flags,
        dropped_attributes_count,
        dropped_events_count,
        dropped_links_count,
        kind,
        status,
        name_len: u32::try_from(name.len()).ok()?,
        trace_state_len: u32::try_from(trace_state.len()).ok()?,
        status_message_len: u32::try_from(message.len()).ok()?,
        attributes_len: attributes_len?,
        events_len: events_len?,
        links_len: links_len?,
    })
}

fn read_status(mut reader: Reader<'_>) -> Option<(StatusCode, &[u8])> {
    let (mut code, mut message): (_, &[u8]) = (StatusCode::Unset, &[]);
    while let Some(field) = reader.next_field().ok()? {
        match field.number() {
            2 => message = field.bytes().ok()?,
            3 => code = StatusCode::from_code(field.varint().ok()? as i64),
            _ => {}
        }
    }
    Some((code, message))
}
