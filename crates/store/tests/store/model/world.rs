//! The state of a test: two servers on one database, the oracle, and the log of the steps.

use std::thread;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use throughline_store::StoreOptions;
use throughline_store::testing::FreshDatabase;
use throughline_testkit::{Ids, Sent};
use throughline_wire::UnixNanos;

use super::oracle::Oracle;
use super::servers::Server;
use super::spans::below;

/// The log of the steps, which a failed test prints.
pub(super) struct Log {
    seed: u64,
    steps: Vec<String>,
}

impl Log {
    pub(super) fn note(&mut self, step: impl Into<String>) {
        self.steps.push(step.into());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the model failed with seed {}, after:", self.seed);
            for (at, step) in self.steps.iter().enumerate() {
                eprintln!("{at:4}  {step}");
            }
        }
    }
}

pub(super) struct World {
    pub ids: Ids,
    pub log: Log,
    pub oracle: Oracle,
    /// The spans that a sender may send again.
    pub history: Vec<Sent>,
    /// The clock of retention.
    pub clock: UnixNanos,
    pub servers: [Server; 2],
    /// A store that reads one block at a time and ends a search after the first blocks.
    pub hasty: Server,
    options: StoreOptions,
    admin: PgConnection,
    connection: PgConnection,
    pub database: FreshDatabase,
}

impl World {
    pub(super) async fn new(seed: u64, fingerprint_bits: u32) -> Self {
        let database = FreshDatabase::create().await;
        let now = database.now().await;
        let timeout = Duration::from_mins(1);
        let options = StoreOptions {
            fingerprint_bits,
            // A long time limit, so that totals are exact on a slow machine too.
            search_budget: timeout,
            read_timeout: timeout,
            acquire_timeout: timeout,
            ..StoreOptions::new(move || now)
        };
        let hasty = StoreOptions {
            search_budget: Duration::ZERO,
            search_rows: 20,
            search_batch_spans: 1,
            ..options.clone()
        };
        Self {
            ids: Ids::seeded(seed),
            log: Log {
                seed,
                steps: Vec::new(),
            },
            oracle: Oracle::new(now),
            history: Vec::new(),
            clock: now,
            servers: [(); 2].map(|()| Server::start(&database, options.clone())),
            hasty: Server::start(&database, hasty),
            options,
            admin: database.admin().await,
            connection: database.connection().await,
            database,
        }
    }

    pub(super) fn below(&mut self, bound: u64) -> usize {
        below(&mut self.ids, bound)
    }

    pub(super) fn is_one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    /// Returns a random existing trace.
    pub(super) fn any_trace(&mut self) -> Option<throughline_wire::TraceId> {
        let all = self.oracle.trace_ids();
        let at = self.below(all.len() as u64);
        all.get(at).copied()
    }

    /// Kills a server at any point and starts it again.
    pub(super) fn kill(&mut self, at: usize) {
        self.servers[at] = Server::start(&self.database, self.options.clone());
    }

    /// Closes the connections of the servers whose names match.
    pub(super) async fn terminate(&mut self, name: &str) {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = $1 AND application_name LIKE $2",
        )
        .bind(self.database.name())
        .bind(name)
        .execute(&mut self.admin)
        .await
        .expect("terminates");
    }

    /// Sets the arrival of all spans to the time of their end.
    pub(super) async fn age(&mut self) {
        sqlx::raw_sql(
            "UPDATE traces SET received_ns = end_ns WHERE received_ns > end_ns;
             UPDATE level0_blocks SET received_day = last_end_ns / 86400000000000
             WHERE received_day > last_end_ns / 86400000000000;",
        )
        .execute(&mut self.connection)
        .await
        .expect("updates");
    }

    pub(super) async fn count(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut self.connection)
            .await
            .expect("counts")
    }
}
