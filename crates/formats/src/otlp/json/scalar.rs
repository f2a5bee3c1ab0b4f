//! Decodes doubles and bytes in protobuf's JSON form.

use core::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// A double, written as a number or as a text: digits, `"NaN"`, `"Infinity"` or `"-Infinity"`.
pub(super) struct Double(pub(super) f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Clone, Copy)]
        struct DoubleVisitor;

        impl<'de> Visitor<'de> for DoubleVisitor {
            type Value = Double;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Double, E> {
                Ok(Double(number as f64))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Double, E> {
                Ok(Double(number as f64))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Double, E> {
                Ok(Double(number))
            }

            /// Accepts the map that the repair of a text writes for a number beyond the range of a
            /// double.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Double, A::Error> {
                let mut number = None;
                while let Some((key, text)) = map.next_entry::<String, String>()? {
                    if key == "$double" {
                        number = Some(self.visit_str(&text)?);
                    }
                }
                number.ok_or_else(|| de::Error::missing_field("$double"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Double, E> {
                // Rust parses NaN, Infinity and -Infinity in the form of protobuf.
                text.parse()
                    .map(Double)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(DoubleVisitor)
    }
}

/// Decodes base64. Protobuf's JSON form accepts both alphabets, with or without padding.
pub(super) fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    GeneralPurpose::new(alphabet, config)
        .decode(text)
        .map_err(|error| format!("bytesValue is not base64: {error}"))
}
