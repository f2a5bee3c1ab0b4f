//! One step of an erasure: it holds the lock that excludes retention, and checks the disk.
//!
//! Between two steps retention may run, and the size budget may free a day.

use std::time::Duration;

use sqlx::PgConnection;

use crate::options::is_disk_reserve_reached;
use crate::retention::run_lock;
use crate::{Gauge, StoreError};

/// The timeout of the first step: short, because an operator waits for it.
pub(super) const FIRST_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout of each later step: a run of retention may take minutes.
pub(super) const TIMEOUT: Duration = Duration::from_mins(10);

/// Waits until a running retention ends, and excludes retention until [`end`].
///
/// # Errors
/// [`StoreError::DiskReserve`], [`StoreError::Busy`] after `timeout`, [`StoreError::Database`].
pub(super) async fn begin(
    connection: &mut PgConnection,
    gauge: &Gauge,
    timeout: Duration,
) -> Result<(), StoreError> {
    if is_disk_reserve_reached(gauge) {
        return Err(StoreError::DiskReserve);
    }
    if run_lock::acquire(connection, timeout).await? {
        Ok(())
    } else {
        Err(StoreError::Busy)
    }
}

/// Releases the lock, so that waiting runs can continue first.
pub(super) async fn end(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    run_lock::release(connection).await
}
