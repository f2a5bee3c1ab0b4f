//! Work that one server at a time does for all: whoever holds the lock of a duty does it, on the
//! very connection that holds the lock.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use crate::{StoreError, rollup};

/// A kind of such work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Duty {
    /// Folding what commits added into rollups.
    FoldRollups,
    /// Removing what is past its time, and watching the size.
    Retain,
}

impl Duty {
    /// The word in logs, metrics and the name of its lock.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FoldRollups => "fold_rollups",
            Self::Retain => "retain",
        }
    }
}

/// The right to do a duty, held as long as the connection lives.
///
/// The database gives the lock back when the connection ends, however it ends, and what the
/// connection was doing ends with it: two servers never do the same duty at the same time.
#[derive(Debug)]
pub struct Lead {
    pub(crate) connection: PgConnection,
}

impl Lead {
    /// Asks for the lock; none while another holds it.
    pub(crate) async fn ask(
        connect: &PgConnectOptions,
        duty: Duty,
    ) -> Result<Option<Self>, StoreError> {
        let mut connection = connect
            .clone()
            .application_name(&format!("throughline {}", duty.as_str()))
            .connect()
            .await?;
        let is_held: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
                .bind(format!("throughline.duty.{}", duty.as_str()))
                .fetch_one(&mut connection)
                .await?;
        if is_held {
            Ok(Some(Self { connection }))
        } else {
            connection.close().await?;
            Ok(None)
        }
    }

    /// Makes sure that the connection lives and with it the lock.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it does not: the duty is another's now.
    pub async fn check(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.ping().await?)
    }

    /// Gives the lock back.
    pub async fn resign(self) {
        // The database gives it back all the same when this fails.
        let _ = self.connection.close().await;
    }

    /// Folds what commits added into the three windows; returns how many deltas that were.
    ///
    /// # Errors
    /// [`StoreError::Database`]; nothing is counted twice when it is done again.
    pub async fn fold_rollups(&mut self) -> Result<u64, StoreError> {
        Ok(rollup::fold(&mut self.connection).await?)
    }
}
