//! Tests of the lookup of traces, spans, sessions and attributes by one text.

use std::sync::Arc;

use throughline_model::{Direction, LookedFor, Lookup, PageRequest, Reference};
use throughline_store::{SpanGroup, StoreOptions};
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::{
    AttributeValue, Attributes, LogRecord, Resource, TenantId, TraceId, semconv,
};

use crate::completeness::{batch_of_process, numbered, send, stands_at};
use crate::support::{Fixture, batch, lone};

async fn look_up(fixture: &Fixture, text: &str, page: PageRequest) -> Lookup {
    let reference = Reference::parse(text).expect("a reference");
    let lookup = fixture.reader().lookup(&reference, page).await;
    lookup.expect("looks up")
}

async fn first(fixture: &Fixture, text: &str) -> Lookup {
    look_up(fixture, text, PageRequest::default()).await
}

#[tokio::test]
async fn a_lookup_finds_a_trace_by_trace_span_session_attribute_and_event() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(60);
    let root = span("root").in_trace(ids.trace_id()).id(ids.span_id());
    let root = root.starts(fixture.at_ms(0)).session("s-1").build();
    let child = span("child").id(ids.span_id()).child_of(&root);
    let child = child
        .starts(fixture.at_ms(5))
        .with(semconv::ORDER_ID, "o-1")
        .with(
            "shop.coupon",
            vec![AttributeValue::from("spring"), "o-1".into()],
        )
        .build();
    let other = span("other").in_trace(ids.trace_id()).id(ids.span_id());
    let other = other.starts(fixture.at_ms(9)).build();
    let mut batch = batch(&[&root, &child, &other].map(|span| Sent::by("shop", span.clone())));
    batch.groups[0].events.push(LogRecord {
        time: fixture.at_ms(1),
        trace_id: Some(root.trace_id),
        attributes: [(semconv::CORRELATION_ID, "c-1")].into_iter().collect(),
        ..LogRecord::default()
    });
    send(&fixture.store, batch).await;

    let (trace, span) = (root.trace_id.to_string(), child.span_id.to_string());
    let parent = format!("00-{trace}-{span}-01");
    for (text, found, at, names) in [
        (trace.as_str(), LookedFor::TraceId, None, vec![]),
        (&span, LookedFor::SpanId, Some(child.span_id), vec![]),
        (&parent, LookedFor::TraceId, Some(child.span_id), vec![]),
        ("s-1", LookedFor::Attribute, None, vec![semconv::SESSION_ID]),
        (
            "o-1",
            LookedFor::Attribute,
            None,
            vec!["shop.coupon", semconv::ORDER_ID],
        ),
        (
            "c-1",
            LookedFor::Attribute,
            None,
            vec![semconv::CORRELATION_ID],
        ),
    ] {
        let lookup = first(&fixture, text).await;
        assert_eq!((lookup.found, lookup.span), (Some(found), at), "{text}");
        assert_eq!(lookup.names, names, "{text}");
        let ids: Vec<_> = lookup
            .traces
            .items
            .iter()
            .map(|trace| trace.trace_id)
            .collect();
        assert_eq!(ids, [root.trace_id], "{text}");
    }
}

/// Returns a log record with these attributes.
fn record(fixture: &Fixture, trace_id: TraceId, attributes: Attributes) -> LogRecord {
    LogRecord {
        time: fixture.at_ms(1),
        trace_id: Some(trace_id),
        attributes,
        ..LogRecord::default()
    }
}

#[tokio::test]
async fn a_lookup_finds_a_trace_by_an_attribute_of_a_log_record() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(64);
    let spans: Vec<_> = (0..3)
        .map(|at| lone("work", &mut ids).starts(fixture.at_ms(-at)).build())
        .collect();
    let sent: Vec<Sent> = spans
        .iter()
        .map(|span| Sent::by("shop", span.clone()))
        .collect();
    fixture.write(&sent).await;
    let attributes: Attributes = [
        ("shop.order.id", AttributeValue::from("o-77")),
        ("shop.order.number", 4_711_i64.into()),
        (
            "shop.coupons",
            vec![AttributeValue::from("may"), 12_i64.into()].into(),
        ),
        ("shop.is_gift", true.into()),
        ("shop.weight", 2.5.into()),
        ("shop.note", "x".repeat(900).into()),
        (semconv::SESSION_ID, "tab-9".into()),
    ]
    .into_iter()
    .collect();
    let mut record_batch = batch(&[]);
    let mut resource = Resource::of_service("shop");
    resource.attributes.insert("host.name", "logs-only");
    record_batch.groups.push(SpanGroup {
        resource: Arc::new(resource),
        events: vec![
            record(&fixture, spans[1].trace_id, attributes),
            // A false match: the bytes of a number within a text.
            record(
                &fixture,
                spans[2].trace_id,
                [("text", "\u{12}\u{3}\u{18}\u{e7}o-7")]
                    .into_iter()
                    .collect(),
            ),
        ],
        ..SpanGroup::default()
    });
    send(&fixture.store, record_batch).await;

    let long = "x".repeat(900);
    // One statement reads few log records. Many log records are read per trace.
    let now = fixture.now;
    let options = StoreOptions {
        search_log_records: 1,
        ..StoreOptions::new(move || now)
    };
    let many = fixture.database.store_with(options);
    for store in [&fixture.store, &many] {
        let reader = store.reader(TenantId::DEFAULT);
        for (text, name) in [
            ("o-77", Some("shop.order.id")),
            ("4711", Some("shop.order.number")),
            ("may", Some("shop.coupons")),
            ("12", Some("shop.coupons")),
            ("true", Some("shop.is_gift")),
            ("2.5", Some("shop.weight")),
            (&long, Some("shop.note")),
            ("tab-9", Some(semconv::SESSION_ID)),
            ("o-7", None),
            ("471", None),
            ("x", None),
        ] {
            let reference = Reference::parse(text).expect("a reference");
            let lookup = reader
                .lookup(&reference, PageRequest::default())
                .await
                .expect("looks up");
            let traces: Vec<_> = lookup.traces.items.iter().map(|t| t.trace_id).collect();
            assert_eq!(traces, name.map(|_| spans[1].trace_id).as_slice(), "{text}");
            assert_eq!(lookup.names, name.as_slice(), "{text}");
            for (key, is_found) in [(None, true), (name, true), (Some("other"), false)] {
                let found = reader.find_traces(key, text, PageRequest::default()).await;
                let is_there = found.expect("finds").items.len() == 1;
                assert_eq!(is_there, is_found && name.is_some(), "{key:?} {text}");
            }
        }
        let host = Reference::parse("logs-only").expect("a reference");
        let lookup = reader.lookup(&host, PageRequest::default()).await;
        assert_eq!(lookup.expect("looks up").traces.items.len(), 2);
    }
    many.close().await;
}

#[tokio::test]
async fn a_trace_and_a_span_are_found_by_every_form_of_their_ids() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(65);
    let short: TraceId = "000000000000000000c2d3e4f5061728".parse().expect("an id");
    let long: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse().expect("an id");
    let span_id = "00f067aa0ba902b7".parse().expect("an id");
    let root = |trace_id, span_id| {
        let span = span("root").in_trace(trace_id).id(span_id);
        Sent::by("shop", span.starts(fixture.now).build())
    };
    fixture
        .write(&[root(short, ids.span_id()), root(long, span_id)])
        .await;
    for (text, trace, found, at) in [
        ("00c2d3e4f5061728", short, LookedFor::TraceId, None),
        ("c2d3e4f5061728", short, LookedFor::TraceId, None),
        ("C2D3E4F5061728", short, LookedFor::TraceId, None),
        ("AMLT5PUGFyg=", short, LookedFor::TraceId, None),
        (
            "4BF92F3577B34DA6A3CE929D0E0E4736",
            long,
            LookedFor::TraceId,
            None,
        ),
        (
            "4bf92f35-77b3-4da6-a3ce-929d0e0e4736",
            long,
            LookedFor::TraceId,
            None,
        ),
        ("S/kvNXezTaajzpKdDg5HNg==", long, LookedFor::TraceId, None),
        ("f067aa0ba902b7", long, LookedFor::SpanId, Some(span_id)),
        ("APBnqgupArc=", long, LookedFor::SpanId, Some(span_id)),
        (
            "4bf92f3577b34da6a3ce929d0e0e4736:f067aa0ba902b7:0:1",
            long,
            LookedFor::TraceId,
            Some(span_id),
        ),
    ] {
        let lookup = first(&fixture, text).await;
        assert_eq!((lookup.found, lookup.span), (Some(found), at), "{text}");
        assert_eq!(lookup.traces.items[0].trace_id, trace, "{text}");
    }
}

#[tokio::test]
async fn a_lookup_without_a_match_reports_where_it_searched() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(61);
    let root = span("root").in_trace(ids.trace_id()).id(ids.span_id());
    let root = root
        .starts(fixture.now)
        .with(semconv::ORDER_ID, "o-1")
        .build();
    fixture.write(&[Sent::by("shop", root)]).await;
    let lookup = first(&fixture, &ids.span_id().to_string()).await;
    assert_eq!((lookup.found, lookup.span), (None, None));
    // 16 hexadecimal characters can also be a trace id of 64 bits.
    let all = [LookedFor::TraceId, LookedFor::SpanId, LookedFor::Attribute];
    assert_eq!(lookup.looked_for, all);
    assert_eq!(lookup.traces.searched_to, None, "every trace was looked at");
    let trace = first(&fixture, &ids.trace_id().to_string()).await;
    assert_eq!(trace.looked_for, [LookedFor::TraceId, LookedFor::Attribute]);
}

#[tokio::test]
async fn a_lookup_finds_a_running_span() {
    let fixture = Fixture::new().await;
    let spans = numbered(&fixture, &mut Ids::seeded(62), 1);
    send(
        &fixture.store,
        batch_of_process(stands_at(1, 1), &[], &[&spans[0]]),
    )
    .await;
    let lookup = first(&fixture, &spans[0].span_id.to_string()).await;
    assert_eq!(lookup.found, Some(LookedFor::SpanId));
}

#[tokio::test]
async fn a_lookup_that_stops_early_reports_its_position_and_continues_there() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(63);
    // One commit for each trace, so that each has its own block.
    let mut sent = Vec::new();
    for at in 0..5 {
        let span = lone("work", &mut ids).starts(fixture.at_ms(-1_000 * at));
        let span = Sent::by("shop", span.build());
        fixture.write(std::slice::from_ref(&span)).await;
        sent.push(span);
    }
    let old = &sent[4].span;
    let hasty = fixture.hasty(1);
    let reader = hasty.reader(TenantId::DEFAULT);
    let mut page = PageRequest::default();
    for text in [old.span_id.to_string(), ids.span_id().to_string()] {
        let reference = Reference::parse(&text).expect("a reference");
        let mut pages = 0;
        let found = loop {
            let lookup = reader.lookup(&reference, page).await.expect("looks up");
            pages += 1;
            let Some(cursor) = lookup.traces.after else {
                break lookup;
            };
            assert_eq!(lookup.traces.searched_to, Some(cursor.start));
            page.from = Some((Direction::After, cursor));
            if lookup.found.is_some() {
                break lookup;
            }
        };
        let is_old = text == old.span_id.to_string();
        assert_eq!(found.found, is_old.then_some(LookedFor::SpanId));
        let ids: Vec<_> = found
            .traces
            .items
            .iter()
            .map(|trace| trace.trace_id)
            .collect();
        assert_eq!(ids, if is_old { vec![old.trace_id] } else { vec![] });
        assert!(pages > 1 || is_old, "{pages}");
        page.from = None;
    }
    hasty.close().await;
}
