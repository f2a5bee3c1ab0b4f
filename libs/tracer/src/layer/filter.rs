//! Which `tracing` spans and events the layer sees, whatever the other layers print.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

use super::statement;

/// Spans and events by level, and the statements of sqlx, which it logs at `DEBUG`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The most detailed level recorded.
    pub(crate) level: LevelFilter,
    /// Whether statements become spans.
    pub(crate) statements: bool,
}

impl Wanted {
    /// What a tracer that is off wants.
    pub(crate) const NOTHING: Self = Self {
        level: LevelFilter::OFF,
        statements: false,
    };

    fn wants(self, metadata: &Metadata<'_>) -> bool {
        // sqlx asks `enabled!` first, which is neither span nor event: go by target alone.
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
