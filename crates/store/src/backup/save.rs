//! Copies every table into a backup file.

use std::io::Write;

use futures::TryStreamExt as _;
use sqlx::PgConnection;

use super::catalogue::{self, BackupTable};
use super::file::FileWriter;
use super::record::Record;
use super::rows::RowCounter;
use super::{BackupError, BackupReport, LOOK_EVERY_BYTES, TableProgress, check_disk, partitions};
use crate::migrate::Schema;
use crate::{Gauge, migrate};

/// Writes all tables of the database to `out`. On an error the connection must not be used again.
pub(crate) async fn save(
    connection: &mut PgConnection,
    out: impl Write,
    gauge: &Gauge,
    mut progress: impl FnMut(TableProgress<'_>),
) -> Result<BackupReport, BackupError> {
    let schema = migrate::schema(connection).await?;
    let known = Schema::known();
    if schema.version < known.version {
        return Err(BackupError::OlderSchema {
            found: schema.version,
            known: known.version,
        });
    }
    let tables = begin(connection).await?;
    let mut file = FileWriter::new(out)?;
    file.record(&Record::Header {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        schema_version: schema.version,
        schema_fingerprint: schema.fingerprint,
    })?;
    // After the snapshot: not less than any value in a row of it.
    for (name, value) in catalogue::sequences(connection).await? {
        file.record(&Record::Sequence { name, value })?;
    }
    for table in &tables {
        for key in partitions::needed(connection, table).await? {
            let table = table.name.clone();
            file.record(&Record::Partition { table, key })?;
        }
    }
    let mut report = BackupReport::default();
    for table in &tables {
        let saved = save_table(connection, table, &mut file, gauge, &mut progress).await?;
        report.add(saved);
    }
    file.record(&Record::End {
        table_count: report.table_count,
        row_count: report.row_count,
    })?;
    file.finish()?;
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(report)
}

/// Begins the transaction whose snapshot is copied, with all tables locked against being dropped.
///
/// The locks come before the snapshot: a partition that is dropped between the two would be in
/// neither, and the rest would refer to it.
async fn begin(connection: &mut PgConnection) -> Result<Vec<BackupTable>, BackupError> {
    for setting in [
        "SET statement_timeout = 0",
        "SET lock_timeout = 0",
        "SET idle_in_transaction_session_timeout = 0",
    ] {
        sqlx::query(setting).execute(&mut *connection).await?;
    }
    let expected = catalogue::tables(connection).await?;
    sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .execute(&mut *connection)
        .await?;
    catalogue::lock(connection, &expected, "ACCESS SHARE").await?;
    let tables = catalogue::tables(connection).await?;
    if tables == expected {
        Ok(tables)
    } else {
        Err(BackupError::SchemaChanged)
    }
}

async fn save_table<'a>(
    connection: &mut PgConnection,
    table: &'a BackupTable,
    file: &mut FileWriter<impl Write>,
    gauge: &Gauge,
    progress: &mut impl FnMut(TableProgress<'_>),
) -> Result<TableProgress<'a>, BackupError> {
    check_disk(gauge)?;
    file.record(&Record::Table {
        name: table.name.clone(),
        columns: table.columns.clone(),
    })?;
    let mut now = TableProgress {
        table: &table.name,
        row_count: 0,
        byte_count: 0,
        is_complete: false,
    };
    let mut counter = RowCounter::default();
    let mut looked_at = 0;
    let mut messages = connection.copy_out_raw(&table.copy_out).await?;
    while let Some(message) = messages.try_next().await? {
        counter.message(&message);
        file.rows(&message)?;
        now.row_count = counter.row_count();
        now.byte_count += message.len() as u64;
        if now.byte_count - looked_at >= LOOK_EVERY_BYTES {
            looked_at = now.byte_count;
            check_disk(gauge)?;
            progress(now);
        }
    }
    file.record(&Record::TableEnd {
        row_count: now.row_count,
    })?;
    now.is_complete = true;
    progress(now);
    Ok(now)
}
