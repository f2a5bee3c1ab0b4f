//! The view of each history entry: scroll position, focused row, folded rows, live mode.
//!
//! The view is in `history.state`, which survives a reload and "back" and belongs to one entry.

use leptos::prelude::*;
use leptos::wasm_bindgen::closure::Closure;
use leptos::wasm_bindgen::{JsCast as _, JsValue};
use leptos_router::hooks::use_location;
use leptos_router::location::Location;
use serde::{Deserialize, Serialize};
use throughline_wire::{SpanId, UnixNanos};
use web_sys::{Element, HtmlElement};

/// The interval at which a restored page is checked for its content.
const LOOK_EVERY: core::time::Duration = core::time::Duration::from_millis(50);
/// The number of checks after which the page is scrolled as far as it goes.
const MAX_LOOKS: u32 = 60;
/// The delay after the last scroll event before the position is stored. Browsers limit the rate.
const SETTLED: core::time::Duration = core::time::Duration::from_millis(200);
/// The maximum number of folded rows that are stored.
const MAX_FOLDED: usize = 1_000;

/// The identity of a row, independent of its position: it stays the same when the trace is read
/// again. The row of a missing parent has no start.
pub(super) type FoldedRow = (SpanId, Option<UnixNanos>);

/// The state of a page that is not in its URL.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct View {
    /// The scroll position, in CSS pixels.
    scroll_y: f64,
    /// The address in the focused row's link.
    focused: Option<String>,
    /// The folded rows of a waterfall.
    pub(crate) folded: Vec<FoldedRow>,
    /// True if the list follows the stream.
    pub(crate) is_live: bool,
}

impl View {
    /// Returns the view in `history.state`. `None` for a new entry.
    fn read() -> Option<Self> {
        let state = window().history().ok()?.state().ok()?;
        serde_json::from_str(&state.as_string()?).ok()
    }

    /// Stores the view in the current entry.
    fn write(&self) {
        let Ok(text) = serde_json::to_string(self) else {
            return;
        };
        if let Ok(history) = window().history() {
            // Fails if a browser limits the rate. Then the last stored view stays.
            let _ = history.replace_state(&JsValue::from_str(&text), "");
        }
    }

    /// Changes the stored view.
    fn change(change: impl FnOnce(&mut Self)) {
        let stored = Self::read();
        let mut view = stored.clone().unwrap_or_default();
        change(&mut view);
        // Browsers limit how often an entry is replaced.
        if stored.as_ref() != Some(&view) {
            view.write();
        }
    }
}

/// Returns a function for effects of a page. It returns the view that the page restores, and `None`
/// if the page was opened by a link.
pub(crate) fn restored_view() -> impl Fn() -> Option<View> + Copy + Send + Sync + 'static {
    let is_settled = is_settled(&use_location());
    move || if is_settled() { View::read() } else { None }
}

/// Returns a function that reports whether the router shows the page of the current history entry.
/// While the router prepares a page that was opened by a link, `history.state` still belongs to the
/// last one.
fn is_settled(location: &Location) -> impl Fn() -> bool + Copy + Send + Sync + 'static + use<> {
    let (pathname, search) = (location.pathname, location.search);
    move || {
        let shown = window().location();
        let (path, search) = (pathname.get_untracked(), search.get_untracked());
        shown.pathname().is_ok_and(|is| is == path)
            && shown
                .search()
                .is_ok_and(|is| is.trim_start_matches('?') == search)
    }
}

/// The scroll position and focus that are being restored after a reload or "back". Cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct ViewMemory(StoredValue<Option<View>>);

impl ViewMemory {
    /// Keeps the scroll position and the focus of the current entry up to date, and restores them
    /// after a reload or "back".
    ///
    /// # Server-Side Rendering
    /// On the server nothing happens.
    pub(crate) fn follow(location: &Location) {
        let memory = Self(StoredValue::new(None));
        let is_settled = is_settled(location);
        Effect::new(move || {
            memory.restore(is_settled);
            let scrolls = StoredValue::new(0_u32);
            let save = move || {
                if memory.0.with_value(Option::is_none) && is_settled() {
                    View::change(|view| {
                        view.scroll_y = window().scroll_y().unwrap_or_default();
                        view.focused = focused_row();
                    });
                }
            };
            on_popstate_first(move || memory.restore(is_settled));
            let listeners = [
                // Before the click or key that leaves the page.
                window_event_listener_untyped("pointerdown", move |_| {
                    memory.forget();
                    save();
                }),
                window_event_listener_untyped("keydown", move |_| {
                    memory.forget();
                    save();
                }),
                window_event_listener_untyped("wheel", move |_| memory.forget()),
                window_event_listener_untyped("pagehide", move |_| save()),
                window_event_listener_untyped("scroll", move |_| {
                    let this = scrolls.get_value().wrapping_add(1);
                    scrolls.set_value(this);
                    set_timeout(
                        move || {
                            if scrolls.try_get_value() == Some(this) {
                                save();
                            }
                        },
                        SETTLED,
                    );
                }),
            ];
            on_cleanup(move || listeners.into_iter().for_each(WindowListenerHandle::remove));
        });
    }

    /// Stores the folded rows.
    pub(crate) fn keep_folded(folded: impl Iterator<Item = FoldedRow>) {
        View::change(|view| view.folded = folded.take(MAX_FOLDED).collect());
    }

    /// Stores whether the list follows the stream.
    pub(crate) fn keep_live(is_live: bool) {
        View::change(|view| view.is_live = is_live);
    }

    fn forget(self) {
        self.0.set_value(None);
    }

    /// Begins to restore the view of the current entry. `is_settled` reports whether the router shows
    /// the page of this entry.
    fn restore(self, is_settled: impl Fn() -> bool + Copy + 'static) {
        let view = View::read();
        self.0.set_value(view.clone());
        if let Some(view) = view {
            self.look(view, 0, is_settled);
        }
    }

    /// Scrolls once the page is long enough. Stops when the user acts first.
    fn look(self, view: View, looks: u32, is_settled: impl Fn() -> bool + Copy + 'static) {
        set_timeout(
            move || {
                if self.0.try_get_value().flatten().as_ref() != Some(&view) {
                    return;
                }
                let is_ready = is_settled()
                    && !is_loading()
                    && lowest_scroll_y() >= view.scroll_y
                    && view
                        .focused
                        .as_deref()
                        .is_none_or(|row| find(row).is_some());
                if !is_ready && looks < MAX_LOOKS {
                    self.look(view, looks + 1, is_settled);
                    return;
                }
                if let Some(row) = view.focused.as_deref().and_then(find) {
                    let _ = row.focus();
                }
                window().scroll_to_with_x_and_y(0.0, view.scroll_y);
                self.forget();
            },
            LOOK_EVERY,
        );
    }
}

/// Calls `on_popstate` before the router shows the page, which asks for its view at once. The
/// listener stays as long as the document, as the panel does.
fn on_popstate_first(on_popstate: impl Fn() + 'static) {
    let listener = Closure::<dyn Fn()>::new(on_popstate);
    let callback = listener.as_ref().unchecked_ref();
    // Cannot fail, because the listener is a function.
    let _ = window().add_event_listener_with_callback_and_bool("popstate", callback, true);
    listener.forget();
}

/// Returns the address in the link of the focused row.
fn focused_row() -> Option<String> {
    let row = document().active_element()?;
    let row = row.closest("[data-row]").ok()??;
    let link = row.query_selector("[data-open]").ok()??;
    link.get_attribute("href")
}

/// Returns the link of the row with this address.
fn find(href: &str) -> Option<HtmlElement> {
    let links = document()
        .query_selector_all("[data-row] [data-open]")
        .ok()?;
    let mut links = (0..links.length()).filter_map(|at| links.get(at)?.dyn_into::<Element>().ok());
    let link = links.find(|link| link.get_attribute("href").as_deref() == Some(href))?;
    link.dyn_into().ok()
}

/// Reports whether a part of the page shows its placeholder.
fn is_loading() -> bool {
    let placeholder = document().query_selector(".loading");
    placeholder.is_ok_and(|placeholder| placeholder.is_some())
}

/// Returns the largest scroll position that the page allows.
fn lowest_scroll_y() -> f64 {
    let height = document()
        .document_element()
        .map_or(0, |root| root.scroll_height());
    let window = window().inner_height().ok();
    f64::from(height)
        - window
            .and_then(|height| height.as_f64())
            .unwrap_or_default()
}
