//! Runs a check over its corpus and a fixed number of seeded mutations, on any compiler.

use std::fs;
use std::path::Path;

/// The number of mutations of each seed.
const MUTATIONS: u64 = 400;
/// The maximum length of an input that is mutated, in bytes.
const INPUT_BYTES: usize = 4_096;

/// Calls `check` with every seed of `corpus/<target>` and with [`MUTATIONS`] small mutations of
/// each seed.
pub fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("fuzz/corpus").join(target))
        .find(|folder| folder.is_dir())
        .expect("the corpus");
    let mut seeds: Vec<Vec<u8>> = fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| fs::read(entry.expect("an entry").path()).expect("a seed"))
        .collect();
    assert!(!seeds.is_empty(), "{target} has seeds");
    // Sorted, because the order must not depend on the file system.
    seeds.sort();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for at in 0..seeds.len() {
        check(&seeds[at]);
        if seeds[at].len() > INPUT_BYTES {
            continue;
        }
        for _ in 0..MUTATIONS {
            let mut input = seeds[at].clone();
            for _ in 0..=random.below(3) {
                let other = random.below(seeds.len() as u64) as usize;
                mutate(&mut input, &seeds[other], &mut random);
            }
            check(&input);
        }
    }
}

/// Bytes that have a special meaning for parsers.
const SYMBOLS: &[u8] = b"\"\\{}[],:-+.eE0159nulltrue \n\0\x7f\x80\xff\xed\xa0";

fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(input.len() as u64 + 1) as usize;
    match random.below(6) {
        0 => input.truncate(at),
        1 => input.insert(at, SYMBOLS[random.below(SYMBOLS.len() as u64) as usize]),
        2 if at < input.len() => input[at] = SYMBOLS[random.below(SYMBOLS.len() as u64) as usize],
        3 if at < input.len() => input[at] ^= 1 << random.below(8),
        4 if at < input.len() => {
            let end = (at + 1 + random.below(16) as usize).min(input.len());
            input.drain(at..end);
        }
        // Inserts a piece of another seed.
        _ if !other.is_empty() => {
            let from = random.below(other.len() as u64) as usize;
            let to = (from + 1 + random.below(64) as usize).min(other.len());
            input.splice(at..at, other[from..to].iter().copied());
        }
        _ => {}
    }
}

/// An xorshift generator, with the same numbers on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound.max(1)
    }
}
