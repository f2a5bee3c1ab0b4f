//! The HTTP status of each fault, the same at every receiver.

use std::time::Duration;

use axum::http::header::{ACCEPT, ACCEPT_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use throughline_formats::DecodeError;
use throughline_store::WriteError;

use super::body::{BodyError, Encoding};
use crate::problem::{Problem, retry_after_value};

/// The delay before a retry after a fault of unknown duration.
const RETRY_SOON: Duration = Duration::from_secs(2);

/// The delay before a retry while the disk is full. Freeing space takes longer.
const RETRY_FULL: Duration = Duration::from_secs(30);

/// A fault of a whole request.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// The HTTP status.
    pub(super) status: StatusCode,
    /// A short title for the kind of fault.
    pub(super) title: &'static str,
    /// The detail of this case.
    pub(super) detail: String,
    /// The delay after which the same request may succeed; `None` if it never will.
    pub(super) retry_after: Option<Duration>,
    /// The header that names the accepted values (RFC 9110, 15.5.16): `accept` or
    /// `accept-encoding`.
    pub(super) accept: Option<(HeaderName, &'static str)>,
}

impl Fault {
    pub(super) fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
            retry_after: None,
            accept: None,
        }
    }

    /// Creates a 400. `detail` says what is wrong and where.
    pub(super) fn undecodable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Invalid request body", detail)
    }

    /// Creates a 500, for a fault of the server.
    pub(super) fn internal() -> Self {
        let detail = "internal error; see the server's log";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Internal server error",
            detail,
        )
    }

    /// Creates a 503 for a schema that is not up to date. `missing` is the reason.
    pub(super) fn not_ready(missing: &str) -> Self {
        Self {
            retry_after: Some(RETRY_SOON),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not ready", missing)
        }
    }

    /// Creates a 415 for a content type.
    pub(super) fn content_type(got: &str, wanted: &'static str) -> Self {
        let got: String = got.chars().take(80).collect();
        let detail = if got.is_empty() {
            format!("content-type is missing; send one of: {wanted}")
        } else {
            format!("content-type {got:?} is not supported; send one of: {wanted}")
        };
        Self {
            accept: Some((ACCEPT, wanted)),
            ..Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported content type",
                detail,
            )
        }
    }

    /// Returns a problem document, for protocols without an error format of their own.
    pub(super) fn problem(&self) -> Response {
        let mut response =
            Problem::new(self.status, self.title, self.detail.as_str()).into_response();
        self.add_headers(response.headers_mut());
        response
    }

    /// Adds the headers `retry-after`, `accept` and `accept-encoding` that apply.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        if let Some(delay) = self.retry_after {
            headers.insert(header::RETRY_AFTER, retry_after_value(delay));
        }
        if let Some((name, value)) = &self.accept {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

impl From<BodyError> for Fault {
    fn from(error: BodyError) -> Self {
        let detail = error.to_string();
        match error {
            BodyError::TooLarge(_) => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Request body too large",
                detail,
            ),
            BodyError::Encoding(_) => Self {
                accept: Some((ACCEPT_ENCODING, Encoding::ACCEPTED)),
                ..Self::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "Unsupported content encoding",
                    detail,
                )
            },
            BodyError::Corrupt { .. } | BodyError::Undeclared(_) | BodyError::Broken => {
                Self::undecodable(detail)
            }
            BodyError::TooSlow => Self::new(StatusCode::REQUEST_TIMEOUT, "Request timeout", detail),
            BodyError::Busy => Self {
                retry_after: Some(Duration::from_secs(1)),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Server overloaded", detail)
            },
        }
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::undecodable(error.to_string())
    }
}

impl From<WriteError> for Fault {
    fn from(error: WriteError) -> Self {
        let detail = error.to_string();
        match error {
            WriteError::Overloaded { retry_after } => Self {
                retry_after: Some(retry_after),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Server overloaded", detail)
            },
            WriteError::Unavailable | WriteError::Closed => Self {
                retry_after: Some(RETRY_SOON),
                ..Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Database unavailable",
                    detail,
                )
            },
            WriteError::Full => Self {
                retry_after: Some(RETRY_FULL),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "No disk space", detail)
            },
            WriteError::Refused(_) => Self::undecodable(detail),
            WriteError::Internal => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal server error",
                detail,
            ),
        }
    }
}

/// Returns the media type of `content-type` in lower case, without parameters.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .map(|text| text.trim().to_ascii_lowercase())
        .unwrap_or_default()
}
