//! Tests that statements of jobs use keys, also on tables that were never analysed.

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use throughline_testkit::{Ids, Sent};
use throughline_wire::TenantId;
use uuid::Uuid;

use crate::support::{Fixture, lone};

async fn execute(connection: &mut PgConnection, sql: &'static str) {
    let done = sqlx::raw_sql(sql).execute(connection).await;
    done.expect("executes");
}

/// Adds to `found` the index condition for each table whose name begins with `table`; empty for a
/// scan of the whole table.
fn conditions(plan: &Value, table: &str, found: &mut Vec<String>) {
    if let Some(name) = plan["Relation Name"].as_str()
        && name.starts_with(table)
    {
        let index = plan["Index Cond"].as_str();
        let bitmap = plan["Recheck Cond"].as_str();
        found.push(index.or(bitmap).unwrap_or_default().to_owned());
    }
    for child in plan["Plans"].as_array().into_iter().flatten() {
        conditions(child, table, found);
    }
}

#[tokio::test]
async fn connections_of_jobs_use_custom_plans() {
    let fixture = Fixture::new().await;
    let mut connection = fixture.database.connection().await;
    execute(
        &mut connection,
        "CREATE TABLE modes (application text, mode text);
         CREATE FUNCTION note_mode() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             INSERT INTO modes
             SELECT current_setting('application_name'), current_setting('plan_cache_mode');
             RETURN NULL;
         END $$;
         CREATE TRIGGER note AFTER DELETE ON level0_blocks EXECUTE FUNCTION note_mode();
         CREATE TRIGGER note AFTER INSERT ON traces EXECUTE FUNCTION note_mode();",
    )
    .await;
    let span = lone("work", &mut Ids::seeded(330)).starts(fixture.now);
    fixture.write(&[Sent::by("shop", span.build())]).await;
    fixture.store.compact_once().await.expect("compacts");
    let modes: Vec<(String, String)> =
        sqlx::query_as("SELECT DISTINCT application, mode FROM modes ORDER BY application")
            .fetch_all(&mut connection)
            .await
            .expect("reads");
    let modes: Vec<(&str, &str)> = modes
        .iter()
        .map(|(application, mode)| (application.as_str(), mode.as_str()))
        .collect();
    let expected = [
        ("throughline", "auto"),
        ("throughline compaction", "force_custom_plan"),
    ];
    assert_eq!(modes, expected);
}

#[tokio::test]
async fn compaction_uses_the_primary_key_on_tables_without_statistics() {
    let fixture = Fixture::new().await;
    let span = lone("work", &mut Ids::seeded(331)).starts(fixture.now);
    fixture.write(&[Sent::by("shop", span.build())]).await;
    let mut connection = fixture.database.connection().await;
    execute(
        &mut connection,
        "ALTER TABLE traces SET (autovacuum_enabled = off);
         ALTER TABLE rollups SET (autovacuum_enabled = off);
         INSERT INTO traces (tenant_id, trace_id, start_ns, end_ns, received_ns, first_block_id, span_count,
             error_count, root_rank, root_span_id, root_digest, root_operation_id, root_duration_ns,
             has_root, services)
         SELECT tenant_id, md5(at::text)::uuid, start_ns - at, end_ns, received_ns, 0, 1,
             0, 0, 1, 1, root_operation_id, 0, true, services
         FROM traces, generate_series(1, 30000) AS at;
         INSERT INTO events (
             tenant_id, trace_id, at_ns, received_ns, digest, resource_id, scope_id, severity
         )
         SELECT tenant_id, trace_id, start_ns, 0, start_ns, 0, 0, 13 FROM traces;
         INSERT INTO rollups
         SELECT throughline_tenant(), at % 5000, at % 20 * 900000000000, 1, 0, 5, 900, 0, ''
         FROM generate_series(1, 30000) AS at ON CONFLICT DO NOTHING;",
    )
    .await;
    let tenant = Uuid::from_bytes(TenantId::DEFAULT.to_bytes());
    let traces: Vec<Uuid> = sqlx::query_scalar("SELECT trace_id FROM traces LIMIT 3000")
        .fetch_all(&mut connection)
        .await
        .expect("reads");
    let fates = include_str!("../../src/compaction/trace_fates.sql");
    let windows = include_str!("../../src/rollup/stored_rollups.sql");
    let explain = |sql: &str| AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) {sql}"));
    let fates: Value = sqlx::query_scalar(explain(fates))
        .bind(tenant)
        .bind(traces)
        .bind(fixture.at_ms(-3_600_000).get())
        .bind(fixture.at_ms(3_600_000).get())
        .fetch_one(&mut connection)
        .await
        .expect("explains");
    let windows: Value = sqlx::query_scalar(explain(windows))
        .bind(tenant)
        .bind(vec![900; 3])
        .bind(vec![0, 900_000_000_000, 1_800_000_000_000_i64])
        .bind(vec![0_i64; 3])
        .bind(vec![5_000_i64; 3])
        .fetch_one(&mut connection)
        .await
        .expect("explains");
    for (plan, table, key) in [
        (&fates, "traces", "trace_id = "),
        (&fates, "events", "trace_id = "),
        (&windows, "rollups", "start_ns = "),
    ] {
        let mut found = Vec::new();
        conditions(&plan[0]["Plan"], table, &mut found);
        assert!(!found.is_empty(), "{table}: {plan}");
        let is_by_key = found.iter().all(|condition| condition.contains(key));
        assert!(is_by_key, "{table}: {found:?}");
    }
}
