//! Queries for tests that must not depend on the database library.

use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use crate::block::table::{STORED_BLOCK_COLUMNS, StoredBlock};

pub(super) async fn connect(url: &str) -> PgConnection {
    PgConnectOptions::from_str(url)
        .expect("a postgres:// URL")
        .disable_statement_logging()
        .connect()
        .await
        .expect("the database answers")
}

/// Returns the single number (`bigint`) of a query.
///
/// # Panics
/// Panics if the query fails.
pub async fn count(url: &str, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(&mut connect(url).await)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Runs statements.
///
/// # Panics
/// Panics if a statement fails.
pub async fn execute(url: &str, sql: &'static str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connect(url).await)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Returns the tables of the schema, each with its number of rows and a digest of them.
///
/// # Panics
/// Panics if the database does not respond.
pub async fn table_digests(url: &str) -> Vec<(String, i64, Option<String>)> {
    let mut connection = connect(url).await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
             AND NOT relispartition AND relname <> '_sqlx_migrations'
         ORDER BY relname",
    )
    .fetch_all(&mut connection)
    .await
    .expect("lists tables");
    let mut digests = Vec::new();
    for table in tables {
        let statement = format!(
            "SELECT count(*), md5(string_agg(row, '' ORDER BY row))
             FROM (SELECT md5(t::text) AS row FROM {table} AS t) AS rows"
        );
        let (row_count, digest) = sqlx::query_as(AssertSqlSafe(statement))
            .fetch_one(&mut connection)
            .await
            .expect("reads the table");
        digests.push((table, row_count, digest));
    }
    digests
}

/// Returns the clock offset and error of each span in level 0, as its sender measured them.
///
/// # Panics
/// Panics if a block cannot be read.
pub async fn measured_clocks(url: &str) -> Vec<(Option<i64>, Option<i64>)> {
    let statement = format!("SELECT {STORED_BLOCK_COLUMNS} FROM level0_blocks ORDER BY id");
    let blocks: Vec<StoredBlock> = sqlx::query_as(AssertSqlSafe(statement))
        .fetch_all(&mut connect(url).await)
        .await
        .expect("reads blocks");
    let mut measured = Vec::new();
    for block in blocks {
        let note = |record: crate::block::SpanRecord<'_>| {
            let ingest = record.ingest;
            measured.push((ingest.clock_offset_ns, ingest.clock_error_ns));
        };
        block.for_each(note).expect("a whole block");
    }
    measured
}

/// Returns the number of spans in the blocks of both levels, including those of removed traces.
///
/// # Panics
/// Panics like [`count`].
pub async fn count_spans(url: &str) -> i64 {
    count(
        url,
        "SELECT coalesce(sum(span_count), 0)::bigint FROM (
             SELECT span_count FROM level0_blocks
             UNION ALL SELECT span_count FROM level1_blocks
         ) AS block",
    )
    .await
}

/// Returns the number of different span ids in the blocks of both levels.
///
/// # Panics
/// Panics like [`count`].
pub async fn count_span_ids(url: &str) -> i64 {
    count(
        url,
        "SELECT count(DISTINCT span_id) FROM (
             SELECT unnest(span_ids) AS span_id FROM level0_blocks
             UNION ALL SELECT unnest(span_ids) FROM level1_blocks
         ) AS span",
    )
    .await
}
