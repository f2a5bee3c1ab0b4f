//! One part of a JSON body, read leniently.

use throughline_codec::context::DecodeContext;
use throughline_codec::decode::json_reason;
use throughline_codec::json::{ReadJson, read_item};

/// Reads a part that is read whole; when that fails, once more with its text repaired. The error
/// names no line: the caller names the part. `lossy` says whether bytes of the body were no UTF-8.
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
