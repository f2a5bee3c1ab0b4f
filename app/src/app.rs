//! The routes of the panel and the frame around its pages.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{Redirect, Route, Router, Routes};
use leptos_router::hooks::use_location;
use leptos_router::{SsrMode, path};

use crate::components::{KeyHelp, Nav};
use crate::pages::{LookupPage, NotFoundPage, StoragePage, TracePage, TracesPage};
use crate::state::ViewMemory;

/// Keeps and restores the views of history entries. Draws nothing.
#[component]
fn RememberedViews(memory: ViewMemory) -> impl IntoView {
    memory.follow(&use_location());
}

/// The control panel.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let memory = ViewMemory::provide();
    // `Async` mode: pages are sent complete, so they have the right status and need no JavaScript.
    view! {
        <Title formatter=|title: String| {
            if title.is_empty() { "Throughline".to_owned() } else { format!("{title} · Throughline") }
        } />
        <Router>
            <a class="skip" href="#main" rel="external">
                "Skip to content"
            </a>
            <RememberedViews memory />
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
                        <Route path=path!("/lookup") view=LookupPage ssr=SsrMode::Async />
                        <Route path=path!("/storage") view=StoragePage ssr=SsrMode::Async />
                    </Routes>
                </main>
            </div>
            <KeyHelp />
        </Router>
    }
}
