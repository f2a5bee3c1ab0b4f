//! Tests that a backup during compaction has the state at its start.

use std::sync::{Arc, mpsc};

use throughline_model::StorageGauge;
use throughline_store::Store;
use throughline_store::testing::FreshDatabase;
use throughline_testkit::{Ids, Sent};
use throughline_wire::TenantId;

use super::batches::{Fault, batch_with_sequences, new_trace, send, settle, submit};
use super::world::World;
use super::{checks, steps};
use crate::support::{batch, lone};

/// The number of compactions during the backup.
const COMPACTIONS: usize = 20;

#[tokio::test]
async fn backup_during_twenty_compactions_restores_the_state_at_its_start() {
    let mut world = World::new(5, 16).await;
    make_partitions(&mut world).await;
    steps::fill(&mut world).await;
    settle(&mut world);
    let waiting = new_trace(&mut world, 2);
    send(&mut world, vec![(0, waiting)], Fault::None).await;
    let saved = world.oracle.clone();

    settle(&mut world);
    let mut later: Vec<Vec<Sent>> = Vec::new();
    for _ in 0..COMPACTIONS {
        later.push(new_trace(&mut world, 0));
    }
    let mut steps = later.iter().map(|sent| batch_with_sequences(&world, sent));
    let mut compactions = 0;
    let mut file = Vec::new();
    let gauge: throughline_store::Gauge = Arc::new(StorageGauge::default);
    let saving = world.servers[0].backup(&mut file, &gauge, |_| {
        for batch in steps.by_ref().take(2) {
            // The thread that writes the backup waits for the other server.
            let (done, is_done) = mpsc::channel();
            drop(world.servers[1].spawn(async move |store| {
                let compaction = store.clone();
                submit(store, batch).await.expect("is stored");
                let report = compaction.compact_once().await.expect("compacts");
                done.send(report.replaced_blocks).expect("is waited for");
            }));
            assert!(is_done.recv().expect("is done") > 0);
            compactions += 1;
        }
    });
    saving.await.expect("backs up");
    assert_eq!(compactions, COMPACTIONS);

    let database = FreshDatabase::create().await;
    let restored = database.store(saved.now);
    let report = restored.restore(&file[..], &gauge, |_| {}).await;
    report.expect("restores");
    let reader = |store: &Store| store.reader(TenantId::DEFAULT);
    checks::everything_of(&saved, &*reader(&restored)).await;
    for sent in later.iter().flatten() {
        world.oracle.store(sent);
    }
    checks::everything_of(&world.oracle, &*reader(&world.servers[0])).await;
    restored.close().await;
}

/// Creates the partitions of today, because creating one waits for a backup.
async fn make_partitions(world: &mut World) {
    let mut ids = Ids::seeded(6);
    let good = lone("good", &mut ids).starts(world.oracle.now).build();
    let bad = lone("bad", &mut ids).starts(world.oracle.now);
    let sent = [good, bad.error("broken").build()].map(|span| Sent::by("legacy", span));
    let store = &world.servers[0];
    let outcome = store.writer().submit(batch(&sent)).await;
    assert_eq!(outcome.expect("is stored").received, 2);
    store.compact_once().await.expect("compacts");
    for sent in &sent {
        world.oracle.store(sent);
    }
}
