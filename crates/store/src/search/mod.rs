//! Search: finds traces by their spans.
//!
//! A predicate is compiled once into a [`ScanPlan`]. The page, the total and the statistics of a
//! request share the plan. A search has four steps:
//!
//! - `blocks` lists the blocks with their prune data and skips blocks that cannot match.
//! - `load` reads the needed parts of the other blocks.
//! - `evaluate` evaluates the plan over all spans of a block at once.
//! - `scan`, the engine, combines the matches of the blocks into results per trace.

mod attribute;
mod bits;
mod blocks;
mod compile;
mod condition;
mod dictionary;
mod evaluate;
mod expression;
mod filter;
mod inputs;
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
mod trace_row;
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
pub(crate) use self::rows::RowSelection;
pub(crate) use self::scan::{End, From, Search, SearchBudget, SearchLimits};
pub(crate) use self::trace_row::TraceRow;

/// The maximum number of attribute names that a search returns.
const MOST_NAMES: usize = 100;

/// Resolves the dictionary tests of a plan. Runs one statement, or none if the plan has no such
/// tests.
///
/// # Errors
/// Returns the [`ReadError`] of the statement.
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    tenant: Uuid,
    mut plan: ScanPlan,
) -> Result<Arc<ScanPlan>, ReadError> {
    dictionary::resolve(connection, tenant, &mut plan).await?;
    Ok(Arc::new(plan))
}
