//! Whether somebody reads: nothing is moved under a reader's hand.

use leptos::prelude::*;

/// A page scrolled further than this is being read.
const SCROLLED_PX: f64 = 80.0;

/// Whether the page is scrolled, or has an element of `selector`, which says what stands under the
/// pointer or has the focus.
pub(crate) fn is_under_way(selector: &str) -> bool {
    let is_read = document()
        .query_selector(selector)
        .is_ok_and(|read| read.is_some());
    let is_scrolled = window().scroll_y().is_ok_and(|y| y > SCROLLED_PX);
    is_read || is_scrolled
}
