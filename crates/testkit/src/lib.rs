//! Helpers for tests: a builder of spans, a reader over spans in memory, a fixed clock and seeded
//! ids.
//!
//! ```
//! use throughline_testkit::{Ids, span};
//!
//! let mut ids = Ids::seeded(1);
//! let trace_id = ids.trace_id();
//! let click = span("click").in_trace(trace_id).id(ids.span_id()).build();
//! let request = span("GET /cart").id(ids.span_id()).child_of(&click).error("out of stock").build();
//! assert_eq!(request.parent_span_id, Some(click.span_id));
//! ```

mod builder;
mod clock;
mod fake;
mod ids;
mod retention_admin;
mod rollup;
mod sample;
mod statistics;
pub mod strategies;
mod summary;

pub use builder::{SpanBuilder, span};
pub use clock::{FixedClock, NOW};
pub use fake::FakeReader;
pub use ids::Ids;
pub use retention_admin::FakeRetentionAdmin;
pub use rollup::rollups_of;
pub use sample::{every_attribute_kind, rich_span, shop_trace};
pub use statistics::statistics_of;
pub use summary::{Sent, error_texts, has_attribute, order_of, selected, summaries_of};
