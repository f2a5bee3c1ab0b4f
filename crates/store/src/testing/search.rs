//! Searches by any predicate, which no filter can say yet, and counts of scans.

use throughline_model::{CheckedPredicate, Page, PageRequest, ReadError, TimeRange, TraceSummary};
use throughline_wire::TenantId;

use crate::Store;

/// One page of the traces of the default tenant of which a predicate holds.
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

/// Returns how many scans of searches run, and how many searches wait until they may scan.
pub fn scan_counts(store: &Store) -> (usize, usize) {
    store.scan_counts()
}
