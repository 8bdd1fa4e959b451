//! Sobol' sequences in base 2, of 64 bits, scrambled.
//!
//! ```text
//! x_i = (g_0 v_0 ⊕ g_1 v_1 ⊕ ...) / 2⁶⁴,     g = i ⊕ ⌊i/2⌋ (Gray code)
//! v_k = a_1 v_{k-1} ⊕ ... ⊕ a_{s-1} v_{k-s+1} ⊕ v_{k-s} ⊕ v_{k-s} 2^{-s}
//! ```
//!
//! I. M. Sobol' 1967; order of points after Antonov & Saleev 1979; primitive polynomials and initial direction numbers of
//! S. Joe & F. Y. Kuo, *Constructing Sobol sequences with better two-dimensional projections*, SIAM J. Sci. Comput. 30
//! (2008), their set D(6). Scrambling is random linear (J. Matoušek 1998): every direction number is multiplied by a random
//! lower triangular bit matrix with ones on its diagonal, and all points are shifted by random bits. It keeps every property
//! of the sequence as a net, and makes means over points unbiased.
//!
//! 64 bits: points stay distinct and equally spread past the 2³² at which implementations with 32-bit numbers repeat.

use crate::random::stream;
use rand::Rng;

/// Most dimensions.
pub const DIMENSIONS: usize = 16;

/// Degree, inner coefficients of the primitive polynomial, and initial direction numbers, from the second dimension on.
const TABLE: [(u32, u64, &[u64]); DIMENSIONS - 1] = [
    (1, 0, &[1]),
    (2, 1, &[1, 3]),
    (3, 1, &[1, 3, 1]),
    (3, 2, &[1, 1, 1]),
    (4, 1, &[1, 1, 3, 3]),
    (4, 4, &[1, 3, 5, 13]),
    (5, 2, &[1, 1, 5, 5, 17]),
    (5, 4, &[1, 1, 5, 5, 5]),
    (5, 7, &[1, 1, 7, 11, 19]),
    (5, 11, &[1, 1, 5, 1, 1]),
    (5, 13, &[1, 1, 1, 3, 11]),
    (5, 14, &[1, 3, 5, 5, 31]),
    (6, 1, &[1, 3, 3, 9, 7, 49]),
    (6, 13, &[1, 1, 1, 15, 21, 21]),
    (6, 16, &[1, 3, 1, 13, 27, 49]),
];

/// One coordinate of the sequence.
#[derive(Debug, Clone)]
struct Coordinate {
    directions: [u64; 64],
    shift: u64,
}

/// A scrambled sequence in some dimensions.
#[derive(Debug, Clone)]
pub struct Sobol {
    coordinates: Vec<Coordinate>,
}

impl Sobol {
    /// The sequence in `dimensions` dimensions (at most [`DIMENSIONS`]; `None` beyond), scrambled by the seed.
    #[must_use]
    pub fn scrambled(dimensions: usize, seed: u64) -> Option<Self> {
        let mut sequence = Self::plain(dimensions)?;
        for (dimension, coordinate) in sequence.coordinates.iter_mut().enumerate() {
            let mut random = stream(seed, 0, dimension as u64);
            // Row b of the matrix makes bit b of the result, the most significant first, from bits before it and itself.
            let rows: [u64; 64] = std::array::from_fn(|b| {
                let before = if b == 0 { 0 } else { u64::MAX << (64 - b) };
                (random.next_u64() & before) | (1 << (63 - b))
            });
            coordinate.shift = random.next_u64();
            for direction in &mut coordinate.directions {
                let bit = |b: usize| u64::from((rows[b] & *direction).count_ones() % 2) << (63 - b);
                *direction = (0..64).map(bit).fold(0, |all, bit| all | bit);
            }
        }
        Some(sequence)
    }

    /// The sequence without scrambling.
    #[must_use]
    pub fn plain(dimensions: usize) -> Option<Self> {
        if dimensions > DIMENSIONS {
            return None;
        }
        let coordinates = (0..dimensions).map(|d| Coordinate { directions: directions(d), shift: 0 }).collect();
        Some(Self { coordinates })
    }

    /// Point `i`, every coordinate in [0, 1).
    #[must_use]
    pub fn point(&self, i: u64) -> Vec<f64> {
        let gray = i ^ (i >> 1);
        let value = |c: &Coordinate| {
            let (mut bits, mut left) = (c.shift, gray);
            while left != 0 {
                bits ^= c.directions[left.trailing_zeros() as usize];
                left &= left - 1;
            }
            // The 53 bits that a number in [0, 1) can hold.
            (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
        };
        self.coordinates.iter().map(value).collect()
    }
}

fn directions(dimension: usize) -> [u64; 64] {
    if dimension == 0 {
        return std::array::from_fn(|k| 1 << (63 - k));
    }
    let (degree, inner, initial) = TABLE[dimension - 1];
    let s = degree as usize;
    let mut v = [0; 64];
    for k in 0..64 {
        v[k] = if k < s {
            initial[k] << (63 - k)
        } else {
            let mut next = v[k - s] ^ (v[k - s] >> s);
            for j in 1..s {
                if (inner >> (s - 1 - j)) & 1 == 1 {
                    next ^= v[k - j];
                }
            }
            next
        };
    }
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_points_are_those_of_the_literature() {
        let sequence = Sobol::plain(3).unwrap();
        let expected = [
            [0.0, 0.0, 0.0],
            [0.5, 0.5, 0.5],
            [0.75, 0.25, 0.25],
            [0.25, 0.75, 0.75],
            [0.375, 0.375, 0.625],
            [0.875, 0.875, 0.125],
            [0.625, 0.125, 0.875],
            [0.125, 0.625, 0.375],
        ];
        for (i, point) in expected.iter().enumerate() {
            assert_eq!(sequence.point(i as u64), point, "{i}");
        }
    }

    /// Each run of 2^k points puts one into every interval of length 2^-k of every coordinate, scrambled or not.
    #[test]
    fn every_coordinate_is_stratified() {
        for sequence in [Sobol::plain(DIMENSIONS).unwrap(), Sobol::scrambled(DIMENSIONS, 7).unwrap()] {
            for start in [0, 1024, 3 << 40] {
                for d in 0..DIMENSIONS {
                    let mut seen = [false; 1024];
                    for i in start..start + 1024 {
                        seen[(sequence.point(i)[d] * 1024.0) as usize] = true;
                    }
                    assert!(seen.iter().all(|s| *s), "coordinate {d} from {start}");
                }
            }
        }
    }

    /// The first two coordinates are a (0, m, 2)-net: one point in every box of area 2^-m, whatever its shape.
    #[test]
    fn the_first_two_coordinates_are_a_net() {
        let sequence = Sobol::scrambled(2, 3).unwrap();
        for across in 0..=8 {
            let (wide, high) = (1_usize << across, 1_usize << (8 - across));
            let mut count = vec![0; 256];
            for i in 256..512 {
                let p = sequence.point(i);
                count[(p[0] * wide as f64) as usize * high + (p[1] * high as f64) as usize] += 1;
            }
            assert!(count.iter().all(|c| *c == 1), "{wide} x {high}");
        }
    }

    #[test]
    fn polynomials_are_primitive() {
        for (degree, inner, initial) in TABLE {
            let polynomial = (1 << degree) | (inner << 1) | 1;
            let (mut power, mut order) = (2_u64, 1);
            let reduce = |x: u64| if x >> degree & 1 == 1 { x ^ polynomial } else { x };
            power = reduce(power);
            while power != 1 {
                power = reduce(power << 1);
                order += 1;
            }
            assert_eq!(order, (1_u64 << degree) - 1, "{degree} {inner}");
            assert!(initial.iter().enumerate().all(|(k, m)| m % 2 == 1 && *m < 2 << k), "{degree} {inner}");
        }
    }

    /// ∫ Π 3/2 √x_i = 1 in five dimensions: far closer than the 1/√N of independent points.
    #[test]
    fn means_converge_faster_than_at_random() {
        let sequence = Sobol::scrambled(5, 1).unwrap();
        let n = 1 << 14;
        let product = |i| -> f64 { sequence.point(i).iter().map(|x| 1.5 * x.sqrt()).product() };
        let mean = (0..n).map(product).sum::<f64>() / n as f64;
        assert!((mean - 1.0).abs() < 5e-4, "{mean}");
    }
}
