//! The focus of the keyboard shortcuts. Rows have `data-row`, failed rows also `data-error`, and
//! the link of a row has `data-open`.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use web_sys::HtmlElement;

fn all(selector: &str) -> Vec<HtmlElement> {
    let Ok(found) = document().query_selector_all(selector) else {
        return Vec::new();
    };
    (0..found.length())
        .filter_map(|at| found.get(at)?.dyn_into::<HtmlElement>().ok())
        // A folded row has no box.
        .filter(|element| element.offset_height() > 0)
        .collect()
}

fn first(selector: &str) -> Option<HtmlElement> {
    all(selector).into_iter().next()
}

/// Reports whether keys belong to a field or an open dialog.
pub(super) fn is_typing() -> bool {
    let in_field = document().active_element().is_some_and(|active| {
        active
            .matches("input, select, textarea")
            .unwrap_or_default()
    });
    in_field || first("dialog[open]").is_some()
}

/// Removes the focus from the current field.
pub(super) fn leave_field() {
    let active = document()
        .active_element()
        .and_then(|at| at.dyn_into::<HtmlElement>().ok());
    let _ = active.map(|field| field.blur());
}

/// Focuses the first field of the filter. Reports whether there is one.
pub(super) fn focus_search() -> bool {
    first("[data-search]").is_some_and(|field| field.focus().is_ok())
}

/// Focuses the next or previous row. It starts from the focused row, else from the selected one.
pub(super) fn step(forward: bool) -> bool {
    let rows = all("[data-row]");
    let next = match (current(&rows), forward) {
        (None, true) => Some(0),
        (None, false) => rows.len().checked_sub(1),
        (Some(at), true) => Some(at + 1),
        (Some(at), false) => at.checked_sub(1),
    };
    next.and_then(|at| rows.get(at))
        .is_some_and(|row| focus_row(row, false))
}

/// Opens the next failed row. After the last one it continues with the first.
pub(super) fn next_error() -> bool {
    let rows = all("[data-row]");
    let from = current(&rows).map_or(0, |at| at + 1);
    let (before, after) = rows.split_at(from.min(rows.len()));
    let mut failed = after
        .iter()
        .chain(before)
        .filter(|row| row.has_attribute("data-error"));
    failed.next().is_some_and(|row| {
        let opens_page = row.has_attribute("data-page");
        focus_row(row, !opens_page)
    })
}

/// Closes the pane if one is open.
pub(super) fn close() -> bool {
    first("[data-close]").is_some_and(|link| {
        link.click();
        true
    })
}

fn current(rows: &[HtmlElement]) -> Option<usize> {
    let active = document().active_element();
    let active = active.and_then(|active| active.closest("[data-row]").ok().flatten());
    let is_active = |row: &HtmlElement| active.as_ref() == Some(row.as_ref());
    rows.iter()
        .position(is_active)
        .or_else(|| rows.iter().position(|row| row.class_list().contains("sel")))
}

fn focus_row(row: &HtmlElement, and_open: bool) -> bool {
    let link = row.query_selector("[data-open]").ok().flatten();
    let Some(link) = link.and_then(|link| link.dyn_into::<HtmlElement>().ok()) else {
        return false;
    };
    let is_focused = link.focus().is_ok();
    if and_open {
        link.click();
    }
    is_focused
}
