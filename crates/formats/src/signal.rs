//! The kinds of telemetry that ingest receives.

/// The kind of the items of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records and events.
    Logs,
}

impl Signal {
    /// Returns the word for one item, for messages to users.
    pub const fn item(self) -> &'static str {
        match self {
            Self::Traces => "span",
            Self::Logs => "log record",
        }
    }
}
