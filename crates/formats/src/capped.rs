//! A list of JSON items with a limit on its length. Each item is kept as its original text.

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use throughline_codec::decode::raw_list;

/// A list of at most [`MAX_SPANS`](throughline_codec::decode::MAX_SPANS) items; `null` is an empty
/// list. Without the limit, a body with seven million `{}` would allocate seven million entries.
#[derive(Debug, Default)]
pub(crate) struct Capped<'a>(pub(crate) Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Capped<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        raw_list(deserializer).map(Self)
    }
}
