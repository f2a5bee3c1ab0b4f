//! Reads ids in the forms in which senders, logs and other tools write them.
//!
//! - 32 hexadecimal characters of a trace id, 16 of a span id; upper case, `0x` before them
//! - fewer: a trace id of 64 bits (Zipkin, Jaeger, B3), or an id without its leading zeros
//! - a UUID, also in braces
//! - base64 and base64url of 16 or 8 bytes, with or without padding

use core::str::FromStr;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use throughline_wire::{IdError, SpanId, TraceId};

const TRACE_CHARACTERS: usize = 32;
const SPAN_CHARACTERS: usize = 16;
/// The minimum length of a hexadecimal id where the text can be nothing else. A shorter text is
/// more likely a mistake.
const MIN_CHARACTERS: usize = 8;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns the trace ids that `text` may be, the most likely one first.
pub fn possible_trace_ids(text: &str) -> Vec<TraceId> {
    let hex = uuid(text).or_else(|| padded(text, TRACE_CHARACTERS));
    let bytes = base64_bytes(text).and_then(|bytes| {
        let mut id = [0; TRACE_CHARACTERS / 2];
        let from = id.len().checked_sub(bytes.len())?;
        id[from..].copy_from_slice(&bytes);
        TraceId::from_bytes(id).ok()
    });
    hex.into_iter().chain(bytes).collect()
}

/// Returns the span id that `text` may be.
pub fn possible_span_id(text: &str) -> Option<SpanId> {
    padded(text, SPAN_CHARACTERS)
        .or_else(|| base64_bytes(text).and_then(|bytes| SpanId::from_slice(&bytes).ok()))
}

/// Parses a text that must be a trace id, in any of the forms above. Hexadecimal ids have at least
/// eight characters.
///
/// # Errors
/// The text has none of the forms.
pub fn parse_trace_id(text: &str) -> Result<TraceId, IdError> {
    text.parse().or_else(|error| {
        let is_long = text.len() >= MIN_CHARACTERS;
        let mut ids = possible_trace_ids(text).into_iter();
        ids.next().filter(|_| is_long).ok_or(error)
    })
}

/// Parses a text that must be a span id, in the same way as [`parse_trace_id`].
///
/// # Errors
/// The text has none of the forms.
pub fn parse_span_id(text: &str) -> Result<SpanId, IdError> {
    text.parse().or_else(|error| {
        let is_long = text.len() >= MIN_CHARACTERS;
        possible_span_id(text).filter(|_| is_long).ok_or(error)
    })
}

/// Parses an id that lacks leading zeros.
fn padded<I: FromStr>(text: &str, characters: usize) -> Option<I> {
    let prefix = text
        .get(..2)
        .filter(|start| start.eq_ignore_ascii_case("0x"));
    let digits = text.get(prefix.map_or(0, str::len)..)?;
    if digits.is_empty() || digits.len() > characters {
        return None;
    }
    format!("{digits:0>characters$}").parse().ok()
}

fn uuid(text: &str) -> Option<TraceId> {
    let inner = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    let text = inner.unwrap_or(text);
    let lengths = text.split('-').map(str::len);
    if !lengths.eq([8, 4, 4, 4, 12]) {
        return None;
    }
    text.replace('-', "").parse().ok()
}

/// Decodes base64 of 16 or 8 bytes.
fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    if !matches!(text.len(), 11 | 12 | 22 | 24) {
        return None;
    }
    let text = text.replace('-', "+").replace('_', "/");
    let bytes = BASE64.decode(text).ok()?;
    matches!(bytes.len(), 8 | 16).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns every form in which tools write these 16 bytes, or the last 8 of them if the others
    /// are zero.
    fn forms(hex: &str) -> Vec<String> {
        let id: TraceId = hex.parse().expect("an id");
        let bytes = id.to_bytes();
        let short = hex.trim_start_matches('0');
        let uuid = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ]
        .join("-");
        let base64 = base64::engine::general_purpose::STANDARD.encode(bytes);
        let mut forms = vec![
            hex.to_owned(),
            short.to_owned(),
            format!("0x{hex}"),
            uuid.clone(),
            format!("{{{uuid}}}"),
            base64.replace('+', "-").replace('/', "_"),
            base64.trim_end_matches('=').to_owned(),
            base64,
        ];
        if bytes[..8] == [0; 8] {
            forms.push(hex[16..].to_owned());
            forms.push(base64::engine::general_purpose::STANDARD.encode(&bytes[8..]));
        }
        let upper = forms.iter().take(5).map(|form| form.to_uppercase());
        let upper: Vec<_> = upper.collect();
        forms.extend(upper);
        forms
    }

    #[test]
    fn every_form_of_an_id_is_read() {
        for hex in [
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "000f2f3577b34da6a3ce929d0e0e4736",
            "0000000000000000b1c2d3e4f5061728",
            "000000000000000000c2d3e4f5061728",
        ] {
            for form in forms(hex) {
                let id = parse_trace_id(&form).map(|id| id.to_string());
                assert_eq!(id.as_deref(), Ok(hex), "{form}");
            }
        }
        for form in [
            "00f067aa0ba902b7",
            "f067aa0ba902b7",
            "F067AA0BA902B7",
            "0xf067aa0ba902b7",
            "APBnqgupArc=",
            "APBnqgupArc",
        ] {
            let id = parse_span_id(form).map(|id| id.to_string());
            assert_eq!(id.as_deref(), Ok("00f067aa0ba902b7"), "{form}");
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "12",
            "order-4711",
            "0x",
            "{}",
            "4bf92f35-77b3",
            "x5af7183fb1d4cf5f",
            "4bf92f3577b34da6a3ce929d0e0e47361",
            "äöüäöüäöüäö",
        ] {
            assert!(parse_trace_id(text).is_err(), "{text}");
            assert!(parse_span_id(text).is_err(), "{text}");
        }
        assert_eq!(parse_trace_id(&"0".repeat(32)), Err(IdError::Zero));
        assert_eq!(parse_span_id("4711x"), Err(IdError::Length(16)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _ = (parse_trace_id(&text), parse_span_id(&text), possible_trace_ids(&text));
        }

        #[test]
        fn every_form_of_any_id_is_read(bytes in any::<[u8; 16]>(), zeros in 0_usize..12) {
            let mut bytes = bytes;
            bytes[..zeros].fill(0);
            bytes[12] |= 1;
            let id = TraceId::from_bytes(bytes).expect("not zero");
            for form in forms(&id.to_string()) {
                prop_assert!(possible_trace_ids(&form).contains(&id), "{}", form);
            }
        }
    }
}
