//! The scroll position of a user among the rows of a waterfall. It is kept when rows are added.
//!
//! Rows have `data-span`, and the link of a row has `data-open`.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use web_sys::{Element, HtmlElement};

/// A row, its distance from the top of the window, and whether it has the focus.
pub(crate) struct ScrollAnchor {
    span: String,
    top: f64,
    has_focus: bool,
}

impl ScrollAnchor {
    /// Returns the anchor: the focused row, else the first visible row of a scrolled page.
    pub(crate) fn take() -> Option<Self> {
        let active = document().active_element();
        let focused = active.and_then(|active| active.closest("[data-span]").ok().flatten());
        let has_focus = focused.is_some();
        let is_scrolled = || window().scroll_y().is_ok_and(|y| y > 0.0);
        let row = focused.or_else(|| is_scrolled().then(first_in_sight).flatten())?;
        Some(Self {
            span: row.get_attribute("data-span")?,
            top: row.get_bounding_client_rect().top(),
            has_focus,
        })
    }

    /// Scrolls the same row to the same distance after the new rows are drawn.
    pub(crate) fn put_back(self) {
        request_animation_frame(move || {
            let is_it = |row: &Element| row.get_attribute("data-span").as_ref() == Some(&self.span);
            let Some(row) = rows().find(is_it) else {
                return;
            };
            if self.has_focus {
                let link = row.query_selector("[data-open]").ok().flatten();
                let link = link.and_then(|link| link.dyn_into::<HtmlElement>().ok());
                let _ = link.map(|link| link.focus());
            }
            let moved = row.get_bounding_client_rect().top() - self.top;
            window().scroll_by_with_x_and_y(0.0, moved);
        });
    }
}

fn rows() -> impl Iterator<Item = Element> {
    let rows = document().query_selector_all("[data-span]").ok();
    let count = rows.as_ref().map_or(0, web_sys::NodeList::length);
    (0..count).filter_map(move |at| rows.as_ref()?.get(at)?.dyn_into().ok())
}

fn first_in_sight() -> Option<Element> {
    rows().find(|row| row.get_bounding_client_rect().bottom() > 0.0)
}
