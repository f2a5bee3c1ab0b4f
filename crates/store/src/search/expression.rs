//! Compiles the regular expressions of a search.

use regex::bytes::{Regex, RegexBuilder};

/// The maximum memory of a compiled regular expression, in bytes.
const REGEX_BYTES: usize = 1 << 20;

/// Compiles a regular expression. Matching takes linear time in the length of the text.
pub(super) fn regex(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_BYTES)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
            _ => "invalid regular expression".to_owned(),
        })
}
