//! Copies the tables of a backup file into an empty database.

use std::io::Read;

use sqlx::{AssertSqlSafe, PgConnection};

use super::catalogue::{self, BackupTable};
use super::file::FileReader;
use super::record::Record;
use super::{BackupError, BackupReport, LOOK_EVERY_BYTES, TableProgress, check_disk, partitions};
use crate::{Gauge, migrate};

/// The boundary of the archive partitions, which the database keeps.
const ARCHIVE: &str = "day_archive";

/// Tables that may hold rows in a database that nobody has stored anything in; they are emptied.
const NEVER_EMPTY: [&str; 3] = ["retention_days", "retention_state", "storage_days"];

/// Tables whose rows are about the partitions of the one database: the boundary of its archive, and
/// which partitions retention has been through. Without the latter it goes through all of them.
const ABOUT_PARTITIONS: [&str; 2] = [ARCHIVE, "retention_days"];

/// Restores the backup `input` in one transaction: after an error nothing of it is there. On an error
/// the connection must not be used again.
pub(crate) async fn restore(
    connection: &mut PgConnection,
    input: impl Read,
    gauge: &Gauge,
    mut progress: impl FnMut(TableProgress<'_>),
) -> Result<BackupReport, BackupError> {
    let mut file = FileReader::new(input)?;
    check_schema(connection, file.record()?, &file).await?;
    let tables = begin(connection).await?;
    let find = |name: String| match tables.iter().find(|table| table.name == name) {
        Some(table) => Ok(table),
        None => Err(BackupError::UnknownTable(name)),
    };
    let mut report = BackupReport::default();
    loop {
        match file.record()? {
            Record::Sequence { name, value } => raise(connection, &name, value).await?,
            Record::Partition { table, key } => {
                partitions::ensure(connection, find(table)?, &key).await?;
            }
            Record::Table { name, columns } => {
                let table = find(name)?;
                if table.columns != columns {
                    return Err(BackupError::UnknownTable(table.name.clone()));
                }
                let restored = if ABOUT_PARTITIONS.contains(&table.name.as_str()) {
                    skip_table(table, &mut file)?
                } else {
                    restore_table(connection, table, &mut file, gauge, &mut progress).await?
                };
                progress(restored);
                report.add(restored);
            }
            Record::End {
                table_count,
                row_count,
            } if (table_count, row_count) == (report.table_count, report.row_count) => break,
            _ => return Err(file.damaged()),
        }
    }
    file.end()?;
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    for table in &tables {
        // The name is the one that the database quoted.
        sqlx::query(AssertSqlSafe(format!("ANALYZE {}", table.quoted_name)))
            .execute(&mut *connection)
            .await?;
    }
    Ok(report)
}

async fn check_schema(
    connection: &mut PgConnection,
    header: Record,
    file: &FileReader<impl Read>,
) -> Result<(), BackupError> {
    let Record::Header {
        program,
        schema_version,
        schema_fingerprint,
    } = header
    else {
        return Err(file.damaged());
    };
    let schema = migrate::schema(connection).await?;
    if (schema.version, schema.fingerprint) == (schema_version, schema_fingerprint) {
        return Ok(());
    }
    Err(BackupError::OtherSchema {
        program,
        found: schema_version,
        known: schema.version,
    })
}

/// Begins the transaction: nobody writes until it ends, and there are no rows.
async fn begin(connection: &mut PgConnection) -> Result<Vec<BackupTable>, BackupError> {
    let tables = catalogue::tables(connection).await?;
    sqlx::query("BEGIN").execute(&mut *connection).await?;
    for setting in [
        "SET LOCAL statement_timeout = 0",
        "SET LOCAL idle_in_transaction_session_timeout = 0",
    ] {
        sqlx::query(setting).execute(&mut *connection).await?;
    }
    catalogue::lock(connection, &tables, "SHARE ROW EXCLUSIVE").await?;
    for table in &tables {
        let name = &table.quoted_name;
        if table.name == ARCHIVE {
            continue;
        }
        if NEVER_EMPTY.contains(&table.name.as_str()) {
            sqlx::query(AssertSqlSafe(format!("DELETE FROM {name}")))
                .execute(&mut *connection)
                .await?;
            continue;
        }
        let has_rows: bool =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT EXISTS (SELECT FROM {name})")))
                .fetch_one(&mut *connection)
                .await?;
        if has_rows {
            return Err(BackupError::NotEmpty(table.name.clone()));
        }
    }
    Ok(tables)
}

/// Raises a sequence to `value` at least.
async fn raise(connection: &mut PgConnection, name: &str, value: i64) -> Result<(), BackupError> {
    sqlx::query(
        "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass,
                       greatest(last_value, $2))
         FROM pg_sequences
         WHERE schemaname = current_schema() AND sequencename = $1",
    )
    .bind(name)
    .bind(value)
    .execute(connection)
    .await?;
    Ok(())
}

async fn restore_table<'a>(
    connection: &mut PgConnection,
    table: &'a BackupTable,
    file: &mut FileReader<impl Read>,
    gauge: &Gauge,
    progress: &mut impl FnMut(TableProgress<'_>),
) -> Result<TableProgress<'a>, BackupError> {
    check_disk(gauge)?;
    let mut now = beginning(table);
    let mut looked_at = 0;
    let mut copy = connection.copy_in_raw(&table.copy_in).await?;
    loop {
        match file.record()? {
            Record::Rows(bytes) => {
                now.byte_count += bytes.len() as u64;
                copy.send(bytes).await?;
                if now.byte_count - looked_at >= LOOK_EVERY_BYTES {
                    looked_at = now.byte_count;
                    check_disk(gauge)?;
                }
                progress(now);
            }
            Record::TableEnd { row_count } => {
                now.row_count = copy.finish().await?;
                now.is_complete = true;
                if now.row_count == row_count {
                    return Ok(now);
                }
                return Err(file.damaged());
            }
            _ => return Err(file.damaged()),
        }
    }
}

/// Reads over the rows of a table that are not restored.
fn skip_table<'a>(
    table: &'a BackupTable,
    file: &mut FileReader<impl Read>,
) -> Result<TableProgress<'a>, BackupError> {
    let mut now = beginning(table);
    loop {
        match file.record()? {
            Record::Rows(bytes) => now.byte_count += bytes.len() as u64,
            Record::TableEnd { row_count } => {
                now.row_count = row_count;
                now.is_complete = true;
                return Ok(now);
            }
            _ => return Err(file.damaged()),
        }
    }
}

fn beginning(table: &BackupTable) -> TableProgress<'_> {
    TableProgress {
        table: &table.name,
        row_count: 0,
        byte_count: 0,
        is_complete: false,
    }
}
