//! Reports stored values that cannot be read.

use throughline_model::ReadError;

/// Logs which stored value cannot be read. The caller receives only an internal error.
pub(super) fn corrupt(what: &'static str) -> impl Fn() -> ReadError {
    move || {
        tracing::error!(what, "cannot read a stored value");
        ReadError::Internal
    }
}
