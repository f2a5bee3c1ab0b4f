//! Advisory locks of a database session. A waiter queues in Postgres and gets the lock in the order
//! of asking; `lock_timeout` limits each wait.

use std::time::Duration;

use sqlx::PgConnection;

/// The longest wait of one statement. A waiting statement holds a snapshot, so the database cannot
/// remove old row versions meanwhile.
const WAIT: Duration = Duration::from_secs(5);
/// The SQLSTATE of a wait that reached `lock_timeout`.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Waits for the lock `name`. It is held until [`release`] or until the connection ends.
pub(crate) async fn acquire(connection: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    while !acquire_within(connection, name, WAIT).await? {}
    Ok(())
}

/// Waits for the lock `name`, about as long as `timeout`, at least once. Returns whether it is held,
/// until [`release`] or until the connection ends.
pub(crate) async fn acquire_within(
    connection: &mut PgConnection,
    name: &str,
    timeout: Duration,
) -> Result<bool, sqlx::Error> {
    let wait = timeout.min(WAIT);
    sqlx::query("SELECT set_config('lock_timeout', $1, false)")
        // Zero would mean no limit.
        .bind(wait.as_millis().max(1).to_string())
        .execute(&mut *connection)
        .await?;
    let waits = (timeout.as_millis() / WAIT.as_millis()).max(1);
    let mut acquired = Ok(false);
    for _ in 0..waits {
        acquired = wait_for(connection, name).await;
        if !matches!(acquired, Ok(false)) {
            break;
        }
    }
    sqlx::query("RESET lock_timeout")
        .execute(connection)
        .await?;
    acquired
}

async fn wait_for(connection: &mut PgConnection, name: &str) -> Result<bool, sqlx::Error> {
    let acquired = sqlx::query("SELECT pg_advisory_lock(hashtextextended($1, 0))")
        .bind(name)
        .execute(connection)
        .await;
    match acquired {
        Ok(_) => Ok(true),
        Err(error) if is_held_by_another(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_held_by_another(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.as_deref() == Some(LOCK_NOT_AVAILABLE)
}

/// Acquires the lock `name` if nobody holds it. Returns whether it is held.
pub(crate) async fn try_acquire(
    connection: &mut PgConnection,
    name: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
        .bind(name)
        .fetch_one(connection)
        .await
}

/// Releases the lock `name`.
pub(crate) async fn release(connection: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_unlock(hashtextextended($1, 0))")
        .bind(name)
        .execute(connection)
        .await?;
    Ok(())
}
