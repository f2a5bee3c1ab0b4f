//! The read side of Throughline as pure data. The store returns these types, the API serves them
//! and the pages render them.
//!
//! The crate has no I/O and no clock, and builds for `wasm32-unknown-unknown`.

pub mod completeness;
mod dropped_spans;
pub mod event;
pub mod filter;
pub mod fold;
pub mod ids;
pub mod live;
pub mod lookup;
pub mod page;
pub mod payload;
pub mod query;
pub mod reader;
pub mod retention;
pub mod retention_admin;
pub mod rollup;
pub mod search;
pub mod services;
mod statistics;
pub mod storage;
pub mod summary;
pub mod time_range;
pub mod trace;
pub mod utc;
pub mod whole_events;

pub use completeness::{
    Completeness, CompletenessState, OpenFate, OpenSpan, ProcessFacts, TraceFacts,
};
pub use dropped_spans::DroppedSpans;
pub use event::{EventCursor, EventFilter, EventPage, EventPageRequest, StoredEvent};
pub use filter::{AttributeCondition, OperationMatch, StatusFilter, TraceFilter};
pub use fold::fold_case;
pub use live::{LagReason, LiveEvent, LiveFeed, LiveLag, LiveSubscription, LiveTraces};
pub use lookup::{LookedFor, Lookup, Reference};
pub use page::{Cursor, Direction, Page, PageRequest, Total};
pub use payload::{Payload, PayloadPlace, PayloadRef};
pub use query::{Decoded, Fault, Faults, Parameters, Query};
pub use reader::{BoxFuture, ReadError, SelectedTraces, TraceReader};
pub use retention::{
    PartitionChange, PartitionStep, Pin, Removed, RetentionReport, RetentionRules,
};
pub use retention_admin::{CleanUp, RetentionAdmin};
pub use rollup::{Rollup, RollupFilter, RollupGroup, RollupReport, RollupWindow};
pub use search::{
    AttributeOwner, CheckedPredicate, Comparison, SearchValue, SpanField, SpanPredicate,
    TracePredicate, kind_named, status_named,
};
pub use services::ServiceList;
pub use statistics::{OperationRow, TimeBucket, TraceStatistics, UserRow};
pub use storage::{DaySize, Share, SpaceUse, StorageGauge, StorageLevel, StorageReport, TableSize};
pub use summary::{MatchedSpan, TraceSummary};
pub use time_range::TimeRange;
pub use trace::order::{SpanOrder, span_order};
pub use trace::tree::{Oddity, TraceTree, TreeItem, TreeRow};
pub use trace::{
    SkeletonSpan, SpanCursor, SpanDetails, SpansOfId, StoredSpan, Trace, TraceSkeleton, join_parts,
};
pub use utc::Utc;
pub use whole_events::{EventsOf, WholeEvent, WholeEvents};
