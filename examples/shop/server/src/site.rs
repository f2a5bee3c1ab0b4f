//! The built site, embedded into the binary.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

/// The folder that `build.rs` names.
#[derive(RustEmbed)]
#[folder = "$SHOP_SITE"]
struct Site;

/// The placeholder in `index.html` for the address of the collector.
const COLLECTOR: &str = "{{collector}}";

/// The encodings of compressed files, best first, with the suffix of their names.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Returns the HTML page with the address of the collector, or `None` if the binary was built
/// without a site.
pub fn index(collector: &str) -> Option<Arc<str>> {
    let file = Site::get("index.html")?;
    let page = std::str::from_utf8(&file.data).ok()?;
    Some(page.replace(COLLECTOR, &escape_attribute(collector)).into())
}

/// Returns the file at `path`, compressed if the browser accepts it, or `None` if there is none.
pub fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let name = path.strip_prefix('/')?;
    // The HTML page is not served as a file, because its placeholder must be replaced.
    if name.starts_with("index.html") {
        return None;
    }
    let whole = Site::get(name)?;
    let packed = ENCODINGS
        .into_iter()
        .filter(|(encoding, _)| accepts(headers, encoding))
        .find_map(|(encoding, end)| {
            Site::get(&format!("{name}{end}")).map(|file| (file, Some(encoding)))
        });
    let (file, encoding) = packed.unwrap_or((whole, None));

    let etag = etag(&file, encoding);
    let caching = [
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::VARY, "accept-encoding".to_owned()),
        (header::ETAG, etag.clone()),
    ];
    if contains(headers, &header::IF_NONE_MATCH, &etag) {
        return Some((StatusCode::NOT_MODIFIED, caching).into_response());
    }

    let mime = mime_guess::from_path(name).first_or_octet_stream();
    let kind = [(header::CONTENT_TYPE, mime.as_ref().to_owned())];
    let mut response = (caching, kind, Body::from(file.data.into_owned())).into_response();
    if let Some(encoding) = encoding {
        let value = header::HeaderValue::from_static(encoding);
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, value);
    }
    Some(response)
}

fn etag(file: &EmbeddedFile, encoding: Option<&str>) -> String {
    use std::fmt::Write as _;

    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        // Writing into a string does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag + encoding.map_or("", |encoding| if encoding == "br" { "-br" } else { "-gz" }) + "\""
}

fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    contains(headers, &header::ACCEPT_ENCODING, encoding)
}

/// Reports whether a comma-separated header contains `word`, with any parameters except `q=0`.
fn contains(headers: &HeaderMap, name: &header::HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| {
            let (item, parameters) = part.split_once(';').unwrap_or((part, ""));
            let refused = matches!(parameters.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
            item.trim().trim_start_matches("W/") == word && !refused
        })
}

fn escape_attribute(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_leave_its_attribute() {
        assert_eq!(
            escape_attribute("http://a/\"><script>"),
            "http://a/&quot;>&lt;script>"
        );
    }

    #[test]
    fn an_encoding_is_taken_only_when_offered() {
        let mut headers = HeaderMap::new();
        assert!(!accepts(&headers, "br"));
        headers.insert(
            header::ACCEPT_ENCODING,
            "gzip;q=0.8, br;q=0".parse().expect("a value"),
        );
        assert!(accepts(&headers, "gzip"));
        assert!(!accepts(&headers, "br"));
    }
}
