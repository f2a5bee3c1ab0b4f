//! Sends requests that are traced explicitly, without the patched `fetch`. Responses are the
//! browser's own `Response`.
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

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use crate::imp;
pub use crate::request::{ClientError, Request};

/// Creates a `GET` request to `url`. The URL may be relative to the page.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// Creates a `POST` request to `url`.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// Creates a `PUT` request to `url`.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// Creates a `DELETE` request to `url`.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}

/// Creates a request with any method.
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

    /// Sets the body, unchanged.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the body to `value` as JSON, and the content type to `application/json`.
    ///
    /// # Errors
    /// [`ClientError::Json`] if `value` cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, ClientError> {
        let body = serde_json::to_string(value).map_err(ClientError::Json)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Sends the request. Its span is a child of the span that is current when the future is first
    /// polled.
    ///
    /// Returns the browser's own response, whatever its status. The response arrives with the
    /// headers, before the body.
    ///
    /// # Errors
    /// [`ClientError::Rejected`] if there is no response.
    ///
    /// # Server-Side Rendering
    /// On the server this returns [`ClientError::NotInBrowser`].
    pub async fn send(self) -> Result<Response, ClientError> {
        imp::fetch(self).await
    }
}

/// Reads the body as text.
///
/// # Errors
/// [`ClientError::Rejected`] if the body cannot be read, for example when it is read a second time.
pub async fn text(response: &Response) -> Result<String, ClientError> {
    let text = JsFuture::from(response.text().map_err(ClientError::Rejected)?);
    let text = text.await.map_err(ClientError::Rejected)?;
    Ok(text.as_string().unwrap_or_default())
}

/// Reads the body as JSON.
///
/// # Errors
/// [`ClientError::Rejected`] if the body cannot be read. [`ClientError::Json`] if it does not match
/// `T`.
pub async fn json<T: DeserializeOwned>(response: &Response) -> Result<T, ClientError> {
    serde_json::from_str(&text(response).await?).map_err(ClientError::Json)
}
