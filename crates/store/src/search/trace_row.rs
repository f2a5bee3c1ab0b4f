//! A row of a trace as a search reads it.

use sqlx::FromRow;
use uuid::Uuid;

/// A position in the list: start and ID of a trace.
pub(crate) type RowKey = (i64, Uuid);

/// The columns of a trace row that a search reads.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct TraceRow {
    pub trace_id: Uuid,
    pub start_ns: i64,
    pub end_ns: i64,
    pub first_block_id: i64,
    pub has_error: bool,
    pub root_operation_id: i64,
    /// The user ID. `None` if the search does not read users.
    pub user_id: Option<String>,
    /// One flag per source of the plan, in the order of the leaves: true if the source finds the
    /// trace.
    pub(super) sources: Vec<bool>,
}

impl TraceRow {
    /// Returns the position of the row in the list.
    pub(crate) const fn row_key(&self) -> RowKey {
        (self.start_ns, self.trace_id)
    }
}
