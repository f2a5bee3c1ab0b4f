//! `throughline export`: traces as OTLP JSON, one after the other, that any OpenTelemetry tool and
//! `throughline import` read.
//!
//! Memory holds one trace at a time. A large trace becomes several lines (requests) of a few
//! megabytes, as OTLP allows, so that whoever reads them need not hold it whole either.

mod destination;
mod write;

use std::io;
use std::sync::Arc;

use throughline_model::{Direction, PageRequest, ReadError, TraceFilter, TraceReader};
use throughline_wire::TraceId;

pub use self::destination::Destination;
pub use self::write::{Layout, Writer, requests};

/// Which traces are exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These.
    Traces(Vec<TraceId>),
    /// What a filter selects, newest first, up to so many.
    Filter(Box<TraceFilter>, Option<u64>),
}

/// What was exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Traces written.
    pub traces: u64,
    /// Spans written.
    pub spans: u64,
    /// Traces asked for by id that are not stored.
    pub missing: Vec<TraceId>,
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store could not be read.
    #[error("reading failed: {0}")]
    Read(#[from] ReadError),
    /// The destination could not be written.
    #[error("writing failed: {0}")]
    Write(#[from] io::Error),
}

/// Writes the selected traces to `out`.
///
/// # Errors
/// See [`ExportError`]; what was written until then is whole lines.
pub async fn export(
    reader: &Arc<dyn TraceReader>,
    selection: Selection,
    out: impl io::Write,
    layout: Layout,
) -> Result<Exported, ExportError> {
    let mut writer = Writer::new(out, layout)?;
    let mut exported = Exported::default();
    match selection {
        Selection::Traces(ids) => {
            for id in ids {
                if !one(reader, id, &mut writer, &mut exported).await? {
                    exported.missing.push(id);
                }
            }
        }
        Selection::Filter(filter, limit) => {
            selected(reader, &filter, limit, &mut writer, &mut exported).await?;
        }
    }
    writer.finish()?;
    Ok(exported)
}

async fn selected(
    reader: &Arc<dyn TraceReader>,
    filter: &TraceFilter,
    limit: Option<u64>,
    writer: &mut Writer<impl io::Write>,
    exported: &mut Exported,
) -> Result<(), ExportError> {
    let mut left = limit.unwrap_or(u64::MAX);
    let mut from = None;
    while left > 0 {
        let request = PageRequest {
            limit: left.min(u64::from(PageRequest::MAX_LIMIT)) as u32,
            from,
        };
        let page = reader.list_traces(filter, request).await?;
        for summary in &page.items {
            // One that is gone since the page was read was pruned: not an error.
            one(reader, summary.trace_id, writer, exported).await?;
        }
        left = left.saturating_sub(page.items.len() as u64);
        match page.after {
            Some(after) => from = Some((Direction::After, after)),
            None => break,
        }
    }
    Ok(())
}

/// Writes one trace; false when there is none.
async fn one(
    reader: &Arc<dyn TraceReader>,
    id: TraceId,
    writer: &mut Writer<impl io::Write>,
    exported: &mut Exported,
) -> Result<bool, ExportError> {
    let Some(trace) = reader.trace(id).await? else {
        return Ok(false);
    };
    writer.write(&trace)?;
    exported.traces += 1;
    exported.spans += trace.spans.len() as u64;
    Ok(true)
}
