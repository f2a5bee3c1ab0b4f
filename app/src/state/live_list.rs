//! The state of the live list: the rows shown, the held news, and the state of the stream.

use std::cmp::Reverse;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use throughline_model::{LiveLag, LiveTraces, PageRequest, TraceFilter, TraceSummary};
use throughline_wire::UnixNanos;

use super::event_stream::listen_to_events;
use super::{ListRequest, query, reading};
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

/// The live list of a page. Cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct LiveList {
    /// The rows shown, newest first.
    pub(crate) rows: RwSignal<Vec<TraceSummary>>,
    /// The news that is not shown yet.
    pub(crate) held: RwSignal<Vec<TraceSummary>>,
    /// The server time of the newest news.
    pub(crate) now: RwSignal<UnixNanos>,
    /// The state of the stream.
    pub(crate) stream_state: RwSignal<StreamState>,
    /// True if news is held until the user releases it.
    pub(crate) is_paused: RwSignal<bool>,
}

impl LiveList {
    /// Creates an empty list with the stream off.
    pub(crate) fn new() -> Self {
        Self {
            rows: RwSignal::new(Vec::new()),
            held: RwSignal::new(Vec::new()),
            now: RwSignal::new(UnixNanos::new(0)),
            stream_state: RwSignal::new(StreamState::Off),
            is_paused: RwSignal::new(false),
        }
    }

    /// Reports whether the stream is turned on.
    pub(crate) fn is_on(self) -> bool {
        self.stream_state.get() != StreamState::Off
    }

    /// Turns the stream on or off.
    pub(crate) fn switch(self) {
        let is_on = self.stream_state.get_untracked() != StreamState::Off;
        self.is_paused.set(false);
        self.stream_state.set(if is_on {
            StreamState::Off
        } else {
            StreamState::Connecting
        });
    }

    /// Replaces the rows by those that were read.
    pub(crate) fn start(self, rows: Vec<TraceSummary>, now: UnixNanos) {
        self.held.set(Vec::new());
        self.rows.set(rows);
        self.now.set(now);
    }

    /// Shows the held news.
    pub(crate) fn release(self) {
        let held = self.held.try_update(std::mem::take).unwrap_or_default();
        if !held.is_empty() {
            self.rows.update(|rows| *rows = merge(rows, &held));
        }
    }

    /// Follows the traces that match `request` while the page exists and the switch is on. Calls
    /// `found` when the first row of an empty list arrives.
    pub(crate) fn follow(
        self,
        request: Memo<Result<ListRequest, String>>,
        found: impl Fn() + Copy + 'static,
    ) {
        let is_on = Memo::new(move |_| self.is_on());
        let filter = move || {
            let request = request.get().ok()?;
            let is_told = request.page.from.is_none() && request.filter.is_live();
            is_told.then_some(request.filter)
        };
        let url = move || {
            filter()
                .filter(|_| is_on.get())
                .map(|filter| live_href(&filter))
        };
        let names = &["listening", "reconnecting", "traces", "lag"];
        listen_to_events(url, names, move |name, data| match name {
            "listening" => self.catch_up(request, found),
            "traces" => {
                if let Ok(LiveTraces { now, traces, .. }) = serde_json::from_str(&data) {
                    self.hear(&traces, now, found);
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
                    set_timeout(
                        move || self.catch_up(request, found),
                        Duration::from_secs(1),
                    );
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
                if self.held.try_with_untracked(Vec::is_empty) == Some(false) && self.may_move() {
                    self.release();
                }
            };
            if let Ok(turns) = set_interval_with_handle(look, LOOK_EVERY) {
                on_cleanup(move || turns.clear());
            }
        });
    }

    fn hear(self, traces: &[TraceSummary], now: UnixNanos, found: impl Fn()) {
        if self.rows.with_untracked(Vec::is_empty) {
            found();
            return;
        }
        self.held.update(|held| *held = merge(held, traces));
        self.now.set(now);
        if self.may_move() {
            self.release();
        }
    }

    /// Reads the list once more. It contains the commits that the stream missed.
    fn catch_up(self, request: Memo<Result<ListRequest, String>>, found: impl Fn() + 'static) {
        let Some(Ok(ListRequest { filter, page })) = request.try_get_untracked() else {
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
                self.hear(&list.value.items, list.now, found);
            }
        });
    }

    /// Reports whether rows may move, which is while no user reads them.
    fn may_move(self) -> bool {
        !(self.is_paused.get_untracked() || reading::is_under_way(BEING_READ))
    }
}

/// Returns the stream URL for `filter`.
fn live_href(filter: &TraceFilter) -> String {
    let limit = ("limit".into(), PageRequest::DEFAULT_LIMIT.to_string());
    let pairs = filter.to_query().into_iter().chain([limit]);
    query::href("/api/admin/live", pairs)
}

/// Merges the news into the rows, in list order, up to one page. Of two states of a trace, the one
/// with more spans is kept, because span counts only grow.
fn merge(rows: &[TraceSummary], news: &[TraceSummary]) -> Vec<TraceSummary> {
    let mut merged: Vec<TraceSummary> = news.iter().chain(rows).cloned().collect();
    merged.sort_by_key(|trace| Reverse((trace.trace_id, trace.span_count)));
    merged.dedup_by_key(|trace| trace.trace_id);
    merged.sort_by_key(|trace| Reverse((trace.start, trace.trace_id)));
    merged.truncate(PageRequest::DEFAULT_LIMIT as usize);
    merged
}

#[cfg(test)]
mod tests {
    use throughline_testkit::{FakeReader, Ids, shop_trace};

    use super::*;

    /// Returns traces of one second each, oldest first.
    fn traces(count: i64) -> Vec<TraceSummary> {
        let reader = FakeReader::new(shop_trace(&mut Ids::seeded(1)));
        let one = reader.summaries().remove(0);
        let mut ids = Ids::seeded(2);
        (0..count)
            .map(|at| TraceSummary {
                trace_id: ids.trace_id(),
                start: one.start.saturating_add(at * UnixNanos::PER_SECOND),
                ..one.clone()
            })
            .collect()
    }

    #[test]
    fn news_stands_in_the_order_of_the_list_and_the_list_stays_a_page() {
        let all = traces(60);
        let merged = merge(&all[..40], &all[30..]);
        let expected: Vec<_> = all.iter().rev().take(50).cloned().collect();
        assert_eq!(merged, expected);
    }

    #[test]
    fn a_trace_that_grew_replaces_its_row_and_an_older_state_does_not() {
        let old = traces(1);
        let mut new = old.clone();
        new[0].span_count += 1;
        assert_eq!(merge(&old, &new), new);
        assert_eq!(merge(&new, &old), new);
    }

    #[test]
    fn the_stream_has_the_filter_of_the_list() {
        let filter = TraceFilter {
            user: Some("a&b".to_owned()),
            ..TraceFilter::default()
        };
        assert_eq!(live_href(&filter), "/api/admin/live?user=a%26b&limit=50");
    }
}
