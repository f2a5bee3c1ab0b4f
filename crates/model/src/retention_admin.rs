//! What the API and the panel may change about how long things are kept.

use serde::{Deserialize, Serialize};
use throughline_wire::TraceId;

use crate::{BoxFuture, Pin, ReadError, RetentionReport, StorageReport};

/// Which traces to remove at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CleanUp {
    /// Those that ended longer ago than this, errors and warnings alike; none for the rules the
    /// server runs with.
    pub older_than_ns: Option<i64>,
    /// Only tell what would go.
    pub is_dry_run: bool,
}

/// Keeps the traces of one tenant, and lets them go. Like a
/// [`TraceReader`](crate::TraceReader) it is bound to its tenant when it is made.
pub trait RetentionAdmin: Send + Sync {
    /// Keeps a trace for ever, or changes the note of its pin; none when there is no such trace.
    fn pin(&self, trace_id: TraceId, note: String)
    -> BoxFuture<'_, Result<Option<Pin>, ReadError>>;

    /// Leaves a trace to the rules again; false when it was not pinned.
    fn unpin(&self, trace_id: TraceId) -> BoxFuture<'_, Result<bool, ReadError>>;

    /// The pin of a trace; none when it is not pinned.
    fn pin_of(&self, trace_id: TraceId) -> BoxFuture<'_, Result<Option<Pin>, ReadError>>;

    /// The newest pins, newest first, a thousand at most.
    fn list_pins(&self) -> BoxFuture<'_, Result<Vec<Pin>, ReadError>>;

    /// Removes what is past its time, or tells what would go.
    /// [`ReadError::Invalid`] while another run is under way for long.
    fn clean_up(&self, request: CleanUp) -> BoxFuture<'_, Result<RetentionReport, ReadError>>;

    /// What the database takes.
    fn storage(&self) -> BoxFuture<'_, Result<StorageReport, ReadError>>;
}
