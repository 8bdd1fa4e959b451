//! Latin hypercube samples (McKay, Beckman & Conover 1979): of N points, every coordinate has one in each of N equal
//! intervals.
//!
//! Point i of coordinate d lies at `(π_d(i) + u) / N`. The permutation π_d is not stored but computed, so that a sample of any
//! size takes no memory and any row of it can be had alone: a Feistel network of four rounds on the smallest square of a power
//! of two that holds N, walked along its cycle until it falls below N (Black & Rogaway 2002).

use crate::random::stream;
use rand::Rng;

/// Rounds of a network.
const ROUNDS: usize = 4;

/// A sample.
#[derive(Debug, Clone)]
pub struct Latin {
    points: u64,
    /// Bits of each half.
    half: u32,
    keys: Vec<[u64; ROUNDS + 1]>,
}

impl Latin {
    /// A sample of so many points (at least 1) in so many dimensions, by the seed.
    #[must_use]
    pub fn new(points: u64, dimensions: usize, seed: u64) -> Self {
        let points = points.max(1);
        let bits = u64::BITS - (points - 1).leading_zeros();
        let keys = |d: usize| {
            let mut random = stream(seed, 1, d as u64);
            std::array::from_fn(|_| random.next_u64())
        };
        Self { points, half: bits.div_ceil(2).max(1), keys: (0..dimensions).map(keys).collect() }
    }

    /// Point `i`, every coordinate in [0, 1).
    #[must_use]
    pub fn point(&self, i: u64) -> Vec<f64> {
        let coordinate = |keys: &[u64; ROUNDS + 1]| {
            let mut place = i;
            loop {
                place = self.network(place, keys);
                if place < self.points {
                    break;
                }
            }
            let within = (mix(i ^ keys[ROUNDS]) >> 11) as f64 * (1.0 / (1_u64 << 53) as f64);
            ((place as f64 + within) / self.points as f64).min(1.0 - f64::EPSILON / 2.0)
        };
        self.keys.iter().map(coordinate).collect()
    }

    fn network(&self, x: u64, keys: &[u64; ROUNDS + 1]) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (x >> self.half, x & mask);
        for key in &keys[..ROUNDS] {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half | right
    }
}

/// A bijection of 64 bits that spreads every bit over all (the finaliser of SplitMix64; Steele, Lea & Flood 2014).
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interval_of_every_coordinate_has_one_point() {
        for n in [1, 2, 3, 10, 100, 1000, 4097] {
            let sample = Latin::new(n, 3, 5);
            for d in 0..3 {
                let mut seen = vec![false; n as usize];
                (0..n).for_each(|i| seen[(sample.point(i)[d] * n as f64) as usize] = true);
                assert!(seen.iter().all(|s| *s), "{n} {d}");
            }
        }
    }

    #[test]
    fn coordinates_are_not_correlated() {
        let (n, sample) = (2000, Latin::new(2000, 2, 9));
        let sum: f64 = (0..n).map(|i| sample.point(i)).map(|p| (p[0] - 0.5) * (p[1] - 0.5)).sum();
        // Twelve times the mean product is their correlation, of standard deviation 1/√n.
        assert!((12.0 * sum / n as f64).abs() < 4.0 / (n as f64).sqrt(), "{sum}");
    }
}
