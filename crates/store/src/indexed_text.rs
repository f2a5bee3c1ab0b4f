//! Cuts texts to the length that an index stores: a btree entry has a size limit. A search text is
//! cut in the same way as a stored text. So a long value matches itself, and also matches values
//! that begin with the same characters.

use throughline_wire::SessionId;

/// The longest stored user, correlation, status or error, in characters.
pub(crate) const MAX_CHARS: usize = 256;
/// The longest stored session, in characters.
pub(crate) const MAX_SESSION_CHARS: usize = SessionId::MAX_CHARS;

/// Returns the first `max` characters of `text`.
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
