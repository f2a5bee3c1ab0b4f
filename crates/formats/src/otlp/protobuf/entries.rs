//! Splits a message of a file into its resources. The messages for traces, logs, metrics and
//! profiles have the same field numbers, so the items tell what they are.

use throughline_codec::binary::{BinaryError, Field, Reader, writer};

use crate::Signal;

/// A resource of a message, as a request of its own, and the kind of its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The request.
    pub body: Vec<u8>,
    /// The kind of its items. `None` if they are neither spans nor log records.
    pub signal: Option<Signal>,
}

/// Returns the resources of a message that have items, one after the other.
///
/// # Errors
/// The bytes are not such a message; the error names the offset.
pub(in crate::otlp) fn entries(
    message: &[u8],
) -> impl Iterator<Item = Result<Entry, BinaryError>> + '_ {
    let mut reader = Some(Reader::new(message));
    std::iter::from_fn(move || {
        loop {
            let found = reader.as_mut()?.next_field();
            match found.transpose()?.and_then(entry) {
                Ok(None) => {}
                Ok(Some(entry)) => return Some(Ok(entry)),
                Err(error) => {
                    // Nothing can be read after an error.
                    reader = None;
                    return Some(Err(error));
                }
            }
        }
    })
}

fn entry(field: Field<'_>) -> Result<Option<Entry>, BinaryError> {
    if field.number() != 1 {
        return Ok(None);
    }
    let resource = field.message()?;
    let Some(item) = first_item(resource)? else {
        return Ok(None);
    };
    let mut body = Vec::with_capacity(resource.bytes().len() + 8);
    writer::bytes(1, resource.bytes(), &mut body);
    Ok(Some(Entry {
        body,
        signal: signal_of(item),
    }))
}

/// Returns the first item of a resource: of field 2 of its scopes, or of its libraries.
fn first_item(mut resource: Reader<'_>) -> Result<Option<Reader<'_>>, BinaryError> {
    while let Some(scope) = resource.next_field()? {
        if !matches!(scope.number(), 2 | super::LIBRARY_ITEMS) {
            continue;
        }
        let mut scope = scope.message()?;
        while let Some(item) = scope.next_field()? {
            if item.number() == 2 {
                return item.message().map(Some);
            }
        }
    }
    Ok(None)
}

/// Returns the kind of an item by its fields. A span has times of 64 bits in fields 7 and 8, a log
/// record in 1 and 11, a metric in neither.
fn signal_of(mut item: Reader<'_>) -> Option<Signal> {
    let mut signal = None;
    while let Ok(Some(field)) = item.next_field() {
        match field.number() {
            7 | 8 if field.fixed64().is_ok() => return Some(Signal::Traces),
            1 | 11 if field.fixed64().is_ok() => return Some(Signal::Logs),
            // The ids, if the times are missing.
            1 if field.bytes().is_ok_and(|id| id.len() == 16) => signal = Some(Signal::Traces),
            9 if field.bytes().is_ok_and(|id| id.len() == 16) && signal.is_none() => {
                signal = Some(Signal::Logs);
            }
            _ => {}
        }
    }
    signal
}
