//! Removes what is past its time: rows of the directory first, then the partitions behind them.
//!
//! A trace goes by rule from the directory, in bounded batches; from then on nobody finds it, and
//! its days are marked as due in the same transaction. A due day's partitions are dropped where
//! nothing in them is kept (kept is what has a row in the directory), else the kept rows move to a
//! new table that takes the old one's place. Every step is one transaction and may be done again,
//! so a run that breaks off anywhere loses nothing and the next one goes on.

mod budget;
mod catalogue;
mod days;
mod dry_run;
mod housekeeping;
mod partition;
mod payloads;
mod pins;
mod rewrite;
mod traces;

use sqlx::PgConnection;
use throughline_model::{RetentionReport, RetentionRules};
use throughline_wire::UnixNanos;
use uuid::Uuid;

pub(crate) use budget::prune_oldest_day;
pub(crate) use dry_run::dry_run;
pub(crate) use pins::{pin, pin_of, pinned, unpin};

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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// One tenant's traces; none for everybody's.
    pub tenant: Option<Uuid>,
    pub rules: RetentionRules,
    pub now: UnixNanos,
    pub rewrite: Rewrite,
}

/// The instants before which things go.
#[derive(Debug, Clone, Copy)]
struct Cutoffs {
    ok_ns: i64,
    error_ns: i64,
    rollup_ns: i64,
    /// Whether a trace is as young as the server's receiving it, however old it is by its sender's
    /// clock.
    by_receipt: bool,
}

impl Run {
    fn cutoffs(&self) -> Cutoffs {
        let before = |ns: i64| self.now.get().saturating_sub(ns.max(0));
        Cutoffs {
            ok_ns: before(self.rules.ok_ns),
            error_ns: before(self.rules.error_ns),
            rollup_ns: before(self.rules.rollup_ns),
            by_receipt: true,
        }
    }
}

/// Does all of it.
pub(crate) async fn run(
    connection: &mut PgConnection,
    run: Run,
) -> Result<RetentionReport, sqlx::Error> {
    catalogue::drop_leftovers(connection).await?;
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
        report.rollup_count = housekeeping::rollups(connection, cutoffs).await?;
    }
    days::work_off(connection, &run, cutoffs, &mut report).await?;
    Ok(report)
}
