//! The live state of an open trace: the state shown, the news since, and whether more may arrive.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use throughline_model::query;
use throughline_model::{LiveTraces, OpenFate, PageRequest, TraceSummary};
use throughline_wire::{TraceId, UnixNanos};

use super::event_stream::listen_to_events;
use super::{PageSignal, StreamState, user_reading};
use crate::api::look_up;

/// The age from which an ended trace is no longer followed, because each stream costs the server a
/// lookup per commit.
const STILL_COMING_NS: i64 = 10 * UnixNanos::PER_MINUTE;
/// The interval of checks whether news may be shown. The page reads the trace no more often than
/// this.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The interval at which a trace with running spans is read. A lost process causes no commit, so
/// the stream does not report it.
const ASK_EVERY: Duration = Duration::from_secs(30);
/// The most spans of a trace that the page reads again by itself. For a larger trace the user
/// decides.
const BY_ITSELF_SPANS: u64 = 2_000;
/// The selector that matches while a user reads or types on the page.
const BEING_READ: &str = ".wf:hover, .trace:focus-within";

/// A state of the trace, and the server time at which it was read.
pub(crate) type ReadTrace = (TraceSummary, UnixNanos);

/// The live state of a trace page. The page owns it. Cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct LiveTrace {
    /// The state that is shown. `None` before the first read.
    shown: Memo<Option<ReadTrace>>,
    /// The latest state that was reported.
    received: PageSignal<Option<ReadTrace>>,
    /// The state of the stream.
    pub(crate) stream_state: PageSignal<StreamState>,
    /// True if the page is visible. Hidden pages open no stream, because a browser allows few
    /// connections to a server.
    is_in_sight: PageSignal<bool>,
}

impl LiveTrace {
    /// Creates the state of a page that shows `shown`.
    pub(crate) fn new(shown: Memo<Option<ReadTrace>>) -> Self {
        Self {
            shown,
            received: PageSignal::new(None),
            stream_state: PageSignal::new(StreamState::Off),
            is_in_sight: PageSignal::new(true),
        }
    }

    /// Describes the news. `None` if there is none.
    pub(crate) fn news(self) -> Option<String> {
        let received = self.received.get()?;
        let (shown, read_at) = self.shown.get()?;
        is_news(&shown, read_at, &received).then(|| words(&shown, &received.0))
    }

    /// Follows the trace while it may change and the page is visible. Calls `refresh` when there
    /// is news and no user reads the page.
    pub(crate) fn follow(self, id: TraceId, refresh: impl Fn() + Copy + 'static) {
        Effect::new(move |_| {
            let look = move || self.is_in_sight.set(!document().hidden());
            look();
            let changes = window_event_listener_untyped("visibilitychange", move |_| look());
            on_cleanup(move || changes.remove());
        });
        let is_on = Memo::new(move |_| {
            let shown = self.shown.get();
            self.is_in_sight.get() && shown.is_some_and(|(trace, now)| may_change(&trace, now))
        });
        let url = move || is_on.get().then(|| href(id));
        let names = &["listening", "reconnecting", "traces", "lag"];
        listen_to_events(url, names, move |name, data| match name {
            "listening" => self.catch_up(id, true),
            "traces" => {
                if let Ok(LiveTraces { now, traces, .. }) = serde_json::from_str(&data) {
                    let received = traces.into_iter().find(|trace| trace.trace_id == id);
                    if let Some(received) = received {
                        self.received.set(Some((received, now)));
                    }
                }
            }
            // The stream skipped commits. They may belong to any trace, so perhaps to this one.
            "lag" => set_timeout(move || self.catch_up(id, true), Duration::from_secs(1)),
            _ => self.stream_state.set(StreamState::Connecting),
        });
        Effect::new(move |_| {
            if !is_on.get() {
                self.stream_state.set(StreamState::Off);
                return;
            }
            self.stream_state.set(StreamState::Connecting);
            let look = move || {
                let received = self.received.try_get_untracked().flatten();
                let shown = self.shown.try_get_untracked().flatten();
                let may_read = shown
                    .zip(received)
                    .is_some_and(|((shown, read_at), received)| {
                        received.0.span_count <= BY_ITSELF_SPANS
                            && is_news(&shown, read_at, &received)
                    });
                if may_read && !user_reading::is_under_way(BEING_READ) {
                    refresh();
                }
            };
            let ask = move || {
                let is_running = self.shown.try_with_untracked(|shown| {
                    let open = shown.as_ref().and_then(|(trace, _)| trace.open);
                    open == Some(OpenFate::Running)
                });
                if is_running == Some(true) {
                    self.catch_up(id, false);
                }
            };
            for (work, every) in [
                (Box::new(look) as Box<dyn Fn()>, LOOK_EVERY),
                (Box::new(ask), ASK_EVERY),
            ] {
                if let Ok(turns) = set_interval_with_handle(work, every) {
                    on_cleanup(move || turns.clear());
                }
            }
        });
    }

    /// Reads the state of the trace. It contains the commits that the stream missed. After it, the
    /// stream reports every commit if `is_listening`.
    fn catch_up(self, id: TraceId, is_listening: bool) {
        spawn_local(async move {
            let Ok(answer) = look_up(id.to_string(), PageRequest::default()).await else {
                // The page stays behind until the next gap or a manual reload.
                return;
            };
            // Nothing to do if the page was left or hidden meanwhile.
            let stream_state = self.stream_state.try_get_untracked();
            if stream_state.is_none_or(|stream_state| stream_state == StreamState::Off) {
                return;
            }
            if is_listening {
                self.stream_state.set(StreamState::Live);
            }
            if let Some(found) = answer.value.traces.items.into_iter().next() {
                self.received.set(Some((found, answer.now)));
            }
        });
    }
}

/// Returns the stream URL of one trace.
fn href(id: TraceId) -> String {
    query::href("/api/admin/live", [("trace_id", id.to_string())])
}

/// Reports whether the trace may still change, judged at the server time `now`.
fn may_change(trace: &TraceSummary, now: UnixNanos) -> bool {
    let end = trace.start.saturating_add(trace.duration_ns);
    trace.open == Some(OpenFate::Running) || now.since(end) < STILL_COMING_NS
}

/// Reports whether a received state is newer than the one that is shown, which was read at
/// `read_at`. A commit during the read has more spans, even if its time is earlier.
fn is_news(shown: &TraceSummary, read_at: UnixNanos, (received, at): &ReadTrace) -> bool {
    let is_later = *at > read_at || received.span_count > shown.span_count;
    is_later && differs(shown, received)
}

/// Reports whether the trace has more than is shown. Pins are ignored, because they change on the
/// page itself.
fn differs(shown: &TraceSummary, received: &TraceSummary) -> bool {
    let received = TraceSummary {
        is_pinned: shown.is_pinned,
        ..received.clone()
    };
    *shown != received
}

/// Describes the difference for the user.
fn words(shown: &TraceSummary, received: &TraceSummary) -> String {
    match received.span_count.saturating_sub(shown.span_count) {
        0 => "Changed".to_owned(),
        1 => "1 new span".to_owned(),
        count => format!("{} new spans", throughline_viz::format_count(count)),
    }
}

#[cfg(test)]
mod tests {
    use throughline_testkit::{FakeReader, Ids, shop_trace};

    use super::*;

    fn trace() -> TraceSummary {
        FakeReader::new(shop_trace(&mut Ids::seeded(1)))
            .summaries()
            .remove(0)
    }

    #[test]
    fn what_runs_is_listened_for_and_what_ended_for_ten_minutes() {
        let mut trace = trace();
        let end = trace.start.saturating_add(trace.duration_ns);
        let after = |minutes| end.saturating_add(minutes * UnixNanos::PER_MINUTE);
        assert!(may_change(&trace, after(9)));
        assert!(!may_change(&trace, after(10)));
        trace.open = Some(OpenFate::Running);
        assert!(may_change(&trace, after(10)));
        trace.open = Some(OpenFate::ProcessDied);
        assert!(!may_change(&trace, after(10)));
    }

    #[test]
    fn what_came_while_the_trace_was_read_is_still_news() {
        let with = |span_count| TraceSummary {
            span_count,
            ..trace()
        };
        let at = UnixNanos::new;
        assert!(is_news(&with(2), at(9), &(with(3), at(5))));
        assert!(!is_news(&with(3), at(9), &(with(3), at(5))));
        assert!(!is_news(&with(3), at(9), &(with(2), at(5))));
        let ended = TraceSummary {
            open: Some(OpenFate::ProcessDied),
            ..with(3)
        };
        assert!(is_news(&with(3), at(9), &(ended.clone(), at(10))));
        assert!(!is_news(&with(3), at(9), &(ended, at(5))));
    }

    #[test]
    fn new_spans_are_counted_and_a_pin_is_no_news() {
        let shown = trace();
        let mut received = shown.clone();
        received.is_pinned = !shown.is_pinned;
        assert!(!differs(&shown, &received));
        received.span_count += 2;
        assert!(differs(&shown, &received));
        assert_eq!(words(&shown, &received), "2 new spans");
        received.span_count = shown.span_count;
        assert_eq!(words(&shown, &received), "Changed");
    }
}
