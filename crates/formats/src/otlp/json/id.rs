//! Parses ids in JSON: hexadecimal as OTLP requires, or base64 as protobuf's own JSON form has
//! bytes.
//!
//! Tempo and other senders that use a general protobuf library write base64. The two forms cannot
//! be confused: an id of 8 or 16 bytes is padded in base64, and `=` is not a hexadecimal character.

use core::fmt::Display;
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Parses an id. `field` is the field name for the error.
pub(super) fn id<T: FromStr<Err: Display>>(text: &str, field: &str) -> Result<T, String> {
    let parsed = match base64_as_hex(text) {
        Some(hex) => hex.parse(),
        None => text.parse(),
    };
    parsed.map_err(|error| format!("{field}: {error}"))
}

/// Parses an id like [`id`], in a field that may be missing. Returns `None` for an empty text and
/// for all zeros.
pub(super) fn optional_id<T: FromStr<Err: Display>>(
    text: Option<&str>,
    field: &str,
) -> Result<Option<T>, String> {
    let Some(text) = text.filter(|text| !is_zeros(text)) else {
        return Ok(None);
    };
    if base64_as_hex(text).is_some_and(|hex| is_zeros(&hex)) {
        return Ok(None);
    }
    id(text, field).map(Some)
}

/// Reports whether the text is empty or has the zeros of an id. Some senders write these for a
/// missing id.
fn is_zeros(text: &str) -> bool {
    matches!(text.len(), 0 | 16 | 32) && text.bytes().all(|byte| byte == b'0')
}

fn base64_as_hex(text: &str) -> Option<String> {
    if !text.ends_with('=') || !matches!(text.len(), 12 | 24) {
        return None;
    }
    let bytes = STANDARD.decode(text).ok()?;
    let length = bytes.len();
    matches!(length, 8 | 16).then(|| {
        let number = bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u128::from(*byte));
        format!("{number:0width$x}", width = length * 2)
    })
}
