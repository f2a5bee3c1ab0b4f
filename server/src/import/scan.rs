//! Scans JSON text of any size and extracts values as raw text, without parsing the rest. The
//! decoder of a value validates it.

#[cfg(test)]
mod tests;

use std::io::{self, BufRead};

/// The reasons why a scan stops.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The input itself failed.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// The text is not JSON at this position.
    #[error("line {line}: {expected}")]
    Syntax {
        /// The line, from 1.
        line: u64,
        /// The expected text.
        expected: String,
    },
}

/// A value as raw text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    /// The line it begins on, from 1.
    pub(super) line: u64,
    /// The text; `None` if it is longer than the limit.
    pub(super) text: Option<Vec<u8>>,
}

/// A scanner with a position in JSON text.
pub(super) struct Scanner<R> {
    input: R,
    line: u64,
    offset: usize,
}

impl<R: BufRead> Scanner<R> {
    /// Creates a scanner at the start of `input`, which begins on `line`.
    pub(super) fn new(input: R, line: u64) -> Self {
        Self {
            input,
            line,
            offset: 0,
        }
    }

    /// Returns the line of the next byte, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Returns the number of bytes consumed.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// Skips white space and byte order marks. Returns the next byte without consuming it.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            let Some(byte) = self.input.fill_buf()?.first().copied() else {
                return Ok(None);
            };
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf => self.pass(byte),
                _ => return Ok(Some(byte)),
            }
        }
    }

    fn pass(&mut self, byte: u8) {
        self.line += u64::from(byte == b'\n');
        self.offset += 1;
        self.input.consume(1);
    }

    /// Skips white space and consumes `byte`.
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        match self.peek()? {
            Some(found) if found == byte => {
                self.pass(byte);
                Ok(())
            }
            found => Err(self.expected(&format!("expected {:?}", char::from(byte)), found)),
        }
    }

    /// Moves to the next element of the array whose `[` was consumed. Returns false after its `]`.
    pub(super) fn next_element(&mut self, first: bool) -> Result<bool, Fault> {
        self.next_of(first, b']')
    }

    /// Moves to the value of the next field of the object whose `{` was consumed, and returns its
    /// key. Returns `None` after its `}`.
    pub(super) fn next_key(&mut self, first: bool) -> Result<Option<String>, Fault> {
        if !self.next_of(first, b'}')? {
            return Ok(None);
        }
        if self.peek()? != Some(b'"') {
            return Err(self.syntax("expected a key in quotes"));
        }
        let raw = self.value(KEY_BYTES)?;
        let key = raw
            .text
            .map(|text| serde_json::from_slice(&text).unwrap_or_default())
            // No caller looks for a key that is longer than the limit.
            .unwrap_or_default();
        self.expect(b':')?;
        Ok(Some(key))
    }

    fn next_of(&mut self, first: bool, end: u8) -> Result<bool, Fault> {
        match self.peek()? {
            Some(byte) if byte == end => {
                self.pass(byte);
                Ok(false)
            }
            Some(_) if first => Ok(true),
            Some(b',') => {
                self.pass(b',');
                Ok(true)
            }
            found => Err(self.expected(&format!("expected ',' or {:?}", char::from(end)), found)),
        }
    }

    /// Extracts the next value. Skips it if it is longer than `limit` bytes.
    pub(super) fn value(&mut self, limit: usize) -> Result<Raw, Fault> {
        let first = self.peek()?;
        let line = self.line;
        let mut text = Some(Vec::new());
        let mut end = match first {
            Some(b'{' | b'[' | b'"') => End::of_marked(),
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z' | b'N' | b'I') => End::Word,
            found => return Err(self.expected("expected a value", found)),
        };
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                if matches!(end, End::Word) {
                    return Ok(Raw { line, text });
                }
                return Err(self.syntax("the text ends within a value"));
            }
            let (taken, done) = end.find(buffer);
            self.line += newlines(&buffer[..taken]);
            if let Some(kept) = &mut text {
                if kept.len() + taken <= limit {
                    kept.extend_from_slice(&buffer[..taken]);
                } else {
                    text = None;
                }
            }
            self.offset += taken;
            self.input.consume(taken);
            if done {
                return Ok(Raw { line, text });
            }
        }
    }

    /// Returns a syntax error at this position.
    pub(super) fn syntax(&self, expected: &str) -> Fault {
        Fault::Syntax {
            line: self.line,
            expected: expected.to_owned(),
        }
    }

    fn expected(&self, expected: &str, found: Option<u8>) -> Fault {
        self.syntax(&match found {
            None => format!("{expected}, but the text ends"),
            Some(byte) if byte.is_ascii_graphic() => {
                format!("{expected}, found {:?}", char::from(byte))
            }
            Some(byte) => format!("{expected}, found the byte 0x{byte:02x}"),
        })
    }
}

/// The length of the longest key that is read, in bytes.
const KEY_BYTES: usize = 1 << 10;

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// A state machine that finds the end of a value.
enum End {
    /// The end of a number or a word: before the next punctuation.
    Word,
    /// The end of an object, an array (counted by `depth`) or a text (`depth` 0).
    Marks {
        depth: usize,
        in_text: bool,
        escaped: bool,
    },
}

impl End {
    const fn of_marked() -> Self {
        Self::Marks {
            depth: 0,
            in_text: false,
            escaped: false,
        }
    }

    /// Returns how many bytes of `buffer` belong to the value, and whether the value ends there.
    fn find(&mut self, buffer: &[u8]) -> (usize, bool) {
        let Self::Marks {
            depth,
            in_text,
            escaped,
        } = self
        else {
            let end = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n');
            return match buffer.iter().position(end) {
                Some(at) => (at, true),
                None => (buffer.len(), false),
            };
        };
        for (at, byte) in buffer.iter().enumerate() {
            if *escaped {
                *escaped = false;
                continue;
            }
            match byte {
                b'\\' if *in_text => *escaped = true,
                b'"' => {
                    *in_text = !*in_text;
                    if !*in_text && *depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ if *in_text => {}
                b'{' | b'[' => *depth += 1,
                b'}' | b']' => {
                    *depth = depth.saturating_sub(1);
                    if *depth == 0 {
                        return (at + 1, true);
                    }
                }
                _ => {}
            }
        }
        (buffer.len(), false)
    }
}
