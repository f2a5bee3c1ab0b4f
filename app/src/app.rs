//! The routes of the panel and the frame around its pages.

use leptos::prelude::*;
use leptos_meta::{ServerMetaContext, Title, provide_meta_context};
use leptos_router::components::{Redirect, Route, Router, Routes};
use leptos_router::hooks::use_location;
use leptos_router::{SsrMode, path};

use crate::components::{KeyHelp, Nav};
use crate::pages::{LogsPage, LookupPage, NotFoundPage, StoragePage, TracePage, TracesPage};
use crate::state::ViewMemory;

/// Keeps and restores the views of history entries. Draws nothing.
#[component]
fn RememberedViews() -> impl IntoView {
    ViewMemory::follow(&use_location());
}

/// The control panel.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let is_server = use_context::<ServerMetaContext>().is_some();
    // `Async` mode: pages are sent complete, so they have the right status and need no JavaScript.
    view! {
        <Title formatter=move |title: String| page_title(&title, is_server) />
        <Router>
            <a class="skip" href="#main" rel="external">
                "Skip to content"
            </a>
            <RememberedViews />
            <div class="app">
                <Nav />
                <main id="main" tabindex="-1">
                    <Routes fallback=|| view! { <NotFoundPage /> }>
                        <Route
                            path=path!("/")
                            view=|| view! { <Redirect path="/traces" /> }
                            ssr=SsrMode::Async
                        />
                        <Route path=path!("/traces") view=TracesPage ssr=SsrMode::Async />
                        <Route path=path!("/traces/:id") view=TracePage ssr=SsrMode::Async />
                        <Route path=path!("/logs") view=LogsPage ssr=SsrMode::Async />
                        <Route path=path!("/lookup") view=LookupPage ssr=SsrMode::Async />
                        <Route path=path!("/storage") view=StoragePage ssr=SsrMode::Async />
                    </Routes>
                </main>
            </div>
            <KeyHelp />
        </Router>
    }
}

/// Returns the title of a page. `leptos_meta` writes it into the document as markup on the server,
/// and sets it as text in the browser. A title may contain a text of a sender.
fn page_title(title: &str, is_markup: bool) -> String {
    let title = if title.is_empty() {
        "Throughline".to_owned()
    } else {
        format!("{title} · Throughline")
    };
    if is_markup {
        title
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    } else {
        title
    }
}
