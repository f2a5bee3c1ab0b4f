//! Search: finds traces by their spans.
//!
//! A predicate is compiled once into a [`ScanPlan`], which the page, the total and the statistics of
//! a request share. Blocks are listed with what prunes them (`blocks`), those that may match are read
//! in part (`load`) and evaluated all spans at once (`evaluate`), and the engine (`scan`) joins what
//! they had to answers about traces.

mod attribute;
mod bits;
mod blocks;
mod compile;
mod condition;
mod dictionary;
mod evaluate;
mod filter;
mod load;
mod log_records;
mod matched;
mod name;
mod number;
mod permits;
mod plan;
mod predicate;
mod prune;
mod results;
mod rows;
mod scan;
mod scanner;
mod sources;
mod value;

use std::sync::Arc;

use sqlx::PgConnection;
use throughline_model::ReadError;
use uuid::Uuid;

pub(crate) use self::condition::LeafBits;
pub(crate) use self::filter::plan_of;
pub(crate) use self::matched::{MATCHED_SPANS, MatchedPlaces};
pub(crate) use self::permits::ScanPermits;
pub(crate) use self::plan::{ReferenceTo, ScanPlan};
pub(crate) use self::results::SpanAt;
pub(crate) use self::rows::{RowSelection, TraceRow};
pub(crate) use self::scan::{Budget, End, From, Search};

/// Asks the dictionaries what a plan needs of them: one statement, or none.
///
/// # Errors
/// [`ReadError`].
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    tenant: Uuid,
    mut plan: ScanPlan,
) -> Result<Arc<ScanPlan>, ReadError> {
    dictionary::resolve(connection, tenant, &mut plan).await?;
    Ok(Arc::new(plan))
}
