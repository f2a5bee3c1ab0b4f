//! A check whether a user reads the page, so that no content moves under the pointer.

use leptos::prelude::*;

/// The scroll distance from which a page counts as being read, in CSS pixels.
const SCROLLED_PX: f64 = 80.0;

/// Reports whether the page is scrolled or has an element that matches `selector`, which selects
/// hovered or focused elements.
pub(crate) fn is_under_way(selector: &str) -> bool {
    let is_read = document()
        .query_selector(selector)
        .is_ok_and(|read| read.is_some());
    let is_scrolled = window().scroll_y().is_ok_and(|y| y > SCROLLED_PX);
    is_read || is_scrolled
}
