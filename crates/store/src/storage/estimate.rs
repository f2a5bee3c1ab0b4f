//! Bytes by operation and attribute key, estimated from a sample of pages.

use std::collections::HashMap;

use sqlx::{FromRow, PgConnection};
use throughline_model::{Share, StorageReport, TableSize};
use throughline_wire::{AttributeValue, Attributes, binary};
use uuid::Uuid;

/// Spans looked at, about.
const SAMPLE: u64 = 5_000;
/// Spans looked at, at most.
const MAX_SAMPLE: i64 = 20_000;

#[derive(FromRow)]
struct Row {
    service: Option<String>,
    operation: Option<String>,
    byte_count: i64,
    attributes: Option<Vec<u8>>,
}

/// What the sample says of all.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    pub sampled_spans: u64,
    pub by_operation: Vec<Share>,
    pub by_attribute: Vec<Share>,
}

pub(super) async fn estimate(
    connection: &mut PgConnection,
    tenant: Uuid,
    tables: &[TableSize],
) -> Result<Estimate, sqlx::Error> {
    let Some(spans) = tables.iter().find(|table| table.table == "spans") else {
        return Ok(Estimate::default());
    };
    // SYSTEM takes whole pages, so that a sample of a large table reads few of them.
    let percent = (SAMPLE as f64 * 100.0 / spans.row_estimate.max(1) as f64).clamp(0.000_1, 100.0);
    let rows: Vec<Row> = sqlx::query_as(include_str!("sample_spans.sql"))
        .bind(tenant)
        .bind(percent as f32)
        .bind(MAX_SAMPLE)
        .fetch_all(connection)
        .await?;
    let sampled: u64 = rows.iter().map(|row| row.byte_count.unsigned_abs()).sum();
    let factor = spans.total_bytes() as f64 / sampled.max(1) as f64;
    let (mut by_operation, mut by_attribute) = (HashMap::new(), HashMap::new());
    for row in &rows {
        let key = (
            Some(row.service.clone().unwrap_or_default()),
            row.operation.clone().unwrap_or_default(),
        );
        *by_operation.entry(key).or_default() += row.byte_count.unsigned_abs();
        // What cannot be read is another's to report.
        let attributes = binary::decode_attributes(row.attributes.as_deref().unwrap_or_default());
        for (key, byte_count) in sizes(&attributes.unwrap_or_default()) {
            *by_attribute.entry((None, key)).or_default() += byte_count;
        }
    }
    Ok(Estimate {
        sampled_spans: rows.len() as u64,
        by_operation: shares(by_operation, factor),
        by_attribute: shares(by_attribute, factor),
    })
}

/// Each attribute with the bytes of its key and value as they are stored.
fn sizes(attributes: &Attributes) -> Vec<(String, u64)> {
    let size = |key: &str, value: &AttributeValue| {
        let one = Attributes::from_pairs(vec![(key.to_owned().into(), value.clone())]);
        let mut encoded = Vec::new();
        binary::encode_attributes(&one, &mut encoded);
        (key.to_owned(), encoded.len() as u64)
    };
    attributes
        .iter()
        .map(|(key, value)| size(key, value))
        .collect()
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
