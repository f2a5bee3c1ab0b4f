//! Searches by any predicate, also by those that a filter cannot express, and counts scans.

use throughline_model::{CheckedPredicate, Page, PageRequest, ReadError, TimeRange, TraceSummary};
use throughline_wire::TenantId;

use crate::Store;

/// Returns one page of the traces of the default tenant that meet a predicate.
///
/// # Errors
/// [`ReadError`].
pub async fn search(
    store: &Store,
    predicate: &CheckedPredicate,
    range: TimeRange,
    page: PageRequest,
) -> Result<Page<TraceSummary>, ReadError> {
    let reader = store.pg_reader(TenantId::DEFAULT);
    reader.search(predicate, range, page).await
}

/// Returns the number of running scans, and the number of searches that wait for a permit.
pub fn scan_counts(store: &Store) -> (usize, usize) {
    store.scan_counts()
}
