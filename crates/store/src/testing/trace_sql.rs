//! The baseline for reading a trace: only its two large statements.

use std::time::{Duration, Instant};

use sqlx::postgres::PgPoolOptions;
use throughline_wire::{TenantId, TraceId, UnixNanos};
use uuid::Uuid;

use crate::reader;

/// Returns the time for the statements of the summary and the spans of a trace over one connection.
/// The rows are fetched and not decoded, and names are not looked up, which makes it a strict
/// baseline.
///
/// # Errors
/// An error of the database.
pub async fn trace_sql(
    url: &str,
    traces: &[TraceId],
) -> Result<Vec<Duration>, Box<dyn core::error::Error + Send + Sync>> {
    let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
    let tenant = TenantId::DEFAULT.to_bytes();
    let mut taken = Vec::with_capacity(traces.len());
    for trace in traces {
        let trace = Uuid::from_bytes(trace.to_bytes());
        let began = Instant::now();
        let summaries = reader::summaries(&pool, tenant, &[trace], UnixNanos::new(0)).await?;
        let summary = summaries.first().ok_or("there is no such trace")?;
        let rows = sqlx::query(include_str!("../block/parts_of_trace.sql"))
            .bind(Uuid::from_bytes(tenant))
            .bind(trace)
            .bind(0_i64)
            .bind(summary.start.get())
            .bind(summary.start.get().saturating_add(summary.duration_ns))
            .bind(true)
            .bind(None::<i64>)
            .fetch_all(&pool)
            .await?;
        taken.push(began.elapsed());
        if rows.is_empty() {
            return Err("the trace has no spans".into());
        }
    }
    pool.close().await;
    Ok(taken)
}
