//! Buttons that copy text to the clipboard.

use leptos::prelude::*;

use super::{Glyph, Icon, visible};

/// Copies `text` to the clipboard. Does nothing if the browser forbids it.
pub(crate) fn copy_text(text: &str) {
    // The promise is ignored: nothing can be done if the browser refuses.
    let _ = window().navigator().clipboard().write_text(text);
}

/// A button that copies `text` and confirms it for a moment. Hidden without script.
#[component]
pub(crate) fn CopyButton(
    /// The text to copy.
    #[prop(into)]
    text: String,
    /// The name of the text, for the tooltip and screen readers: `trace id`.
    #[prop(into)]
    what: String,
    /// A label next to the icon.
    #[prop(optional)]
    label: &'static str,
) -> impl IntoView {
    // Reference-counted, because the button may be removed while it shows the confirmation.
    let copied = ArcRwSignal::new(false);
    let is_copied = copied.clone();
    let title = format!("Copy {}", visible(&what));
    // A labelled button needs no other name. The icon alone does.
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
