//! Tests of search: texts in any script, values longer than their index, attributes of the sender.

use std::sync::Arc;

use throughline_model::{
    AttributeCondition, CheckedPredicate, Comparison, OperationMatch, PageRequest, ReadError,
    SpanField, SpanPredicate, TimeRange, Total, TraceFilter, TracePredicate,
};
use throughline_store::StoreOptions;
use throughline_store::testing::search;
use throughline_testkit::{Ids, Sent};
use throughline_wire::{ProcessId, Resource, TraceId, UnixNanos};

use crate::completeness::{process_report, send};
use crate::support::{Fixture, lone};

/// Returns the ids of the traces that a filter selects.
async fn found(fixture: &Fixture, edit: impl FnOnce(&mut TraceFilter)) -> Vec<TraceId> {
    let mut filter = TraceFilter::default();
    edit(&mut filter);
    let traces = fixture.list(&filter).await;
    traces.into_iter().map(|trace| trace.trace_id).collect()
}

#[tokio::test]
async fn the_text_of_an_error_is_found_in_any_case_and_alphabet() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(260);
    let failed = lone("pack", &mut ids)
        .starts(fixture.now)
        .error("Ärger im Lager: Привет");
    let failed = failed.build();
    fixture.write(&[Sent::by("shop", failed.clone())]).await;
    for part in ["Ärger", "ärger", "LAGER", "привет", "Привет"] {
        let traces = found(&fixture, |filter| filter.error = Some(part.to_owned())).await;
        assert_eq!(traces, [failed.trace_id], "{part}");
    }
    let traces = found(&fixture, |filter| filter.error = Some("arger".to_owned())).await;
    assert_eq!(traces, []);
}

#[tokio::test]
async fn users_and_sessions_longer_than_their_index_are_found_by_their_full_value() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(261);
    let (user, session) = ("u".repeat(400), "ß".repeat(400));
    let span = lone("click", &mut ids).starts(fixture.now);
    let span = span.user(user.clone()).session(session.clone()).build();
    let other = lone("click", &mut ids).starts(fixture.now);
    let other = other.user("u".repeat(10)).session("ß".repeat(10)).build();
    let sent = [&span, &other].map(|span| Sent::by("shop", span.clone()));
    fixture.write(&sent).await;
    let by_user = found(&fixture, |filter| filter.user = Some(user.clone())).await;
    assert_eq!(by_user, [span.trace_id]);
    let by_session = found(&fixture, |filter| filter.session = Some(session.clone())).await;
    assert_eq!(by_session, [span.trace_id]);
    let attribute = AttributeCondition {
        key: "session.id".to_owned(),
        value: session.clone(),
    };
    let by_attribute = found(&fixture, |filter| filter.attributes = vec![attribute]).await;
    assert_eq!(by_attribute, [span.trace_id]);
    let page = PageRequest::default();
    let by_value = fixture.reader().find_traces(None, &session, page).await;
    assert_eq!(by_value.expect("reads").items.len(), 1);
}

#[tokio::test]
async fn an_attribute_of_the_sender_is_an_attribute_of_its_spans() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(262);
    let sent: Vec<Sent> = ["prod", "test"]
        .into_iter()
        .map(|environment| {
            let span = lone("work", &mut ids).starts(fixture.now).build();
            let mut resource = Resource::of_service("shop");
            resource
                .attributes
                .insert("deployment.environment.name", environment);
            Sent {
                resource: Arc::new(resource),
                ..Sent::by("shop", span)
            }
        })
        .collect();
    fixture.write(&sent).await;
    let in_environment = |value: &str| {
        let attribute = AttributeCondition {
            key: "deployment.environment.name".to_owned(),
            value: value.to_owned(),
        };
        TraceFilter {
            attributes: vec![attribute],
            ..TraceFilter::default()
        }
    };
    let filter = in_environment("prod");
    let page = fixture
        .reader()
        .list_traces(&filter, PageRequest::default())
        .await
        .expect("lists");
    let ids: Vec<TraceId> = page.items.iter().map(|trace| trace.trace_id).collect();
    assert_eq!(ids, [sent[0].span.trace_id]);
    assert_eq!(page.total, Total::Exact(1));
    assert_eq!(fixture.list(&in_environment("pro")).await, []);
}

#[tokio::test]
async fn a_service_is_found_by_a_span_that_has_not_ended() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(263);
    let stored = lone("click", &mut ids).starts(fixture.at_ms(-1)).build();
    fixture.write(&[Sent::by("web", stored)]).await;
    let open = lone("work", &mut ids).starts(fixture.now).build();
    let process = ProcessId::from_i64(9).expect("is not zero");
    send(&fixture.store, process_report(process, 1, &[], &[&open])).await;
    let traces = found(&fixture, |filter| filter.service = Some("shop".to_owned())).await;
    assert_eq!(traces, [open.trace_id]);
}

#[tokio::test]
async fn a_frequent_user_is_found_among_traces_without_one() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(264);
    let theirs = lone("click", &mut ids).starts(fixture.now);
    let theirs = theirs.user("ada").session("tab").build();
    let nobodys = lone("click", &mut ids).starts(fixture.at_ms(-1)).build();
    let sent = [&theirs, &nobodys].map(|span| Sent::by("shop", span.clone()));
    fixture.write(&sent).await;
    // The search scans the rows of the traces.
    let now = fixture.now;
    let fixture = Fixture {
        store: fixture.database.store_with(StoreOptions {
            search_driven_spans: 0,
            ..StoreOptions::new(move || now)
        }),
        ..fixture
    };
    let by_user = found(&fixture, |filter| filter.user = Some("ada".to_owned())).await;
    assert_eq!(by_user, [theirs.trace_id]);
    let by_session = found(&fixture, |filter| filter.session = Some("tab".to_owned())).await;
    assert_eq!(by_session, [theirs.trace_id]);
}

#[tokio::test]
async fn attributes_of_a_span_that_has_an_empty_key_are_found() {
    let fixture = Fixture::new().await;
    let mut span = lone("click", &mut Ids::seeded(265))
        .starts(fixture.now)
        .build();
    span.attributes.insert("", "x");
    span.attributes.insert("order.number", "7");
    fixture.write(&[Sent::by("shop", span.clone())]).await;
    let attribute = AttributeCondition {
        key: "order.number".to_owned(),
        value: "7".to_owned(),
    };
    let traces = found(&fixture, |filter| filter.attributes = vec![attribute]).await;
    assert_eq!(traces, [span.trace_id]);
}

#[tokio::test]
async fn names_and_errors_are_found_in_any_unicode_form() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(266);
    let span = lone("ΟΔΟΣ straße", &mut ids).starts(fixture.now);
    let span = span.error("STRAẞE: ΛΆΘΟΣ").build();
    fixture.write(&[Sent::by("shop", span.clone())]).await;
    for part in ["οδος", "ΟΔΟσ", "STRAẞE", "Straße", "ς Str"] {
        let operation = Some(OperationMatch::Contains(part.to_owned()));
        let traces = found(&fixture, |filter| filter.operation = operation).await;
        assert_eq!(traces, [span.trace_id], "{part}");
    }
    for part in ["straße", "STRAẞE", "λάθος", "ΛΆΘΟΣ", "λάθοσ"] {
        let traces = found(&fixture, |filter| filter.error = Some(part.to_owned())).await;
        assert_eq!(traces, [span.trace_id], "{part}");
    }
}

#[tokio::test]
async fn a_trace_without_blocks_is_found_by_its_row() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(267);
    let mut traces = Vec::new();
    for (at, service) in ["shop", "shop", "other"].into_iter().enumerate() {
        let span = lone("click", &mut ids).starts(fixture.at_ms(-(at as i64)));
        let span = span.user("ada").session("tab").build();
        fixture.write(&[Sent::by(service, span.clone())]).await;
        traces.push(span.trace_id);
    }
    let mut connection = fixture.database.connection().await;
    sqlx::raw_sql(
        "DELETE FROM level0_blocks
         WHERE id = (SELECT id FROM level0_blocks ORDER BY id OFFSET 1 LIMIT 1);
         UPDATE traces SET pruned_before_ns = 1 WHERE start_ns NOT IN (
             SELECT first_start_ns FROM level0_blocks
         );",
    )
    .execute(&mut connection)
    .await
    .expect("prunes");
    let blocks = "SELECT count(*) FROM level0_blocks";
    assert_eq!(fixture.count(blocks).await, 2);
    let check = async |fixture: &Fixture| {
        let by_user = found(fixture, |filter| filter.user = Some("ada".to_owned())).await;
        assert_eq!(by_user, traces);
        let by_session = found(fixture, |filter| filter.session = Some("tab".to_owned())).await;
        assert_eq!(by_session, traces);
        let by_service = found(fixture, |filter| filter.service = Some("shop".to_owned())).await;
        assert_eq!(by_service, traces[..2]);
    };
    check(&fixture).await;
    // The blocks were dropped, and the rows are not marked yet.
    sqlx::raw_sql(
        "UPDATE traces SET pruned_before_ns = NULL;
         UPDATE retention_state SET pruned_before_ns = 9223372036854775807;",
    )
    .execute(&mut connection)
    .await
    .expect("prunes");
    check(&fixture).await;
}

#[tokio::test]
async fn a_search_text_of_ten_kilobytes_is_searched_or_rejected() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(268);
    let (text, body) = ("a".repeat(10 << 10), "a".repeat(100_000));
    let span = lone("work", &mut ids).starts(fixture.now);
    let span = span.with("body", body).with("short", "aaab").build();
    fixture.write(&[Sent::by("shop", span.clone())]).await;
    let page = PageRequest::default();
    let range = TimeRange::Last(UnixNanos::PER_DAY);
    let repeated = |part: &str| part.repeat((10 << 10) / part.len());
    for (operator, wanted, expected) in [
        (Comparison::Contains, text.clone(), Ok(1)),
        (Comparison::Eq, text.clone(), Ok(0)),
        (Comparison::Matches, text, Ok(1)),
        (Comparison::Matches, repeated("(a|b)?"), Ok(1)),
        (Comparison::Matches, repeated("a|aa|"), Ok(1)),
        (
            Comparison::Matches,
            format!("({}b", "(a*)*".repeat(50)) + ")",
            Ok(1),
        ),
        (Comparison::Matches, repeated("\\w{1000}"), Err("too large")),
        (
            Comparison::Matches,
            repeated("("),
            Err("invalid regular expression"),
        ),
    ] {
        let start = wanted.chars().take(12).collect::<String>();
        let predicate = SpanPredicate::compare(SpanField::AnyAttribute, operator, wanted);
        let predicate = CheckedPredicate::new(TracePredicate::Has(predicate)).expect("is checked");
        let found = search(&fixture.store, &predicate, range, page).await;
        match (found, expected) {
            (Ok(page), Ok(count)) => assert_eq!(page.items.len(), count, "{start}"),
            (Err(ReadError::Invalid(text)), Err(expected)) => {
                assert!(text.contains(expected), "{start}: {text}");
            }
            (found, _) => panic!("{start}: {found:?}"),
        }
    }
    // A filter of 10 KB.
    let filter = TraceFilter {
        attributes: (0..10)
            .map(|at| AttributeCondition {
                key: format!("key.{at}"),
                value: "v".repeat(1_000),
            })
            .collect(),
        ..TraceFilter::default()
    };
    assert_eq!(fixture.list(&filter).await, []);
}
