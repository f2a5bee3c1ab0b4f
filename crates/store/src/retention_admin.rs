//! The implementation of [`RetentionAdmin`] for Postgres.

use std::time::Duration;

use sqlx::postgres::PgPool;
use throughline_model::{
    BoxFuture, CleanUp, Pin, ReadError, RetentionAdmin, RetentionReport, RetentionRules,
    StorageReport,
};
use throughline_wire::{TenantId, TraceId};
use uuid::Uuid;

use crate::in_time::read_within;
use crate::leader_lock::JobOptions;
use crate::retention::{self, Rewrite, Run};
use crate::sqlstate::read_error;
use crate::{Clock, Gauge, LeaderLock, StoreError, storage};

/// The retention admin of one tenant.
pub(crate) struct PgRetentionAdmin {
    pub pool: PgPool,
    pub tenant: TenantId,
    pub clock: Clock,
    pub rules: RetentionRules,
    pub gauge: Gauge,
    pub job: JobOptions,
    /// See [`StoreOptions::answer_timeout`](crate::StoreOptions::answer_timeout).
    pub answer_timeout: Duration,
}

impl PgRetentionAdmin {
    fn tenant(&self) -> Uuid {
        Uuid::from_bytes(self.tenant.to_bytes())
    }
}

impl RetentionAdmin for PgRetentionAdmin {
    fn pin(
        &self,
        trace_id: TraceId,
        note: String,
    ) -> BoxFuture<'_, Result<Option<Pin>, ReadError>> {
        Box::pin(read_within(self.answer_timeout, async move {
            let mut connection = self.pool.acquire().await.map_err(read_error)?;
            let pin = Pin {
                trace_id,
                note,
                pinned_at: self.clock.now(),
            };
            let is_pinned = retention::pin(&mut connection, self.tenant(), &pin).await?;
            Ok(is_pinned.then_some(pin))
        }))
    }

    fn unpin(&self, trace_id: TraceId) -> BoxFuture<'_, Result<bool, ReadError>> {
        Box::pin(read_within(self.answer_timeout, async move {
            let mut connection = self.pool.acquire().await.map_err(read_error)?;
            retention::unpin(&mut connection, self.tenant(), trace_id).await
        }))
    }

    fn pin_of(&self, trace_id: TraceId) -> BoxFuture<'_, Result<Option<Pin>, ReadError>> {
        Box::pin(read_within(self.answer_timeout, async move {
            let mut connection = self.pool.acquire().await.map_err(read_error)?;
            retention::pin_of(&mut connection, self.tenant(), trace_id).await
        }))
    }

    fn list_pins(&self) -> BoxFuture<'_, Result<Vec<Pin>, ReadError>> {
        Box::pin(read_within(self.answer_timeout, async move {
            let mut connection = self.pool.acquire().await.map_err(read_error)?;
            retention::pinned(&mut connection, self.tenant()).await
        }))
    }

    fn clean_up(&self, request: CleanUp) -> BoxFuture<'_, Result<RetentionReport, ReadError>> {
        Box::pin(async move {
            let rules = request
                .older_than_ns
                .map_or(self.rules, RetentionRules::all);
            let run = Run {
                tenant: Some(self.tenant()),
                rules,
                now: self.clock.now(),
                trusts_clock: false,
                rewrite: Rewrite::Now,
                gauge: &self.gauge,
            };
            // A connection of its own: a run may take longer than a page request may hold a pooled
            // connection.
            let job = JobOptions {
                rules: self.rules,
                ..self.job.clone()
            };
            let mut lock = LeaderLock::connect(&job, "clean up")
                .await
                .map_err(keep_error)?;
            let report = if request.is_dry_run {
                lock.dry_run(run).await
            } else {
                lock.run(run).await
            };
            lock.release().await;
            report.map_err(keep_error)
        })
    }

    fn storage(&self) -> BoxFuture<'_, Result<StorageReport, ReadError>> {
        Box::pin(read_within(self.answer_timeout, async move {
            let mut connection = self.pool.acquire().await.map_err(read_error)?;
            let report = async {
                let space = retention::space(&mut connection, self.clock.now(), &self.rules);
                let used = space.await?.used;
                let refusal = retention::refusal(&mut connection).await?;
                let gauge = (self.gauge)();
                storage::report(&mut connection, self.tenant(), gauge, used, refusal).await
            };
            report.await.map_err(read_error)
        }))
    }
}

fn keep_error(error: StoreError) -> ReadError {
    match error {
        StoreError::Database(error) => read_error(error),
        StoreError::Busy
        | StoreError::Clocks(_)
        | StoreError::ClockStep { .. }
        | StoreError::DiskReserve => ReadError::Invalid(error.to_string()),
        StoreError::Url | StoreError::NewerSchema { .. } | StoreError::Migration(_) => {
            ReadError::Internal
        }
    }
}
