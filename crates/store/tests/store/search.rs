//! What is searched for is found: texts in any writing, values longer than their index, attributes
//! of the sender.

use std::sync::Arc;

use throughline_model::{AttributeCondition, PageRequest, Total, TraceFilter};
use throughline_testkit::{Ids, Sent};
use throughline_wire::{ProcessId, Resource, TraceId};

use crate::receipt::{said_by, send};
use crate::support::{Fixture, lone};

/// The ids of the traces a filter selects.
async fn found(fixture: &Fixture, edit: impl FnOnce(&mut TraceFilter)) -> Vec<TraceId> {
    let mut filter = TraceFilter::default();
    edit(&mut filter);
    let traces = fixture.list(&filter).await;
    traces.into_iter().map(|trace| trace.trace_id).collect()
}

#[tokio::test]
async fn the_text_of_an_error_is_found_whatever_its_case_and_alphabet() {
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
    send(&fixture.store, said_by(process, 1, &[], &[&open])).await;
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
    // So many spans that the rows of the traces are looked through.
    sqlx::query("UPDATE level0_blocks SET span_count = 1000000")
        .execute(&mut fixture.database.connection().await)
        .await
        .expect("updates");
    let by_user = found(&fixture, |filter| filter.user = Some("ada".to_owned())).await;
    assert_eq!(by_user, [theirs.trace_id]);
    let by_session = found(&fixture, |filter| filter.session = Some("tab".to_owned())).await;
    assert_eq!(by_session, [theirs.trace_id]);
}

#[tokio::test]
async fn attributes_beside_one_with_an_empty_key_are_found() {
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
