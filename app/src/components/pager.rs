//! The links to the newer and older pages of a list.

use leptos::prelude::*;
use throughline_model::Utc;

use crate::state::{PageLinks, Searched};

/// Two links, and the progress of a search. A list of one page has neither.
#[component]
pub(crate) fn Pager(
    /// The links of the page.
    links: PageLinks,
) -> impl IntoView {
    let PageLinks {
        newer,
        older,
        searched,
    } = links;
    let link = |href: Option<String>, rel, label| {
        href.map(|href| {
            view! {
                <a class="btn" href=href rel=rel>
                    {label}
                </a>
            }
        })
    };
    let has_links = newer.is_some() || older.is_some();
    let links = has_links.then(|| {
        view! {
            <nav class="pager" aria-label="Pages of the list">
                {link(newer, "prev", "← Newer")}
                <span class="gap"></span>
                {link(older, "next", "Older →")}
            </nav>
        }
    });
    let searched = searched.map(|searched| {
        view! {
            <p class="searched">
                <span>{how_far(&searched)}</span>
                <Continue searched />
            </p>
        }
    });
    view! {
        {searched}
        {links}
    }
    .into_any()
}

/// Describes the progress of a search.
pub(crate) fn how_far(searched: &Searched) -> String {
    let way = if searched.is_backwards {
        "back"
    } else {
        "forward"
    };
    let to = Utc::from(searched.to);
    format!(
        "Searched {way} to {} {} UTC. Nothing beyond that time has been searched.",
        to.date(),
        to.time_of_day()
    )
}

/// The link that continues a search.
#[component]
pub(crate) fn Continue(
    /// The search.
    searched: Searched,
) -> impl IntoView {
    let rel = if searched.is_backwards {
        "next"
    } else {
        "prev"
    };
    view! {
        <a class="btn primary" href=searched.href rel=rel data-continue>
            "Continue the search"
        </a>
    }
    .into_any()
}
