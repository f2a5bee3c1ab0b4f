//! The lock under which anything is removed: runs of retention and the steps of erasures take turns.

use std::time::Duration;

use sqlx::PgConnection;

/// One wait for the lock is no longer, so that the database can remove old row versions in between.
const WAIT: Duration = Duration::from_secs(5);
/// The SQLSTATE of a lock that was not had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Waits for the lock, about as long as `timeout`; returns whether it is held, until [`end`] or until
/// the connection ends. Each waiter gets the lock in the order of asking.
pub(crate) async fn take(
    connection: &mut PgConnection,
    timeout: Duration,
) -> Result<bool, sqlx::Error> {
    sqlx::query("SELECT set_config('lock_timeout', $1, false)")
        .bind(WAIT.as_millis().to_string())
        .execute(&mut *connection)
        .await?;
    let taken = wait(connection, timeout.as_secs() / WAIT.as_secs()).await;
    sqlx::query("RESET lock_timeout")
        .execute(connection)
        .await?;
    taken
}

async fn wait(connection: &mut PgConnection, attempts: u64) -> Result<bool, sqlx::Error> {
    for _ in 0..attempts {
        let taken =
            sqlx::query("SELECT pg_advisory_lock(hashtextextended('throughline.retention', 0))")
                .execute(&mut *connection)
                .await;
        match taken {
            Ok(_) => return Ok(true),
            Err(error) if is_held_by_another(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn is_held_by_another(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some(LOCK_NOT_AVAILABLE)
}

/// Gives the lock back.
pub(crate) async fn end(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_unlock(hashtextextended('throughline.retention', 0))")
        .execute(connection)
        .await?;
    Ok(())
}
