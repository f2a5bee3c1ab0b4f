//! The URL parameters of the trace page.

use throughline_model::query::quoted;
use throughline_model::{Decoded, Parameters, Query};

use super::{Outline, Selection};

/// The selected span and the row limit of a waterfall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceRequest {
    /// The selected span.
    pub(crate) selection: Selection,
    /// The most rows to draw.
    pub(crate) rows: usize,
}

impl TraceRequest {
    /// Parses a query string. Faulty parameters have no effect.
    pub(crate) fn parse(search: &str) -> Decoded<Self> {
        Query::parse(search).decode(|parameters| Self {
            selection: Selection::decode(parameters),
            rows: decode_rows(parameters),
        })
    }
}

fn decode_rows(parameters: &mut Parameters<'_>) -> usize {
    let rows = parameters.parsed("rows", |text| {
        let rows = text.parse().ok();
        rows.filter(|rows| *rows >= 1)
            .ok_or_else(|| format!("{} is not a number from 1 on", quoted(text)))
    });
    rows.unwrap_or(Outline::DEFAULT_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_faulty_ones_are_named() {
        let decoded = TraceRequest::parse("?span=00f067aa0ba902b7&rows=5");
        assert!(matches!(decoded.value.selection, Selection::Span(_)));
        assert_eq!(decoded.value.rows, 5);
        let decoded = TraceRequest::parse("?span=zz&rows=0&x=1");
        assert_eq!(decoded.value.selection, Selection::Closed);
        assert_eq!(decoded.value.rows, Outline::DEFAULT_ROWS);
        let faults = decoded.faults.to_string();
        assert!(
            faults.contains("span: ") && faults.contains("rows: "),
            "{faults}"
        );
        assert_eq!(decoded.unknown.first.len(), 1);
    }
}
