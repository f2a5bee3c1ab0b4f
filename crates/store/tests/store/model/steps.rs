//! The steps of the test. Each changes the database and the oracle, or only the database.

use std::time::Duration;

use throughline_model::RetentionRules;
use throughline_store::{SpanGroup, WriteBatch};
use throughline_testkit::Sent;
use throughline_wire::{LogRecord, Resource, TenantId};

use super::batches::{Fault, late_span, new_trace, reused_id, send, settle};
use super::retain::retain;
use super::world::World;

/// Runs a random step.
pub(super) async fn random(world: &mut World) {
    match world.below(20) {
        0..=4 => commit(world, Fault::None).await,
        5..=7 => send_again(world, Fault::None).await,
        8..=10 => send_during_fault(world).await,
        11..=13 => compact(world).await,
        14 => warn(world).await,
        15..=16 => pin(world).await,
        _ => retain(world).await,
    }
}

/// Sends the first batches and compacts some of them.
pub(super) async fn fill(world: &mut World) {
    for _ in 0..4 {
        commit(world, Fault::None).await;
        commit(world, Fault::None).await;
        compact(world).await;
    }
}

/// Splits spans into batches, each for one of the servers.
fn batches(world: &mut World, mut sent: Vec<Sent>) -> Vec<(usize, Vec<Sent>)> {
    for at in 0..sent.len() {
        let other = world.below(sent.len() as u64);
        sent.swap(at, other);
    }
    let length = sent.len().div_ceil(1 + world.below(4)).max(1);
    let batches = sent.chunks(length).map(<[Sent]>::to_vec);
    let batches: Vec<_> = batches.collect();
    batches
        .into_iter()
        .map(|batch| (world.below(2), batch))
        .collect()
}

/// Sends new traces of the last two weeks, and late spans of existing traces.
fn new_spans(world: &mut World) -> Vec<Sent> {
    let mut sent = Vec::new();
    for _ in 0..2 + world.below(5) {
        let days = world.ids.below(13) as i64;
        sent.extend(new_trace(world, days));
    }
    for _ in 0..world.below(4) {
        let Some(trace_id) = world.any_trace() else {
            continue;
        };
        sent.push(late_span(world, trace_id));
        if world.is_one_in(3) {
            sent.push(reused_id(world, trace_id));
        }
    }
    sent
}

/// Sends spans again that were sent before, some of them twice.
fn old_spans(world: &mut World) -> Vec<Sent> {
    let mut sent = Vec::new();
    if world.history.is_empty() {
        return sent;
    }
    for _ in 0..4 + world.below(30) {
        let at = world.below(world.history.len() as u64);
        sent.push(world.history[at].clone());
    }
    sent
}

async fn commit(world: &mut World, fault: Fault) {
    settle(world);
    let sent = new_spans(world);
    let batches = batches(world, sent);
    send(world, batches, fault).await;
}

/// Sends old spans again among new ones, in different batches, some of them concurrently.
async fn send_again(world: &mut World, fault: Fault) {
    settle(world);
    let mut sent = old_spans(world);
    if world.is_one_in(2) {
        sent.extend(new_spans(world));
    }
    let twice = world.below(sent.len() as u64 + 1);
    let again = sent[..twice].to_vec();
    let mut all = batches(world, sent);
    all.extend(batches(world, again));
    send(world, all, fault).await;
}

async fn send_during_fault(world: &mut World) {
    let after_us = world.ids.below(20_000);
    let fault = match world.below(3) {
        0 => Fault::Connections(after_us),
        server => Fault::Server(server - 1, after_us),
    };
    if world.is_one_in(2) {
        commit(world, fault).await;
    } else {
        send_again(world, fault).await;
    }
}

/// Compacts on one server or on both. A compaction may be interrupted.
pub(super) async fn compact(world: &mut World) {
    let runs = 1 + world.below(2);
    let fault = [None, Some(world.ids.below(30_000))][world.below(2)];
    world
        .log
        .note(format!("compact {runs} times, interrupt: {fault:?}"));
    let first = world.below(2);
    let tasks: Vec<_> = (0..runs)
        .map(|run| {
            let server = &world.servers[(first + run) % 2];
            server.spawn(async |store| store.compact_once().await.is_ok())
        })
        .collect();
    if let Some(after_us) = fault {
        tokio::time::sleep(Duration::from_micros(after_us)).await;
        if after_us % 2 == 0 {
            world.terminate("throughline compaction").await;
        } else {
            world.kill(first);
        }
    }
    for task in tasks {
        let is_done = task.result().await == Some(true);
        assert!(is_done || fault.is_some(), "a compaction failed");
    }
}

/// Adds an event of severity WARN to a trace.
async fn warn(world: &mut World) {
    let Some(trace_id) = world.any_trace() else {
        return;
    };
    world.log.note(format!("warn {trace_id}"));
    let time = world.oracle.spans(trace_id)[0].span.start;
    let warning = LogRecord {
        time,
        severity_number: 13,
        body: "slow".into(),
        trace_id: Some(trace_id),
        ..LogRecord::default()
    };
    let batch = WriteBatch {
        tenant: TenantId::DEFAULT,
        groups: vec![SpanGroup {
            resource: Resource::of_service("shop").into(),
            events: vec![warning],
            ..SpanGroup::default()
        }],
    };
    let server = world.below(2);
    let outcome = world.servers[server].writer().submit(batch).await;
    assert_eq!(outcome.expect("is stored").events.rejected, []);
    world.oracle.warned.insert(trace_id);
}

/// Pins one or two traces, or unpins them.
async fn pin(world: &mut World) {
    for _ in 0..2 {
        let Some(trace_id) = world.any_trace() else {
            return;
        };
        let server = world.below(2);
        let rules = RetentionRules::default();
        let gauge = std::sync::Arc::new(throughline_model::StorageGauge::default);
        let retention_admin =
            world.servers[server].retention_admin(TenantId::DEFAULT, rules, gauge);
        if world.oracle.pinned.remove(&trace_id) {
            world.log.note(format!("unpin {trace_id}"));
            assert_eq!(retention_admin.unpin(trace_id).await, Ok(true));
        } else {
            world.log.note(format!("pin {trace_id}"));
            let pin = retention_admin.pin(trace_id, String::new()).await;
            assert!(pin.expect("pins").is_some());
            world.oracle.pinned.insert(trace_id);
        }
    }
}
