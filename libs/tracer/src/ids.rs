//! Random trace and span ids. Each thread has generators seeded by the operating system, because a
//! system call per id would cost more than recording the span.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use fastrand::Rng;
use throughline_wire::{ProcessId, SpanId, TraceId};

/// The generators of a thread. Ids must be unique; they need not be unguessable.
///
/// Both are seeded by the operating system (`getrandom`). A generator has 64 bits of state, so two
/// of many threads could come upon the same sequence. A trace id has a half of each generator, so
/// its threads would have to agree in 128 bits.
struct Generators {
    trace: Rng,
    /// Also makes the span ids, which must be unique in their trace only.
    span: Rng,
}

impl Generators {
    fn seeded() -> Self {
        let mut bytes = [0; 16];
        if getrandom::fill(&mut bytes).is_err() {
            // The hasher keys of the standard library come from the same source and have a
            // fallback.
            for (at, chunk) in bytes.chunks_exact_mut(8).enumerate() {
                chunk.copy_from_slice(&RandomState::new().hash_one(at).to_ne_bytes());
            }
        }
        let seeds = u128::from_ne_bytes(bytes);
        Self {
            trace: Rng::with_seed((seeds >> 64) as u64),
            span: Rng::with_seed(seeds as u64),
        }
    }
}

thread_local! {
    static GENERATORS: Cell<Option<Generators>> = const { Cell::new(None) };
}

/// Calls `make` with the generators of this thread.
fn generate<T>(make: impl Fn(&mut Generators) -> T) -> T {
    GENERATORS
        .try_with(|cell| {
            let mut generators = cell.take().unwrap_or_else(Generators::seeded);
            let made = make(&mut generators);
            cell.set(Some(generators));
            made
        })
        // A span that starts while its thread ends uses new seeds; this is rare.
        .unwrap_or_else(|_| make(&mut Generators::seeded()))
}

/// Returns 64 random bits.
pub(crate) fn random() -> u64 {
    generate(|generators| generators.span.u64(..))
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
        let [high, low] =
            generate(|generators| [generators.trace.u64(..), generators.span.u64(..)]);
        let bits = u128::from(high) << 64 | u128::from(low);
        if let Ok(id) = TraceId::from_bytes(bits.to_be_bytes()) {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Calls `make` 2,000 times in each of eight threads, and expects a new id each time.
    fn assert_distinct<T: Eq + std::hash::Hash + Send>(make: fn() -> T) {
        let ids: HashSet<T> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..2_000).map(|_| make()).collect::<Vec<T>>()))
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().expect("ends"))
                .collect()
        });
        assert_eq!(ids.len(), 16_000);
    }

    #[test]
    fn threads_do_not_repeat_each_others_ids() {
        assert_distinct(span_id);
        assert_distinct(trace_id);
        // Each half of a trace id is random (W3C Trace Context level 2).
        assert_distinct(|| trace_id().to_bytes()[..8].to_vec());
        assert_distinct(|| trace_id().to_bytes()[8..].to_vec());
    }

    #[test]
    fn the_halves_of_a_trace_id_have_seeds_of_their_own() {
        let mut generators = Generators::seeded();
        assert_ne!(generators.trace.u64(..), generators.span.u64(..));
        assert_ne!(
            generators.trace.get_seed(),
            Generators::seeded().trace.get_seed()
        );
    }
}
