//! Generates ids that are the same in every run.

use fastrand::Rng;
use throughline_wire::{SpanId, TraceId};

/// A generator of ids and small numbers.
#[derive(Debug, Clone)]
pub struct Ids(Rng);

impl Ids {
    /// Returns the generator for this seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Returns the next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// Returns a number from 0 to `bound`, exclusive.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.u64(..bound.max(1))
    }

    /// Returns a new trace id.
    pub fn trace_id(&mut self) -> TraceId {
        loop {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&self.next_u64().to_be_bytes());
            bytes[8..].copy_from_slice(&self.next_u64().to_be_bytes());
            if let Ok(id) = TraceId::from_bytes(bytes) {
                return id;
            }
        }
    }

    /// Returns a new span id.
    pub fn span_id(&mut self) -> SpanId {
        loop {
            if let Ok(id) = SpanId::from_bytes(self.next_u64().to_be_bytes()) {
                return id;
            }
        }
    }
}
