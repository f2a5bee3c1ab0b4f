//! The supported content encodings, and their decompression.

mod inflate;

use std::io::{self, Read};

use axum::http::{HeaderMap, HeaderName, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use self::inflate::Inflate;
use super::{BodyError, Share};

/// The largest window of a zstd frame, as a power of two: 8 MiB. RFC 9659 sets this limit for
/// senders of the content encoding.
const ZSTD_WINDOW_LOG: u32 = 23;
/// The number of bytes to decompress before more memory is requested.
const STEP_BYTES: u64 = 64 * 1024;

/// The encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) enum Encoding {
    /// No encoding.
    Identity,
    /// RFC 1952. Several members form one body.
    Gzip,
    /// RFC 1950, one stream.
    Deflate,
    /// RFC 8878. Several frames form one body.
    Zstd,
}

impl Encoding {
    /// The supported encodings, for `accept-encoding` and similar headers.
    pub(in crate::ingest) const ACCEPTED: &'static str = "gzip, zstd, deflate, identity";

    /// Returns the encoding in `content-encoding`.
    pub(in crate::ingest) fn of_content(headers: &HeaderMap) -> Result<Self, BodyError> {
        Self::named_by(headers, header::CONTENT_ENCODING)
    }

    /// Returns the encoding in the header `name`. At most one encoding is allowed.
    pub(in crate::ingest) fn named_by(
        headers: &HeaderMap,
        name: HeaderName,
    ) -> Result<Self, BodyError> {
        let mut values = headers.get_all(name).iter();
        let (first, more) = (values.next(), values.next());
        let text = first.map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .trim()
                .to_lowercase()
        });
        match (text.as_deref(), more) {
            (None | Some("" | "identity"), None) => Ok(Self::Identity),
            (Some("gzip" | "x-gzip"), None) => Ok(Self::Gzip),
            (Some("deflate"), None) => Ok(Self::Deflate),
            (Some("zstd"), None) => Ok(Self::Zstd),
            (text, _) => Err(BodyError::Encoding(
                text.unwrap_or_default().chars().take(40).collect(),
            )),
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }
}

/// Decompresses at most `limit` bytes. Requests memory from `share` step by step.
pub(super) fn decompress(
    encoding: Encoding,
    sent: Bytes,
    limit: usize,
    share: &mut Share,
) -> Result<Bytes, BodyError> {
    let corrupt = |error: &io::Error| BodyError::Corrupt {
        encoding: encoding.as_str(),
        reason: error.to_string(),
    };
    match encoding {
        // In every encoding, empty input is an empty body.
        _ if sent.is_empty() => Ok(sent),
        Encoding::Identity => Ok(sent),
        Encoding::Gzip => unpack(MultiGzDecoder::new(sent.as_ref()), limit, share, corrupt),
        Encoding::Deflate => unpack(Inflate::new(sent.as_ref()), limit, share, corrupt),
        Encoding::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(sent.as_ref()).map_err(|e| corrupt(&e))?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG)
                .map_err(|error| corrupt(&error))?;
            unpack(decoder, limit, share, corrupt)
        }
    }
}

/// Detects an undeclared encoding by the first bytes. No message of a receiver begins like gzip,
/// zlib or zstd. Without this check, zstd bytes could pass for a protobuf message of unknown fields: a
/// success that stores nothing.
pub(super) fn undeclared(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x1f, 0x8b, ..] => Some(Encoding::Gzip.as_str()),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some(Encoding::Deflate.as_str()),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Encoding::Zstd.as_str()),
        _ => None,
    }
}

fn unpack(
    mut from: impl Read,
    limit: usize,
    share: &mut Share,
    corrupt: impl Fn(&io::Error) -> BodyError,
) -> Result<Bytes, BodyError> {
    let mut out = Vec::new();
    loop {
        let read = from
            .by_ref()
            .take(STEP_BYTES)
            .read_to_end(&mut out)
            .map_err(|error| corrupt(&error))?;
        if read == 0 {
            return Ok(out.into());
        }
        if out.len() > limit {
            return Err(BodyError::TooLarge(limit));
        }
        share.grow(read)?;
    }
}
