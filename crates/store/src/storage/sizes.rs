//! Reads the size of each table and partition from the Postgres catalogue.

use std::collections::BTreeMap;

use sqlx::{FromRow, PgConnection};
use throughline_model::TableSize;

#[derive(FromRow)]
struct SizeRow {
    name: String,
    parent: Option<String>,
    is_parent: bool,
    heap_bytes: i64,
    index_bytes: i64,
    toast_bytes: i64,
    row_estimate: i64,
}

impl From<SizeRow> for TableSize {
    fn from(row: SizeRow) -> Self {
        Self {
            table: row.name,
            heap_bytes: row.heap_bytes.unsigned_abs(),
            index_bytes: row.index_bytes.unsigned_abs(),
            toast_bytes: row.toast_bytes.unsigned_abs(),
            row_estimate: row.row_estimate.unsigned_abs(),
            partitions: Vec::new(),
        }
    }
}

/// Returns all tables of the schema, largest first. The partitions of a table follow it, newest
/// first.
pub(super) async fn tables(connection: &mut PgConnection) -> Result<Vec<TableSize>, sqlx::Error> {
    let rows: Vec<SizeRow> = sqlx::query_as(include_str!("table_sizes.sql"))
        .fetch_all(connection)
        .await?;
    let mut tables: BTreeMap<String, TableSize> = BTreeMap::new();
    let (parents, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.is_parent);
    for row in parents {
        tables.insert(row.name.clone(), row.into());
    }
    for mut row in rows {
        match row.parent.take().and_then(|parent| tables.get_mut(&parent)) {
            Some(table) => {
                let partition = TableSize::from(row);
                table.heap_bytes += partition.heap_bytes;
                table.index_bytes += partition.index_bytes;
                table.toast_bytes += partition.toast_bytes;
                table.row_estimate += partition.row_estimate;
                table.partitions.push(partition);
            }
            None => {
                tables.insert(row.name.clone(), row.into());
            }
        }
    }
    let mut tables: Vec<_> = tables.into_values().collect();
    for table in &mut tables {
        table.partitions.sort_by(|a, b| b.table.cmp(&a.table));
    }
    tables.sort_by_key(|table| std::cmp::Reverse(table.total_bytes()));
    Ok(tables)
}
