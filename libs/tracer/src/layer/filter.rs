//! Selects the `tracing` spans and events of the layer, independent of the other layers.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

use super::statement;

/// A filter by level. The statements of sqlx have a switch of their own, because sqlx logs them at
/// `DEBUG`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The most detailed level recorded.
    pub(crate) level: LevelFilter,
    /// True if statements become spans.
    pub(crate) statements: bool,
}

impl Wanted {
    /// The filter of a tracer that is off.
    pub(crate) const NOTHING: Self = Self {
        level: LevelFilter::OFF,
        statements: false,
    };

    fn wants(self, metadata: &Metadata<'_>) -> bool {
        // sqlx first calls `enabled!`, which is neither a span nor an event, so check only the
        // target.
        if metadata.target() == statement::TARGET {
            return self.statements && *metadata.level() <= Level::DEBUG;
        }
        *metadata.level() <= self.level
    }
}

impl<S: Subscriber> Filter<S> for Wanted {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.statements {
            self.level.max(LevelFilter::DEBUG)
        } else {
            self.level
        })
    }
}
