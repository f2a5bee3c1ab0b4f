//! The files of the site, embedded in the binary: scripts, WASM, styles, images.
//!
//! File names carry no hash. Each response has a strong `ETag` and the browser revalidates it,
//! which costs a 304. The build puts compressed forms (`.br`, `.gz`) beside the files.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$THROUGHLINE_SITE"]
struct Site;

/// The compressed forms of a file, best first: the suffix of the file name and the content
/// encoding.
const COMPRESSED: [(&str, &str); 2] = [(".br", "br"), (".gz", "gzip")];

/// Returns the response for the file at `path`, which begins with `/`; `None` if there is no file.
pub fn serve(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    let name = path.trim_start_matches('/');
    if name.is_empty() || COMPRESSED.iter().any(|(suffix, _)| name.ends_with(suffix)) {
        return None;
    }
    let plain = Site::get(name)?;
    let (file, encoding) = COMPRESSED
        .iter()
        .filter(|(_, encoding)| accepts(headers, encoding))
        .find_map(|(suffix, encoding)| {
            Site::get(&format!("{name}{suffix}")).map(|file| (file, Some(*encoding)))
        })
        .unwrap_or((plain, None));
    Some(respond(method, name, file, encoding, headers))
}

fn respond(
    method: &Method,
    name: &str,
    file: EmbeddedFile,
    encoding: Option<&'static str>,
    headers: &HeaderMap,
) -> Response {
    let etag = etag(&file.metadata.sha256_hash());
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == etag);
    let mut response = Response::new(Body::empty());
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let mime = mime_guess::from_path(name).first_or_octet_stream();
        let text = match mime.type_() {
            mime_guess::mime::TEXT => format!("{mime}; charset=utf-8"),
            _ => mime.to_string(),
        };
        set(&mut response, header::CONTENT_TYPE, &text);
        set(
            &mut response,
            header::CONTENT_LENGTH,
            &file.data.len().to_string(),
        );
        if let Some(encoding) = encoding {
            set(&mut response, header::CONTENT_ENCODING, encoding);
        }
        if method != Method::HEAD {
            *response.body_mut() = Body::from(file.data);
        }
    }
    set(&mut response, header::ETAG, &etag);
    set(&mut response, header::CACHE_CONTROL, "no-cache");
    set(&mut response, header::VARY, "accept-encoding");
    response
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn etag(hash: &[u8; 32]) -> String {
    let mut tag = String::from("\"");
    for byte in &hash[..12] {
        // Writing to a `String` does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag + "\""
}

/// Reports whether the client accepts the encoding (RFC 9110 12.5.3; a weight of zero refuses it).
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let refused = || {
                parts
                    .clone()
                    .filter_map(|part| part.strip_prefix("q="))
                    .any(|weight| weight.parse::<f32>().is_ok_and(|weight| weight == 0.0))
            };
            let refused = refused();
            parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case(encoding))
                && !refused
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_weight_of_zero_refuses_an_encoding() {
        assert!(accepts(&accepting("gzip, deflate, br"), "br"));
        assert!(accepts(&accepting("br;q=0.5"), "br"));
        assert!(!accepts(&accepting("gzip, br;q=0"), "br"));
        assert!(!accepts(&HeaderMap::new(), "br"));
    }

    #[test]
    fn missing_files_and_parent_paths_are_not_served() {
        for path in [
            "/",
            "/pkg/none.js",
            "/../Cargo.toml",
            "/pkg/../../x",
            "//etc/passwd",
        ] {
            assert!(
                serve(&Method::GET, path, &HeaderMap::new()).is_none(),
                "{path}"
            );
        }
    }
}
