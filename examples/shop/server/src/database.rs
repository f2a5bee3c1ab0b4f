//! Opens the shop's database. Creates and migrates it if needed.

use std::str::FromStr;

use anyhow::{Context, bail};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgPool};

/// Connects to the database `name` in the cluster of `url`. Creates the database first if it is
/// missing, and updates its schema.
///
/// # Errors
/// The cluster cannot be reached, the database cannot be created, or a migration fails.
pub async fn open(url: &str, name: &str) -> anyhow::Result<PgPool> {
    let given = PgConnectOptions::from_str(url).context("the database URL is malformed")?;
    let own = given.clone().database(name);
    let pool = PgPoolOptions::new().max_connections(10);

    let pool = match pool.clone().connect_with(own.clone()).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_SUCH_DATABASE) => {
            create(given, name).await?;
            pool.connect_with(own).await
        }
        other => other,
    }
    .with_context(|| format!("cannot connect to database {name}"))?;

    sqlx::migrate!("../migrations")
        .run(&pool)
        .await
        .context("cannot migrate the database")?;
    Ok(pool)
}

/// The SQLSTATE of a connection to a missing database.
const NO_SUCH_DATABASE: &str = "3D000";
/// The SQLSTATEs of `CREATE DATABASE` if another process created the database at the same moment.
const ALREADY_THERE: [&str; 2] = ["42P04", "23505"];

async fn create(given: PgConnectOptions, name: &str) -> anyhow::Result<()> {
    if !is_plain_name(name) {
        bail!("database name {name:?} may have only a-z, 0-9 and _, and must begin with a letter");
    }
    let through = given
        .get_database()
        .filter(|db| *db != name)
        .unwrap_or("postgres")
        .to_owned();
    let mut connection = PgConnection::connect_with(&given.database(&through))
        .await
        .with_context(|| format!("cannot connect to database {through} to create {name}"))?;

    // The name was checked above. It has no quotes, so it cannot end the identifier.
    let statement = AssertSqlSafe(format!("CREATE DATABASE \"{name}\""));
    match sqlx::query(statement).execute(&mut connection).await {
        Ok(_) => tracing::info!(database = name, "created the database"),
        Err(sqlx::Error::Database(error))
            if error
                .code()
                .is_some_and(|code| ALREADY_THERE.contains(&&*code)) => {}
        Err(error) => return Err(error).with_context(|| format!("cannot create {name}")),
    }
    Ok(connection.close().await?)
}

fn is_plain_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::is_plain_name;

    #[test]
    fn only_plain_names_reach_the_statement() {
        assert!(is_plain_name("shop"));
        assert!(is_plain_name("shop_2"));
        for name in [
            "",
            "2shop",
            "Shop",
            "shop\"; DROP DATABASE x; --",
            "a b",
            &"a".repeat(64),
        ] {
            assert!(!is_plain_name(name), "{name:?}");
        }
    }
}
