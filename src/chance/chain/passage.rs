//! When, and whether, a chain gets somewhere: first-passage times, committors.
//!
//! ```text
//! (-Q m)_i = 1   outside the target, m = 0 inside:    mean time to the target
//! (-Q s)_i = 2 m_i                                    second moment of that time
//! (-Q v)_i = Σ_j q_ij (m_j - m_i)²                    variance of that time
//! (-Q h)_i = Σ_{j in B} q_ij  outside A and B:        probability of B before A
//! ```

use super::Chain;
use super::classes::reaching;
use super::error::ChainError;
use super::factors::Factors;

/// Times to a set from everywhere.
#[derive(Debug)]
pub struct Passage {
    /// Mean time by starting state, in seconds: zero inside the set, infinite where it may never come.
    pub mean: Vec<f64>,
    /// The factors of the states outside, for more questions about the same set.
    pub factors: Factors,
}

impl Chain {
    /// Mean first-passage times to a set. `allowed` is the memory for the factors, in bytes.
    ///
    /// # Errors
    /// [`ChainError::EmptySet`], or as [`Factors::new`].
    pub fn passage(&self, target: &[bool], allowed: u64) -> Result<Passage, ChainError> {
        if !target.contains(&true) {
            return Err(ChainError::EmptySet);
        }
        // States that may end up where the target is out of reach have no mean.
        let lost = if self.classes.count == 1 {
            vec![false; target.len()]
        } else {
            let never: Vec<bool> =
                reaching(&self.backward, target, &vec![false; target.len()]).into_iter().map(|r| !r).collect();
            reaching(&self.backward, &never, target)
        };
        let factors = self.factors(|i| !target[i] && !lost[i], false, allowed)?;
        let inside = |i: usize| if target[i] { 0.0 } else { 1.0 };
        let mut mean: Vec<f64> = (0..target.len()).map(|i| if lost[i] { f64::INFINITY } else { inside(i) }).collect();
        factors.solve(&mut mean);
        let fits = |(m, &lost): (&f64, &bool)| lost || m.is_finite();
        if !mean.iter().zip(&lost).all(fits) {
            return Err(ChainError::Range);
        }
        Ok(Passage { mean, factors })
    }

    /// Standard deviation of a first-passage time by starting state, in seconds; infinite where the mean is.
    ///
    /// Of two ways to the variance each is exact where the other is not: the second moment less the square of the mean
    /// when the spread is of the order of the mean, as for rare events; the squared steps of the mean when it is small.
    #[must_use]
    pub fn deviation(&self, passage: &Passage) -> Vec<f64> {
        let mean = &passage.mean;
        // Squares are taken in units of the longest time, so that they do not overflow.
        let unit = mean.iter().copied().filter(|m| m.is_finite()).fold(f64::MIN_POSITIVE, f64::max);
        let mut second: Vec<f64> = mean.iter().map(|m| 2.0 * (m / unit)).collect();
        passage.factors.solve(&mut second);
        let step = |i: usize, j: usize| ((mean[j] - mean[i]) / unit).powi(2);
        let noise = |i: usize| self.forward.row(i).map(|(j, rate)| rate * step(i, j)).sum();
        let finite = |i: usize| mean[i] > 0.0 && mean[i].is_finite();
        let mut variance: Vec<f64> = (0..mean.len()).map(|i| if finite(i) { noise(i) } else { mean[i] }).collect();
        passage.factors.solve(&mut variance);
        let deviation = |i: usize| {
            if !finite(i) {
                return mean[i];
            }
            // Both in units of the square of this mean.
            let square = mean[i] / unit;
            let large = second[i] / (mean[i] * square) - 1.0;
            mean[i] * (if large > 1e-2 { large } else { variance[i] / (square * square) }).sqrt()
        };
        (0..mean.len()).map(deviation).collect()
    }

    /// The committor: the probability, by starting state, of coming to `target` before `other`. One inside the target;
    /// zero inside the other set, and where neither is ever reached.
    ///
    /// # Errors
    /// [`ChainError::EmptySet`], or as [`Factors::new`].
    pub fn committor(&self, other: &[bool], target: &[bool], allowed: u64) -> Result<Vec<f64>, ChainError> {
        if !target.contains(&true) {
            return Err(ChainError::EmptySet);
        }
        let n = target.len();
        let none = vec![false; n];
        let either: Vec<bool> = (0..n).map(|i| target[i] || other[i]).collect();
        // What cannot leave would make the equations singular; it counts as the other set.
        let end = reaching(&self.backward, &either, &none);
        let factors = self.factors(|i| !either[i] && end[i], false, allowed)?;
        let into = |i: usize| match (target[i], either[i]) {
            (true, _) => 1.0,
            (_, true) => 0.0,
            _ if !end[i] => 0.0,
            _ => self.forward.row(i).filter(|&(j, _)| target[j]).map(|(_, rate)| rate).sum(),
        };
        let mut probability: Vec<f64> = (0..n).map(into).collect();
        factors.solve(&mut probability);
        Ok(probability)
    }
}
