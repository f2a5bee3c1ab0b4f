//! Repairs JSON text that is well-formed and yet cannot be read: lone surrogates and numbers
//! beyond a double.

use throughline_wire::{Repair, RepairSet};

/// Returns the text repaired, or nothing when there was nothing to repair. Takes the text of one JSON
/// value whose syntax has been checked.
pub(super) fn text(raw: &str, kinds: &mut RepairSet) -> Option<String> {
    let mut out = String::new();
    // Everything before this byte is in `out`.
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

/// The length of the escape that `bytes` begin with (of both, for a pair of surrogates), and
/// whether it is a surrogate without its other half.
fn escape(bytes: &[u8]) -> (usize, bool) {
    const ONE: usize = "\\uXXXX".len();
    match unit(bytes) {
        // `\n`, or an escape cut short, which the reader refuses.
        None => (2.min(bytes.len()), false),
        Some(0xd800..=0xdbff) => match bytes.get(ONE..).and_then(unit) {
            Some(0xdc00..=0xdfff) => (2 * ONE, false),
            _ => (ONE, true),
        },
        Some(0xdc00..=0xdfff) => (ONE, true),
        Some(_) => (ONE, false),
    }
}

/// The UTF-16 unit of the escape `\uXXXX` that `bytes` begin with.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    let digits = core::str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
}
