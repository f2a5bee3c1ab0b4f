//! The command `throughline export`: traces and their log records as OTLP JSON. Any OpenTelemetry
//! tool and `throughline import` can read it. The spans of all traces come first, then the log
//! records.
//!
//! Memory holds one page of a trace's spans or one page of log records, and the ids of all traces.
//! A large trace becomes several lines (requests) of a few megabytes, as OTLP allows. A program
//! that reads them need not hold the whole trace either.

mod destination;
mod request;
mod write;

use std::io;
use std::sync::Arc;

use throughline_model::{Direction, EventsOf, PageRequest, ReadError, TraceFilter, TraceReader};
use throughline_wire::TraceId;

pub use self::destination::Destination;
pub use self::request::{log_requests, span_requests};
pub use self::write::{Layout, Writer};

/// The traces to export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// The traces with these ids.
    Traces(Vec<TraceId>),
    /// The traces that a filter selects, newest first, up to an optional limit.
    Filter(Box<TraceFilter>, Option<u64>),
}

/// The counts of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Traces written.
    pub traces: u64,
    /// Spans written.
    pub spans: u64,
    /// Log records and events written.
    pub events: u64,
    /// Traces requested by id that are not stored.
    pub missing: Vec<TraceId>,
}

/// The reasons why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store could not be read.
    #[error("cannot read the database: {0}")]
    Read(#[from] ReadError),
    /// Retention or a clean-up removed the trace between two pages.
    #[error("trace {0} was removed during the export; its output is incomplete")]
    Removed(TraceId),
    /// The destination could not be written.
    #[error("cannot write the output: {0}")]
    Write(#[from] io::Error),
}

/// Writes the selected traces and their log records to `out`. With a filter it also writes the log
/// records of the range that belong to no stored trace, unless the filter has conditions that only
/// traces can meet.
///
/// # Errors
/// See [`ExportError`]. The output up to the error consists of whole lines.
pub async fn export(
    reader: &Arc<dyn TraceReader>,
    selection: Selection,
    out: impl io::Write,
    layout: Layout,
) -> Result<Exported, ExportError> {
    let mut export = Export {
        reader,
        writer: Writer::new(out, layout)?,
        exported: Exported::default(),
        written: Vec::new(),
    };
    let mut alone = None;
    match selection {
        Selection::Traces(ids) => export.named(ids).await?,
        Selection::Filter(filter, limit) => {
            alone = events_alone(&filter).filter(|_| limit.is_none());
            export.selected(&filter, limit).await?;
        }
    }
    for id in core::mem::take(&mut export.written) {
        export.events(&EventsOf::Trace(id)).await?;
    }
    if let Some(alone) = alone {
        export.events(&alone).await?;
    }
    export.writer.finish()?;
    Ok(export.exported)
}

/// Returns the selection of log records without a trace that match `filter`; `None` if the filter
/// has conditions that only traces can meet.
fn events_alone(filter: &TraceFilter) -> Option<EventsOf> {
    let asked = TraceFilter {
        range: filter.range,
        service: filter.service.clone(),
        ..TraceFilter::default()
    };
    (asked == *filter).then_some(EventsOf::NoTrace {
        range: asked.range,
        service: asked.service,
    })
}

struct Export<'a, W> {
    reader: &'a Arc<dyn TraceReader>,
    writer: Writer<W>,
    exported: Exported,
    /// The traces whose log records are written after the spans.
    written: Vec<TraceId>,
}

impl<W: io::Write> Export<'_, W> {
    async fn named(&mut self, ids: Vec<TraceId>) -> Result<(), ExportError> {
        for id in ids {
            if !self.spans(id).await? {
                self.exported.missing.push(id);
            }
        }
        Ok(())
    }

    async fn selected(
        &mut self,
        filter: &TraceFilter,
        limit: Option<u64>,
    ) -> Result<(), ExportError> {
        let mut left = limit.unwrap_or(u64::MAX);
        let mut from = None;
        while left > 0 {
            let request = PageRequest {
                limit: left.min(u64::from(PageRequest::MAX_LIMIT)) as u32,
                from,
            };
            let page = self.reader.list_traces(filter, request).await?;
            for summary in &page.items {
                // A trace that is missing now was pruned after the page was read. That is not an
                // error.
                self.spans(summary.trace_id).await?;
            }
            left = left.saturating_sub(page.items.len() as u64);
            match page.after {
                Some(after) => from = Some((Direction::After, after)),
                None => break,
            }
        }
        Ok(())
    }

    /// Writes the spans of a trace. Returns false if there is no such trace.
    async fn spans(&mut self, id: TraceId) -> Result<bool, ExportError> {
        let mut next = self.reader.trace(id, None).await?;
        if next.is_none() {
            return Ok(false);
        }
        while let Some(page) = next.take() {
            for request in span_requests(&page) {
                self.writer.spans(&request)?;
            }
            self.exported.spans += page.spans.len() as u64;
            if page.after.is_some() {
                let following = self.reader.trace(id, page.after).await?;
                next = Some(following.ok_or(ExportError::Removed(id))?);
            }
        }
        self.written.push(id);
        self.exported.traces += 1;
        Ok(true)
    }

    async fn events(&mut self, of: &EventsOf) -> Result<(), ExportError> {
        let mut after = None;
        loop {
            let page = self.reader.whole_events(of, after).await?;
            for request in log_requests(&page) {
                self.writer.logs(&request)?;
            }
            self.exported.events += page.events.len() as u64;
            after = page.after;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
