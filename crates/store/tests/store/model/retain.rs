//! Runs of retention, interrupted or concurrent with commits.

use std::collections::BTreeSet;
use std::time::Duration;

use throughline_model::RetentionRules;
use throughline_store::testing::no_limit;
use throughline_store::{Retain, Rewrite};
use throughline_wire::{TraceId, UnixNanos};

use super::batches::{Fault, new_trace, send, settle};
use super::steps::compact;
use super::world::World;

/// The maximum offset of the retention clock from the clock of the database. Processes that were
/// seen longer ago are removed.
const MAX_AHEAD_NS: i64 = 6 * UnixNanos::PER_DAY;

/// Runs retention at the same clock time as before or a day or two later.
pub(super) async fn retain(world: &mut World) {
    if world.clock.since(world.oracle.now) < MAX_AHEAD_NS && world.is_one_in(4) {
        let days = 1 + world.ids.below(2) as i64;
        world.clock = world.clock.saturating_add(days * UnixNanos::PER_DAY);
    }
    if world.clock > world.oracle.now {
        // Rollups count spans by the clock of the database, unless their traces are removed before
        // compaction.
        compact_all(world).await;
    } else if world.is_one_in(3) {
        compact(world).await;
    }
    let retain = Retain {
        rules: RetentionRules::default(),
        now: world.clock,
        trusts_clock: true,
        rewrite: [Rewrite::Now, Rewrite::Settled][world.below(2)],
        is_dry_run: false,
    };
    let fault = [None, None, Some(world.ids.below(60_000))][world.below(3)];
    let server = world.below(2);
    world
        .log
        .note(format!("{:?}, interrupt: {fault:?}", retain.rewrite));
    let task = world.servers[server]
        .spawn(async move |store| store.retain_once(retain, &no_limit()).await);
    if let Some(after_us) = fault {
        tokio::time::sleep(Duration::from_micros(after_us)).await;
        if after_us % 2 == 0 {
            world.terminate("throughline retention").await;
        } else {
            world.kill(server);
        }
        let _ = task.result().await;
        let again = &world.servers[1 - server];
        let again = again.spawn(async move |store| store.retain_once(retain, &no_limit()).await);
        again.result().await.expect("runs").expect("runs");
    } else {
        if world.is_one_in(2) {
            settle(world);
            let sent = new_trace(world, 0);
            send(world, vec![(1 - server, sent)], Fault::None).await;
        }
        task.result().await.expect("runs").expect("runs");
    }
    let warned = world.oracle.warned.clone();
    let gone = world.oracle.expire(world.clock);
    world.log.note(format!("removed {} traces", gone.len()));
    // The warning of a removed trace is removed later, and would count for the trace that is sent
    // again.
    world.history.retain(|sent| {
        let trace_id = &sent.span.trace_id;
        !(gone.contains(trace_id) && warned.contains(trace_id))
    });
    if world.is_one_in(2) {
        send_removed_again(world, &gone).await;
    }
}

/// Sends some spans of removed traces again. The traces are new then, though their other spans may
/// still be in blocks.
async fn send_removed_again(world: &mut World, gone: &BTreeSet<TraceId>) {
    let history = world.history.clone();
    let removed = history.into_iter();
    let removed = removed.filter(|sent| gone.contains(&sent.span.trace_id));
    let again: Vec<_> = removed.filter(|_| !world.is_one_in(3)).collect();
    if !again.is_empty() {
        settle(world);
        let server = world.below(2);
        send(world, vec![(server, again)], Fault::None).await;
        compact(world).await;
    }
}

async fn compact_all(world: &mut World) {
    world.log.note("compact everything");
    world.servers[0].compact_once().await.expect("compacts");
    let left = "SELECT count(*) FROM level0_blocks";
    assert_eq!(world.count(left).await, 0);
}
