//! Offloaded payloads: large values are taken out of spans and events before these are encoded. The
//! task of the submitter compresses them. The transaction of their rows writes them, once for each
//! day.

mod detach;

use sqlx::PgConnection;
use uuid::Uuid;

pub(super) use self::detach::{Detached, detach};

/// The size of the compressed values in one statement, in bytes; a single value may exceed it.
const STATEMENT_BYTES: usize = 4 << 20;

/// A row of `payloads` without the tenant.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    hash: [u8; 16],
    day_ns: i64,
    /// The size of the encoded value before compression, in bytes.
    byte_count: i64,
    content: Vec<u8>,
}

impl Payload {
    /// Returns the start of the day under which it is stored.
    pub(super) const fn day_ns(&self) -> i64 {
        self.day_ns
    }
}

/// Returns the memory size of payloads in bytes.
pub(super) fn memory_bytes(payloads: &[Payload]) -> usize {
    payloads
        .iter()
        .map(|payload| payload.content.capacity() + size_of::<Payload>())
        .sum()
}

/// Writes payloads with their tenants, in the transaction of `connection`. They are sorted by key,
/// so that servers that store the same bytes do not deadlock.
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
