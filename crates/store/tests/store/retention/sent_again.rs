//! Spans, events and large values that are sent again while retention removes what was stored of them.

use std::collections::BTreeSet;
use std::time::Duration;

use throughline_model::EventsOf;
use throughline_store::testing::no_limit;
use throughline_store::{Retain, Rewrite, SpanGroup, WriteBatch};
use throughline_testkit::{Ids, Sent};
use throughline_wire::{LogRecord, TraceId, UnixNanos};

use super::races::execute;
use super::support::{Aged, DAY};
use crate::support::lone;

/// A trace of two spans and a log record with a large body, as its sender sends it.
struct Whole {
    trace_id: TraceId,
    sent: [Sent; 2],
    record: LogRecord,
}

impl Whole {
    fn new(start: UnixNanos, is_error: bool, ids: &mut Ids) -> Self {
        let mut root = lone("root", ids).starts(start);
        if is_error {
            root = root.error("broken");
        }
        let root = root.build();
        let child = lone("child", ids).starts(start).child_of(&root).build();
        let trace_id = root.trace_id;
        Self {
            trace_id,
            sent: [root, child].map(|span| Sent::by("shop", span)),
            record: LogRecord {
                time: start,
                trace_id: Some(trace_id),
                body: format!("{trace_id} ").repeat(1_000).into(),
                ..LogRecord::default()
            },
        }
    }

    fn batch(&self) -> WriteBatch {
        let mut batch = crate::support::batch(&self.sent);
        batch.groups.push(SpanGroup {
            events: vec![self.record.clone()],
            ..SpanGroup::default()
        });
        batch
    }

    /// Stores the trace as if all of it had come when it happened.
    async fn store(&self, aged: &Aged) {
        let outcome = aged.fixture.store.writer().submit(self.batch()).await;
        let outcome = outcome.expect("is stored");
        assert_eq!((outcome.received, outcome.events.received), (2, 1));
        aged.came_at_once(self.trace_id).await;
        aged.execute("UPDATE events SET received_ns = at_ns").await;
    }

    async fn assert_whole(&self, aged: &Aged) {
        let spans = aged.fixture.trace(self.trace_id).await.spans;
        assert_eq!(spans.len(), 2);
        let of = EventsOf::Trace(self.trace_id);
        let page = aged.fixture.reader().whole_events(&of, None).await;
        let events = page.expect("reads").events;
        assert_eq!(events.len(), 1, "the event is there");
        assert_eq!(events[0].record.body, self.record.body, "with its body");
    }
}

/// Removes the row of a trace, as a run that broke off has done.
async fn remove_row(aged: &Aged, whole: &Whole) {
    let trace_id = whole.trace_id;
    aged.execute(&format!(
        "DELETE FROM traces WHERE trace_id = '{trace_id}';
         INSERT INTO retention_days
         SELECT DISTINCT at_ns / {DAY} * {DAY}, true FROM events WHERE trace_id = '{trace_id}'
         ON CONFLICT (day_ns) DO UPDATE SET is_due = true"
    ))
    .await;
}

async fn until(aged: &Aged, waiting: &'static str) {
    while aged.fixture.count(waiting).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Sends `whole` again, and keeps the commit waiting, after it has looked for stored events and values,
/// until a run waits to take a partition out.
async fn send_again_during_a_run(aged: &Aged, whole: &Whole) {
    let mut blocker = aged.fixture.database.connection().await;
    let lock = "BEGIN; LOCK TABLE traces IN SHARE ROW EXCLUSIVE MODE";
    execute(&mut blocker, lock.to_owned()).await;
    let writer = aged.fixture.store.writer();
    let batch = whole.batch();
    let sending = tokio::spawn(async move { writer.submit(batch).await });
    until(
        aged,
        "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
         WHERE NOT granted AND relation = 'traces'::regclass AND datname = current_database()",
    )
    .await;
    let run = aged.run(Retain {
        rewrite: Rewrite::Settled,
        ..aged.now()
    });
    let release = async {
        until(
            aged,
            "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
             WHERE NOT granted AND mode = 'AccessExclusiveLock'
                 AND relation IN ('events'::regclass, 'payloads'::regclass)
                 AND datname = current_database()",
        )
        .await;
        execute(&mut blocker, "COMMIT".to_owned()).await;
        sending.await.expect("ends").expect("is acknowledged");
    };
    tokio::join!(run, release);
}

#[tokio::test]
async fn an_event_that_is_sent_again_while_its_day_is_removed_stays() {
    for with_kept in [false, true] {
        let mut aged = Aged::new().await;
        let start = aged.noon.saturating_add(-9 * DAY);
        let again = Whole::new(start, false, &mut aged.ids);
        again.store(&aged).await;
        let kept = Whole::new(start, true, &mut aged.ids);
        if with_kept {
            kept.store(&aged).await;
        }
        remove_row(&aged, &again).await;
        Box::pin(send_again_during_a_run(&aged, &again)).await;
        for _ in 0..2 {
            again.assert_whole(&aged).await;
            if with_kept {
                kept.assert_whole(&aged).await;
            }
            aged.run(aged.now()).await;
        }
    }
}

#[tokio::test]
async fn a_large_value_that_is_referred_to_again_while_its_day_is_removed_stays() {
    for with_kept in [false, true] {
        let mut aged = Aged::new().await;
        let start = aged.noon.saturating_add(-9 * DAY);
        let again = Whole::new(start, false, &mut aged.ids);
        again.store(&aged).await;
        let kept = Whole::new(start, true, &mut aged.ids);
        if with_kept {
            kept.store(&aged).await;
        }
        remove_row(&aged, &again).await;
        // The run broke off after the day of the event, and before that of its body.
        let trace_id = again.trace_id;
        aged.execute(&format!("DELETE FROM events WHERE trace_id = '{trace_id}'"))
            .await;
        Box::pin(send_again_during_a_run(&aged, &again)).await;
        again.assert_whole(&aged).await;
        if with_kept {
            kept.assert_whole(&aged).await;
        }
    }
}

#[tokio::test]
async fn what_a_run_took_out_before_it_broke_off_is_moved_back_by_the_next_one() {
    let mut aged = Aged::new().await;
    let start = aged.noon.saturating_add(-9 * DAY);
    let [kept, gone] = [true, false].map(|is_error| Whole::new(start, is_error, &mut aged.ids));
    for whole in [&kept, &gone] {
        whole.store(&aged).await;
    }
    remove_row(&aged, &gone).await;
    let day: String = sqlx::query_scalar(
        "SELECT to_char(to_timestamp($1 / 1000000000) AT TIME ZONE 'UTC', 'YYYYMMDD')",
    )
    .bind(start.get())
    .fetch_one(&mut aged.fixture.database.connection().await)
    .await
    .expect("a day");
    for parent in ["events", "payloads"] {
        aged.execute(&format!(
            "ALTER TABLE {parent} DETACH PARTITION {parent}_{day};
             ALTER TABLE {parent}_{day} RENAME TO {parent}_{day}_gone;
             COMMENT ON TABLE {parent}_{day}_gone
             IS 'kept: traces that are stored, and others from 9000000000000000000'"
        ))
        .await;
    }
    aged.run(aged.now()).await;
    kept.assert_whole(&aged).await;
    let left = "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM payloads)
                    + (SELECT count(*) FROM pg_class WHERE relname LIKE '%gone')";
    assert_eq!(aged.fixture.count(left).await, 2);
}

#[tokio::test]
async fn expired_traces_that_are_sent_again_throughout_runs_are_whole() {
    let mut aged = Aged::new().await;
    let mut all = Vec::new();
    for days_ago in [8, 9, 12].repeat(3) {
        let start = aged.noon.saturating_add(-days_ago * DAY);
        let whole = Whole::new(start, false, &mut aged.ids);
        whole.store(&aged).await;
        all.push(whole);
    }
    let batches: Vec<_> = all.iter().map(Whole::batch).collect();
    let (writer, now) = (aged.fixture.store.writer(), aged.now());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let sending = tokio::spawn(async move {
        while !*stopped.borrow() {
            for batch in &batches {
                let outcome = writer.submit(batch.clone()).await.expect("is stored");
                assert_eq!(outcome.received + outcome.duplicate, 2);
            }
        }
    });
    for _ in 0..6 {
        aged.fixture
            .store
            .retain_once(now, &no_limit())
            .await
            .expect("runs");
    }
    stop.send_replace(true);
    sending.await.expect("sends");
    let listed: BTreeSet<TraceId> = aged.listed().await;
    for whole in all.iter().filter(|whole| listed.contains(&whole.trace_id)) {
        whole.assert_whole(&aged).await;
    }
}
