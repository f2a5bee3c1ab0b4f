//! A database on one side of a transfer, and its content.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use throughline_model::{EventsOf, PageRequest, TimeRange, Trace, TraceFilter, TraceReader};
use throughline_server::clock::Clock;
use throughline_server::export::{Exported, Layout, Selection, export};
use throughline_server::import::{Format, Import, Report, import};
use throughline_store::testing::FreshDatabase;
use throughline_store::{SpanGroup, Store, WriteBatch};
use throughline_testkit::{NOW, Sent};
use throughline_wire::Limits;
use throughline_wire::{LogRecord, Resource, TenantId, TraceId, UnixNanos};

use super::LATER;
use crate::support::Server;

/// A database with a store on it, both of one test.
pub(super) struct Side {
    pub(super) store: Arc<Store>,
    /// The database, which is dropped with the value; `None` if it belongs to a server.
    pub(super) database: Option<FreshDatabase>,
}

impl Side {
    pub(super) async fn new() -> Self {
        Self::at(NOW).await
    }

    pub(super) async fn at(now: UnixNanos) -> Self {
        let database = FreshDatabase::create().await;
        Self {
            store: Arc::new(database.store(now)),
            database: Some(database),
        }
    }

    /// Uses the database of a server.
    pub(super) fn on(server: &Server) -> Self {
        Self {
            store: Arc::clone(&server.store),
            database: None,
        }
    }

    /// Returns the URL of its own database.
    pub(super) fn url(&self) -> &str {
        self.database.as_ref().expect("its own").url()
    }

    pub(super) fn reader(&self) -> Arc<dyn TraceReader> {
        self.store.reader(TenantId::DEFAULT)
    }

    pub(super) async fn write(&self, sent: Vec<Sent>) {
        let groups = sent.into_iter().map(|sent| SpanGroup {
            resource: sent.resource,
            scope: sent.scope,
            spans: vec![sent.span],
            ..SpanGroup::default()
        });
        self.submit(groups.collect()).await;
    }

    /// Writes log records of the service `worker`.
    pub(super) async fn write_events(&self, events: Vec<LogRecord>) {
        let group = SpanGroup {
            resource: Arc::new(Resource::of_service("worker")),
            events,
            ..SpanGroup::default()
        };
        self.submit(vec![group]).await;
    }

    async fn submit(&self, groups: Vec<SpanGroup>) {
        let batch = WriteBatch {
            tenant: TenantId::DEFAULT,
            groups,
        };
        let outcome = self.store.writer().submit(batch).await.unwrap();
        assert_eq!(
            (outcome.rejected, outcome.events.rejected),
            (vec![], vec![])
        );
    }

    pub(super) async fn import(&self, file: &Path) -> Report {
        self.import_as(file, None).await
    }

    pub(super) async fn import_as(&self, file: &Path, format: Option<Format>) -> Report {
        let what = Import {
            files: vec![file.to_owned()],
            format,
            timeout: Duration::from_secs(30),
            limits: Limits::default(),
        };
        import(what, &self.store.writer(), Clock::new(|| LATER)).await
    }

    /// Exports every trace into one file.
    pub(super) async fn export(&self, file: &Path, layout: Layout) -> Exported {
        let mut out = fs::File::create(file).unwrap();
        let selection = Selection::Filter(Box::new(all()), None);
        export(&self.reader(), selection, &mut out, layout)
            .await
            .unwrap()
    }

    pub(super) async fn traces(&self) -> BTreeSet<TraceId> {
        let page = PageRequest {
            limit: PageRequest::MAX_LIMIT,
            from: None,
        };
        let page = self.reader().list_traces(&all(), page).await.unwrap();
        page.items.iter().map(|summary| summary.trace_id).collect()
    }

    pub(super) async fn trace(&self, id: TraceId) -> Trace {
        self.reader()
            .trace(id, None)
            .await
            .unwrap()
            .expect("the trace")
    }

    /// Returns every log record as text, with and without a trace.
    async fn events(&self) -> Vec<String> {
        let mut of: Vec<EventsOf> = self
            .traces()
            .await
            .into_iter()
            .map(EventsOf::Trace)
            .collect();
        of.push(EventsOf::NoTrace {
            range: all().range,
            service: None,
        });
        let mut events = Vec::new();
        for of in of {
            let mut after = None;
            loop {
                let page = self.reader().whole_events(&of, after).await.unwrap();
                events.extend(page.events.iter().map(|event| {
                    format!(
                        "{:?} {:?} {:?}",
                        event.record,
                        page.resources[event.resource as usize],
                        page.scopes[event.scope as usize]
                    )
                }));
                after = page.after;
                if after.is_none() {
                    break;
                }
            }
        }
        events.sort_unstable();
        events
    }
}

/// Returns a filter for everything that began after 1970.
pub(super) fn all() -> TraceFilter {
    TraceFilter {
        range: TimeRange::Between(UnixNanos::new(0), LATER),
        ..TraceFilter::default()
    }
}

/// Returns all data of a trace except the time when it was received, as text, so that NaN equals
/// NaN.
fn shown(trace: &Trace) -> BTreeSet<String> {
    let spans = trace.spans.iter().map(|stored| {
        format!(
            "{:?} {:?} {:?}",
            stored.span,
            trace.resources[stored.resource as usize],
            trace.scopes[stored.scope as usize]
        )
    });
    spans.chain([format!("{:?}", trace.summary)]).collect()
}

/// Checks that both sides have the same traces and the same log records.
pub(super) async fn assert_same(one: &Side, other: &Side) {
    let traces = one.traces().await;
    let traces_are_none = traces.is_empty();
    assert_eq!(traces, other.traces().await);
    for id in traces {
        let (one, other) = (one.trace(id).await, other.trace(id).await);
        assert_eq!(shown(&one), shown(&other), "{id}");
    }
    let events = one.events().await;
    assert!(!(traces_are_none && events.is_empty()));
    assert_eq!(events, other.events().await);
}
