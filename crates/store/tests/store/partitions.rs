//! Spans lie in the partition of their day, old ones in the archive.

use throughline_model::{TimeRange, TraceFilter};
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::UnixNanos;

use crate::support::{Fixture, lone, received};

const DAY: i64 = UnixNanos::PER_DAY;

fn midnight(now: UnixNanos) -> UnixNanos {
    UnixNanos::new(now.get() - now.get().rem_euclid(DAY))
}

/// In which table each span lies, by its name.
async fn tables(fixture: &Fixture) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT o.name, s.tableoid::regclass::text
         FROM spans AS s JOIN operations AS o ON o.id = s.operation_id ORDER BY s.start_ns",
    )
    .fetch_all(&mut fixture.database.connection().await)
    .await
    .expect("reads")
}

#[tokio::test]
async fn the_last_instant_of_a_day_and_the_first_of_the_next_lie_apart() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(41);
    let today = midnight(fixture.now);
    let before = lone("before", &mut ids)
        .starts(today.saturating_add(-1))
        .build();
    let after = span("after")
        .id(ids.span_id())
        .child_of(&before)
        .starts(today)
        .build();
    let trace_id = before.trace_id;
    let sent = [Sent::by("shop", before), Sent::by("shop", after)];
    assert_eq!(fixture.write(&sent).await, received(2));
    let tables = tables(&fixture).await;
    assert!(tables[0].1.starts_with("spans_2"), "{tables:?}");
    assert!(tables[1].1.starts_with("spans_2"), "{tables:?}");
    assert_ne!(tables[0].1, tables[1].1);
    assert_eq!(fixture.trace(trace_id).await.spans.len(), 2);
}

#[tokio::test]
async fn a_span_of_1990_and_one_before_1970_go_to_the_archive() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(42);
    let ancient = lone("1960", &mut ids)
        .starts(UnixNanos::new(-10 * 365 * DAY))
        .build();
    let old = lone("1990", &mut ids)
        .starts(UnixNanos::new(20 * 365 * DAY))
        .build();
    let trace_id = old.trace_id;
    let sent = [Sent::by("shop", ancient), Sent::by("shop", old.clone())];
    assert_eq!(fixture.write(&sent).await, received(2));
    let archive = |name: &str| (name.to_owned(), "spans_archive".to_owned());
    assert_eq!(tables(&fixture).await, [archive("1960"), archive("1990")]);
    assert_eq!(fixture.trace(trace_id).await.spans[0].span, old);
    let filter = TraceFilter {
        range: TimeRange::Between(UnixNanos::new(0), fixture.now),
        ..TraceFilter::default()
    };
    assert_eq!(fixture.list(&filter).await.len(), 1);
}

#[tokio::test]
async fn a_span_far_ahead_is_rejected_and_makes_no_partition() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(43);
    let far = lone("far", &mut ids)
        .starts(fixture.now.saturating_add(400 * DAY))
        .build();
    let near = lone("near", &mut ids)
        .starts(fixture.now.saturating_add(DAY))
        .build();
    let outcome = fixture
        .write(&[Sent::by("shop", far), Sent::by("shop", near)])
        .await;
    assert_eq!(outcome.received, 1);
    assert_eq!(outcome.rejected.len(), 1);
    assert_eq!(outcome.rejected[0].index, 0);
    assert!(outcome.rejected[0].reason.contains("ahead"));
    // The archive and, for the one span, tomorrow; nothing else was asked for.
    let partitions = fixture
        .count("SELECT count(*) FROM pg_inherits WHERE inhparent = 'spans'::regclass")
        .await;
    assert_eq!(partitions, 2);
}

#[tokio::test]
async fn a_partition_that_went_away_is_made_again() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(44);
    let day = midnight(fixture.now).saturating_add(-3 * DAY);
    let first = lone("first", &mut ids).starts(day).build();
    let second = lone("second", &mut ids).starts(day).build();
    fixture.write(&[Sent::by("shop", first)]).await;
    let table = tables(&fixture).await.remove(0).1;
    sqlx::query(sqlx::AssertSqlSafe(format!("DROP TABLE {table}")))
        .execute(&mut fixture.database.connection().await)
        .await
        .expect("drops");
    assert_eq!(
        fixture.write(&[Sent::by("shop", second)]).await,
        received(1)
    );
}

#[tokio::test]
async fn reading_a_trace_touches_only_the_partitions_of_its_days() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(45);
    let sent: Vec<Sent> = (0..5)
        .map(|day| {
            let span = lone("work", &mut ids).starts(fixture.now.saturating_add(-day * DAY));
            Sent::by("shop", span.build())
        })
        .collect();
    fixture.write(&sent).await;
    let plan: Vec<String> = sqlx::query_scalar(
        "EXPLAIN SELECT span_id FROM spans
         WHERE tenant_id = '00000000-0000-4000-8000-000000000001'
             AND trace_id = '00000000-0000-4000-8000-000000000001'
             AND start_ns BETWEEN $1 AND $2",
    )
    .bind(fixture.now.get())
    .bind(fixture.now.get() + 1)
    .fetch_all(&mut fixture.database.connection().await)
    .await
    .expect("explains");
    let scans = plan
        .iter()
        .filter(|line| line.contains("on spans_"))
        .count();
    assert_eq!(scans, 1, "{plan:#?}");
}

#[tokio::test]
async fn no_partition_of_spans_is_vacuumed_for_what_is_only_inserted() {
    let fixture = Fixture::new().await;
    let span = lone("work", &mut Ids::seeded(46)).starts(fixture.now);
    fixture.write(&[Sent::by("shop", span.build())]).await;
    let options: Vec<Option<Vec<String>>> = sqlx::query_scalar(
        "SELECT c.reloptions
         FROM pg_inherits AS i
         JOIN pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'spans'::regclass",
    )
    .fetch_all(&mut fixture.database.connection().await)
    .await
    .expect("lists");
    assert!(options.len() > 1, "the archive and a day");
    let spared = "autovacuum_vacuum_insert_threshold=-1";
    for options in options {
        let options = options.unwrap_or_default();
        assert!(options.iter().any(|option| option == spared), "{options:?}");
    }
}
