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
            let spans = (&outcome.rejected, &batch.locations);
            let events = (&outcome.events.rejected, &batch.event_locations);
            for (rejected, locations) in [spans, events] {
                for rejection in rejected {
                    if let Some(location) = locations.get(rejection.index) {
                        report.reject(location, 1, &rejection.reason);
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
            spans: groups.iter().map(|group| group.spans.len()).sum(),
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

/// Splits the spans and log records into two halves, each in order.
fn halves(groups: Vec<SpanGroup>) -> (Vec<SpanGroup>, Vec<SpanGroup>) {
    let all = Items::of(&groups);
    let mut space = usize::midpoint(all.spans, all.events);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for mut group in groups {
        let spans = group.spans.split_off(space.min(group.spans.len()));
        space -= group.spans.len();
        let events = group.events.split_off(space.min(group.events.len()));
        space -= group.events.len();
        if !(spans.is_empty() && events.is_empty()) {
            other.push(SpanGroup {
                resource: Arc::clone(&group.resource),
                scope: Arc::clone(&group.scope),
                spans,
                events,
                ..SpanGroup::default()
            });
        }
        if !(group.spans.is_empty() && group.events.is_empty()) {
            one.push(group);
        }
    }
    (one, other)
}

#[cfg(test)]
mod tests {
    use throughline_testkit::span;
    use throughline_wire::LogRecord;

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
}
