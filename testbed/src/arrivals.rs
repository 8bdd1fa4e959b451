//! Poisson arrivals with a rate that changes over time.
//!
//! With `Lambda(t)` the integral of the rate from 0 to `t`, and `E_1, E_2, ...` independent exponentials of mean one,
//! the `k`-th arrival of a Poisson process of that rate is at `Lambda^-1(E_1 + ... + E_k)` (L. Devroye, *Non-Uniform
//! Random Variate Generation*, 1986, chapter VI.1.3). On a piece where the rate goes linearly from `a` to `b` in `d`
//! seconds, `Lambda(u) = a u + (b - a) u^2 / (2 d)`, whose inverse in a form without cancellation is
//! `u = 2 y / (a + sqrt(a^2 + 2 y (b - a) / d))`.

use chacha20::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

/// A stretch of time in which the rate is constant or changes linearly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// How long it lasts, in seconds.
    pub duration: f64,
    /// Rate at its start, in requests per second.
    pub from: f64,
    /// Rate at its end, in requests per second.
    pub to: f64,
}

impl Piece {
    /// `rate` requests per second for `duration` seconds.
    #[must_use]
    pub fn constant(rate: f64, duration: f64) -> Self {
        Self { duration, from: rate, to: rate }
    }

    /// From one rate to another within `duration` seconds.
    #[must_use]
    pub fn ramp(from: f64, to: f64, duration: f64) -> Self {
        Self { duration, from, to }
    }

    /// Expected number of arrivals.
    fn mass(&self) -> f64 {
        0.5 * (self.from + self.to) * self.duration
    }

    /// Time after the start of the piece at which `mass` arrivals are expected, in seconds.
    fn inverse(&self, mass: f64) -> f64 {
        let slope = (self.to - self.from) / self.duration;
        let root = (self.from * self.from + 2.0 * slope * mass).max(0.0).sqrt();
        2.0 * mass / (self.from + root)
    }
}

/// How long all the pieces last, in seconds.
#[must_use]
pub fn total(profile: &[Piece]) -> f64 {
    profile.iter().map(|piece| piece.duration).sum()
}

/// Times of arrivals, in seconds since the start; ends where the profile ends.
#[derive(Debug)]
pub struct Arrivals {
    profile: Vec<Piece>,
    piece: usize,
    start: f64,
    mass: f64,
    random: ChaCha8Rng,
}

impl Arrivals {
    /// Arrivals of a profile, drawn from `random`.
    #[must_use]
    pub fn new(profile: Vec<Piece>, random: ChaCha8Rng) -> Self {
        Self { profile, piece: 0, start: 0.0, mass: 0.0, random }
    }
}

impl Iterator for Arrivals {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let step: f64 = Exp1.sample(&mut self.random);
        self.mass += step;
        loop {
            let piece = self.profile.get(self.piece)?;
            let all = piece.mass();
            if self.mass <= all {
                return Some(self.start + piece.inverse(self.mass));
            }
            self.mass -= all;
            self.start += piece.duration;
            self.piece += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn times(profile: &[Piece], seed: u64) -> Vec<f64> {
        Arrivals::new(profile.to_vec(), ChaCha8Rng::seed_from_u64(seed)).collect()
    }

    #[test]
    fn counts_have_the_mean_and_variance_of_a_poisson_variable() {
        let counts: Vec<f64> = (0..2000).map(|seed| times(&[Piece::constant(50.0, 2.0)], seed).len() as f64).collect();
        let mean = counts.iter().sum::<f64>() / 2000.0;
        let variance = counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 1999.0;
        // Both are 100; standard errors 0.22 and 3.2.
        assert!((mean - 100.0).abs() < 1.0, "{mean}");
        assert!((variance - 100.0).abs() < 14.0, "{variance}");
    }

    #[test]
    fn gaps_are_exponential() {
        let times = times(&[Piece::constant(100.0, 200.0)], 7);
        let mut gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        // Kolmogorov's distance to 1 - exp(-100 x), with its 0.1 % point.
        let distance = gaps
            .iter()
            .enumerate()
            .map(|(i, gap)| ((i as f64 + 0.5) / n - (1.0 - (-100.0 * gap).exp())).abs())
            .fold(0.0, f64::max);
        assert!(distance < 1.95 / n.sqrt(), "{distance}");
    }

    #[test]
    fn a_ramp_has_a_quarter_of_its_arrivals_in_its_first_half() {
        let times = times(&[Piece::ramp(0.0, 200.0, 100.0)], 3);
        let early = times.iter().filter(|t| **t < 50.0).count() as f64;
        // 10 000 arrivals in all, of which 2 500 early with a standard deviation of 50.
        assert!((times.len() as f64 - 10_000.0).abs() < 400.0, "{}", times.len());
        assert!((early - 2500.0).abs() < 200.0, "{early}");
    }

    #[test]
    fn the_inverse_undoes_the_integral_up_and_down() {
        for piece in [Piece::ramp(10.0, 90.0, 4.0), Piece::ramp(90.0, 0.0, 4.0), Piece::constant(30.0, 4.0)] {
            for u in [0.5, 1.7, 3.9] {
                let mass = piece.from * u + (piece.to - piece.from) * u * u / (2.0 * piece.duration);
                assert!((piece.inverse(mass) - u).abs() < 1e-9, "{piece:?} at {u}");
            }
        }
    }

    #[test]
    fn a_piece_without_load_is_passed_over() {
        let times = times(&[Piece::constant(0.0, 5.0), Piece::constant(100.0, 1.0)], 1);
        assert!(!times.is_empty());
        assert!(times.iter().all(|t| (5.0..=6.0).contains(t)));
    }
}
