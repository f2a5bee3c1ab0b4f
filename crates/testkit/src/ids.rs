//! Generates ids that are the same in every run.

use throughline_wire::{SpanId, TraceId};

/// A generator of ids and small numbers (`SplitMix64`: Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Ids(u64);

impl Ids {
    /// Returns the generator for this seed.
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Returns a number from 0 to `bound`, exclusive.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound.max(1)
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
