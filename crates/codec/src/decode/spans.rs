//! Splits a list of spans, starts or events into the text of each item.

use core::fmt;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The maximum number of spans, of starts and of events in one batch; a larger batch is rejected. A
/// sender's queue holds a few thousand spans. A list of two million zeros must not create two
/// million reasons.
pub const MAX_SPANS: usize = 100_000;

/// Reads a list without reading its items; `null` is an empty list. For `deserialize_with`.
///
/// # Errors
/// Fails if the value is not a list or has more than [`MAX_SPANS`] items.
pub fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<&'de RawValue>, D::Error> {
    struct Spans;

    impl<'de> Visitor<'de> for Spans {
        type Value = Vec<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut spans = Vec::new();
            while let Some(span) = seq.next_element()? {
                if spans.len() == MAX_SPANS {
                    let message = format_args!("more than {MAX_SPANS} of them");
                    return Err(de::Error::custom(message));
                }
                spans.push(span);
            }
            Ok(spans)
        }
    }

    deserializer.deserialize_any(Spans)
}
