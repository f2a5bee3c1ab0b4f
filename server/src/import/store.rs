//! Stores batches, several at a time, and waits while the database is unreachable or overloaded.

use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use throughline_store::{SpanGroup, WriteBatch, WriteError, WriteOutcome, Writer};
use throughline_wire::{Rejection, TenantId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::progress::Progress;
use super::read::{Batch, Message};
use super::report::Report;

/// The number of batches that are stored concurrently: while one group commits, the next one fills.
const IN_FLIGHT: usize = 4;
/// The first and the longest delay between two attempts to reach the database.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Stores batches until there are no more, or until the store has been unavailable for longer than
/// `timeout`. Then it sets `stop`.
pub(super) async fn store(
    writer: &Writer,
    mut messages: mpsc::Receiver<Message>,
    timeout: Duration,
    progress: &Progress,
    stop: &Arc<AtomicBool>,
) -> Report {
    let mut report = Report::default();
    let mut storing = JoinSet::new();
    while report.gave_up.is_none() {
        if storing.len() >= IN_FLIGHT {
            let stored = storing.join_next().await;
            note(&mut report, stored, progress);
            continue;
        }
        let message = tokio::select! {
            message = messages.recv() => message,
            Some(stored) = storing.join_next() => {
                note(&mut report, Some(stored), progress);
                continue;
            }
        };
        match message {
            Some(Message::Batch(mut batch)) => {
                let writer = writer.clone();
                let groups = core::mem::take(&mut batch.groups);
                storing.spawn(async move { (submit(&writer, groups, timeout).await, batch) });
            }
            Some(Message::Rejected(location, count, reason)) => {
                report.reject(&location, count, &reason);
            }
            Some(Message::End(file, format, error)) => {
                let error = error.map(|error| error.to_string());
                report.files.push((file, format, error));
            }
            None => break,
        }
    }
    if report.gave_up.is_some() {
        stop.store(true, Ordering::Relaxed);
        messages.close();
        // Drains the channel: the reader may be blocked on a full one.
        while messages.recv().await.is_some() {}
    }
    while let Some(stored) = storing.join_next().await {
        note(&mut report, Some(stored), progress);
    }
    report
}

type Stored = (Result<WriteOutcome, String>, Batch);

fn note(
    report: &mut Report,
    stored: Option<Result<Stored, tokio::task::JoinError>>,
    progress: &Progress,
) {
    match stored {
        None => {}
        Some(Err(error)) => report.gave_up = Some(error.to_string()),
        Some(Ok((Err(reason), _))) => report.gave_up = Some(reason),
        Some(Ok((Ok(outcome), batch))) => {
            report.received += outcome.received;
            report.duplicate += outcome.duplicate;
            if outcome.received + outcome.duplicate > 0 {
                report.add_traces(&batch.traces);
            }
            report.events += outcome.events.received;
            report.duplicate_events += outcome.events.duplicate;
            let spans = outcome.received + outcome.duplicate + outcome.rejected.len() as u64;
            let events = &outcome.events;
            let events = events.received + events.duplicate + events.rejected.len() as u64;
            let submitted = (
                batch.locations.len() as u64,
                batch.event_locations.len() as u64,
            );
            if (spans, events) != submitted {
                report.gave_up = Some(format!(
                    "the store accounts for {spans} spans and {events} log records of a batch of {} \
                     and {}; import the same files again",
                    submitted.0, submitted.1
                ));
            }
            let spans = (&outcome.rejected, &batch.locations);
            let events = (&outcome.events.rejected, &batch.event_locations);
            for (rejected, locations) in [spans, events] {
                for rejection in rejected {
                    match locations.get(rejection.index) {
                        Some(location) => report.reject(location, 1, &rejection.reason),
                        None => {
                            report.gave_up = Some(format!(
                                "the store rejects item {} of a batch of {}; import the same files \
                                 again",
                                rejection.index,
                                locations.len()
                            ));
                        }
                    }
                }
            }
            progress.stored(outcome.received + outcome.duplicate);
        }
    }
}

/// Stores one batch, with any number of attempts.
///
/// # Errors
/// The batch could not be stored for longer than `timeout`, or the store is closing.
async fn submit(
    writer: &Writer,
    groups: Vec<SpanGroup>,
    timeout: Duration,
) -> Result<WriteOutcome, String> {
    let mut total = WriteOutcome::default();
    let mut left = vec![(Items::default(), groups)];
    while let Some((first, groups)) = left.pop() {
        match submit_patiently(writer, &groups, timeout).await {
            Ok(outcome) => {
                total.received += outcome.received;
                total.duplicate += outcome.duplicate;
                total.events.received += outcome.events.received;
                total.events.duplicate += outcome.events.duplicate;
                total.rejected.extend(after(first.spans, outcome.rejected));
                let events = after(first.events, outcome.events.rejected);
                total.events.rejected.extend(events);
            }
            // The store rejects the whole batch because of one item. Halving the batch finds it.
            Err(WriteError::Refused(reason)) => {
                let all = Items::of(&groups);
                if all.spans + all.events > 1 {
                    let (one, other) = halves(groups);
                    left.push((first + Items::of(&one), other));
                    left.push((first, one));
                } else if all.events == 1 {
                    let index = first.events;
                    total.events.rejected.push(Rejection { index, reason });
                } else {
                    let index = first.spans;
                    total.rejected.push(Rejection { index, reason });
                }
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(total)
}

async fn submit_patiently(
    writer: &Writer,
    groups: &[SpanGroup],
    timeout: Duration,
) -> Result<WriteOutcome, WriteError> {
    let started = Instant::now();
    let mut wait = FIRST_WAIT;
    loop {
        let batch = WriteBatch {
            tenant: TenantId::DEFAULT,
            groups: groups.to_vec(),
        };
        let error = match writer.submit(batch).await {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        let pause = match &error {
            WriteError::Overloaded { retry_after } => (*retry_after).min(LONGEST_WAIT),
            WriteError::Unavailable => wait,
            _ => return Err(error),
        };
        if started.elapsed() + pause > timeout {
            return Err(error);
        }
        if wait == FIRST_WAIT {
            tracing::warn!("{error}; retrying");
        }
        sleep(pause).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// The numbers of spans and of log records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Items {
    spans: usize,
    events: usize,
}

impl Items {
    fn of(groups: &[SpanGroup]) -> Self {
        Self {
            spans: groups.iter().map(SpanGroup::span_count).sum(),
            events: groups.iter().map(|group| group.events.len()).sum(),
        }
    }
}

impl Add for Items {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            spans: self.spans + other.spans,
            events: self.events + other.events,
        }
    }
}

/// Returns the rejections of a part with their indexes in the whole batch.
fn after(first: usize, rejected: Vec<Rejection>) -> impl Iterator<Item = Rejection> {
    rejected.into_iter().map(move |rejection| Rejection {
        index: first + rejection.index,
        ..rejection
    })
}

/// Splits the spans and log records into two halves, each in order. Starts and senders are in the
/// half of the first items of their group.
fn halves(groups: Vec<SpanGroup>) -> (Vec<SpanGroup>, Vec<SpanGroup>) {
    let all = Items::of(&groups);
    let mut space = usize::midpoint(all.spans, all.events);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for group in groups {
        let spans = space.min(group.span_count());
        let events = (space - spans).min(group.events.len());
        space -= spans + events;
        let (first, rest) = group.split_at(spans, events);
        if !first.is_empty() {
            one.push(first);
        }
        if !rest.is_empty() {
            other.push(rest);
        }
    }
    (one, other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use throughline_codec::group::Sender;
    use throughline_testkit::{NOW, span};
    use throughline_wire::{Limits, LogRecord, SpanStart};

    use super::super::report::SourceLocation;
    use super::*;

    fn names(groups: &[SpanGroup]) -> Vec<String> {
        let spans = groups.iter().flat_map(|group| &group.spans);
        let events = groups.iter().flat_map(|group| &group.events);
        spans
            .map(|span| span.name.to_string())
            .chain(events.map(|event| event.event_name.to_string()))
            .collect()
    }

    fn group(spans: &[&'static str], events: &[&'static str]) -> SpanGroup {
        let event = |name: &&'static str| LogRecord {
            event_name: (*name).into(),
            ..LogRecord::default()
        };
        SpanGroup {
            spans: spans.iter().map(|name| span(*name).build()).collect(),
            events: events.iter().map(event).collect(),
            ..SpanGroup::default()
        }
    }

    /// Returns a group with `packed` more spans in their stored form, a start and a sender.
    fn full(spans: usize, packed: usize, events: usize, is_said: bool) -> SpanGroup {
        let mut group = group(&[], &[]);
        group.spans = (0..spans)
            .map(|at| span(format!("s{at}")).build())
            .collect();
        group.events = (0..events)
            .map(|at| LogRecord {
                event_name: format!("e{at}").into(),
                ..LogRecord::default()
            })
            .collect();
        for at in 0..packed {
            let mut span = opentelemetry_proto::tonic::trace::v1::Span {
                trace_id: vec![1; 16],
                span_id: vec![2; 8],
                name: format!("p{at}"),
                start_time_unix_nano: NOW.get() as u64,
                end_time_unix_nano: NOW.get() as u64 + 1,
                ..Default::default()
            };
            span.kind = 1;
            let bytes = prost::Message::encode_to_vec(&span);
            assert!(group.packed.push_otlp(&bytes, &Limits::default(), NOW));
        }
        if is_said {
            group.starts = vec![SpanStart::of(&span("start").build())];
            group.sender = Some(Sender::default());
        }
        group
    }

    /// Returns the names of all that the groups hold, by kind.
    fn held(groups: &[SpanGroup]) -> [Vec<String>; 4] {
        let of = |read: &dyn Fn(&SpanGroup) -> Vec<String>| groups.iter().flat_map(read).collect();
        [
            of(&|group| {
                let spans = group.spans.iter().map(|span| span.name.to_string());
                spans
                    .chain(group.packed.iter().map(|span| span.name.to_owned()))
                    .collect()
            }),
            of(&|group| {
                let events = group.events.iter();
                events.map(|event| event.event_name.to_string()).collect()
            }),
            of(&|group| {
                let starts = group.starts.iter();
                starts.map(|start| start.name.to_string()).collect()
            }),
            of(&|group| {
                group
                    .sender
                    .iter()
                    .map(|sender| format!("{sender:?}"))
                    .collect()
            }),
        ]
    }

    proptest! {
        #[test]
        fn halves_hold_every_item_of_every_kind_once(
            sizes in prop::collection::vec((0_usize..4, 0_usize..4, 0_usize..4, any::<bool>()), 0..5)
        ) {
            let groups: Vec<_> = sizes
                .into_iter()
                .map(|(spans, packed, events, is_said)| full(spans, packed, events, is_said))
                .collect();
            let all = Items::of(&groups);
            let before = held(&groups);
            let (one, other) = halves(groups);
            let half = Items::of(&one);
            prop_assert_eq!(half + Items::of(&other), all);
            prop_assert_eq!(half.spans + half.events, usize::midpoint(all.spans, all.events));
            let mut after = held(&one);
            for (first, rest) in after.iter_mut().zip(held(&other)) {
                first.extend(rest);
            }
            prop_assert_eq!(after, before);
        }
    }

    #[test]
    fn halves_of_a_batch_have_every_item_once_and_in_order() {
        let groups = vec![group(&["a", "b"], &["x", "y", "z"]), group(&["c"], &["w"])];
        let (one, other) = halves(groups);
        assert_eq!(names(&one), ["a", "b", "x"]);
        assert_eq!(names(&other), ["c", "y", "z", "w"]);
        let (one, other) = halves(vec![group(&[], &["x", "y"])]);
        assert_eq!(
            (names(&one), names(&other)),
            (vec!["x".into()], vec!["y".into()])
        );
        let middle = Items {
            spans: 2,
            events: 0,
        } + Items::of(&one);
        assert_eq!(
            middle,
            Items {
                spans: 2,
                events: 1
            }
        );
    }

    #[test]
    fn an_import_stops_when_the_store_does_not_account_for_every_item() {
        let location = SourceLocation {
            file: Arc::from(std::path::Path::new("x.json")),
            line: 1,
            is_message: false,
            span: None,
        };
        let rejection = |index| Rejection {
            index,
            reason: "bad".to_owned(),
        };
        // Received, duplicate, and the indexes of what was rejected, of 3 spans and of 3 records.
        let whole = (1, 1, vec![2]);
        for (counts, is_whole) in [
            (whole.clone(), true),
            ((3, 0, vec![]), true),
            ((0, 0, vec![0, 1, 2]), true),
            ((0, 0, vec![]), false),
            ((1, 1, vec![]), false),
            ((2, 1, vec![0]), false),
            ((0, 2, vec![]), false),
            ((1, 1, vec![3]), false),
        ] {
            for is_of_spans in [true, false] {
                let (spans, events) = if is_of_spans {
                    (&counts, &whole)
                } else {
                    (&whole, &counts)
                };
                let mut outcome = WriteOutcome::default();
                (outcome.received, outcome.duplicate) = (spans.0, spans.1);
                outcome.rejected = spans.2.iter().copied().map(rejection).collect();
                (outcome.events.received, outcome.events.duplicate) = (events.0, events.1);
                outcome.events.rejected = events.2.iter().copied().map(rejection).collect();
                let mut batch = Batch::default();
                batch.locations = vec![location.clone(); 3];
                batch.event_locations = vec![location.clone(); 3];
                let mut report = Report::default();
                let stored = Some(Ok((Ok(outcome), batch)));
                note(&mut report, stored, &Progress::new());
                assert_eq!(report.gave_up.is_none(), is_whole, "{counts:?} {report}");
            }
        }
    }
}
