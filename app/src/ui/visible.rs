//! Text of senders, as it is shown.

/// Returns the text with each invisible character as its escape, see [`throughline_viz::visible`].
/// Use it for every text of a sender that is shown, in text nodes and attributes. Values of fields,
/// links and copied texts stay as they were sent. The style sheets isolate such text, so that its
/// direction does not change what stands beside it.
pub(crate) fn visible(text: &str) -> String {
    throughline_viz::visible(text).into_owned()
}
