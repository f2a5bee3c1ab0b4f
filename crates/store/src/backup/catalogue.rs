//! Lists the tables and sequences of the schema, as the database's catalogue has them.

use sqlx::PgConnection;

/// A table whose rows a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BackupTable {
    pub name: String,
    /// The name with its schema, quoted for a statement.
    pub quoted_name: String,
    /// The columns that hold data; generated ones are left out.
    pub columns: Vec<String>,
    pub copy_out: String,
    pub copy_in: String,
    /// Types of the columns that choose a row's partition; empty for an ordinary table.
    pub partition_key_types: Vec<String>,
    /// Selects the distinct partition keys of the rows.
    pub select_partition_keys: Option<String>,
}

type TableRow = (
    String,
    String,
    Vec<String>,
    String,
    String,
    Vec<String>,
    Option<String>,
);

/// Returns the tables, by name.
pub(super) async fn tables(connection: &mut PgConnection) -> Result<Vec<BackupTable>, sqlx::Error> {
    let rows: Vec<TableRow> = sqlx::query_as(include_str!("catalogue.sql"))
        .fetch_all(connection)
        .await?;
    let tables = rows.into_iter().map(|row| {
        let (name, quoted_name, columns, copy_out, copy_in, partition_key_types, keys) = row;
        BackupTable {
            name,
            quoted_name,
            columns,
            copy_out,
            copy_in,
            select_partition_keys: keys.filter(|_| !partition_key_types.is_empty()),
            partition_key_types,
        }
    });
    Ok(tables.collect())
}

/// Returns the sequences that were used, each with its last value.
pub(super) async fn sequences(
    connection: &mut PgConnection,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT sequencename::text, last_value FROM pg_sequences
         WHERE schemaname = current_schema() AND last_value IS NOT NULL
         ORDER BY sequencename",
    )
    .fetch_all(connection)
    .await
}

/// Locks the tables with their partitions, in `mode`, until the transaction ends.
pub(super) async fn lock(
    connection: &mut PgConnection,
    tables: &[BackupTable],
    mode: &'static str,
) -> Result<(), sqlx::Error> {
    let names: Vec<&str> = tables
        .iter()
        .map(|table| table.quoted_name.as_str())
        .collect();
    // The names are those that the database quoted.
    let statement = format!("LOCK TABLE {} IN {mode} MODE", names.join(", "));
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}
