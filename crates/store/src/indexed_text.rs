//! Texts that stand in an index, cut: an entry of a btree has a limit. What is looked for is cut as
//! what was stored, so that a long value finds itself, and those that begin like it.

use throughline_wire::SessionId;

/// So much of a user, a correlation, a status or an error is kept, in characters.
pub(crate) const MAX_CHARS: usize = 256;
/// So much of a session is kept, in characters.
pub(crate) const MAX_SESSION_CHARS: usize = SessionId::MAX_CHARS;

/// The first `max` characters.
pub(crate) fn beginning(text: &str, max: usize) -> &str {
    // No text has more characters than bytes.
    if text.len() <= max {
        return text;
    }
    let end = text
        .char_indices()
        .nth(max)
        .map_or(text.len(), |(at, _)| at);
    &text[..end]
}
