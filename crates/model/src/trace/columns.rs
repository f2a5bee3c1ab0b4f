//! Serializes the spans of a skeleton column by column, in about 20 bytes a span.
//!
//! The format is an object with `operations` (each `[name, kind, service index]`), `event_names`,
//! `count` and `data`. `data` is the base64 of the columns, one after the other. Numbers are LEB128
//! varints; signed numbers use zigzag encoding. The columns are:
//!
//! 1. the span ids, 8 bytes each, big-endian
//! 2. operation index * 16 + status * 4 + parent form (0: none, 1: in the trace, 2: not received)
//! 3. the start as ns after the start of the previous span (signed; for the first span, after the
//!    Unix epoch)
//! 4. the duration in ns (signed)
//! 5. the parents: for form 1, the distance back to the parent in spans (signed); for form 2, the
//!    parent's id, 8 bytes
//! 6. the number of spans with events, then for each of them: the distance from the previous such
//!    span, the number of events, and for each event the ns after the span's start (signed) and the
//!    name index

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use throughline_wire::{SpanId, SpanKind, StatusCode, UnixNanos};

use super::SkeletonSpan;

const NO_PARENT: u64 = 0;
const PARENT_HERE: u64 = 1;
const PARENT_MISSING: u64 = 2;

#[derive(Serialize, Deserialize)]
struct Columns {
    operations: Vec<(String, SpanKind, u32)>,
    event_names: Vec<String>,
    count: usize,
    data: String,
}

/// Serializes the spans; for `#[serde(with)]`.
pub(super) fn serialize<S: Serializer>(
    spans: &[SkeletonSpan],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    encode(spans).serialize(serializer)
}

/// Deserializes the spans; for `#[serde(with)]`.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SkeletonSpan>, D::Error> {
    let columns = Columns::deserialize(deserializer)?;
    decode(&columns).ok_or_else(|| de::Error::custom("the columns of a skeleton are broken"))
}

/// A list of distinct keys in the order of their first use, with the index of each.
#[derive(Default)]
struct Places<K> {
    all: Vec<K>,
    at: HashMap<K, u64>,
}

impl<K: Clone + Eq + core::hash::Hash> Places<K> {
    fn of(&mut self, key: K) -> u64 {
        *self.at.entry(key).or_insert_with_key(|key| {
            self.all.push(key.clone());
            self.all.len() as u64 - 1
        })
    }
}

fn encode(spans: &[SkeletonSpan]) -> Columns {
    let mut operations = Places::default();
    let mut event_names = Places::default();
    let mut at_of: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
    for (at, span) in spans.iter().enumerate() {
        at_of.entry(span.span_id).or_insert(at);
    }
    let mut out = Vec::with_capacity(spans.len() * 22);
    for span in spans {
        out.extend_from_slice(&span.span_id.to_bytes());
    }
    let parent = |span: &SkeletonSpan| span.parent_span_id.map(|id| (id, at_of.get(&id)));
    for span in spans {
        let operation = operations.of((span.name.as_str(), span.kind, span.service));
        let form = match parent(span) {
            None => NO_PARENT,
            Some((_, Some(_))) => PARENT_HERE,
            Some((_, None)) => PARENT_MISSING,
        };
        varint(
            operation << 4 | u64::from(span.status.code()) << 2 | form,
            &mut out,
        );
    }
    let mut last = 0;
    for span in spans {
        signed(span.start.get().wrapping_sub(last), &mut out);
        last = span.start.get();
    }
    for span in spans {
        signed(span.duration_ns, &mut out);
    }
    for (at, span) in spans.iter().enumerate() {
        match parent(span) {
            None => {}
            Some((_, Some(&parent))) => signed(at as i64 - parent as i64, &mut out),
            Some((id, None)) => out.extend_from_slice(&id.to_bytes()),
        }
    }
    let eventful = || {
        let all = spans.iter().enumerate();
        all.filter(|(_, span)| !span.events.is_empty())
    };
    varint(eventful().count() as u64, &mut out);
    let mut last = 0;
    for (at, span) in eventful() {
        varint((at - last) as u64, &mut out);
        last = at;
        varint(span.events.len() as u64, &mut out);
        for (when, name) in &span.events {
            signed(when.get().wrapping_sub(span.start.get()), &mut out);
            varint(event_names.of(name.as_str()), &mut out);
        }
    }
    let operations = operations.all.into_iter();
    Columns {
        operations: operations
            .map(|(name, kind, service)| (name.to_owned(), kind, service))
            .collect(),
        event_names: event_names.all.into_iter().map(str::to_owned).collect(),
        count: spans.len(),
        data: STANDARD.encode(out),
    }
}

fn decode(columns: &Columns) -> Option<Vec<SkeletonSpan>> {
    let bytes = STANDARD.decode(&columns.data).ok()?;
    // The count comes from the input. Limit the allocation to what the bytes can hold.
    let count = Some(columns.count).filter(|count| *count <= bytes.len() / 8)?;
    let mut reader = Reader(&bytes);
    let ids: Vec<SpanId> = (0..count).map(|_| reader.id()).collect::<Option<_>>()?;
    let heads: Vec<u64> = (0..count).map(|_| reader.varint()).collect::<Option<_>>()?;
    let mut spans = Vec::with_capacity(count);
    let mut start = 0_i64;
    for (id, head) in ids.iter().zip(&heads) {
        start = start.wrapping_add(reader.signed()?);
        let (name, kind, service) = columns.operations.get(usize::try_from(head >> 4).ok()?)?;
        spans.push(SkeletonSpan {
            span_id: *id,
            parent_span_id: None,
            name: name.clone(),
            kind: *kind,
            service: *service,
            start: UnixNanos::new(start),
            duration_ns: 0,
            status: StatusCode::from_code((head >> 2 & 3) as i64),
            events: Vec::new(),
        });
    }
    for span in &mut spans {
        span.duration_ns = reader.signed()?;
    }
    for (at, head) in heads.iter().enumerate() {
        spans[at].parent_span_id = match head & 3 {
            NO_PARENT => None,
            PARENT_HERE => {
                let parent = (at as i64).checked_sub(reader.signed()?)?;
                Some(*ids.get(usize::try_from(parent).ok()?)?)
            }
            _ => Some(reader.id()?),
        };
    }
    let mut at = 0;
    for _ in 0..reader.varint()? {
        at += usize::try_from(reader.varint()?).ok()?;
        let span = spans.get_mut(at)?;
        for _ in 0..reader.varint()? {
            let when = span.start.get().wrapping_add(reader.signed()?);
            let name = usize::try_from(reader.varint()?).ok()?;
            let name = columns.event_names.get(name)?.clone();
            span.events.push((UnixNanos::new(when), name));
        }
    }
    Some(spans)
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn signed(number: i64, out: &mut Vec<u8>) {
    varint((number << 1 ^ number >> 63) as u64, out);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn id(&mut self) -> Option<SpanId> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        SpanId::from_bytes(*bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn span()(
            id in 1_i64..20,
            parent in prop::option::of(1_i64..30),
            name in "[a-c]",
            kind in prop::sample::select(vec![SpanKind::Server, SpanKind::Client]),
            service in 0_u32..3,
            start: i64,
            duration_ns: i64,
            status in prop::sample::select(vec![StatusCode::Unset, StatusCode::Ok, StatusCode::Error]),
            events in prop::collection::vec((any::<i64>(), "[x-z]"), 0..3),
        ) -> SkeletonSpan {
            let span_id = |bits| SpanId::from_i64(bits).expect("not zero");
            SkeletonSpan {
                span_id: span_id(id),
                parent_span_id: parent.map(span_id),
                name, kind, service,
                start: UnixNanos::new(start),
                duration_ns, status,
                events: events.into_iter()
                    .map(|(when, name)| (UnixNanos::new(when), name))
                    .collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn spans_read_back_whatever_their_parents_and_times(
            spans in prop::collection::vec(span(), 0..40),
        ) {
            prop_assert_eq!(decode(&encode(&spans)), Some(spans));
        }

        #[test]
        fn broken_columns_are_refused_or_read_but_never_more_than_their_bytes_hold(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            count: usize,
        ) {
            let columns = Columns {
                operations: vec![("a".to_owned(), SpanKind::Server, 0)],
                event_names: Vec::new(),
                count,
                data: STANDARD.encode(bytes),
            };
            let _ = decode(&columns);
        }
    }

    #[test]
    fn a_span_of_a_long_trace_takes_at_most_24_bytes() {
        let spans: Vec<_> = (1..=10_000)
            .map(|at: i64| SkeletonSpan {
                span_id: SpanId::from_i64(at * 0x0123_4567_89ab).expect("not zero"),
                parent_span_id: (at > 1).then(|| {
                    SpanId::from_i64((at / 2).max(1) * 0x0123_4567_89ab).expect("not zero")
                }),
                name: format!("operation {}", at % 100),
                kind: SpanKind::Client,
                service: (at % 100) as u32 / 10,
                start: UnixNanos::new(1_795_269_600_000_000_000 + at * 83_000),
                duration_ns: 1_234_567 + at,
                status: StatusCode::Unset,
                events: Vec::new(),
            })
            .collect();
        let columns = encode(&spans);
        let bytes = STANDARD.decode(&columns.data).expect("is base64").len();
        assert!(bytes <= 24 * spans.len(), "{bytes}");
        assert_eq!(decode(&columns), Some(spans));
    }
}
