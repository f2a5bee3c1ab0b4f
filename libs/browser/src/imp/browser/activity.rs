//! The activities of a page that new spans belong to: the current interaction and the page view.

use super::Open;
use crate::rules::idle::IdleDetector;

/// The time for which a page view is the parent of work without a click, in ms.
const PAGE_WINDOW_MS: f64 = 600e3;

/// A click or submit and the work that it caused. It is the root span of its trace.
pub(super) struct Interaction {
    pub(super) root: Open,
    /// The submit that the click caused.
    pub(super) submit: Option<Open>,
    pub(super) idle: IdleDetector,
    /// True if the interaction is sent even when it caused nothing.
    pub(super) certain: bool,
}

impl Interaction {
    /// Returns the span that new work of this interaction belongs to.
    pub(super) fn innermost(&self) -> Open {
        self.submit.unwrap_or(self.root)
    }
}

/// The page view that is shown.
pub(super) struct Page {
    pub(super) open: Open,
    pub(super) idle: IdleDetector,
    /// True if its span has ended. The page view stays the parent of work without a click.
    pub(super) ended: bool,
    pub(super) began_ms: f64,
    pub(super) path: String,
}

impl Page {
    pub(super) fn takes_children(&self, now_ms: f64) -> bool {
        now_ms - self.began_ms < PAGE_WINDOW_MS
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}
