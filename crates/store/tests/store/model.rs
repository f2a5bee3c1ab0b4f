//! Compares the store with a naive oracle after each random step: commits, retries, kills,
//! compactions, late errors, pins and retention runs on two servers.
//!
//! A failed test prints its seed and its steps. The steps depend only on the seed, except for the
//! instant of a kill.

mod batches;
mod checks;
mod dump;
mod evaluate;
mod oracle;
mod predicates;
mod retain;
mod search;
mod servers;
mod spans;
mod steps;
mod world;

use self::world::World;

/// The number of steps of a test.
const STEPS: usize = 10;

/// Runs the steps of a seed. Fingerprints have `fingerprint_bits` bits.
async fn run(seed: u64, fingerprint_bits: u32) {
    let mut world = World::new(seed, fingerprint_bits).await;
    steps::fill(&mut world).await;
    for _ in 0..STEPS {
        steps::random(&mut world).await;
        checks::after_a_step(&mut world).await;
    }
    checks::at_the_end(&mut world).await;
}

#[tokio::test]
async fn store_agrees_with_the_oracle_for_seed_1() {
    run(1, 16).await;
}

#[tokio::test]
async fn store_agrees_with_the_oracle_for_seed_2() {
    run(2, 16).await;
}

#[tokio::test]
async fn store_agrees_with_the_oracle_for_seed_3() {
    run(3, 16).await;
}

#[tokio::test]
async fn colliding_fingerprints_neither_lose_nor_duplicate_a_span() {
    run(4, 2).await;
}
