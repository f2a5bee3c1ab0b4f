//! Senders: they create spans, put them into batches, and send a batch until it is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use throughline_store::{Sender, Store, WriteBatch, WriteError, WriteOutcome};
use throughline_testkit::Sent;
use throughline_wire::{BatchSequence, ProcessId, TraceId, UnixNanos};

use super::spans::random;
use super::world::World;
use crate::support::batch;

/// The services. The last one does not number its spans.
const SERVICES: [&str; 3] = ["shop", "database", "legacy"];

/// A fault while batches are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// A server is killed after this number of microseconds.
    Server(usize, u64),
    /// The connections of all servers are closed after this number of microseconds.
    Connections(u64),
}

/// Returns the start of a trace of this number of days ago. It is never near the instant at which a
/// rule removes the trace.
pub(super) fn days_ago(world: &mut World, days: i64) -> UnixNanos {
    let jitter = world.ids.below(10 * 3_600_000_000_000) as i64;
    let start_ns = days * UnixNanos::PER_DAY + UnixNanos::PER_HOUR + jitter;
    world.oracle.now.saturating_add(-start_ns)
}

/// Returns the start of the day for another span of a trace; mostly the day of the trace.
fn later(world: &mut World, of: &Sent) -> UnixNanos {
    if world.is_one_in(8) {
        let days = world.ids.below(9) as i64;
        return days_ago(world, days);
    }
    let after_ns = world.ids.below(400_000_000_000) as i64;
    of.span.start.saturating_add(after_ns)
}

/// Creates some spans of a new trace of this number of days ago.
pub(super) fn new_trace(world: &mut World, days: i64) -> Vec<Sent> {
    let trace_id = world.ids.trace_id();
    let start = days_ago(world, days);
    let mut sent = Vec::new();
    for at in 0..=world.ids.below(4) {
        let after_ns = world.ids.below(400_000_000_000) as i64;
        let parent = sent.first().map(|root: &Sent| root.span.span_id);
        let parent = parent.filter(|_| at % 3 != 2);
        let service = SERVICES[world.below(3)];
        let start = start.saturating_add(after_ns);
        let mut one = random(&mut world.ids, service, trace_id, start, parent);
        if world.is_one_in(4) {
            let user = ["ada", "bob"][world.below(2)];
            one.span.attributes.insert("user.id", user);
        }
        number(world, &mut one);
        sent.push(one);
    }
    sent
}

/// Creates a span of an existing trace. Its parent may be missing.
pub(super) fn late_span(world: &mut World, trace_id: TraceId) -> Sent {
    let spans: Vec<Sent> = world.oracle.spans(trace_id).into_iter().cloned().collect();
    let of = spans[world.below(spans.len() as u64)].clone();
    let start = later(world, &of);
    let parent = match world.ids.below(6) {
        0 => None,
        1 => Some(world.ids.span_id()),
        _ => Some(of.span.span_id),
    };
    let service = SERVICES[world.below(3)];
    let mut late = random(&mut world.ids, service, trace_id, start, parent);
    number(world, &mut late);
    late
}

/// Creates a different span with the id of an existing one.
pub(super) fn reused_id(world: &mut World, trace_id: TraceId) -> Sent {
    let spans: Vec<Sent> = world.oracle.spans(trace_id).into_iter().cloned().collect();
    let mut reused_id = spans[world.below(spans.len() as u64)].clone();
    let text = format!("{}", world.ids.below(1_000_000));
    reused_id.span.attributes.insert("variant", text);
    number(world, &mut reused_id);
    reused_id
}

/// Gives a span the next number of its process. Some numbers belong to spans that are never sent.
fn number(world: &mut World, sent: &mut Sent) {
    sent.span.sequence = None;
    let (is_lost, is_refused) = (world.is_one_in(25), world.is_one_in(3));
    let service = sent.resource.service_name();
    let Some(process) = world.oracle.processes.get_mut(&*service) else {
        return;
    };
    if is_lost {
        if is_refused {
            process.refused.insert(process.next);
        }
        process.next += 1;
    }
    sent.span.sequence = Some(process.next);
    process.next += 1;
}

/// Marks all numbers so far as settled.
pub(super) fn settle(world: &mut World) {
    for process in world.oracle.processes.values_mut() {
        process.settled = process.next;
    }
}

/// Returns the batch of these spans with the sequences of their processes.
pub(super) fn batch_with_sequences(world: &World, sent: &[Sent]) -> WriteBatch {
    let mut batch = batch(sent);
    for group in &mut batch.groups {
        let service = group.resource.service_name();
        let at = SERVICES.iter().position(|known| *known == service);
        let (Some(at), Some(process)) = (at, world.oracle.processes.get(&*service)) else {
            continue;
        };
        let id = ProcessId::from_i64(70 + at as i64).expect("is not zero");
        group.sender = Some(Sender {
            sequence: Some(BatchSequence {
                next: process.next,
                settled: process.settled,
                ..BatchSequence::new(id)
            }),
            rejected: process.refused.iter().copied().collect(),
            ..Sender::default()
        });
    }
    batch
}

pub(super) async fn submit(
    store: Arc<Store>,
    batch: WriteBatch,
) -> Result<WriteOutcome, WriteError> {
    store.writer().submit(batch).await
}

/// Sends the batches concurrently, each to a server, and retries them until they are acknowledged.
pub(super) async fn send(world: &mut World, batches: Vec<(usize, Vec<Sent>)>, fault: Fault) {
    let count: usize = batches.iter().map(|(_, sent)| sent.len()).sum();
    world.log.note(format!(
        "send {count} spans in {} batches, fault: {fault:?}",
        batches.len()
    ));
    let tasks: Vec<_> = batches
        .iter()
        .map(|(server, sent)| {
            let batch = batch_with_sequences(world, sent);
            world.servers[*server].spawn(|store| submit(store, batch))
        })
        .collect();
    match fault {
        Fault::None => {}
        Fault::Server(at, after_us) => {
            tokio::time::sleep(Duration::from_micros(after_us)).await;
            world.kill(at);
        }
        Fault::Connections(after_us) => {
            tokio::time::sleep(Duration::from_micros(after_us)).await;
            world.terminate("throughline%").await;
        }
    }
    let before = world.oracle.stored.len() as u64;
    let (mut received, mut is_known) = (0, true);
    for (task, (server, sent)) in tasks.into_iter().zip(&batches) {
        let mut outcome = task.result().await;
        let mut attempts = 0;
        while !matches!(outcome, Some(Ok(_))) {
            assert!(fault != Fault::None && attempts < 100, "{outcome:?}");
            attempts += 1;
            is_known = false;
            tokio::time::sleep(Duration::from_millis(5)).await;
            let (batch, server) = (batch_with_sequences(world, sent), (server + attempts) % 2);
            let task = world.servers[server].spawn(|store| submit(store, batch));
            outcome = task.result().await;
        }
        let Some(Ok(outcome)) = outcome else {
            unreachable!("is acknowledged")
        };
        assert_eq!(outcome.rejected, []);
        assert_eq!(outcome.received + outcome.duplicate, sent.len() as u64);
        received += outcome.received;
    }
    for sent in batches.iter().flat_map(|(_, sent)| sent) {
        world.oracle.store(sent);
        if !world.history.contains(sent) {
            world.history.push(sent.clone());
        }
    }
    let new = world.oracle.stored.len() as u64 - before;
    if is_known {
        assert_eq!(received, new, "spans that are new");
    } else {
        assert!(received <= new, "{received} of {new} spans are new");
    }
    world.age().await;
}
