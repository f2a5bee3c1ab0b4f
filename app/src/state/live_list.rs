//! The live list of traces: the news since the list was read, and the state of the stream.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use throughline_model::query::href;
use throughline_model::{Faults, LiveLag, LiveTraces, PageRequest, TraceFilter, TraceSummary};
use throughline_wire::UnixNanos;

use super::event_stream::listen_to_events;
use super::list_news::{News, merge};
use super::view_memory::restored_view;
use super::{ListRequest, PageSignal, ViewMemory, user_reading};
use crate::api::list_traces;

/// The interval at which the list checks whether held news may be shown.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The selector that matches while the list has the pointer or the focus.
const BEING_READ: &str = ".list:is(:hover, :focus-within)";

/// The state of the event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamState {
    /// The stream is turned off.
    Off,
    /// The stream is being opened, for the first time or again.
    Connecting,
    /// The stream reports every commit.
    Live,
    /// The stream skipped this many changes. The list is being read again.
    Lagging(u64),
}

/// The live list of a page: the news since the list was read, and the state of the stream. The rows
/// are derived from the list and the news. Cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct LiveList {
    /// The request in the URL.
    request: Memo<Result<ListRequest, Faults>>,
    /// The news that is shown.
    shown: PageSignal<News>,
    /// The news that is not shown yet.
    held: PageSignal<News>,
    /// The server time of the newest news.
    news_at: PageSignal<UnixNanos>,
    /// The state of the stream.
    pub(crate) stream_state: PageSignal<StreamState>,
    /// True if news is held until the user releases it.
    pub(crate) is_paused: PageSignal<bool>,
}

impl LiveList {
    /// Creates the state without news, with the stream off.
    pub(crate) fn new(request: Memo<Result<ListRequest, Faults>>) -> Self {
        Self {
            request,
            shown: PageSignal::new(News::default()),
            held: PageSignal::new(News::default()),
            news_at: PageSignal::new(UnixNanos::new(0)),
            stream_state: PageSignal::new(StreamState::Off),
            is_paused: PageSignal::new(false),
        }
    }

    /// Returns the rows: those that were read for `request`, and the news for it.
    pub(crate) fn rows(self, request: &ListRequest, read: &[TraceSummary]) -> Vec<TraceSummary> {
        self.shown.with(|shown| match shown.of(request) {
            [] => read.to_vec(),
            news => merge(read, news, request.page.limit),
        })
    }

    /// Returns the current server time, as far as it is known. `read_at` is the time of the read.
    pub(crate) fn now(self, read_at: UnixNanos) -> UnixNanos {
        self.news_at.get().max(read_at)
    }

    /// Returns the number of traces that are not shown yet.
    pub(crate) fn held_count(self) -> usize {
        self.request.with(|request| match request {
            Ok(request) => self.held.with(|held| held.of(request).len()),
            Err(_) => 0,
        })
    }

    /// Reports whether the stream is turned on.
    pub(crate) fn is_on(self) -> bool {
        self.stream_state.get() != StreamState::Off
    }

    /// Turns the stream on or off.
    pub(crate) fn switch(self) {
        let is_on = self.stream_state.get_untracked() != StreamState::Off;
        self.turn(!is_on);
        ViewMemory::keep_live(!is_on);
    }

    fn turn(self, is_on: bool) {
        self.is_paused.set(false);
        self.stream_state.set(if is_on {
            StreamState::Connecting
        } else {
            StreamState::Off
        });
    }

    /// Holds news from now on, or shows it again.
    pub(crate) fn pause_or_resume(self) {
        let is_paused = !self.is_paused.get_untracked();
        self.is_paused.set(is_paused);
        if !is_paused {
            self.release();
        }
    }

    /// Shows the held news.
    pub(crate) fn release(self) {
        let held = self.held.try_update(core::mem::take).unwrap_or_default();
        if let Some(request) = &held.request
            && !held.traces.is_empty()
        {
            self.shown
                .try_update(|shown| shown.add(request, &held.traces));
        }
    }

    /// Follows the traces that match the request while the page exists and the switch is on. Calls
    /// `found` when a trace arrives while `is_empty` says that the list is empty.
    pub(crate) fn follow(
        self,
        is_empty: impl Fn() -> bool + Copy + 'static,
        found: impl Fn() + Copy + 'static,
    ) {
        let restored = restored_view();
        // A reload and "back" turn the stream on again.
        Effect::new(move |_| {
            if restored().is_some_and(|view| view.is_live) {
                self.turn(true);
            }
        });
        let is_on = Memo::new(move |_| self.is_on());
        let hear = move |traces: &[TraceSummary], now| {
            if is_empty() {
                found();
            } else {
                self.hear(traces, now);
            }
        };
        let filter = move || {
            let request = self.request.get().ok()?;
            request.page.from.is_none().then_some(request.filter)
        };
        let url = move || {
            filter()
                .filter(|_| is_on.get())
                .map(|filter| live_href(&filter))
        };
        let names = &["listening", "reconnecting", "traces", "lag"];
        listen_to_events(url, names, move |name, data| match name {
            "listening" => self.catch_up(hear),
            "traces" => {
                if let Ok(LiveTraces { now, traces, .. }) = serde_json::from_str(&data) {
                    hear(&traces, now);
                }
            }
            "lag" => {
                let missed = serde_json::from_str(&data).map_or(0, |lag: LiveLag| lag.missed);
                let before = match self.stream_state.get_untracked() {
                    StreamState::Lagging(before) => before,
                    _ => 0,
                };
                self.stream_state.set(StreamState::Lagging(before + missed));
                if before == 0 {
                    set_timeout(move || self.catch_up(hear), Duration::from_secs(1));
                }
            }
            _ => self.stream_state.set(StreamState::Connecting),
        });
        Effect::new(move |_| {
            if !is_on.get() {
                self.release();
                return;
            }
            let look = move || {
                let is_held = |held: &News| !held.traces.is_empty();
                if self.held.try_with_untracked(is_held) == Some(true) && self.may_move() {
                    self.release();
                }
            };
            if let Ok(turns) = set_interval_with_handle(look, LOOK_EVERY) {
                on_cleanup(move || turns.clear());
            }
        });
    }

    fn hear(self, traces: &[TraceSummary], now: UnixNanos) {
        let Ok(request) = self.request.get_untracked() else {
            return;
        };
        self.held.try_update(|held| held.add(&request, traces));
        self.news_at.set(now);
        if self.may_move() {
            self.release();
        }
    }

    /// Reads the list once more. It contains the commits that the stream missed.
    fn catch_up(self, hear: impl Fn(&[TraceSummary], UnixNanos) + 'static) {
        let Some(Ok(ListRequest { filter, page })) = self.request.try_get_untracked() else {
            return;
        };
        spawn_local(async move {
            let Ok(list) = list_traces(filter, page).await else {
                // The list stays behind and shows so, until the next gap or a manual reload.
                return;
            };
            // Nothing to do if the page was left or the switch was turned off meanwhile.
            let is_on = self.stream_state.try_get_untracked();
            if is_on.is_none_or(|stream_state| stream_state == StreamState::Off) {
                return;
            }
            self.stream_state.set(StreamState::Live);
            if !list.value.items.is_empty() {
                hear(&list.value.items, list.now);
            }
        });
    }

    /// Reports whether rows may move, which is while no user reads them.
    fn may_move(self) -> bool {
        !(self.is_paused.get_untracked() || user_reading::is_under_way(BEING_READ))
    }
}

/// Returns the stream URL for `filter`.
fn live_href(filter: &TraceFilter) -> String {
    let limit = ("limit".into(), PageRequest::DEFAULT_LIMIT.to_string());
    let pairs = filter.to_query().into_iter().chain([limit]);
    href("/api/admin/live", pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_has_the_filter_of_the_list() {
        let filter = TraceFilter {
            user: Some("a&b".to_owned()),
            ..TraceFilter::default()
        };
        assert_eq!(live_href(&filter), "/api/admin/live?user=a%26b&limit=50");
    }
}
