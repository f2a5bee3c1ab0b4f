//! The limits on the stored size of one span.

use std::borrow::Cow;

use crate::UnixNanos;

/// Limits on one span. Validation cuts, moves, drops or rejects what is over a limit, and records
/// each repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Maximum length of the names of spans, events and scopes, in characters. Default 1,024. A
    /// longer name is cut and ends in `…`.
    pub name_chars: usize,
    /// Maximum length of attribute keys, in characters. Default 256. A longer key is cut and ends
    /// in `…`. If two keys become equal, the last value stays.
    pub key_chars: usize,
    /// Maximum size of a status message or of one attribute value with all its nested values, in
    /// bytes. Default 1 MiB, minimum 64. A larger value is cut and ends in `… [cut: N bytes]` with
    /// its true size.
    pub value_bytes: usize,
    /// Maximum size of a `tracestate`, in bytes. Default 16 KiB: 32 members of the maximum length
    /// that W3C allows. A larger one is cut like a value.
    pub trace_state_bytes: usize,
    /// Maximum number of attributes of one span, event, link, resource or scope. Default 1,024.
    /// Further ones are dropped and counted.
    pub attributes: usize,
    /// Maximum number of events of one span. Default 1,024. Further ones are dropped and counted.
    pub events: usize,
    /// Maximum number of links of one span. Default 1,024. Further ones are dropped and counted.
    pub links: usize,
    /// Maximum time that a span may start or end ahead of the server's clock, in ns. Default 24 h. A
    /// span that starts later is rejected, so that a broken clock cannot create partitions for the
    /// far future. An end that is later is moved to this time after the start;
    /// `throughline.sent_end_ns` keeps the original end.
    pub ahead_ns: i64,
    /// Time that a span may start ahead of the server's clock without the repair `clock_skewed`, in
    /// ns. Default 5 min.
    pub unmarked_ahead_ns: i64,
    /// Time between the end of a span and its arrival without the repair `arrived_late`, in ns.
    /// Default 48 h.
    pub unmarked_behind_ns: i64,
    /// True if the input may be an export of ours that was validated before; then
    /// `throughline.cut_bytes` is trusted. Default true. The receivers of a server set it to false,
    /// because a client could send any number.
    pub believes_cuts: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            name_chars: 1024,
            key_chars: 256,
            value_bytes: 1 << 20,
            trace_state_bytes: 16 << 10,
            attributes: 1024,
            events: 1024,
            links: 1024,
            ahead_ns: UnixNanos::PER_DAY,
            unmarked_ahead_ns: 5 * UnixNanos::PER_MINUTE,
            unmarked_behind_ns: 2 * UnixNanos::PER_DAY,
            believes_cuts: true,
        }
    }
}

/// Returns `text` if it has at most `max` characters, else its first characters and a final `…`,
/// `max` characters together.
pub fn cut_name(text: &str, max: usize) -> Cow<'_, str> {
    // A text never has more characters than bytes, so short texts need no count.
    if text.len() <= max || text.char_indices().nth(max).is_none() {
        return Cow::Borrowed(text);
    }
    let keep = max.saturating_sub(1);
    let end = text.char_indices().nth(keep).map_or(0, |(at, _)| at);
    Cow::Owned(format!("{}…", &text[..end]))
}
