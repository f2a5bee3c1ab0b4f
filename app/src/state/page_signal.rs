//! Signals that pages own.

use core::ops::Deref;

use leptos::prelude::*;

use crate::context::PanelContext;

/// A signal that event handlers and effects write. Cheap to copy.
///
/// A component must not write it while it renders: the write would change what was rendered before
/// it, and on the server nothing is rendered twice. Server and browser render by the same code, so
/// a debug build panics on the server, which runs neither event handlers nor effects.
pub(crate) struct PageSignal<T: Send + Sync + 'static>(RwSignal<T>);

impl<T: Send + Sync + 'static> PageSignal<T> {
    /// Creates the signal.
    pub(crate) fn new(value: T) -> Self {
        Self(RwSignal::new(value))
    }

    /// Replaces the value.
    pub(crate) fn set(self, value: T) {
        refuse_in_render();
        self.0.set(value);
    }

    /// Replaces the value, unless the page was left.
    pub(crate) fn try_set(self, value: T) {
        refuse_in_render();
        let _ = self.0.try_set(value);
    }

    /// Changes the value, unless the page was left.
    pub(crate) fn try_update<O>(self, change: impl FnOnce(&mut T) -> O) -> Option<O> {
        refuse_in_render();
        self.0.try_update(change)
    }
}

fn refuse_in_render() {
    debug_assert!(
        use_context::<PanelContext>().is_none(),
        "a component writes a signal while it renders"
    );
}

impl<T: Send + Sync + 'static> Clone for PageSignal<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for PageSignal<T> {}

/// Reads the signal.
impl<T: Send + Sync + 'static> Deref for PageSignal<T> {
    type Target = RwSignal<T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use throughline_testkit::{FakeReader, FakeRetentionAdmin, NOW};

    use super::*;
    use crate::context::{Clock, ServerInfo, SetStatus};

    #[test]
    #[should_panic(expected = "writes a signal while it renders")]
    fn a_write_while_the_server_renders_is_refused() {
        let owner = Owner::new();
        owner.set();
        let signal = PageSignal::new(0);
        signal.set(1);
        assert_eq!(
            signal.get_untracked(),
            1,
            "outside of a render it is written"
        );
        PanelContext {
            reader: FakeReader::new(Vec::new()).shared(),
            retention_admin: FakeRetentionAdmin::empty().shared(),
            clock: Clock(Arc::new(|| NOW)),
            set_status: SetStatus(Arc::new(|_| {})),
            server: ServerInfo {
                endpoint: String::new(),
                otlp_endpoint: String::new(),
                otlp_grpc_endpoint: None,
                zipkin_endpoint: None,
            },
        }
        .provide();
        signal.set(2);
    }
}
