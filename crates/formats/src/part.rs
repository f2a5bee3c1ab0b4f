//! Decodes one part of a JSON body leniently.

use throughline_codec::context::DecodeContext;
use throughline_codec::decode::json_reason;
use throughline_codec::json::{ReadJson, read_item};

/// Decodes a part from its text. If that fails, repairs the text and tries once more. The
/// error names no line, because the caller names the part. `lossy` is true if the body had bytes
/// that are not UTF-8.
pub(crate) fn part<T: for<'de> ReadJson<'de>>(
    raw: &str,
    lossy: bool,
    context: &mut DecodeContext,
) -> Result<T, String> {
    if !raw.starts_with(['{', 'n']) {
        return Err("is not an object".to_owned());
    }
    read_item(raw, lossy, context).map_err(|(error, _)| json_reason(&error))
}
