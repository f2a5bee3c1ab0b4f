//! The live state of an open trace: the state shown, the news since, and whether more may arrive.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use throughline_model::{LiveTraces, OpenFate, PageRequest, TraceSummary};
use throughline_wire::{TraceId, UnixNanos};

use super::event_stream::listen_to_events;
use super::{StreamState, query, reading};
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

/// The live state of a trace page. The page owns it. Cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct LiveTrace {
    /// The trace as shown. `None` before the first read.
    shown: RwSignal<Option<TraceSummary>>,
    /// The server time of that read.
    read_at: RwSignal<UnixNanos>,
    /// The latest state that was reported after that read.
    received: RwSignal<Option<TraceSummary>>,
    /// The state of the stream.
    pub(crate) stream_state: RwSignal<StreamState>,
    /// True if the page is visible. Hidden pages open no stream, because a browser allows few
    /// connections to a server.
    is_in_sight: RwSignal<bool>,
}

impl LiveTrace {
    /// Creates the state of a page that shows nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            shown: RwSignal::new(None),
            read_at: RwSignal::new(UnixNanos::new(0)),
            received: RwSignal::new(None),
            stream_state: RwSignal::new(StreamState::Off),
            is_in_sight: RwSignal::new(true),
        }
    }

    /// Sets the shown state. Commits after its read are still news.
    pub(crate) fn show(self, trace: TraceSummary, now: UnixNanos) {
        let spans = trace.span_count;
        self.received.update(|received| {
            *received = received
                .take()
                .filter(|received| received.span_count > spans);
        });
        self.shown.set(Some(trace));
        self.read_at.set(now);
    }

    /// Describes the news. `None` if there is none.
    pub(crate) fn news(self) -> Option<String> {
        let received = self.received.get()?;
        let shown = self.shown.get()?;
        Some(words(&shown, &received))
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
            let may_change = shown.is_some_and(|trace| may_change(&trace, self.read_at.get()));
            self.is_in_sight.get() && may_change
        });
        let url = move || is_on.get().then(|| href(id));
        let names = &["listening", "reconnecting", "traces", "lag"];
        listen_to_events(url, names, move |name, data| match name {
            "listening" => self.catch_up(id, true),
            "traces" => {
                if let Ok(LiveTraces { traces, .. }) = serde_json::from_str(&data) {
                    let received = traces.into_iter().find(|trace| trace.trace_id == id);
                    if received.is_some() {
                        self.received.set(received);
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
                let is_small = received.is_some_and(|trace| trace.span_count <= BY_ITSELF_SPANS);
                if is_small && !reading::is_under_way(BEING_READ) {
                    refresh();
                }
            };
            let ask = move || {
                let is_running = self.shown.try_with_untracked(|shown| {
                    let open = shown.as_ref().and_then(|trace| trace.open);
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
            let found = answer.value.traces.items.into_iter().next();
            let shown = self.shown.get_untracked();
            if let (Some(found), Some(shown)) = (found, shown)
                && differs(&shown, &found)
            {
                self.received.set(Some(found));
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
        let owner = Owner::new();
        owner.set();
        let with = |span_count| TraceSummary {
            span_count,
            ..trace()
        };
        let now = UnixNanos::new(0);
        let live = LiveTrace::new();
        live.show(with(1), now);
        live.received.set(Some(with(3)));
        live.show(with(2), now);
        assert_eq!(untrack(|| live.news()).as_deref(), Some("1 new span"));
        live.show(with(3), now);
        assert_eq!(untrack(|| live.news()), None);
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
