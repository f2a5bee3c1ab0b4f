//! A client that sends each request until it gets a final response, and counts the results.

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::Format;
use super::connection::{Answer, Connection, Target};
use super::report::Tally;

/// The timeout for a response.
const ANSWER: Duration = Duration::from_mins(1);
/// The pause after a failed connection, and after a 429 or 503 without `Retry-After`.
const PAUSE: Duration = Duration::from_millis(200);

/// The result of one attempt.
enum Attempt {
    Accepted {
        duplicate: u64,
        rejected: u64,
    },
    /// The server asks to retry after this time.
    Later(Duration),
    /// The connection failed, so it is unknown whether the spans are stored.
    Broken,
    Refused(StatusCode),
}

/// A client with one connection, opened when it is needed.
pub(super) struct Client {
    target: Target,
    timeout: Duration,
    connection: Option<Connection>,
}

impl Client {
    pub(super) fn new(target: Target, timeout: Duration) -> Self {
        Self {
            target,
            timeout,
            connection: None,
        }
    }

    /// Sends a body with `spans` spans until it gets a final response or the timeout expires. Adds
    /// the results to `tally`.
    pub(super) async fn send(&mut self, body: Bytes, spans: u64, tally: &mut Tally) {
        let give_up = Instant::now() + self.timeout;
        tally.sent += spans;
        loop {
            tally.bytes += body.len() as u64;
            let began = Instant::now();
            let attempt = timeout(ANSWER, self.attempt(body.clone())).await;
            let pause = match attempt.unwrap_or(Ok(Attempt::Broken)) {
                Ok(Attempt::Accepted {
                    duplicate,
                    rejected,
                }) => {
                    tally.latencies.push(began.elapsed());
                    tally.duplicate += duplicate;
                    tally.rejected += rejected;
                    tally.accepted += spans.saturating_sub(duplicate + rejected);
                    return;
                }
                Ok(Attempt::Refused(status)) => {
                    tally.refused += spans;
                    tally.first_refusal.get_or_insert(status);
                    return;
                }
                Ok(Attempt::Later(pause)) => {
                    tally.asked_to_wait += 1;
                    pause
                }
                Ok(Attempt::Broken) | Err(_) => {
                    tally.broken += 1;
                    self.connection = None;
                    PAUSE
                }
            };
            if Instant::now() + pause > give_up {
                tally.refused += spans;
                return;
            }
            sleep(pause).await;
        }
    }

    async fn attempt(&mut self, body: Bytes) -> Result<Attempt> {
        if self.connection.as_ref().is_none_or(Connection::is_closed) {
            self.connection = Some(Connection::open(&self.target).await?);
        }
        let Some(connection) = &mut self.connection else {
            return Ok(Attempt::Broken);
        };
        let Answer {
            status,
            retry_after,
            bytes,
        } = connection.send(&self.target, body).await?;
        Ok(match status {
            StatusCode::OK => {
                let (duplicate, rejected) = read_answer(self.target.format, &bytes);
                Attempt::Accepted {
                    duplicate,
                    rejected,
                }
            }
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Attempt::Later(retry_after.unwrap_or(PAUSE)),
            status => Attempt::Refused(status),
        })
    }
}

/// Returns the numbers of duplicate and of rejected spans. OTLP does not report duplicates.
pub(super) fn read_answer(format: Format, bytes: &[u8]) -> (u64, u64) {
    let json = || serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    match format {
        Format::Native => {
            let answer = json();
            let rejected = answer["rejected"].as_array().map_or(0, Vec::len);
            (answer["duplicate"].as_u64().unwrap_or(0), rejected as u64)
        }
        Format::OtlpJson => {
            let rejected = &json()["partialSuccess"]["rejectedSpans"];
            let text = rejected.as_str().and_then(|text| text.parse().ok());
            (0, text.or(rejected.as_u64()).unwrap_or(0))
        }
        Format::OtlpProtobuf | Format::OtlpGrpc => (0, rejected_spans(bytes).unwrap_or(0)),
    }
}

/// Returns `ExportTraceServiceResponse.partial_success.rejected_spans`, the first field of the
/// first field.
fn rejected_spans(bytes: &[u8]) -> Option<u64> {
    let mut rest = bytes.strip_prefix(&[0x0a])?;
    varint(&mut rest)?;
    let mut rest = rest.strip_prefix(&[0x08])?;
    varint(&mut rest)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
