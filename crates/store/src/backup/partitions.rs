//! Finds the partitions that the rows of a backup need, and creates them in a restore.

use sqlx::{AssertSqlSafe, PgConnection};

use super::BackupError;
use super::catalogue::BackupTable;

/// Returns the partition keys of the rows of `table`; none for an ordinary table.
pub(super) async fn needed(
    connection: &mut PgConnection,
    table: &BackupTable,
) -> Result<Vec<Vec<i64>>, BackupError> {
    let Some(statement) = &table.select_partition_keys else {
        return Ok(Vec::new());
    };
    ensure_statement(table)?;
    // Written by the catalogue, from quoted names.
    let keys = sqlx::query_scalar(AssertSqlSafe(statement.clone()))
        .fetch_all(connection)
        .await?;
    Ok(keys)
}

/// Makes the partition for rows with `key` unless it is there.
///
/// The database keeps its own boundary of the archive: what is older than that goes to the archive
/// partition, which is there and has no lower end, so each row has a partition.
pub(super) async fn ensure(
    connection: &mut PgConnection,
    table: &BackupTable,
    key: &[i64],
) -> Result<(), BackupError> {
    let (statement, key_length) = ensure_statement(table)?;
    if key.len() != key_length {
        return Err(BackupError::UnknownPartitioning(table.name.clone()));
    }
    let mut query = sqlx::query(statement);
    for value in key {
        query = query.bind(value);
    }
    query.execute(connection).await?;
    Ok(())
}

/// The statement that makes a partition of such a table, and how many values its key has.
fn ensure_statement(table: &BackupTable) -> Result<(&'static str, usize), BackupError> {
    let types: Vec<&str> = table
        .partition_key_types
        .iter()
        .map(String::as_str)
        .collect();
    match types.as_slice() {
        ["integer", "smallint"] => Ok((
            "SELECT ensure_block_partition($1::bigint::integer, $2::bigint::smallint)",
            2,
        )),
        ["bigint"] => Ok((
            "SELECT ensure_day_partitions($1)
             WHERE NOT EXISTS (SELECT FROM day_archive WHERE $1 < boundary_ns)",
            1,
        )),
        _ => Err(BackupError::UnknownPartitioning(table.name.clone())),
    }
}
