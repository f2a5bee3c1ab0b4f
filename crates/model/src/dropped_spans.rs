//! Counts of spans that senders dropped.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The spans that the processes of one service dropped for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedSpans {
    /// The service.
    pub service: String,
    /// The reason that the sender gave.
    pub reason: String,
    /// The number of spans.
    pub span_count: u64,
}

impl DroppedSpans {
    /// The maximum number of rows of an answer.
    pub const MAX_ROWS: usize = 20;
}

/// Formats the count as a sentence: `shop dropped 1 span: queue full`.
impl fmt::Display for DroppedSpans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.span_count == 1 { "" } else { "s" };
        let reason = self.reason.replace('_', " ");
        let Self {
            service,
            span_count,
            ..
        } = self;
        write!(f, "{service} dropped {span_count} span{plural}: {reason}")
    }
}
