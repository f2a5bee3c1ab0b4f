//! Buttons that put a text on the clipboard.

use leptos::prelude::*;

use super::{Glyph, Icon};

/// Puts `text` on the clipboard; where the browser forbids it, nothing happens.
pub(crate) fn copy_text(text: &str) {
    // The promise settles by itself: there is nothing to do when the browser refuses.
    let _ = window().navigator().clipboard().write_text(text);
}

/// A button that copies `text` and says so for a moment. Hidden where there is no script.
#[component]
pub(crate) fn CopyButton(
    /// What is copied.
    #[prop(into)]
    text: String,
    /// What it is, for the tool tip and screen readers: `trace id`.
    #[prop(into)]
    what: String,
    /// A word beside the icon.
    #[prop(optional)]
    label: &'static str,
) -> impl IntoView {
    // Counted: the button may be taken away while it says so.
    let copied = ArcRwSignal::new(false);
    let is_copied = copied.clone();
    let title = format!("Copy {what}");
    // A word on the button is its name; the icon alone needs one.
    let name = label.is_empty().then(|| title.clone());
    let copy = move |_| {
        copy_text(&text);
        copied.set(true);
        let copied = copied.clone();
        set_timeout(
            move || copied.set(false),
            core::time::Duration::from_millis(1_500),
        );
    };
    view! {
        <button
            type="button"
            class="copy"
            class:copied=is_copied
            title=title
            aria-label=name
            on:click=copy
        >
            <Icon glyph=Glyph::Copy />
            {(!label.is_empty()).then_some(label)}
        </button>
    }
}
