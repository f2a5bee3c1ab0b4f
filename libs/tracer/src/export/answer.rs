//! Maps the response of the collector to the next step for the batch.

use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};
use throughline_wire::BatchAnswer;

/// The outcome of sending a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The batch is committed, except for the rejected spans.
    Stored {
        /// The number of rejected spans.
        rejected: u64,
        /// The reason for the first rejected span.
        reason: Option<String>,
    },
    /// The batch is too large; smaller parts may be accepted.
    TooLarge,
    /// The batch is rejected for good. Carries the reason.
    Refused(String),
    /// The request failed and can be retried, not before the delay that the collector asked for.
    Later {
        /// The delay that the collector asked for (`Retry-After`).
        after: Option<Duration>,
        /// The error message.
        why: String,
    },
}

impl Answer {
    /// Reads an HTTP response. 408, 425, 429 and all 5xx are retryable.
    pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        if status.is_success() {
            // A success status with an unreadable body still acknowledges the batch.
            let answer: BatchAnswer = serde_json::from_slice(body).unwrap_or_default();
            let rejected = answer.rejected.len() as u64;
            let reason = answer.rejected.into_iter().next().map(|first| first.reason);
            return Self::Stored { rejected, reason };
        }
        let why = || {
            let text = String::from_utf8_lossy(body);
            let start: String = text.chars().take(200).collect();
            format!("the collector responded {status}: {}", start.trim())
        };
        match status.as_u16() {
            413 => Self::TooLarge,
            408 | 425 | 429 | 500..=599 => Self::Later {
                after: headers
                    .get(RETRY_AFTER)
                    .and_then(|value| value.to_str().ok())
                    .and_then(|value| value.trim().parse().ok())
                    .map(Duration::from_secs),
                why: why(),
            },
            _ => Self::Refused(why()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).expect("a status");
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "3".parse().expect("a value"))]);
        Answer::read(status, &headers, body.as_bytes())
    }

    #[test]
    fn each_http_status_maps_to_its_answer() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            let after = Some(Duration::from_secs(3));
            assert!(
                matches!(read(status, ""), Answer::Later { after: asked, .. } if asked == after),
                "{status}"
            );
        }
        for status in [301, 400, 401, 403, 404, 415] {
            assert!(matches!(read(status, ""), Answer::Refused(_)), "{status}");
        }
        assert_eq!(read(413, ""), Answer::TooLarge);
        let stored = Answer::Stored {
            rejected: 0,
            reason: None,
        };
        assert_eq!(read(200, "not json"), stored);
    }

    #[test]
    fn rejected_spans_of_a_stored_batch_are_counted() {
        let body = r#"{"received":1,"duplicate":0,"server_time_ns":"0",
            "rejected":[{"index":0,"reason":"name missing"},{"index":2,"reason":"other"}]}"#;
        let stored = Answer::Stored {
            rejected: 2,
            reason: Some("name missing".to_owned()),
        };
        assert_eq!(read(200, body), stored);
    }
}
