//! Reads and decompresses a request body within limits of size, time and memory.
//!
//! The limit holds before and after decompression. A limit before it alone would accept a
//! decompression bomb. A limit after it alone would accept a flood of bytes that do not expand.

mod encoding;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

pub(super) use encoding::Encoding;

/// The timeout for a client that sends its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// The unit of the semaphore for the memory of all bodies, in bytes.
const BUDGET_UNIT_BYTES: usize = 1024;
/// The most bytes that are read and discarded from a body that is too large.
const DISCARDED_BYTES: usize = 256 << 20;
/// The largest announced length, in bytes, for which the buffer is allocated at once. Growing the
/// buffer step by step would copy the body again.
const ANNOUNCED_BYTES: usize = 1 << 20;
/// The size in bytes up to which a body is decompressed in place: for a small body, moving to
/// another thread costs more.
const INLINE_BYTES: usize = 64 * 1024;

/// The limits of request bodies, for each and for all together.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    each_bytes: usize,
    together: Arc<Semaphore>,
    decompressing: Arc<Semaphore>,
    timeout: Duration,
}

impl BodyLimits {
    /// Allows at most `each_bytes` for one body, compressed or not. Allows at most `together_bytes`
    /// for all bodies that are read or decoded at one time.
    pub fn new(each_bytes: usize, together_bytes: usize) -> Self {
        // The budget fits at least one body, both as sent and decompressed.
        let units = units(together_bytes)
            .max(2 * units(each_bytes))
            .min(Semaphore::MAX_PERMITS);
        Self {
            each_bytes,
            together: Arc::new(Semaphore::new(units)),
            // More concurrent decompressions would not be faster, and each may need a window of 8
            // MiB besides its body.
            decompressing: Arc::new(Semaphore::new(
                available_parallelism().map_or(1, core::num::NonZero::get),
            )),
            timeout: BODY_TIMEOUT,
        }
    }

    /// Sets the timeout for a client that sends its body. Default: 10 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

/// A decompressed body, and the share of memory that it holds until it is dropped.
pub struct ReadBody {
    /// The bytes.
    pub bytes: Bytes,
    share: Share,
}

/// The reasons why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body is larger than the limit, as sent or decompressed. Carries the limit in bytes.
    #[error("the body is larger than {0} bytes, as sent or decompressed")]
    TooLarge(usize),
    /// The content encoding is not supported.
    #[error("content-encoding {0:?} is not supported; send gzip, zstd, deflate or identity")]
    Encoding(String),
    /// The compressed bytes are damaged.
    #[error("the {encoding} body is damaged: {reason}")]
    Corrupt {
        /// The declared encoding.
        encoding: &'static str,
        /// The error of its decoder.
        reason: String,
    },
    /// The body is still compressed after the declared encoding was removed.
    #[error(
        "the body is still {0} after decompression; compress it once, and name each encoding in content-encoding"
    )]
    Undeclared(&'static str),
    /// The client took too long.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The client disconnected or broke the transfer.
    #[error("the connection closed before the body was complete")]
    Broken,
    /// Too many bodies are in memory.
    #[error("the memory for request bodies is in use; try again shortly")]
    Busy,
}

/// Returns the number of budget units for a number of bytes.
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

/// Reads the body of a request and decompresses it.
///
/// # Errors
/// See [`BodyError`]. Never holds more than twice the limit.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    limits: &BodyLimits,
) -> Result<ReadBody, BodyError> {
    let encoding = Encoding::of_content(headers)?;
    let sent = read_as_sent(headers, body, limits).await?;
    sent.decompressed(encoding, limits).await
}

/// Reads the body of a request as it was sent.
///
/// # Errors
/// See [`BodyError`].
pub(super) async fn read_as_sent(
    headers: &HeaderMap,
    body: Body,
    limits: &BodyLimits,
) -> Result<ReadBody, BodyError> {
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
    let capacity = announced.map_or(0, |length| length.min(ANNOUNCED_BYTES as u64) as usize);
    let bytes = collect(body, capacity, limits, &mut share).await?;
    Ok(ReadBody { bytes, share })
}

impl ReadBody {
    /// Removes `encoding`.
    ///
    /// # Errors
    /// The body is damaged or too large.
    pub(super) async fn decompressed(
        self,
        encoding: Encoding,
        limits: &BodyLimits,
    ) -> Result<Self, BodyError> {
        let limit = limits.each_bytes;
        let small = self.bytes.len() <= INLINE_BYTES;
        let work = move || {
            let Self { bytes, mut share } = self;
            let bytes = encoding::decompress(encoding, bytes, limit, &mut share)?;
            if let Some(undeclared) = encoding::undeclared(&bytes) {
                return Err(BodyError::Undeclared(undeclared));
            }
            Ok(Self { bytes, share })
        };
        if encoding == Encoding::Identity {
            return work();
        }
        let _turn = limits.decompressing.acquire().await;
        if small {
            work()
        } else {
            tokio::task::spawn_blocking(work)
                .await
                .map_err(|_| BodyError::Broken)?
        }
    }
}

async fn collect(
    mut body: Body,
    capacity: usize,
    limits: &BodyLimits,
    share: &mut Share,
) -> Result<Bytes, BodyError> {
    let limit = limits.each_bytes;
    let deadline = Instant::now() + limits.timeout;
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
                all.reserve(capacity);
                all.extend_from_slice(&core::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}

/// Reads and discards more of the body. A client never sees the response if its connection is
/// closed while it still sends.
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
