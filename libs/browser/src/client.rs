//! Requests traced by name rather than by the patched `fetch`, answered with the browser's own
//! `Response`.
//!
//! ```no_run
//! # async fn example() -> Result<(), throughline_browser::client::ClientError> {
//! use throughline_browser::client;
//!
//! let response = client::get("/api/products").send().await?;
//! let products: Vec<String> = client::json(&response).await?;
//! # let _ = products;
//! # Ok(())
//! # }
//! ```

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use crate::imp;

/// Why there is no answer.
#[derive(Debug)]
pub enum ClientError {
    /// What the browser's `fetch` was rejected with, unchanged.
    Rejected(JsValue),
    /// The body is not the JSON expected.
    Json(serde_json::Error),
    /// There is no browser: the code runs on the server.
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

/// A request to be sent.
#[derive(Debug, Clone)]
#[must_use = "a request is sent by `send`"]
pub struct Request {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

/// A `GET` of `url`, which may be relative to the page.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// A `POST` to `url`.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// A `PUT` to `url`.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// A `DELETE` of `url`.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}

/// A request with any method.
pub fn request(method: &'static str, url: impl Into<String>) -> Request {
    Request {
        method,
        url: url.into(),
        headers: Vec::new(),
        body: None,
    }
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body as it is.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the body to `value` as JSON, with its content type.
    ///
    /// # Errors
    /// [`ClientError::Json`] when `value` cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, ClientError> {
        let body = serde_json::to_string(value).map_err(ClientError::Json)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Sends it, as a child of the span that is current when this is first polled.
    ///
    /// The response is the browser's own, whatever its status; it arrives with the headers, before
    /// the body.
    ///
    /// # Errors
    /// [`ClientError::Rejected`] when there is no answer.
    ///
    /// # Server-Side Rendering
    /// On the server this is [`ClientError::NotInBrowser`].
    pub async fn send(self) -> Result<Response, ClientError> {
        imp::fetch(self).await
    }
}

/// The body as text.
///
/// # Errors
/// [`ClientError::Rejected`] when it cannot be read, for example a second time.
pub async fn text(response: &Response) -> Result<String, ClientError> {
    let text = JsFuture::from(response.text().map_err(ClientError::Rejected)?);
    let text = text.await.map_err(ClientError::Rejected)?;
    Ok(text.as_string().unwrap_or_default())
}

/// The body read as JSON.
///
/// # Errors
/// [`ClientError::Rejected`] when it cannot be read, [`ClientError::Json`] when it is something
/// else.
pub async fn json<T: DeserializeOwned>(response: &Response) -> Result<T, ClientError> {
    serde_json::from_str(&text(response).await?).map_err(ClientError::Json)
}
