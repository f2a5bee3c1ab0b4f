//! The span limit of a trace: spans beyond it are rejected, and the rest of their batch is stored.
//!
//! The row of a trace counts its spans, and a commit holds the row locked. So the limit is exact
//! across restarts and with any number of servers.

mod recent;
pub(super) mod refused;
pub(super) mod starts;

use std::sync::{Mutex, MutexGuard, PoisonError};

use self::recent::Recent;
use super::group::Group;
use super::outcome::RowRef;

/// The number of rejected spans that are remembered. A span that is sent again after so many others
/// counts again. Takes about 2 MiB.
const REFUSED_SPANS: usize = 65_536;

/// The limit, and the spans that were recently rejected because of it.
#[derive(Debug)]
pub(super) struct SpanLimit {
    spans: usize,
    /// Spans that were rejected and counted.
    refused: Mutex<Recent>,
}

impl SpanLimit {
    pub(super) fn new(spans: u64) -> Self {
        let most = i32::MAX as usize;
        Self {
            spans: usize::try_from(spans).unwrap_or(most).min(most),
            refused: Mutex::new(Recent::new(REFUSED_SPANS)),
        }
    }

    /// Returns the most spans of a trace.
    pub(super) const fn spans(&self) -> usize {
        self.spans
    }

    /// Returns the reason for rejecting a span beyond the limit.
    pub(super) fn reason(&self) -> String {
        format!(
            "trace_too_large: the trace has {} spans, the limit",
            self.spans
        )
    }

    /// Returns the reason for rejecting a start beyond the limit.
    pub(super) fn reason_of_start(&self) -> String {
        format!(
            "trace_too_large: the trace has {} running spans, the limit",
            self.spans
        )
    }

    /// Returns the spans in `over` that were not rejected before, as far as is remembered.
    pub(super) fn newly_refused(&self, group: &Group, over: &[RowRef]) -> Vec<RowRef> {
        let refused = self.lock();
        let over = over.iter().copied();
        over.filter(|&row| !refused.contains(group.span_key(row)))
            .collect()
    }

    /// Remembers `over`, spans of `group`, as rejected and counted.
    pub(super) fn note_refused(&self, group: &Group, over: &[RowRef]) {
        let mut refused = self.lock();
        for &row in over {
            refused.insert(group.span_key(row));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
