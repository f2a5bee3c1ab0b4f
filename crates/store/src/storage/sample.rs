//! Reads a random sample of blocks.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use throughline_model::TableSize;
use uuid::Uuid;

use crate::block::table::{STORED_BLOCK_COLUMNS, StoredBlock};

/// The maximum number of blocks in the sample.
const MAX_BLOCKS: i64 = 16;
/// The maximum number of spans in the sample, unless one block has more.
const MAX_SPANS: i32 = 20_000;
/// The approximate number of candidate blocks from which the sample is chosen.
const CANDIDATES: f64 = 500.0;

/// The key of a block. In level 0 it has no class.
#[derive(FromRow)]
struct SampledBlock {
    received_day: i32,
    class: Option<i16>,
    bucket: i16,
    id: i64,
    span_count: i32,
}

/// Calls `see` for sampled blocks of the tenant, one after another.
pub(super) async fn blocks(
    connection: &mut PgConnection,
    tenant: Uuid,
    level0: &TableSize,
    level1: &TableSize,
    mut see: impl FnMut(&StoredBlock),
) -> Result<(), sqlx::Error> {
    let places: Vec<SampledBlock> = sqlx::query_as(include_str!("sample_blocks.sql"))
        .bind(tenant)
        .bind(percent(level0))
        .bind(percent(level1))
        .bind(MAX_BLOCKS)
        .fetch_all(&mut *connection)
        .await?;
    let mut spans = 0;
    for place in places {
        if spans > 0 && spans + place.span_count > MAX_SPANS {
            continue;
        }
        spans += place.span_count;
        // The block may have been compacted or removed in the meantime.
        if let Some(block) = block(connection, tenant, &place).await? {
            see(&block);
        }
    }
    Ok(())
}

fn percent(table: &TableSize) -> f32 {
    let percent = CANDIDATES * 100.0 / table.row_estimate.max(1) as f64;
    percent.clamp(0.000_1, 100.0) as f32
}

async fn block(
    connection: &mut PgConnection,
    tenant: Uuid,
    place: &SampledBlock,
) -> Result<Option<StoredBlock>, sqlx::Error> {
    let from = match place.class {
        None => "level0_blocks WHERE $4::smallint IS NULL",
        Some(_) => "level1_blocks WHERE class = $4",
    };
    sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {STORED_BLOCK_COLUMNS} FROM {from}
         AND tenant_id = $1 AND bucket = $2 AND id = $3 AND received_day = $5"
    )))
    .bind(tenant)
    .bind(place.bucket)
    .bind(place.id)
    .bind(place.class)
    .bind(place.received_day)
    .fetch_optional(connection)
    .await
}
