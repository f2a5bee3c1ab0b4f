//! What the writer costs beside a raw binary COPY of the same rows into the same indexed table.
//!
//! Fixed, seeded work; fresh databases; raw and writer interleaved; CPU seconds of this process
//! and of Postgres from the kernel's scheduler statistics, so wall time and neighbours hardly
//! matter. `SPANS` and `PAIRS` in the environment change the amount of work.

mod cost;
#[path = "../shared/mod.rs"]
mod shared;
mod work;

use std::sync::Arc;

use throughline_store::WriteBatch;
use throughline_store::testing::FreshDatabase;
use throughline_testkit::Ids;
use throughline_wire::UnixNanos;

use self::cost::{Cost, Reading};
use self::shared::{median, number};
use self::work::{batches, protobuf_len};

const CLIENTS: usize = 16;

/// The columns of `spans`, as the writer copies them.
const COLUMNS: &str = "tenant_id, trace_id, span_id, parent_span_id, operation_id, resource_id,
    scope_id, start_ns, duration_ns, flags, dropped_attributes_count, dropped_events_count,
    dropped_links_count, kind, status, trace_state, status_message, attributes, events, links,
    digest, received_ns,
    process_id, sequence, clock_offset_ns, clock_error_ns, cut_bytes, payloads";

fn main() {
    shared::block_on(run());
}

async fn run() {
    let (count, pairs) = (number("SPANS", 100_000), number("PAIRS", 5));
    let mut ratios = Vec::new();
    let mut postgres_ratios = Vec::new();
    let (mut last_raw, mut last_writer) = (Cost::default(), Cost::default());
    let mut protobuf_bytes = 0;
    // One pair more than counted: the first warms up.
    for pair in 0..=pairs {
        let database = FreshDatabase::create().await;
        let now = database.now().await;
        let batches = batches(count, now);
        protobuf_bytes = batches.iter().map(protobuf_len).sum();
        let writer = through_the_writer(&database, now, batches).await;
        let rows = exported(&database).await;
        let raw = raw_copy(now, &rows).await;
        println!(
            "pair {pair}: raw {:.3} + {:.3} s CPU, writer {:.3} + {:.3} s CPU (client + Postgres), wall {:.2} and {:.2} s",
            raw.client_s,
            raw.postgres_s,
            writer.client_s,
            writer.postgres_s,
            raw.wall_s,
            writer.wall_s
        );
        if pair > 0 {
            ratios.push(raw.cpu_s() / writer.cpu_s());
            postgres_ratios.push(writer.postgres_s / raw.postgres_s);
        }
        (last_raw, last_writer) = (raw, writer);
    }
    let per = |bytes: i64| bytes as f64 / protobuf_bytes as f64;
    println!(
        "{count} spans, {} bytes of protobuf each",
        protobuf_bytes / count as usize
    );
    let postgres_ratio = median(&postgres_ratios);
    // For `cargo xtask bench`, which gathers such lines.
    println!("figure: R3 {postgres_ratio:.4}");
    println!("figure: R5.wal {:.4}", per(last_writer.wal_bytes));
    println!("figure: R5.stored {:.4}", per(last_writer.stored_bytes));
    println!(
        "raw COPY CPU / writer CPU (store alone)      {:.2}",
        median(&ratios)
    );
    println!("Postgres CPU, writer / raw COPY (R3)         {postgres_ratio:.2}  target <= 1.25");
    println!(
        "WAL bytes / protobuf bytes, raw, writer (R5) {:.2}  {:.2}  target <= 1.6",
        per(last_raw.wal_bytes),
        per(last_writer.wal_bytes)
    );
    println!(
        "stored bytes / protobuf bytes (R5)           {:.2}  {:.2}  target <= 1.4",
        per(last_raw.stored_bytes),
        per(last_writer.stored_bytes)
    );
    println!(
        "spans a CPU second                           {:.0}",
        count as f64 / last_writer.cpu_s()
    );
    println!(
        "spans a second of wall time                  {:.0}",
        count as f64 / last_writer.wall_s
    );
}

async fn through_the_writer(
    database: &FreshDatabase,
    now: UnixNanos,
    batches: Vec<WriteBatch>,
) -> Cost {
    let store = database.store(now);
    let mut warm = batches[0].clone();
    warm.groups[0].spans.truncate(1);
    warm.groups[0].spans[0].trace_id = Ids::seeded(u64::MAX).trace_id();
    store.writer().submit(warm).await.expect("is stored");

    let mut watch = database.connection().await;
    let before = Reading::take(&mut watch).await;
    let queue = Arc::new(tokio::sync::Mutex::new(batches));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (writer, queue) = (store.writer(), Arc::clone(&queue));
        clients.spawn(async move {
            loop {
                let Some(batch) = queue.lock().await.pop() else {
                    break;
                };
                writer.submit(batch).await.expect("is stored");
            }
        });
    }
    clients.join_all().await;
    let cost = Reading::take(&mut watch).await.since(&before);
    store.close().await;
    cost
}

/// The rows as binary COPY gives them.
async fn exported(database: &FreshDatabase) -> Vec<u8> {
    use futures::TryStreamExt as _;
    let mut connection = database.connection().await;
    let statement = format!("COPY (SELECT {COLUMNS} FROM spans) TO STDOUT (FORMAT binary)");
    connection
        .copy_out_raw(&statement)
        .await
        .expect("copies out")
        .try_fold(Vec::new(), async |mut rows, piece| {
            rows.extend_from_slice(&piece);
            Ok(rows)
        })
        .await
        .expect("copies out")
}

async fn raw_copy(now: UnixNanos, rows: &[u8]) -> Cost {
    let database = FreshDatabase::create().await;
    let mut connection = database.connection().await;
    sqlx::query("SELECT ensure_day_partitions($1)")
        .bind(now.get() - now.get().rem_euclid(UnixNanos::PER_DAY))
        .execute(&mut connection)
        .await
        .expect("makes the partition");
    let mut watch = database.connection().await;
    let before = Reading::take(&mut watch).await;
    let mut copy = connection
        .copy_in_raw(&format!(
            "COPY spans ({COLUMNS}) FROM STDIN (FORMAT binary)"
        ))
        .await
        .expect("copies in");
    for piece in rows.chunks(128 * 1024) {
        copy.send(piece).await.expect("sends");
    }
    copy.finish().await.expect("finishes");
    Reading::take(&mut watch).await.since(&before)
}
