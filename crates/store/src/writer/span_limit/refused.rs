//! Counts the rejected spans of each trace, each span once as far as possible.
//!
//! A numbered span is recognised by the stored numbers of its process. Of other spans this server
//! remembers the latest that it rejected. Such a span counts again when it is sent to another
//! server, after a restart, or after very many others.
//!
//! The counts have their own table. Its rows are locked after those of `traces`, in the order of
//! their keys, so that commits that write the same traces do not deadlock.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::super::group::Group;
use super::super::outcome::RowRef;
use crate::ids::{TraceKey, uuids};

/// Counts `refused` in the transaction of `connection`, which has updated the rows of traces and
/// has not merged the processes yet.
pub(in super::super) async fn note(
    connection: &mut PgConnection,
    group: &Group,
    refused: &[RowRef],
) -> Result<(), sqlx::Error> {
    if refused.is_empty() {
        return Ok(());
    }
    let mut counts = BTreeMap::<TraceKey, i64>::new();
    let mut numbered = Numbered::default();
    for &row in refused {
        let (tenant, row) = (group.batch(row).tenant, group.row(row));
        let count = counts.entry((tenant, row.trace_id)).or_default();
        match row.numbered() {
            Some((process_id, sequence)) => {
                numbered.push((tenant, row.trace_id), process_id, sequence);
            }
            None => *count += 1,
        }
    }
    // Locks the rows, so that the next statement sees the spans that other servers have rejected.
    sqlx::query(include_str!("note_refused.sql"))
        .bind(uuids(counts.keys().map(|key| key.0)))
        .bind(uuids(counts.keys().map(|key| key.1)))
        .bind(counts.values().copied().collect::<Vec<i64>>())
        .execute(&mut *connection)
        .await?;
    numbered.note(connection).await
}

/// Rejected spans with sequence numbers, column by column.
#[derive(Default)]
struct Numbered {
    tenant_id: Vec<Uuid>,
    trace_id: Vec<Uuid>,
    process_id: Vec<i64>,
    sequence: Vec<i64>,
}

impl Numbered {
    fn push(&mut self, (tenant, trace_id): TraceKey, process_id: i64, sequence: i64) {
        self.tenant_id.push(Uuid::from_bytes(tenant));
        self.trace_id.push(Uuid::from_bytes(trace_id));
        self.process_id.push(process_id);
        self.sequence.push(sequence);
    }

    /// Counts the spans whose numbers were not rejected before.
    async fn note(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if self.sequence.is_empty() {
            return Ok(());
        }
        sqlx::query(include_str!("note_refused_numbers.sql"))
            .bind(self.tenant_id)
            .bind(self.trace_id)
            .bind(self.process_id)
            .bind(self.sequence)
            .execute(connection)
            .await?;
        Ok(())
    }
}
