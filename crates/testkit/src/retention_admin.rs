//! A fake of the retention operations, with its state in memory.

use std::sync::{Arc, Mutex, PoisonError};

use throughline_model::{
    BoxFuture, CleanUp, Pin, ReadError, RetentionAdmin, RetentionReport, SpaceUse, StorageGauge,
    StorageReport,
};
use throughline_wire::TraceId;

use crate::NOW;

/// A [`RetentionAdmin`] for tests of code that uses the store. Any trace can be pinned.
#[derive(Debug)]
pub struct FakeRetentionAdmin {
    pins: Mutex<Vec<Pin>>,
    storage: Result<StorageReport, ReadError>,
}

impl FakeRetentionAdmin {
    /// Returns a fake with this storage report.
    pub const fn new(storage: Result<StorageReport, ReadError>) -> Self {
        Self {
            pins: Mutex::new(Vec::new()),
            storage,
        }
    }

    /// Returns a fake of an empty database.
    pub fn empty() -> Self {
        let gauge = StorageGauge::default();
        Self::new(Ok(StorageReport {
            gauge,
            level: gauge.level(),
            space: SpaceUse::default(),
            is_stuck: false,
            retention_refusal: None,
            tables: Vec::new(),
            days: Vec::new(),
            growth_bytes_per_day: None,
            days_left: None,
            sampled_spans: 0,
            by_operation: Vec::new(),
            by_attribute: Vec::new(),
        }))
    }

    /// Returns it in the form that pages use.
    pub fn shared(self) -> Arc<dyn RetentionAdmin> {
        Arc::new(self)
    }

    fn with_pins<T>(&self, change: impl FnOnce(&mut Vec<Pin>) -> T) -> T {
        change(&mut self.pins.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RetentionAdmin for FakeRetentionAdmin {
    fn pin(
        &self,
        trace_id: TraceId,
        note: String,
    ) -> BoxFuture<'_, Result<Option<Pin>, ReadError>> {
        let pin = Pin {
            trace_id,
            note,
            pinned_at: NOW,
        };
        self.with_pins(|pins| {
            pins.retain(|pin| pin.trace_id != trace_id);
            pins.push(pin.clone());
        });
        Box::pin(async { Ok(Some(pin)) })
    }

    fn unpin(&self, trace_id: TraceId) -> BoxFuture<'_, Result<bool, ReadError>> {
        let unpinned = self.with_pins(|pins| {
            let before = pins.len();
            pins.retain(|pin| pin.trace_id != trace_id);
            pins.len() < before
        });
        Box::pin(async move { Ok(unpinned) })
    }

    fn pin_of(&self, trace_id: TraceId) -> BoxFuture<'_, Result<Option<Pin>, ReadError>> {
        let pin = self.with_pins(|pins| pins.iter().find(|pin| pin.trace_id == trace_id).cloned());
        Box::pin(async { Ok(pin) })
    }

    fn list_pins(&self) -> BoxFuture<'_, Result<Vec<Pin>, ReadError>> {
        let pins = self.with_pins(|pins| pins.clone());
        Box::pin(async { Ok(pins) })
    }

    fn clean_up(&self, request: CleanUp) -> BoxFuture<'_, Result<RetentionReport, ReadError>> {
        Box::pin(async move {
            Ok(RetentionReport {
                is_dry_run: request.is_dry_run,
                ..RetentionReport::default()
            })
        })
    }

    fn storage(&self) -> BoxFuture<'_, Result<StorageReport, ReadError>> {
        let storage = self.storage.clone();
        Box::pin(async { storage })
    }
}
