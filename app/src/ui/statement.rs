//! A SQL statement with syntax highlighting.

use super::visible;
use leptos::prelude::*;
use throughline_viz::{SqlPart, highlight_sql};

/// The longest statement with highlighting, in bytes. A longer one would create thousands of
/// elements.
const COLOURED_BYTES: usize = 16_384;

/// The statement in its own block.
#[component]
pub(crate) fn Statement(
    /// The text of the statement.
    text: String,
) -> impl IntoView {
    let parts = if text.len() > COLOURED_BYTES {
        vec![SqlPart::Plain(&text)]
    } else {
        highlight_sql(&text)
    };
    let parts: Vec<_> = parts
        .into_iter()
        .map(|part| match part {
            SqlPart::Plain(text) => visible(text).into_any(),
            SqlPart::Keyword(text) => coloured("k", text),
            SqlPart::Literal(text) => coloured("s", text),
            SqlPart::Number(text) => coloured("n", text),
        })
        .collect();
    view! {
        <pre class="code" tabindex="0" aria-label="statement">
            {parts}
        </pre>
    }
    .into_any()
}

fn coloured(class: &'static str, text: &str) -> AnyView {
    view! { <span class=class>{visible(text)}</span> }.into_any()
}
