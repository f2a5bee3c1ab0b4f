//! Fresh, migrated databases for integration tests (feature `testing`).

mod compaction;
mod look;
mod search;
pub mod seed;
mod trace_sql;

use std::env;
use std::hash::Hasher as _;
use std::str::FromStr as _;
use std::sync::Arc;
use std::thread;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use throughline_model::StorageGauge;
use throughline_wire::UnixNanos;
use uuid::Uuid;
use xxhash_rust::xxh3::Xxh3Default;

use crate::migrate::{self, MIGRATIONS};
use crate::{Gauge, Store, StoreOptions};

pub use self::compaction::HeldCompaction;
pub use self::look::{count, count_span_ids, count_spans, execute, measured_clocks, table_digests};
pub use self::search::{scan_counts, search};
pub use self::trace_sql::trace_sql;

/// Returns a gauge without any limit.
pub fn no_limit() -> Gauge {
    Arc::new(StorageGauge::default)
}

/// The environment variable with the URL of a cluster in which the tests may create and drop
/// anything.
pub const URL_VARIABLE: &str = "THROUGHLINE_TEST_DATABASE_URL";

/// The advisory lock under which one test process at a time creates the template.
const TEMPLATE_LOCK: i64 = 0x7472_616e_7370_6c74;

/// A migrated database for one test; dropped with this value.
#[derive(Debug)]
pub struct FreshDatabase {
    admin: PgConnectOptions,
    name: String,
    url: String,
}

impl FreshDatabase {
    /// Creates a database as a copy of a migrated template. The first test of a cluster creates the
    /// template.
    ///
    /// # Panics
    /// Panics if the cluster cannot be used. The message says how to fix it.
    pub async fn create() -> Self {
        let (base, admin) = test_cluster();
        let mut connection = connect(&admin).await;
        let template = template(&mut connection, &admin).await;
        Self::copy_of(&template, connection, admin, &base).await
    }

    /// Creates a database without tables, for tests of the migrations themselves.
    ///
    /// # Panics
    /// Panics if the cluster cannot be used.
    pub async fn create_empty() -> Self {
        let (base, admin) = test_cluster();
        let connection = connect(&admin).await;
        Self::copy_of("template0", connection, admin, &base).await
    }

    async fn copy_of(
        template: &str,
        mut connection: PgConnection,
        admin: PgConnectOptions,
        base: &str,
    ) -> Self {
        let name = format!("throughline_test_{}", Uuid::new_v4().simple());
        create(
            &mut connection,
            format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        connection.close().await.expect("closes");
        let url = url_of(base, &name);
        Self { admin, name, url }
    }

    /// Returns the URL of the database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens a separate connection, with which a test inspects the tables or holds locks.
    ///
    /// # Panics
    /// Panics if the database does not respond.
    pub async fn connection(&self) -> PgConnection {
        PgConnectOptions::from_str(&self.url)
            .expect("a postgres:// URL")
            .disable_statement_logging()
            .connect()
            .await
            .expect("the database answers")
    }

    /// Opens a connection to another database of the cluster, for actions that are impossible from
    /// inside this one.
    ///
    /// # Panics
    /// Panics if the cluster does not respond.
    pub async fn admin(&self) -> PgConnection {
        self.admin.connect().await.expect("the cluster answers")
    }

    /// Returns the current time of the database's clock. The spans of a test lie around it.
    ///
    /// # Panics
    /// Panics if the database does not respond.
    pub async fn now(&self) -> UnixNanos {
        let now: i64 = sqlx::query_scalar(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000",
        )
        .fetch_one(&mut self.connection().await)
        .await
        .expect("tells the time");
        UnixNanos::new(now)
    }

    /// Opens a store on the database whose clock always shows `now`.
    pub fn store(&self, now: UnixNanos) -> Store {
        self.store_with(StoreOptions::new(move || now))
    }

    /// Opens a store on the database.
    ///
    /// # Panics
    /// Never: the URL was used before.
    pub fn store_with(&self, options: StoreOptions) -> Store {
        Store::connect_lazy(&self.url, options).expect("the URL is understood")
    }
}

impl Drop for FreshDatabase {
    fn drop(&mut self) {
        let (admin, name) = (self.admin.clone(), self.name.clone());
        // A separate thread is needed because the current one may be inside a runtime.
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let mut connection = admin.connect().await?;
                sqlx::query(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
                    .execute(&mut connection)
                    .await?;
                connection.close().await
            })
        });
        if !matches!(dropped.join(), Ok(Ok(()))) {
            tracing::warn!(name = self.name, "a test database was left behind");
        }
    }
}

fn test_cluster() -> (String, PgConnectOptions) {
    let base = env::var(URL_VARIABLE).unwrap_or_else(|_| {
        panic!(
            "{URL_VARIABLE} is not set: run cargo xtask test, which starts a throw-away Postgres"
        )
    });
    let admin = PgConnectOptions::from_str(&base)
        .expect("the test database URL is a postgres:// URL")
        .disable_statement_logging();
    (base, admin)
}

async fn connect(admin: &PgConnectOptions) -> PgConnection {
    admin
        .connect()
        .await
        .expect("the test cluster answers; run cargo xtask test, which starts one")
}

/// Returns the name of a migrated database that has no connections.
async fn template(connection: &mut PgConnection, admin: &PgConnectOptions) -> String {
    let mut hash = Xxh3Default::new();
    for migration in MIGRATIONS.iter() {
        hash.write(&migration.checksum);
    }
    let name = format!("throughline_template_{:016x}", hash.finish());
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut *connection)
        .await
        .expect("locks");
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&name)
            .fetch_one(&mut *connection)
            .await
            .expect("lists databases");
    if !exists {
        // Dropping a database waits until every process of the cluster has acknowledged it. On some
        // kernels (gVisor's) the autovacuum launcher sleeps through the signal, by default for a
        // minute.
        create(
            connection,
            "ALTER SYSTEM SET autovacuum_naptime = '1s'".to_owned(),
        )
        .await;
        create(connection, "SELECT pg_reload_conf()".to_owned()).await;
        // The template has another name until it is complete, so that a killed test run leaves no
        // incomplete template.
        let building = format!("{name}_building");
        create(
            connection,
            format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)"),
        )
        .await;
        create(connection, format!("CREATE DATABASE {building}")).await;
        let inside = admin
            .clone()
            .database(&building)
            .connect()
            .await
            .expect("connects to the template");
        migrate::run(inside).await.expect("the migrations apply");
        create(
            connection,
            format!("ALTER DATABASE {building} RENAME TO {name}"),
        )
        .await;
    }
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut *connection)
        .await
        .expect("unlocks");
    name
}

/// Runs a statement with names, which cannot be bound. The names come from this file and consist of
/// letters and digits.
async fn create(connection: &mut PgConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql.clone()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Returns the URL with another database name.
fn url_of(base: &str, name: &str) -> String {
    let (address, query) = base
        .split_once('?')
        .map_or((base, None), |(a, q)| (a, Some(q)));
    let after_scheme = address.find("://").map_or(0, |at| at + 3);
    let end = address[after_scheme..]
        .find('/')
        .map_or(address.len(), |at| after_scheme + at);
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    format!("{}/{name}{query}", &address[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        for (base, expected) in [
            ("postgres://u:p@h:5432/postgres", "postgres://u:p@h:5432/x"),
            ("postgres://h", "postgres://h/x"),
            ("postgres://h/a?host=/run/s", "postgres://h/x?host=/run/s"),
        ] {
            assert_eq!(url_of(base, "x"), expected);
        }
    }
}
