//! Why a page has nothing to show; crosses the wire whole and carries nothing internal.

use core::fmt;

use leptos::prelude::*;
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};
use throughline_model::ReadError;

use crate::context::{PanelContext, set_status};

/// What a server function answers when it cannot answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiError {
    /// The server answered that it could not read.
    Read(ReadError),
    /// The server itself did not answer.
    Unreachable,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Unreachable => f.write_str("the server cannot be reached right now"),
        }
    }
}

impl core::error::Error for ApiError {}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) => Self::Unreachable,
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => {
                Self::Read(ReadError::Invalid("the request cannot be read".to_owned()))
            }
            _ => Self::Read(ReadError::Internal),
        }
    }
}

impl ApiError {
    /// Whether asking again may help.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Read(ReadError::Unavailable | ReadError::TimedOut) | Self::Unreachable
        )
    }

    const fn status(&self) -> u16 {
        match self {
            Self::Read(ReadError::Unavailable) | Self::Unreachable => 503,
            // Not 504: a narrower question, not the same one later, is what helps.
            Self::Read(ReadError::TimedOut) => 422,
            Self::Read(ReadError::Invalid(_)) => 400,
            Self::Read(ReadError::Internal) => 500,
        }
    }
}

impl From<ReadError> for ApiError {
    /// Sets the status of the response under way too: a failed read is never a 200.
    fn from(error: ReadError) -> Self {
        let error = Self::Read(error);
        set_status(error.status());
        error
    }
}

/// What the server lent to this request.
///
/// # Errors
/// [`ReadError::Internal`] where a route was set up without it.
pub fn panel() -> Result<PanelContext, ApiError> {
    use_context::<PanelContext>().ok_or(ApiError::Read(ReadError::Internal))
}
