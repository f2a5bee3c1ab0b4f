//! Reads and writes the tables of blocks.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use uuid::Uuid;

use super::{
    Block, ColumnKind, Columns, Corrupt, Directory, PruneData, Skeleton, SpanDecoder, SpanRecord,
};

/// The value of column `bucket` in a database that is not distributed.
pub(crate) const BUCKET: i16 = 0;

/// The columns of both tables that a [`Block`] fills, in the order of the bind parameters.
macro_rules! block_columns {
    () => {
        "span_count, first_start_ns, last_start_ns, last_end_ns, first_trace_id, last_trace_id, \
         max_duration_ns, has_error, has_payloads, resources, scopes, trace_ids, trace_ends, \
         trace_starts_ns, trace_checksums, operations, services, span_ids, parents, \
         outside_parents, start_offsets, long_start_offsets, durations, long_durations, \
         operation_indexes, statuses, flags, message_spans, messages, checksums, filter, \
         directory, columns"
    };
}

macro_rules! block_values {
    () => {
        "$3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
         $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35"
    };
}

/// The columns of a [`StoredBlock`]. The filter is not one of them.
pub(crate) const STORED_BLOCK_COLUMNS: &str = "tenant_id, id, span_count, first_start_ns, \
    last_start_ns, last_end_ns, first_trace_id, last_trace_id, max_duration_ns, has_error, \
    has_payloads, resources, scopes, trace_ids, trace_ends, trace_starts_ns, trace_checksums, \
    operations, services, span_ids, parents, outside_parents, start_offsets, long_start_offsets, \
    durations, long_durations, operation_indexes, statuses, flags, message_spans, messages, \
    checksums, directory, columns";

const INSERT_LEVEL0: &str = concat!(
    "INSERT INTO level0_blocks (tenant_id, bucket, id, ",
    block_columns!(),
    ") VALUES ($1, $2, nextval('block_ids'), ",
    block_values!(),
    ")"
);

const INSERT_LEVEL1: &str = concat!(
    "INSERT INTO level1_blocks (tenant_id, bucket, ",
    block_columns!(),
    ", id, received_day, class) VALUES ($1, $2, ",
    block_values!(),
    ", $36, $37, $38)"
);

const REPLACE_LEVEL0: &str = concat!(
    "UPDATE level0_blocks SET (",
    block_columns!(),
    ") = ROW(",
    block_values!(),
    ") WHERE tenant_id = $1 AND bucket = $2 AND id = $36"
);

const REPLACE_LEVEL1: &str = concat!(
    "UPDATE level1_blocks SET (",
    block_columns!(),
    ") = ROW(",
    block_values!(),
    ") WHERE tenant_id = $1 AND bucket = $2 AND id = $36 AND received_day = $37 AND class = $38"
);

/// A partition of level 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BlockPartition {
    /// The day when the server received the spans, in days since 1970 by the database clock.
    pub received_day: i32,
    /// The class: 0 for traces without an error or a warning, else 1.
    pub class: i16,
}

macro_rules! bind_block {
    ($statement:expr, $tenant:expr, $block:expr) => {{
        let Block {
            prune,
            skeleton,
            checksums,
            filter,
            directory,
            columns,
        } = $block;
        sqlx::query($statement)
            .bind($tenant)
            .bind(BUCKET)
            .bind(prune.span_count)
            .bind(prune.first_start_ns)
            .bind(prune.last_start_ns)
            .bind(prune.last_end_ns)
            .bind(prune.first_trace_id)
            .bind(prune.last_trace_id)
            .bind(prune.max_duration_ns)
            .bind(prune.has_error)
            .bind(prune.has_payloads)
            .bind(prune.resources)
            .bind(prune.scopes)
            .bind(skeleton.trace_ids)
            .bind(skeleton.trace_ends)
            .bind(skeleton.trace_starts_ns)
            .bind(skeleton.trace_checksums)
            .bind(skeleton.operations)
            .bind(skeleton.services)
            .bind(skeleton.span_ids)
            .bind(skeleton.parents)
            .bind(skeleton.outside_parents)
            .bind(skeleton.start_offsets)
            .bind(skeleton.long_start_offsets)
            .bind(skeleton.durations)
            .bind(skeleton.long_durations)
            .bind(skeleton.operation_indexes)
            .bind(skeleton.statuses)
            .bind(skeleton.flags)
            .bind(skeleton.message_spans)
            .bind(skeleton.messages)
            .bind(checksums)
            .bind(filter)
            .bind(directory)
            .bind(columns)
    }};
}

/// Inserts a block into level 0, in the current transaction of `connection`. Runs one statement.
pub(crate) async fn insert_level0(
    connection: &mut PgConnection,
    tenant: Uuid,
    block: Block,
) -> Result<(), sqlx::Error> {
    bind_block!(INSERT_LEVEL0, tenant, block)
        .execute(connection)
        .await?;
    Ok(())
}

/// Inserts a block into a partition of level 1. The partition must exist.
pub(crate) async fn insert_level1(
    connection: &mut PgConnection,
    tenant: Uuid,
    id: i64,
    partition: BlockPartition,
    block: Block,
) -> Result<(), sqlx::Error> {
    bind_block!(INSERT_LEVEL1, tenant, block)
        .bind(id)
        .bind(partition.received_day)
        .bind(partition.class)
        .execute(connection)
        .await?;
    Ok(())
}

/// Inserts a block into a detached copy of a partition of level 1. The name `table` must consist of
/// letters, digits and underscores, because it is inserted into the SQL text.
pub(crate) async fn insert_into_copy(
    connection: &mut PgConnection,
    table: &str,
    tenant: Uuid,
    id: i64,
    partition: BlockPartition,
    block: Block,
) -> Result<(), sqlx::Error> {
    let statement = INSERT_LEVEL1.replacen("level1_blocks", table, 1);
    bind_block!(AssertSqlSafe(statement), tenant, block)
        .bind(id)
        .bind(partition.received_day)
        .bind(partition.class)
        .execute(connection)
        .await?;
    Ok(())
}

/// Replaces a block of level 0, or of a partition of level 1.
pub(crate) async fn replace_block(
    connection: &mut PgConnection,
    tenant: Uuid,
    id: i64,
    partition: Option<BlockPartition>,
    block: Block,
) -> Result<(), sqlx::Error> {
    let Some(BlockPartition {
        received_day,
        class,
    }) = partition
    else {
        bind_block!(REPLACE_LEVEL0, tenant, block)
            .bind(id)
            .execute(connection)
            .await?;
        return Ok(());
    };
    bind_block!(REPLACE_LEVEL1, tenant, block)
        .bind(id)
        .bind(received_day)
        .bind(class)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes a block of level 0, or of a partition of level 1.
pub(crate) async fn delete_block(
    connection: &mut PgConnection,
    tenant: Uuid,
    id: i64,
    partition: Option<BlockPartition>,
) -> Result<(), sqlx::Error> {
    let delete = match partition {
        None => sqlx::query(
            "DELETE FROM level0_blocks WHERE tenant_id = $1 AND bucket = $2 AND id = $3",
        ),
        Some(_) => sqlx::query(
            "DELETE FROM level1_blocks WHERE tenant_id = $1 AND bucket = $2 AND id = $3
                 AND received_day = $4 AND class = $5",
        ),
    };
    let mut delete = delete.bind(tenant).bind(BUCKET).bind(id);
    if let Some(partition) = partition {
        delete = delete.bind(partition.received_day).bind(partition.class);
    }
    delete.execute(connection).await?;
    Ok(())
}

/// A block as read from the database.
#[derive(Debug, FromRow)]
pub(crate) struct StoredBlock {
    pub tenant_id: Uuid,
    pub id: i64,
    #[sqlx(flatten)]
    pub prune: PruneData,
    #[sqlx(flatten)]
    pub skeleton: Skeleton,
    pub checksums: Vec<i32>,
    pub directory: Vec<u8>,
    pub columns: Vec<u8>,
}

impl StoredBlock {
    /// Checks that the block is unchanged and decompresses its columns.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the block is damaged.
    pub(crate) fn load(&self) -> Result<Columns, Corrupt> {
        self.prune.verify_all(&self.checksums)?;
        self.skeleton.verify()?;
        let mut columns = Columns::new(Directory::decode(&self.directory)?);
        columns.load_all(&self.columns)?;
        Ok(columns)
    }

    /// Calls `see` for all spans.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the block is damaged.
    pub(crate) fn for_each(&self, see: impl FnMut(SpanRecord<'_>)) -> Result<(), Corrupt> {
        let columns = self.load()?;
        SpanDecoder::new(&self.prune, &self.skeleton, &columns)?.all(see)
    }

    /// Calls `see` for all spans, but decompresses only the columns of `kind`. The records have no
    /// values of other columns.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the block is damaged.
    pub(crate) fn for_each_with(
        &self,
        kind: ColumnKind,
        see: impl FnMut(SpanRecord<'_>),
    ) -> Result<(), Corrupt> {
        self.prune.verify_all(&self.checksums)?;
        self.skeleton.verify()?;
        let mut columns = Columns::new(Directory::decode(&self.directory)?);
        let of_kind: Vec<usize> = columns.directory.columns_of_kind(kind).collect();
        columns.load_columns(&of_kind, &self.columns)?;
        SpanDecoder::new(&self.prune, &self.skeleton, &columns)?.all(see)
    }

    /// Logs and counts that the block cannot be read.
    pub(crate) fn report(&self, corrupt: Corrupt) {
        report_corrupt(self.id, &self.prune, corrupt);
    }
}

/// Logs and counts that a block cannot be read. The caller continues with the other blocks.
pub(crate) fn report_corrupt(id: i64, prune: &PruneData, corrupt: Corrupt) {
    tracing::error!(
        block = id,
        from_ns = prune.first_start_ns,
        to_ns = prune.last_start_ns,
        spans = prune.span_count,
        %corrupt,
        "skipped a damaged block of spans"
    );
    metrics::counter!("throughline_store_corrupt_blocks_total").increment(1);
}

/// Logs and counts that the database cannot read a block. The caller continues with the other
/// blocks. `range_ns` is the range of the start times of its spans, if known.
pub(crate) fn report_unreadable(id: i64, range_ns: Option<(i64, i64)>, error: &sqlx::Error) {
    let (from_ns, to_ns) = range_ns.unzip();
    tracing::error!(
        block = id,
        from_ns,
        to_ns,
        %error,
        "cannot read a damaged block of spans; it stays unchanged"
    );
    metrics::counter!("throughline_store_corrupt_blocks_total").increment(1);
}
