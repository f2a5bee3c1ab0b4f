//! Looks behind the store, for tests that may not name the database library.

use std::str::FromStr as _;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

async fn connect(url: &str) -> PgConnection {
    PgConnectOptions::from_str(url)
        .expect("a postgres:// URL")
        .disable_statement_logging()
        .connect()
        .await
        .expect("the database answers")
}

/// The one number that a query gives (`bigint`).
///
/// # Panics
/// When the database does not answer it: a test cannot go on.
pub async fn count(url: &str, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(&mut connect(url).await)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Runs statements.
///
/// # Panics
/// When one of them fails: a test cannot go on.
pub async fn execute(url: &str, sql: &'static str) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connect(url).await)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}
