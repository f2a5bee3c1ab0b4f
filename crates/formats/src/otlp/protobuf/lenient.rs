//! Reads parts of a message of which a bad one costs that part alone. Each is a repair.

use std::borrow::Cow;

use throughline_codec::binary::{Field, Reader, any_value};
use throughline_codec::context::DecodeContext;
use throughline_codec::pairs::Pairs;

/// Returns the next field, or `None` at the end and where the bytes are not a field.
pub(super) fn next_field<'a>(
    reader: &mut Reader<'a>,
    context: &mut DecodeContext,
) -> Option<Field<'a>> {
    reader.next_field().unwrap_or_else(|_| {
        context.repair_unreadable();
        None
    })
}

/// Reads a nested message. One of another type is empty.
pub(super) fn part<T: Default>(
    field: Field<'_>,
    context: &mut DecodeContext,
    read: impl FnOnce(Reader<'_>, &mut DecodeContext) -> T,
) -> T {
    if let Ok(message) = field.message() {
        read(message, context)
    } else {
        context.repair_unreadable();
        T::default()
    }
}

/// Reads a text. One of another type is empty.
pub(super) fn text(field: Field<'_>, context: &mut DecodeContext) -> Cow<'static, str> {
    part(field, context, |message, context| {
        message.text(&mut context.repairs.kinds)
    })
}

/// Reads a count. One of another type is zero.
pub(super) fn count(field: Field<'_>, context: &mut DecodeContext) -> u32 {
    field.uint32().unwrap_or_else(|_| {
        context.repair_unreadable();
        0
    })
}

/// Reads an attribute. One that cannot be read is left out and counted.
pub(super) fn pair(field: Field<'_>, pairs: &mut Pairs, context: &mut DecodeContext) {
    let read = field
        .message()
        .and_then(|message| any_value::decode_pair(message, 1, pairs, context));
    if read.is_err() {
        context.repair_unreadable();
        pairs.leave_out(1);
    }
}
