//! The lock under which anything is removed: runs of retention and the steps of erasures exclude
//! each other.

use std::time::Duration;

use sqlx::PgConnection;

use crate::advisory_lock;

const NAME: &str = "throughline.retention";

/// Waits for the lock, about as long as `timeout`. Returns whether it is held, until [`release`] or
/// until the connection ends. Waiters get the lock in the order of asking.
pub(crate) async fn acquire(
    connection: &mut PgConnection,
    timeout: Duration,
) -> Result<bool, sqlx::Error> {
    advisory_lock::acquire_within(connection, NAME, timeout).await
}

/// Releases the lock.
pub(crate) async fn release(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    advisory_lock::release(connection, NAME).await
}
