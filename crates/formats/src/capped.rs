//! A list of parts of the request, each as the text it was sent as, and of bounded length.

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use throughline_codec::decode::raw_list;

/// At most [`MAX_SPANS`](throughline_codec::decode::MAX_SPANS) items; `null` is an empty list. Seven
/// million `{}` in one body must not cost seven million places.
#[derive(Debug, Default)]
pub(crate) struct Capped<'a>(pub(crate) Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Capped<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        raw_list(deserializer).map(Self)
    }
}
