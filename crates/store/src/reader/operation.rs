//! An operation of the dictionary.

use sqlx::FromRow;
use throughline_wire::{Resource, SpanKind};

/// The name of an operation without a dictionary row.
pub(super) const UNKNOWN_OPERATION: &str = "unknown operation";

/// An operation with the name of its service.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Operation {
    pub id: i64,
    pub name: String,
    kind: i16,
    pub service: Option<String>,
}

impl Operation {
    /// Returns the placeholder for an operation without a dictionary row.
    pub(super) fn unknown() -> Self {
        Self {
            id: 0,
            name: UNKNOWN_OPERATION.to_owned(),
            kind: 0,
            service: None,
        }
    }

    /// Returns the span kind of the operation.
    pub(super) fn kind(&self) -> SpanKind {
        SpanKind::from_code(self.kind.into())
    }

    /// Returns the name of the service.
    pub(super) fn service(&self) -> &str {
        self.service.as_deref().unwrap_or(Resource::UNKNOWN_SERVICE)
    }
}
