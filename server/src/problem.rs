//! Errors as RFC 9457 problem documents. Every route except those of OTLP responds with them.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use throughline_model::{Fault, Faults, ReadError};

/// An error for the client, as a response with a text.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    faults: Faults,
    retry_after: Option<Duration>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// One entry for each faulty query parameter.
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    errors: &'a [Fault],
}

impl Problem {
    /// Creates a problem with a status, a short title and a detail of this case.
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
            faults: Faults::default(),
            retry_after: None,
        }
    }

    /// Creates a 404 for `what`.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", what)
    }

    /// Creates a 400. `detail` says what is wrong and where.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Invalid request", detail)
    }

    /// Adds `Retry-After` in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Returns the HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

/// Returns the value of `Retry-After` in whole seconds, at least one.
pub(crate) fn retry_after_value(delay: Duration) -> HeaderValue {
    HeaderValue::from(delay.as_secs().max(1))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: self.faults.as_slice(),
        };
        let mut response = (self.status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(delay) = self.retry_after {
            headers.insert(header::RETRY_AFTER, retry_after_value(delay));
        }
        response
    }
}

/// Creates a 400 that names each faulty parameter.
impl From<Faults> for Problem {
    fn from(faults: Faults) -> Self {
        Self {
            faults: faults.clone(),
            ..Self::bad_request(faults.to_string())
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let detail = error.to_string();
        match error {
            ReadError::Unavailable => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Database unavailable",
                detail,
            )
            .retry_after(Duration::from_secs(2)),
            // Not 504: the same question later does not help, only a narrower one does.
            ReadError::TimedOut => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Query timeout", detail)
            }
            ReadError::Invalid(_) => Self::bad_request(detail),
            ReadError::Internal => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The query failed",
                detail,
            ),
        }
    }
}
