//! The limits on what a server keeps of one span.

use std::borrow::Cow;

use crate::UnixNanos;

/// Limits on what is kept of one span. What lies beyond is cut or dropped, counted and marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Length of names of spans, events and scopes, in characters. Default 1,024. Beyond: cut,
    /// ending in `…`.
    pub name_chars: usize,
    /// Length of attribute keys, in characters. Default 256. Beyond: cut, ending in `…`; of keys
    /// that become equal the last value stays.
    pub key_chars: usize,
    /// Size of one attribute value (of an array or a map: of all it holds) and of a status
    /// message, in bytes. Default 1 MiB; at least 64. Beyond: cut, ending in `… [cut: N bytes]`
    /// with the true size.
    pub value_bytes: usize,
    /// Size of a `tracestate`, in bytes. Default 16 KiB: 32 members of the greatest length W3C
    /// allows. Beyond: as a value.
    pub trace_state_bytes: usize,
    /// Attributes of one span, event, link, resource or scope. Default 1,024. Beyond: dropped and
    /// counted.
    pub attributes: usize,
    /// Events of one span. Default 1,024. Beyond: dropped and counted.
    pub events: usize,
    /// Links of one span. Default 1,024. Beyond: dropped and counted.
    pub links: usize,
    /// How long a span may last, ns. Default 24 h. Beyond: its end is moved, and the end sent
    /// kept in `throughline.sent_end_ns`.
    pub duration_ns: i64,
    /// How far ahead of the server's clock a span may start, ns. Default 24 h. Beyond: rejected,
    /// so that a broken clock cannot create partitions of the future.
    pub ahead_ns: i64,
    /// How far ahead of the server's clock a span may start without a repair, ns. Default 5 min.
    pub unmarked_ahead_ns: i64,
    /// How long before the server's clock a span may start without a repair, ns. Default 48 h:
    /// the longest duration, and a sender that could not send for a day.
    pub unmarked_behind_ns: i64,
    /// Whether the input may have been validated before, like an export of ours: then
    /// `throughline.cut_bytes` is believed. Default true. The receivers of a server set it to false.
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
            duration_ns: UnixNanos::PER_DAY,
            ahead_ns: UnixNanos::PER_DAY,
            unmarked_ahead_ns: 5 * UnixNanos::PER_MINUTE,
            unmarked_behind_ns: 2 * UnixNanos::PER_DAY,
            believes_cuts: true,
        }
    }
}

/// Returns the text, or its first `max` characters with `…` as the last of them.
pub fn cut_name(text: &str, max: usize) -> Cow<'_, str> {
    // No text has more characters than bytes.
    if text.len() <= max || text.char_indices().nth(max).is_none() {
        return Cow::Borrowed(text);
    }
    let keep = max.saturating_sub(1);
    let end = text.char_indices().nth(keep).map_or(0, |(at, _)| at);
    Cow::Owned(format!("{}…", &text[..end]))
}
