//! The retention operations that the API and the panel offer: pin, clean up, report storage.

use serde::{Deserialize, Serialize};
use throughline_wire::TraceId;

use crate::query::{Parameters, quoted};
use crate::{BoxFuture, Pin, ReadError, RetentionReport, StorageReport, TimeRange};

/// A request to remove old traces at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CleanUp {
    /// The maximum age, counted from the end of a trace, in ns. It applies to traces with and
    /// without errors. `None` applies the retention rules of the server.
    pub older_than_ns: Option<i64>,
    /// True to report what would be removed, and remove nothing.
    pub is_dry_run: bool,
}

impl CleanUp {
    /// Reads `older_than` and `dry_run`.
    pub fn decode(parameters: &mut Parameters<'_>) -> Self {
        let dry_run = parameters.parsed("dry_run", |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("{} is neither true nor false", quoted(text))),
        });
        Self {
            older_than_ns: parameters.parsed("older_than", |text| match text.parse() {
                Ok(TimeRange::Last(ns)) => Ok(ns),
                _ => Err(format!(
                    "{} is not a length of time such as 3d or 12h",
                    quoted(text)
                )),
            }),
            is_dry_run: dry_run.unwrap_or_default(),
        }
    }
}

/// Manages the retention of one tenant's traces. Like a [`TraceReader`](crate::TraceReader), an
/// implementation is bound to its tenant when it is made.
pub trait RetentionAdmin: Send + Sync {
    /// Pins a trace, so that no rule removes it, or changes the note of its pin. Returns `None` if
    /// there is no such trace.
    fn pin(&self, trace_id: TraceId, note: String)
    -> BoxFuture<'_, Result<Option<Pin>, ReadError>>;

    /// Removes the pin of a trace, so that the rules apply again. Returns false if it was not
    /// pinned.
    fn unpin(&self, trace_id: TraceId) -> BoxFuture<'_, Result<bool, ReadError>>;

    /// Returns the pin of a trace, or `None` if it is not pinned.
    fn pin_of(&self, trace_id: TraceId) -> BoxFuture<'_, Result<Option<Pin>, ReadError>>;

    /// Returns the newest 1,000 pins, newest first.
    fn list_pins(&self) -> BoxFuture<'_, Result<Vec<Pin>, ReadError>>;

    /// Removes what is older than the rules allow, or reports what would be removed.
    ///
    /// # Errors
    /// [`ReadError::Invalid`] if another run takes longer than the server waits for it.
    fn clean_up(&self, request: CleanUp) -> BoxFuture<'_, Result<RetentionReport, ReadError>>;

    /// Returns the storage report of the database.
    fn storage(&self) -> BoxFuture<'_, Result<StorageReport, ReadError>>;
}
