//! Connections that die silently: nothing arrives on them any more, and nobody closes them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use throughline_model::{
    EventFilter, EventPageRequest, PageRequest, ReadError, RetentionAdmin, RetentionRules,
    RollupFilter, StorageGauge, TraceFilter, TraceReader,
};
use throughline_store::testing::FreshDatabase;
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

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, generation: watch::Receiver<u64>) {
    let born = *generation.borrow();
    let mut piece = vec![0; 16 * 1024];
    while let Ok(len @ 1..) = from.read(&mut piece).await {
        if *generation.borrow() != born {
            // Neither passed on nor closed.
            std::future::pending::<()>().await;
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
            reader_connections: 2,
            acquire_timeout: Duration::from_millis(500),
            answer_timeout: Duration::from_millis(500),
            job_silence: Duration::from_millis(500),
            clock_steadiness: Duration::ZERO,
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
        let gauge = Arc::new(StorageGauge::default);
        self.store
            .retention_admin(TenantId::DEFAULT, RetentionRules::default(), gauge)
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
    async fn silenced<T>(&self, table: &str, work: impl Future<Output = T>) -> T {
        let mut blocker = self.lock(table).await;
        let silence = async {
            self.until_something_waits().await;
            self.proxy.silence();
            sqlx::raw_sql("COMMIT")
                .execute(&mut blocker)
                .await
                .expect("unlocks");
        };
        tokio::join!(work, silence).0
    }
}

#[tokio::test]
async fn reads_on_connections_that_became_silent_fail_and_later_ones_succeed() {
    let silent = Silent::new().await;
    let (reader, admin) = (silent.reader(), silent.admin());
    for which in 0..9 {
        let read = async || match which {
            0 => {
                let filter = TraceFilter::default();
                let listed = reader.list_traces(&filter, PageRequest::default()).await;
                listed.map(drop)
            }
            1 => reader
                .trace_statistics(&TraceFilter::default())
                .await
                .map(drop),
            2 => reader.rollups(&RollupFilter::default()).await.map(drop),
            3 => reader.list_services().await.map(drop),
            4 => {
                let filter = EventFilter::default();
                let page = EventPageRequest::default();
                reader.list_events(&filter, page).await.map(drop)
            }
            5 => admin.list_pins().await.map(drop),
            6 => admin.storage().await.map(drop),
            7 => silent.store.used_bytes().await.map(drop),
            _ => silent.store.ping().await,
        };
        read().await.expect("reads");
        silent.proxy.silence();
        // The pool may notice the dead connection first, and open another.
        let first = read().await;
        assert!(
            matches!(first, Ok(()) | Err(ReadError::Unavailable)),
            "{which}"
        );
        while read().await.is_err() {}
    }
}

#[tokio::test]
async fn a_read_whose_answer_is_lost_fails_and_leaves_its_place_to_others() {
    let silent = Silent::new().await;
    let reader = silent.reader();
    let filter = TraceFilter::default();
    let list = async || {
        let listed = reader.list_traces(&filter, PageRequest::default()).await;
        listed.map(|page| page.items.len())
    };
    for _ in 0..3 {
        let lost = silent.silenced("traces", list()).await;
        assert_eq!(lost, Err(ReadError::Unavailable));
        let lost = silent.silenced("services", reader.list_services()).await;
        assert_eq!(lost, Err(ReadError::Unavailable));
        while list().await != Ok(1) {}
    }
}

#[tokio::test]
async fn a_job_whose_answer_is_lost_ends_and_another_connection_gets_its_lock() {
    let silent = Silent::new().await;
    for (job, table) in [
        (JobKind::Compact, "level0_blocks"),
        (JobKind::Retain, "services"),
    ] {
        let lock = silent.store.try_lead(job).await.expect("asks");
        let mut lock = lock.expect("nobody else does it");
        let work = async {
            match job {
                JobKind::Compact => lock.compact(CompactionScope::Everything).await.map(drop),
                JobKind::Retain => lock.retain(silent.retain).await.map(drop),
            }
        };
        let ended = silent.silenced(table, work).await;
        assert!(matches!(ended, Err(StoreError::Database(_))), "{ended:?}");
        drop(lock);
        let mut next = loop {
            if let Ok(Some(lock)) = silent.store.try_lead(job).await {
                break lock;
            }
            sleep(Duration::from_millis(20)).await;
        };
        next.compact(CompactionScope::Everything)
            .await
            .expect("compacts");
        next.retain(silent.retain).await.expect("runs");
        next.release().await;
    }
}

#[tokio::test]
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

#[tokio::test]
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
