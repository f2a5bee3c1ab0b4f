//! Connections that die silently: nothing arrives on them any more, and nobody closes them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use throughline_model::{
    EventFilter, EventPageRequest, PageRequest, ReadError, RetentionAdmin, RetentionRules,
    RollupFilter, TraceFilter, TraceReader,
};
use throughline_store::testing::{FreshDatabase, no_limit};
use throughline_store::{
    CompactionScope, JobKind, Retain, Rewrite, Store, StoreError, StoreOptions,
};
use throughline_testkit::{Ids, Sent};
use throughline_wire::TenantId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::support::{batch, lone};

/// The generation after the last one.
const END: u64 = u64::MAX;

/// A TCP proxy in front of Postgres whose connections become silent.
struct Proxy {
    /// Connections of an earlier generation are silent.
    generation: Arc<watch::Sender<u64>>,
}

impl Proxy {
    /// Starts a proxy; returns the URL of the database through it.
    async fn before(url: &str) -> (Self, String) {
        let (start, address) = url.split_once('@').expect("a user");
        let (upstream, name) = address.split_once('/').expect("a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let url = format!("{start}@127.0.0.1:{port}/{name}");
        let generation = Arc::new(watch::Sender::new(0));
        let (upstream, current) = (upstream.to_owned(), Arc::clone(&generation));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let born = current.subscribe();
                let Ok(server) = TcpStream::connect(&upstream).await else {
                    continue;
                };
                let (client_in, client_out) = client.into_split();
                let (server_in, server_out) = server.into_split();
                tokio::spawn(pass(client_in, server_out, born.clone()));
                tokio::spawn(pass(server_in, client_out, born));
            }
        });
        (Self { generation }, url)
    }

    /// Makes all connections silent that are open now.
    fn silence(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A connection that is still opening would delay the end of the database.
        self.generation.send_replace(END);
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut generation: watch::Receiver<u64>,
) {
    let born = *generation.borrow();
    let mut piece = vec![0; 16 * 1024];
    while let Ok(len @ 1..) = from.read(&mut piece).await {
        if *generation.borrow() != born {
            // Neither passed on nor closed, until the test ends.
            let _ = generation.wait_for(|generation| *generation == END).await;
            return;
        }
        if to.write_all(&piece[..len]).await.is_err() {
            return;
        }
    }
}

/// A store whose connections go through a proxy, and give up soon.
struct Silent {
    store: Store,
    proxy: Proxy,
    database: FreshDatabase,
    retain: Retain,
}

impl Silent {
    async fn new() -> Self {
        let database = FreshDatabase::create().await;
        let (proxy, url) = Proxy::before(database.url()).await;
        let now = database.now().await;
        let options = StoreOptions {
            reader_connections: 4,
            acquire_timeout: Duration::from_secs(1),
            answer_timeout: Duration::from_secs(1),
            job_silence: Duration::from_millis(500),
            ..StoreOptions::new(move || now)
        };
        let store = Store::connect(&url, options).await.expect("connects");
        let span = lone("GET /", &mut Ids::seeded(3)).build();
        let sent = batch(&[Sent::by("shop", span)]);
        store.writer().submit(sent).await.expect("is stored");
        Self {
            store,
            proxy,
            database,
            retain: Retain {
                trusts_clock: false,
                rules: RetentionRules::default(),
                now,
                rewrite: Rewrite::Now,
                is_dry_run: false,
            },
        }
    }

    fn reader(&self) -> Arc<dyn TraceReader> {
        self.store.reader(TenantId::DEFAULT)
    }

    fn admin(&self) -> Arc<dyn RetentionAdmin> {
        self.store
            .retention_admin(TenantId::DEFAULT, RetentionRules::default(), no_limit())
    }

    /// Locks a table, so that the next statement on it waits.
    async fn lock(&self, table: &str) -> PgConnection {
        let mut blocker = self.database.connection().await;
        let sql = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut blocker)
            .await
            .expect("locks");
        blocker
    }

    /// Waits until a statement waits for a table.
    async fn until_something_waits(&self) {
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
             WHERE NOT granted AND locktype = 'relation' AND datname = current_database()";
        let mut connection = self.database.connection().await;
        while sqlx::query_scalar::<_, i64>(waiting)
            .fetch_one(&mut connection)
            .await
            .expect("counts")
            == 0
        {
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Runs `work`, whose connection becomes silent while it waits for `table`.
    async fn silenced<T>(&self, table: &str, work: impl AsyncFn() -> T) -> T {
        let mut blocker = self.lock(table).await;
        let mut running = Box::pin(work());
        loop {
            tokio::select! {
                () = self.until_something_waits() => break,
                // It did not get as far as the table in time.
                _ = &mut running => running.set(work()),
            }
        }
        self.proxy.silence();
        sqlx::raw_sql("COMMIT")
            .execute(&mut blocker)
            .await
            .expect("unlocks");
        running.await
    }

    /// Does one of eleven reads.
    async fn read(&self, which: usize) -> Result<(), ReadError> {
        let (reader, admin) = (self.reader(), self.admin());
        match which {
            0 => {
                let filter = TraceFilter::default();
                let listed = reader.list_traces(&filter, PageRequest::default()).await;
                listed.map(drop)
            }
            1 => {
                let filter = TraceFilter::default();
                reader.trace_statistics(&filter).await.map(drop)
            }
            2 => reader.rollups(&RollupFilter::default()).await.map(drop),
            3 => reader.list_services("").await.map(drop),
            4 => {
                let filter = EventFilter::default();
                let page = EventPageRequest::default();
                reader.list_events(&filter, page).await.map(drop)
            }
            5 => admin.list_pins().await.map(drop),
            6 => admin.storage().await.map(drop),
            7 => self.store.used_bytes().await.map(drop),
            8 => self.store.space_use().await.map(drop),
            9 => self.store.retention_refusal().await.map(drop),
            _ => self.store.ping().await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_fail_because_idle_connections_became_silent() {
    let silent = Silent::new().await;
    for which in 0..11 {
        silent.read(which).await.expect("reads");
        // Its connection becomes idle meanwhile. If not, the read below uses another one.
        sleep(Duration::from_millis(50)).await;
        silent.proxy.silence();
        assert_eq!(silent.read(which).await, Ok(()), "{which}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_answer_is_lost_fails_and_leaves_its_place_to_others() {
    let silent = Silent::new().await;
    for (which, table, times) in [
        // More often than the pool has connections.
        (0, "traces", 5),
        (1, "traces", 1),
        (2, "rollups", 1),
        (3, "services", 5),
        (4, "events", 1),
        (5, "pins", 1),
        (6, "storage_days", 1),
        (8, "traces", 1),
    ] {
        for _ in 0..times {
            let lost = silent.silenced(table, async || silent.read(which).await);
            assert_eq!(lost.await, Err(ReadError::Unavailable), "{which}");
        }
        // The pool notices the lost connections some seconds later.
        while silent.read(which).await.is_err() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_whose_answer_is_lost_ends_and_another_one_succeeds() {
    let silent = Silent::new().await;
    let migrate = async || silent.store.migrate().await.map(drop);
    let ended = silent.silenced("_sqlx_migrations", migrate).await;
    assert!(matches!(ended, Err(StoreError::Database(_))), "{ended:?}");
    migrate().await.expect("migrates");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_answer_is_lost_ends_and_another_connection_gets_its_lock() {
    let silent = Silent::new().await;
    for (job, table) in [
        (JobKind::Compact, "level0_blocks"),
        (JobKind::Retain, "services"),
    ] {
        let work = async || {
            let lock = silent.store.try_lead(job).await.expect("asks");
            let mut lock = lock.expect("nobody else does it");
            match job {
                JobKind::Compact => lock.compact(CompactionScope::Everything).await.map(drop),
                JobKind::Retain => lock.retain(silent.retain, &no_limit()).await.map(drop),
            }
        };
        let ended = silent.silenced(table, work).await;
        assert!(matches!(ended, Err(StoreError::Database(_))), "{ended:?}");
        let mut next = loop {
            if let Ok(Some(lock)) = silent.store.try_lead(job).await {
                break lock;
            }
            sleep(Duration::from_millis(20)).await;
        };
        next.compact(CompactionScope::Everything)
            .await
            .expect("compacts");
        next.retain(silent.retain, &no_limit()).await.expect("runs");
        next.release().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_connection_became_silent_loses_its_lock() {
    let silent = Silent::new().await;
    let lock = silent.store.try_lead(JobKind::Compact).await.expect("asks");
    let mut lock = lock.expect("nobody else does it");
    silent.proxy.silence();
    lock.check().await.expect_err("is lost");
    drop(lock);
    while !matches!(silent.store.try_lead(JobKind::Compact).await, Ok(Some(_))) {
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_a_job_that_takes_long_is_not_given_up() {
    let silent = Silent::new().await;
    let lock = silent.store.try_lead(JobKind::Compact).await.expect("asks");
    let mut lock = lock.expect("nobody else does it");
    let mut blocker = silent.lock("level0_blocks").await;
    let release = async {
        // Several times as long as a connection may be silent.
        sleep(Duration::from_secs(3)).await;
        sqlx::raw_sql("COMMIT")
            .execute(&mut blocker)
            .await
            .expect("unlocks");
    };
    let (compacted, ()) = tokio::join!(lock.compact(CompactionScope::Everything), release);
    assert_eq!(compacted.expect("compacts").moved_spans, 1);
}
