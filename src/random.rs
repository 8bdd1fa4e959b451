//! Random streams. Every source of randomness has its own, named by (seed, replication, component), so that what one
//! source draws never depends on how often another has drawn, nor on the number of threads.
//!
//! The generator is ChaCha with 8 rounds (Bernstein 2008), which is counter-based: its output is a function of key,
//! stream and position. Key: seed and replication. Stream: component.

use chacha20::ChaCha8Rng;
use rand::SeedableRng;

/// The generator of all random numbers.
pub type Stream = ChaCha8Rng;

/// The stream of a component in a replication.
#[must_use]
pub fn stream(seed: u64, replication: u64, component: u64) -> Stream {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&replication.to_le_bytes());
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(component);
    generator
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_are_functions_of_their_names() {
        let first = |seed, replication, component| stream(seed, replication, component).next_u64();
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        let others = [first(1, 2, 3), first(2, 2, 3), first(1, 3, 3), first(1, 2, 4), first(2, 1, 3), first(3, 2, 1)];
        for (i, x) in others.iter().enumerate() {
            assert!(others[..i].iter().all(|y| x != y));
        }
    }
}
