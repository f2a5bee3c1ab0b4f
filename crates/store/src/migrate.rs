//! The embedded migrations.

use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::{Connection as _, PgConnection};

use crate::StoreError;

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// What [`Store::migrate`](crate::Store::migrate) did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// The migrations applied now, in order, as `<version> <name>`; empty when there were none to
    /// apply.
    pub applied: Vec<String>,
    /// The version the schema is at.
    pub version: i64,
}

/// Applies what is missing, each migration in its own transaction, one server at a time (sqlx
/// holds an advisory lock).
pub(crate) async fn run(mut connection: PgConnection) -> Result<MigrationReport, StoreError> {
    let table = MIGRATIONS.table_name.as_ref();
    // The lock nests: taken here as well, so that the comparison below is about this run alone.
    connection.lock().await?;
    connection.ensure_migrations_table(table).await?;
    let before = versions(&mut connection, table).await?;
    // Not `run`: its future cannot be spawned (rust-lang/rust#100013).
    MIGRATIONS.run_direct(None, &mut connection, false).await?;
    let after = versions(&mut connection, table).await?;
    // A connection that fails to say goodbye changes nothing about what it did.
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
    Ok(applied
        .into_iter()
        .map(|migration| migration.version)
        .collect())
}
