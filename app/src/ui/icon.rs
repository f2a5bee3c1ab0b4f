//! Icons in the colour of the surrounding text.

use leptos::prelude::*;

/// The logo and the name.
#[component]
pub(crate) fn Brand() -> impl IntoView {
    view! {
        <svg
            width="22"
            height="22"
            viewBox="0 0 22 22"
            fill="none"
            stroke="currentColor"
            stroke-width="2"
            stroke-linecap="round"
            aria-hidden="true"
        >
            <path d="M2 6h6c3 0 3 10 6 10h6" />
            <circle cx="8" cy="6" r="1.6" fill="currentColor" />
            <circle cx="14" cy="16" r="1.6" fill="currentColor" />
        </svg>
        "Throughline"
    }
}

/// The drawing of an [`Icon`].
#[derive(Clone, Copy)]
pub(crate) enum Glyph {
    /// A screen.
    System,
    /// A sun.
    Light,
    /// A moon.
    Dark,
    /// A chevron that points down. CSS rotates it when closed.
    Chevron,
    /// Two sheets.
    Copy,
    /// A cross.
    Close,
}

impl Glyph {
    const fn path(self) -> &'static str {
        match self {
            Self::System => "M2.5 3h11v7.5h-11zM6 13.5h4M8 10.5v3",
            Self::Light => {
                "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1"
            }
            Self::Dark => "M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z",
            Self::Chevron => "M4 6l4 4 4-4",
            Self::Copy => "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
            Self::Close => "M4 4l8 8M12 4l-8 8",
        }
    }
}

/// A 16-pixel icon. It is hidden from screen readers, so its button needs a label.
#[component]
pub(crate) fn Icon(
    /// The drawing.
    glyph: Glyph,
) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d=glyph.path() />
        </svg>
    }
}
