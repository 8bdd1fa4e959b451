//! Several starts: a low-discrepancy sample of the box, the best of which are followed.
//!
//! Point `i` of the sample has coordinates `frac(φ_b(i) + shift_j)` with φ_b the radical inverse in the j-th prime base
//! (Halton 1960) and shifts drawn from the seed (Cranley & Patterson 1976): the same seed gives the same points for any
//! number of threads. A parameter without both bounds, or with bounds many powers of ten apart, is sampled around its starting
//! value.

use super::levenberg::{Descent, Settings, Watch, descend};
use super::objective::{Objective, Point};
use super::problem::{Problem, Scale};
use nalgebra::DVector;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

const PRIMES: [u32; 20] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71];

/// How many starts, and where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Starts {
    /// Points of the sample at which the objective is computed; 0 for the given start alone.
    pub sampled: usize,
    /// How many of the best of them are followed, besides the given start.
    pub followed: usize,
    /// Half-width of the sample in natural units (factors of e, multiples of the start) where there are no bounds.
    pub spread: f64,
    /// Seed of the sample.
    pub seed: u64,
}

impl Default for Starts {
    fn default() -> Self {
        Self { sampled: 0, followed: 4, spread: 2.0, seed: 1 }
    }
}

/// What came of the starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartReport {
    /// Searches made.
    pub searches: usize,
    /// Searches that ended at the best optimum, to within 0.1 % of the objective.
    pub agreeing: usize,
}

fn radical_inverse(mut index: usize, base: u32) -> f64 {
    let (base, mut digit, mut sum) = (base as usize, 1.0 / f64::from(base), 0.0);
    while index > 0 {
        sum += (index % base) as f64 * digit;
        index /= base;
        digit /= base as f64;
    }
    sum
}

fn sample<P: Problem>(objective: &Objective<'_, P>, starts: &Starts) -> Vec<DVector<f64>> {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&starts.seed.to_le_bytes());
    let mut random = chacha20::ChaCha8Rng::from_seed(key);
    let shifts: Vec<f64> = objective.parameters.iter().map(|_| random.random()).collect();
    let coordinate = |i: usize, j: usize| {
        let q = &objective.parameters[j];
        let (lower, upper) = (objective.lower[j], objective.upper[j]);
        let start = q.coordinate(q.start);
        let reach = starts.spread * if q.scale == Scale::Log { 1.0 } else { q.unit() };
        // Bounds over many powers of ten are there to end a profile, not to say where the optimum is.
        let told = lower.is_finite() && upper.is_finite() && (q.scale == Scale::Linear || upper - lower <= 8.0 * reach);
        let (from, to) = if told { (lower, upper) } else { ((start - reach).max(lower), (start + reach).min(upper)) };
        from + (to - from) * (radical_inverse(i + 1, PRIMES[j % PRIMES.len()]) + shifts[j]).fract()
    };
    let dim = objective.parameters.len();
    (0..starts.sampled).map(|i| DVector::from_fn(dim, |j, _| coordinate(i, j))).collect()
}

/// Searches from the given start and from the best of the sample; the best end and a report. Nothing if no start has
/// finite residuals.
pub(super) fn search<P: Problem>(
    objective: &Objective<'_, P>,
    given: Option<Point>,
    starts: &Starts,
    settings: &Settings,
    watch: &Watch<'_>,
) -> Option<(Descent, StartReport)> {
    let sampled: Vec<Option<Point>> =
        sample(objective, starts).into_par_iter().map(|u| objective.point(u).ok()).collect();
    let mut sampled: Vec<Point> = sampled.into_iter().flatten().collect();
    sampled.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    sampled.truncate(starts.followed);
    let first: Vec<Point> = given.into_iter().chain(sampled).collect();
    let ends: Vec<Option<Descent>> =
        first.into_par_iter().map(|point| descend(objective, point, None, settings, watch).ok()).collect();
    let ends: Vec<Descent> = ends.into_iter().flatten().collect();
    let searches = ends.len();
    let least = ends.iter().map(|e| e.point.cost).fold(f64::INFINITY, f64::min);
    let agreeing = ends.iter().filter(|e| e.point.cost <= least * 1.001).count();
    // The lowest; an optimum goes before a search that was cut short at the same height.
    let best = ends.into_iter().reduce(|a, b| {
        let same = (a.point.cost - b.point.cost).abs() <= 1e-9 * a.point.cost;
        let better = if same { b.status.converged() && !a.status.converged() } else { b.point.cost < a.point.cost };
        if better { b } else { a }
    })?;
    Some((best, StartReport { searches, agreeing }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radical_inverses_of_the_definition() {
        let base2: Vec<f64> = (1..5).map(|i| radical_inverse(i, 2)).collect();
        assert_eq!(base2, [0.5, 0.25, 0.75, 0.125]);
        assert!((radical_inverse(5, 3) - (2.0 / 3.0 + 1.0 / 9.0)).abs() < 1e-15);
    }
}
