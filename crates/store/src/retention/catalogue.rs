//! Which partitions there are, by their names.

use sqlx::{AssertSqlSafe, PgConnection};
use throughline_model::Utc;
use throughline_wire::UnixNanos;

use super::partition::{Parent, Partition};

/// All of them, oldest day first.
pub(super) async fn list(connection: &mut PgConnection) -> Result<Vec<Partition>, sqlx::Error> {
    let archive_ns: i64 = sqlx::query_scalar("SELECT boundary_ns FROM span_archive")
        .fetch_one(&mut *connection)
        .await?;
    let mut partitions = Vec::new();
    for parent in Parent::ALL {
        let tables: Vec<(String, i64)> = sqlx::query_as(
            "SELECT child.relname::text, pg_total_relation_size(child.oid)
             FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
             WHERE inhparent = $1::text::regclass",
        )
        .bind(parent.table())
        .fetch_all(&mut *connection)
        .await?;
        for (table, bytes) in tables {
            // Tables of other names are somebody else's.
            let Some((from_ns, to_ns)) = range(parent, &table, archive_ns) else {
                continue;
            };
            partitions.push(Partition {
                parent,
                table,
                from_ns,
                to_ns,
                bytes: bytes.unsigned_abs(),
            });
        }
    }
    partitions.sort_by_key(|partition| (partition.to_ns, partition.parent));
    Ok(partitions)
}

/// Drops the copies that a run left behind which broke off: nothing else knows of them.
pub(super) async fn drop_leftovers(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    for parent in Parent::ALL {
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT relname::text FROM pg_class
             WHERE relname ~ ('^' || $1 || '_([0-9]{8}|archive)_kept$') AND relkind = 'r'
                 AND NOT relispartition AND relnamespace = (
                     SELECT relnamespace FROM pg_class WHERE oid = $1::text::regclass
                 )",
        )
        .bind(parent.table())
        .fetch_all(&mut *connection)
        .await?;
        for table in tables {
            sqlx::query(AssertSqlSafe(format!("DROP TABLE IF EXISTS {table}")))
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

fn range(parent: Parent, table: &str, archive_ns: i64) -> Option<(Option<i64>, i64)> {
    let suffix = table.strip_prefix(parent.table())?.strip_prefix('_')?;
    if suffix == "archive" {
        return Some((None, archive_ns));
    }
    if suffix.len() != 8 || !suffix.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (&suffix[..4], &suffix[4..6], &suffix[6..]);
    let from_ns = Utc::parse(&format!("{year}-{month}-{day}T00:00"))?.get();
    Some((Some(from_ns), from_ns + UnixNanos::PER_DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_known_by_its_name_and_nothing_else_is_touched() {
        let day = |table| range(Parent::Spans, table, 5);
        let from = 1_795_219_200_000_000_000;
        assert_eq!(
            day("spans_20261121"),
            Some((Some(from), from + UnixNanos::PER_DAY))
        );
        assert_eq!(day("spans_archive"), Some((None, 5)));
        for other in [
            "spans_2026112",
            "spans_20261341",
            "spans_backup",
            "events_20261121",
        ] {
            assert_eq!(day(other), None, "{other}");
        }
    }
}
