//! The route that resolves a reference to traces.

use axum::Json;
use axum::extract::{RawQuery, State};
use throughline_model::{Faults, Lookup, PageRequest, Reference};

use super::Reader;
use super::query::pairs_of;
use crate::problem::Problem;

/// `GET /api/admin/search?q=`: returns the matches of a trace id, a span id, a `traceparent`, a
/// session or the value of an indexed attribute. A search without a match is also a success: the
/// response lists where it searched. `after` continues a search that stopped early.
pub(super) async fn search(
    State(reader): State<Reader>,
    query: RawQuery,
) -> Result<Json<Lookup>, Problem> {
    let [limit, after, before] = PageRequest::KEYS;
    let pairs = pairs_of(&query, &["q", limit, after, before])?;
    let last = |name: &str| {
        let mut newest_first = pairs.iter().rev();
        let found = newest_first.find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let mut faults = Faults::default();
    let page = PageRequest::from_query(last, &mut faults);
    let reference = Reference::parse(last("q").unwrap_or_default());
    let reference = faults.take(reference.map_err(|fault| format!("q: {fault}")));
    let page = faults
        .or(page)
        .map_err(|faults| Problem::bad_request(faults.to_string()))?;
    match reference {
        Some(reference) => Ok(Json(reader.lookup(&reference, page).await?)),
        // An invalid reference was reported above.
        None => Err(Problem::bad_request(
            "q is empty; give an id or a text to look up",
        )),
    }
}
