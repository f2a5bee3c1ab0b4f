//! Spans whose values differ like those of an application, so that they compress like real spans.

use super::super::plan::{Draw, Plan};
use super::{SpanText, Value, text};

const ROUTES: u64 = 1_440;
const WORDS: u64 = 4_000;
const USERS: u64 = 20_000;

/// Returns the word of this number: 4 to 9 letters, always the same.
fn word(number: u64) -> String {
    let mut letters = Draw::seeded(number);
    let len = 4 + letters.below(6);
    (0..len)
        .map(|_| char::from(b'a' + letters.below(26) as u8))
        .collect()
}

fn words(count: usize, separator: &str, draw: &mut Draw) -> String {
    let words: Vec<String> = (0..count).map(|_| word(draw.below(WORDS))).collect();
    words.join(separator)
}

/// Returns the span at index `at` of a request.
pub(super) fn span(at: u64, draw: &mut Draw) -> SpanText {
    let route = draw.below(ROUTES);
    let path = format!("/{}/{}", word(route), word(ROUTES + route));
    let is_error = draw.below(50) == 0;
    let query = format!(
        "SELECT {} FROM {} WHERE id = $1",
        words(4, ", ", draw),
        words(1, "", draw)
    );
    let wide = |draw: &mut Draw| draw.below(u64::MAX);
    let attributes = vec![
        ("http.request.method", text("GET")),
        ("http.route", text(format!("{path}/{{id}}"))),
        (
            "url.path",
            text(format!("{path}/{}", draw.below(1_000_000))),
        ),
        ("user.id", text(format!("u-{}", draw.below(USERS)))),
        (
            "session.id",
            text(format!("{:016x}{:016x}", wide(draw), wide(draw))),
        ),
        ("db.query.text", text(query)),
        (
            "server.address",
            text(format!("10.0.{}.{}", draw.below(12), draw.below(200))),
        ),
        ("request.id", text(format!("{:016x}", wide(draw)))),
        (
            "http.response.status_code",
            Value::Int(if is_error { 500 } else { 200 }),
        ),
        (
            "http.response.body.size",
            Value::Int(draw.below(100_000) as i64),
        ),
        ("thread.id", Value::Int(draw.below(64) as i64)),
    ];
    SpanText {
        name: format!("GET {path}/{{id}}"),
        kind: (2 + at % 2) as u8,
        is_error,
        is_root: Plan::is_root(at),
        attributes,
        events: Vec::new(),
    }
}
