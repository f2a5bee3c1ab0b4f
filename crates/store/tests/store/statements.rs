//! Tests that each statement in a `.sql` file is valid for the migrated schema.

use std::fs;
use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, Executor as _, PgConnection, SqlSafeStr as _};
use throughline_store::testing::FreshDatabase;

/// The files with parts of statements that the program assembles, each with its statement. The
/// tests that run the statement check these parts.
const FRAGMENTS: [(&str, &str); 4] = [
    (
        "reader/event_columns.sql",
        "the columns of a list of events",
    ),
    (
        "reader/event_names.sql",
        "what wraps a list of events, cut in two",
    ),
    (
        "reader/summary_head.sql",
        "what stands before a page of traces",
    ),
    (
        "reader/summary_tail.sql",
        "what stands after a page of traces",
    ),
];

/// The types of parameters that the database does not infer; the program binds values of them.
const PARAMETER_TYPES: [(&str, &str); 5] = [
    ("retention/count_expired.sql", "unknown, bigint, bigint"),
    ("retention/expired_traces.sql", "unknown, bigint, bigint"),
    ("retention/remove_traces.sql", "unknown, bigint, bigint"),
    ("retention/share_of_blocks.sql", "unknown, bigint, bigint"),
    ("retention/share_of_day.sql", "unknown, bigint, bigint"),
];

/// The files that create the temporary tables of other statements.
const TEMPORARY: &str = "CREATE TEMPORARY TABLE";

fn statement_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            statement_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
}

/// Returns the statement without the comments at its beginning.
fn beginning(text: &str) -> &str {
    let mut text = text.trim_start();
    while text.starts_with("--") {
        text = text
            .split_once('\n')
            .map_or("", |(_, rest)| rest)
            .trim_start();
    }
    text
}

/// Prepares the statement. A COPY statement is run without rows.
async fn check(connection: &mut PgConnection, name: &str, text: &str) -> Result<(), sqlx::Error> {
    if let Some((_, types)) = PARAMETER_TYPES.iter().find(|(typed, _)| *typed == name) {
        let statement = format!("PREPARE typed ({types}) AS {text}; DEALLOCATE typed");
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(statement)))
            .await?;
        return Ok(());
    }
    if beginning(text).starts_with("COPY ") {
        // Only the signature and the trailer of the binary format.
        let mut copy = connection.copy_in_raw(text).await?;
        copy.send(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\xff\xff".as_slice())
            .await?;
        copy.finish().await?;
        return Ok(());
    }
    connection
        .prepare(AssertSqlSafe(text.to_owned()).into_sql_str())
        .await?;
    Ok(())
}

#[tokio::test]
async fn every_statement_in_a_file_is_prepared_against_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    statement_files(&root, &mut files);
    let mut statements: Vec<(String, String)> = files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("inside").to_str();
            let name = name.expect("text").replace('\\', "/");
            (name, fs::read_to_string(&path).expect("readable"))
        })
        .collect();
    // Temporary tables come first.
    statements.sort_by_key(|(name, text)| (!beginning(text).starts_with(TEMPORARY), name.clone()));
    for (name, part) in FRAGMENTS {
        assert!(
            statements.iter().any(|(known, _)| known == name),
            "{name} ({part}) is gone; remove it from the list"
        );
    }

    let database = FreshDatabase::create().await;
    let mut connection = database.connection().await;
    let mut faults = Vec::new();
    for (name, text) in &statements {
        if FRAGMENTS.iter().any(|(fragment, _)| fragment == name) {
            continue;
        }
        if beginning(text).starts_with(TEMPORARY) {
            let created = sqlx::raw_sql(AssertSqlSafe(text.clone()));
            created.execute(&mut connection).await.expect("creates");
        }
        if let Err(error) = check(&mut connection, name, text).await {
            faults.push(format!("{name}: {error}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(statements.len() > FRAGMENTS.len());
}
