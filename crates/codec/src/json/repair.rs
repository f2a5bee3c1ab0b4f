//! Repairs well-formed JSON text that `serde_json` cannot read: lone surrogates, and numbers too
//! large for a double.

use throughline_wire::{Repair, RepairSet};

/// Returns the repaired text, or `None` if there is nothing to repair. Expects the text of one JSON
/// value with valid syntax, so it only needs to track whether it is inside a string.
pub(super) fn text(raw: &str, kinds: &mut RepairSet) -> Option<String> {
    let mut out = String::new();
    // All bytes before this offset are copied to `out`.
    let mut copied = 0;
    let mut at = 0;
    let mut in_string = false;
    let bytes = raw.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                in_string = !in_string;
                at += 1;
            }
            b'\\' if in_string => {
                let (length, lone) = escape(&bytes[at..]);
                if lone {
                    kinds.insert(Repair::InvalidUtf8);
                    out.push_str(&raw[copied..at]);
                    out.push_str("\\ufffd");
                    copied = at + length;
                }
                at += length;
            }
            b'-' | b'0'..=b'9' if !in_string => {
                let number = &raw[at..at + number_length(&bytes[at..])];
                if let Ok(double) = number.parse::<f64>()
                    && double.is_infinite()
                {
                    kinds.insert(Repair::NumberOverflow);
                    out.push_str(&raw[copied..at]);
                    out.push_str(if double > 0.0 {
                        r#"{"$double":"Infinity"}"#
                    } else {
                        r#"{"$double":"-Infinity"}"#
                    });
                    copied = at + number.len();
                }
                at += number.len();
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(&raw[copied..]);
    Some(out)
}

fn number_length(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
        .count()
}

/// Returns the length of the escape at the start of `bytes` (of both escapes for a surrogate pair),
/// and true if it is a lone surrogate.
fn escape(bytes: &[u8]) -> (usize, bool) {
    const ONE: usize = "\\uXXXX".len();
    match unit(bytes) {
        // `\n` or another short escape, or a truncated escape, which the reader rejects.
        None => (2.min(bytes.len()), false),
        Some(0xd800..=0xdbff) => match bytes.get(ONE..).and_then(unit) {
            Some(0xdc00..=0xdfff) => (2 * ONE, false),
            _ => (ONE, true),
        },
        Some(0xdc00..=0xdfff) => (ONE, true),
        Some(_) => (ONE, false),
    }
}

/// Returns the UTF-16 unit of the escape `\uXXXX` at the start of `bytes`.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    let digits = core::str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
}
