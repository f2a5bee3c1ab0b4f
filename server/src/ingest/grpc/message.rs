//! Extracts the one message of a request from its frame.

use axum::http::{HeaderMap, HeaderName, StatusCode};

use crate::ingest::body::{Encoding, ReadBody};
use crate::ingest::fault::Fault;

/// The size of the frame prefix, in bytes: a compression flag and a length in four bytes.
pub(super) const PREFIX_BYTES: usize = 5;

/// Returns the encoding of the compressed messages of a request.
///
/// # Errors
/// `UNIMPLEMENTED` for an unknown encoding, as gRPC requires.
pub(super) fn encoding(headers: &HeaderMap) -> Result<Encoding, Fault> {
    let name = HeaderName::from_static("grpc-encoding");
    Encoding::named_by(headers, name).map_err(|error| {
        let detail = error.to_string();
        Fault::new(StatusCode::NOT_IMPLEMENTED, "Unsupported encoding", detail)
    })
}

/// Returns the message of `frame`, and its encoding: `encoding` is that of the headers.
///
/// # Errors
/// There is not exactly one message.
pub(super) fn unframe(
    mut frame: ReadBody,
    encoding: Encoding,
) -> Result<(ReadBody, Encoding), Fault> {
    let is_compressed = prefix(&frame.bytes)?;
    frame.bytes = frame.bytes.slice(PREFIX_BYTES..);
    let encoding = match (is_compressed, encoding) {
        (false, _) => Encoding::Identity,
        (true, Encoding::Identity) => {
            let detail = "the message is marked as compressed, but grpc-encoding is missing";
            return Err(Fault::undecodable(detail));
        }
        (true, encoding) => encoding,
    };
    Ok((frame, encoding))
}

/// Returns the compression flag of the only message of `bytes`.
fn prefix(bytes: &[u8]) -> Result<bool, Fault> {
    let Some((prefix, message)) = bytes.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(Fault::undecodable("the request has no complete message"));
    };
    let [flag, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length) as usize;
    if message.len() < length {
        let detail = format!("the message ends after {} of {length} bytes", message.len());
        return Err(Fault::undecodable(detail));
    }
    if message.len() > length {
        let detail = "the request has more than one message; a unary call has one";
        return Err(Fault::undecodable(detail));
    }
    match flag {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Fault::undecodable(format!(
            "invalid compression flag {flag}: expected 0 or 1"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_must_have_exactly_one_message() {
        for (bytes, expected) in [
            (&[0, 0, 0, 0, 2, 7, 7][..], Ok(false)),
            (&[1, 0, 0, 0, 1, 7], Ok(true)),
            (&[0, 0, 0, 0, 0], Ok(false)),
            (&[], Err("no complete message")),
            (&[0, 0, 0, 0], Err("no complete message")),
            (&[0, 0, 0, 0, 2, 7], Err("ends after 1 of 2 bytes")),
            (&[0, 255, 255, 255, 255], Err("ends after 0 of 4294967295")),
            (
                &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                Err("more than one message"),
            ),
            (&[2, 0, 0, 0, 0], Err("flag 2")),
        ] {
            match (prefix(bytes), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{bytes:?}"),
                (Err(fault), Err(words)) => {
                    assert!(fault.detail.contains(words), "{bytes:?}: {}", fault.detail);
                }
                (found, _) => panic!("{bytes:?}: {found:?}"),
            }
        }
    }
}
