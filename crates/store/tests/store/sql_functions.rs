//! Tests of the SQL functions for users of psql.

use sqlx::PgConnection;
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::TenantId;
use uuid::Uuid;

use crate::support::{Fixture, lone};

const SESSION: &str = "6a5f2d0e-1b7c-4a57-9c0e-2f7d1a3b4c5d";

/// Returns an event of the default tenant, of this trace and span, `ms` after now.
async fn event(
    connection: &mut PgConnection,
    fixture: &Fixture,
    of: Option<&throughline_wire::Span>,
    ms: i64,
    message: &str,
) {
    sqlx::query(
        "INSERT INTO events (
            tenant_id, trace_id, span_id, at_ns, received_ns, digest, resource_id, scope_id,
            severity, event_type, message, session_id, correlation_id
        ) VALUES ($1, $2, $3, $4, 0, $5, 0, 0, 9, 'order.placed', $6, $7, $7)",
    )
    .bind(Uuid::from_bytes(TenantId::DEFAULT.to_bytes()))
    .bind(of.map(|span| Uuid::from_bytes(span.trace_id.to_bytes())))
    .bind(of.map(|span| span.span_id.to_i64()))
    .bind(fixture.at_ms(ms).get())
    .bind(ms)
    .bind(message)
    .bind(SESSION)
    .execute(connection)
    .await
    .expect("is inserted");
}

async fn column(connection: &mut PgConnection, sql: &'static str, value: &str) -> Vec<String> {
    sqlx::query_scalar(sql)
        .bind(value)
        .fetch_all(connection)
        .await
        .expect("answers")
}

#[tokio::test]
async fn events_are_found_by_session_and_correlation_given_as_text_or_uuid() {
    let fixture = Fixture::new().await;
    let root = lone("GET /", &mut Ids::seeded(71))
        .starts(fixture.now)
        .build();
    fixture.write(&[Sent::by("shop", root.clone())]).await;
    let mut connection = fixture.database.connection().await;
    event(&mut connection, &fixture, Some(&root), 2, "second").await;
    event(&mut connection, &fixture, None, 1, "first").await;
    for sql in [
        "SELECT message FROM events_by_session($1::text)",
        "SELECT message FROM events_by_session($1::uuid)",
        "SELECT message FROM events_by_correlation($1::text)",
        "SELECT message FROM events_by_correlation($1::uuid)",
    ] {
        let messages = column(&mut connection, sql, SESSION).await;
        assert_eq!(messages, ["first", "second"], "{sql}");
    }
    let other = column(
        &mut connection,
        "SELECT message FROM events_by_session($1)",
        "another",
    );
    assert_eq!(other.await, Vec::<String>::new());
}

#[tokio::test]
async fn sql_functions_read_another_tenant_only_if_it_is_given() {
    let fixture = Fixture::new().await;
    let root = lone("GET /", &mut Ids::seeded(72))
        .starts(fixture.now)
        .build();
    fixture.write(&[Sent::by("shop", root.clone())]).await;
    let mut connection = fixture.database.connection().await;
    event(&mut connection, &fixture, Some(&root), 1, "mine").await;
    let trace = root.trace_id.to_string();
    for (tenant, expected) in [
        ("", 1),
        ("11111111-1111-4111-8111-111111111111", 0),
        ("00000000-0000-4000-8000-000000000001", 1),
    ] {
        column(
            &mut connection,
            "SELECT set_config('app.tenant', $1, false)",
            tenant,
        )
        .await;
        let sql = "SELECT message FROM events_by_session($1)";
        assert_eq!(column(&mut connection, sql, SESSION).await.len(), expected);
        let sql = "SELECT timeline FROM trace_timeline($1) WHERE timeline LIKE 'GET%'";
        assert_eq!(column(&mut connection, sql, &trace).await.len(), expected);
    }
}

#[tokio::test]
async fn a_timeline_is_the_tree_with_its_events_for_any_parents() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(73);
    let starts = |ms: i64| fixture.at_ms(ms);
    let root = lone("root", &mut ids)
        .starts(starts(0))
        .lasts(9_000_000)
        .build();
    let child = |name: &'static str, ids: &mut Ids, of: &throughline_wire::Span, ms: i64| {
        span(name)
            .id(ids.span_id())
            .child_of(of)
            .starts(starts(ms))
            .lasts(1_000_000)
    };
    let late = child("late child", &mut ids, &root, 5).build();
    let early = child("early child", &mut ids, &root, 1)
        .error("no stock")
        .build();
    let grandchild = child("grandchild", &mut ids, &early, 2).build();
    let absent = child("absent", &mut ids, &root, 0).build();
    let orphan = child("orphan", &mut ids, &absent, 6).build();
    let mut egg = child("egg", &mut ids, &root, 7).build();
    let hen = child("hen", &mut ids, &egg, 8).build();
    egg.parent_span_id = Some(hen.span_id);
    let sent = [&root, &late, &early, &grandchild, &orphan, &egg, &hen]
        .map(|span| Sent::by("shop", span.clone()));
    fixture.write(&sent).await;
    let mut connection = fixture.database.connection().await;
    event(&mut connection, &fixture, Some(&early), 3, "paid").await;
    let lines = column(
        &mut connection,
        "SELECT concat_ws('|', offset_ms::real, duration_ms::real, timeline, service, status)
         FROM trace_timeline($1)",
        &root.trace_id.to_string(),
    )
    .await;
    let expected = [
        "0|9|root|shop",
        "1|1|  early child: no stock|shop|error",
        "2|1|    grandchild|shop",
        "3|    * order.placed: paid",
        "5|1|  late child|shop",
        "6|1|orphan|shop",
        "7|1|egg|shop",
        "8|1|hen|shop",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn sql_functions_and_lists_use_their_indexes() {
    let fixture = Fixture::new().await;
    let root = lone("GET /", &mut Ids::seeded(74))
        .starts(fixture.now)
        .build();
    fixture.write(&[Sent::by("shop", root.clone())]).await;
    let mut connection = fixture.database.connection().await;
    sqlx::query(
        "INSERT INTO events (
            tenant_id, at_ns, received_ns, digest, resource_id, scope_id, severity,
            session_id, correlation_id
        )
        SELECT throughline_tenant(), $1 + n, 0, n, 0, 0, 9, 's' || n % 500, 'c' || n % 500
        FROM generate_series(1, 5000) AS n",
    )
    .bind(fixture.now.get())
    .execute(&mut connection)
    .await
    .expect("inserts");
    // Without this, Postgres scans the table, because it is small.
    sqlx::raw_sql("ANALYZE; SET enable_seqscan = off; SET enable_bitmapscan = off")
        .execute(&mut connection)
        .await
        .expect("analyses");
    let tenant = "tenant_id = throughline_tenant()";
    for (sql, index) in [
        (
            "SELECT FROM events_by_session('s1'::text)".to_owned(),
            "session_id_at_ns",
        ),
        (
            "SELECT FROM events_by_correlation('c1'::text)".to_owned(),
            "correlation_id_at_ns",
        ),
        (
            format!("SELECT FROM traces WHERE {tenant} ORDER BY start_ns DESC"),
            "traces_by_start",
        ),
        (
            format!("SELECT FROM traces WHERE {tenant} AND has_error ORDER BY start_ns DESC"),
            "traces_with_errors",
        ),
    ] {
        let plan: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("EXPLAIN (COSTS OFF) {sql}")))
                .fetch_all(&mut connection)
                .await
                .expect("plans");
        let plan = plan.join("\n");
        assert!(plan.contains(index), "{sql}\n{plan}");
    }
}
