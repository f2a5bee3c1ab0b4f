//! The embedded migrations.

use std::hash::Hasher as _;

use sqlx::migrate::{AppliedMigration, Migrate as _, Migrator};
use sqlx::{Connection as _, PgConnection};
use xxhash_rust::xxh3::Xxh3Default;

use crate::StoreError;

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// The result of [`Store::migrate`](crate::Store::migrate).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// The migrations that were applied now, in order, as `<version> <name>`; empty when the schema
    /// was up to date.
    pub applied: Vec<String>,
    /// The schema version after the run.
    pub version: i64,
}

/// The schema of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schema {
    /// The version of the last applied migration; 0 when none was applied.
    pub version: i64,
    /// A hash of the migrations. Before a release, builds with the same version may differ in it.
    pub fingerprint: u64,
}

impl Schema {
    /// Returns the schema that this program creates.
    pub(crate) fn known() -> Self {
        Self::of(MIGRATIONS.iter().map(|it| (it.version, &*it.checksum)))
    }

    fn of<'a>(migrations: impl Iterator<Item = (i64, &'a [u8])>) -> Self {
        let mut hash = Xxh3Default::new();
        let mut version = 0;
        for (next, checksum) in migrations {
            version = next;
            hash.write_i64(next);
            hash.write(checksum);
        }
        Self {
            version,
            fingerprint: hash.finish(),
        }
    }
}

/// Returns the schema of the database.
///
/// # Errors
/// [`StoreError::NewerSchema`] when the database has migrations that this program does not know.
pub(crate) async fn schema(connection: &mut PgConnection) -> Result<Schema, StoreError> {
    let is_migrated: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(MIGRATIONS.table_name.as_ref())
        .fetch_one(&mut *connection)
        .await?;
    let applied = if is_migrated {
        connection
            .list_applied_migrations(MIGRATIONS.table_name.as_ref())
            .await?
    } else {
        Vec::new()
    };
    check_known(&applied)?;
    Ok(Schema::of(
        applied.iter().map(|it| (it.version, &*it.checksum)),
    ))
}

/// Checks that this program knows every applied migration.
fn check_known(applied: &[AppliedMigration]) -> Result<(), StoreError> {
    let unknown = applied
        .iter()
        .filter(|applied| !MIGRATIONS.version_exists(applied.version))
        .map(|applied| applied.version)
        .max();
    match unknown {
        Some(found) => Err(StoreError::NewerSchema {
            found,
            known: Schema::known().version,
        }),
        None => Ok(()),
    }
}

/// Applies the missing migrations, each in its own transaction, one server at a time (sqlx holds an
/// advisory lock).
pub(crate) async fn run(mut connection: PgConnection) -> Result<MigrationReport, StoreError> {
    let table = MIGRATIONS.table_name.as_ref();
    // The lock is reentrant. It is taken here as well, so that the comparison below sees only the
    // migrations of this run.
    connection.lock().await?;
    connection.ensure_migrations_table(table).await?;
    let before = versions(&mut connection, table).await?;
    // Not `run`: its future cannot be spawned (rust-lang/rust#100013).
    MIGRATIONS.run_direct(None, &mut connection, false).await?;
    let after = versions(&mut connection, table).await?;
    // A failure to close the connection changes nothing about the applied migrations.
    let _ = connection.close().await;
    Ok(MigrationReport {
        applied: MIGRATIONS
            .iter()
            .filter(|migration| {
                after.contains(&migration.version) && !before.contains(&migration.version)
            })
            .map(|migration| format!("{} {}", migration.version, migration.description))
            .collect(),
        version: after.into_iter().max().unwrap_or_default(),
    })
}

async fn versions(connection: &mut PgConnection, table: &str) -> Result<Vec<i64>, StoreError> {
    let applied = connection.list_applied_migrations(table).await?;
    check_known(&applied)?;
    Ok(applied
        .into_iter()
        .map(|migration| migration.version)
        .collect())
}
