//! Finds traces by the attributes of log records and events.
//!
//! These attributes have no index. The database skips the records whose encoded attributes cannot
//! contain the value. The search decodes and compares the others. If the store has few log records,
//! one statement finds all traces. Else the search reads the log records of each batch of traces.

use std::collections::{BTreeSet, HashSet};

use futures::TryStreamExt as _;
use sqlx::{FromRow, PgConnection};
use throughline_codec::binary;
use throughline_model::ReadError;
use throughline_wire::AttributeValue;
use uuid::Uuid;

use super::MOST_NAMES;
use super::plan::ScanPlan;
use super::predicate::AttributeTest;
use crate::ids::IdSet;
use crate::payload_refs::{self, ValuePath};
use crate::sqlstate::read_error;
use crate::varint;

/// The maximum number of log records that one statement returns if no traces are given.
const MOST_FOUND: i64 = 50_000;

/// The traces with a log record that passes a test.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub traces: HashSet<Uuid>,
    /// The names of the attributes that passed.
    pub names: BTreeSet<String>,
}

#[derive(FromRow)]
struct LogRecordRow {
    /// The trace ID. `None` in the row that reports too many records.
    trace_id: Option<Uuid>,
    /// True if the resource or the scope passes.
    is_listed: bool,
    attributes: Option<Vec<u8>>,
    payloads: Option<Vec<u8>>,
}

/// Returns the traces with a log record that passes. Returns `None` if there are more than
/// `most_records` log records, or too many that may pass. Runs one statement.
pub(super) async fn all(
    connection: &mut PgConnection,
    tenant: Uuid,
    plan: &ScanPlan,
    (test, most_records): (&AttributeTest, i64),
) -> Result<Option<Found>, ReadError> {
    let compared = Compared::new(plan, test);
    let mut rows = sqlx::query_as::<_, LogRecordRow>(include_str!("log_records.sql"))
        .bind(tenant)
        .bind(&compared.needles)
        .bind(compared.payload.map(|hash| hash.to_vec()))
        .bind(&compared.resources)
        .bind(&compared.scopes)
        .bind(most_records)
        .bind(MOST_FOUND + 1)
        .fetch(connection);
    let mut found = Found::default();
    let mut count = 0;
    let mut is_all = true;
    while let Some(row) = rows.try_next().await.map_err(read_error)? {
        count += 1;
        is_all &= row.trace_id.is_some() && count <= MOST_FOUND;
        compared.note(&row, &mut found);
    }
    Ok(is_all.then_some(found))
}

/// Returns the given traces that have a log record that passes. Runs one statement.
pub(super) async fn of_traces(
    connection: &mut PgConnection,
    tenant: Uuid,
    plan: &ScanPlan,
    test: &AttributeTest,
    trace_ids: Vec<Uuid>,
) -> Result<Found, ReadError> {
    let compared = Compared::new(plan, test);
    let mut rows = sqlx::query_as::<_, LogRecordRow>(include_str!("log_records_of_traces.sql"))
        .bind(tenant)
        .bind(&compared.needles)
        .bind(compared.payload.map(|hash| hash.to_vec()))
        .bind(&compared.resources)
        .bind(&compared.scopes)
        .bind(trace_ids)
        .fetch(connection);
    let mut found = Found::default();
    while let Some(row) = rows.try_next().await.map_err(read_error)? {
        compared.note(&row, &mut found);
    }
    Ok(found)
}

/// A test and the bind parameters of its statement.
struct Compared<'a> {
    test: &'a AttributeTest,
    /// Byte strings of which the encoded attributes of a passing record contain at least one.
    needles: Vec<Vec<u8>>,
    /// The hash of the value as a payload.
    payload: Option<[u8; 16]>,
    resources: Vec<i64>,
    scopes: Vec<i64>,
    /// The names of the resource and scope attributes that pass.
    names: &'a BTreeSet<String>,
}

impl<'a> Compared<'a> {
    fn new(plan: &'a ScanPlan, test: &'a AttributeTest) -> Self {
        let dictionary = &plan.dictionary;
        let ids = |ids: Option<&IdSet>| ids.into_iter().flatten().copied().collect();
        Self {
            test,
            needles: test.test.equal_values().iter().flat_map(needles).collect(),
            payload: test.test.equal_payload(),
            resources: ids(dictionary.resource_ids.get(&test.number)),
            scopes: ids(dictionary.scope_ids.get(&test.number)),
            names: &dictionary.names,
        }
    }

    fn note(&self, row: &LogRecordRow, found: &mut Found) {
        let Some(trace_id) = row.trace_id else {
            return;
        };
        let mut passes = row.is_listed;
        if row.is_listed && found.names.len() < MOST_NAMES {
            found
                .names
                .extend(self.names.iter().take(MOST_NAMES).cloned());
        }
        let bytes = row.attributes.as_deref().unwrap_or_default();
        // The bytes come from a sender. If they cannot be decoded, the record has no attributes.
        let attributes = binary::decode_attributes(bytes).unwrap_or_default();
        let payloads = payload_refs::decode(row.payloads.as_deref().unwrap_or_default());
        let payloads = payloads.unwrap_or_default();
        let mut buffer = String::new();
        for (index, (key, value)) in (0..).zip(attributes.iter()) {
            let path = ValuePath::Attribute(index);
            let is_equal = match payloads.iter().find(|payload| payload.path == path) {
                Some(payload) => Some(payload.hash) == self.payload,
                None => self.test.test.value(value, &mut buffer),
            };
            if is_equal && self.test.is_key(key.as_bytes()) {
                passes = true;
                if found.names.len() < MOST_NAMES {
                    found.names.insert(key.to_owned());
                }
            }
        }
        if passes {
            found.traces.insert(trace_id);
        }
    }
}

/// Returns the encoded bytes of a value, as an attribute value and as an array element.
fn needles(value: &AttributeValue) -> [Vec<u8>; 2] {
    /// The tags of `KeyValue.value` and `ArrayValue.values`.
    const TAGS: [u8; 2] = [0x12, 0x0a];
    let mut encoded = Vec::new();
    binary::any_value::encode(value, 1, &mut encoded);
    TAGS.map(|tag| {
        let mut needle = vec![tag];
        varint::put(encoded.len() as u64, &mut needle);
        needle.extend_from_slice(&encoded);
        needle
    })
}

#[cfg(test)]
mod tests {
    use throughline_wire::Attributes;

    use super::*;

    #[test]
    fn encoded_attributes_have_the_bytes_of_their_values_and_elements() {
        for value in [
            AttributeValue::from("o-1"),
            "x".repeat(300).into(),
            4_711_i64.into(),
            (-1_i64).into(),
            2.5.into(),
            true.into(),
        ] {
            let alone = value.clone();
            let among = vec![AttributeValue::from("other"), value.clone()];
            for (needle, stored) in needles(&value).into_iter().zip([alone, among.into()]) {
                let attributes: Attributes = [("first", "x".into()), ("key", stored)]
                    .into_iter()
                    .collect::<Vec<(&str, AttributeValue)>>()
                    .into_iter()
                    .collect();
                let mut bytes = Vec::new();
                binary::encode_attributes(&attributes, &mut bytes);
                assert!(
                    bytes.windows(needle.len()).any(|part| part == needle),
                    "{value:?}"
                );
            }
        }
    }
}
