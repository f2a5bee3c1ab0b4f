//! One part of a JSON body, read leniently.

use serde::de::DeserializeOwned;
use throughline_codec::decode::{json_reason, repair_text};
use throughline_wire::{Mark, Marks};

/// Reads a part that is read whole; when that fails, once more with its text repaired. The error
/// names no line: the caller names the part. `lossy` says whether bytes of the body were no UTF-8.
pub(crate) fn part<T: DeserializeOwned>(
    raw: &str,
    lossy: bool,
    marks: &mut Marks,
) -> Result<T, String> {
    // Only known to be of this part when its own text has the replacement.
    if lossy && raw.contains(char::REPLACEMENT_CHARACTER) {
        marks.insert(Mark::InvalidUtf8);
    }
    if !raw.starts_with(['{', 'n']) {
        return Err("is not an object".to_owned());
    }
    let error = match parse(raw) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    match repair_text(raw, marks) {
        Some(repaired) => parse(&repaired).map_err(|error| json_reason(&error)),
        None => Err(json_reason(&error)),
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // An attribute nested 64 deep is 192 levels of JSON, beyond the default limit. What is read
    // here recurses only in attribute values, which stop at 64; all else is skipped iteratively.
    deserializer.disable_recursion_limit();
    T::deserialize(&mut deserializer)
}
