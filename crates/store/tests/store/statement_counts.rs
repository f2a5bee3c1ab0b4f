//! Tests of the number of statements of a page, counted between the store and the database.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use throughline_model::{AttributeCondition, PageRequest, TraceFilter};
use throughline_store::{Store, StoreOptions};
use throughline_testkit::{Ids, Sent};
use throughline_wire::{InstrumentationScope, Resource, TenantId, semconv};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Fixture, lone};

/// A message of the Postgres protocol that executes a prepared statement.
const EXECUTE: u8 = b'E';

/// Returns the URL of the same database through a relay that counts executed statements. BEGIN and
/// COMMIT are not prepared, so they are not counted.
async fn relayed(url: &str, statements: Arc<AtomicU64>) -> String {
    let at = url.rfind('@').expect("a user") + 1;
    let end = at + url[at..].find('/').expect("a database");
    let upstream = url[at..end].to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let address = listener.local_addr().expect("an address");
    let relay = format!("{}{address}{}", &url[..at], &url[end..]);
    let separator = if relay.contains('?') { '&' } else { '?' };
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let database = TcpStream::connect(&upstream).await.expect("connects");
            let (from_client, mut to_client) = client.into_split();
            let (mut from_database, to_database) = database.into_split();
            tokio::spawn(forward(from_client, to_database, Arc::clone(&statements)));
            tokio::spawn(async move { copy(&mut from_database, &mut to_client).await });
        }
    });
    format!("{relay}{separator}sslmode=disable")
}

/// Forwards the messages of a client one by one. The first one has no type.
async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    statements: Arc<AtomicU64>,
) -> io::Result<()> {
    let mut is_first = true;
    loop {
        let mut message = Vec::new();
        if !is_first {
            message.push(from.read_u8().await?);
            if message == [EXECUTE] {
                statements.fetch_add(1, Ordering::Relaxed);
            }
        }
        is_first = false;
        let len = from.read_u32().await?;
        message.extend_from_slice(&len.to_be_bytes());
        let begin = message.len();
        message.resize(begin + len as usize - 4, 0);
        from.read_exact(&mut message[begin..]).await?;
        to.write_all(&message).await?;
    }
}

#[tokio::test]
async fn a_list_with_statistics_needs_eight_statements_and_two_per_batch_of_blocks() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(295);
    for at in 0..4 {
        let span = lone("work", &mut ids).starts(fixture.at_ms(-at));
        let span = span
            .user("ada")
            .session("tab")
            .error("failed")
            .with(semconv::ORDER_ID, "o-1")
            .build();
        fixture.write(&[Sent::by("shop", span)]).await;
    }
    let statements = Arc::new(AtomicU64::new(0));
    let url = relayed(fixture.database.url(), Arc::clone(&statements)).await;
    let now = fixture.now;
    // Each search reads four blocks, at once or one after the other.
    for (batch_spans, batches) in [(65_536, 1), (1, 4)] {
        let options = StoreOptions {
            reader_connections: 1,
            search_batch_spans: batch_spans,
            ..StoreOptions::new(move || now)
        };
        let store = Store::connect_lazy(&url, options).expect("the URL is understood");
        let reader = store.reader(TenantId::DEFAULT);
        let text = |text: &str| Some(text.to_owned());
        let filter = |edit: fn(&mut TraceFilter)| {
            let mut filter = TraceFilter::default();
            edit(&mut filter);
            filter
        };
        let order = AttributeCondition {
            key: semconv::ORDER_ID.to_owned(),
            value: "o-1".to_owned(),
        };
        for (filter, most) in [
            (TraceFilter::default(), 8),
            (
                filter(|filter| filter.status = Some(throughline_model::StatusFilter::Error)),
                8,
            ),
            (
                TraceFilter {
                    attributes: vec![order.clone()],
                    ..TraceFilter::default()
                },
                8 + 4 * batches,
            ),
            (
                TraceFilter {
                    service: text("shop"),
                    user: text("ada"),
                    session: text("tab"),
                    correlation: text("o-1"),
                    error: text("fail"),
                    attributes: vec![order.clone(); 3],
                    ..TraceFilter::default()
                },
                8 + 4 * batches,
            ),
        ] {
            let page = PageRequest::default();
            let mut count = 0;
            // The first round also asks for types that the driver does not know.
            for _ in 0..2 {
                let before = statements.load(Ordering::Relaxed);
                let listed = reader.list_traces(&filter, page).await.expect("lists");
                let statistics = reader.trace_statistics(&filter).await.expect("counts");
                assert_eq!((listed.items.len(), statistics.trace_count), (4, 4));
                count = statements.load(Ordering::Relaxed) - before;
            }
            assert!(count <= most, "{count} of {most}: {filter:?}");
        }
        store.close().await;
    }
}

#[tokio::test]
async fn a_block_without_a_matching_resource_or_scope_is_not_read() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(296);
    for at in 0..4 {
        let mut resource = Resource::of_service("shop");
        resource
            .attributes
            .insert("host.name", format!("host-{at}"));
        let mut scope = InstrumentationScope::default();
        scope.attributes.insert("scope.number", i64::from(at));
        let sent = Sent {
            resource: Arc::new(resource),
            scope: Arc::new(scope),
            span: lone("work", &mut ids).starts(fixture.now).build(),
        };
        fixture.write(&[sent]).await;
    }
    let statements = Arc::new(AtomicU64::new(0));
    let url = relayed(fixture.database.url(), Arc::clone(&statements)).await;
    let now = fixture.now;
    let options = StoreOptions {
        reader_connections: 1,
        // The search reads one block at a time.
        search_batch_spans: 1,
        ..StoreOptions::new(move || now)
    };
    let store = Store::connect_lazy(&url, options).expect("the URL is understood");
    for (key, value) in [("host.name", "host-2"), ("scope.number", "3")] {
        let filter = TraceFilter {
            attributes: vec![AttributeCondition {
                key: key.to_owned(),
                value: value.to_owned(),
            }],
            ..TraceFilter::default()
        };
        let reader = store.reader(TenantId::DEFAULT);
        let mut count = 0;
        for _ in 0..2 {
            let before = statements.load(Ordering::Relaxed);
            let page = reader.list_traces(&filter, PageRequest::default()).await;
            assert_eq!(page.expect("lists").items.len(), 1);
            count = statements.load(Ordering::Relaxed) - before;
        }
        // The dictionaries, the list of blocks, the rows, the summaries, and the arrays of one block: the
        // scope or resource of all its spans passes, so no column is read.
        assert_eq!(count, 5, "{key}");
    }
    store.close().await;
}
