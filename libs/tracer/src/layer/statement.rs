//! Turns the sqlx log events of ended statements into client spans.

mod summary;

use std::borrow::Cow;

use throughline_wire::{AttributeValue, Attributes, Span, SpanKind, UnixNanos, semconv};
use tracing::Event;

use super::parent::{Parent, blank, otlp_flags};
use super::visit;
use crate::clock::Tick;
use crate::context::SpanContext;
use crate::ids;
use summary::Summary;

/// The log target of sqlx statements: `DEBUG`, or `WARN` for slow ones.
pub(super) const TARGET: &str = "sqlx::query";

/// The fields that sqlx logs for a statement (`sqlx_core::logger::QueryLogger`).
#[derive(Debug, Default)]
struct Statement {
    /// The first four words and an ellipsis, or the whole text if it is shorter.
    start: Cow<'static, str>,
    /// The whole text; empty if `start` holds it.
    text: Cow<'static, str>,
    rows_affected: Option<i64>,
    rows_returned: Option<i64>,
    elapsed_secs: Option<f64>,
}

/// Returns the span of the statement that has just ended under `parent`; `None` if `event` is not
/// about a statement.
pub(super) fn span(
    event: &Event<'_>,
    parent: &Parent,
    database: Cow<'static, str>,
) -> Option<Span> {
    let mut statement = Statement::default();
    event.record(&mut visit::Fields(|key, value| match (key, value) {
        ("summary", AttributeValue::Str(text)) => statement.start = text,
        ("db.statement", AttributeValue::Str(text)) => statement.text = text,
        ("rows_affected", AttributeValue::Int(rows)) => statement.rows_affected = Some(rows),
        ("rows_returned", AttributeValue::Int(rows)) => statement.rows_returned = Some(rows),
        ("elapsed_secs", AttributeValue::Double(secs)) => statement.elapsed_secs = Some(secs),
        _ => {}
    }));
    let duration_ns = (statement.elapsed_secs? * UnixNanos::PER_SECOND as f64) as i64;
    let end = Tick::now().wall();
    let text = match statement.text.trim() {
        "" => statement.start.trim(),
        text => text,
    };
    let summary = Summary::of(text);
    if summary.verb == "SELECT" {
        // Postgres reports the rows read as affected, so this is not a count of changed rows.
        statement.rows_affected = None;
    }
    let name = summary.to_string();
    let mut attributes = Attributes::default();
    let mut add = |key, value| attributes.push_unchecked(Cow::Borrowed(key), value);
    add(semconv::DB_SYSTEM_NAME, database.into());
    add(semconv::DB_QUERY_TEXT, text.to_owned().into());
    add(semconv::DB_QUERY_SUMMARY, name.clone().into());
    add(semconv::DB_OPERATION_NAME, summary.verb.into());
    for (key, rows) in [
        (semconv::DB_RESPONSE_RETURNED_ROWS, statement.rows_returned),
        (semconv::DB_RESPONSE_AFFECTED_ROWS, statement.rows_affected),
    ] {
        if let Some(rows) = rows {
            add(key, rows.into());
        }
    }
    let context = SpanContext {
        span_id: ids::span_id(),
        ..parent.context
    };
    let start = end.saturating_add(duration_ns.max(0).saturating_neg());
    let flags = otlp_flags(context, false);
    let above = Some(parent.context.span_id);
    Some(Span {
        name: name.into(),
        kind: SpanKind::Client,
        end,
        attributes,
        ..blank(context, above, parent.propagated.as_deref(), flags, start)
    })
}
