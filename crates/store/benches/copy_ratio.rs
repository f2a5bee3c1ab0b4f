//! What the writer costs beside a raw binary COPY of the same rows into the same indexed table.
//!
//! Fixed, seeded work; fresh databases; raw and writer interleaved; CPU seconds of this process
//! and of Postgres from the kernel's scheduler statistics, so wall time and neighbours hardly
//! matter. `SPANS` and `PAIRS` in the environment change the amount of work.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sqlx::PgConnection;
use throughline_store::testing::FreshDatabase;
use throughline_store::{SpanGroup, WriteBatch};
use throughline_testkit::{Ids, span};
use throughline_wire::{
    InstrumentationScope, Resource, Span, SpanKind, TenantId, UnixNanos, binary,
};

const SPANS_OF_A_TRACE: u64 = 10;
const SPANS_OF_A_BATCH: usize = 500;
const CLIENTS: usize = 16;

/// The columns of `spans`, as the writer copies them.
const COLUMNS: &str = "tenant_id, trace_id, span_id, parent_span_id, operation_id, resource_id,
    scope_id, start_ns, duration_ns, flags, dropped_attributes_count, dropped_events_count,
    dropped_links_count, kind, status, trace_state, status_message, attributes, events, links,
    digest, received_ns,
    process_id, sequence, clock_offset_ns, clock_error_ns, cut_bytes, payloads";

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    client_s: f64,
    postgres_s: f64,
    wall_s: f64,
    wal_bytes: i64,
    stored_bytes: i64,
}

impl Cost {
    fn cpu_s(self) -> f64 {
        self.client_s + self.postgres_s
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run());
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
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
    let postgres_ratio = median(postgres_ratios);
    // For `cargo xtask bench`, which gathers such lines.
    println!("figure: R3 {postgres_ratio:.4}");
    println!("figure: R5.wal {:.4}", per(last_writer.wal_bytes));
    println!("figure: R5.stored {:.4}", per(last_writer.stored_bytes));
    println!(
        "raw COPY CPU / writer CPU (store alone)      {:.2}",
        median(ratios)
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Spans of the middle shape: eleven attributes, about 450 bytes.
fn batches(count: u64, now: UnixNanos) -> Vec<WriteBatch> {
    let mut ids = Ids::seeded(1);
    let resource = Arc::new(Resource::of_service("bench"));
    let scope = Arc::new(InstrumentationScope::default());
    let mut spans = Vec::new();
    let mut root: Option<Span> = None;
    for at in 0..count {
        let mut builder = span("GET /api/products/{id}")
            .id(ids.span_id())
            .kind(SpanKind::Server);
        builder = match (&root, at % SPANS_OF_A_TRACE) {
            (Some(root), 1..) => builder.child_of(root),
            _ => builder
                .in_trace(ids.trace_id())
                .session(format!("session {}", at / 100)),
        };
        let built = builder
            .starts(now.saturating_add(at as i64 * 1_000))
            .lasts(1_000_000 + ids.below(50_000_000) as i64)
            .with("http.request.method", "GET")
            .with("http.route", "/api/products/{id}")
            .with("http.response.status_code", 200_i64)
            .with("url.path", format!("/api/products/{}", ids.below(10_000)))
            .with("url.scheme", "https")
            .with("server.address", "shop.example.org")
            .with("server.port", 443_i64)
            .with(
                "client.address",
                format!("10.1.{}.{}", ids.below(256), ids.below(256)),
            )
            .with(
                "user_agent.original",
                "Mozilla/5.0 (X11; Linux x86_64; rv:143.0)",
            )
            .with("network.protocol.version", "2")
            .with("user.id", format!("user {}", ids.below(1_000)))
            .build();
        if at % SPANS_OF_A_TRACE == 0 {
            root = Some(built.clone());
        }
        spans.push(built);
    }
    spans
        .chunks(SPANS_OF_A_BATCH)
        .map(|spans| WriteBatch {
            tenant: TenantId::DEFAULT,
            groups: vec![SpanGroup {
                resource: Arc::clone(&resource),
                scope: Arc::clone(&scope),
                spans: spans.to_vec(),
                ..SpanGroup::default()
            }],
        })
        .collect()
}

/// Length of the spans as OTLP writes them: the fields that are always there, and the rest.
fn protobuf_len(batch: &WriteBatch) -> usize {
    let spans = batch.groups.iter().flat_map(|group| &group.spans);
    spans
        .map(|span| {
            let mut attributes = Vec::new();
            binary::encode_attributes(&span.attributes, &mut attributes);
            let parent = span.parent_span_id.map_or(0, |_| 10);
            // Tag and length of the span, trace id, span id, start, end, kind, name.
            3 + 18 + 10 + parent + 9 + 9 + 2 + 2 + span.name.len() + attributes.len()
        })
        .sum()
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

/// What the counters stand at.
struct Reading {
    client_ns: u64,
    backends: Vec<(i32, u64)>,
    at: std::time::Instant,
    wal_bytes: i64,
    stored_bytes: i64,
}

impl Reading {
    async fn take(watch: &mut PgConnection) -> Self {
        // The backends of this database; the cluster's helpers serve other databases as well.
        let pids: Vec<i32> = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .fetch_all(&mut *watch)
        .await
        .expect("lists backends");
        let (wal_bytes, stored_bytes) = sqlx::query_as(
            "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, sum(pg_total_relation_size(relid))::bigint
             FROM pg_partition_tree('spans')",
        )
        .fetch_one(watch)
        .await
        .expect("measures");
        let backends = pids
            .into_iter()
            .filter_map(|pid| Some((pid, on_cpu_ns(Path::new(&format!("/proc/{pid}")))?)))
            .collect();
        let tasks = fs::read_dir("/proc/self/task").expect("lists threads");
        Self {
            client_ns: tasks
                .flatten()
                .filter_map(|task| on_cpu_ns(&task.path()))
                .sum(),
            backends,
            at: std::time::Instant::now(),
            wal_bytes,
            stored_bytes,
        }
    }

    fn since(&self, before: &Self) -> Cost {
        let backends = self.backends.iter().map(|(pid, after)| {
            let known = before.backends.iter().find(|(known, _)| known == pid);
            after - known.map_or(0, |(_, before)| *before)
        });
        Cost {
            client_s: (self.client_ns - before.client_ns) as f64 / 1e9,
            postgres_s: backends.sum::<u64>() as f64 / 1e9,
            wall_s: self.at.duration_since(before.at).as_secs_f64(),
            wal_bytes: self.wal_bytes - before.wal_bytes,
            stored_bytes: self.stored_bytes - before.stored_bytes,
        }
    }
}

/// Time a task has run, from the kernel's scheduler statistics.
fn on_cpu_ns(task: &Path) -> Option<u64> {
    fs::read_to_string(task.join("schedstat"))
        .ok()?
        .split(' ')
        .next()?
        .parse()
        .ok()
}
