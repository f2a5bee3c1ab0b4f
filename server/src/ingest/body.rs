//! Reads and decompresses a request body within bounds of size, time and memory.
//!
//! The limit holds before and after decompression: outside the decompressor alone it would let a
//! bomb through, inside alone a flood of bytes that do not expand.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// What the memory of all bodies is counted in.
const BUDGET_UNIT_BYTES: usize = 1024;
/// How much of a body that is too large is read all the same.
const DISCARDED_BYTES: usize = 256 << 20;
/// Bodies up to this size are decompressed in place: a hand-over costs more.
const INLINE_BYTES: usize = 64 * 1024;

/// How much request bodies may hold, each and together.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    each_bytes: usize,
    together: Arc<Semaphore>,
    patience: Duration,
}

impl BodyLimits {
    /// At most `each_bytes` for one body, compressed or not; at most `together_bytes` for all
    /// bodies being read or decoded at one time.
    pub fn new(each_bytes: usize, together_bytes: usize) -> Self {
        // At least one body fits, as sent and decompressed.
        let units = units(together_bytes)
            .max(2 * units(each_bytes))
            .min(Semaphore::MAX_PERMITS);
        Self {
            each_bytes,
            together: Arc::new(Semaphore::new(units)),
            patience: BODY_TIMEOUT,
        }
    }

    /// Changes how long a client may take to send its body; 10 s unless said.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

/// A body as it was meant, and the share of memory it holds until it is dropped.
pub struct ReadBody {
    /// The decompressed bytes.
    pub bytes: Bytes,
    _share: Share,
}

/// Why there is no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Larger than the limit, as sent or decompressed; carries the limit.
    #[error("the body is larger than {0} bytes, as sent or decompressed")]
    TooLarge(usize),
    /// A content encoding nobody here understands.
    #[error("content-encoding {0:?} is not understood; send gzip or identity")]
    Encoding(String),
    /// The compressed bytes are damaged.
    #[error("the gzip body is damaged: {0}")]
    Corrupt(String),
    /// The client took too long.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The client went away or broke the transfer.
    #[error("the body did not arrive whole")]
    Broken,
    /// Too many bodies are in memory.
    #[error("too many requests are being read; try again shortly")]
    Busy,
}

/// How many units of the budget so many bytes take.
const fn units(bytes: usize) -> usize {
    bytes.div_ceil(BUDGET_UNIT_BYTES)
}

struct Share {
    budget: Arc<Semaphore>,
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Share {
    fn grow(&mut self, bytes: usize) -> Result<(), BodyError> {
        let more = units(self.bytes + bytes) - units(self.bytes);
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.budget)
            .try_acquire_many_owned(more)
            .map_err(|_| BodyError::Busy)?;
        self.bytes += bytes;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Identity,
    Gzip,
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, BodyError> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let (first, more) = (values.next(), values.next());
    let text = first.map(|value| {
        String::from_utf8_lossy(value.as_bytes())
            .trim()
            .to_lowercase()
    });
    match (text.as_deref(), more) {
        (None | Some("" | "identity"), None) => Ok(Encoding::Identity),
        (Some("gzip" | "x-gzip"), None) => Ok(Encoding::Gzip),
        (text, _) => Err(BodyError::Encoding(
            text.unwrap_or_default().chars().take(40).collect(),
        )),
    }
}

/// Reads the body of a request.
///
/// # Errors
/// See [`BodyError`]; never holds more than the limit twice.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    limits: &BodyLimits,
) -> Result<ReadBody, BodyError> {
    let encoding = encoding(headers)?;
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limits.each_bytes as u64) {
        discard(body);
        return Err(BodyError::TooLarge(limits.each_bytes));
    }
    let mut share = Share {
        budget: Arc::clone(&limits.together),
        bytes: 0,
        permit: None,
    };
    let sent = collect(body, limits, &mut share).await?;
    let bytes = match encoding {
        Encoding::Identity => sent,
        Encoding::Gzip => {
            share.grow(limits.each_bytes.min(sent.len().saturating_mul(8)))?;
            let limit = limits.each_bytes;
            if sent.len() <= INLINE_BYTES {
                gunzip(&sent, limit)?
            } else {
                tokio::task::spawn_blocking(move || gunzip(&sent, limit))
                    .await
                    .map_err(|_| BodyError::Broken)??
            }
        }
    };
    Ok(ReadBody {
        bytes,
        _share: share,
    })
}

async fn collect(
    mut body: Body,
    limits: &BodyLimits,
    share: &mut Share,
) -> Result<Bytes, BodyError> {
    let limit = limits.each_bytes;
    let deadline = Instant::now() + limits.patience;
    let mut first = Bytes::new();
    let mut all = Vec::new();
    loop {
        let frame = timeout_at(deadline, body.frame())
            .await
            .map_err(|_| BodyError::TooSlow)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        if first.len() + all.len() + data.len() > limit {
            discard(body);
            return Err(BodyError::TooLarge(limit));
        }
        share.grow(data.len())?;
        // A small body comes in one frame and is not copied.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&core::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// Reads on for a while and throws away: a client whose connection is closed while it still sends
/// never sees the answer.
fn discard(mut body: Body) {
    tokio::spawn(async move {
        let deadline = Instant::now() + BODY_TIMEOUT / 2;
        let mut left = DISCARDED_BYTES;
        while let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    });
}

fn gunzip(bytes: &[u8], limit: usize) -> Result<Bytes, BodyError> {
    let mut out = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(limit as u64 + 1)
        .read_to_end(&mut out)
        .map_err(|error| BodyError::Corrupt(error.to_string()))?;
    if out.len() > limit {
        Err(BodyError::TooLarge(limit))
    } else {
        Ok(out.into())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("writes to memory");
        encoder.finish().expect("writes to memory")
    }

    async fn read_gzip(bytes: Vec<u8>, limit: usize) -> Result<Bytes, BodyError> {
        let headers = HeaderMap::from_iter([(
            header::CONTENT_ENCODING,
            axum::http::HeaderValue::from_static("gzip"),
        )]);
        let limits = BodyLimits::new(limit, limit * 4);
        read(&headers, Body::from(bytes), &limits)
            .await
            .map(|body| body.bytes)
    }

    #[tokio::test]
    async fn a_gzip_body_is_decompressed_with_all_its_members() {
        let mut bytes = gzip(b"one ");
        bytes.extend(gzip(b"two"));
        assert_eq!(
            read_gzip(bytes, 100).await,
            Ok(Bytes::from_static(b"one two"))
        );
    }

    #[tokio::test]
    async fn a_bomb_is_too_large_whether_in_one_member_or_in_many() {
        assert_eq!(
            read_gzip(gzip(&vec![0; 1 << 20]), 10_000).await,
            Err(BodyError::TooLarge(10_000))
        );
        let many: Vec<u8> = core::iter::repeat_n(gzip(&[0; 500]), 50)
            .flatten()
            .collect();
        assert_eq!(
            read_gzip(many, 10_000).await,
            Err(BodyError::TooLarge(10_000))
        );
    }

    #[tokio::test]
    async fn damaged_gzip_is_said_to_be_damaged() {
        let mut bytes = gzip(b"hello, hello, hello");
        bytes.truncate(bytes.len() - 4);
        assert!(matches!(
            read_gzip(bytes, 100).await,
            Err(BodyError::Corrupt(_))
        ));
        assert!(matches!(
            read_gzip(b"plain".to_vec(), 100).await,
            Err(BodyError::Corrupt(_))
        ));
    }

    #[tokio::test]
    async fn bodies_together_hold_no_more_than_their_budget() {
        let limits = BodyLimits::new(1024, 2048);
        let headers = HeaderMap::new();
        let body = || Body::from(vec![0; 1024]);
        let first = read(&headers, body(), &limits).await.expect("fits");
        let _second = read(&headers, body(), &limits).await.expect("fits");
        assert!(matches!(
            read(&headers, body(), &limits).await,
            Err(BodyError::Busy)
        ));
        drop(first);
        assert!(read(&headers, body(), &limits).await.is_ok());
    }
}
