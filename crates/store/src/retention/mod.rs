//! Removes expired data: first the rows of traces, then the partitions that have their spans, events
//! and payloads.
//!
//! A run removes the rows of expired traces in bounded batches. Nobody finds these traces then. The
//! same transaction marks their days as due. Data is kept if its trace has a row. A partition of
//! events or payloads of a due day is dropped if it has no kept row. Otherwise a new table with the
//! kept rows replaces it. A partition of blocks is handled in the same way, a day after its end plus
//! the retention time of its class. Each step is one transaction and can be repeated. So an
//! interrupted run loses nothing, and the next run continues.

mod budget;
mod catalogue;
mod clock_check;
mod copied_block;
mod counts;
mod damaged;
mod days;
mod dry_run;
mod free_payloads;
mod housekeeping;
mod in_place;
mod kept;
mod level_one;
mod partition;
mod payload_days;
mod payloads;
mod pins;
mod plan;
mod removal;
mod rewrite;
mod rollups;
pub(crate) mod run_lock;
mod space;
mod swap;
mod traces;

use sqlx::PgConnection;
use throughline_model::{RetentionReport, RetentionRules};
use throughline_wire::UnixNanos;
use uuid::Uuid;

use crate::Gauge;
use crate::compaction::{CompactionScope, Compactor};

pub use budget::Prune;
pub(crate) use budget::Pruner;
#[cfg(feature = "testing")]
pub(crate) use budget::prune_oldest_day;
pub(crate) use clock_check::{ClockCheck, note_trusted, refusal};
pub(crate) use damaged::Damaged;
pub(crate) use dry_run::dry_run;
pub(crate) use free_payloads::{Freed, free_payloads, marked_days};
pub(crate) use payload_days::mark as mark_payload_days;
pub(crate) use pins::{pin, pin_of, pinned, unpin};
pub use plan::PruneStep;
pub(crate) use space::space;
pub(crate) use swap::finish_leftovers;
pub(crate) use traces::{RemovedTraces, remove_events_of, remove_named as remove_traces};

/// When partitions that hold kept rows are rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// Once a day's traces are all past a rule's time, so that a day is rewritten once a rule and
    /// not once a run.
    Settled,
    /// In this run, where anything in them is gone.
    Now,
}

/// What a run is about.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    /// One tenant's traces; none for everybody's.
    pub tenant: Option<Uuid>,
    pub rules: RetentionRules,
    pub now: UnixNanos,
    /// True if an operator says that `now` is right.
    pub trusts_clock: bool,
    pub rewrite: Rewrite,
    pub gauge: &'a Gauge,
}

/// The instants before which things go.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "the unit")]
struct Cutoffs {
    ok_ns: i64,
    error_ns: i64,
    rollup_ns: i64,
}

impl Cutoffs {
    /// That of the partitions of blocks of a class.
    const fn of_class(self, class: i16) -> i64 {
        if class == 0 {
            self.ok_ns
        } else {
            self.error_ns
        }
    }
}

impl Run<'_> {
    fn cutoffs(&self) -> Cutoffs {
        let before = |ns: i64| self.now.get().saturating_sub(ns.max(0));
        Cutoffs {
            ok_ns: before(self.rules.ok_ns),
            error_ns: before(self.rules.error_ns),
            rollup_ns: before(self.rules.rollup_ns),
        }
    }
}

/// Removes the expired data of a run.
pub(crate) async fn run(
    connection: &mut PgConnection,
    compactor: &mut Compactor,
    damaged: &mut Damaged,
    run: Run<'_>,
) -> Result<RetentionReport, sqlx::Error> {
    finish_leftovers(connection, damaged).await?;
    let cutoffs = run.cutoffs();
    let mut report = RetentionReport::default();
    let tenants = match run.tenant {
        Some(tenant) => vec![tenant],
        None => traces::tenants(connection).await?,
    };
    for tenant in tenants {
        traces::remove(connection, tenant, cutoffs, &mut report).await?;
    }
    budget::remove_pruned_traces(connection, &mut report).await?;
    if run.tenant.is_none() {
        housekeeping::open_spans(connection, cutoffs).await?;
        housekeeping::processes(connection, cutoffs).await?;
        report.rollup_count = rollups::remove_expired(connection, cutoffs).await?;
        housekeeping::dropped_spans(connection, cutoffs).await?;
    }
    if run.rewrite == Rewrite::Now {
        // What is past its time may be in level 0.
        let everything = CompactionScope::Everything;
        compactor.run(connection, everything).await?;
    }
    days::work_off(connection, &run, cutoffs, damaged, &mut report).await?;
    Ok(report)
}
