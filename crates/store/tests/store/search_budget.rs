//! Tests that a search stops at its time limit with any number of blocks.

use std::time::Duration;

use throughline_model::{AttributeCondition, Cursor, Direction, TimeRange, TraceFilter};
use throughline_store::StoreOptions;
use throughline_testkit::{Ids, Sent, selected, span};
use throughline_wire::{TenantId, UnixNanos};

use crate::support::{Fixture, lone, walk};

#[tokio::test]
async fn a_search_of_more_blocks_than_one_list_finds_all_traces() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(310);
    // One trace lasts as long as all others together, and has spans in three blocks.
    let long = lone("work", &mut ids)
        .starts(fixture.at_ms(-1_000))
        .lasts(1_000_000_000)
        .build();
    let mut sent = vec![Sent::by("shop", long.clone())];
    for at in 0..12 {
        let start = fixture.at_ms(-10 * at);
        let work = lone("work", &mut ids).starts(start).with("key", "value");
        sent.push(Sent::by("shop", work.build()));
        if at % 6 == 0 {
            let child = span("child").id(ids.span_id()).child_of(&long);
            let child = child.starts(start).with("key", "value").build();
            sent.push(Sent::by("shop", child));
        }
    }
    for one in &sent {
        fixture.write(std::slice::from_ref(one)).await;
    }
    let now = fixture.now;
    let store = fixture.database.store_with(StoreOptions {
        search_budget: Duration::ZERO,
        search_batch_spans: 1,
        search_listed_blocks: 2,
        ..StoreOptions::new(move || now)
    });
    let filter = TraceFilter {
        range: TimeRange::Last(UnixNanos::PER_DAY),
        attributes: vec![AttributeCondition {
            key: "key".to_owned(),
            value: "value".to_owned(),
        }],
        ..TraceFilter::default()
    };
    let reader = store.reader(TenantId::DEFAULT);
    let truth = selected(&sent, &filter, now);
    assert_eq!(truth.len(), 13);
    let down = walk(&*reader, &filter, Direction::After, None).await;
    assert_eq!(down.concat(), truth);
    assert!(down.iter().all(|page| page.len() <= 1), "{down:?}");
    let oldest = &truth[12];
    let end = Cursor {
        start: oldest.start,
        trace_id: oldest.trace_id,
    };
    let mut up = walk(&*reader, &filter, Direction::Before, Some(end)).await;
    assert!(up.iter().all(|page| page.len() <= 1), "{up:?}");
    up.reverse();
    assert_eq!(up.concat(), truth[..12]);
    store.close().await;
}
