//! Random trace and span ids. Each thread has a generator seeded by the operating system, because a
//! system call per id would cost more than recording the span.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use throughline_wire::{ProcessId, SpanId, TraceId};

/// The generator `xoshiro256++` (Blackman and Vigna, 2019): fast, 256 bits of state. Ids must be
/// unique; they need not be unguessable.
#[derive(Clone, Copy)]
struct Generator([u64; 4]);

impl Generator {
    fn seeded() -> Self {
        let mut bytes = [0; 32];
        if getrandom::fill(&mut bytes).is_err() {
            // The hasher keys of the standard library come from the same source and have a
            // fallback.
            for (at, chunk) in bytes.chunks_exact_mut(8).enumerate() {
                chunk.copy_from_slice(&RandomState::new().hash_one(at).to_ne_bytes());
            }
        }
        let mut state = [0; 4];
        for (word, chunk) in state.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = chunk
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        // The generator never leaves the state of all zeros, so it must not start there.
        state[0] |= u64::from(state == [0; 4]);
        Self(state)
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }
}

thread_local! {
    static GENERATOR: Cell<Option<Generator>> = const { Cell::new(None) };
}

/// Returns 64 random bits.
pub(crate) fn random() -> u64 {
    GENERATOR
        .try_with(|cell| {
            let mut generator = cell.get().unwrap_or_else(Generator::seeded);
            let word = generator.next();
            cell.set(Some(generator));
            word
        })
        // A span that starts while its thread ends uses a new seed; this is rare.
        .unwrap_or_else(|_| Generator::seeded().next())
}

/// Returns a new span id, never zero.
pub(crate) fn span_id() -> SpanId {
    loop {
        if let Ok(id) = SpanId::from_bytes(random().to_be_bytes()) {
            return id;
        }
    }
}

/// Returns a new process id, never zero.
pub(crate) fn process_id() -> ProcessId {
    loop {
        if let Ok(id) = ProcessId::from_bytes(random().to_be_bytes()) {
            return id;
        }
    }
}

/// Returns a new trace id, never zero, with all bits random (W3C Trace Context level 2, random
/// flag).
pub(crate) fn trace_id() -> TraceId {
    loop {
        let bits = u128::from(random()) << 64 | u128::from(random());
        if let Ok(id) = TraceId::from_bytes(bits.to_be_bytes()) {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn threads_generate_different_ids() {
        let threads: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(|| (0..2_000).map(|_| span_id()).collect::<Vec<_>>()))
            .collect();
        let ids: HashSet<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("ends"))
            .collect();
        assert_eq!(ids.len(), 16_000);
    }

    #[test]
    fn the_generator_gives_the_published_sequence() {
        // The first outputs of the reference implementation for the state 1, 2, 3, 4.
        let mut generator = Generator([1, 2, 3, 4]);
        let words: Vec<_> = (0..3).map(|_| generator.next()).collect();
        assert_eq!(words, [41_943_041, 58_720_359, 3_588_806_011_781_223]);
    }
}
