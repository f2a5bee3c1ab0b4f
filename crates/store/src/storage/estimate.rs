//! Estimates the bytes of each operation and attribute key from a sample of blocks.
//!
//! The spans of a block are compressed together. So the estimate splits the compressed size of a
//! block by the shares of the uncompressed bytes.

use std::collections::HashMap;

use sqlx::{FromRow, PgConnection};
use throughline_codec::binary;
use throughline_model::{Share, StorageReport, TableSize};
use throughline_wire::{AttributeValue, Attributes};
use uuid::Uuid;

use super::sample;
use crate::block::{SpanRecord, raw_bytes};

/// The estimate for all blocks, extrapolated from the sample.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    pub sampled_spans: u64,
    pub by_operation: Vec<Share>,
    pub by_attribute: Vec<Share>,
}

/// The sampled bytes before compression.
#[derive(Debug, Default)]
struct Sampled {
    span_count: u64,
    byte_count: u64,
    by_operation: HashMap<i64, u64>,
    by_attribute: HashMap<String, u64>,
}

impl Sampled {
    fn add(&mut self, record: &SpanRecord<'_>) {
        let bytes = raw_bytes(record) as u64;
        self.span_count += 1;
        self.byte_count += bytes;
        *self.by_operation.entry(record.operation_id).or_default() += bytes;
        // Readers report damaged attributes. The estimate ignores them.
        let attributes = binary::decode_attributes(record.attributes).unwrap_or_default();
        for (key, value) in attributes.iter() {
            let bytes = encoded_size(key, value);
            match self.by_attribute.get_mut(key) {
                Some(sum) => *sum += bytes,
                None => drop(self.by_attribute.insert(key.to_owned(), bytes)),
            }
        }
    }
}

/// Returns the size of an encoded key and value, in bytes.
fn encoded_size(key: &str, value: &AttributeValue) -> u64 {
    let one = Attributes::from_pairs(vec![(key.to_owned().into(), value.clone())]);
    let mut encoded = Vec::new();
    binary::encode_attributes(&one, &mut encoded);
    encoded.len() as u64
}

pub(super) async fn estimate(
    connection: &mut PgConnection,
    tenant: Uuid,
    tables: &[TableSize],
) -> Result<Estimate, sqlx::Error> {
    let table = |name: &str| tables.iter().find(|table| table.table == name);
    let (Some(level0), Some(level1)) = (table("level0_blocks"), table("level1_blocks")) else {
        return Ok(Estimate::default());
    };
    let mut sampled = Sampled::default();
    sample::blocks(connection, tenant, level0, level1, |block| {
        if let Err(corrupt) = block.for_each(|record| sampled.add(&record)) {
            block.report(corrupt);
        }
    })
    .await?;
    let stored = level0.total_bytes() + level1.total_bytes();
    let factor = stored as f64 / sampled.byte_count.max(1) as f64;
    let by_attribute = sampled
        .by_attribute
        .into_iter()
        .map(|(key, bytes)| ((None, key), bytes))
        .collect();
    Ok(Estimate {
        sampled_spans: sampled.span_count,
        by_operation: shares(
            named(connection, tenant, sampled.by_operation).await?,
            factor,
        ),
        by_attribute: shares(by_attribute, factor),
    })
}

#[derive(FromRow)]
struct OperationName {
    id: i64,
    operation: String,
    service: Option<String>,
}

/// Returns the sums by the names of service and operation.
async fn named(
    connection: &mut PgConnection,
    tenant: Uuid,
    sums: HashMap<i64, u64>,
) -> Result<HashMap<(Option<String>, String), u64>, sqlx::Error> {
    let names: Vec<OperationName> = sqlx::query_as(
        "SELECT operation.id, operation.name AS operation, service.name AS service
         FROM operations AS operation
         LEFT JOIN services AS service
             ON service.tenant_id = operation.tenant_id AND service.id = operation.service_id
         WHERE operation.tenant_id = $1 AND operation.id = ANY ($2)",
    )
    .bind(tenant)
    .bind(sums.keys().copied().collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let mut names: HashMap<i64, (Option<String>, String)> = names
        .into_iter()
        .map(|row| {
            (
                row.id,
                (Some(row.service.unwrap_or_default()), row.operation),
            )
        })
        .collect();
    let mut named = HashMap::new();
    for (id, bytes) in sums {
        let name = names.remove(&id).unwrap_or_default();
        *named.entry(name).or_default() += bytes;
    }
    Ok(named)
}

fn shares(sums: HashMap<(Option<String>, String), u64>, factor: f64) -> Vec<Share> {
    let mut shares: Vec<_> = sums
        .into_iter()
        .map(|((service, name), byte_count)| Share {
            service,
            name,
            byte_count: (byte_count as f64 * factor) as u64,
        })
        .collect();
    shares.sort_by(|a, b| {
        let by_size = b.byte_count.cmp(&a.byte_count);
        by_size.then_with(|| (&a.service, &a.name).cmp(&(&b.service, &b.name)))
    });
    shares.truncate(StorageReport::MAX_SHARES);
    shares
}
