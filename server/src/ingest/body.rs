//! Reads and decompresses a request body within bounds of size, time and memory.
//!
//! The limit holds before and after decompression: outside the decompressor alone it would let a
//! bomb through, inside alone a flood of bytes that do not expand.

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

/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// What the memory of all bodies is counted in.
const BUDGET_UNIT_BYTES: usize = 1024;
/// How much of a body that is too large is read all the same.
const DISCARDED_BYTES: usize = 256 << 20;
/// The buffer of a body has the length that the body announces, up to so much: growing it step by step
/// copies it as often again.
const ANNOUNCED_BYTES: usize = 1 << 20;
/// Bodies up to this size are decompressed in place: a hand-over costs more.
const INLINE_BYTES: usize = 64 * 1024;

/// How much request bodies may hold, each and together.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    each_bytes: usize,
    together: Arc<Semaphore>,
    decompressing: Arc<Semaphore>,
    timeout: Duration,
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
            // More at once gain nothing, and each may need a window of 8 MiB beside its body.
            decompressing: Arc::new(Semaphore::new(
                available_parallelism().map_or(1, core::num::NonZero::get),
            )),
            timeout: BODY_TIMEOUT,
        }
    }

    /// Changes how long a client may take to send its body; 10 s unless said.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

/// A body as it was meant, and the share of memory it holds until it is dropped.
pub struct ReadBody {
    /// The bytes.
    pub bytes: Bytes,
    share: Share,
}

/// Why there is no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Larger than the limit, as sent or decompressed; carries the limit.
    #[error("the body is larger than {0} bytes, as sent or decompressed")]
    TooLarge(usize),
    /// A content encoding nobody here understands.
    #[error("content-encoding {0:?} is not understood; send gzip, zstd or identity")]
    Encoding(String),
    /// The compressed bytes are damaged.
    #[error("the {encoding} body is damaged: {reason}")]
    Corrupt {
        /// Which encoding was said.
        encoding: &'static str,
        /// What its decoder found.
        reason: String,
    },
    /// Compressed once more than was said.
    #[error("the body is {0} where content-encoding has been undone; say so, once")]
    Undeclared(&'static str),
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

/// Reads the body of a request and undoes its content encoding.
///
/// # Errors
/// See [`BodyError`]; never holds more than the limit twice.
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
    /// Undoes `encoding`.
    ///
    /// # Errors
    /// When it is damaged or too large.
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
