//! What a commit adds to the trace directory, as one statement takes it.

use std::fmt::Write as _;

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Delta, Key};

/// The deltas column by column, as `unnest` takes them.
#[derive(Default)]
pub(super) struct Columns<'a> {
    tenant_id: Vec<Uuid>,
    trace_id: Vec<Uuid>,
    start_ns: Vec<i64>,
    end_ns: Vec<i64>,
    span_count: Vec<i64>,
    error_count: Vec<i64>,
    root_rank: Vec<i64>,
    root_span_id: Vec<i64>,
    root_digest: Vec<i64>,
    root_operation_id: Vec<i64>,
    root_duration_ns: Vec<i64>,
    has_root: Vec<bool>,
    /// Array literals: `unnest` cannot take arrays of different lengths.
    services: Vec<String>,
    user_rank: Vec<Option<i64>>,
    user_id: Vec<Option<&'a str>>,
    session_rank: Vec<Option<i64>>,
    session_id: Vec<Option<&'a str>>,
    error_rank: Vec<Option<i64>>,
    error_message: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    pub(super) fn push(&mut self, tenant: [u8; 16], trace_id: [u8; 16], delta: Delta<'a>) {
        self.tenant_id.push(Uuid::from_bytes(tenant));
        self.trace_id.push(Uuid::from_bytes(trace_id));
        self.start_ns.push(delta.start_ns);
        self.end_ns.push(delta.end_ns);
        self.span_count.push(delta.span_count);
        self.error_count.push(delta.error_count);
        self.root_rank.push(delta.root.rank);
        self.root_span_id.push(delta.root.span_id);
        self.root_digest.push(delta.root.digest);
        self.root_operation_id.push(delta.root.operation_id);
        self.root_duration_ns.push(delta.root.duration_ns);
        self.has_root.push(delta.has_root);
        self.services.push(array_literal(delta.services));
        let (user_rank, user_id) = delta.user.unzip();
        self.user_rank.push(user_rank);
        self.user_id.push(user_id);
        let (session_rank, session_id) = delta.session.unzip();
        self.session_rank.push(session_rank);
        self.session_id.push(session_id);
        let (error_rank, error_message) = delta.error.unzip();
        self.error_rank.push(error_rank);
        self.error_message.push(error_message);
    }

    pub(super) async fn merge(
        self,
        connection: &mut PgConnection,
        limit: i64,
        received_ns: i64,
    ) -> Result<Vec<Key>, sqlx::Error> {
        let crowded: Vec<(Uuid, Uuid)> = sqlx::query_as(include_str!("merge_traces.sql"))
            .bind(self.tenant_id)
            .bind(self.trace_id)
            .bind(self.start_ns)
            .bind(self.end_ns)
            .bind(self.span_count)
            .bind(self.error_count)
            .bind(self.root_rank)
            .bind(self.root_span_id)
            .bind(self.root_digest)
            .bind(self.root_operation_id)
            .bind(self.root_duration_ns)
            .bind(self.has_root)
            .bind(self.services)
            .bind(self.user_rank)
            .bind(self.user_id)
            .bind(self.session_rank)
            .bind(self.session_id)
            .bind(self.error_rank)
            .bind(self.error_message)
            .bind(limit)
            .bind(received_ns)
            .fetch_all(connection)
            .await?;
        let keys = crowded
            .into_iter()
            .map(|(tenant, trace)| (tenant.into_bytes(), trace.into_bytes()));
        Ok(keys.collect())
    }
}

fn array_literal(mut numbers: Vec<i64>) -> String {
    numbers.sort_unstable();
    let mut literal = String::with_capacity(2 + numbers.len() * 21);
    literal.push('{');
    for (at, number) in numbers.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(literal, "{comma}{number}");
    }
    literal.push('}');
    literal
}
