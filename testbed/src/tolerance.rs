//! The critical duration, from runs that tipped and runs that did not.
//!
//! Whether a run tips is random, and more likely the longer its trigger lasts. With `Phi` the normal distribution
//! function, the share that tips after a trigger of length `x` is taken as `Phi(ln(x / m) / s)`: a lognormal tolerance
//! (D. J. Finney, *Probit Analysis*, 1947). `m`, the length that tips half the runs, and `s`, the spread, get flat
//! priors in their logarithms on a grid; reported are the median of `m` and its 95 % interval under the posterior. This
//! needs no iteration and has an answer when no length tipped only some of its runs.

/// Runs with a trigger of one length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Length of the trigger, in seconds.
    pub length: f64,
    /// Runs.
    pub runs: u32,
    /// Those that tipped.
    pub tipped: u32,
}

impl Trial {
    /// Wilson's interval of 95 % for the share that tips (E. B. Wilson, J. Amer. Statist. Assoc. 22, 1927).
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        const Z: f64 = 1.959_963_984_540_054;
        let n = f64::from(self.runs.max(1));
        let share = f64::from(self.tipped) / n;
        let middle = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
        let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }
}

/// The length that tips half the runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Critical {
    /// Posterior median, in seconds.
    pub p50: f64,
    /// Lower end of its 95 % interval, in seconds.
    pub low: f64,
    /// Upper end, in seconds.
    pub high: f64,
    /// Posterior median of the spread `s`.
    pub spread: f64,
}

const LENGTHS: usize = 400;
const SPREADS: usize = 60;

/// The critical duration, searched between half the shortest and twice the longest length; `None` without runs.
#[must_use]
pub fn critical(trials: &[Trial]) -> Option<Critical> {
    let shortest = trials.iter().map(|t| t.length).fold(f64::INFINITY, f64::min);
    let longest = trials.iter().map(|t| t.length).fold(0.0, f64::max);
    if !(shortest > 0.0 && longest.is_finite() && longest >= shortest) {
        return None;
    }
    let (from, to) = ((0.5 * shortest).ln(), (2.0 * longest).ln());
    let (narrow, wide) = (0.02_f64.ln(), 1.0_f64.ln());
    let at = |low: f64, high: f64, i: usize, n: usize| low + (high - low) * (i as f64 + 0.5) / n as f64;

    let mut logs = vec![0.0; LENGTHS * SPREADS];
    for (cell, log) in logs.iter_mut().enumerate() {
        let m = at(from, to, cell / SPREADS, LENGTHS);
        let s = at(narrow, wide, cell % SPREADS, SPREADS).exp();
        *log = trials
            .iter()
            .map(|trial| {
                let z = (trial.length.ln() - m) / s / std::f64::consts::SQRT_2;
                let (tips, heals) = (0.5 * libm::erfc(-z), 0.5 * libm::erfc(z));
                f64::from(trial.tipped) * tips.max(1e-300).ln()
                    + f64::from(trial.runs - trial.tipped) * heals.max(1e-300).ln()
            })
            .sum();
    }
    let best = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut of_length = vec![0.0; LENGTHS];
    let mut of_spread = vec![0.0; SPREADS];
    for (cell, log) in logs.iter().enumerate() {
        let weight = (log - best).exp();
        if let (Some(l), Some(s)) = (of_length.get_mut(cell / SPREADS), of_spread.get_mut(cell % SPREADS)) {
            *l += weight;
            *s += weight;
        }
    }
    let length = |p: f64| (from + (to - from) * quantile(&of_length, p)).exp();
    Some(Critical {
        p50: length(0.5),
        low: length(0.025),
        high: length(0.975),
        spread: (narrow + (wide - narrow) * quantile(&of_spread, 0.5)).exp(),
    })
}

/// Where the share `p` of the weights is reached, from 0 to 1, with the weight of a cell spread evenly over it.
fn quantile(weights: &[f64], p: f64) -> f64 {
    let target = p * weights.iter().sum::<f64>();
    let mut below = 0.0;
    for (i, weight) in weights.iter().enumerate() {
        if below + weight >= target && *weight > 0.0 {
            return (i as f64 + (target - below) / weight) / weights.len() as f64;
        }
        below += weight;
    }
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    fn drawn(m: f64, s: f64, runs: u32, seed: u64) -> Vec<Trial> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        [0.12, 0.16, 0.2, 0.24, 0.28, 0.32]
            .map(|length: f64| {
                let share = 0.5 * libm::erfc(-(length / m).ln() / s / std::f64::consts::SQRT_2);
                let tipped = (0..runs).filter(|_| random.random::<f64>() < share).count() as u32;
                Trial { length, runs, tipped }
            })
            .to_vec()
    }

    #[test]
    fn the_interval_covers_the_true_length_about_19_times_in_20() {
        let covered = (0..200)
            .filter(|seed| {
                let found = critical(&drawn(0.21, 0.2, 12, *seed)).unwrap();
                (found.low..=found.high).contains(&0.21)
            })
            .count();
        // Binomial with 0.95: 190 +- 3.1.
        assert!((179..=199).contains(&covered), "{covered}");
    }

    #[test]
    fn many_runs_find_length_and_spread() {
        let found = critical(&drawn(0.21, 0.2, 4000, 1)).unwrap();
        assert!((found.p50 / 0.21 - 1.0).abs() < 0.01, "{found:?}");
        assert!((found.spread / 0.2 - 1.0).abs() < 0.08, "{found:?}");
    }

    #[test]
    fn all_or_nothing_gives_a_length_in_between() {
        let trial = |length, tipped| Trial { length, runs: 10, tipped };
        let found = critical(&[trial(0.1, 0), trial(0.2, 10)]).unwrap();
        assert!(found.low > 0.09 && found.high < 0.21 && found.p50 > 0.1 && found.p50 < 0.2, "{found:?}");
        assert_eq!(critical(&[]), None);
    }

    #[test]
    fn wilson_for_nothing_of_ten_is_0_to_28_percent() {
        let (low, high) = Trial { length: 1.0, runs: 10, tipped: 0 }.interval();
        assert!(low.abs() < 1e-12 && (high - 0.277_5).abs() < 1e-3, "{low} {high}");
    }
}
