//! Several servers on one database.

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::Value;
use throughline_store::testing::{FreshDatabase, count, count_spans};

use super::conservation::{check_conserved, check_counters, check_memory, check_reads, counted};
use super::load::{Load, Plan};
use crate::program::Program;
use crate::support::{Receiver, client, hex, span};

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_store_different_traces_concurrently() {
    let database = FreshDatabase::create().await;
    let (one, two) = tokio::join!(
        Program::serve_on(database.url(), &[]),
        Program::serve_on(database.url(), &[])
    );
    let plan = Plan {
        bases: vec![one.base.clone(), two.base.clone()],
        senders: 12,
        spans: 40,
        padding: 0,
    };
    let load = Load::during(plan, async |load| load.wait_for_more(150).await).await;
    check_conserved(database.url(), &load).await;
    check_counters(&[&one.base, &two.base], &load).await;
    for server in [one, two] {
        check_reads(&server.base).await;
        check_memory(server.pid());
        assert!(server.stop().await.success());
    }
}

/// Every batch goes to both servers at the same moment, and every trace is in many batches. The
/// servers write the same rows concurrently, in the spans and in the trace summaries.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_store_the_same_spans_once_concurrently() {
    const TRACES: usize = 20;
    const ROUNDS: usize = 15;

    let database = FreshDatabase::create().await;
    let (one, two) = tokio::join!(
        Program::serve_on(database.url(), &[]),
        Program::serve_on(database.url(), &[])
    );
    let traces: Vec<Vec<u8>> = (0..TRACES).map(|_| span("x").trace_id).collect();
    let client = client();
    let (mut received, mut duplicate) = (0, 0);
    for _ in 0..ROUNDS {
        let spans: Vec<_> = traces
            .iter()
            .map(|trace_id| {
                let mut span = span("shared");
                span.trace_id.clone_from(trace_id);
                span
            })
            .collect();
        let body = Arc::new(Receiver::Native.body(&spans));
        let send = |base: String| {
            let (client, body) = (client.clone(), Arc::clone(&body));
            async move {
                loop {
                    let answer = client
                        .post(format!("{base}{}", Receiver::Native.path()))
                        .header("content-type", "application/json")
                        .body(body.to_vec())
                        .send()
                        .await
                        .expect("answers");
                    if answer.status() == StatusCode::OK {
                        return answer.json::<Value>().await.expect("JSON");
                    }
                    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
                }
            }
        };
        let (first, second) = tokio::join!(send(one.base.clone()), send(two.base.clone()));
        for answer in [first, second] {
            received += answer["received"].as_u64().expect("a count");
            duplicate += answer["duplicate"].as_u64().expect("a count");
        }
    }
    let sent = (TRACES * ROUNDS) as u64;
    assert_eq!(received, sent, "each span is new at one server");
    assert_eq!(duplicate, sent, "and a duplicate at the other");
    let url = database.url();
    assert_eq!(count_spans(url).await as u64, sent);
    assert_eq!(
        count(url, "SELECT sum(span_count)::bigint FROM traces").await as u64,
        sent
    );
    let trace: Value =
        crate::support::fetch(format!("{}/api/admin/traces/{}", one.base, hex(&traces[0])))
            .await
            .expect("answers")
            .json()
            .await
            .expect("JSON");
    assert_eq!(trace["spans"].as_array().map(Vec::len), Some(ROUNDS));
    for result in ["received", "duplicate"] {
        let sum = counted(&one.base, result).await + counted(&two.base, result).await;
        assert_eq!(sum, sent, "{result}");
    }
    for server in [one, two] {
        check_memory(server.pid());
        assert!(server.stop().await.success());
    }
}
