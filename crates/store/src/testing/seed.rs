//! Fills a database with any number of spans, quickly and reproducibly, for benchmarks of reads and
//! for experiments.
//!
//! The spans go through the writer and through compaction, so measurements are the same as with
//! real spans.

use std::borrow::Cow;
use std::sync::Arc;

use sqlx::{Connection as _, PgConnection};
use throughline_testkit::Ids;
use throughline_wire::{
    Attributes, InstrumentationScope, Resource, Span, SpanId, SpanKind, Status, StatusCode,
    TenantId, TraceId, UnixNanos, semconv,
};
use tokio::task::JoinSet;

use crate::{SpanGroup, Store, StoreOptions, WriteBatch};

/// The approximate number of spans of a batch.
const BATCH_SPANS: u64 = 5_000;
/// The number of batches in flight: one commits while others are encoded.
const IN_FLIGHT: usize = 4;
/// The number of batches between two compactions.
const COMPACTED_BATCHES: u64 = 100;

/// The options of the generated spans.
#[derive(Debug, Clone)]
pub struct SeedOptions {
    /// The number of spans, rounded down to whole traces. Default: 100,000.
    pub spans: u64,
    /// The number of spans of each trace, a root and its children. Default: 10.
    pub spans_per_trace: u64,
    /// The number of services. Default: 12.
    pub services: u64,
    /// The number of operations of each service. The first ones are the busiest. Default: 20.
    pub operations: u64,
    /// The number of users. Two of three traces have one. Default: 10,000.
    pub users: u64,
    /// The number of days before `end` over which the traces are spread evenly. Default: 7.
    pub days: u32,
    /// The number of failed traces per thousand. Default: 20.
    pub errors_per_mille: u64,
    /// The seed of all random values. Default: 1.
    pub rng_seed: u64,
    /// The start of the newest trace.
    pub end: UnixNanos,
}

impl SeedOptions {
    /// Returns the defaults, with traces up to `end`.
    pub const fn new(end: UnixNanos) -> Self {
        Self {
            spans: 100_000,
            spans_per_trace: 10,
            services: 12,
            operations: 20,
            users: 10_000,
            days: 7,
            errors_per_mille: 20,
            rng_seed: 1,
            end,
        }
    }

    /// Returns the number of traces.
    pub fn traces(&self) -> u64 {
        self.spans / self.spans_per_trace.max(1)
    }
}

/// Fills the migrated database at `url`, moves all spans to level 1 and has the tables analysed.
/// Returns the number of spans stored.
///
/// # Errors
/// An error of the database.
pub async fn seed(
    url: &str,
    options: &SeedOptions,
) -> Result<u64, Box<dyn core::error::Error + Send + Sync>> {
    let end = options.end;
    let store = Store::connect_lazy(url, StoreOptions::new(move || end))?;
    let mut in_flight = JoinSet::new();
    let mut stored = 0;
    for (batch, number) in batches(options).zip(1_u64..) {
        // Keeps level 0 as small as a server does.
        if number.is_multiple_of(COMPACTED_BATCHES) {
            store.compact_once().await?;
        }
        if in_flight.len() == IN_FLIGHT
            && let Some(outcome) = in_flight.join_next().await
        {
            stored += outcome??;
        }
        let writer = store.writer();
        in_flight.spawn(async move { writer.submit(batch).await.map(|outcome| outcome.received) });
    }
    while let Some(outcome) = in_flight.join_next().await {
        stored += outcome??;
    }
    store.compact_once().await?;
    store.close().await;
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql("VACUUM (ANALYZE)")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(stored)
}

/// Returns the same spans as batches, oldest first.
pub fn batches(options: &SeedOptions) -> impl Iterator<Item = WriteBatch> + use<> {
    let options = options.clone();
    let traces = options.traces();
    let step = (BATCH_SPANS / options.spans_per_trace.max(1)).max(1);
    let senders = senders(&options);
    let mut random = Ids::seeded(options.rng_seed);
    (0..traces.div_ceil(step)).map(move |batch| {
        let mut groups: Vec<SpanGroup> = senders.clone();
        for at in batch * step..((batch + 1) * step).min(traces) {
            trace(&options, at, &mut random, &mut groups);
        }
        groups.retain(|group| !group.spans.is_empty());
        WriteBatch {
            tenant: TenantId::DEFAULT,
            groups,
        }
    })
}

/// Returns an empty group for each service.
fn senders(options: &SeedOptions) -> Vec<SpanGroup> {
    let scope = Arc::new(InstrumentationScope::default());
    (0..options.services.max(1))
        .map(|at| SpanGroup {
            resource: Arc::new(Resource::of_service(format!("service-{at:02}"))),
            scope: Arc::clone(&scope),
            ..SpanGroup::default()
        })
        .collect()
}

/// Appends the spans of the trace number `at`.
fn trace(options: &SeedOptions, at: u64, random: &mut Ids, groups: &mut [SpanGroup]) {
    let range_ns = i64::from(options.days.max(1)) * UnixNanos::PER_DAY;
    let back = i128::from(range_ns) * i128::from(options.traces() - 1 - at)
        / i128::from(options.traces().max(1));
    let start = options.end.saturating_add(-(back as i64));
    let trace_id = random.trace_id();
    let failed = random.below(1_000) < options.errors_per_mille;
    let service = skewed(random, groups.len() as u64);
    let mut root = span(trace_id, None, start, duration_ns(random), random);
    root.kind = SpanKind::Server;
    root.name = operation("GET", service, skewed(random, options.operations));
    let status = if failed { 502 } else { 200 };
    root.attributes = root_attributes(&root.name, status, options, at, random);
    if failed {
        root.status = Status::error(format!("upstream {} failed", random.below(50)));
    }
    let count = options.spans_per_trace.max(1);
    let slice_ns = root.duration_ns() / count as i64;
    for index in 1..count {
        // Three of four children stay in the service that was called.
        let callee = (service + u64::from(index % 4 == 0) * index) % groups.len() as u64;
        let begins = start.saturating_add(slice_ns * index as i64);
        let mut child = span(
            trace_id,
            Some(root.span_id),
            begins,
            slice_ns.max(1),
            random,
        );
        child.kind = SpanKind::Client;
        child.name = operation("SELECT", callee, skewed(random, options.operations));
        child.attributes = Attributes::from_pairs(vec![
            (semconv::DB_SYSTEM_NAME.into(), "postgresql".into()),
            (
                semconv::DB_QUERY_SUMMARY.into(),
                child.name.clone().into_owned().into(),
            ),
        ]);
        if failed && index == count - 1 {
            child.status.code = StatusCode::Error;
        }
        groups[callee as usize].spans.push(child);
    }
    groups[service as usize].spans.push(root);
}

fn operation(verb: &str, service: u64, number: u64) -> Cow<'static, str> {
    Cow::Owned(format!("{verb} /s{service:02}/resource-{number:03}"))
}

fn root_attributes(
    name: &str,
    status: i64,
    options: &SeedOptions,
    at: u64,
    random: &mut Ids,
) -> Attributes {
    let mut pairs: Vec<(Cow<'static, str>, _)> = vec![
        (semconv::HTTP_REQUEST_METHOD.into(), "GET".into()),
        (semconv::HTTP_ROUTE.into(), name[4..].to_owned().into()),
        (semconv::HTTP_RESPONSE_STATUS_CODE.into(), status.into()),
        (
            semconv::REQUEST_ID.into(),
            format!("request-{:08x}-{at}", options.rng_seed).into(),
        ),
    ];
    if !at.is_multiple_of(3) {
        let user = skewed(random, options.users);
        pairs.push((semconv::USER_ID.into(), format!("user-{user}").into()));
        let session = format!("session-{user}-{}", at / 100_000);
        pairs.push((semconv::SESSION_ID.into(), session.into()));
    }
    Attributes::from_pairs(pairs)
}

fn span(
    trace_id: TraceId,
    parent_span_id: Option<SpanId>,
    start: UnixNanos,
    duration_ns: i64,
    random: &mut Ids,
) -> Span {
    Span {
        parent_span_id,
        flags: 0x101,
        end: start.saturating_add(duration_ns),
        ..Span::new(trace_id, random.span_id(), start)
    }
}

/// Returns a number below `bound`. Small numbers are far more frequent than large ones.
fn skewed(random: &mut Ids, bound: u64) -> u64 {
    let [a, b, c] = [(); 3].map(|()| random.below(bound));
    a.min(b).min(c)
}

/// Returns 0.2 ms to some seconds; one of two thousand is longer than 2 s.
fn duration_ns(random: &mut Ids) -> i64 {
    let octave = (random.next_u64() & random.next_u64() & 0x3fff).count_ones();
    (200_000 + random.below(200_000) as i64) << octave
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_creates_the_same_spans_in_the_requested_number() {
        let options = SeedOptions {
            spans: 12_345,
            ..SeedOptions::new(UnixNanos::new(1_795_269_600_000_000_000))
        };
        let all = |options: &SeedOptions| -> Vec<Span> {
            let batches = batches(options).flat_map(|batch| batch.groups);
            batches.flat_map(|group| group.spans).collect()
        };
        let spans = all(&options);
        assert_eq!(spans.len(), 12_340);
        assert_eq!(spans, all(&options));
        let other = SeedOptions {
            rng_seed: 2,
            ..options.clone()
        };
        assert_ne!(spans, all(&other));
        assert!(
            spans
                .iter()
                .all(|span| span.start <= options.end || span.parent_span_id.is_some())
        );
    }
}
