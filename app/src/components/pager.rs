//! The ways to the newer and older pages of a list.

use leptos::prelude::*;
use throughline_model::{Direction, Page};

use crate::state::ListRequest;

/// Two links; a list of one page has none.
#[component]
pub(crate) fn Pager<T: 'static>(
    /// The list as asked for.
    request: ListRequest,
    /// The page shown.
    page: Page<T>,
) -> impl IntoView {
    let link = |direction, cursor: Option<_>, rel, label| {
        cursor.map(|cursor| {
            let href = request.page_href(direction, cursor);
            view! {
                <a class="btn" href=href rel=rel>
                    {label}
                </a>
            }
        })
    };
    let newer = link(Direction::Before, page.before, "prev", "← Newer");
    let older = link(Direction::After, page.after, "next", "Older →");
    (newer.is_some() || older.is_some()).then(|| {
        view! {
            <nav class="pager" aria-label="Pages of the list">
                {newer}
                <span class="gap"></span>
                {older}
            </nav>
        }
        .into_any()
    })
}
