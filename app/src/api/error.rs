//! The errors of server functions. They are serialised to the browser and contain nothing internal.

use core::fmt;

use leptos::prelude::*;
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};
use throughline_model::ReadError;

use crate::context::{PanelContext, set_status};

/// The error of a server function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiError {
    /// The server could not read the data.
    Read(ReadError),
    /// The server itself did not respond.
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
    /// Reports whether a retry may succeed.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Read(ReadError::Unavailable | ReadError::TimedOut) | Self::Unreachable
        )
    }

    const fn status(&self) -> u16 {
        match self {
            Self::Read(ReadError::Unavailable) | Self::Unreachable => 503,
            // The status is 422, not 504: a retry of the same query does not help, a narrower query
            // does.
            Self::Read(ReadError::TimedOut) => 422,
            Self::Read(ReadError::Invalid(_)) => 400,
            Self::Read(ReadError::Internal) => 500,
        }
    }
}

impl From<ReadError> for ApiError {
    /// Also sets the HTTP status of the current response, so that a failed read is never a 200.
    fn from(error: ReadError) -> Self {
        let error = Self::Read(error);
        set_status(error.status());
        error
    }
}

/// Returns the panel context of the current request.
///
/// # Errors
/// [`ReadError::Internal`] if the route was set up without the context.
pub fn panel() -> Result<PanelContext, ApiError> {
    use_context::<PanelContext>().ok_or(ApiError::Read(ReadError::Internal))
}
