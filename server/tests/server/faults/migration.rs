//! A migration is killed in the middle and starts again from the beginning.

use std::time::Duration;

use throughline_store::testing::{FreshDatabase, count, execute};

use crate::program::{command, run};

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_migration_is_repeated() {
    let database = FreshDatabase::create_empty().await;
    let url = database.url().to_owned();
    // Stalls the migration in the middle: the tables exist, the last statement waits.
    execute(
        &url,
        "CREATE FUNCTION stall() RETURNS event_trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM pg_sleep(600); END $$;
         CREATE EVENT TRIGGER stall ON ddl_command_end WHEN TAG IN ('CREATE INDEX')
             EXECUTE FUNCTION stall();",
    )
    .await;
    let mut migrating = command(&["migrate"])
        .env("DATABASE_URL", &url)
        .spawn()
        .expect("runs");
    let asleep = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event = 'PgSleep'";
    for _ in 0..6_000 {
        if count(&url, asleep).await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(count(&url, asleep).await, 1, "it is in the middle");
    migrating.kill().await.expect("killed");
    // Ends the backend of the killed process. It would continue to sleep, because it does not
    // notice that its client has ended.
    execute(
        &url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event = 'PgSleep';
         DROP EVENT TRIGGER stall; DROP FUNCTION stall();",
    )
    .await;
    let tables = "SELECT count(*) FROM pg_class WHERE relname IN ('level0_blocks', 'traces')";
    assert_eq!(count(&url, tables).await, 0, "nothing is half there");

    let (status, complaint) = run(&["migrate", "--database-url", &url]).await;
    assert!(status.success(), "{complaint}");
    assert_eq!(count(&url, tables).await, 2);
    let (status, complaint) = run(&["migrate", "--database-url", &url]).await;
    assert!(
        status.success(),
        "a second time changes nothing: {complaint}"
    );
}
