//! Stores the new spans of a commit in level 0: one block for each tenant, or more when they do not
//! fit.

use sqlx::PgConnection;
use uuid::Uuid;

use super::group::Group;
use super::outcome::RowRef;
use crate::block::BlockBuilder;
use crate::block::table::insert_level0;

/// The zstd level of level-0 blocks: the fastest ordinary one, because compaction compresses again
/// at a higher level.
pub(super) const COMPRESSION_LEVEL: i32 = 1;

/// Stores `rows`, spans of `group`, in the transaction of `connection`; `builder` is empty before
/// and after.
pub(super) async fn store(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
    builder: &mut BlockBuilder,
) -> Result<(), sqlx::Error> {
    let mut rows = rows.to_vec();
    // The rows are nearly sorted, because the claim visits the traces in this order. Comparing
    // numbers is faster than comparing bytes.
    rows.sort_by_key(|&row| {
        let span = group.row(row);
        (
            u128::from_be_bytes(group.batch(row).tenant),
            u128::from_be_bytes(span.trace_id),
            span.start_ns,
            span.span_id,
        )
    });
    for of_tenant in rows.chunk_by(|a, b| group.batch(*a).tenant == group.batch(*b).tenant) {
        let tenant = Uuid::from_bytes(group.batch(of_tenant[0]).tenant);
        for &row in of_tenant {
            let record = group.record(row);
            if !builder.takes(&record) {
                let full = builder.finish()?;
                insert_level0(connection, tenant, full).await?;
            }
            builder.push(&record);
        }
        let block = builder.finish()?;
        insert_level0(connection, tenant, block).await?;
    }
    Ok(())
}
