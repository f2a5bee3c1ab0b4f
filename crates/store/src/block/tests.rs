//! Tests that blocks decode to the spans that were encoded, and that damage is detected.

use proptest::prelude::*;
use throughline_codec::binary;
use throughline_wire::{AttributeValue, Attributes};

use super::*;

/// A span that owns its data.
#[derive(Debug, Clone, PartialEq)]
struct Owned {
    trace: u8,
    span_id: i64,
    parent: Option<i64>,
    operation: i64,
    start_ns: i64,
    duration_ns: i64,
    status: u8,
    flags: u32,
    dropped: DroppedCounts,
    ingest: IngestMetadata,
    texts: [String; 2],
    attributes: Vec<u8>,
    parts: [Vec<u8>; 2],
}

impl Owned {
    fn record(&self) -> SpanRecord<'_> {
        SpanRecord {
            trace_id: [self.trace; 16],
            span_id: self.span_id,
            parent_span_id: self.parent,
            operation_id: self.operation,
            service_id: self.operation / 2,
            resource_id: self.operation + 7,
            scope_id: 3,
            start_ns: self.start_ns,
            duration_ns: self.duration_ns,
            status: self.status,
            flags: self.flags,
            dropped: self.dropped,
            trace_state: &self.texts[0],
            status_message: &self.texts[1],
            attributes: &self.attributes,
            events: &self.parts[0],
            links: &self.parts[1],
            payloads: &[],
            ingest: self.ingest,
        }
    }
}

fn value() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        Just(AttributeValue::Empty),
        any::<String>().prop_map(AttributeValue::from),
        any::<bool>().prop_map(AttributeValue::from),
        any::<i64>().prop_map(AttributeValue::from),
        any::<f64>().prop_map(AttributeValue::from),
        any::<Vec<u8>>().prop_map(AttributeValue::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop::collection::vec(inner, 0..3).prop_map(AttributeValue::from)
    })
}

fn attributes() -> impl Strategy<Value = Vec<u8>> {
    let pairs = prop::collection::vec(("[a-e]{0,2}", value()), 0..6);
    let encoded = pairs.prop_map(|pairs| {
        let attributes: Attributes = pairs.into_iter().collect();
        let mut bytes = Vec::new();
        binary::encode_attributes(&attributes, &mut bytes);
        bytes
    });
    prop_oneof![4 => encoded, 1 => any::<Vec<u8>>()]
}

fn span() -> impl Strategy<Value = Owned> {
    let far = prop_oneof![any::<i64>(), 0..1_000_000_i64];
    let numbers = (
        0..4_u8,
        any::<i64>(),
        prop::option::of(any::<i64>()),
        0..5_i64,
        far.clone(),
        far.clone(),
        0..3_u8,
    );
    let dropped =
        (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(attributes, events, links)| {
            DroppedCounts {
                attributes,
                events,
                links,
            }
        });
    let note = || prop::option::of(any::<i64>());
    let ingest = (any::<i64>(), note(), note(), note(), note(), note()).prop_map(
        |(received_ns, process_id, sequence, clock_offset_ns, clock_error_ns, cut_bytes)| {
            IngestMetadata {
                received_ns,
                process_id,
                sequence,
                clock_offset_ns,
                clock_error_ns,
                cut_bytes,
            }
        },
    );
    let text = "[a-z]{0,4}";
    let parts = (text, text, attributes(), any::<Vec<u8>>(), any::<Vec<u8>>());
    (numbers, any::<u32>(), dropped, ingest, parts).prop_map(
        |(numbers, flags, dropped, ingest, (state, message, attributes, events, links))| {
            let (trace, span_id, parent, operation, start_ns, duration_ns, status) = numbers;
            Owned {
                trace,
                span_id,
                parent,
                operation,
                start_ns,
                duration_ns,
                status,
                flags,
                dropped,
                ingest,
                texts: [state, message],
                attributes,
                parts: [events, links],
            }
        },
    )
}

fn block_of(spans: &[Owned]) -> Block {
    let mut builder = BlockBuilder::new(3);
    for span in spans {
        assert!(builder.takes(&span.record()));
        builder.push(&span.record());
    }
    builder.finish().expect("compresses")
}

fn columns_of(block: &Block) -> Result<Columns, Corrupt> {
    let mut columns = Columns::new(Directory::decode(&block.directory)?);
    columns.load_all(&block.columns)?;
    Ok(columns)
}

proptest! {
    #[test]
    fn a_block_is_read_back_unchanged(mut spans in prop::collection::vec(span(), 1..30)) {
        spans.sort_by_key(|span| span.trace);
        let block = block_of(&spans);
        prop_assert_eq!(block.skeleton.verify(), Ok(()));
        let columns = columns_of(&block).expect("reads");
        let mut expected = spans.iter();
        let decoder = SpanDecoder::new(&block.prune, &block.skeleton, &columns).expect("fits");
        decoder
            .all(|record| assert_eq!(record, expected.next().expect("no more").record()))
            .expect("reads");
        prop_assert!(expected.next().is_none());
        // Decodes one trace without the traces before it.
        let last = block.skeleton.trace_ids.len() - 1;
        let mut decoder = SpanDecoder::new(&block.prune, &block.skeleton, &columns).expect("fits");
        let mut alone = spans.iter().filter(|span| span.trace == spans[spans.len() - 1].trace);
        decoder
            .trace(last, |record| assert_eq!(record, alone.next().expect("no more").record()))
            .expect("reads");
        prop_assert!(alone.next().is_none());
    }

    #[test]
    fn a_flipped_bit_in_the_compressed_parts_is_detected(
        mut spans in prop::collection::vec(span(), 1..5),
        at: prop::sample::Index,
        bit in 0..8_u8,
        in_directory: bool,
    ) {
        spans.sort_by_key(|span| span.trace);
        let mut block = block_of(&spans);
        let part = if in_directory { &mut block.directory } else { &mut block.columns };
        let at = at.index(part.len());
        part[at] ^= 1 << bit;
        prop_assert!(columns_of(&block).is_err());
    }

    #[test]
    fn any_bytes_decode_as_a_directory_or_fail(bytes: Vec<u8>) {
        let _ = Directory::decode(&bytes);
    }
}

#[test]
fn a_change_in_any_array_of_the_skeleton_is_detected() {
    let spans: Vec<Owned> = (0..6)
        .map(|at: u8| Owned {
            trace: at / 3,
            span_id: i64::from(at) + 1,
            parent: [None, Some(i64::from(at)), Some(99)][usize::from(at % 3)],
            operation: i64::from(at % 2),
            start_ns: i64::from(at) * 10,
            duration_ns: 5,
            status: at % 3,
            flags: 1,
            dropped: DroppedCounts::default(),
            ingest: IngestMetadata::default(),
            texts: [
                String::new(),
                if at == 2 {
                    "failed".to_owned()
                } else {
                    String::new()
                },
            ],
            attributes: Vec::new(),
            parts: [Vec::new(), Vec::new()],
        })
        .collect();
    let skeleton = block_of(&spans).skeleton;
    let changes: [fn(&mut Skeleton); 14] = [
        |skeleton| skeleton.trace_ids[0] = Uuid::from_u128(7),
        |skeleton| skeleton.trace_ends[0] += 1,
        |skeleton| skeleton.trace_starts_ns[0] += 1,
        |skeleton| skeleton.trace_checksums[0] ^= 1,
        |skeleton| skeleton.operations[0] ^= 1,
        |skeleton| skeleton.services[0] ^= 1,
        |skeleton| skeleton.span_ids[0] ^= 1,
        |skeleton| skeleton.parents[1] ^= 1,
        |skeleton| skeleton.outside_parents[0] ^= 1,
        |skeleton| skeleton.start_offsets.as_mut().expect("short")[0] ^= 1,
        |skeleton| skeleton.durations.as_mut().expect("short")[0] ^= 1,
        |skeleton| skeleton.statuses[0] ^= 1,
        |skeleton| skeleton.flags[0] ^= 1,
        |skeleton| skeleton.messages[0].push('x'),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = skeleton.clone();
        change(&mut changed);
        assert!(changed.verify().is_err(), "change {number}");
    }
}
