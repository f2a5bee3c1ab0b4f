//! Reads offloaded payloads: the references of a row, one payload, or all payloads of a trace.

use std::collections::{HashMap, HashSet};

use sqlx::FromRow;
use throughline_codec::binary::{self, Reader};
use throughline_model::{Payload, PayloadPlace, PayloadRef, ReadError};
use throughline_wire::{AttributeValue, Attributes, LogRecord, Span};
use uuid::Uuid;

use super::context::ReadContext;
use super::corrupt::corrupt;
use crate::decompress::decompress;
use crate::payload_refs::{self, Reference, ValuePath};
use crate::sqlstate::read_error;

/// The number of payloads in one query. It limits the memory, because the encoded and the decoded
/// payload are in memory at the same time.
const FETCHED_AT_ONCE: usize = 32;

/// The key of a payload: its hash and its day in ns since 1970.
type PayloadKey = ([u8; 16], i64);

/// The payloads that were read.
pub(super) type PayloadValues = HashMap<PayloadKey, AttributeValue>;

/// Decodes the references of a row.
pub(super) fn references(column: Option<&[u8]>) -> Result<Vec<Reference>, ReadError> {
    payload_refs::decode(column.unwrap_or_default()).map_err(|_| corrupt("payloads")())
}

/// Returns the references with the attribute keys at their payload paths.
pub(super) fn of_span(references: &[Reference], span: &Span) -> Vec<PayloadRef> {
    let key = |attributes: &Attributes, at: u32| {
        let (key, _) = attributes.iter().nth(at as usize)?;
        Some(key.to_owned())
    };
    let place = |place| {
        Some(match place {
            ValuePath::Attribute(at) => PayloadPlace::Attribute {
                key: key(&span.attributes, at)?,
            },
            ValuePath::Event { at, attribute } => PayloadPlace::Event {
                at,
                key: key(&span.events.get(at as usize)?.attributes, attribute)?,
            },
            ValuePath::Link { at, attribute } => PayloadPlace::Link {
                at,
                key: key(&span.links.get(at as usize)?.attributes, attribute)?,
            },
            ValuePath::StatusMessage => PayloadPlace::StatusMessage,
            ValuePath::Body => return None,
        })
    };
    described(references, place)
}

/// Returns the references of an event with the attribute keys at their payload paths.
pub(super) fn of_event(references: &[Reference], event: &LogRecord) -> Vec<PayloadRef> {
    let place = |place| match place {
        ValuePath::Attribute(at) => {
            let (key, _) = event.attributes.iter().nth(at as usize)?;
            Some(PayloadPlace::Attribute {
                key: key.to_owned(),
            })
        }
        ValuePath::Body => Some(PayloadPlace::Body),
        ValuePath::Event { .. } | ValuePath::Link { .. } | ValuePath::StatusMessage => None,
    };
    described(references, place)
}

fn described(
    references: &[Reference],
    place: impl Fn(ValuePath) -> Option<PayloadPlace>,
) -> Vec<PayloadRef> {
    references
        .iter()
        .filter_map(|reference| {
            Some(PayloadRef {
                place: place(reference.path)?,
                hash: hex(reference.hash),
                byte_count: reference.byte_count,
            })
        })
        .collect()
}

fn hex(hash: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(hash))
}

/// Restores the payloads to their payload paths in the span. If a payload was removed, its preview
/// stays.
pub(super) fn restore(
    span: &mut Span,
    references: &[Reference],
    day_ns: i64,
    values: &PayloadValues,
) {
    for (place, value) in known(references, day_ns, values) {
        let slot = match place {
            ValuePath::Attribute(at) => slot(&mut span.attributes, at),
            ValuePath::Event { at, attribute } => span
                .events
                .get_mut(at as usize)
                .and_then(|event| slot(&mut event.attributes, attribute)),
            ValuePath::Link { at, attribute } => span
                .links
                .get_mut(at as usize)
                .and_then(|link| slot(&mut link.attributes, attribute)),
            ValuePath::StatusMessage => {
                if let AttributeValue::Str(message) = value {
                    span.status.message.clone_from(message);
                }
                None
            }
            ValuePath::Body => None,
        };
        if let Some(slot) = slot {
            slot.clone_from(value);
        }
    }
}

/// Restores the payloads to their payload paths in the event. If a payload was removed, its preview
/// stays.
pub(super) fn restore_event(
    event: &mut LogRecord,
    references: &[Reference],
    day_ns: i64,
    values: &PayloadValues,
) {
    for (place, value) in known(references, day_ns, values) {
        let slot = match place {
            ValuePath::Attribute(at) => slot(&mut event.attributes, at),
            ValuePath::Body => Some(&mut event.body),
            ValuePath::Event { .. } | ValuePath::Link { .. } | ValuePath::StatusMessage => None,
        };
        if let Some(slot) = slot {
            slot.clone_from(value);
        }
    }
}

fn known<'a>(
    references: &'a [Reference],
    day_ns: i64,
    values: &'a PayloadValues,
) -> impl Iterator<Item = (ValuePath, &'a AttributeValue)> {
    references.iter().filter_map(move |reference| {
        let value = values.get(&(reference.hash, day_ns))?;
        Some((reference.path, value))
    })
}

fn slot(attributes: &mut Attributes, at: u32) -> Option<&mut AttributeValue> {
    let (_, value) = attributes.entries_mut().get_mut(at as usize)?;
    Some(value)
}

#[derive(FromRow)]
struct PayloadRow {
    hash: Uuid,
    day_ns: i64,
    byte_count: i64,
    content: Vec<u8>,
}

impl PayloadRow {
    fn value(&self) -> Result<AttributeValue, ReadError> {
        let broken = corrupt("payloads.content");
        let capacity = usize::try_from(self.byte_count).map_err(|_| broken())?;
        let encoded = decompress(&self.content, capacity).map_err(|_| broken())?;
        binary::decode_value(Reader::new(&encoded)).map_err(|_| broken())
    }
}

/// Reads payloads, each once.
async fn fetch(
    context: &mut ReadContext<'_>,
    wanted: HashSet<PayloadKey>,
) -> Result<PayloadValues, ReadError> {
    let mut wanted: Vec<PayloadKey> = wanted.into_iter().collect();
    wanted.sort_unstable();
    let mut values = HashMap::with_capacity(wanted.len());
    for wanted in wanted.chunks(FETCHED_AT_ONCE) {
        let hashes: Vec<Uuid> = wanted.iter().map(|key| Uuid::from_bytes(key.0)).collect();
        let days: Vec<i64> = wanted.iter().map(|key| key.1).collect();
        let rows: Vec<PayloadRow> = sqlx::query_as(include_str!("payloads.sql"))
            .bind(context.tenant)
            .bind(hashes)
            .bind(days)
            .fetch_all(&mut *context.connection)
            .await
            .map_err(read_error)?;
        for row in rows {
            values.insert((row.hash.into_bytes(), row.day_ns), row.value()?);
        }
    }
    Ok(values)
}

/// Reads the payloads of the references. Each reference has the index of its row and its day.
pub(super) async fn fetch_all(
    context: &mut ReadContext<'_>,
    detached: &[(usize, i64, Vec<Reference>)],
) -> Result<PayloadValues, ReadError> {
    let keys = |(_, day_ns, references): &(usize, i64, Vec<Reference>)| {
        let keys: Vec<PayloadKey> = references
            .iter()
            .map(|known| (known.hash, *day_ns))
            .collect();
        keys
    };
    let wanted = detached.iter().flat_map(keys).collect();
    fetch(context, wanted).await
}

/// Returns one payload with its name. Returns `None` if it was removed.
pub(super) async fn one(
    context: &mut ReadContext<'_>,
    reference: PayloadRef,
    day_ns: i64,
) -> Result<Option<Payload>, ReadError> {
    let hash = u128::from_str_radix(&reference.hash, 16).map_err(|_| corrupt("payloads.hash")())?;
    let key = (hash.to_be_bytes(), day_ns);
    let mut values = fetch(context, HashSet::from([key])).await?;
    Ok(values
        .remove(&key)
        .map(|value| Payload { reference, value }))
}
