//! The reason why a body is not a batch, with its position.

use core::fmt;

/// The maximum length of a message in characters, because it quotes the sender's text.
const MAX_MESSAGE_CHARS: usize = 200;

/// The reason why a body is not a batch, with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1.
    pub column: usize,
    /// The error message, for people.
    pub message: String,
}

impl DecodeError {
    pub(super) fn new(line: usize, column: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            column,
            message: message.into(),
        }
    }

    /// Creates an error at a byte of the text.
    pub(super) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        Self::new(line, 1 + offset - line_start, message)
    }

    pub(super) fn from_json(error: serde_json::Error) -> Self {
        Self::new(error.line(), error.column().max(1), message(&error))
    }

    /// Creates an error within `raw`, which is a part of `text`.
    pub(super) fn within(text: &str, raw: &str, name: &str, error: &serde_json::Error) -> Self {
        let offset = (raw.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let mut fault = Self::at(text, offset, format!("{name}: {}", message(error)));
        if error.line() > 1 {
            fault.line += error.line() - 1;
            fault.column = error.column().max(1);
        } else {
            fault.column += error.column().saturating_sub(1);
        }
        fault
    }
}

/// Rust type names at the end of serde messages, and their meaning in plain words.
const TYPE_NAMES: [(&str, &str); 3] = [
    ("u32", "a whole number from 0 to 4294967295"),
    ("u64", "a whole number that is not negative"),
    ("i64", "a whole number"),
];

/// Returns the message of `serde_json` in words for a sender: without its position and Rust's type
/// names, and of bounded length.
pub fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = match text.rfind(" at line ") {
        Some(end) => &text[..end],
        None => &text,
    };
    let expected = TYPE_NAMES.iter().find_map(|(name, words)| {
        let before = text.strip_suffix(name)?;
        Some((before.strip_suffix("expected ")?, *words))
    });
    match (text.char_indices().nth(MAX_MESSAGE_CHARS), expected) {
        (Some((end, _)), _) => format!("{}…", &text[..end]),
        (None, Some((before, words))) => format!("{before}expected {words}"),
        (None, None) => text.to_owned(),
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}, column {}: {}",
            self.line, self.column, self.message
        )
    }
}

impl core::error::Error for DecodeError {}
