//! Query strings, parsed and written in the same way on both sides.
//!
//! The router's own map decodes twice: `%2525` would lose a level. So pages parse the raw text.

use std::borrow::Cow;

/// Parses a query string, with or without its `?`, into decoded pairs. Invalid escapes stay
/// unchanged.
pub(crate) fn parse(search: &str) -> Vec<(String, String)> {
    search
        .trim_start_matches('?')
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let bytes = urlencoding::decode_binary(spaced.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Formats `path?key=value&...`. Returns just the path if there is no pair.
pub(crate) fn href<K: AsRef<str>, V: AsRef<str>>(
    path: &str,
    pairs: impl IntoIterator<Item = (K, V)>,
) -> String {
    let mut href = path.to_owned();
    for (at, (key, value)) in pairs.into_iter().enumerate() {
        href.push(if at == 0 { '?' } else { '&' });
        href.push_str(&encode(key.as_ref()));
        href.push('=');
        href.push_str(&encode(value.as_ref()));
    }
    href
}

fn encode(text: &str) -> Cow<'_, str> {
    urlencoding::encode(text)
}

/// Returns the last value of `key` that is not empty.
pub(crate) fn last<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let values = pairs.iter().rev().filter(|(known, _)| known == key);
    values
        .map(|(_, value)| value.trim())
        .find(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let pairs = [
            ("user", "100% a&b=c+d é"),
            ("operation", "GET /x?%41"),
            ("empty", ""),
        ];
        let href = href("/traces", pairs);
        let read = parse(href.trim_start_matches("/traces"));
        let read: Vec<_> = read.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(read, pairs);
    }

    #[test]
    fn any_text_is_a_query() {
        assert_eq!(parse("?a=%zz&&=&b&%ff=1+2").len(), 4);
        assert_eq!(parse(""), []);
        assert_eq!(last(&parse("a=1&a=2&a="), "a"), Some("2"));
    }
}
