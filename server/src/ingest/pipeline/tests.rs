//! Tests that every protocol acknowledges only what the writer accounts for.

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use throughline_formats::Signal;
use throughline_store::testing::FreshDatabase;
use throughline_store::{Store, StoreOptions};

use super::*;
use crate::clock::Clock;
use crate::ingest::BodyLimits;
use crate::ingest::account::Checked;
use crate::ingest::grpc::OtlpGrpc;
use crate::ingest::native::Native;
use crate::ingest::otlp::{Form, OtlpHttp};
use crate::ingest::zipkin::Zipkin;
use crate::readiness::Readiness;

/// A receiver that claims more items than the writer gets.
#[derive(Clone, Copy)]
struct Claiming<R> {
    receiver: R,
    spans: usize,
    events: usize,
}

impl<R: Receiver> Receiver for Claiming<R> {
    const NAME: &'static str = R::NAME;

    fn encoding(self, headers: &HeaderMap) -> Result<Encoding, Fault> {
        self.receiver.encoding(headers)
    }

    fn unframe(self, body: ReadBody, encoding: Encoding) -> Result<(ReadBody, Encoding), Fault> {
        self.receiver.unframe(body, encoding)
    }

    fn decode(self, body: &[u8], limits: &Limits, now: UnixNanos) -> Result<Items, Fault> {
        let claimed = |count| Checked::new((0..count).collect(), Vec::new());
        Ok(Items {
            spans: claimed(self.spans),
            events: claimed(self.events),
            ..self.receiver.decode(body, limits, now)?
        })
    }

    fn accept(self, outcome: Outcome, now: UnixNanos) -> Response {
        self.receiver.accept(outcome, now)
    }

    fn refuse(self, fault: &Fault) -> Response {
        self.receiver.refuse(fault)
    }
}

async fn check<R: Receiver>(ingest: &Ingest, receiver: R, media_type: &'static str, empty: &[u8]) {
    let mut headers = HeaderMap::new();
    let media_type = HeaderValue::from_static(media_type);
    headers.insert(header::CONTENT_TYPE, media_type);
    for (spans, events) in [(0, 0), (1, 0), (0, 1)] {
        let claiming = Claiming {
            receiver,
            spans,
            events,
        };
        let body = Body::from(empty.to_vec());
        let status = store(claiming, ingest, &headers, body)
            .await
            .map_err(|fault| fault.status.as_u16());
        let what = format!("{}: {spans} spans, {events} events", R::NAME);
        match status {
            Ok(_) => assert_eq!((spans, events), (0, 0), "{what}"),
            Err(status) => assert_eq!((status, spans + events), (500, 1), "{what}"),
        }
    }
}

#[tokio::test]
async fn no_receiver_acknowledges_items_that_the_writer_does_not_account_for() {
    let database = FreshDatabase::create().await;
    let clock = Clock::system();
    let now = clock.clone();
    let options = StoreOptions::new(move || now.now());
    let stored = Arc::new(Store::connect_lazy(database.url(), options).expect("a URL"));
    let readiness = Readiness::migrate(Arc::clone(&stored));
    readiness.reached().await;
    let bodies = BodyLimits::new(1 << 20, 8 << 20);
    let ingest = Ingest::new(stored.writer(), readiness, clock, Limits::default(), bodies);
    check(&ingest, Native, "application/json", b"{}").await;
    check(&ingest, Zipkin, "application/json", b"[]").await;
    for signal in [Signal::Traces, Signal::Logs] {
        for (form, media_type, empty) in [
            (Form::Json, "application/json", &b"{}"[..]),
            (Form::Protobuf, "application/x-protobuf", b""),
        ] {
            let form = Some(form);
            check(&ingest, OtlpHttp { signal, form }, media_type, empty).await;
        }
        let frame = [0; 5];
        check(&ingest, OtlpGrpc(signal), "application/grpc", &frame).await;
    }
    stored.close().await;
}
