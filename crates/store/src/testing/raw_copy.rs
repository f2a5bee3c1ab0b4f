//! The yardstick of the ingest benchmark: what Postgres needs to `COPY` stored rows into an equal
//! table, and nothing else.

use futures::TryStreamExt as _;
use sqlx::postgres::PgPoolCopyExt as _;
use sqlx::{Connection as _, PgConnection, PgPool};

/// Bytes of a piece of the `COPY` stream: each is sent by itself.
const PIECE_BYTES: usize = 256 * 1024;

/// What a raw binary `COPY` took.
#[derive(Debug, Clone, Copy)]
pub struct RawCopy {
    /// Rows copied.
    pub rows: u64,
    /// CPU seconds that it took, by the measure of the caller.
    pub cpu_s: f64,
}

/// Copies every row of `spans` into a new table of the same columns, unique key and kind of
/// partitions in one `COPY`, and measures it with `cpu_s_of`, which is given the process id of the
/// backend that does it.
///
/// What the database put off until later (vacuum, checkpoint) is done before, so that a measure of
/// all of its processes counts what belongs to this `COPY`.
///
/// # Errors
/// Whatever the database or `cpu_s_of` says.
pub async fn raw_copy<E>(
    url: &str,
    cpu_s_of: impl Fn(u32) -> Result<f64, E>,
) -> Result<RawCopy, Box<dyn core::error::Error + Send + Sync>>
where
    E: Into<Box<dyn core::error::Error + Send + Sync>>,
{
    let pool = PgPool::connect(url).await?;
    let mut pieces = pool
        .copy_out_raw("COPY (SELECT * FROM spans) TO STDOUT (FORMAT binary)")
        .await?;
    let mut rows = Vec::new();
    while let Some(piece) = pieces.try_next().await? {
        rows.extend_from_slice(&piece);
    }
    drop(pieces);
    pool.close().await;

    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(
        "DROP TABLE IF EXISTS raw_spans;
         CREATE TABLE raw_spans (LIKE spans INCLUDING ALL) PARTITION BY RANGE (start_ns);
         CREATE TABLE raw_spans_all PARTITION OF raw_spans DEFAULT;
         SELECT spare_spans('raw_spans_all')",
    )
    .execute(&mut connection)
    .await?;
    for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut connection)
        .await?;
    let before = cpu_s_of(pid.unsigned_abs()).map_err(Into::into)?;
    let mut copy = connection
        .copy_in_raw("COPY raw_spans FROM STDIN (FORMAT binary)")
        .await?;
    for piece in rows.chunks(PIECE_BYTES) {
        copy.send(piece).await?;
    }
    let rows = copy.finish().await?;
    let cpu_s = cpu_s_of(pid.unsigned_abs()).map_err(Into::into)? - before;
    connection.close().await?;
    Ok(RawCopy { rows, cpu_s })
}
