//! The poll for the first trace while the store is empty.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use throughline_model::{Faults, ServiceList};

use super::results::Listed;
use crate::api::{ApiError, list_services, list_traces};
use crate::state::ListRequest;

/// The poll interval of an empty store.
const EVERY: Duration = Duration::from_secs(2);

/// Calls `found` in the browser when the first trace is stored. A page that lists traces, or
/// reports that none matches, does not poll.
pub(super) fn watch_for_first_trace(
    request: Memo<Result<ListRequest, Faults>>,
    list: Resource<Option<Result<Listed, ApiError>>>,
    services: Resource<Result<ServiceList, ApiError>>,
    found: impl Fn() + Copy + 'static,
) {
    // An effect never runs on the server. It runs again when a signal that it read has changed.
    Effect::new(move |_| {
        let is_listed =
            list.with(|list| !matches!(list, Some(Some(Ok(list))) if list.value.items.is_empty()));
        let is_known = services
            .with(|services| !matches!(services, Some(Ok(services)) if services.names.is_empty()));
        if is_listed || is_known {
            return;
        }
        let is_asking = StoredValue::new(false);
        // A service is known a moment before its first trace is committed. So the list is polled
        // once more before it is shown without that trace.
        let was_known = StoredValue::new(false);
        let ask = move || {
            let is_hidden = document().hidden();
            let Ok(ListRequest { filter, page }) = request.get_untracked() else {
                return;
            };
            if is_hidden || is_asking.try_get_value() != Some(false) {
                return;
            }
            is_asking.set_value(true);
            spawn_local(async move {
                // A failure proves nothing. The next poll tries again.
                let is_listed = list_traces(filter, page)
                    .await
                    .is_ok_and(|list| !list.value.items.is_empty());
                let is_known = list_services()
                    .await
                    .is_ok_and(|services| !services.names.is_empty());
                // Nothing to do if the page was left meanwhile.
                let Some(was_known_before) = was_known.try_get_value() else {
                    return;
                };
                is_asking.set_value(false);
                was_known.set_value(is_known);
                if is_listed || (is_known && was_known_before) {
                    found();
                }
            });
        };
        if let Ok(turns) = set_interval_with_handle(ask, EVERY) {
            on_cleanup(move || turns.clear());
        }
    });
}
