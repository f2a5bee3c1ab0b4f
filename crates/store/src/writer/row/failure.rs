//! Finds the text of a failure in the encoded events of a span.

use throughline_codec::binary::Reader;
use throughline_wire::semconv;

use super::named::TextAt;

/// A text and its offset in the encoded events.
type FoundText<'a> = (usize, &'a str);

/// Returns the message of the last `exception` event among the encoded events from `from` to the
/// end of `bytes`, or the type of that exception if it has no message.
pub(super) fn find(bytes: &[u8], from: usize) -> Option<TextAt> {
    let mut events = Reader::new(bytes.get(from..)?);
    let mut found = None;
    // The bytes were encoded by the caller, so the walk reaches their end.
    while let Ok(Some(field)) = events.next_field() {
        let event = field.message().ok().and_then(exception);
        found = event.or(found);
    }
    let (at, text) = found?;
    TextAt::beginning_of(from + at, text)
}

/// Returns the message or the type of an `exception` event, with its offset.
fn exception(mut event: Reader<'_>) -> Option<FoundText<'_>> {
    let (mut is_exception, mut message, mut kind) = (false, None, None);
    while let Some(field) = event.next_field().ok()? {
        match field.number() {
            2 => is_exception = field.bytes().ok()? == semconv::EVENT_EXCEPTION.as_bytes(),
            3 => {
                let (key, text) = attribute(field.message().ok()?)?;
                if key == semconv::EXCEPTION_MESSAGE.as_bytes() {
                    message = text;
                } else if key == semconv::EXCEPTION_TYPE.as_bytes() {
                    kind = text;
                }
            }
            _ => {}
        }
    }
    message.or(kind).filter(|_| is_exception)
}

/// Returns the key of an attribute, and its value with its offset if that is a text which is not
/// empty.
fn attribute(mut pair: Reader<'_>) -> Option<(&[u8], Option<FoundText<'_>>)> {
    let (mut key, mut text): (&[u8], _) = (&[], None);
    while let Some(field) = pair.next_field().ok()? {
        match field.number() {
            1 => key = field.bytes().ok()?,
            2 => {
                let value = field.message().ok()?.next_field().ok()?;
                let value = value.filter(|value| value.number() == 1);
                let value = value.and_then(|value| value.message().ok());
                text = value.and_then(|value| {
                    let text = core::str::from_utf8(value.bytes()).ok()?;
                    (!text.is_empty()).then(|| (value.offset(), text))
                });
            }
            _ => {}
        }
    }
    Some((key, text))
}
