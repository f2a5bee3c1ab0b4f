//! Generates ids from a pool of random bytes.

use std::fmt::Write as _;

use throughline_wire::{ProcessId, SpanId, TraceId};

/// The size of the pool, in bytes: enough for 64 span ids.
const POOL_BYTES: usize = 512;

/// A pool of random bytes. One call to the browser's generator serves many ids.
pub(crate) struct IdPool<F> {
    refill: F,
    bytes: [u8; POOL_BYTES],
    used: usize,
}

impl<F: FnMut(&mut [u8])> IdPool<F> {
    /// Creates an empty pool that `refill` fills.
    pub(crate) const fn new(refill: F) -> Self {
        Self {
            refill,
            bytes: [0; POOL_BYTES],
            used: POOL_BYTES,
        }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.used + N > POOL_BYTES {
            (self.refill)(&mut self.bytes);
            self.used = 0;
        }
        let mut taken = [0; N];
        taken.copy_from_slice(&self.bytes[self.used..self.used + N]);
        // Clear the used bytes, so that no id can be returned twice.
        self.bytes[self.used..self.used + N].fill(0);
        self.used += N;
        taken
    }

    /// Returns a new trace id. `None` if the generator returns only zeros.
    pub(crate) fn trace_id(&mut self) -> Option<TraceId> {
        (0..4).find_map(|_| TraceId::from_bytes(self.take()).ok())
    }

    /// Returns a new span id. `None` if the generator returns only zeros.
    pub(crate) fn span_id(&mut self) -> Option<SpanId> {
        (0..4).find_map(|_| SpanId::from_bytes(self.take()).ok())
    }

    /// Returns a new process id. `None` if the generator returns only zeros.
    pub(crate) fn process_id(&mut self) -> Option<ProcessId> {
        (0..4).find_map(|_| ProcessId::from_bytes(self.take()).ok())
    }

    /// Returns a new random (version 4) UUID as text.
    pub(crate) fn uuid(&mut self) -> String {
        let mut bytes: [u8; 16] = self.take();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = String::with_capacity(36);
        for (at, byte) in bytes.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_the_bytes_of_the_generator_without_repetition() {
        let mut next = 0_u8;
        let mut pool = IdPool::new(|bytes: &mut [u8]| {
            next += 1;
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = (at / 8) as u8 ^ next.wrapping_mul(0x40) ^ at as u8;
            }
            bytes[0] = next;
        });
        let ids: HashSet<_> = (0..100).filter_map(|_| pool.span_id()).collect();
        assert_eq!(ids.len(), 100);
        assert!(next == 2, "one refill a pool, not one an id");
    }

    #[test]
    fn a_failed_generator_gives_no_id() {
        let mut pool = IdPool::new(|bytes: &mut [u8]| bytes.fill(0));
        assert_eq!(pool.trace_id(), None);
        assert_eq!(pool.span_id(), None);
        assert_eq!(pool.process_id(), None);
    }

    #[test]
    fn a_zero_id_is_skipped() {
        let mut pool = IdPool::new(|bytes: &mut [u8]| {
            bytes.fill(7);
            bytes[..8].fill(0);
        });
        assert_eq!(pool.span_id().map(SpanId::to_bytes), Some([7; 8]));
    }

    #[test]
    fn a_uuid_has_its_version_and_variant_bits() {
        let mut pool = IdPool::new(|bytes: &mut [u8]| bytes.fill(0xff));
        assert_eq!(pool.uuid(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
