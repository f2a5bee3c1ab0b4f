//! Lists the partitions that retention works on. It recognises them by their names.

use sqlx::{AssertSqlSafe, PgConnection};
use throughline_model::Utc;
use throughline_wire::UnixNanos;

use super::kept::Keep;
use super::partition::{Parent, Partition, REWRITTEN, TAKEN_OUT};

/// Returns the partitions of all parents, oldest day first.
pub(super) async fn list(connection: &mut PgConnection) -> Result<Vec<Partition>, sqlx::Error> {
    let archive_ns = archive_ns(connection).await?;
    let mut partitions = Vec::new();
    for parent in Parent::ALL {
        let tables: Vec<(String, i64, bool)> = sqlx::query_as(
            "SELECT child.relname::text, pg_total_relation_size(child.oid),
                 obj_description(child.oid, 'pg_class') IS NOT DISTINCT FROM $2
             FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
             WHERE inhparent = $1::text::regclass",
        )
        .bind(parent.table())
        .bind(REWRITTEN)
        .fetch_all(&mut *connection)
        .await?;
        for (table, bytes, is_rewritten) in tables {
            // Throughline did not create tables with other names.
            let Some(range) = range_of(parent, &table, archive_ns) else {
                continue;
            };
            partitions.push(Partition {
                parent,
                table,
                from_ns: range.from_ns,
                to_ns: range.to_ns,
                class: range.class,
                bytes: bytes.unsigned_abs(),
                is_rewritten,
            });
        }
    }
    partitions.sort_by_key(|partition| (partition.to_ns, partition.parent, partition.class));
    Ok(partitions)
}

/// Drops the copies of kept rows that an interrupted run left. No other code finds them.
pub(super) async fn drop_copies(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    for parent in Parent::ALL {
        for (table, _) in left_behind(connection, parent, "_kept").await? {
            sqlx::query(AssertSqlSafe(format!("DROP TABLE IF EXISTS {table}")))
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// The partitions that a run took out before it broke off, and what is kept of them; events first.
pub(super) async fn taken_out(
    connection: &mut PgConnection,
) -> Result<Vec<(Partition, Keep)>, sqlx::Error> {
    let archive_ns = archive_ns(connection).await?;
    let mut partitions = Vec::new();
    for parent in [Parent::Events, Parent::Payloads] {
        for (gone, note) in left_behind(connection, parent, TAKEN_OUT).await? {
            let table = gone.strip_suffix(TAKEN_OUT).unwrap_or_default().to_owned();
            let Some(range) = range_of(parent, &table, archive_ns) else {
                continue;
            };
            let partition = Partition {
                parent,
                table,
                from_ns: range.from_ns,
                to_ns: range.to_ns,
                class: range.class,
                bytes: 0,
                is_rewritten: false,
            };
            partitions.push((partition, Keep::from_note(note.as_deref())));
        }
    }
    Ok(partitions)
}

/// Tables beside the partitions of `parent` whose names end with `suffix`, with their comments.
async fn left_behind(
    connection: &mut PgConnection,
    parent: Parent,
    suffix: &str,
) -> Result<Vec<(String, Option<String>)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT relname::text, obj_description(oid, 'pg_class') FROM pg_class
         WHERE relname ~ ('^' || $1 || '_([0-9]{8}|archive|[0-9]{8}_(ok|error))' || $2 || '$')
             AND relkind = 'r'
             AND NOT relispartition AND relnamespace = (
                 SELECT relnamespace FROM pg_class WHERE oid = $1::text::regclass
             )
         ORDER BY relname",
    )
    .bind(parent.table())
    .bind(suffix)
    .fetch_all(connection)
    .await
}

/// Returns whether there is a table of this name beside the partitions.
pub(super) async fn exists(
    connection: &mut PgConnection,
    table: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT FROM pg_class WHERE relname = $1 AND relnamespace = (
                 SELECT relnamespace FROM pg_class WHERE oid = 'events'::regclass
             )
         )",
    )
    .bind(table)
    .fetch_one(connection)
    .await
}

/// Returns the size of a table; 0 if there is none of this name.
pub(super) async fn bytes(connection: &mut PgConnection, table: &str) -> Result<u64, sqlx::Error> {
    let bytes: i64 =
        sqlx::query_scalar("SELECT coalesce(pg_total_relation_size(to_regclass($1)), 0)")
            .bind(table)
            .fetch_one(connection)
            .await?;
    Ok(bytes.unsigned_abs())
}

async fn archive_ns(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT boundary_ns FROM day_archive")
        .fetch_one(connection)
        .await
}

/// Creates the partition of the day, which may have been taken out without a copy.
pub(super) async fn ensure(
    connection: &mut PgConnection,
    partition: &Partition,
) -> Result<(), sqlx::Error> {
    let Some(from_ns) = partition.from_ns else {
        return Ok(());
    };
    sqlx::query("SELECT ensure_day_partitions($1)")
        .bind(from_ns)
        .execute(connection)
        .await?;
    Ok(())
}

/// The range of times and the class of the rows of a table. The end is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PartitionRange {
    from_ns: Option<i64>,
    to_ns: i64,
    class: i16,
}

/// Returns the range in the name of a partition; `None` for the name of another table.
fn range_of(parent: Parent, table: &str, archive_ns: i64) -> Option<PartitionRange> {
    let suffix = table.strip_prefix(parent.table())?.strip_prefix('_')?;
    let (day, class) = match parent {
        Parent::LevelOne => match suffix.split_once('_')? {
            (day, "ok") => (day, 0),
            (day, "error") => (day, 1),
            _ => return None,
        },
        _ => (suffix, 0),
    };
    if day == "archive" && parent != Parent::LevelOne {
        return Some(PartitionRange {
            from_ns: None,
            to_ns: archive_ns,
            class,
        });
    }
    if day.len() != 8 || !day.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (&day[..4], &day[4..6], &day[6..]);
    let from_ns = Utc::parse(&format!("{year}-{month}-{day}T00:00"))?.get();
    Some(PartitionRange {
        from_ns: Some(from_ns),
        to_ns: from_ns + UnixNanos::PER_DAY,
        class,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_recognised_by_name_and_other_tables_are_ignored() {
        let from = 1_795_219_200_000_000_000;
        let day = |class| PartitionRange {
            from_ns: Some(from),
            to_ns: from + UnixNanos::PER_DAY,
            class,
        };
        let archive = PartitionRange {
            from_ns: None,
            to_ns: 5,
            class: 0,
        };
        for (parent, table, expected) in [
            (Parent::Events, "events_20261121", Some(day(0))),
            (Parent::Events, "events_archive", Some(archive)),
            (Parent::LevelOne, "level1_blocks_20261121_ok", Some(day(0))),
            (
                Parent::LevelOne,
                "level1_blocks_20261121_error",
                Some(day(1)),
            ),
            (Parent::LevelOne, "level1_blocks_20261121", None),
            (Parent::LevelOne, "level1_blocks_20261121_other", None),
            (Parent::LevelOne, "level1_blocks_archive_ok", None),
            (Parent::LevelOne, "level1_blocks_20261341_ok", None),
            (Parent::Events, "events_2026112", None),
            (Parent::Events, "events_20261341", None),
            (Parent::Events, "events_20261121_ok", None),
            (Parent::Events, "events_backup", None),
            (Parent::Events, "payloads_20261121", None),
        ] {
            assert_eq!(range_of(parent, table, 5), expected, "{table}");
        }
    }
}
