//! An HTTP request and the reasons why it fails.

use std::fmt;

use wasm_bindgen::JsValue;

/// The reason why a request has no usable response.
#[derive(Debug)]
pub enum ClientError {
    /// The browser's `fetch` was rejected. Holds the rejection value, unchanged.
    Rejected(JsValue),
    /// The body is not the expected JSON.
    Json(serde_json::Error),
    /// The code runs on the server, where there is no browser.
    NotInBrowser,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(value) => write!(f, "request failed: {value:?}"),
            Self::Json(error) => write!(f, "unexpected answer: {error}"),
            Self::NotInBrowser => f.write_str("not in a browser"),
        }
    }
}

impl std::error::Error for ClientError {}

/// An HTTP request that has not been sent.
#[derive(Debug, Clone)]
#[must_use = "a request is sent by `send`"]
pub struct Request {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}
